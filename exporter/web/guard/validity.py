"""Until when certificates are valid. Python's ssl says it of a peer's certificate and of authorities alone."""

import re
import ssl
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from typing import NamedTuple

from exporter.errors import Problem

_PEM = re.compile(r"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)
_TIME = rb"(?:\x17\x0d([0-9]{12})Z|\x18\x0f([0-9]{14})Z)"
_VALIDITY = re.compile(rb"\x30[\x1e\x20\x22]" + _TIME + _TIME)
"""A certificate's two times as DER writes them, year first. Source: RFC 5280, 4.1.2.5."""
_SOON_SECONDS = 7 * 86_400.0
_FIRST_OF_LAST_CENTURY = b"50"
"""The first of the years of two digits that are none of this century's."""


class Validity(NamedTuple):
    """When a certificate is valid, in Unix seconds, and where it stands."""

    place: str
    since: float
    until: float

    def doubts(self, now: float) -> Iterator[Problem]:
        """Warn of a certificate that is not valid now, or not for long."""
        if now < self.since:
            yield Problem(self.place, f"holds a certificate that is valid from {_written(self.since)} on only")
        elif now >= self.until:
            yield Problem(
                self.place, f"holds a certificate that has expired: it was valid until {_written(self.until)}"
            )
        elif self.until - now < _SOON_SECONDS:
            yield Problem(self.place, f"holds a certificate that expires soon, at {_written(self.until)}")


def validities(place: str, pem: str) -> Iterator[Validity]:
    """Give when each certificate is valid that OpenSSL has taken from a text."""
    for block in _PEM.findall(pem):
        with suppress(ValueError):
            if found := _VALIDITY.search(ssl.PEM_cert_to_DER_cert(block)):
                yield Validity(place, _seconds(found[1], found[2]), _seconds(found[3], found[4]))


def _seconds(short: bytes | None, long: bytes) -> float:
    digits = long if short is None else (b"19" if short >= _FIRST_OF_LAST_CENTURY else b"20") + short
    return datetime.strptime(f"{digits.decode()}+0000", "%Y%m%d%H%M%S%z").timestamp()


def _written(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M} UTC"
