"""Who may come in: by TLS, by a password, by the API's token, from this machine, and never from a foreign web page."""

from exporter.web.guard.bearer import BearerToken
from exporter.web.guard.guard import RELOAD_PATH, Entry, Guard
from exporter.web.guard.tls import Tls, open_tls
from exporter.web.guard.web_config import WebConfig

__all__ = ["RELOAD_PATH", "BearerToken", "Entry", "Guard", "Tls", "WebConfig", "open_tls"]
