"""A request as the gateway and the control endpoint read it: parsed once, free of sockets."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from email import message_from_bytes
from urllib.parse import parse_qsl, unquote, urlsplit

FORM_TYPE = "application/x-www-form-urlencoded"
MULTIPART_TYPE = "multipart/form-data"


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request. `headers` are by lower-case name, `base_url` is how the client addressed us."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    base_url: str

    @property
    def segments(self) -> tuple[str, ...]:
        """The parts of the path, decoded."""
        return tuple(unquote(part) for part in self.path.strip("/").split("/"))

    @property
    def form(self) -> dict[str, str]:
        """The query's parameters, and over them those of a form body; Zoho's own clients send both kinds of form."""
        kind = self.headers.get("content-type", "")
        if FORM_TYPE in kind:
            return {**self.query, **dict(parse_qsl(self.body.decode("utf-8", "replace")))}
        return {**self.query, **_parts(kind, self.body)} if MULTIPART_TYPE in kind else dict(self.query)

    @property
    def content(self) -> object:
        """The JSON body.

        Raises:
            ValueError: It is not JSON in UTF-8.
        """
        content: object = json.loads(self.body)
        return content


def _parts(kind: str, body: bytes) -> dict[str, str]:
    """Read the fields of a form in parts; `kind` is the content type, which names what parts them."""
    message = message_from_bytes(f"Content-Type: {kind}\r\n\r\n".encode("latin-1", "replace") + body)
    fields = {}
    for part in message.walk():
        name, content = part.get_param("name", header="content-disposition"), part.get_payload(decode=True)
        if isinstance(name, str) and isinstance(content, bytes):
            fields[name] = content.decode("utf-8", "replace")
    return fields


def read_request(method: str, target: str, *, headers: Mapping[str, str], body: bytes, own_url: str) -> Request:
    """Make a request of its parts; a client that names a `Host` is answered under that name."""
    split = urlsplit(target)
    host = headers.get("host")
    scheme = own_url.split(":", 1)[0]
    return Request(
        method,
        split.path,
        dict(parse_qsl(split.query, keep_blank_values=True)),
        headers,
        body,
        f"{scheme}://{host}" if host else own_url,
    )
