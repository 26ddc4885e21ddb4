"""The page of one job as HTML."""

import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from reading import Reading
from samples import FAILURE, LEADS, NOW, report, snapshot_of, tracked

from exporter.jobs.outcome import note_failure, note_report
from exporter.model import JobKey, JobSource, JobSpec, JobState, Observation, TrackedJob
from exporter.web.status.page import StatusPage

HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>"
PAGE = StatusPage("/metrics")
POLLS = (
    (0, report(JobState.SCHEDULED, updated=0)),
    (60, report(updated=10)),
    (75, report(updated=20, failed=2, not_updated=28)),
)


def job(*polls: tuple[float, object], **spec: str) -> TrackedJob:
    """Give a job after polls, so many seconds after `NOW`."""
    described = JobSpec(LEADS, JobSource.CONFIG, name=spec.get("name", ""), group=spec.get("group", ""))
    seen = replace(tracked(), spec=described)
    for after, told in polls or POLLS:
        seen = note_report(seen, told, NOW + after)  # type: ignore[arg-type] # a report
    return seen


def read(job: TrackedJob, now: float = NOW + 90, held: str = "", *, may_acknowledge: bool = False) -> Reading:
    """Write a page and read it."""
    return Reading(PAGE.write_job(job, now, held, may_acknowledge=may_acknowledge).decode())


def classes(reading: Reading, tag: str) -> list[str | None]:
    """Give the classes of all elements of a name."""
    return [attributes.get("class") for attributes in reading.named(tag)]


def test_page_has_all_that_is_known_of_a_job() -> None:
    """Who it is, how it is, its counts, its course and where more is told."""
    reading = read(replace(job(name="Reassign EMEA leads", group="spring"), next_poll_at=NOW + 105))
    texts = reading.texts
    assert "Running: Reassign EMEA leads · Zoho mass updates" in texts
    start = texts.index("acme / Leads / 3524033000006027001")
    assert texts[start + 1 : start + 6] == ["spring", "Running", "for 30 s", "44 %", "44 %"]
    start = texts.index("Updated")
    assert texts[start : start + 13] == [
        *("Updated", "20", "Failed", "2", "9 %", "Not updated", "28", "Total", "50"),
        *("Last report", "15 s ago", "Polling", "next in 15 s"),
    ]
    assert "/explain?account=acme&crm_module=Leads&job_id=3524033000006027001" in [
        link["href"] for link in reading.named("a")
    ]
    assert "zoho-mass-update-exporter status acme/Leads/3524033000006027001 --watch" in texts


def test_chart_is_drawn_without_style_or_script() -> None:
    """The policy lets nothing in but the page's own; what is drawn is told in words too."""
    reading = read(job())
    assert reading.named("svg")[0]["aria-label"] == (
        "Records processed: 0 at 2026-09-21 14:13:20 UTC, 22 at 2026-09-21 14:14:35 UTC."
    )
    assert classes(reading, "path") == ["area processed", "line processed", "area failed", "line failed"]
    assert reading.named("path")[1]["d"] == "M0 100V100H66.67V80H83.33V56H83.33"
    assert "2026-09-21 14:14:20 UTC: Running, 10 processed" in reading.texts
    assert not [tag for tag, attributes in reading.elements if {"style", "src", "onclick"} & set(attributes)]
    assert "bar running" in classes(reading, "line")


def test_every_poll_stands_in_a_table() -> None:
    """Its heads are marked as such; a page that is listened to has what the chart shows."""
    reading = read(job())
    assert [head["scope"] for head in reading.named("th")] == ["col"] * 5 + ["row"] * 3
    start = reading.texts.index("Since the one before")
    assert reading.texts[start + 1 : start + 16] == [
        *("2026-09-21 14:13:20", "Scheduled", "0", "0", "\N{EN DASH}"),
        *("2026-09-21 14:14:20", "Running", "10", "0", "+10 in 1 min"),
        *("2026-09-21 14:14:35", "Running", "22", "2", "+12 in 15 s"),
    ]


@pytest.mark.parametrize(
    ("job", "told"),
    [
        pytest.param(
            tracked(),
            ["Not polled yet", "none yet", "due at the next scrape", "No poll has given a report yet."],
            id="never polled",
        ),
        pytest.param(
            job((0, report())),
            ["One poll has seen it so far: the chart begins with the next."],
            id="one observation",
        ),
        pytest.param(
            job((0, report(updated=None, failed=None, not_updated=None, total=None)), (15, report(updated=None))),
            ["Zoho has given no counts.", "\N{EN DASH}"],
            id="counts missing",
        ),
        pytest.param(
            job(*POLLS, (80, replace(report(JobState.UNKNOWN), undocumented_word="ARCHIVED"))),
            ["ARCHIVED", "not documented by Zoho", "ARCHIVED from 2026-09-21 14:14:40 UTC"],
            id="unknown",
        ),
        pytest.param(
            replace(job(*POLLS, (90, report(JobState.COMPLETED, updated=50, not_updated=0))), acknowledged_at=NOW + 90),
            ["Completed", "took 30 s", "0 s ago, final", "Ended", "Acknowledged"],
            id="ended",
        ),
        pytest.param(
            note_failure(note_failure(job(), FAILURE, NOW + 80), FAILURE, NOW + 85),
            [
                "The last poll failed, 2 polls in a row.",
                "timeout",
                "Zoho fell silent for 8 s.",
                "What to do: check the network.",
                "Runbook",
                "Poll failed",
                "timeout, 2 polls in a row",
            ],
            id="failing",
        ),
        pytest.param(
            job(*POLLS, (90, report(JobState.FAILED))), ["Failed", "after 30 s", "Runbook", "Ended"], id="failed"
        ),
    ],
)
def test_every_kind_of_job_has_a_page(job: TrackedJob, told: list[str]) -> None:
    """Whatever is known of it, and whatever is not."""
    texts = read(job).texts
    assert [text for text in told if text not in texts] == []


def test_account_that_polls_nothing_is_told() -> None:
    """The reader is not left to wait for a poll that is held."""
    assert "held: the day's budget is used up" in read(job(), held="the day's budget is used up").texts


def test_long_history_is_drawn_whole() -> None:
    """Each of two hundred polls is a dot and a row."""
    history = tuple(Observation(NOW + 30 * place, JobState.RUNNING, place) for place in range(200))
    reading = read(replace(job(), history=history, reported_at=history[-1].at), now=NOW + 6000)
    assert len(reading.named("circle")) == 201
    assert len(reading.named("tr")) == 201


@pytest.mark.parametrize(
    ("may_acknowledge", "actions"),
    [
        pytest.param(True, [f"../../../api/v1/jobs/{LEADS}/ack?then=job"], id="with a password"),
        pytest.param(False, [], id="without"),
    ],
)
def test_form_acknowledges_an_end(actions: list[str], *, may_acknowledge: bool) -> None:
    """As on the first page, and it leads back here."""
    failed = job(*POLLS, (90, report(JobState.FAILED)))
    assert [form["action"] for form in read(failed, may_acknowledge=may_acknowledge).named("form")] == actions


def test_page_of_an_ended_job_names_what_is_left_to_do_in_a_terminal() -> None:
    """Where there is no button a command acknowledges; there is nothing to watch any more, but its history."""
    texts = read(job(*POLLS, (90, report(JobState.FAILED)))).texts
    assert "zoho-mass-update-exporter ack acme/Leads/3524033000006027001" in texts
    assert "zoho-mass-update-exporter history acme/Leads/3524033000006027001" in texts
    assert "--watch" not in " ".join(texts)


def test_links_begin_with_the_path_outside() -> None:
    """Behind a proxy every one of them leads below it."""
    page = StatusPage("/metrics", "/zoho")
    links = [str(link["href"]) for link in Reading(page.write_job(job(), NOW + 90).decode()).named("a")]
    assert {"/zoho/", "/zoho/config"} <= set(links)
    assert [link for link in links if link.startswith("/") and not link.startswith("/zoho/")] == []


def saying(text: str) -> TrackedJob:
    """Give a job that has a text wherever one can be."""
    spec = JobSpec(JobKey(text, text, text), JobSource.CONFIG, name=text, group=text, labels={text: text})
    odd = replace(report(JobState.UNKNOWN), undocumented_word=text)
    failure = replace(FAILURE, code=text, message=text, advice=text)
    return note_failure(replace(job(*POLLS, (80, odd)), spec=spec), failure, NOW + 85)


def test_hostile_text_stays_text() -> None:
    """No name, label or word can add an element or an attribute, in the drawing neither."""
    reading, expected = read(saying(HOSTILE)), read(saying("x"))
    assert [(tag, set(attributes)) for tag, attributes in reading.elements] == [
        (tag, set(attributes)) for tag, attributes in expected.elements
    ]
    assert f"2026-09-21 14:14:40 UTC: {HOSTILE}, 30 processed" in reading.texts


@given(text=st.text(st.characters(codec=None), max_size=20))
def test_any_text_gives_a_page(text: str) -> None:
    """Whatever the settings or Zoho may say, the page is well-formed UTF-8."""
    assert read(saying(text)).named("main") == [{"id": "main"}]


def test_policy_allows_the_style_and_the_script_of_the_page() -> None:
    """Both are those of the first page, to the byte."""
    text = PAGE.write_job(job(), NOW).decode()
    for tag in ("style", "script"):
        [content] = re.findall(rf"<{tag}>(.*?)</{tag}>", text, re.DOTALL)
        [first] = re.findall(rf"<{tag}>(.*?)</{tag}>", PAGE.write(snapshot_of(), {}, NOW).decode(), re.DOTALL)
        assert content == first
