"""Who may change what the exporter does: those with the bearer token, or with basic auth."""

import hmac
import ipaddress
from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import Response

from exporter.web.problems import problem

RELOAD_PATH = "/-/reload"
"""Where the bearer token counts too, beside the API."""
_FORWARDED = ("Forwarded", "Via", "X-Forwarded-For", "X-Real-IP")
"""Headers by which a proxy says that it asks for somebody else."""
USER = "exporter.user"
"""The key of a request's scope that names the user whom basic auth has let in."""

API_IS_OFF = (
    "The job API is off. To switch it on, set web.api_token_file to a file that holds a bearer token, or guard the "
    "server with basic auth (--web.config.file)."
)
NOT_FROM_A_PAGE = "A web page in a browser may not do this: send the request without the header Origin."


class Access:
    """Lets requests through, or says why not.

    Args:
        read_token: gives the bearer token, or nothing where there is none.
    """

    def __init__(self, read_token: Callable[[], str]) -> None:
        self._read_token = read_token

    def refusal(self, request: Request) -> Response | None:
        """Refuse a request that carries neither the bearer token nor a user's password; `None` lets it through.

        A browser sends the password that it knows with whatever a page of another site makes it post: from a page a
        password opens nothing but what may be read, which browsers keep from that page.
        """
        is_read = request.method in {"GET", "HEAD"}
        if request.scope.get(USER):
            return None if is_read or not _is_page(request) else problem(403, "Forbidden", NOT_FROM_A_PAGE)
        token = self._read_token()
        if not token:
            return problem(403, "The job API is off", API_IS_OFF)
        if self.has_token(request, token):
            return None
        answer = problem(
            401, "Unauthorized", "Send the header Authorization: Bearer, with the token of api_token_file."
        )
        answer.headers["WWW-Authenticate"] = "Bearer"
        return answer

    def refusal_unless_local(self, request: Request) -> Response | None:
        """Refuse as `refusal` does, but let programs of this machine through.

        A browser's page is none, and whoever comes by a proxy may be anybody.
        """
        is_from_elsewhere = _is_page(request) or any(name in request.headers for name in _FORWARDED)
        return None if not is_from_elsewhere and _is_local(request) else self.refusal(request)

    @staticmethod
    def has_token(request: Request, token: str) -> bool:
        """Whether the request carries the token; takes as long for a wrong one as for a right one."""
        scheme, _, given = request.headers.get("Authorization", "").partition(" ")
        is_equal = hmac.compare_digest(given.strip().encode(), token.encode())
        return scheme.lower() == "bearer" and is_equal


def _is_page(request: Request) -> bool:
    return "Origin" in request.headers


def _is_local(request: Request) -> bool:
    try:
        address = ipaddress.ip_address(request.client.host if request.client else "")
    except ValueError:
        return False
    # A socket for both IP versions shows 127.0.0.1 as ::ffff:127.0.0.1, which is no loopback address to every Python.
    return (getattr(address, "ipv4_mapped", None) or address).is_loopback
