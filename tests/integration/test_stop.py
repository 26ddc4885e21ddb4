"""A clean stop: what is being written is answered, polls end within their bound, and state is kept."""

import signal
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from threading import Thread

import pytest
import requests
from journey import Exporter, every
from processes import bare_environment, eventually, exporter_command, started
from sharing import sample

from exporter.simulator import Endpoint, Fault, FaultKind, Simulator
from exporter.state import SqliteStore

HEARD = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGALRM)
STALLED, GOOD = "3524033000006027001", "3524033000006027002"


def test_sigterm_answers_the_scrape_under_way(
    simulator: Simulator, start_exporter: Callable[..., Exporter], tmp_path: Path
) -> None:
    """A stop in the middle of a scrape gives its page at once, ends with status 0, and loses nothing that came."""
    path = tmp_path / "state.db"
    for job_id in (STALLED, GOOD):
        simulator.set_status("Leads", job_id, "RUNNING", updated=30, total=50)
    simulator.add_fault(Fault(FaultKind.STALLED_BODY, Endpoint.STATUS, job_id=STALLED))
    jobs = f"Leads/{STALLED},Leads/{GOOD}"
    exporter = start_exporter(jobs=jobs, poll_timeout="2s", state__path=str(path), **every("0s"))
    pages: list[str] = []
    scrape = Thread(target=lambda: pages.append(requests.get(f"{exporter.url}/metrics", timeout=30).text))
    scrape.start()
    exporter.running.log_event("job is RUNNING")
    assert exporter.running.stop(signal.SIGTERM) == 0
    scrape.join(30)
    [page] = pages
    assert f'job_updated_records{{account="acme",job_id="{GOOD}",module="Leads"}} 30.0' in page
    assert f'job_updated_records{{account="acme",job_id="{STALLED}",module="Leads"}}' not in page
    assert "Traceback" not in "".join(exporter.running.stderr)
    with closing(SqliteStore(path)) as store:
        kept = {key.job_id: job for key, job in store.account("acme").jobs().items()}
    assert kept[GOOD].report is not None
    assert kept[STALLED].failure is not None


def test_stop_with_nothing_to_do_is_quick_and_quiet(start_exporter: Callable[..., Exporter]) -> None:
    """An idle exporter ends at once, with one line that says so."""
    exporter = start_exporter()
    assert exporter.running.stop(signal.SIGTERM) == 0
    assert '"event": "stopping"' in exporter.running.stderr[-1]


def test_signals_are_for_the_thread_that_waits_for_them(
    simulator: Simulator, start_exporter: Callable[..., Exporter]
) -> None:
    """No other takes any: what one takes is handled in the middle of whatever goes on, or never."""
    simulator.set_status("Leads", GOOD, "RUNNING", updated=30, total=50)
    exporter = start_exporter(jobs=f"Leads/{GOOD}")
    assert sample(exporter.page(), "zoho_crm_api_up") == 1
    taken = taken_beside_the_first(exporter.running.process.pid)
    assert taken == [[]] * len(taken) != []


def test_signals_of_the_demo_are_for_the_thread_that_waits_for_them(tmp_path: Path) -> None:
    """Nor does a thread of the Zoho within it: a stop was lost."""
    words = ("demo", "--web.listen-address=127.0.0.1:0", "--log.level=info", "--log.format=json")
    with started(exporter_command(*words), bare_environment(), tmp_path) as demo:
        demo.log_event("serving metrics")
        eventually(lambda: "The demo is running" in "".join(demo.stdout), "nothing printed")
        taken = taken_beside_the_first(demo.process.pid)
    assert taken == [[]] * len(taken) != []


def taken_beside_the_first(process: int) -> list[list[signal.Signals]]:
    """Give for each thread but the first those of the signals that we hear which it takes."""
    taken = []
    for thread in Path(f"/proc/{process}/task").iterdir():
        if thread.name != str(process):
            fields = dict(line.split(":\t") for line in (thread / "status").read_text(encoding="ascii").splitlines())
            taken.append([number for number in HEARD if not int(fields["SigBlk"], 16) & 1 << number - 1])
    return taken


@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "SIGINT"])
def test_burst_of_signals_ends_it(start_exporter: Callable[..., Exporter], stop: signal.Signals) -> None:
    """Reloads asked for before, with and after the stop neither hold it up nor are told as a fault."""
    exporter = start_exporter()
    process = exporter.running.process
    for number in (*[signal.SIGHUP] * 20, stop, *[signal.SIGHUP, stop] * 10):
        process.send_signal(number)
    assert exporter.running.end() == 0
    assert "Traceback" not in "".join(exporter.running.stderr)


def test_stop_does_not_wait_for_zoho(simulator: Simulator, start_exporter: Callable[..., Exporter]) -> None:
    """Neither a token nor a report that never comes keeps the process longer than its grace."""
    simulator.set_status("Leads", GOOD, "RUNNING", updated=30, total=50)
    simulator.add_fault(Fault(FaultKind.TIMEOUT, Endpoint.TOKEN))
    exporter = start_exporter(jobs=f"Leads/{GOOD}", poll_timeout="120s")
    scrape = Thread(target=lambda: requests.get(f"{exporter.url}/metrics", timeout=60))
    scrape.start()
    eventually(lambda: simulator.stats().token_calls == 1, "no token is asked for")
    begun = time.monotonic()
    assert requests.post(f"{exporter.url}/-/reload", timeout=30).text == "reloaded\n"
    assert exporter.running.stop(signal.SIGTERM) == 0
    assert time.monotonic() - begun < 20
    scrape.join(30)
    assert not scrape.is_alive()
    assert "Traceback" not in "".join(exporter.running.stderr)


def test_stop_gives_back_what_was_booked_and_not_sent(
    simulator: Simulator, start_exporter: Callable[..., Exporter], tmp_path: Path
) -> None:
    """Polls that wait for a token that never comes cost nothing."""
    path = tmp_path / "state.db"
    simulator.set_status("Leads", GOOD, "RUNNING", updated=30, total=50)
    simulator.add_fault(Fault(FaultKind.TIMEOUT, Endpoint.TOKEN))
    exporter = start_exporter(jobs=f"Leads/{GOOD},Leads/{STALLED}", poll_timeout="120s", state__path=str(path))
    scrape = Thread(target=lambda: requests.get(f"{exporter.url}/metrics", timeout=60))
    scrape.start()
    eventually(lambda: simulator.stats().token_calls == 1, "no token is asked for")
    eventually(lambda: sample(exporter.page(), "zoho_crm_api_credits_used_24h") == 2, "no call is booked")
    assert exporter.running.stop(signal.SIGTERM) == 0
    scrape.join(30)
    with closing(SqliteStore(path)) as store:
        assert store.account("acme").used() == 0
