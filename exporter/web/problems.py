"""Refusals as RFC 9457 tells them: `application/problem+json`."""

from collections.abc import Sequence

from starlette.responses import JSONResponse, Response

MEDIA_TYPE = "application/problem+json"


def problem(status: int, title: str, detail: str, errors: Sequence[dict[str, str]] = ()) -> Response:
    """Give a refusal; `errors` tells of each wrong value by its JSON pointer."""
    body: dict[str, object] = {"type": "about:blank", "title": title, "status": status, "detail": detail}
    if errors:
        body["errors"] = list(errors)
    return JSONResponse(body, status_code=status, media_type=MEDIA_TYPE)
