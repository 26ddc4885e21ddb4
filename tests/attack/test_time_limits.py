"""Attacks on the time limits: whatever stalls or trickles ends within its limit, and a stop ends everything."""

import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from attack.attacked import Attacked, Page
from attack.conftest import Faults, kind_account
from attack.peer import Call, End, Peer, Script, Step, Trickle, answer, endless, head, report
from processes import unmeasured_environment

Start = Callable[..., Attacked]

PATIENT = {"ZOHO_POLL_TIMEOUT": "60s", "ZOHO_CONNECT_TIMEOUT": "60s"}
ONCE = {"ZOHO_SCHEDULE__FAULT_SHORTEST": "1h", "ZOHO_SCHEDULE__FAULT_LONGEST": "1h"}
AT_ONCE = {"ZOHO_MAX_CONCURRENCY": "25"}
OUT_OF_TIME = {"timeout", "deadline"}
CHUNKED = head("200 OK", "Transfer-Encoding: chunked")
BODY = b"%x\r\n%b\r\n" % (len(answer(report())), answer(report()))
STALLS: dict[str, Script] = {
    "silence": lambda _: [End.HOLD],
    "status_line": lambda _: [Trickle(answer(report()))],
    "reason": lambda _: [b"HTTP/1.1 200 O", Trickle(b"K" * 999)],
    "headers": lambda _: [b"HTTP/1.1 200 OK\r\n", Trickle(b"X-A: b\r\n" * 99)],
    "one_header": lambda _: [b"HTTP/1.1 200 OK\r\nX-A: ", Trickle(b"b" * 999)],
    "half_a_body": lambda _: [answer(report())[:-9], End.HOLD],
    "body": lambda _: [head("200 OK", "Content-Length: 999"), Trickle(b" " * 999)],
    "body_without_length": lambda _: [head("200 OK"), Trickle(b" " * 999)],
    "chunk_size": lambda _: [CHUNKED, Trickle(b"0" * 999)],
    "chunk_extension": lambda _: [CHUNKED, b"5;x=", Trickle(b"a" * 999)],
    "chunks": lambda _: [CHUNKED, *[Trickle(b"1\r\n \r\n")] * 99],
    "trailers": lambda _: [CHUNKED, BODY, b"0\r\n", Trickle(b"X-T: a\r\n" * 99)],
    "no_end_of_chunks": lambda _: [CHUNKED, BODY, End.HOLD],
    "continue": lambda _: endless(head("100 Continue"), 0.3),
    "slow_continue": lambda _: [Trickle(head("100 Continue") * 9)],
}


def settled(exporter: Attacked) -> Page:
    """Give the first page without a call under way, or the page after ten seconds."""
    since = time.monotonic()
    while True:
        page = exporter.scrape(3)
        if not page.total("zoho_crm_api_in_flight_requests") or time.monotonic() - since > 10:
            return page


def refresh_timeouts(page: Page) -> set[str]:
    """Give the accounts whose refreshes ran out of time."""
    errors = page.all("zoho_crm_oauth_refresh_errors_total").items()
    counted = [dict(labels) for (_, labels), count in errors if count]
    return {labels["account"] for labels in counted if labels["reason"] in OUT_OF_TIME}


def module_jobs(names: dict[str, Script]) -> str:
    """Give the setting that watches one job of each of these modules, and a good one."""
    return ",".join(f"{name}/7" for name in [*names, "Good"])


def well(_: Call) -> list[Step]:
    """Answer that the job runs."""
    return [answer(report(updated=7))]


def test_t1_whatever_trickles_ends_as_a_timeout(start: Start, peer: Peer) -> None:
    """One limit holds the whole call: each stall is a timeout like any other, and the process ends."""
    peer.status = lambda call: STALLS.get(call.module, well)(call)
    exporter = start(environment={"ZOHO_JOBS": module_jobs(STALLS), "ZOHO_POLL_TIMEOUT": "1s", **ONCE, **AT_ONCE})
    page = settled(exporter)
    codes = {dict(labels)["module"]: dict(labels)["code"] for _, labels in page.all("zoho_mass_update_job_poll_error")}
    assert [stage for stage in STALLS if codes.get(stage) not in OUT_OF_TIME] == []
    assert "Good" not in codes
    assert page.value("zoho_mass_update_job_updated_records", module="Good") == 7
    assert page.total("zoho_crm_api_in_flight_requests") == 0
    assert exporter.stop() < 15


def test_t1_a_stop_waits_for_no_call(start: Start, peer: Peer) -> None:
    """SIGTERM ends a process whose calls all stall, long before their limit, and the page before it was in time."""
    peer.status = lambda call: STALLS.get(call.module, well)(call)
    exporter = start(environment={"ZOHO_JOBS": module_jobs(STALLS), **ONCE, **AT_ONCE, **PATIENT})
    page = exporter.scrape(2)
    assert page.seconds < 5
    assert page.value("zoho_mass_update_job_updated_records", module="Good") == 7
    assert exporter.stop() < 20


def test_t1_a_proxy_that_trickles_is_a_timeout(start: Start, peer: Peer) -> None:
    """The CONNECT answer and the TLS handshake behind it are inside the limit of the call."""
    tunnel = head("200 Connection established")
    stages: list[list[Step]] = [  # one for each connection
        [End.HOLD],
        [Trickle(tunnel)],
        [b"HTTP/1.1 200 OK\r\n", Trickle(b"X-A: b\r\n" * 99)],
        [head("100 Continue"), 0.3] * 20,
        [tunnel, End.HOLD],
        [tunnel, Trickle(b"\x16\x03\x03\x40\x00" + b"\x02" * 999)],
    ]
    ids = [str(job_id) for job_id in range(len(stages))]
    turns = iter(stages)
    peer.proxy = lambda _: next(turns, [End.HOLD])
    exporter = start(
        environment={
            "ZOHO_JOBS": ",".join(f"Leads/{job_id}" for job_id in ids),
            "ZOHO_API_URL": "https://www.attack.example",
            "ZOHO_PROXY_URL": peer.url,
            "ZOHO_POLL_TIMEOUT": "1s",
            **ONCE,
            **AT_ONCE,
        }
    )
    codes = settled(exporter).by_job("poll_error", "code")
    assert [job_id for job_id in ids if codes.get(job_id) not in OUT_OF_TIME] == []
    assert exporter.stop() < 15


@pytest.mark.parametrize("which", ["ZOHO_API_URL", "ZOHO_ACCOUNTS_URL"])
def test_t1_a_resolver_without_answer_is_given_up(start: Start, faults: Faults, which: str) -> None:
    """A lookup that never ends keeps no page, no reload and no stop, and they do not pile up."""
    environment = {"ZOHO_JOBS": "Leads/1,Leads/2,Leads/3,Leads/4,Leads/5", which: "https://www.attack.example"}
    limits = {"ZOHO_MAX_CONCURRENCY": "2", "ZOHO_POLL_TIMEOUT": "1s"}
    exporter = start(environment={**environment, **limits, **faults.environment})
    pages = [exporter.scrape(3) for _ in range(3)]
    assert max(page.seconds for page in pages) < 6
    assert 1 <= faults.lookups <= 2
    if which == "ZOHO_API_URL":
        assert OUT_OF_TIME & {*pages[-1].by_job("poll_error", "code").values()}
    else:
        assert refresh_timeouts(pages[-1]) == {"acme"}
    assert exporter.ask("/-/reload", "POST").seconds < 10
    assert exporter.stop() < 15


NOWHERE = "www.attack.example"


def typed(
    build: list[str], peer: Peer, faults: Faults, directory: Path, *words: str
) -> subprocess.CompletedProcess[str]:
    """Type a command where no lookup of a name ever ends; it fails where that does not end either."""
    variables = {**kind_account(peer), "ZOHO_API_URL": f"https://{NOWHERE}", "XDG_STATE_HOME": str(directory)}
    environment = unmeasured_environment(
        **variables, **{name: str(value) for name, value in faults.environment.items()}
    )
    return subprocess.run(
        [*build, *words], env=environment, cwd=directory, capture_output=True, text=True, timeout=60, check=False
    )


@pytest.mark.parametrize("command", ["run", "simulate"])
def test_t1_a_start_gives_a_resolver_without_answer_up(
    build: list[str], peer: Peer, faults: Faults, tmp_path: Path, command: str
) -> None:
    """The address to listen on has a name that is looked up, too."""
    ended = typed(build, peer, faults, tmp_path, command, f"--web.listen-address={NOWHERE}:1")
    assert ended.returncode == 2
    assert f"can't listen on {NOWHERE}:1: the name lookup is without an answer" in ended.stderr


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_t1_a_command_gives_a_resolver_without_answer_up(
    build: list[str], peer: Peer, faults: Faults, tmp_path: Path, scheme: str
) -> None:
    """It holds its own time limit, and says what it has waited for, and for whom."""
    url = f"{scheme}://{NOWHERE}"
    words = ("status", "Leads/7", "--watch", "--timeout=1s", f"--exporter.url={url}")
    ended = typed(build, peer, faults, tmp_path, *words)
    assert ended.returncode == 7
    assert f"after 1s: the name lookup is without an answer ({url}). To go on: " in ended.stderr
    assert faults.lookups == 1


def test_t1_a_command_that_asks_zoho_gives_a_resolver_without_answer_up(
    build: list[str], peer: Peer, faults: Faults, tmp_path: Path
) -> None:
    """The time limit of the call, or of the command, whichever is shorter."""
    ended = typed(build, peer, faults, tmp_path, "status", "Leads/7", "--watch", "--timeout=1s", "--direct")
    assert (ended.returncode, "after 1s: Zoho has not answered. To go on: " in ended.stderr) == (7, True)
    ended = typed(build, peer, faults, tmp_path, "status", "Leads/7", "--direct")
    assert ended.returncode == 1
    assert "the name lookup is without an answer" in ended.stdout


def test_t1_a_copy_gives_a_resolver_without_answer_up(
    start: Start, build: list[str], peer: Peer, faults: Faults, tmp_path: Path
) -> None:
    """There is no database at the name; what was to be copied is as it was."""
    exporter = start(environment={"ZOHO_JOBS": "Leads/1"})
    exporter.scrape()
    assert exporter.stop() < 20
    url = f"postgresql://zoho@{NOWHERE}/zoho"
    ended = typed(build, peer, faults, tmp_path, "state", "copy", str(exporter.state), url)
    assert ended.returncode == 2
    assert "TO: the database can't be used: the lookup of its name, or a connection to it, is without" in ended.stderr


def test_t1_a_database_whose_name_is_without_answer_holds_up_nothing(start: Start, faults: Faults) -> None:
    """Pages come in time, the log says what is waited for, and a stop waits for it no longer than for all else."""
    state = {"ZOHO_STATE__PATH": None, "ZOHO_STATE__URL": f"postgresql://zoho@{NOWHERE}/zoho"}
    exporter = start(environment={"ZOHO_JOBS": "Leads/1", **state, **faults.environment})
    assert max(exporter.scrape(3).seconds for _ in range(3)) < 3.5
    assert "the lookup of its name, or a connection to it, is without an answer" in exporter.log
    assert faults.lookups >= 1
    assert exporter.stop() < 10


def test_t2_a_token_that_trickles_is_a_timeout(start: Start, peer: Peer) -> None:
    """A stalled token call ends as a timeout of its own account, and another account goes on."""
    peer.tokens = lambda call: STALLS.get(call.account, peer.mint)(call)
    exporter = start(accounts=[*STALLS, "good"], jobs=[("Leads", 7)], environment={"ZOHO_POLL_TIMEOUT": "1s", **ONCE})
    page = settled(exporter)
    assert refresh_timeouts(page) == {*STALLS}
    assert page.value("zoho_mass_update_job_updated_records", account="good") == 7
    assert exporter.stop() < 15


def test_t2_neither_reload_nor_stop_waits_for_a_token(start: Start, peer: Peer) -> None:
    """While token calls stall without end, a reload and SIGHUP take effect, and SIGTERM ends the process."""
    peer.tokens = lambda call: STALLS.get(call.account, peer.mint)(call)
    exporter = start(accounts=[*STALLS, "good"], jobs=[("Leads", 7)], environment=PATIENT)
    page = exporter.scrape(2)
    assert page.seconds < 5
    assert page.value("zoho_mass_update_job_updated_records", account="good") == 7
    reload = exporter.ask("/-/reload", "POST")
    assert (reload.status, reload.seconds < 10) == (200, True)
    loaded = "zoho_mass_update_exporter_config_last_reload_success_timestamp_seconds"
    before, since = exporter.scrape(1).value(loaded), time.monotonic()
    exporter.send(signal.SIGHUP)
    while exporter.scrape(1).value(loaded) == before and time.monotonic() - since < 15:
        time.sleep(0.1)
    assert exporter.scrape(1).value(loaded) != before
    assert exporter.stop() < 20
