"""A served web application."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from threading import Event

from exporter.access import WebAccess
from exporter.web.guard import Guard
from exporter.web.guard.bearer import BearerToken
from exporter.web.guard.web_config import WebConfig


@dataclass(frozen=True)
class Site:
    """A server under way: where it answers, and the event of its end."""

    url: str
    ended: Event


Serve = Callable[..., Site]
"""Serves an application; `connections` bounds what clients may take."""


Typed = Callable[..., tuple[int, str, str]]
"""Types a command, and gives its exit status and what it wrote on standard output and error."""

NOWHERE = Path("no such file")


def token_guard(token: str) -> Guard:
    """Give a guard that knows the API's token, or none."""
    return Guard(token=BearerToken(NOWHERE, lambda _: token) if token else None)


def user_guard(
    users: Mapping[str, bytes], headers: Mapping[str, str] | None = None, *, interval: float = 0.0, burst: int = 0
) -> Guard:
    """Give a guard that asks for passwords."""
    access = WebAccess(users=users, headers=headers or {}, request_interval_seconds=interval, request_burst=burst)
    return Guard(WebConfig(Path(__file__), lambda _: access))
