"""What may be written as a setting's value: one parser for each kind, from text to value.

What may not be written is refused by a `ValueError` with a message for the operator, which quotes nothing shaped like a
secret, nothing long and nothing unprintable.
"""

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from ipaddress import IPv4Address, IPv6Address, ip_address
from types import MappingProxyType
from typing import NamedTuple
from urllib.parse import SplitResult, urlsplit

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler, SecretStr
from pydantic_core import PydanticCustomError, core_schema

from exporter.forms import duration_meant, nearest, number_advice

_URL_CREDENTIALS = re.compile(r"//.*@", re.DOTALL)
_URL_QUERY = re.compile(r"\?.*", re.DOTALL)
# Zoho's tokens and client ids are "1000." and groups of 32 hex digits; its client secrets are 42 hex digits. Hashes of
# passwords, as crypt writes them, begin with their kind between two dollars.
_CREDENTIAL = re.compile(r"1000\.[\w.-]{8,}|[0-9A-Fa-f]{24,}|\$\w{1,12}\$\S{4,}")
_SHORT = 80
_SECONDS = re.compile(r"[0-9]{1,12}(?:\.[0-9]{1,9})?")
_UNITS = {"y": 31_536_000, "w": 604_800, "d": 86_400, "h": 3_600, "m": 60, "s": 1, "ms": 0.001}
_DURATION = re.compile("".join(f"(?:([0-9]{{1,15}}){unit})?" for unit in _UNITS))
_WRITTEN_DURATION = {
    "type": ("number", "string"),
    "minimum": 0,
    "minLength": 1,
    "pattern": f"^(?:{_SECONDS.pattern}|{_DURATION.pattern})$",
}
_MAX_PORT = 65_535
_HOST = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9._-]*[A-Za-z0-9_.])?")
_PORT = re.compile(r"[0-9]{1,5}")
_TELEMETRY_PATH = re.compile(r"(?:/[A-Za-z0-9_][A-Za-z0-9_.~-]*)+")
_OWN_PATHS = ("/-", "/api", "/config", "/explain", "/probe", "/sd")
_LONGEST = 4096
_DIGITS = re.compile(r"[0-9]{1,9}")
_SCALAR = ("string", "number", "boolean")
"""What YAML makes of a word without quotes, by JSON Schema's names."""
_NO_TEXT = {type(None): "got nothing", dict: "not a mapping", list: "not a list"}


@dataclass(frozen=True, slots=True)
class Parser:
    """Turns what the user wrote into a value; `expected` says in a noun phrase what may be written.

    It is what a field is annotated with. `written` says what may be written as a JSON schema, for editors and charts.
    """

    expected: str
    parse: Callable[[str], object]
    written: Mapping[str, object] = field(default_factory=lambda: {"type": "string"}, compare=False)

    def __call__(self, value: object) -> object:
        """Parse `value`: a text, or the value itself when it comes from Python."""
        if isinstance(value, SecretStr):
            return value
        if type(value) in _NO_TEXT:
            raise ValueError(f"expected {self.expected}, {_NO_TEXT[type(value)]}")
        text = str(value)
        if len(text) > _LONGEST:
            raise ValueError(f"is longer than {_LONGEST} characters: expected {self.expected}")
        return self.parse(text)

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        return core_schema.no_info_before_validator_function(self, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, object]:
        """Give what may be written; of the value that it becomes only whether it is a secret counts."""
        return {**self.written, **{key: value for key, value in handler(schema).items() if key == "writeOnly"}}


class ListenAddress(NamedTuple):
    """Where the web server listens; an empty `host` is every interface, port 0 any free port."""

    host: str
    port: int
    others: tuple[tuple[str, int], ...] = ()
    """Hosts and ports where it listens too."""

    @property
    def each(self) -> tuple[tuple[str, int], ...]:
        """Every host and port, the first one first."""
        return (self.host, self.port), *self.others

    def __str__(self) -> str:
        return ",".join(f"[{host}]:{port}" if ":" in host else f"{host}:{port}" for host, port in self.each)


def quote(text: object, *, limit: int = _SHORT) -> str:
    """Give `text` in double quotes, on one line, without what looks like a credential, in at most `limit` characters.

    It is safe to write in any encoding of Unicode.
    """
    shown = str(text)
    if len(shown) > _LONGEST:
        shown = f"{shown[:_LONGEST]}…@"  # what is cut off may be the end of a URL's credentials
    shown = _CREDENTIAL.sub("***", _URL_QUERY.sub("?***", _URL_CREDENTIALS.sub("//***@", shown)))
    shown = shown if len(shown) <= limit else f"{shown[: limit - 1]}…"
    printable = (char if char.isprintable() else ascii(char)[1:-1] for char in shown)
    return '"' + "".join(printable).replace('"', '\\"') + '"'


def suggestion(word: str, known: Iterable[str]) -> str:
    """Give `; did you mean "…"?` for the nearest of `known`, or nothing when none is near."""
    near = nearest(word, known)
    return f"; did you mean {quote(near)}?" if near else ""


def accepted(expected: str, is_right: Callable[[str], object]) -> Parser:
    """Accept exactly the texts that are right, as they are."""
    return Parser(expected, _checked(expected, is_right), {"type": _SCALAR})


def pattern(
    expected: str, regex: str, advice: Callable[[str], str] = lambda _: "", *, kinds: Sequence[str] = _SCALAR
) -> Parser:
    """Accept exactly the texts that match `regex`, as they are; `advice` ends the message about any other.

    `kinds` are what they may be in YAML without quotes.
    """
    check = _checked(expected, partial(re.fullmatch, regex), advice)
    return Parser(expected, check, {"type": kinds, "pattern": f"^(?:{regex})$"})


def _checked(
    expected: str, is_right: Callable[[str], object], advice: Callable[[str], str] = lambda _: ""
) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if not is_right(text):
            said = advice(text)
            # What is masked in one place is not to be read in another.
            raise ValueError(f"{quote(text)} is not {expected}{'' if _CREDENTIAL.search(said) else said}")
        return text

    return parse


def choice(
    words: Iterable[str] | Mapping[str, object],
    refused: Mapping[str, str] = MappingProxyType({}),
    *,
    called: str = "",
    meant: Callable[[str, Iterable[str]], str] = lambda *_: "",
) -> Parser:
    """Accept one of the words, and give what it stands for; those that are `refused` have a message of their own.

    What the words are `called` stands in messages instead of all of them. `meant` gives the one that a text means.
    """
    meanings = words if isinstance(words, Mapping) else {str(word): word for word in words}
    listed = ", ".join(meanings)
    expected, otherwise = (called, f"; known: {listed}") if called else (f"one of {listed}", "")

    def parse(text: str) -> object:
        if text in refused:
            raise ValueError(refused[text])
        if text not in meanings:
            # What it may have been takes long to find: that is left to whoever tells of it.
            said: dict[str, object] = {
                "said": f"{quote(text)} is not {expected}",
                "word": text,
                "known": meanings,
                "otherwise": otherwise,
            }
            if word := meant(text, meanings):
                said |= {"word": word, "known": [word]}
            raise PydanticCustomError("unknown_word", "{said}", said)
        return meanings[text]

    return Parser(expected, parse, {"enum": list(meanings)})


def whole_number(low: int, high: int, *, unlimited: str = "") -> Parser:
    """Accept decimal digits within the range, or the word that means no limit, and gives `None`."""
    expected = f"a whole number from {low} to {high}" + (f", or {unlimited}" if unlimited else "")

    def parse(text: str) -> int | None:
        if unlimited and text.strip().casefold() == unlimited:
            return None
        if not _DIGITS.fullmatch(text) or not low <= int(text) <= high:
            raise ValueError(f"{quote(text)} is not {expected}{number_advice(text, low, high)}")
        return int(text)

    words = f"|{unlimited}" if unlimited else ""
    written = {
        "type": ("integer", "string"),
        "minimum": low,
        "maximum": high,
        "pattern": f"^(?:{_DIGITS.pattern}{words})$",
    }
    return Parser(expected, parse, written)


def parse_fraction(text: str) -> float:
    """Read a fraction above 0, at most 1."""
    value = float(text) if _SECONDS.fullmatch(text.strip()) else 0.0
    if not 0 < value <= 1:
        raise ValueError(f"{quote(text)} is not a fraction above 0, at most 1, such as 0.35")
    return value


def duration(low: str, high: str) -> Parser:
    """Accept a duration from `low` to `high`, both included."""
    least, most = parse_duration(low), parse_duration(high)

    def parse(text: str) -> float:
        seconds = parse_duration(text, least, most)
        if not least <= seconds <= most:
            raise ValueError(f"{quote(text)} is out of range: from {low} to {high}")
        return seconds

    return Parser(f"a duration from {low} to {high}", parse, _WRITTEN_DURATION)


def parse_duration(text: str, least: float = 0.0, most: float = math.inf) -> float:
    """Give the seconds of a Prometheus-style duration (`1m30s`, `500ms`) or of a plain number of seconds.

    Of what is none, what it was meant to be is told if that is from `least` to `most`; the seconds may be others.
    """
    seconds = _seconds_of(text)
    if seconds is None:
        meant = duration_meant(text)
        is_apt = (seconds := _seconds_of(meant)) is not None and least <= seconds <= most
        advice = f'; did you mean "{meant}"?' if is_apt else ""
        raise ValueError(f"{quote(text)} is not a duration such as 15s, 1m30s, 7d or 500ms{advice}")
    return seconds


def _seconds_of(text: str) -> float | None:
    if _SECONDS.fullmatch(text):
        return float(text)
    match = _DURATION.fullmatch(text) if text else None
    if match is None:
        return None
    return float(sum(int(digits or 0) * unit for digits, unit in zip(match.groups(), _UNITS.values(), strict=True)))


def format_duration(seconds: float) -> str:
    """Write seconds (0 or more, to the millisecond) as a Prometheus-style duration."""
    left = round(seconds * 1000)
    parts = []
    for name, unit in _UNITS.items():
        count, left = divmod(left, round(unit * 1000))
        parts.append(f"{count}{name}" if count else "")
    return "".join(parts) or "0s"


def parse_listen_address(text: str) -> ListenAddress:
    """Split `host:port`, `:port` or `[::1]:port`."""
    host, colon, port = text.rpartition(":")
    if not colon or (":" in host and not host.startswith("[")):
        advice = f'; did you mean ":{text}"?' if _is_port(text) else ""
        is_host = _HOST.fullmatch(text) and not text.isdecimal() and len(text) < _SHORT and not _CREDENTIAL.search(text)
        advice = advice or (f'; did you mean "{text}:10042"?' if is_host else "")
        raise ValueError(f"{quote(text)} is not host:port, :port or [IPv6 address]:port{advice}")
    if not _is_port(port):
        raise ValueError(f"{quote(text)} has no port from 0 to {_MAX_PORT} after its last colon")
    is_bracketed = host.startswith("[")
    address = host[1:-1] if is_bracketed else host
    if is_bracketed and not (host.endswith("]") and isinstance(_address(address), IPv6Address)):
        raise ValueError(f"{quote(text)} has no valid IPv6 address in its brackets")
    if host and not is_bracketed and not _HOST.fullmatch(host):
        raise ValueError(f"{quote(text)} has no valid host name or address before its last colon")
    return ListenAddress(address, int(port))


def _is_port(text: str) -> bool:
    return _PORT.fullmatch(text) is not None and int(text) <= _MAX_PORT


def is_loopback(host: str) -> bool:
    """Whether a URL's host is this machine itself: localhost, 127.0.0.0/8 or ::1."""
    address = _address(host)
    return host.lower().rstrip(".") == "localhost" or (address is not None and address.is_loopback)


def _address(text: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(text)
    except ValueError:
        return None


def parse_base_url(text: str) -> str:
    """Give a server's URL without a trailing slash; plain `http://` only for loopback."""
    parts = _split_url(text)
    if parts.username is not None or parts.query or parts.fragment or parts.path.strip("/"):
        raise ValueError(f"{quote(text)} must be a scheme and a host only, such as https://www.zohoapis.eu")
    if parts.scheme == "http" and not is_loopback(parts.hostname or ""):
        raise ValueError(f"{quote(text)} would send secrets unencrypted: use https:// (http:// is for loopback only)")
    return f"{parts.scheme}://{parts.netloc.lower()}"  # compared as text with the host that Zoho names


def parse_proxy_url(text: str) -> str:
    """Give a proxy's URL as it is; it may hold a user and a password, so no message quotes it."""
    try:
        parts = _split_url(text)
    except ValueError:
        parts = None
    if parts is None or parts.query or parts.fragment or parts.path.strip("/"):
        # Raised out of the `except`: the error's context would quote the URL.
        raise ValueError("is not a proxy's URL such as http://proxy:3128 (http or https, host, optional port)")
    return text


def _split_url(text: str) -> SplitResult:
    try:
        parts = urlsplit(text)
        host = parts.hostname if parts.scheme in {"http", "https"} and parts.port != 0 else None
    except ValueError:  # also that of a port, which is not looked at before
        host = None
    # `urlsplit` drops line breaks and tabs silently.
    if not host or not text.isprintable() or " " in text or "\\" in text:
        raise ValueError(f"{quote(text)} is not a URL such as https://www.zohoapis.eu")
    if not _HOST.fullmatch(host) and not isinstance(_address(host), IPv6Address):
        raise ValueError(f"{quote(text)} has no valid host")
    return urlsplit(text)


def parse_path(text: str) -> str:
    """Give a file's path as it is; what only a shell would fill in is refused."""
    if not text or not text.isprintable():
        raise ValueError(f"{quote(text)} is not a path")
    if text == "~" or text.startswith(("~/", "$")):
        raise ValueError(f"{quote(text)} begins with what only a shell fills in: write the whole path")
    return text


def parse_telemetry_path(text: str) -> str:
    """Give the path of the metrics page."""
    if any(text == own or text.startswith(f"{own}/") for own in _OWN_PATHS):
        raise ValueError(f"{quote(text)} is a page of the exporter's own: choose another, such as /metrics")
    if not _TELEMETRY_PATH.fullmatch(text):
        raise ValueError(f"{quote(text)} is not a path such as /metrics (not / alone; letters, digits, _ . ~ -)")
    return text
