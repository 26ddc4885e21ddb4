"""Attacks on the end: signals that come together, and stops in the middle of work."""

import os
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from pathlib import Path

import pytest
from attack.attacked import Attacked
from attack.conftest import API_TOKEN
from attack.peer import Call, End, Peer, Script, Step, Trickle, answer, head, report
from attack.visitors import Visitor, all_at_once
from processes import eventually

Start = Callable[..., Attacked]

ROUNDS = int(os.environ.get("ATTACK_STOPS", "10"))
"""How many processes get SIGHUP and SIGTERM back to back; 200 is a good number by hand."""
STOP_SECONDS = 15.0
"""Generous bound of a stop while nothing else is under way."""

HUP, TERM, INT = signal.SIGHUP, signal.SIGTERM, signal.SIGINT
HARMLESS = (signal.SIGWINCH, signal.SIGCHLD, signal.SIGCONT, signal.SIGURG, signal.SIGPIPE)
STORMS: dict[str, Sequence[int]] = {
    "reloads, then stop": [HUP] * 50 + [TERM],
    "stop among reloads": [HUP] * 20 + [TERM] + [HUP] * 20,
    "stop, then reloads": [TERM] + [HUP] * 20,
    "Ctrl-C among reloads": [HUP, INT, HUP],
    "Ctrl-C, then reloads": [INT] + [HUP] * 20,
    "reload and stop by turns": [HUP, TERM] * 10,
    "everything": [HUP, *HARMLESS, HUP, *HARMLESS, TERM, *HARMLESS, HUP],
    "harmless ones, then stop": [*HARMLESS * 20, TERM],
}


@pytest.mark.timeout(120 + ROUNDS * 5)
def test_t3_reload_and_stop_back_to_back_ends(start: Start) -> None:
    """A process that gets SIGHUP and at once SIGTERM ends soon with status 0, however often that is tried."""

    def round_of(number: int) -> tuple[bool, int | None]:
        exporter = start(state=folder_of(number))
        exporter.send(HUP)
        if number % 4:
            time.sleep(number % 4 / 1000)
        return exporter.stop() < STOP_SECONDS, exporter.process.returncode

    def folder_of(number: int) -> Path:
        return Path(folder / f"state-{number}" / "state.db")

    folder = start().state.parent
    with ThreadPoolExecutor(4) as pool:
        ends = list(pool.map(round_of, range(ROUNDS)))
    assert ends == [(True, 0)] * ROUNDS


@pytest.mark.parametrize("storm", STORMS.values(), ids=list(STORMS))
def test_t3_storm_of_signals_ends(start: Start, storm: Sequence[int]) -> None:
    """Signals that come together, before, among or after the one that stops, hinder no stop and change no status."""
    exporter = start()
    with suppress(ProcessLookupError):
        for number in storm:
            exporter.send(number)
    assert ended(exporter) < STOP_SECONDS
    assert exporter.process.returncode == 0
    assert "Traceback" not in exporter.log


def test_t3_signals_from_many_sides_end(start: Start) -> None:
    """Reloads by signal from several senders at once, and by HTTP, hinder no stop."""
    exporter = start()
    visitor = Visitor(exporter.port)

    def reload() -> None:
        with suppress(ProcessLookupError):
            for _ in range(100):
                exporter.send(HUP)

    def stop() -> None:
        time.sleep(0.2)
        exporter.send(TERM)

    posts = [partial(visitor.ask, "/-/reload", "POST") for _ in range(5)]
    work: list[Callable[[], object]] = [reload, reload, reload, *posts, stop]
    all_at_once(work)
    assert ended(exporter) < STOP_SECONDS
    assert exporter.process.returncode == 0


def test_t3_reloads_go_on_after_a_storm(start: Start) -> None:
    """After many reloads at once the process still serves, reloads and ends."""
    exporter = start(environment={"ZOHO_JOBS": "Leads/1"})
    for _ in range(200):
        exporter.send(HUP)
    visitor = Visitor(exporter.port)
    assert visitor.ask("/-/healthy").status == 200
    assert visitor.ask("/-/reload", "POST").status == 200
    assert exporter.scrape().states() == {"1": "RUNNING"}
    assert exporter.stop() < STOP_SECONDS
    assert exporter.process.returncode == 0


def ended(exporter: Attacked) -> float:
    """Wait for the end of a process without another signal, and give the seconds until then."""
    since = time.monotonic()
    with suppress(Exception):
        exporter.process.wait(STOP_SECONDS + 5)
    return time.monotonic() - since


def silent(_: Call) -> list[Step]:
    """Say nothing."""
    return [End.HOLD]


def trickling(_: Call) -> list[Step]:
    """Say something now and then."""
    return [head("200 OK", "Content-Type: application/json", "Content-Length: 400"), Trickle(b" " * 400, 0.5)]


def late(_: Call) -> list[Step]:
    """Answer, but late."""
    return [6.0, answer(report(updated=7))]


GRANTED = {"X-Prometheus-Scrape-Timeout-Seconds": "30"}
PATHS = ("/metrics", "/probe?crm_module=Leads&job_id=2", "/probe?crm_module=Leads&job_id=77&debug=true")


STOPPED: dict[str, tuple[str, Script, int]] = {
    "silent": ("status", silent, TERM),
    "trickling": ("status", trickling, INT),
    "late": ("status", late, TERM),
    "no token": ("tokens", silent, TERM),
}
"""Which calls wait when a stop comes, in what manner, and the signal that stops."""


def test_t9_scrape_under_way_at_a_stop_is_answered(start: Start, tmp_path: Path) -> None:
    """Scrapes that wait for longer than a stop does get their page or a 503 with words, and the stop is ordinary."""
    jobs = {"ZOHO_JOBS": "Leads/1,Leads/2,Leads/3", "ZOHO_POLL_TIMEOUT": "7s"}

    def stopped(name: str) -> None:
        call, script, number = STOPPED[name]
        with Peer() as zoho:
            setattr(zoho, call, script)
            exporter = start(environment=jobs, state=tmp_path / name / "state.db", at=zoho)
            visitor = Visitor(exporter.port, headers=GRANTED)
            with ThreadPoolExecutor(len(PATHS) * 2) as pool:
                crowd = [pool.submit(visitor.ask, path) for path in PATHS * 2]
                eventually(lambda: zoho.refreshes if call == "tokens" else len(zoho.polls) >= 3, f"{name}: no call")
                seconds = exporter.stop(number)
                answers = [answer.result() for answer in crowd]
            assert seconds < 7 + STOP_SECONDS, name
            assert exporter.process.returncode == 0, name
            assert [a.status for a in answers if a.status not in {200, 503} or len(a.body) < 10] == [], name
            assert "Traceback" not in exporter.log, name
            assert '"level": "error"' not in exporter.log or call == "tokens", name

    all_at_once([partial(stopped, name) for name in STOPPED])


def test_t9_stop_waits_for_no_client(start: Start) -> None:
    """Clients that send half a request, read nothing or just stay hold up no stop, and make no noise."""
    exporter = start(environment={"ZOHO_JOBS": ",".join(f"Leads/{number}" for number in range(1, 301))})
    visitor = Visitor(exporter.port)
    visitor.scrape(10)
    body = b"POST /api/v1/jobs HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\n" % API_TOKEN.encode()
    halves = (
        b"",
        b"GET /metr",
        b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n" * 20,
        body + b"Content-Length: 100000\r\n\r\n[",
        body + b"Transfer-Encoding: chunked\r\n\r\n1\r\n[\r\n",
        body + b"Expect: 100-continue\r\nContent-Length: 10\r\n\r\n",
    )
    with ThreadPoolExecutor(1) as pool, stay(visitor, halves * 3):
        stopping = pool.submit(exporter.stop)
        assert stopping.result() < STOP_SECONDS
    assert exporter.process.returncode == 0
    assert "Traceback" not in exporter.log


@contextmanager
def stay(visitor: Visitor, payloads: Sequence[bytes]) -> Iterator[None]:
    """Open a connection for each payload, send it, and read nothing until the block ends."""
    with ExitStack() as stack:
        for payload in payloads:
            stack.enter_context(visitor.connected()).sendall(payload)
        yield
