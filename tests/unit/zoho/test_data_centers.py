"""Zoho's hosts.

Source: Zoho CRM v8, Multi-DC support; the SDK's `dc` modules; accounts' multi-DC page.
"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.model import DataCenter, Environment
from exporter.zoho.data_centers import Endpoints, endpoints_of, place_of

URLS = [
    (DataCenter.US, Environment.PRODUCTION, "https://accounts.zoho.com", "https://www.zohoapis.com"),
    (DataCenter.US, Environment.SANDBOX, "https://accounts.zoho.com", "https://sandbox.zohoapis.com"),
    (DataCenter.US, Environment.DEVELOPER, "https://accounts.zoho.com", "https://developer.zohoapis.com"),
    (DataCenter.EU, Environment.PRODUCTION, "https://accounts.zoho.eu", "https://www.zohoapis.eu"),
    (DataCenter.EU, Environment.SANDBOX, "https://accounts.zoho.eu", "https://sandbox.zohoapis.eu"),
    (DataCenter.EU, Environment.DEVELOPER, "https://accounts.zoho.eu", "https://developer.zohoapis.eu"),
    (DataCenter.IN, Environment.PRODUCTION, "https://accounts.zoho.in", "https://www.zohoapis.in"),
    (DataCenter.IN, Environment.SANDBOX, "https://accounts.zoho.in", "https://sandbox.zohoapis.in"),
    (DataCenter.IN, Environment.DEVELOPER, "https://accounts.zoho.in", "https://developer.zohoapis.in"),
    (DataCenter.AU, Environment.PRODUCTION, "https://accounts.zoho.com.au", "https://www.zohoapis.com.au"),
    (DataCenter.AU, Environment.SANDBOX, "https://accounts.zoho.com.au", "https://sandbox.zohoapis.com.au"),
    (DataCenter.AU, Environment.DEVELOPER, "https://accounts.zoho.com.au", "https://developer.zohoapis.com.au"),
    (DataCenter.CN, Environment.PRODUCTION, "https://accounts.zoho.com.cn", "https://www.zohoapis.com.cn"),
    (DataCenter.CN, Environment.SANDBOX, "https://accounts.zoho.com.cn", "https://sandbox.zohoapis.com.cn"),
    (DataCenter.CN, Environment.DEVELOPER, "https://accounts.zoho.com.cn", "https://developer.zohoapis.com.cn"),
    (DataCenter.JP, Environment.PRODUCTION, "https://accounts.zoho.jp", "https://www.zohoapis.jp"),
    (DataCenter.JP, Environment.SANDBOX, "https://accounts.zoho.jp", "https://sandbox.zohoapis.jp"),
    (DataCenter.JP, Environment.DEVELOPER, "https://accounts.zoho.jp", "https://developer.zohoapis.jp"),
    (DataCenter.CA, Environment.PRODUCTION, "https://accounts.zohocloud.ca", "https://www.zohoapis.ca"),
    (DataCenter.CA, Environment.SANDBOX, "https://accounts.zohocloud.ca", "https://sandbox.zohoapis.ca"),
    (DataCenter.CA, Environment.DEVELOPER, "https://accounts.zohocloud.ca", "https://developer.zohoapis.ca"),
    (DataCenter.SA, Environment.PRODUCTION, "https://accounts.zoho.sa", "https://www.zohoapis.sa"),
    (DataCenter.SA, Environment.SANDBOX, "https://accounts.zoho.sa", "https://sandbox.zohoapis.sa"),
    (DataCenter.SA, Environment.DEVELOPER, "https://accounts.zoho.sa", "https://developer.zohoapis.sa"),
    (DataCenter.UK, Environment.PRODUCTION, "https://accounts.zoho.uk", "https://www.zohoapis.uk"),
    (DataCenter.UK, Environment.SANDBOX, "https://accounts.zoho.uk", "https://sandbox.zohoapis.uk"),
    (DataCenter.UK, Environment.DEVELOPER, "https://accounts.zoho.uk", "https://developer.zohoapis.uk"),
    (DataCenter.AE, Environment.PRODUCTION, "https://accounts.zoho.ae", "https://www.zohoapis.ae"),
    (DataCenter.AE, Environment.SANDBOX, "https://accounts.zoho.ae", "https://sandbox.zohoapis.ae"),
    (DataCenter.AE, Environment.DEVELOPER, "https://accounts.zoho.ae", "https://developer.zohoapis.ae"),
]


@pytest.mark.parametrize(
    ("data_center", "environment", "accounts_url", "api_url"), URLS, ids=[f"{row[0]}-{row[1]}" for row in URLS]
)
def test_each_environment_of_a_data_centre_has_its_hosts(
    data_center: DataCenter, environment: Environment, accounts_url: str, api_url: str
) -> None:
    """Tokens are minted at one host for all environments, and each environment answers at its own."""
    assert endpoints_of(data_center, environment) == Endpoints(accounts_url, api_url)


def test_the_table_of_hosts_has_every_data_centre_and_environment() -> None:
    """No data centre and no environment is without a row here."""
    assert {(row[0], row[1]) for row in URLS} == {(center, where) for center in DataCenter for where in Environment}


@pytest.mark.parametrize(
    ("api_url", "api_domain"),
    [
        pytest.param("https://www.zohoapis.com", "https://www.zohoapis.com", id="same"),
        pytest.param("https://www.zohoapis.com", "https://www.zohoapis.com/", id="trailing-slash"),
        pytest.param("https://www.zohoapis.com", "HTTPS://WWW.ZohoAPIs.com", id="other-case"),
        pytest.param("https://www.zohoapis.com", "https://zohoapis.com", id="without-www"),
        pytest.param("https://www.zohoapis.com.au", "https://zohoapis.com.au", id="without-www-au"),
        pytest.param("https://sandbox.zohoapis.eu", "https://sandbox.zohoapis.eu", id="sandbox"),
        pytest.param("https://crm.example.com:8443", "https://crm.example.com:8443", id="custom-with-port"),
        pytest.param("http://127.0.0.1:8080", "http://127.0.0.1:8080", id="simulator"),
        pytest.param("http://[::1]:8080", "http://[::1]:8080", id="ipv6"),
    ],
)
def test_an_api_domain_that_is_the_configured_host_is_followed(api_url: str, api_domain: str) -> None:
    """Zoho may name the host that the user chose, with or without its `www.`."""
    assert Endpoints("https://accounts.zoho.com", api_url).accepts_api_domain(api_domain) is True


@pytest.mark.parametrize(
    "api_domain",
    [
        pytest.param("", id="empty"),
        pytest.param("www.zohoapis.com", id="no-scheme"),
        pytest.param("//www.zohoapis.com", id="scheme-relative"),
        pytest.param("https://", id="no-host"),
        pytest.param("https:www.zohoapis.com", id="no-slashes"),
        pytest.param("http://www.zohoapis.com", id="plain-http"),
        pytest.param("ftp://www.zohoapis.com", id="ftp"),
        pytest.param("https://www.zohoapis.eu", id="other-data-centre"),
        pytest.param("https://sandbox.zohoapis.com", id="other-environment"),
        pytest.param("https://evil.example", id="other-host"),
        pytest.param("https://www.zohoapis.com.evil.com", id="as-a-subdomain-of-another"),
        pytest.param("https://evil.www.zohoapis.com", id="a-subdomain-of-it"),
        pytest.param("https://wwwXzohoapis.com", id="no-dot"),
        pytest.param("https://evilzohoapis.com", id="a-longer-name"),
        pytest.param("https://www.zohoapis.com.", id="trailing-dot"),
        pytest.param("https://user@www.zohoapis.com", id="user"),
        pytest.param("https://user:password@www.zohoapis.com", id="user-and-password"),
        pytest.param("https://@www.zohoapis.com", id="empty-user"),
        pytest.param("https://www.zohoapis.com@evil.com", id="it-as-user"),
        pytest.param("https://www.zohoapis.com\\@evil.com", id="backslash"),
        pytest.param("https://www.zohoapis.com:443", id="default-port"),
        pytest.param("https://www.zohoapis.com:8443", id="port"),
        pytest.param("https://www.zohoapis.com:x", id="odd-port"),
        pytest.param("https://www.zohoapis.com/crm", id="path"),
        pytest.param("https://www.zohoapis.com//evil.com", id="double-slash-path"),
        pytest.param("https://www.zohoapis.com/?a=b", id="query"),
        pytest.param("https://www.zohoapis.com/#a", id="fragment"),
        pytest.param("https://www.zohoapis.com?", id="empty-query"),
        pytest.param("https://www.zohoapis.com#", id="empty-fragment"),
        pytest.param("https://www.zoho\napis.com", id="newline"),
        pytest.param("https://www.zohoapis.com\r\nX-Evil: 1", id="header-injection"),
        pytest.param(" https://www.zohoapis.com", id="leading-space"),
        pytest.param("https://www.zohoapis.com\u2100.evil.com", id="character-that-normalises-to-a-slash"),
        pytest.param("https://[", id="broken-ipv6"),
        pytest.param("https://[www.zohoapis.com]", id="name-in-brackets"),
        pytest.param("https://\uff57\uff57\uff57.zohoapis.com", id="full-width-letters"),
        pytest.param("https://www.zohoapi\u017f.com", id="long-s"),
        pytest.param("javascript:alert(1)", id="javascript"),
    ],
)
def test_any_other_api_domain_is_not_followed(api_domain: str) -> None:
    """A token's answer never moves the exporter to a host, a scheme or a path that the user has not named."""
    endpoints = Endpoints("https://accounts.zoho.com", "https://www.zohoapis.com")
    assert endpoints.accepts_api_domain(api_domain) is False


@pytest.mark.parametrize(
    ("api_domain", "place"),
    [
        ("https://www.zohoapis.eu", ("eu", "production")),
        ("https://zohoapis.in/", ("in", "production")),
        ("https://sandbox.zohoapis.com", ("us", "sandbox")),
        ("https://developer.zohoapis.com.au", ("au", "developer")),
        ("https://www.zohoapis.example", None),
        ("", None),
    ],
)
def test_an_api_domain_tells_where_the_account_is(api_domain: str, place: tuple[str, str] | None) -> None:
    """The data centre and the environment; nothing for a host that is not Zoho's."""
    assert place_of(api_domain) == place


def test_a_custom_host_without_www_does_not_gain_one() -> None:
    """Only our own `www.` may be left out; none is added."""
    endpoints = Endpoints("https://accounts.zoho.com", "https://zohoapis.com")
    assert endpoints.accepts_api_domain("https://www.zohoapis.com") is False


ACCEPTED = {"https://www.zohoapis.com", "https://www.zohoapis.com/", "https://zohoapis.com", "https://zohoapis.com/"}


@given(
    st.text(max_size=60)
    | st.from_regex(r"(?i)https?://[^ ]{0,12}(www\.)?zohoapis\.com[^ ]{0,12}", fullmatch=True)
    | st.lists(
        st.sampled_from(["https", ":", "/", "//", "@", "www.", "zohoapis.com", "[", "]", "?", "#", "\t", "."])
    ).map("".join)
)
def test_any_text_is_followed_or_not_and_nothing_else(api_domain: str) -> None:
    """Only the configured host, spelt in any case, is ever followed; no text is an unexpected exception."""
    endpoints = Endpoints("https://accounts.zoho.com", "https://www.zohoapis.com")
    assert endpoints.accepts_api_domain(api_domain) is (api_domain.lower() in ACCEPTED)
