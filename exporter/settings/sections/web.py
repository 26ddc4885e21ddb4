"""What may be written of where our own web server stands: its addresses, and what a proxy makes of them.

Source: exporter-toolkit and Prometheus, flags `--web.listen-address`, `--web.external-url` and `--web.route-prefix`.
"""

import re
from typing import NamedTuple

from exporter.settings.sections.values import ListenAddress, parse_listen_address, quote

_SEGMENTS = r"(?:/(?!\.\.?(?:/|$))[A-Za-z0-9_.~-]+)*"
_SERVER = r"(https?)://((?:[A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?)"
_URL = re.compile(rf"(?:{_SERVER})?({_SEGMENTS})/?", re.IGNORECASE)
_PREFIX = re.compile(rf"{_SEGMENTS}/?")


class ExternalUrl(NamedTuple):
    """Where the exporter is found from outside; of a path alone scheme and host are empty."""

    scheme: str
    host: str
    """With the port, where there is one."""
    path: str
    """Without a slash at its end."""

    def __str__(self) -> str:
        return f"{self.scheme}://{self.host}{self.path}" if self.host else self.path or "/"


def joined_at_commas(value: object) -> object:
    """Give a list of texts as one text, as a variable holds it; anything else as it is."""
    return ",".join(map(str, value)) if isinstance(value, list) else value


def parse_listen_addresses(text: str) -> ListenAddress:
    """Read one address, or several with commas between them.

    Raises:
        ValueError: one of them is none, is there twice, or is one of those that another one stands for.
    """
    addresses = [parse_listen_address(part.strip()) for part in text.split(",")]
    for number, address in enumerate(addresses):
        for before in (one for one in addresses[:number] if one.port == address.port != 0):
            if before == address:
                raise ValueError(f"{quote(address)} is listed twice")
            if wide := next((one for one in (before, address) if _is_any(one, before, address)), None):
                raise ValueError(f"{quote(before)} and {quote(address)} overlap: {quote(wide)} is every interface")
    first, *others = addresses
    return ListenAddress(first.host, first.port, tuple((other.host, other.port) for other in others))


def _is_any(one: ListenAddress, *both: ListenAddress) -> bool:
    """Whether an address is every interface, of the IP versions of both: an empty host is of either."""
    versions = {":" in other.host for other in both if other.host}
    return not one.host or (one.host in {"0.0.0.0", "::"} and len(versions) == 1)  # noqa: S104 - nothing listens


def parse_external_url(text: str) -> ExternalUrl:
    """Read a URL with or without a path, or a path alone."""
    match = _URL.fullmatch(text)
    if not match or not text:
        raise ValueError(f"{quote(text)} is not a URL such as https://example.com/zoho, or a path such as /zoho")
    scheme, host, path = match.groups()
    return ExternalUrl((scheme or "").lower(), (host or "").lower(), path)


def parse_route_prefix(text: str) -> str:
    """Read a path, with or without slashes around it, and give it with one at its beginning; empty for none."""
    prefix = f"/{text.strip('/')}".rstrip("/")
    if not _PREFIX.fullmatch(prefix):
        raise ValueError(f"{quote(text)} is not a path such as /zoho, or / for none (letters, digits, _ . ~ -)")
    return prefix
