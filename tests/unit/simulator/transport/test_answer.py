"""Answers of any server."""

import pytest

from exporter.simulator.transport import html_answer


@pytest.mark.parametrize(("status", "title"), [(502, b"Bad Gateway"), (520, b"Unknown")], ids=["known", "unknown"])
def test_an_edge_answers_in_html(status: int, title: bytes) -> None:
    """Also under a status that no standard knows."""
    assert title in html_answer(status).body


def test_a_page_may_say_something_else() -> None:
    """In place of the reason."""
    assert html_answer(502, "<b>").body.count(b"<b>") == 2
