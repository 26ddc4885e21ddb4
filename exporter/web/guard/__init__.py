"""Who may come in: by TLS, by a password, by the API's token, from this machine, and never from a foreign web page."""

from exporter.web.guard.guard import RELOAD_PATH, Entry, Guard
from exporter.web.guard.tls import Tls, open_tls

__all__ = ["RELOAD_PATH", "Entry", "Guard", "Tls", "open_tls"]
