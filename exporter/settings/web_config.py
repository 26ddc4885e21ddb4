"""The web-config file: who may come in to our web server, in the format of Prometheus' exporter-toolkit.

What Python's TLS or our server cannot do is refused with the reason, never ignored. Source: exporter-toolkit,
Web configuration.
"""

import re
import ssl
from collections.abc import Iterator, Mapping
from contextlib import suppress
from itertools import chain
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr

from exporter.access import TlsServer, WebAccess
from exporter.files import refused
from exporter.settings.sections.schema import FilePath, Section, Text, Truth
from exporter.settings.sections.values import Parser, choice, pattern, quote, whole_number
from exporter.settings.sources.tree import Finding, Tree
from exporter.settings.sources.yaml_file import read_yaml
from exporter.settings.validation import validated

_VERSIONS = {"TLS12": ssl.TLSVersion.TLSv1_2, "TLS13": ssl.TLSVersion.TLSv1_3}
_OLDEST = dict.fromkeys(("TLS10", "TLS11"), ssl.TLSVersion.TLSv1_2) | _VERSIONS
"""What the oldest version may be; where older ones would do, ours is 1.2 all the same."""
_TLS_1_3_SUITES = ("TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256")
_SUITES = {
    f"TLS_ECDHE_{key}_WITH_{go}": f"ECDHE-{key}-{openssl}"
    for key in ("ECDSA", "RSA")
    for go, openssl in (
        ("AES_128_GCM_SHA256", "AES128-GCM-SHA256"),
        ("AES_256_GCM_SHA384", "AES256-GCM-SHA384"),
        ("CHACHA20_POLY1305_SHA256", "CHACHA20-POLY1305"),
        ("AES_128_CBC_SHA", "AES128-SHA"),
        ("AES_256_CBC_SHA", "AES256-SHA"),
    )
} | dict.fromkeys(_TLS_1_3_SUITES, "")
"""Go's names of the suites, and OpenSSL's of those of TLS 1.2; those of TLS 1.3 are always there."""
_X25519 = "X25519"
_CURVES = {"CurveP256": "prime256v1", "CurveP384": "secp384r1", "CurveP521": "secp521r1", _X25519: _X25519}
_IF_GIVEN, _REQUIRED = "VerifyClientCertIfGiven", "RequireAndVerifyClientCert"
_CLIENT_AUTH = {"NoClientCert": ssl.CERT_NONE, _IF_GIVEN: ssl.CERT_OPTIONAL, _REQUIRED: ssl.CERT_REQUIRED}
"""What a client must show, in Go's words; those that ask for a certificate and trust any are refused."""
_REFUSED = {
    "TLS10": "TLS10 is too weak to be served: TLS12 is the oldest",
    "TLS11": "TLS11 is too weak to be served: TLS12 is the oldest",
} | {
    word: f"{word} is not possible: Python's TLS asks for a client's certificate only to verify it; "
    f"use {_IF_GIVEN} or {_REQUIRED} with client_ca_file"
    for word in ("RequestClientCert", "RequireAnyClientCert", "RequireClientCert")
}
_HEADERS: Mapping[str, tuple[str, ...]] = {
    "Content-Security-Policy": (),
    "X-Frame-Options": ("deny", "sameorigin"),
    "X-Content-Type-Options": ("nosniff",),
    "X-XSS-Protection": (),
    "Strict-Transport-Security": (),
}
"""The headers that may be set, and their values where those are bounded."""
_BCRYPT = re.compile(r"\$2[aby]\$([0-9]{2})\$[./A-Za-z0-9]{53}")
_COSTS = range(4, 17)
_GO_UNITS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_GO_PART = re.compile(r"([0-9]{1,12}(?:\.[0-9]{1,9})?)(ns|us|µs|ms|s|m|h)")
_NOBODY_AT_ALL = "is 0, which lets in no request at all: write 1 or more, or set interval: 0"
_OPEN = "basic_auth_users: {}"
_SAYS_NOTHING = f"says nothing of who may come in: write {_OPEN} to ask nobody, or leave out --web.config.file"


def _the_first_to_hold(curves: tuple[str, ...]) -> tuple[str, ...]:
    """Give one of the curves: Python's TLS can hold one only, and that of Debian 12 knows X25519 by no name."""
    held = tuple(curve for curve in curves if curve != _X25519)[:1]
    if curves and not held:
        raise ValueError("not all Pythons' TLS can be held to X25519: leave curve_preferences out, and it comes first")
    return held


def _parse_hash(text: str) -> str:
    match = _BCRYPT.fullmatch(text)
    if not match:
        raise ValueError("is not a bcrypt hash, such as htpasswd -nB makes: $2y$, the cost, $ and 53 characters")
    if int(match[1]) not in _COSTS:
        raise ValueError(f"has the cost {match[1]}: expected {_COSTS[0]} to {_COSTS[-1]}, at best 10 to 12")
    return text


def _parse_user(text: str) -> str:
    """Give a user's name; none that is refused is shown: it may be the password."""
    if _BCRYPT.fullmatch(text):
        raise ValueError("a hash stands where a user's name belongs: write the name, a colon and the hash")
    if not text or ":" in text or not text.isprintable():
        raise ValueError("a user's name is one word or more on one line, without a colon")
    return text


def _refuse_no_pem(text: object) -> object:
    if not isinstance(text, str) or "-----BEGIN " not in text:
        raise ValueError("is no text in PEM, which has a line that begins with -----BEGIN")
    return text


def _parse_go_duration(text: str) -> float:
    """Give the seconds of a duration as Go writes it, where a number alone is nanoseconds.

    Source: Go, time.ParseDuration; go-yaml, of a number for a duration.
    """
    if text.isdecimal():
        return int(text) * _GO_UNITS["ns"]
    parts = _GO_PART.findall(text)
    if not text or "".join(f"{number}{unit}" for number, unit in parts) != text:
        raise ValueError(f"{quote(text)} is not a duration as Go writes it, such as 100ms, 1.5s or 1h30m")
    return sum(float(number) * _GO_UNITS[unit] for number, unit in parts)


Inline = Annotated[SecretStr, BeforeValidator(_refuse_no_pem)]
Oldest = Annotated[ssl.TLSVersion, choice(_OLDEST)]
Newest = Annotated[ssl.TLSVersion, choice(_VERSIONS, _REFUSED)]
Suite = Annotated[str, choice(_SUITES, called="a cipher suite that Go calls secure")]
Curve = Annotated[str, choice(_CURVES, _REFUSED)]
HeaderName = Annotated[str, choice(tuple(_HEADERS), called="a header that may be set here")]
HeaderValue = Annotated[str, pattern("one line of ASCII characters", r"[\x20-\x7e]{0,4096}")]
UserName = Annotated[str, Parser("a user's name", _parse_user)]
PasswordHash = Annotated[SecretStr, Parser("a bcrypt hash", _parse_hash)]


class TlsSection(Section):
    """`tls_server_config`."""

    cert_file: FilePath | None = None
    key_file: FilePath | None = None
    client_ca_file: FilePath | None = None
    client_auth_type: Annotated[ssl.VerifyMode, choice(_CLIENT_AUTH, _REFUSED)] = ssl.CERT_NONE
    client_allowed_sans: tuple[Text, ...] = ()
    min_version: Oldest = ssl.TLSVersion.TLSv1_2
    max_version: Newest = ssl.TLSVersion.TLSv1_3
    cipher_suites: tuple[Suite, ...] = ()
    prefer_server_cipher_suites: Truth = True
    curve_preferences: Annotated[tuple[Curve, ...], AfterValidator(_the_first_to_hold)] = ()
    cert: Inline = SecretStr("")
    key: Inline = SecretStr("")
    client_ca: Inline = SecretStr("")


class HttpSection(Section):
    """`http_server_config`."""

    http2: Truth = True
    headers: Mapping[HeaderName, HeaderValue] = Field(default_factory=dict)


class RateLimitSection(Section):
    """`rate_limit`."""

    interval: Annotated[float, Parser("a duration, such as 100ms", _parse_go_duration)] = 0.0
    burst: Annotated[int, whole_number(0, 1_000_000)] = 0


class WebConfigFile(Section):
    """The whole file."""

    tls_server_config: TlsSection | None = None
    http_server_config: HttpSection = Field(default_factory=HttpSection)
    basic_auth_users: Mapping[UserName, PasswordHash] = Field(default_factory=dict)
    rate_limit: RateLimitSection = Field(default_factory=RateLimitSection)


_SECTIONS: tuple[tuple[tuple[str, ...], type[Section]], ...] = (
    ((), WebConfigFile),
    (("tls_server_config",), TlsSection),
    (("http_server_config",), HttpSection),
    (("rate_limit",), RateLimitSection),
)


def read_web_config(path: Path) -> WebAccess:
    """Read the file; relative paths in it start from its own directory.

    Raises:
        ConfigurationError: with every problem at once, none of which shows a hash or a key.
    """
    tree, findings = read_yaml(path)
    tls = tree.find(("tls_server_config",))
    incoherent = _tls_incoherences(tls) if isinstance(tls, dict) else ()
    wrong = (tree.finding(("tls_server_config", name), text) for name, text in incoherent)
    config = validated(WebConfigFile, tree, chain(findings, _unsaid(tree), wrong, _unbounded(tree), _unlimited(tree)))
    if "basic_auth_users" not in tree.values and not _says_something(tree.values):
        raise refused(path, _SAYS_NOTHING)
    limit = config.rate_limit
    return WebAccess(
        tls=_tls_server(config.tls_server_config, path.parent) if config.tls_server_config else None,
        users={user: secret.get_secret_value().encode() for user, secret in config.basic_auth_users.items()},
        headers=dict(config.http_server_config.headers),
        request_interval_seconds=limit.interval,
        request_burst=limit.burst,
    )


def _tls_server(section: TlsSection, directory: Path) -> TlsServer:
    return TlsServer(
        cert_file=_below(directory, section.cert_file),
        key_file=_below(directory, section.key_file),
        client_ca_file=_below(directory, section.client_ca_file),
        cert=section.cert.get_secret_value(),
        key=section.key.get_secret_value(),
        client_ca=section.client_ca.get_secret_value(),
        client_certificates=section.client_auth_type,
        client_allowed_sans=section.client_allowed_sans,
        min_version=section.min_version,
        max_version=section.max_version,
        ciphers=tuple(filter(None, section.cipher_suites)),
        prefers_own_ciphers=section.prefer_server_cipher_suites,
        curve="".join(section.curve_preferences),
    )


def _below(directory: Path, file: Path | None) -> Path | None:
    return directory / file if file else None


def _unsaid(tree: Tree) -> Iterator[Finding]:
    """Find keys without a value: they may be all that is left of a file that keeps somebody out."""
    for path, section in _SECTIONS:
        for name, value in tree.at(path, dict).items():
            if value is None and name in section.model_fields:
                advice = f"{_OPEN} asks nobody" if name == "basic_auth_users" else "write one, or leave out the key"
                yield tree.finding((*path, name), f"has no value: {advice}")


def _unbounded(tree: Tree) -> Iterator[Finding]:
    """Find headers whose value is none of those that there are."""
    path = ("http_server_config", "headers")
    for name, value in tree.at(path, dict).items():
        words = _HEADERS.get(name, ())
        if words and isinstance(value, str) and value and value.lower() not in words:
            yield tree.finding((*path, name), f"may be {' or '.join(words)}, not {quote(value)}")


def _unlimited(tree: Tree) -> Iterator[Finding]:
    """Find a limit that lets in nobody."""
    path = ("rate_limit", "burst")
    with suppress(ValueError):
        if _parse_go_duration(tree.at(("rate_limit", "interval"), str)):
            burst = tree.find(path)
            if burst is None:
                yield tree.finding(path, "is required beside interval: how many requests may come at once")
            elif burst == "0":
                yield tree.finding(path, _NOBODY_AT_ALL)


def _says_something(value: object) -> bool:
    return any(map(_says_something, value.values())) if isinstance(value, dict) else True


def _tls_incoherences(section: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    yield from ((name, "is required") for name in ("cert_file", "key_file") if not {name, name[:-5]} & {*section})
    written = {name: value for name, value in section.items() if value is not None}
    auth, authorities = written.get("client_auth_type"), {"client_ca_file", "client_ca"} & {*written}
    if auth in (None, "NoClientCert"):
        yield from ((name, f"needs client_auth_type beside it, such as {_REQUIRED}") for name in authorities)
    if auth in (_IF_GIVEN, _REQUIRED) and not authorities:
        yield "client_auth_type", "needs client_ca_file beside it: whose certificates are trusted"
    if auth != _REQUIRED and "client_allowed_sans" in written:
        yield "client_allowed_sans", f"needs client_auth_type: {_REQUIRED}"
    suites = written.get("cipher_suites")
    if written.get("min_version") == "TLS13":
        if written.get("max_version") == "TLS12":
            yield "max_version", "is older than min_version"
    elif isinstance(suites, list) and suites and {*map(str, suites)} <= {*_TLS_1_3_SUITES}:
        yield "cipher_suites", "names none of TLS 1.2: add one, or set min_version: TLS13"
