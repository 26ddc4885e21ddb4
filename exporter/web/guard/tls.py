"""TLS as our web server speaks it: a context made from the files, and which clients' certificates it admits."""

import os
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path

from exporter.access import TlsServer
from exporter.files import read_bytes, refused
from exporter.web.guard.validity import Validity, validities

MOST_BYTES = 1024 * 1024
_KEY = b"PRIVATE KEY-----"
_NEVER_ASK = ""
"""The password of a private key: without one, OpenSSL would ask for it on the terminal and wait."""


@dataclass(frozen=True, slots=True)
class Tls:
    """The context of a handshake, and the names of which a client's certificate must have one, where there are any."""

    context: ssl.SSLContext
    allowed_sans: frozenset[str] = frozenset()
    validities: tuple[Validity, ...] = ()
    """When our own certificate and its chain are valid, and the authorities of clients."""

    def admits(self, certificate: Mapping[str, object] | None) -> bool:
        """Whether a client with this certificate, verified by the handshake, may come in."""
        return not self.allowed_sans or not self.allowed_sans.isdisjoint(_names(certificate or {}))


def open_tls(server: TlsServer) -> Tls:
    """Read the files and make the context.

    Raises:
        ConfigurationError: one of them can't be used.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version, context.maximum_version = server.min_version, server.max_version
    context.set_alpn_protocols(["http/1.1"])
    if server.ciphers:
        context.set_ciphers(":".join(server.ciphers))
    if not server.prefers_own_ciphers:
        context.options &= ~ssl.OP_CIPHER_SERVER_PREFERENCE
    if server.curve:
        context.set_ecdh_curve(server.curve)
    valid = _load_certificate(context, server)
    if server.client_ca_file or server.client_ca:
        valid += _load_client_ca(context, server)
    context.verify_mode = server.client_certificates
    return Tls(context, frozenset(map(_normal, server.client_allowed_sans)), valid)


def _load_certificate(context: ssl.SSLContext, server: TlsServer) -> tuple[Validity, ...]:
    written_in = server.cert_file or "tls_server_config.cert"
    # One that can be used may have been cut off or exchanged by the time that OpenSSL reads it: it gets what we read.
    place = server.key_file or "tls_server_config.key"
    chain, own_key = _text(server.cert_file, server.cert), _text(server.key_file, server.key)
    if b"CERTIFICATE-----" not in chain:
        swapped = ": is it swapped with key_file?" if _KEY in chain else ""
        raise refused(written_in, f"holds no certificate: expected PEM{swapped}")
    if _KEY not in own_key:
        raise refused(place, "holds no private key: expected PEM")
    with _in_memory(chain) as cert, _in_memory(own_key) as key:
        try:
            context.load_cert_chain(cert, key, password=_NEVER_ASK)
        except ssl.SSLError as error:
            if error.reason == "KEY_VALUES_MISMATCH":
                message = f"is not the key of the certificate in {written_in}"
            else:
                message = f"can't be used with {written_in}: expected PEM, the key without a password"
            raise refused(place, message) from error
    return tuple(validities(str(written_in), chain.decode("latin-1")))


def _load_client_ca(context: ssl.SSLContext, server: TlsServer) -> tuple[Validity, ...]:
    place, text = server.client_ca_file or "tls_server_config.client_ca", _text(server.client_ca_file, server.client_ca)
    with _in_memory(text) as authorities:
        try:
            context.load_verify_locations(authorities)
        except ssl.SSLError as error:
            raise refused(place, "holds no certificates: expected PEM") from error
    return tuple(validities(str(place), text.decode("latin-1")))


def _text(file: Path | None, inline: str) -> bytes:
    return read_bytes(file, MOST_BYTES, expected="PEM") if file else inline.encode()


@contextmanager
def _in_memory(content: bytes) -> Iterator[Path]:
    """Give a file for OpenSSL, which reads files alone, that no disk ever sees."""
    with os.fdopen(os.memfd_create("pem"), "wb", buffering=0) as file:
        file.write(content)
        yield Path(f"/proc/self/fd/{file.fileno()}")


def _names(certificate: Mapping[str, object]) -> frozenset[str]:
    alternatives = certificate.get("subjectAltName", ())
    pairs = alternatives if isinstance(alternatives, tuple) else ()
    return frozenset(_normal(str(name)) for _, name in pairs)


def _normal(name: str) -> str:
    """Write an address as everybody does: OpenSSL has its own way with those of IPv6."""
    try:
        return str(ip_address(name))
    except ValueError:
        return name
