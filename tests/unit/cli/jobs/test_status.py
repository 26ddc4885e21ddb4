"""`status`: how a job is, and how a script learns it."""

import json
import re
import socket
from collections.abc import Callable
from pathlib import Path

import pytest
from played import PlayedExporter
from samples import FAILURE, LEADS, NOW, report, tracked
from sites import Typed

from exporter.jobs.outcome import note_failure, note_report
from exporter.model import JobState, PollFailure, TrackedJob
from exporter.simulator import Simulator

JOB = "acme/Leads/3524033000006027001"
COMPLETED = note_report(tracked(), report(JobState.COMPLETED, updated=50, not_updated=0), NOW)
LIVE = note_report(tracked(), report(), NOW)
NO_SUCH_JOB = PollFailure("NOT_FOUND", "Zoho knows no such job", "check the id", is_passing=False)


@pytest.mark.parametrize("name", [JOB, "Leads/3524033000006027001"])
def test_exporter_answers(typed: Typed, exporter: PlayedExporter, name: str) -> None:
    """What it knows is shown; who answered stands apart."""
    exporter.jobs = {LEADS: COMPLETED}
    status, out, err = typed("status", name)
    assert (status, err) == (0, "The exporter at URL answers.\n")
    first, second, third, *_ = out.splitlines()
    assert (first, second) == (JOB, "Completed")
    assert third.endswith(" 100 % of 50")


@pytest.mark.parametrize(("job", "probes"), [pytest.param(LIVE, 1, id="live"), pytest.param(COMPLETED, 0, id="ended")])
def test_live_job_is_polled_if_due(typed: Typed, exporter: PlayedExporter, job: TrackedJob, probes: int) -> None:
    """The exporter decides; an ended job is final."""
    exporter.jobs = {LEADS: job}
    typed("status", JOB)
    assert [key for key, _, _ in exporter.probes] == [LEADS] * probes


@pytest.mark.parametrize(
    ("job", "status", "said"),
    [
        pytest.param(LIVE, 7, "", id="running"),
        pytest.param(note_failure(LIVE, FAILURE, NOW), 1, "", id="in error"),
        pytest.param(note_failure(tracked(), NO_SUCH_JOB, NOW), 5, "", id="no such job"),
        pytest.param(
            tracked(),
            5,
            "Why: URL/explain?account=acme&crm_module=Leads&job_id=3524033000006027001\n",
            id="never polled",
        ),
    ],
)
def test_status_tells_how_the_job_stands(
    typed: Typed, exporter: PlayedExporter, job: TrackedJob, status: int, said: str
) -> None:
    """A script need not read what people read."""
    exporter.jobs = {LEADS: job}
    assert typed("status", JOB)[::2] == (status, f"The exporter at URL answers.\n{said}")


def test_json_is_the_answer_of_the_api(typed: Typed, exporter: PlayedExporter) -> None:
    """With its history."""
    exporter.jobs = {LEADS: COMPLETED}
    _, out, _ = typed("status", JOB, "--json")
    shown = json.loads(out)
    assert (shown["job_id"], shown["state"], len(shown["history"])) == ("3524033000006027001", "COMPLETED", 1)


def test_status_that_may_lack_what_was_seen_is_told(typed: Typed, exporter: PlayedExporter) -> None:
    """An exporter that could not read yet what was kept shows the job as one that is new."""
    exporter.jobs, exporter.unread = {LEADS: tracked()}, True
    lacks = "What was kept before the start could not be read yet: what was seen of it before is missing."
    for words in ((), ("--json",)):
        assert typed("status", JOB, *words)[2].splitlines()[:2] == ["The exporter at URL answers.", lacks]


def test_watch_of_an_ended_job_ends_at_once(typed: Typed, exporter: PlayedExporter) -> None:
    """There is nothing to wait for."""
    exporter.jobs = {LEADS: COMPLETED}
    status, out, _ = typed("status", JOB, "--watch", "--json")
    assert (status, len(out.splitlines())) == (0, 1)


def test_job_that_is_not_tracked_says_what_to_do(typed: Typed, exporter: PlayedExporter) -> None:
    """It is not tracked by asking for it."""
    status, out, err = typed("status", JOB)
    assert (status, out, exporter.probes) == (1, "", [])
    assert err == (
        f"zoho-mass-update-exporter: URL: {JOB} is not tracked.\n"
        f"  to have it watched: zoho-mass-update-exporter track {JOB}\n"
        f"  to ask Zoho for it: zoho-mass-update-exporter status {JOB} --direct\n"
    )


def test_what_to_type_next_goes_to_the_same_exporter(typed: Typed, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who named it by a flag names it so again."""
    monkeypatch.delenv("ZOHO_EXPORTER_URL")
    _, _, err = typed("status", JOB, f"--exporter.url={url}")
    assert f"\n  to have it watched: zoho-mass-update-exporter track {JOB} --exporter.url=URL\n" in err


def test_wrong_token_is_told(typed: Typed, tmp_path: Path) -> None:
    """Where to look, and what needs none."""
    (tmp_path / "token").write_text("hunter2hunter2")
    status, _, err = typed("status", JOB)
    assert status == 1
    assert (
        "URL: it does not let us in (HTTP 401): the token, or the user and the password, is not one of its own" in err
    )
    assert err.endswith(f"  to ask Zoho for it: zoho-mass-update-exporter status {JOB} --direct\n")
    assert "hunter2" not in err


def test_named_exporter_that_is_away_is_an_error(typed: Typed) -> None:
    """Zoho is not asked instead of it: that costs credits."""
    status, out, err = typed("status", JOB, "--exporter.url=http://127.0.0.1:1")
    assert (status, out) == (1, "")
    assert err == (
        "zoho-mass-update-exporter: no exporter answers at http://127.0.0.1:1 (Connection refused): start it, name "
        "another by --exporter.url or ZOHO_EXPORTER_URL, or try the demo\n"
    )


def test_no_token_is_told(typed: Typed, monkeypatch: pytest.MonkeyPatch) -> None:
    """Which flag brings one."""
    monkeypatch.delenv("ZOHO_EXPORTER_TOKEN_FILE")
    _, _, err = typed("status", JOB)
    assert "URL: it does not let us in (HTTP 401): give the API's token by --exporter.token-file" in err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        pytest.param(["Leads"], "Leads: expected ACCOUNT/MODULE/JOB_ID", id="no job"),
        pytest.param([JOB, "--timeout=1m"], "--timeout: goes together with --watch", id="a time-out alone"),
        pytest.param(
            [JOB, "--watch", "--timeout=soon"], '--timeout: "soon" is not a duration such as 15s', id="no duration"
        ),
        pytest.param([JOB, "--exporter.url=localhost"], "--exporter.url: expected an address such as", id="no address"),
        pytest.param(
            [JOB, "--exporter.user=a", "--exporter.password-file=p", "--exporter.token-file=t"],
            "--exporter.token-file: does not go together with --exporter.user: one of them is enough",
            id="a user and a token",
        ),
    ],
)
def test_wrong_words_are_refused(typed: Typed, words: list[str], said: str) -> None:
    """Before anybody is asked."""
    status, out, err = typed("status", *words)
    assert (status, out) == (2, "")
    assert said in err


@pytest.mark.parametrize("name", [JOB, "Leads/3524033000006027001"])
def test_zoho_answers_directly(typed: Typed, zoho: Simulator, name: str) -> None:
    """It is told what that took, and a second look mints no token."""
    zoho.set_status("Leads", LEADS.job_id, "RUNNING", updated=30, total=50)
    status, out, err = typed("status", name, "--direct")
    assert (status, out.splitlines()[0]) == (7, JOB)
    assert "30 updated, 0 failed, 20 not updated\n" in out
    assert err == "Zoho is asked directly.\nThis took 1 API credit and 1 access token.\n"
    zoho.set_status("Leads", LEADS.job_id, "COMPLETED", updated=50, total=50)
    status, out, err = typed("status", name, "--direct", "--json")
    assert (status, json.loads(out)["state"]) == (0, "COMPLETED")
    assert err == "Zoho is asked directly.\nThis took 1 API credit and 0 access tokens.\n"


def test_zoho_answers_where_no_exporter_does(typed: Typed, zoho: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """At the address that nobody has named."""
    zoho.set_status("Leads", LEADS.job_id, "FAILED", updated=30, total=50)
    connect = socket.create_connection

    def refuse(address: tuple[str, int], *more: object, **named: object) -> socket.socket:
        if address == ("127.0.0.1", 10042):
            raise ConnectionRefusedError(111, "Connection refused")
        return connect(address, *more, **named)  # type: ignore[arg-type] # as it came

    monkeypatch.setattr(socket, "create_connection", refuse)
    monkeypatch.delenv("ZOHO_EXPORTER_URL")
    status, _, err = typed("status", JOB)
    assert (status, err) == (
        3,
        (
            "Zoho is asked, as no exporter answers at http://127.0.0.1:10042 (Connection refused).\n"
            "This took 1 API credit and 1 access token.\n"
        ),
    )


def test_nobody_there_and_no_account_is_told(typed: Typed, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Both ways to an answer are named."""
    monkeypatch.delenv("ZOHO_EXPORTER_URL")
    monkeypatch.chdir(tmp_path)
    status, out, err = typed("status", JOB)
    first, second, *_ = err.splitlines()
    assert (status, out) == (2, "")
    assert first.startswith("zoho-mass-update-exporter: no exporter answers at http://127.0.0.1:10042 (")
    assert first.endswith(", or try the demo. Zoho can't be asked either:")
    assert second == "zoho-mass-update-exporter: 1 problem:"


def test_account_that_waits_says_why(typed: Typed, zoho: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """A refused token is refused for every job of the account: the next one is told, too."""
    monkeypatch.setenv("ZOHO_REFRESH_TOKEN", "1000.0123456789abcdef0123456789abcdef.0123456789abcdef0123456789abcdef")
    status, out, _ = typed("status", JOB, "--direct")
    assert (status, "What to do: " in out) == (6, True)
    status, out, _ = typed("status", "Deals/7", "--direct")
    assert status == 6
    assert re.search(
        r"token_refused: Zoho is not asked until .*; what came [0-9] s ago: Zoho refused to refresh the token: ", out
    )
    assert zoho.stats().crm_calls == 0


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(("connection",), id="nobody"),
        pytest.param(("invalid_response", b"<html>", 200), id="a portal"),
        pytest.param(("general_error", {"error": "general_error"}, 500), id="a fault of Zoho's"),
        pytest.param(("general_error", {"error": "server_error"}, 503), id="an undocumented one"),
        pytest.param(("too_many_requests", {"error": "slow_mode"}, 429), id="an undocumented throttle"),
    ],
)
def test_accounts_server_that_fails_has_refused_nothing(
    typed: Typed,
    zoho: Simulator,
    impostor: Callable[..., str],
    monkeypatch: pytest.MonkeyPatch,
    fault: tuple[object, ...],
) -> None:
    """A script may try again; the fault is named, also while the account pauses because of it."""
    code, *answer = fault
    monkeypatch.setenv("ZOHO_ACCOUNTS_URL", impostor(*answer) if answer else "http://127.0.0.1:1")
    for _ in range(2):
        status, out, _ = typed("status", JOB, "--direct", "--json")
        assert (status, json.loads(out)["error"]["code"]) == (1, code)
    assert zoho.stats().crm_calls == 0


@pytest.mark.parametrize(
    ("name", "said"),
    [
        pytest.param("acne/Leads/7", "acne: did you mean the account acme?", id="mistyped"),
        pytest.param("x/Leads/7", "x: expected one of the accounts acme", id="unknown"),
    ],
)
def test_unknown_account_is_refused(typed: Typed, zoho: Simulator, name: str, said: str) -> None:
    """Nothing is asked of Zoho."""
    status, _, err = typed("status", name, "--direct")
    assert (status, zoho.stats().crm_calls) == (2, 0)
    assert said in err
