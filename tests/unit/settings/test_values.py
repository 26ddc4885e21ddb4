"""The parsers: what is accepted, and the exact refusals."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from exporter.settings import ListenAddress, parse_listen_address
from exporter.settings.sections.schema import FilePath
from exporter.settings.sections.values import (
    duration,
    format_duration,
    is_loopback,
    parse_base_url,
    parse_duration,
    parse_fraction,
    parse_telemetry_path,
    quote,
    suggestion,
    whole_number,
)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("15s", 15.0),
        ("1m30s", 90.0),
        ("7d", 604800.0),
        ("500ms", 0.5),
        ("1y2w3d4h5m6s7ms", 33019506.007),
        ("15", 15.0),
        ("0", 0.0),
        ("0.25", 0.25),
    ],
)
def test_duration_is_given_in_seconds(text: str, seconds: float) -> None:
    """Prometheus' units and plain seconds are understood."""
    assert parse_duration(text) == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["", "s", "-1s", "1.5h", "30s1m", "1 m", "inf", "nan", "1e3", "٣s", "9" * 400 + "s"])
def test_anything_else_is_no_duration(text: str) -> None:
    """The refusal shows examples."""
    with pytest.raises(ValueError, match="is not a duration such as 15s, 1m30s, 7d or 500ms"):
        parse_duration(text)


_BUDGET = whole_number(0, 10_000_000, unlimited="unlimited")


@pytest.mark.parametrize(
    ("text", "credits_a_day"),
    [
        ("0", 0),
        ("1000", 1000),
        ("10000000", 10_000_000),
        ("unlimited", None),
        ("Unlimited", None),
    ],
)
def test_budget_is_a_number_or_unlimited(text: str, credits_a_day: int | None) -> None:
    """No limit is `None`, and 0 is a limit."""
    assert _BUDGET(text) == credits_a_day


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("-1", '"-1" is not a whole number from 0 to 10000000, or unlimited'),
        ("1e3", '"1e3" is not a whole number from 0 to 10000000, or unlimited'),
        ("lots", '"lots" is not a whole number from 0 to 10000000, or unlimited'),
        ("1.5", '"1.5" is not a whole number from 0 to 10000000, or unlimited'),
        ("10000001", '"10000001" is not a whole number from 0 to 10000000, or unlimited'),
        ("9" * 40, '"***" is not a whole number from 0 to 10000000, or unlimited'),
        ("", '"" is not a whole number from 0 to 10000000, or unlimited'),
    ],
)
def test_anything_else_is_no_budget(text: str, message: str) -> None:
    """The refusal names both ways."""
    with pytest.raises(ValueError, match=r"^") as caught:
        _BUDGET(text)
    assert str(caught.value) == message


@pytest.mark.parametrize(("text", "value"), [("1", 1.0), ("1.0", 1.0), ("0.35", 0.35), ("0.000000001", 1e-9)])
def test_fraction_is_above_zero_and_at_most_one(text: str, value: float) -> None:
    """Both ends of the range are read."""
    assert parse_fraction(text) == value


@pytest.mark.parametrize(
    "text", ["0", "0.0", "1.01", "2", "-0.5", "35%", "1/3", ".5", "0,35", "1e-3", "nan", "inf", ""]
)
def test_anything_else_is_no_fraction(text: str) -> None:
    """The refusal shows an example."""
    with pytest.raises(ValueError, match=r"^") as caught:
        parse_fraction(text)
    assert str(caught.value) == f'"{text}" is not a fraction above 0, at most 1, such as 0.35'


@given(st.integers(min_value=0, max_value=10**12))
def test_durations_survive_a_round_trip(milliseconds: int) -> None:
    """What is written for a duration is read as the same duration."""
    assert round(parse_duration(format_duration(milliseconds / 1000)) * 1000) == milliseconds


@pytest.mark.parametrize(
    "text", ["99999999999999999999d", "99999999999999999999 days", "1h1h", "1s1h", "5 minutes, 1 day"], ids=str
)
def test_no_duration_is_meant_that_would_be_refused_too(text: str) -> None:
    """Least of all the very same text."""
    with pytest.raises(ValueError, match=r"is not a duration such as 15s, 1m30s, 7d or 500ms$"):
        parse_duration(text)


@pytest.mark.parametrize(
    ("text", "advice"),
    [("5 minutes", '; did you mean "5m"?'), ("6 minutes", ""), ("50 ms", ""), ("100 ms", '; did you mean "100ms"?')],
    ids=str,
)
def test_no_duration_is_meant_that_is_out_of_range(text: str, advice: str) -> None:
    """Of a setting that has one."""
    with pytest.raises(ValueError, match=r"^") as caught:
        duration("100ms", "5m")(text)
    assert str(caught.value) == f'"{text}" is not a duration such as 15s, 1m30s, 7d or 500ms{advice}'


@pytest.mark.parametrize(
    ("text", "address"),
    [
        (":10042", ListenAddress("", 10042)),
        ("0.0.0.0:0", ListenAddress("0.0.0.0", 0)),  # noqa: S104 - a value to parse, nothing listens
        ("localhost:65535", ListenAddress("localhost", 65535)),
        ("[::1]:80", ListenAddress("::1", 80)),
    ],
)
def test_listen_address_is_split_and_joined(text: str, address: ListenAddress) -> None:
    """The parts are read, and written as they were."""
    assert parse_listen_address(text) == address
    assert str(address) == text


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("9000", '"9000" is not host:port, :port or [IPv6 address]:port; did you mean ":9000"?'),
        ("65535", '"65535" is not host:port, :port or [IPv6 address]:port; did you mean ":65535"?'),
        ("65536", '"65536" is not host:port, :port or [IPv6 address]:port'),
        ("99999999", '"99999999" is not host:port, :port or [IPv6 address]:port'),
        ("::1:80", '"::1:80" is not host:port, :port or [IPv6 address]:port'),
        (":", '":" has no port from 0 to 65535 after its last colon'),
        (":65536", '":65536" has no port from 0 to 65535 after its last colon'),
        (":x", '":x" has no port from 0 to 65535 after its last colon'),
        ("[::g]:1", '"[::g]:1" has no valid IPv6 address in its brackets'),
        ("[::1:1", '"[::1:1" has no valid IPv6 address in its brackets'),
        ("[127.0.0.1]:1", '"[127.0.0.1]:1" has no valid IPv6 address in its brackets'),
        ("[:1", '"[:1" has no valid IPv6 address in its brackets'),
        ("a]:1", '"a]:1" has no valid host name or address before its last colon'),
        ("a b:1", '"a b:1" has no valid host name or address before its last colon'),
    ],
)
def test_bad_listen_address_is_refused(text: str, message: str) -> None:
    """Each refusal says which part is wrong."""
    with pytest.raises(ValueError, match=r"^") as caught:
        parse_listen_address(text)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("https://www.zohoapis.eu", "https://www.zohoapis.eu"),
        ("https://www.zohoapis.eu/", "https://www.zohoapis.eu"),
        ("https://gateway.example:8443", "https://gateway.example:8443"),
        ("http://127.9.9.9:1", "http://127.9.9.9:1"),
        ("http://localhost:8080", "http://localhost:8080"),
        ("http://[::1]:8080", "http://[::1]:8080"),
        ("HTTPS://CRM.Example.com:8443", "https://crm.example.com:8443"),
    ],
)
def test_base_url_is_scheme_and_host(text: str, url: str) -> None:
    """HTTPS is accepted everywhere, HTTP on loopback."""
    assert parse_base_url(text) == url


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("www.zohoapis.eu", '"www.zohoapis.eu" is not a URL such as https://www.zohoapis.eu'),
        ("ftp://x.example", '"ftp://x.example" is not a URL such as https://www.zohoapis.eu'),
        ("https://", '"https://" is not a URL such as https://www.zohoapis.eu'),
        ("https://x:0", '"https://x:0" is not a URL such as https://www.zohoapis.eu'),
        ("https://x:99999", '"https://x:99999" is not a URL such as https://www.zohoapis.eu'),
        ("https://[::1", '"https://[::1" is not a URL such as https://www.zohoapis.eu'),
        ("https://x\n.example", r'"https://x\n.example" is not a URL such as https://www.zohoapis.eu'),
        ("https://x,y", '"https://x,y" has no valid host'),
        ("https://x/crm", '"https://x/crm" must be a scheme and a host only, such as https://www.zohoapis.eu'),
        ("https://x?a=b", '"https://x?***" must be a scheme and a host only, such as https://www.zohoapis.eu'),
        ("https://u:p@x", '"https://***@x" must be a scheme and a host only, such as https://www.zohoapis.eu'),
        (
            "http://127.0.0.1.example",
            '"http://127.0.0.1.example" would send secrets unencrypted: use https:// (http:// is for loopback only)',
        ),
    ],
)
def test_bad_base_url_is_refused(text: str, message: str) -> None:
    """Each refusal says what is wrong, without credentials or queries."""
    with pytest.raises(ValueError, match=r"^") as caught:
        parse_base_url(text)
    assert str(caught.value) == message


@pytest.mark.parametrize("path", ["/-/healthy", "/-", "/probe", "/api/v1/jobs"])
def test_telemetry_path_does_not_hide_our_own_pages(path: str) -> None:
    """The metrics page takes no other page's place."""
    with pytest.raises(ValueError, match="is a page of the exporter's own"):
        parse_telemetry_path(path)


@pytest.mark.parametrize("path", ["/", "", "metrics", "/metrics/", "/a//b", "/{x}", "/a?b", "/.."])
def test_telemetry_path_is_an_absolute_path(path: str) -> None:
    """The root and anything that needs quoting in a URL is refused."""
    with pytest.raises(ValueError, match="is not a path such as /metrics"):
        parse_telemetry_path(path)


@pytest.mark.parametrize("path", ["", "a\0b"])
def test_path_names_a_file(path: str) -> None:
    """The operating system would raise something unexpected for these."""
    with pytest.raises(ValueError, match="is not a path"):
        TypeAdapter(FilePath).validate_python(path)


@pytest.mark.parametrize(
    ("host", "is_local"),
    [("localhost", True), ("127.1.2.3", True), ("::1", True), ("10.0.0.1", False), ("localhost.example", False)],
)
def test_loopback_is_this_machine_only(host: str, is_local: bool) -> None:  # noqa: FBT001 - a column of the table
    """Names that merely begin like loopback are not."""
    assert is_loopback(host) is is_local


@pytest.mark.parametrize(
    ("text", "redacted"),
    [
        ("plain", "plain"),
        ("1000.XXXX", "1000.XXXX"),
        ("x1000.0123456789abcdef.0123", "x***"),
        ("0123456789abcdef01234567", "***"),
        ("http://user:pa/ss@proxy", "http://***@proxy"),
        ("y" * 81, "y" * 79 + "…"),
    ],
)
def test_redaction_masks_what_looks_like_a_secret(text: str, redacted: str) -> None:
    """Ordinary values stay as they are."""
    assert quote(text) == f'"{redacted}"'


def test_quotes_stay_on_one_line() -> None:
    """Control characters and lone surrogates are escaped, so that the message can always be printed."""
    assert quote('a\n"\ud800') == r'"a\n\"\ud800"'


def test_suggestion_disregards_case() -> None:
    """The nearest word is named as it is spelt."""
    assert suggestion("EU", ["us", "eu"]) == '; did you mean "eu"?'
    assert not suggestion("zzz", ["us", "eu"])
