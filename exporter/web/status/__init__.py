"""The status page: every job and account in words, for people."""

from exporter.web.status.page import StatusPage

__all__ = ["StatusPage"]
