"""Which proxy a call goes through."""

import pytest
from pydantic import SecretStr

from exporter.settings import Settings

_PROXY = SecretStr("http://proxy:3128")


@pytest.fixture(autouse=True)
def _no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.mark.parametrize("url", ["http://localhost:1", "http://127.0.0.1", "https://[::1]:8"])
def test_loopback_is_never_proxied(url: str) -> None:
    """Not even when a proxy is set."""
    assert Settings(proxy_url=_PROXY).proxies_for(url) == {}


def test_setting_wins_over_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """And over its exceptions."""
    monkeypatch.setenv("HTTPS_PROXY", "http://other:1")
    monkeypatch.setenv("NO_PROXY", "*")
    assert Settings(proxy_url=_PROXY).proxies_for("https://www.zohoapis.eu") == {"https": "http://proxy:3128"}


def test_environment_decides_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    """By scheme, with NO_PROXY's exceptions and ALL_PROXY last."""
    assert Settings().proxies_for("https://www.zohoapis.eu") == {}
    monkeypatch.setenv("ALL_PROXY", "http://all:1")
    assert Settings().proxies_for("https://www.zohoapis.eu") == {"https": "http://all:1"}
    monkeypatch.setenv("HTTPS_PROXY", "http://other:1")
    assert Settings().proxies_for("https://www.zohoapis.eu") == {"https": "http://other:1"}
    monkeypatch.setenv("NO_PROXY", "zohoapis.eu")
    assert Settings().proxies_for("https://www.zohoapis.eu") == {}
    assert Settings().proxies_for("https://accounts.zoho.eu") == {"https": "http://other:1"}
