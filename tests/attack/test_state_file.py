"""Attacks on the state file and the disk under it: slow, full, gone, halved, replaced, somebody else's, spoiled."""

import errno
import json
import math
import shutil
import signal
import socket
import sqlite3
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from functools import partial
from pathlib import Path

import pytest
from attack.attacked import Attacked
from attack.conftest import API_TOKEN, Faults
from attack.peer import TOKEN, End, Peer, answer, report

Start = Callable[..., Attacked]

BEARER = {"Authorization": f"Bearer {API_TOKEN}"}
REGISTERED = {"account": "acme", "module": "Deals", "job_id": "77", "name": "registered by a script"}


def used(exporter: Attacked) -> float | None:
    """Give the credits of the last 24 hours, without a poll."""
    return exporter.scrape(path="/metrics?collect[]=accounts").value("zoho_crm_api_credits_used_24h", account="acme")


def known(exporter: Attacked) -> set[str]:
    """Give the ids of the jobs that the API lists."""
    return {job["job_id"] for job in json.loads(exporter.ask("/api/v1/jobs", headers=BEARER).text)["jobs"]}


def register(exporter: Attacked) -> None:
    """Register a job that only the state file remembers."""
    assert exporter.ask("/api/v1/jobs", "POST", REGISTERED, BEARER).status == 201


def settle(holds: Callable[[], object], seconds: float = 8) -> None:
    """Give the exporter some seconds to make something true; what then holds is for the test to say."""
    deadline = time.monotonic() + seconds
    while not holds() and time.monotonic() < deadline:
        time.sleep(0.1)


def is_whole(state: Path) -> bool:
    """Say whether the state file is a database with tables, as another process sees it."""
    with suppress(sqlite3.Error), closing(sqlite3.connect(f"file:{state}?mode=ro", uri=True, timeout=1)) as file:
        return bool(file.execute("select count(*) from sqlite_master").fetchone()[0])
    return False


@pytest.mark.parametrize(("jobs", "delay"), [(60, 0.1), (2, 8)], ids=["60 jobs, 100 ms", "2 jobs, 8 s"])
def test_t4_no_page_and_no_health_check_waits_for_the_disk(
    start: Start, peer: Peer, faults: Faults, jobs: int, delay: float
) -> None:
    """Polls go out and pages come in time on a slow disk; it is told, and made up for when the disk is well."""
    environment = {"ZOHO_JOBS": ",".join(f"Leads/{job_id}" for job_id in range(1, jobs + 1)), **faults.environment}
    exporter = start(environment=environment)
    assert len(exporter.scrape().by_job("updated_records")) == jobs
    silent = told_by_metric(exporter)
    faults.set(delay=delay)
    with ThreadPoolExecutor() as pool:
        pages = pool.submit(lambda: [exporter.scrape(5) for _ in range(2)])
        checks = []
        while not pages.done():
            checks += [(exporter.ask(path).seconds, path) for path in WITHOUT_POLLS]
            time.sleep(0.1)
    assert [check for check in checks if check[0] > 2.5] == []
    assert [page.seconds for page in pages.result() if page.seconds > 6.5] == []
    assert [len(page.by_job("updated_records")) for page in pages.result()] == [jobs, jobs]
    assert len(peer.polls) > jobs
    assert told_by_metric(exporter) != silent
    faults.set()
    crash_later(exporter, delay + 4)  # a write that is under way takes its time to the end
    polls = len(peer.polls)
    exporter.kill()
    assert (used(start(environment=environment)) or 0) >= polls


WITHOUT_POLLS = ["/-/healthy", "/-/ready", "/", "/metrics?collect[]=exporter", "/explain?crm_module=Leads&job_id=1"]


def crash_later(exporter: Attacked, seconds: float = 6) -> None:
    """Scrape for some seconds, so that the exporter can make up for what it could not write."""
    settle(lambda: exporter.scrape(5).seconds > 60, seconds)


def told_by_metric(exporter: Attacked) -> dict[str, float]:
    """Give the families that may tell that the state file is behind or fails: those whose names speak of it."""
    page = exporter.scrape(path="/metrics?collect[]=accounts&collect[]=exporter")
    words = ("written", "saved", "behind", "pending", "booked", "backlog", "lag", "store")
    names = {name for name, _ in page.samples if name.startswith("zoho_") and any(word in name for word in words)}
    return {name: page.total(name) for name in names}


def test_t4_a_stop_does_not_wait_for_a_slow_disk_without_end(start: Start, faults: Faults) -> None:
    """SIGTERM ends a process whose disk takes eight seconds for each write."""
    exporter = start(environment={"ZOHO_JOBS": "Leads/1,Leads/2", **faults.environment})
    exporter.scrape()
    faults.set(delay=8)
    exporter.scrape(3)
    assert exporter.stop() < 29


@pytest.fixture
def starting(request: pytest.FixtureRequest, start: Start, faults: Faults) -> Attacked:
    """Give an exporter that answers and has not loaded its state yet: its disk takes so many seconds for each write."""
    faults.set(delay=request.param)
    with closing(socket.create_server(("127.0.0.1", 0))) as free:
        port = free.getsockname()[1]
    exporter = start(environment={"ZOHO_JOBS": "Leads/1", **faults.environment}, port=port)
    settle(lambda: is_bound(port), 30)
    return exporter


def granted(seconds: float) -> dict[str, str]:
    """Give the header of a Prometheus that waits so long."""
    return {"X-Prometheus-Scrape-Timeout-Seconds": str(seconds)}


def is_bound(port: int) -> bool:
    """Say whether somebody listens."""
    with suppress(ConnectionRefusedError), closing(socket.create_connection(("127.0.0.1", port), timeout=5)):
        return True
    return False


@pytest.mark.parametrize("starting", [2], indirect=True)
def test_t4_health_does_not_wait_for_the_state(starting: Attacked, faults: Faults) -> None:
    """While the state is loaded, health is answered, readiness says it, and all else waits as long as it may."""
    healthy = starting.ask("/-/healthy")
    assert (healthy.status, healthy.text) == (200, "healthy\n")
    words = "the exporter is starting: what it knows is being loaded"
    ready, late = starting.ask("/-/ready"), starting.ask("/metrics", headers=granted(1))
    assert [(answer.status, answer.text) for answer in (ready, late)] == [(503, f"{words}\n")] * 2
    assert late.headers["retry-after"] == "1"
    assert starting.ask("/api/v1/jobs").status == 401
    assert "serving metrics" not in starting.log
    with ThreadPoolExecutor() as pool:
        page = pool.submit(starting.scrape, 30)
        listed = pool.submit(known, starting)
        faults.set()
    assert page.result().by_job("updated_records") == {"1": 1}
    assert listed.result() == {"1"}
    settle(lambda: starting.ask("/-/ready").status == 200)
    assert starting.ask("/-/ready").text == "account acme: ready\n"


@pytest.mark.parametrize("starting", [2, 300], indirect=True, ids=["a start that ends", "a start that hangs"])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_t4_a_stop_ends_a_start(starting: Attacked, faults: Faults, number: signal.Signals) -> None:
    """A signal ends an exporter that is still loading its state, and whoever waits for it hears so."""
    with closing(socket.create_connection(("127.0.0.1", starting.port), timeout=29)) as waiting:
        waiting.sendall(b"GET /metrics HTTP/1.1\r\nHost: us\r\nX-Prometheus-Scrape-Timeout-Seconds: 60\r\n\r\n")
        assert {starting.ask("/-/healthy").status for _ in range(3)} == {200}
        starting.send(number)
        settle(lambda: "stopping" in starting.log)
        faults.set()  # a write that is under way takes its time to the end
        assert waiting.recv(100).startswith(b"HTTP/1.1 503 ")
    assert starting.process.wait(29) == 0
    assert "Traceback" not in starting.log


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO], ids=["full", "broken"])
def test_t4_a_failing_disk_is_told_and_made_up_for(start: Start, peer: Peer, faults: Faults, number: int) -> None:
    """Pages stay whole while no write succeeds, errors are counted, and nothing is lost once the disk is well."""
    environment = {"ZOHO_JOBS": "Leads/1,Leads/2", **faults.environment}
    exporter = start(environment=environment)
    exporter.scrape()
    faults.set(write=number)
    pages = [exporter.scrape(5) for _ in range(3)]
    assert [page.by_job("updated_records") for page in pages] == [{"1": 1, "2": 2}] * 3
    assert max(page.seconds for page in pages) < 6.5
    settle(lambda: store_errors(exporter))
    assert store_errors(exporter) >= 1
    faults.set()
    crash_later(exporter)
    polls = len(peer.polls)
    exporter.kill()
    assert (used(start(environment=environment)) or 0) >= polls


def store_errors(exporter: Attacked) -> float:
    """Give the failed writes that were counted."""
    return exporter.scrape(path="/metrics?collect[]=exporter").total("zoho_mass_update_exporter_store_errors_total")


def test_t4_at_most_an_hours_share_stands_unwritten(start: Start, peer: Peer, faults: Faults) -> None:
    """On a disk that fails for long only a 24th of the budget is spent, and then what stale_after asks for."""
    account = {"ZOHO_DAILY_CREDIT_BUDGET": "240", "ZOHO_CREDIT_RESERVE": "0"}
    exporter = start(environment={"ZOHO_JOBS": "Leads/1", **account, **faults.environment})
    exporter.scrape()
    faults.set(write=errno.ENOSPC)
    for _ in range(30):
        assert exporter.scrape(5).by_job("updated_records") == {"1": 1}
    assert len(peer.polls) <= 14


def sidecars(state: Path) -> list[Path]:
    """Give the state file and all files beside it."""
    return sorted(state.parent.glob(f"{state.name}*"))


def remove(state: Path) -> None:
    """Delete the state file, its log and its lock."""
    for path in sidecars(state):
        path.unlink()


def halve(state: Path) -> None:
    """Cut the state file in the middle, and its log."""
    for path in sidecars(state):
        if path.suffix in {".db", ".db-wal"}:
            with path.open("r+b") as file:
                file.truncate(path.stat().st_size // 2)


def empty(state: Path) -> None:
    """Truncate the state file and its log to nothing; the shared memory beside them is SQLite's own business."""
    for path in sidecars(state):
        if path.suffix in {".db", ".db-wal"}:
            path.write_bytes(b"")


def replace_by_text(state: Path) -> None:
    """Put another file in the place of the state file."""
    remove(state)
    state.write_text("not a database\n" * 999)


def replace_by_copy(state: Path) -> None:
    """Put an old copy in the place of the state file, by renaming as a restore does."""
    copy = state.with_name("restored")
    shutil.copy(state.with_name("old-copy"), copy)
    remove(state)
    copy.rename(state)


DAMAGES: dict[str, Callable[[Path], None]] = {
    "all deleted": remove,
    "file deleted": lambda state: state.unlink(),
    "moved away": lambda state: Path(shutil.move(state, state.with_name("moved"))).touch(),
    "emptied": empty,
    "halved": halve,
    "another file": replace_by_text,
    "an old copy": replace_by_copy,
}


def test_s1_a_damaged_state_file_is_written_whole_again(start: Start, tmp_path: Path) -> None:
    """The next write notices it, tells it, and writes jobs and spent credits from memory: a crash forgets none."""

    def damaged(name: str) -> None:
        with Peer() as zoho:
            again = partial(start, environment={"ZOHO_JOBS": "Leads/1"}, state=tmp_path / name / "state.db", at=zoho)
            exporter = again()
            copy = exporter.state.with_name("old-copy")
            with closing(sqlite3.connect(exporter.state)) as file, closing(sqlite3.connect(copy)) as old:
                file.backup(old)
            exporter.scrape()
            register(exporter)
            exporter.scrape()
            mentions = exporter.log.count('"level": "warning"') + exporter.log.count('"level": "error"')
            DAMAGES[name](exporter.state)
            exporter.scrape()
            settle(lambda: is_whole(exporter.state), 6)
            time.sleep(1)  # the crash comes a while later
            warned = exporter.log.count('"level": "warning"') + exporter.log.count('"level": "error"')
            told = store_errors(exporter) + warned - mentions
            spent = len(zoho.polls)
            exporter.kill()
            zoho.status = lambda _: [End.CLOSE]
            restarted = again()
            assert {"1", "77"} <= known(restarted), name
            assert (used(restarted) or 0) >= spent - 2, name
            assert told, name

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(damaged, DAMAGES))


def test_s1_a_deleted_directory_is_told(start: Start) -> None:
    """Pages stay whole when the state file's directory is gone, and it is told."""
    exporter = start(environment={"ZOHO_JOBS": "Leads/1"})
    exporter.scrape()
    lines = len(exporter.log.splitlines())
    shutil.rmtree(exporter.state.parent)
    assert [exporter.scrape(5).by_job("updated_records") for _ in range(3)] == [{"1": 1}] * 3
    settle(lambda: store_errors(exporter) or len(exporter.log.splitlines()) > lines)
    assert store_errors(exporter) or len(exporter.log.splitlines()) > lines


def test_s1_a_deleted_lock_lets_no_second_exporter_in(start: Start) -> None:
    """After the state file and its lock were deleted and written again, a second exporter on it is still refused."""
    exporter = start(environment={"ZOHO_JOBS": "Leads/1"})
    exporter.scrape()
    remove(exporter.state)
    exporter.scrape()
    settle(lambda: is_whole(exporter.state), 6)
    with pytest.raises(pytest.fail.Exception, match="the exporter ended with 2"):
        start(environment={"ZOHO_JOBS": "Leads/1"})


def test_s2_a_file_of_another_owner_is_used(start: Start, peer: Peer, faults: Faults) -> None:
    """A state file whose mode may not be changed is used all the same, with a warning."""
    environment = {"ZOHO_JOBS": "Leads/1", **faults.environment}
    first = start(environment=environment)
    first.scrape()
    first.stop()
    for path in sidecars(first.state):
        path.chmod(0o660)
    faults.set(chmod=errno.EPERM)
    peer.status = lambda _: [End.CLOSE]
    second = start(environment=environment)
    assert used(second) == 1
    assert '"level": "warning"' in second.log


Change = Callable[[str], str | float]


def change_cells(state: Path, kind: str, change: Change) -> None:
    """Change every cell of a kind (text or real) in a state file, whatever its tables are."""
    with closing(sqlite3.connect(state)) as file:
        file.create_function("changed", 1, change)
        for (table,) in file.execute("select name from sqlite_master where type = 'table'").fetchall():
            for _, column, *_ in file.execute(f"pragma table_info({table})").fetchall():
                with suppress(sqlite3.IntegrityError):
                    file.execute(f"update {table} set {column} = changed({column}) where typeof({column}) = '{kind}'")  # noqa: S608
        file.commit()


def in_documents(change: Callable[[object], object]) -> Change:
    """Change what a cell holds as JSON, and leave other text as it is."""

    def changed(text: str) -> str:
        with suppress(json.JSONDecodeError):
            document = json.loads(text)
            return json.dumps(change(document)) if isinstance(document, dict | list) else text
        return text

    return changed


def with_fractions(number: float) -> Callable[[object], object]:
    """Give a change that puts a number in the place of each fraction of a document."""
    return lambda document: json.loads(json.dumps(document), parse_float=lambda _: number)


def with_tail(tail: str) -> Change:
    """Give a change that lengthens the access token wherever it stands."""
    token = f"{TOKEN}1.acme"
    return lambda text: text.replace(token, token + (json.dumps(tail)[1:-1] if text.startswith(("{", "[")) else tail))


SPOILS: dict[str, list[tuple[str, Change]]] = {
    "inf": [("real", lambda _: math.inf), ("text", in_documents(with_fractions(math.inf)))],
    "nan": [("text", in_documents(with_fractions(math.nan)))],
    "text for numbers": [("real", lambda _: "nan"), ("text", in_documents(with_fractions(-1e300)))],
    "a token of two lines": [("text", with_tail("\u2028x"))],
    "a token with a header": [("text", with_tail("\r\nX-Evil: 1"))],
    "a token beyond ASCII": [("text", with_tail("\u00e9\U0001f600"))],
}


@pytest.mark.parametrize("spoils", SPOILS.values(), ids=SPOILS)
def test_s3_spoiled_cells_are_left_out(start: Start, peer: Peer, spoils: list[tuple[str, Change]]) -> None:
    """What can't be read is left out: the page shows no such number, and the jobs are polled anew."""
    first = start(environment={"ZOHO_JOBS": "Leads/1,Leads/2"})
    for _ in range(3):
        first.scrape()
    register(first)
    first.stop()
    for kind, change in spoils:
        change_cells(first.state, kind, change)
    calls = len(peer.polls)
    page = start(environment={"ZOHO_JOBS": "Leads/1,Leads/2"}).scrape()
    assert [key for key, value in page.samples.items() if key[0].startswith("zoho_") and is_odd(key, value)] == []
    assert page.by_job("poll_error", "code") == {}
    assert page.by_job("updated_records").items() >= {"1": 1, "2": 2}.items()
    assert len(peer.polls) >= calls + 2


def is_odd(key: tuple[str, frozenset[tuple[str, str]]], value: float) -> bool:
    """Say whether a sample's value is no number that an operator could read, or a time before there were jobs."""
    return not math.isfinite(value) or (key[0].endswith("_timestamp_seconds") and value < 1e9)


def test_s4_history_is_let_go(start: Start, peer: Peer) -> None:
    """What a start reads of a long history does not stay in memory."""
    counts = [1, 2, 3]
    peer.status = lambda _: [answer(report(updated=counts.pop(0) if len(counts) > 1 else 3))]
    first = start(environment={"ZOHO_JOBS": "Leads/1"})
    usual = [first.scrape().value("process_resident_memory_bytes") or 0 for _ in range(3)][-1]
    first.stop()
    change_cells(first.state, "text", in_documents(longer))
    second = start(environment={"ZOHO_JOBS": "Leads/1"})
    pages = [second.scrape() for _ in range(3)]
    assert pages[-1].by_job("updated_records") == {"1": 3}
    assert (pages[-1].value("process_resident_memory_bytes") or 0) < usual + 50 * 2**20


def longer(document: object) -> object:
    """Repeat the history in a document a hundred thousand times."""
    parts = [document, *document.values()] if isinstance(document, dict) else [document]
    for part in parts:
        if isinstance(part, list) and len(part) >= 2 and isinstance(part[0], list | dict):
            part.extend(part * 100_000)
    return document
