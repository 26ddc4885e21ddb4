"""`history`: what an exporter has seen of a job."""

import json
import time
from dataclasses import replace

import pytest
from played import PlayedExporter
from samples import LEADS, NOW, report, tracked
from sites import Typed

from exporter.jobs.outcome import note_report
from exporter.model import JobState, Observation

JOB = "Leads/3524033000006027001"
WAITING = note_report(tracked(), report(JobState.SCHEDULED, updated=0, not_updated=1500, total=1500), NOW)
JOB_SEEN = note_report(WAITING, report(updated=1000, failed=1, not_updated=499, total=1500), NOW + 60)


@pytest.fixture(autouse=True)
def _watched(exporter: PlayedExporter, monkeypatch: pytest.MonkeyPatch) -> None:
    exporter.jobs = {LEADS: JOB_SEEN}
    monkeypatch.setattr(time, "time", lambda: NOW + 60)


def test_table_is_for_people(typed: Typed) -> None:
    """A row for each change."""
    status, out, err = typed("history", JOB)
    assert (status, err) == (0, "")
    assert out.splitlines() == [
        "At                       State      Updated  Failed  Not updated  Total",
        "2026-09-21 14:13:20 UTC  Scheduled        0       0        1,500  1,500",
        "2026-09-21 14:14:20 UTC  Running      1,000       1          499  1,500",
    ]


def test_csv_has_the_fields_of_the_api(typed: Typed) -> None:
    """Its columns are a promise: programs read them."""
    assert typed("history", JOB, "--format=csv")[1] == (
        "account,module,job_id,at,state,processed_records,updated_records,failed_records,not_updated_records,"
        "total_records\n"
        "acme,Leads,3524033000006027001,2026-09-21T14:13:20Z,SCHEDULED,0,0,0,1500,1500\n"
        "acme,Leads,3524033000006027001,2026-09-21T14:14:20Z,RUNNING,1001,1000,1,499,1500\n"
    )


def test_json_has_the_fields_of_the_api(typed: Typed) -> None:
    """With the job they are of."""
    shown = json.loads(typed("history", JOB, "--format=json")[1])
    assert set(shown) == {"account", "module", "job_id", "history"}
    assert [(seen["state"], seen["failed_records"]) for seen in shown["history"]] == [("SCHEDULED", 0), ("RUNNING", 1)]


def test_openmetrics_has_times(typed: Typed) -> None:
    """Each sample stands where it was seen."""
    _, out, err = typed("history", JOB, "--format=openmetrics")
    labels = 'account="acme",job_id="3524033000006027001",module="Leads"'
    assert f"zoho_mass_update_job_updated_records{{{labels}}} 1000.0 1790000060.0\n" in out
    assert out.endswith("\n# EOF\n")
    assert err == ""


@pytest.mark.parametrize(
    ("at", "reported_at", "why"),
    [
        pytest.param(
            NOW,
            NOW + 31_536_000,
            "2026-09-21 14:14:20 UTC to 2027-09-21 14:13:20 UTC: this machine's clock is not there yet",
            id="future",
        ),
        pytest.param(
            0, NOW, "1970-01-14 21:12:00 UTC to 2026-09-21 14:13:20 UTC: a series has 5,000 samples at most", id="long"
        ),
    ],
)
def test_openmetrics_tells_what_it_leaves_out(
    typed: Typed, exporter: PlayedExporter, at: float, reported_at: float, why: str
) -> None:
    """The page is for a program: people are told beside it."""
    seen = (Observation(at, JobState.RUNNING, 1, 0, 1, 2),)
    exporter.jobs = {LEADS: replace(JOB_SEEN, history=seen, reported_at=reported_at)}
    status, out, err = typed("history", JOB, "--format=openmetrics")
    assert (status, out[-6:]) == (0, "# EOF\n")
    assert err == f"{LEADS}: nothing is told of the time from {why}.\n"


def test_what_an_earlier_version_saw_is_the_records_done(typed: Typed, exporter: PlayedExporter) -> None:
    """What nobody kept is a dash."""
    exporter.jobs = {LEADS: replace(JOB_SEEN, history=(Observation(NOW, JobState.RUNNING, 30),))}
    assert typed("history", JOB)[1].splitlines()[1].split() == [
        *("2026-09-21", "14:13:20", "UTC", "Running", "30"),
        *("\N{EN DASH}",) * 3,
    ]


def test_history_that_may_lack_what_was_seen_is_told(typed: Typed, exporter: PlayedExporter) -> None:
    """What the exporter could not read yet was seen all the same."""
    exporter.jobs, exporter.unread = {LEADS: tracked()}, True
    assert typed("history", JOB) == (
        0,
        f"Nothing has been seen of acme/{JOB} yet.\n",
        "What was kept before the start could not be read yet: what was seen of it before is missing.\n",
    )


def test_nothing_seen_is_told(typed: Typed, exporter: PlayedExporter) -> None:
    """An empty table would tell nothing."""
    exporter.jobs = {LEADS: tracked()}
    assert typed("history", JOB) == (0, f"Nothing has been seen of {LEADS} yet.\n", "")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        pytest.param(["acme/Leads/7"], "URL: acme/Leads/7 is not tracked", id="not tracked"),
        pytest.param([JOB, "--exporter.url=http://127.0.0.1:1"], "no exporter answers", id="away"),
    ],
)
def test_job_without_a_history_is_told(typed: Typed, words: list[str], said: str) -> None:
    """In a line."""
    status, out, err = typed("history", *words)
    assert (status, out) == (1, "")
    assert said in err
