"""A served web application."""

from collections.abc import Callable
from dataclasses import dataclass
from threading import Event


@dataclass(frozen=True)
class Site:
    """A server under way: where it answers, and the event of its end."""

    url: str
    ended: Event


Serve = Callable[..., Site]
"""Serves an application; `connections` bounds what clients may take."""
