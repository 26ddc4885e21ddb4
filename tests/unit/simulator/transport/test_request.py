"""Requests as parsed."""

import pytest

from exporter.simulator.transport.request import Request, read_request

PARTS = {"content-type": "multipart/form-data; boundary=--XYZ"}
FORM = {"content-type": "application/x-www-form-urlencoded;charset=UTF-8"}


def read(target: str, *, headers: dict[str, str] | None = None, body: bytes = b"") -> Request:
    """Read a POST."""
    return read_request("POST", target, headers=headers or {}, body=body, own_url="http://127.0.0.1:8")


def test_the_target_is_split() -> None:
    """Into decoded segments and parameters."""
    request = read("/crm/v8/Price%20Books/actions?job_id=1&empty=")
    assert request.segments == ("crm", "v8", "Price Books", "actions")
    assert request.query == {"job_id": "1", "empty": ""}


@pytest.mark.parametrize(
    ("headers", "form"),
    [(FORM, {"a": "2", "b": "3"}), ({"content-type": "application/json"}, {"a": "1"})],
    ids=["form-body", "other-body"],
)
def test_a_form_body_goes_over_the_query(headers: dict[str, str], form: dict[str, str]) -> None:
    """A body of another type is no form."""
    assert read("/?a=1", headers=headers, body=b"a=2&b=3").form == form


@pytest.mark.parametrize(
    ("body", "form"),
    [
        pytest.param(
            b'----XYZ\r\nContent-Disposition: form-data; name="a"\r\n\r\n2\r\n'
            b'----XYZ\r\nContent-Disposition: form-data; name="b"\r\n\r\n\xc3\xa9=&\r\n----XYZ--\r\n',
            {"a": "2", "b": "é=&"},
            id="two-parts",
        ),
        pytest.param(b"----XYZ\r\n\r\n2\r\n----XYZ--\r\n", {"a": "1"}, id="part-without-a-name"),
        pytest.param(b"a=2", {"a": "1"}, id="no-parts"),
        pytest.param(b"", {"a": "1"}, id="empty"),
    ],
)
def test_a_form_may_come_in_parts(body: bytes, form: dict[str, str]) -> None:
    """As Zoho's Node client posts it."""
    assert read("/?a=1", headers=PARTS, body=body).form == form


@pytest.mark.parametrize(
    ("headers", "url"),
    [({"host": "zoho:9"}, "http://zoho:9"), ({}, "http://127.0.0.1:8")],
    ids=["host", "no-host"],
)
def test_the_base_url_is_how_the_client_addressed_us(headers: dict[str, str], url: str) -> None:
    """Else our own."""
    assert read("/", headers=headers).base_url == url


@pytest.mark.parametrize("body", [b"", b"{", b"\xff"], ids=["empty", "broken", "not-utf-8"])
def test_a_body_that_is_no_json_is_a_value_error(body: bytes) -> None:
    """Whatever is wrong with it."""
    with pytest.raises(ValueError, match=r"."):
        _ = read("/", body=body).content
