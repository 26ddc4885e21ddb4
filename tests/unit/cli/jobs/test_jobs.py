"""`jobs`: all that an exporter tracks."""

import csv
import io
import json
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from played import PlayedExporter
from rich.console import Console
from samples import DEALS, FAILURE, LEADS, NOW, Clock, report, tracked
from sites import Typed

from exporter.cli.jobs.client.exporter_client import ExporterClient, ExporterRefusedError
from exporter.cli.jobs.exits import end_in_order
from exporter.cli.jobs.jobs import Watcher, board
from exporter.jobs.outcome import note_failure, note_report
from exporter.model import JobKey, JobState, TrackedJob

CASES = JobKey("acme", "Cases", "7")
FLEET = {
    CASES: note_report(tracked(CASES), report(JobState.COMPLETED, updated=50, not_updated=0), NOW),
    DEALS: note_report(tracked(DEALS), report(), NOW),
    LEADS: note_report(tracked(), report(JobState.FAILED), NOW),
}
BY_URGENCY = ["Leads", "Deals", "Cases"]

ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)
ADDRESS = "expected an address such as http://127.0.0.1:10042, without a user or a password in it"


def test_those_that_need_a_person_stand_first(typed: Typed, exporter: PlayedExporter) -> None:
    """As on the status page, below a line for all of them."""
    exporter.jobs = FLEET
    status, out, err = typed("jobs")
    assert (status, err) == (0, "")
    first, second, *rows = out.splitlines()
    assert first.startswith("3 jobs at URL, need attention: 1 failed (")
    assert second.split()[:2] == ["Job", "Name"]
    assert [row.split("/")[1] for row in rows] == BY_URGENCY


def test_trouble_stands_below(typed: Typed, exporter: PlayedExporter) -> None:
    """What went wrong has no room in a row."""
    named = replace(tracked(), spec=replace(tracked().spec, name="Spring leads"))
    exporter.jobs = {LEADS: note_failure(named, FAILURE, NOW)}
    assert typed("jobs")[1].splitlines()[-1] == (
        f"{LEADS} (Spring leads): "
        "The last poll failed. timeout: Zoho fell silent for 8 s. What to do: check the network."
    )


def test_no_job_is_told_with_what_to_do(typed: Typed) -> None:
    """An empty table would tell nothing."""
    assert typed("jobs") == (
        0,
        "No job is tracked at URL. To have one watched: zoho-mass-update-exporter track ACCOUNT/MODULE/JOB_ID\n",
        "",
    )


def test_json_is_the_answer_of_the_api(typed: Typed, exporter: PlayedExporter) -> None:
    """In the order of urgency."""
    exporter.jobs = FLEET
    shown = json.loads(typed("jobs", "--format=json")[1])
    assert [job["module"] for job in shown["jobs"]] == BY_URGENCY


def test_csv_has_a_row_for_each_job(typed: Typed, exporter: PlayedExporter) -> None:
    """Its columns are a promise: programs read them."""
    exporter.jobs = {**FLEET, DEALS: note_failure(FLEET[DEALS], FAILURE, NOW)}
    first, *rest = typed("jobs", "--format=csv")[1].splitlines()
    rows = list(csv.reader(rest))
    assert first == (
        "account,module,job_id,name,group,source,state,updated_records,failed_records,not_updated_records,total_records,"
        "first_seen_at,started_at,finished_at,last_progress_at,last_report_at,last_poll_at,next_poll_at,"
        "estimated_completion_at,records_per_second,acknowledged,standing,error_code,error_message"
    )
    at = "2026-09-21T14:13:20Z"
    failed = ["acme", "Leads", "3524033000006027001", "", "", "config", "FAILED", "30", "0", "20", "50"]
    assert rows[0] == [*failed, at, "", at, at, at, at, "", "", "", "false", "failed", "", ""]
    assert rows[1][-4:] == ["", "in error", "timeout", "Zoho fell silent for 8 s"]
    assert [row[1] for row in rows] == BY_URGENCY


def test_list_that_may_lack_jobs_is_told(typed: Typed, exporter: PlayedExporter) -> None:
    """What the exporter could not read yet is not silently missing, whatever the format."""
    exporter.jobs, exporter.unread = FLEET, True
    lacks = "What was kept before the start could not be read yet: jobs and ends of before are missing.\n"
    for style in ("table", "json", "csv"):
        status, out, err = typed("jobs", f"--format={style}")
        assert (status, err) == (0, lacks)
        assert "Leads" in out


def test_board_says_what_it_may_lack(
    exporter: PlayedExporter, client: ExporterClient, capsys: pytest.CaptureFixture[str]
) -> None:
    """For as long as that is so, and in lines once."""
    exporter.jobs, exporter.unread = FLEET, True
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        exporter.unread = len(slept) < 2
        if len(slept) == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Watcher(client, lambda: NOW, sleep).tell(lambda _: None)
    assert capsys.readouterr().err.count("could not be read yet") == 1


@pytest.mark.parametrize("named", ["acme/Deals/7", "Deals/7"])
@pytest.mark.parametrize("command", ["status", "history"])
def test_job_that_may_be_tracked_is_not_said_to_be_unknown(
    typed: Typed, exporter: PlayedExporter, command: str, named: str
) -> None:
    """Where the exporter could not read yet what it tracked before, it says so."""
    exporter.unread = True
    status, _, err = typed(command, named)
    assert status == 1
    assert "What was kept before the start could not be read yet" in err
    assert "to have it watched" not in err


def test_nobody_there_is_told(typed: Typed) -> None:
    """Zoho has no list of jobs that could be asked for."""
    assert typed("jobs", "--exporter.url=http://127.0.0.1:1") == (
        1,
        "",
        (
            "zoho-mass-update-exporter: no exporter answers at http://127.0.0.1:1 (Connection refused): start it, name "
            "another by --exporter.url or ZOHO_EXPORTER_URL, or try the demo\n"
        ),
    )


@pytest.mark.parametrize(
    ("flag", "status", "said"),
    [
        pytest.param("--exporter.url=127.0.0.1:10042", 2, f"  --exporter.url: {ADDRESS}", id="no scheme"),
        pytest.param("--exporter.url=http://a:hunter2@x", 2, f"  --exporter.url: {ADDRESS}", id="password"),
        pytest.param("--exporter.url=http://x:99999", 2, f"  --exporter.url: {ADDRESS}", id="port too large"),
        pytest.param("--exporter.url=http://x:http", 2, f"  --exporter.url: {ADDRESS}", id="port without digits"),
        pytest.param("--exporter.url=http://[::1", 2, f"  --exporter.url: {ADDRESS}", id="half an address"),
        pytest.param(f"--exporter.url=http://{'a' * 64}.de", 2, f"  --exporter.url: {ADDRESS}", id="no host's name"),
        pytest.param("--exporter.url=http://a..b", 2, f"  --exporter.url: {ADDRESS}", id="half a host's name"),
        pytest.param("--exporter.url=http://x\u202e.de", 2, f"  --exporter.url: {ADDRESS}", id="a name turned round"),
        pytest.param("--exporter.url=http://x/\r\ny: z", 2, f"  --exporter.url: {ADDRESS}", id="a header"),
        pytest.param("--exporter.url=http://x/a b", 2, f"  --exporter.url: {ADDRESS}", id="a space"),
        pytest.param("--exporter.url=http://x/\u00e4", 2, f"  --exporter.url: {ADDRESS}", id="a path in no ASCII"),
        pytest.param(
            "--exporter.token-file=odd",
            2,
            '  --exporter.token-file: "odd" holds more than ASCII',
            id="token in no ASCII",
        ),
        pytest.param(
            "--exporter.token-file=none", 2, '  --exporter.token-file: "none" does not exist', id="no token file"
        ),
        pytest.param(
            "--exporter.user=alice", 2, "  --exporter.user: goes together with --exporter.password-file", id="user"
        ),
    ],
)
def test_flag_that_is_of_no_use_is_told(
    typed: Typed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, flag: str, status: int, said: str
) -> None:
    """Its name is the place; what it says may be a secret."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "odd").write_text("schl\u00fcssel-hunter2")
    ended, out, err = typed("jobs", flag)
    assert (ended, out) == (status, "")
    assert said in err
    assert "hunter2" not in err


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        pytest.param("URL", "localhost:10042", f"  ZOHO_EXPORTER_URL: {ADDRESS}", id="address"),
        pytest.param("TOKEN_FILE", "none", '  ZOHO_EXPORTER_TOKEN_FILE: "none" does not exist', id="token file"),
    ],
)
def test_variable_that_is_of_no_use_is_told(
    typed: Typed, monkeypatch: pytest.MonkeyPatch, name: str, value: str, said: str
) -> None:
    """Who has set it once may have forgotten."""
    monkeypatch.setenv(f"ZOHO_EXPORTER_{name}", value)
    status, out, err = typed("jobs")
    assert (status, out) == (2, "")
    assert said in err


def test_http_is_not_asked_for_tls(typed: Typed, url: str) -> None:
    """OpenSSL's own words help nobody."""
    secure = url.replace("http:", "https:")
    _, _, err = typed("jobs", f"--exporter.url={secure}")
    assert err == f"zoho-mass-update-exporter: {secure} does not speak TLS: ask with http:// instead\n"


def test_board_is_for_people(typed: Typed) -> None:
    """A program asks again by itself."""
    status, _, err = typed("jobs", "--watch", "--format=csv")
    assert status == 2
    assert "--watch: goes together with --format=table alone" in err


class EnoughError(Exception):
    """Ends what goes on until it is interrupted."""


def watcher(exporter: PlayedExporter, client: ExporterClient, *changes: dict[JobKey, TrackedJob]) -> Watcher:
    """Give a watcher before whose eyes the exporter's jobs change, and then all ends."""
    rest = iter(changes)

    def sleep(seconds: float) -> None:
        assert seconds == 2
        try:
            exporter.jobs = next(rest)
        except StopIteration:
            raise EnoughError from None

    return Watcher(client, Clock(), sleep)


def test_changes_are_told_line_by_line(exporter: PlayedExporter, client: ExporterClient) -> None:
    """What stays as it was is told once."""
    lines: list[str] = []
    running = {DEALS: replace(FLEET[DEALS])}
    ended = {DEALS: note_report(FLEET[DEALS], report(JobState.COMPLETED, updated=50, not_updated=0), NOW)}
    exporter.jobs = running
    with pytest.raises(EnoughError):
        watcher(exporter, client, running, ended, ended, {}).tell(lines.append)
    assert [text.partition(", ")[0] for text in lines] == [
        f"2026-09-21 14:13:20 UTC {DEALS} Running for 0 s",
        f"2026-09-21 14:13:20 UTC {DEALS} Completed",
        f"2026-09-21 14:13:20 UTC {DEALS} is no longer tracked",
    ]
    assert exporter.probes == []


def test_board_is_drawn_again_and_again(exporter: PlayedExporter, client: ExporterClient) -> None:
    """Each look takes the place of the last one."""
    screen = io.StringIO()
    exporter.jobs = FLEET
    with pytest.raises(EnoughError):
        watcher(exporter, client, {}).draw(Console(file=screen, force_terminal=True, width=100, height=20))
    assert screen.getvalue().index("need attention: 1 failed") < screen.getvalue().index("No job is tracked at")


@pytest.mark.parametrize("status", [429, 500, 503])
def test_exporter_that_is_busy_is_waited_for(
    client: ExporterClient, impostor: Callable[..., str], capsys: pytest.CaptureFixture[str], status: int
) -> None:
    """It, or a proxy before it, may answer in a moment, which is said once; who may not ask is told at once."""
    busy = ExporterClient(impostor(b"", status))
    others = iter([busy, busy, client, busy, ExporterClient(impostor(b"", 401))])

    def sleep(_: float) -> None:
        watching.client = next(others)

    watching = Watcher(client, Clock(), sleep)
    with pytest.raises(ExporterRefusedError, match=r"it does not let us in \(HTTP 401\)"):
        watching.tell(str)
    said = capsys.readouterr().err.splitlines()
    assert [line.startswith(busy.url) and line.endswith("; it is asked again") for line in said] == [True, True]


@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129), (signal.SIGQUIT, 131)], ids=str
)
def test_signal_leaves_a_cursor(
    exporter: PlayedExporter, client: ExporterClient, number: signal.Signals, status: int
) -> None:
    """Whoever ends the board from elsewhere has a terminal that can be used."""
    screen, before = io.StringIO(), {one: signal.getsignal(one) for one in ENDING}
    exporter.jobs = FLEET
    for one in ENDING:
        signal.signal(one, _ends_at_once)
    end_in_order()
    try:
        with pytest.raises(SystemExit) as ended:
            Watcher(client, Clock(), lambda _: signal.raise_signal(number)).draw(
                Console(file=screen, force_terminal=True, width=100, height=20)
            )
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)
    assert ended.value.code == status
    assert screen.getvalue().endswith("\x1b[?25h")


def _ends_at_once(*_: object) -> None:
    """Stand for what ends the process, and this test with it."""
    raise EnoughError


def test_board_of_what_is_not_known_does_not_say_that_there_is_nothing() -> None:
    """Whose exporter could not read its state yet."""
    console = Console(file=io.StringIO(), width=100)
    console.print(board([], NOW, console, "URL", is_known=False))
    assert isinstance(console.file, io.StringIO)
    assert console.file.getvalue() == "Which jobs are tracked at URL is not known.\n"


def test_board_that_is_higher_than_the_screen_says_so() -> None:
    """What needs a person is seen all the same."""
    console = Console(file=io.StringIO(), width=100)
    console.print(board(list(FLEET.values()), NOW, console, "URL", most_rows=1))
    assert isinstance(console.file, io.StringIO)
    assert console.file.getvalue().splitlines()[-1] == "… and 2 jobs that need less attention"
