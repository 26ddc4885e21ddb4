"""Zoho's hosts, at the adapter of requests: answers that a test scripts, and the requests that came."""

from typing import TYPE_CHECKING

from requests_mock import Adapter

if TYPE_CHECKING:
    from requests_mock.request import Request  # the stubs alone have this name


class Upstream(Adapter):
    """Answers as told; what it was not told is a connection error. Several answers are given in turn."""

    def get(self, url: str, *in_turn: dict[str, object], **answer: object) -> None:
        """Answer GET requests of a URL."""
        self.register_uri("GET", url, list(in_turn) or [answer])

    def post(self, url: str, *in_turn: dict[str, object], **answer: object) -> None:
        """Answer POST requests of a URL."""
        self.register_uri("POST", url, list(in_turn) or [answer])

    def requests_to(self, url: str) -> "list[Request]":
        """Give the requests to a URL, whatever their query, oldest first."""
        return [request for request in self.request_history if request.url.split("?")[0] == url]
