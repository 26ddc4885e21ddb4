"""What was seen of jobs, written for a Prometheus that was not there."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from prometheus_client.metrics_core import Metric
from prometheus_client.openmetrics.parser import text_string_to_metric_families
from samples import DEALS, LEADS, NOW, report, tracked

from exporter.jobs.outcome import note_report
from exporter.metrics import render_history
from exporter.model import JobKey, JobState, Observation, TrackedJob


def families(*jobs: TrackedJob) -> dict[str, Metric]:
    """Read a page with the official parser, which refuses what is no OpenMetrics."""
    read: Iterator[Metric] = text_string_to_metric_families(render_history(jobs, NOW + 3600).page.decode())
    return {family.name: family for family in read}


def points(family: Metric, key: JobKey = LEADS, **labels: str) -> list[tuple[float, float]]:
    """Give seconds after `NOW`, and values."""
    wanted = {"account": key.account, "module": key.module, "job_id": key.job_id, **labels}
    samples = [sample for sample in family.samples if wanted.items() <= sample.labels.items()]
    return [(float(str(sample.timestamp)) - NOW, sample.value) for sample in samples]


def watched(key: JobKey = LEADS) -> TrackedJob:
    """Give a job that waited, ran and completed in three minutes."""
    job = note_report(tracked(key), report(JobState.SCHEDULED, updated=0, not_updated=50), NOW)
    job = note_report(job, report(failed=1, not_updated=19), NOW + 60)
    return note_report(job, report(JobState.COMPLETED, updated=48, failed=2, not_updated=0), NOW + 180)


def test_counts_and_states_stand_at_their_times() -> None:
    """Each poll that saw a change gives the four counts, and every state as 0 or 1."""
    page = families(watched())
    assert {name: points(family) for name, family in page.items() if name.endswith("_records")} == {
        "zoho_mass_update_job_updated_records": [(0, 0), (60, 30), (180, 48)],
        "zoho_mass_update_job_failed_records": [(0, 0), (60, 1), (180, 2)],
        "zoho_mass_update_job_not_updated_records": [(0, 50), (60, 19), (180, 0)],
        "zoho_mass_update_job_total_records": [(0, 50), (60, 50), (180, 50)],
    }
    state = page["zoho_mass_update_job_state"]
    assert {name: points(state, state=name) for name in ("SCHEDULED", "RUNNING", "COMPLETED", "FAILED")} == {
        "SCHEDULED": [(0, 1), (60, 0), (180, 0)],
        "RUNNING": [(0, 0), (60, 1), (180, 0)],
        "COMPLETED": [(0, 0), (60, 0), (180, 1)],
        "FAILED": [(0, 0), (60, 0), (180, 0)],
    }
    assert len(state.samples) == 3 * 7


def test_page_is_whole() -> None:
    """It has the families of the exporter's own page that can be told afterwards, and its end."""
    assert set(families(watched())) == {
        "zoho_mass_update_job_info",
        "zoho_mass_update_job_state",
        "zoho_mass_update_job_updated_records",
        "zoho_mass_update_job_failed_records",
        "zoho_mass_update_job_not_updated_records",
        "zoho_mass_update_job_total_records",
    }
    assert render_history([watched()], NOW + 3600).page.endswith(b"\n# EOF\n")


def test_name_and_labels_stand_on_the_info() -> None:
    """As on the exporter's own page."""
    job = watched()
    named = replace(job, spec=replace(job.spec, name="Spring", group="campaign", labels={"team": "sales"}))
    assert points(
        families(named)["zoho_mass_update_job_info"],
        job_name="Spring",
        group="campaign",
        source="config",
        label_team="sales",
    ) == [(0, 1), (60, 1), (180, 1)]


def test_what_lasts_is_told_again() -> None:
    """Prometheus would see a gap after five minutes."""
    job = note_report(note_report(tracked(), report(), NOW), report(updated=40), NOW + 600)
    job = note_report(job, report(updated=40), NOW + 900)
    assert points(families(job)["zoho_mass_update_job_updated_records"]) == [
        *((0, 30), (240, 30), (480, 30)),
        *((600, 40), (840, 40), (900, 40)),
    ]


def test_what_an_earlier_version_saw_has_states_alone() -> None:
    """A count that nobody kept is absent, not 0."""
    old = replace(watched(), history=(Observation(NOW, JobState.RUNNING, 30),), reported_at=NOW)
    page = families(old)
    assert points(page["zoho_mass_update_job_state"], state="RUNNING") == [(0, 1)]
    assert [len(family.samples) for name, family in page.items() if name.endswith("_records")] == [0, 0, 0, 0]


def test_each_job_has_its_series() -> None:
    """Series of one family stand together, each in the order of time, as the format wants it."""
    page = families(watched(), watched(DEALS), tracked(JobKey("acme", "Leads", "7")))
    assert points(page["zoho_mass_update_job_failed_records"], DEALS) == [(0, 0), (60, 1), (180, 2)]
    assert len(page["zoho_mass_update_job_failed_records"].samples) == 6


def seen_at(*times: float, reported_at: float = NOW) -> TrackedJob:
    """Give a job that ran at these times (seconds after `NOW`), each time a record further."""
    seen = (Observation(NOW + at, JobState.RUNNING, done, 0, 1, 9) for done, at in enumerate(times))
    return replace(watched(), history=tuple(seen), reported_at=reported_at)


@pytest.mark.parametrize(
    ("times", "samples", "left_out"),
    [
        pytest.param((0,), 1, [], id="just now"),
        pytest.param((-1_200_000,), 5_000, [(-480, 0)], id="a sample more than two weeks"),
        pytest.param((-NOW, -600), 5_000, [(-NOW + 1_198_800, -600)], id="since 1970"),
    ],
)
def test_clock_that_was_wrong_makes_no_endless_page(
    times: tuple[float, ...], samples: int, left_out: list[tuple[float, float]]
) -> None:
    """However long a thing seems to have lasted, it is told so often at most, and what is left out is named."""
    history = render_history([seen_at(*times)], NOW)
    assert history.page.count(b"\nzoho_mass_update_job_updated_records{") == samples
    assert [(gap.since - NOW, gap.until - NOW) for gap in history.left_out] == left_out
    assert not any(gap.is_future for gap in history.left_out)


@pytest.mark.parametrize(
    ("job", "told", "ahead"),
    [
        pytest.param(seen_at(0, reported_at=NOW + 300), [0, 240, 300], None, id="another machine's clock"),
        pytest.param(seen_at(0, reported_at=NOW + 301), [0], 301, id="report"),
        pytest.param(seen_at(-480, 1e9, reported_at=NOW + 1e9), [-480], 1e9, id="observation"),
        pytest.param(seen_at(-480, 1e9, reported_at=NOW), [-480, -240, 0], 1e9, id="clock set back"),
        pytest.param(seen_at(1e9, reported_at=NOW + 1e9), [], 1e9, id="all of it"),
    ],
)
def test_what_is_in_the_future_is_left_out(job: TrackedJob, told: list[float], ahead: float | None) -> None:
    """Nothing is told of a time that has not come, nor told again until then; what is left out is named."""
    history = render_history([job], NOW)
    page = {family.name: family for family in text_string_to_metric_families(history.page.decode())}
    assert [at for at, _ in points(page["zoho_mass_update_job_updated_records"])] == told
    assert history.left_out == (() if ahead is None else ((LEADS, NOW, NOW + ahead, True),))
