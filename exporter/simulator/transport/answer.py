"""An answer as the gateway makes it, free of sockets."""

import json
from dataclasses import dataclass, replace
from http import HTTPStatus

JSON_TYPE = "application/json;charset=UTF-8"
HTML_TYPE = "text/html;charset=UTF-8"


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole HTTP answer. `code` is Zoho's word for the refusal, empty for a success; it is for accounting only."""

    status: int
    body: bytes = b""
    content_type: str = JSON_TYPE
    headers: tuple[tuple[str, str], ...] = ()
    code: str = ""

    def with_headers(self, *headers: tuple[str, str]) -> "Answer":
        """Give the same answer with more headers."""
        return replace(self, headers=(*self.headers, *headers))


def json_answer(status: int, content: object, *, code: str = "") -> Answer:
    """Encode a JSON answer the way Zoho does: compact, UTF-8."""
    body = json.dumps(content, separators=(",", ":"), ensure_ascii=False)
    return Answer(status, body.encode(), code=code)


def html_answer(status: int, text: str | None = None) -> Answer:
    """Give the kind of page that Zoho's edges send instead of JSON."""
    text = phrase(status) if text is None else text
    page = f"<!DOCTYPE html><html><head><title>{text}</title></head><body><h1>{text}</h1></body></html>"
    return Answer(status, page.encode(), HTML_TYPE, code="html")


def phrase(status: int) -> str:
    """Give the reason phrase of a status, also of one that no standard knows."""
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Unknown"
