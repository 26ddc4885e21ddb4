"""Who may come in to our own web server, and how it speaks TLS."""

import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class TlsServer:
    """How our own web server speaks TLS."""

    cert_file: Path | None = None
    key_file: Path | None = None
    client_ca_file: Path | None = None
    cert: str = ""
    """What stands in the file, in PEM, where there is none; so with the next two."""
    key: str = field(default="", repr=False)
    client_ca: str = ""
    client_certificates: ssl.VerifyMode = ssl.CERT_NONE
    client_allowed_sans: tuple[str, ...] = ()
    """Where there are some, a client's certificate must have one of these alternative names."""
    min_version: ssl.TLSVersion = ssl.TLSVersion.TLSv1_2
    max_version: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3
    ciphers: tuple[str, ...] = ()
    """OpenSSL's names for TLS 1.2, best first; none for OpenSSL's own choice."""
    prefers_own_ciphers: bool = True
    curve: str = ""
    """OpenSSL's name of the one curve to use; empty for OpenSSL's own choice."""

    @property
    def files(self) -> tuple[Path, ...]:
        """The files it is made of."""
        return tuple(file for file in (self.cert_file, self.key_file, self.client_ca_file) if file)


@dataclass(frozen=True, slots=True)
class WebAccess:
    """Who may come in to our own web server, and how it answers them."""

    tls: TlsServer | None = None
    users: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    """bcrypt hashes of the passwords, by user; where there are none, nobody is asked for one."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """Headers that an answer gets unless it has its own; one with an empty value is left out."""
    request_interval_seconds: float = 0.0
    """How long after one request there is room for another, all clients together; 0 for no limit."""
    request_burst: int = 0
    """How many may come at once, where there is a limit."""
