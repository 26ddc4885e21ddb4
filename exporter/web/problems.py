"""Refusals as RFC 9457 tells them: `application/problem+json`."""

from collections.abc import Sequence
from http import HTTPStatus

from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, PlainTextResponse, Response

UNREAD = "What was kept before the start could not be read yet"
UNSEEN = f"{UNREAD}: what was seen of it before is missing."
STARTING = "the exporter is starting: what it knows is being loaded"
API_PATH = "/api/"
"""Below it refusals are for programs."""
MEDIA_TYPE = "application/problem+json"
SOON = {"Retry-After": "1", "Connection": "close"}
"""For a request that there is no room for: what was sent behind it without waiting goes with it."""


def unread(key: object) -> str:
    """Say that what is kept, and may have a job, could not be read yet."""
    return f"{UNREAD}: whether {key} is tracked is not known."


def unheard(key: object) -> str:
    """Say that others may have been told of a job."""
    return (
        f"The state can't be read or written now: whether {key} is tracked is not known. Send the request again later."
    )


def problem(status: int, title: str, detail: str, errors: Sequence[dict[str, str]] = ()) -> Response:
    """Give a refusal; `errors` tells of each wrong value by its JSON pointer."""
    body: dict[str, object] = {"type": "about:blank", "title": title, "status": status, "detail": detail}
    if errors:
        body["errors"] = list(errors)
    return JSONResponse(body, status_code=status, media_type=MEDIA_TYPE)


def refusal(path: str, error: HTTPException) -> Response:
    """Refuse a request for a path: as a problem below the API's, else in plain text."""
    if not path.startswith(API_PATH):
        return PlainTextResponse(f"{error.detail}\n", error.status_code, error.headers)
    answer = problem(error.status_code, HTTPStatus(error.status_code).phrase, f"{error.detail}.")
    answer.headers.update(error.headers or {})
    return answer
