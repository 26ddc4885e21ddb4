"""Where the web server stands: addresses to listen on, and what a proxy in front makes of them."""

from collections.abc import Callable

import pytest
import yaml

from exporter.settings import Settings, effective_settings

_Load = Callable[..., Settings]
_Problems = Callable[..., list[str]]


@pytest.mark.parametrize(
    ("text", "environ", "flags", "expected"),
    [
        pytest.param("", {}, {}, [("", 10042)], id="default"),
        pytest.param("web: {listen_address: 127.0.0.1:1}", {}, {}, [("127.0.0.1", 1)], id="a text"),
        pytest.param('web: {listen_address: [":1", "[::1]:2"]}', {}, {}, [("", 1), ("::1", 2)], id="a list"),
        pytest.param("", {"ZOHO_WEB__LISTEN_ADDRESS": ":1, a:2"}, {}, [("", 1), ("a", 2)], id="a variable"),
        pytest.param(
            "web: {listen_address: [':1', ':2']}", {}, {"web.listen_address": ":3,:4"}, [("", 3), ("", 4)], id="flags"
        ),
        pytest.param("web: {listen_address: [':0', ':0']}", {}, {}, [("", 0), ("", 0)], id="any two ports"),
    ],
)
def test_one_address_or_several(
    load: _Load, account: str, *, text: str, environ: dict[str, str], flags: dict[str, str], expected: object
) -> None:
    """Those of the highest source are the ones that count."""
    assert list(load(f"{account}{text}\n", environ, flags).web.listen_address.each) == expected


def test_addresses_are_shown_as_they_may_be_written(load: _Load, account: str) -> None:
    """What `/config` says is a value of the setting."""
    settings = load(account + 'web: {listen_address: [":1", "[::1]:2"], external_url: "https://Example.com/zoho/"}\n')
    shown = yaml.safe_load(effective_settings(settings))["web"]
    assert (shown["listen_address"], shown["external_url"]) == (":1,[::1]:2", "https://example.com/zoho")


@pytest.mark.parametrize(
    ("url", "route", "expected", "prefix"),
    [
        pytest.param("https://example.com/zoho/", None, ("https", "example.com", "/zoho"), "/zoho", id="URL"),
        pytest.param("http://[::1]:80", None, ("http", "[::1]:80", ""), "", id="no path"),
        pytest.param("HTTP://EXAMPLE.com/A/b.c", None, ("http", "example.com", "/A/b.c"), "/A/b.c", id="case"),
        pytest.param("/zoho", None, ("", "", "/zoho"), "/zoho", id="path alone"),
        pytest.param("https://example.com/zoho", "/", ("https", "example.com", "/zoho"), "", id="the proxy strips"),
        pytest.param("https://example.com", "x/y/", ("https", "example.com", ""), "/x/y", id="the proxy adds"),
        pytest.param(None, "/x", None, "/x", id="route alone"),
        pytest.param(None, None, None, "", id="neither"),
    ],
)
def test_prefix_is_the_external_urls_path_unless_it_is_said(
    load: _Load, account: str, *, url: str | None, route: str | None, expected: object, prefix: str
) -> None:
    """As Prometheus' own programs have it."""
    web = load(account, {}, {"web.external_url": url, "web.route_prefix": route}).web
    assert (web.external_url, web.prefix) == (expected, prefix)


_NO_URL = "is not a URL such as https://example.com/zoho, or a path such as /zoho"
_REFUSALS = {
    ("web.listen_address", ":1,:1"): '":1" is listed twice',
    ("web.listen_address", ":1,"): '"" is not host:port, :port or [IPv6 address]:port',
    ("web.external_url", "example.com/zoho"): f'"example.com/zoho" {_NO_URL}',
    ("web.external_url", "https://me:swordfish@example.com/"): f'"https://***@example.com/" {_NO_URL}',
    ("web.external_url", "https://example.com/a/../b"): f'"https://example.com/a/../b" {_NO_URL}',
    ("web.external_url", "ftp://example.com"): f'"ftp://example.com" {_NO_URL}',
    ("web.route_prefix", "/a b"): '"/a b" is not a path such as /zoho, or / for none (letters, digits, _ . ~ -)',
    ("web.systemd_socket", "maybe"): '"maybe" is not true or false',
}


@pytest.mark.parametrize(("name", "value", "said"), [(*given, said) for given, said in _REFUSALS.items()])
def test_what_is_none_is_refused(problems: _Problems, account: str, name: str, value: str, said: str) -> None:
    """With the flag that it was given by, and no password."""
    assert problems(account, {}, {name: value}) == [f"--{name.replace('_', '-')}: {said}"]


@pytest.mark.parametrize(
    ("text", "wide"),
    [
        pytest.param(":1,127.0.0.1:1", ":1", id="any and one"),
        pytest.param("127.0.0.1:1,:2,:1", ":1", id="one and any, with another between"),
        pytest.param("0.0.0.0:1,localhost:1", "0.0.0.0:1", id="any of version 4"),
        pytest.param("[::1]:1,[::]:1", "[::]:1", id="any of version 6"),
        pytest.param(":1,[::]:1", ":1", id="any of both and of one"),
    ],
)
def test_addresses_that_overlap_are_refused(problems: _Problems, account: str, text: str, wide: str) -> None:
    """No system gives both, and it would not say which are in each other's way."""
    [told] = problems(account, flags={"web.listen_address": text})
    assert told.startswith('--web.listen-address: "')
    assert told.endswith(f'overlap: "{wide}" is every interface')


@pytest.mark.parametrize("text", ["0.0.0.0:1,[::]:1", "0.0.0.0:1,[::1]:1", ":0,127.0.0.1:0", ":1,127.0.0.1:2"])
def test_addresses_that_differ_may_stand_beside_each_other(load: _Load, account: str, text: str) -> None:
    """By the version of IP, or the port."""
    assert len(load(account, flags={"web.listen_address": text}).web.listen_address.each) == 2
