"""Which proxy a call goes through."""

from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from exporter.settings.sections.values import is_loopback


def proxies_for(url: str, proxy_url: str | None = None) -> dict[str, str]:
    """Give the proxy for `url` by its scheme; empty for a direct connection.

    `proxy_url` is the setting; without it `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY` of the environment
    decide. Loopback is never proxied.
    """
    parts = urlsplit(url)
    host = parts.hostname or ""
    if is_loopback(host):
        return {}
    if proxy_url:
        return {parts.scheme: proxy_url}
    if proxy_bypass(parts.netloc.rpartition("@")[2]):
        return {}
    found = getproxies()
    proxy = found.get(parts.scheme) or found.get("all")
    return {parts.scheme: proxy} if proxy else {}
