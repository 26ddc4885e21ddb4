"""How Zoho is reached; `Sender`, which does it, is loaded with the first request."""

import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

import certifi

from exporter.errors import PassingError
from exporter.files import refused
from exporter.redactor import Redactor
from exporter.zoho.wire import Answer, SealedAnswer

if TYPE_CHECKING:
    from exporter.zoho.sender import Sender


class UnsentError(PassingError):
    """The request never reached Zoho, so it can't have cost a credit."""


class StaleConnectionError(PassingError):
    """A connection that was used before broke before a byte of the answer came, which may have cost a credit."""


@dataclass(frozen=True, slots=True)
class TransportOptions:
    """How to reach Zoho. Time-outs in seconds.

    `timeout_seconds` is for a whole call, `connect_timeout_seconds` for each address of a host within it. `pool_size`
    is how many calls there are at once.
    """

    timeout_seconds: float
    connect_timeout_seconds: float
    pool_size: int
    proxies: Mapping[str, str] = field(default_factory=dict)
    user_agent: str = "zoho-mass-update-exporter"


class TlsSocket(ssl.SSLSocket):
    """A TLS socket that keeps a limit itself: a second TLS, within the first one, reads it without asking us."""

    left: Callable[[], float] | None = None

    def recv(self, buflen: int = 1024, flags: int = 0) -> bytes:
        """Receive within the limit, or what is there already where nothing is waited for."""
        if self.left and self.gettimeout():
            self.settimeout(self.left())
        return super().recv(buflen, flags)


def tls_context(ca_bundle: Path | None) -> ssl.SSLContext:
    """Build the context that verifies Zoho by a file or a directory of CA certificates, or those of `requests`.

    Once for all accounts: it takes 30 ms.

    Raises:
        ConfigurationError: they can't be read.
    """
    bundle = ca_bundle or Path(certifi.where())
    try:
        folder, file = (str(bundle), None) if bundle.is_dir() else (None, str(bundle))
        context = ssl.create_default_context(capath=folder, cafile=file)
    except OSError as error:
        message = f"{bundle} can't be used as CA certificates: {error.strerror or error}; expected PEM files"
        raise refused("ca_bundle", message) from error
    context.sslsocket_class = TlsSocket
    return context


class Transport:
    """Sends one account's requests. Thread-safe.

    It names the secrets that it sends to `redactor`, and gives no answer and no error that has one of them.
    `clock` gives Unix seconds, `stopwatch` seconds that never go backwards.
    """

    def __init__(
        self,
        options: TransportOptions,
        context: ssl.SSLContext,
        redactor: Redactor,
        *,
        clock: Callable[[], float] = time.time,
        stopwatch: Callable[[], float] = time.monotonic,
    ) -> None:
        self.timeout_seconds = options.timeout_seconds
        """How long a whole call may take."""
        self._made_of = (options, context, redactor, clock, stopwatch)
        self._lock = Lock()
        self._sender: Sender | None = None

    def get(
        self,
        url: str,
        params: Mapping[str, str],
        headers: Mapping[str, str],
        *,
        deadline: float,
        fresh: bool = False,
    ) -> Answer:
        """Fetch `url` before `deadline` (on the stopwatch), on a connection of its own where `fresh`.

        Raises:
            UnsentError: nothing was sent.
            StaleConnectionError: never where `fresh`.
            PassingError: no whole answer came: `timeout`, `connection`, `tls` or `invalid_response`.
        """
        return self._loaded().get(url, params, headers, deadline=deadline, fresh=fresh)

    def post_form(self, url: str, fields: Mapping[str, str], *, deadline: float) -> SealedAnswer:
        """Post form fields, in the body, where proxies and access logs don't see them, on a connection of its own.

        Raises:
            PassingError: as `get`.
        """
        return self._loaded().post_form(url, fields, deadline=deadline)

    def post_json(
        self, url: str, content: Mapping[str, object], headers: Mapping[str, str], *, deadline: float
    ) -> Answer:
        """Post JSON once, on a connection of its own: where no answer came, nobody knows whether it was carried out.

        Raises:
            UnsentError: nothing was sent.
            PassingError: as `get`.
        """
        return self._loaded().post_json(url, content, headers, deadline=deadline)

    def rest(self) -> None:
        """Close idle connections, and those in flight once they have their answer: a refresh is over."""
        if self._sender:
            self._sender.rest()

    close = rest

    def _loaded(self) -> "Sender":
        with self._lock:
            if self._sender is None:
                from exporter.zoho.sender import Sender  # noqa: PLC0415 - `requests` takes a sixth of a start

                self._sender = Sender(*self._made_of)
            return self._sender
