"""What comes from outside, in an exporter's place."""

import csv
import json
import socket
from collections.abc import Callable
from http.client import HTTPResponse
from threading import Thread
from typing import Any

import pytest
from samples import LEADS, NOW, report, tracked
from sites import Typed

from exporter.cli.jobs.client.answers import TimelyResponse, printable, read_document, read_problem
from exporter.jobs.outcome import note_report
from exporter.model import JobState
from exporter.web.api.schemas import JobWithHistoryView

JOB = "acme/Leads/3524033000006027001"
RUNNING = JobWithHistoryView.model_validate(note_report(tracked(), report(), NOW)).model_dump(mode="json")
ENDED = JobWithHistoryView.model_validate(
    note_report(tracked(), report(JobState.COMPLETED, updated=50, not_updated=0), NOW)
).model_dump(mode="json")
ORDERS = "\x1b]0;title\x07\x1b[2J\r\u202e\x9b"
"""To a terminal."""
ORDERING = frozenset("\x1b\x07\r\u202e\x9b")
Impostor = Callable[..., str]
SHOWING = (
    ("jobs",),
    ("jobs", "--format=csv"),
    ("jobs", "--format=json"),
    ("status", JOB),
    ("history", JOB),
    ("history", JOB, "--format=csv"),
    ("history", JOB, "--format=openmetrics"),
    ("track", JOB),
)
TELLING = tuple(words for words in SHOWING if JOB in words)
KEY = {"account": LEADS.account, "module": LEADS.module, "job_id": LEADS.job_id}
CHANGING = (("untrack", JOB), ("ack", JOB), ("ack", JOB, "--undo"))
ALL = (*SHOWING, *CHANGING, ("untrack", "Leads/7"), ("ack", "Leads/7"))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("Grüße, 世界", "Grüße, 世界"),
        ("क्\u200dष", "क्\u200dष"),
        ("a\nb\x00", "a\\nb\\x00"),
        ("\u202e\ud800", "\\u202e\\ud800"),
        ("n" * 1001, "n" * 1000 + "…"),
        ("\x1b" * 400, "\\x1b" * 250 + "…"),
    ],
    ids=["text", "a joiner", "controls", "no order and half a character", "long", "long by that"],
)
def test_text_is_made_printable(text: str, told: str) -> None:
    """All writing systems are text, and what is text is left alone."""
    assert printable(text) == told


def test_every_text_of_a_document_is_made_printable() -> None:
    """However deep it stands."""
    assert read_document(b'{"a\\u001b": [{"b": "\\u0007"}], "c": 1}') == {"a\\x1b": [{"b": "\\x07"}], "c": 1}


@pytest.mark.parametrize(
    ("problem", "told"),
    [
        pytest.param({"detail": "no"}, ("no", ""), id="a sentence"),
        pytest.param(
            {"detail": "no", "errors": [{"pointer": "/labels/a", "detail": "x"}] * 12},
            ("no", "; ".join(["a: x"] * 10 + ["and 2 more"])),
            id="many errors",
        ),
        pytest.param({"detail": 5, "errors": []}, ("", ""), id="no sentence"),
        pytest.param({"detail": "no", "errors": 5}, ("", ""), id="no list"),
        pytest.param({"detail": "no", "errors": [5]}, ("", ""), id="no error"),
        pytest.param({"detail": "no", "errors": [{"pointer": 5, "detail": []}]}, ("", ""), id="no texts"),
        pytest.param([], ("", ""), id="no object"),
    ],
)
def test_problem_is_read(problem: object, told: tuple[str, str]) -> None:
    """What is not one says nothing."""
    assert read_problem(json.dumps(problem).encode()) == told


def test_answer_has_its_time_as_a_whole() -> None:
    """Bytes that come one by one prolong nothing: those that are there already are too late, too."""
    for kind, caught in ((HTTPResponse, False), (TimelyResponse, True)):
        ours, theirs = socket.socketpair()
        with ours, theirs:
            theirs.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
            ours.settimeout(1e-9)
            answer = kind(ours)
            if caught:
                with pytest.raises(TimeoutError):
                    answer.begin()
            else:
                answer.begin()
                assert answer.read() == b"ok"
            answer.close()


def test_answer_in_time_is_read() -> None:
    """Also where its end is told by the connection's end."""
    ours, theirs = socket.socketpair()
    with ours:
        with theirs:
            theirs.sendall(b"HTTP/1.1 200 OK\r\n\r\nok")
        ours.settimeout(10)
        answer = TimelyResponse(ours)
        answer.begin()
        assert answer.read() == b"ok"
        answer.close()


@pytest.mark.parametrize(
    "document",
    [
        pytest.param({}, id="nothing"),
        pytest.param({"jobs": None}, id="null"),
        pytest.param({"jobs": [5]}, id="no objects"),
        pytest.param({"jobs": [], "next": 5}, id="no cursor"),
        pytest.param({"jobs": [], "next": "again"}, id="pages without end"),
        pytest.param(b'{"jobs": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", id="nested deeply"),
        pytest.param(b"<html>", id="no JSON"),
        pytest.param(b"", id="an empty page"),
        pytest.param(b'{"jobs": [NaN]}', id="no number"),
    ],
)
def test_somebody_else_is_told(typed: Typed, impostor: Impostor, document: object) -> None:
    """By every command, in one line and without a traceback."""
    impostor(document)
    for words in ALL:
        status, out, err = typed(*words)
        assert (words, status, out, len(err.splitlines())) == (words, 1, "", 1)
        assert "answers, but not as the exporter does" in err


def test_poll_that_somebody_else_answers_is_none(typed: Typed, impostor: Impostor) -> None:
    """Who shows the job, and has nothing to show of a poll, has made none."""
    impostor(RUNNING)
    status, out, err = typed("status", JOB)
    assert (status, out) == (1, "")
    assert "answers, but not as the exporter does" in err


ODD = [
    pytest.param({"name": 5}, id="name"),
    pytest.param({"group": None}, id="group"),
    pytest.param({"updated_records": "30"}, id="count as text"),
    pytest.param({"total_records": True}, id="count as truth"),
    pytest.param({"records_per_second": "fast"}, id="pace"),
    pytest.param({"labels": ["team"]}, id="labels"),
    pytest.param({"labels": {"team\n": "x"}}, id="a label's name"),
    pytest.param({"labels": {"team": 5}}, id="a label's value"),
    pytest.param({"history": 5}, id="history"),
    pytest.param({"history": [5]}, id="history of numbers"),
    pytest.param({"history": [{**RUNNING["history"][0], "failed_records": "1"}]}, id="a count of the history"),
    pytest.param({"first_seen_at": 1}, id="time"),
    pytest.param({"job_id": 7}, id="job id"),
    pytest.param({"error": {"code": "timeout", "message": None, "advice": "check"}}, id="error"),
]


@pytest.mark.parametrize("odd", ODD)
def test_job_of_another_form_is_told(typed: Typed, impostor: Impostor, odd: dict[str, Any]) -> None:
    """A field that is of another kind is no reason for a traceback."""
    shown = {**RUNNING, **odd}
    impostor({**shown, "jobs": [shown]})
    for words in (("jobs",), ("status", JOB), ("history", JOB, "--format=openmetrics")):
        status, out, err = typed(*words)
        assert (status, out, len(err.splitlines())) == (1, "", 1)
        assert "answers, but not as the exporter does" in err


def test_terminal_takes_no_orders_from_a_job(typed: Typed, impostor: Impostor) -> None:
    """Whatever text of it is shown."""
    texts = dict.fromkeys(("name", "group", "undocumented_state"), f"[/red]{ORDERS}")
    error = dict.fromkeys(("code", "message", "advice"), ORDERS)
    shown = {**ENDED, **texts, "error": error, "labels": {"team": ORDERS}}
    another = {**shown, **dict.fromkeys(("account", "module", "job_id"), f"[/red]{ORDERS}")}
    impostor({**shown, "jobs": [shown, another]})
    for words in SHOWING:
        status, out, err = typed(*words)
        assert (words, status) == (words, 0)
        assert ORDERING.isdisjoint(out + err)
    impostor(another)
    for words in TELLING:
        status, out, err = typed(*words)
        assert (words, status, out, ORDERING.isdisjoint(err)) == (words, 1, "", True)


@pytest.mark.parametrize("other", [{"account": "other"}, {"module": "Deals"}, {"job_id": "999"}], ids=str)
def test_another_job_is_not_the_one_asked_for(typed: Typed, impostor: Impostor, other: dict[str, str]) -> None:
    """However well it stands."""
    impostor({**ENDED, **other})
    for words in TELLING:
        status, out, err = typed(*words)
        assert (words, status, out, len(err.splitlines())) == (words, 1, "", 1)
        assert f"(it tells of {'/'.join({**KEY, **other}.values())})" in err


def test_terminal_takes_no_orders_from_a_refusal(typed: Typed, impostor: Impostor) -> None:
    """It stays one line, and short."""
    fault = {"pointer": f"/{ORDERS}", "detail": ORDERS * 1000}
    impostor({"title": ORDERS, "detail": ORDERS * 1000, "errors": [fault] * 20}, 409)
    for words in ALL:
        status, out, err = typed(*words)
        assert (words, status, out) == (words, 1, "")
        assert ORDERING.isdisjoint(err)
        assert len(err) < 2000


BUSY = "it, or a proxy before it, is busy or fails for now (HTTP {}): it may answer in a moment"
THERE = "give that address, if the exporter is there"
BY_TLS = "ask with https:// instead"


@pytest.mark.parametrize(
    ("status", "location", "body", "told"),
    [
        pytest.param(
            302,
            b"https://exporter.example/zoho/api/v1/jobs?limit=1000",
            b"",
            f"it leads to https://exporter.example/zoho (HTTP 302): {THERE}",
            id="elsewhere",
        ),
        pytest.param(
            307,
            b"https://sso.example/login\x1b?state=hunter2",
            b"",
            f"it leads to https://sso.example/login\\x1b (HTTP 307): {THERE}",
            id="to a login",
        ),
        pytest.param(304, b"", b"", "HTTP 304", id="nowhere"),
        pytest.param(400, b"", b"", f"HTTP 400: if it speaks TLS, {BY_TLS}", id="wordless"),
        pytest.param(
            400,
            b"",
            b"Client sent an HTTP request to an HTTPS server.\n",
            f"it speaks TLS (HTTP 400): {BY_TLS}",
            id="TLS of Go",
        ),
        pytest.param(
            400,
            b"",
            b"<html><title>400 The plain HTTP request was sent to HTTPS port</title>",
            f"it speaks TLS (HTTP 400): {BY_TLS}",
            id="TLS of nginx",
        ),
        pytest.param(400, b"", {"detail": "No https here."}, "No https here.", id="another fault"),
        pytest.param(429, b"", b"", BUSY.format(429), id="too many requests"),
        pytest.param(503, b"", b"too many requests at once\n", BUSY.format(503), id="busy"),
        pytest.param(502, b"https://x.example", b"<html>", BUSY.format(502), id="a proxy"),
        pytest.param(503, b"", {"detail": "It is done, but not kept."}, "It is done, but not kept.", id="in words"),
    ],
)
def test_answer_without_words_says_what_to_do(
    typed: Typed, impostor: Impostor, *, status: int, location: bytes, body: object, told: str
) -> None:
    """A number alone helps nobody; a secret in an address is left out."""
    there = impostor(body, status, header=b"\r\nLocation: " + location if location else b"")
    assert typed("jobs") == (1, "", f"zoho-mass-update-exporter: {there}: {told}\n")


def test_terminal_takes_no_orders_from_a_broken_status_line(typed: Typed, impostor: Impostor) -> None:
    """Nor from what speaks no HTTP at all."""
    impostor({}, line=ORDERS.encode())
    status, _, err = typed("jobs")
    assert status == 1
    assert ORDERING.isdisjoint(err)
    assert "no exporter answers at" in err


@pytest.mark.parametrize(
    ("line", "told"),
    [
        pytest.param(b"\x15\x03\x01\x00\x02\x02\x46", "{} speaks TLS", id="an alert"),
        pytest.param(b"", "no exporter answers at {} (Remote end closed connection without response)", id="no word"),
    ],
)
def test_who_speaks_tls_and_does_not_say_so_in_http_is_told(
    typed: Typed, monkeypatch: pytest.MonkeyPatch, line: bytes, told: str
) -> None:
    """By every command."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            for _ in ALL:
                connection, _ = server.accept()
                with connection:
                    connection.recv(1 << 16)
                    connection.sendall(line)
                    connection.shutdown(socket.SHUT_WR)
                    while connection.recv(1 << 16):
                        pass  # closed with a part of the question unread, it would be reset, and the line lost

        answering = Thread(target=answer)
        answering.start()
        there = f"http://127.0.0.1:{server.getsockname()[1]}"
        monkeypatch.setenv("ZOHO_EXPORTER_URL", there)
        for words in ALL:
            status, out, err = typed(*words)
            assert (words, status, out) == (words, 1, "")
            assert told.format(there) in err
            assert err.endswith("ask with https:// instead\n")
        answering.join(30)


def test_line_to_be_typed_again_is_one_word_to_a_shell(typed: Typed, impostor: Impostor) -> None:
    """Whatever an account is called there."""
    impostor({**RUNNING, "account": "a;reboot"})
    _, out, _ = typed("track", JOB.removeprefix("acme/"))
    assert "zoho-mass-update-exporter status 'a;reboot/Leads/3524033000006027001' --watch" in out


@pytest.mark.parametrize(
    ("name", "cell"),
    [
        ("=cmd|' /C calc'!A0", "'=cmd|' /C calc'!A0"),
        ("+1", "'+1"),
        ("-1", "'-1"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("Spring = leads", "Spring = leads"),
    ],
)
def test_spreadsheet_finds_no_formula(typed: Typed, impostor: Impostor, name: str, cell: str) -> None:
    """Whoever may name a job has nothing reckoned on another's machine."""
    impostor({"jobs": [{**RUNNING, "name": name}]})
    _, row = csv.reader(typed("jobs", "--format=csv")[1].splitlines())
    assert row[:4] == [LEADS.account, LEADS.module, LEADS.job_id, cell]
