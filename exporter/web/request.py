"""A request as the routes see it: read whole, and from somebody who may ask."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from threading import Event

from starlette.datastructures import Headers, QueryParams


@dataclass(frozen=True, slots=True)
class Outside:
    """How we are seen from outside, behind a proxy; empty what the operator does not say."""

    scheme: str
    host: str
    """With the port, where there is one."""
    path: str
    """What every path begins with, without a slash at its end."""


@dataclass(frozen=True, slots=True)
class Request:
    """What was asked for.

    `path` is as it was sent, nothing in it decoded, behind the prefix of all paths; `names` are the parts of it that
    vary.
    """

    method: str
    path: str
    headers: Headers
    query: QueryParams
    scheme: str
    client: str
    """The address that asks; empty where it is not known."""
    deadline: float
    """The moment by which the answer must be there, in the seconds of `time.monotonic`."""
    enough: Event = field(default_factory=Event)
    """Set once nothing is waited for any more: what there is is the answer."""
    names: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    has_password: bool = False
    """Whether a user and a password came with it, and were right."""


def listed(headers: Headers, name: str) -> str:
    """Give a header that is a list, which may come on several lines. Source: RFC 9110, 5.3."""
    return ", ".join(headers.getlist(name))


def site_of(headers: Headers) -> str:
    """Say from where a browser asks, in its own words; `none` where no page does. Source: W3C, Fetch Metadata."""
    return headers.get("Sec-Fetch-Site", "none").strip().lower()


def says_its_site(headers: Headers) -> bool:
    """Whether a browser says from where it asks: over https and to this machine, with a page as with its forms."""
    return "Sec-Fetch-Site" in headers


def is_of_own_page(headers: Headers) -> bool:
    """Whether a page of ours asks, as a browser says and no page can make it say."""
    return site_of(headers) == "same-origin"
