"""The table of families: rules that every row keeps."""

import re
from dataclasses import replace
from pathlib import Path

import pytest
from encoded import samples
from golden import GoldenCheck
from reference_page import reference_page
from samples import NOW

from exporter.jobs.outcome import fade
from exporter.metrics.families import Family, Group, Kind, table
from exporter.model import Distribution, JobState, Snapshot
from exporter.zoho.codes import LABEL_VALUES

GROUPS = table(("team",), LABEL_VALUES)
ROWS = [pytest.param(group, family, id=family.name) for group in GROUPS for family in group.families]
PREFIXES = ("zoho_mass_update_job_", "zoho_mass_update_", "zoho_crm_")
DOCUMENTATION = Path(__file__).parents[3] / "docs" / "metrics.md"


@pytest.mark.parametrize(("group", "family"), ROWS)
def test_row_keeps_the_conventions(group: Group[object], family: Family[object]) -> None:
    """Prefix, unit and type fit each other, and HELP is a sentence of one line."""
    assert family.name.startswith(PREFIXES)
    assert re.fullmatch(r"[a-z][a-z0-9_]*", family.name)
    assert family.name.endswith("_total") == (family.kind is Kind.COUNTER)
    assert family.help.endswith(".")
    assert "\n" not in family.help
    assert len({*group.labels, *family.labels}) == len(group.labels) + len(family.labels)


@pytest.mark.parametrize(("group", "family"), ROWS)
def test_samples_fit_their_labels(group: Group[object], family: Family[object], snapshot: Snapshot) -> None:
    """Each sample has a value for each label, in text, and a value of the row's type."""
    for labels, value in samples(group, family, snapshot):
        assert len(labels) == len(group.labels) + len(family.labels)
        assert all(isinstance(label, str) for label in labels)
        assert isinstance(value, Distribution if family.kind is Kind.HISTOGRAM else float)


def test_names_are_unique() -> None:
    """No family is declared twice."""
    names = [family.name for group in GROUPS for family in group.families]
    assert sorted(names) == sorted(set(names))


def values(snapshot: Snapshot, name: str) -> dict[tuple[str, ...], object]:
    """Give a family's samples."""
    [(group, family)] = [(group, row) for group in GROUPS for row in group.families if row.name == name]
    return dict(samples(group, family, snapshot))


def test_exactly_one_state_is_one(snapshot: Snapshot) -> None:
    """All seven states are there for each job, one of them is 1, also for a job never polled."""
    states = values(snapshot, "zoho_mass_update_job_state")
    assert len(states) == 3 * 7
    assert [labels[1:] for labels, value in states.items() if value == 1.0] == [
        ("Deals", "3524033000006027002", "RUNNING"),
        ("Leads", "3524033000006027001", "COMPLETED"),
        ("Sales_Orders", "99", "UNKNOWN"),
    ]


def test_missing_count_is_absent(snapshot: Snapshot) -> None:
    """A count that Zoho did not give has no sample; absent beats wrong."""
    assert values(snapshot, "zoho_mass_update_job_total_records") == {
        ("acme", "Leads", "3524033000006027001"): 50_000.0
    }


def test_poll_error_stands_only_while_polls_fail(snapshot: Snapshot) -> None:
    """The failing job has its code; the others have no such series."""
    assert values(snapshot, "zoho_mass_update_job_poll_error") == {
        ("acme", "Deals", "3524033000006027002", "timeout"): 1.0
    }
    assert values(snapshot, "zoho_mass_update_job_poll_success") == {
        ("acme", "Deals", "3524033000006027002"): 0.0,
        ("acme", "Leads", "3524033000006027001"): 1.0,
    }


def test_last_report_is_told_when_its_counts_have_faded(snapshot: Snapshot) -> None:
    """A report that is too old to be shown still has an age; a job without one has none."""
    faded = replace(snapshot, jobs=tuple(fade(job, NOW + 9_000, stale_after_seconds=3_600) for job in snapshot.jobs))
    assert ("acme", "Deals", "3524033000006027002") not in values(faded, "zoho_mass_update_job_updated_records")
    assert values(faded, "zoho_mass_update_job_last_report_timestamp_seconds") == {
        ("acme", "Deals", "3524033000006027002"): NOW + 15,
        ("acme", "Leads", "3524033000006027001"): NOW + 100,
    }


def test_every_code_is_there_at_zero(snapshot: Snapshot) -> None:
    """Each documented error is a series from the first scrape, so that the first one shows as an increase."""
    errors = values(snapshot, "zoho_mass_update_poll_errors_total")
    assert {labels[2] for labels in errors} == set(LABEL_VALUES)
    assert {labels for labels, value in errors.items() if value} == {("acme", "Deals", "timeout")}


def test_sums_outlive_the_jobs(snapshot: Snapshot) -> None:
    """A module without jobs keeps its poll counter."""
    assert values(snapshot, "zoho_mass_update_polls_total")["acme", "Retired"] == 4.0


def test_jobs_are_counted_by_state(snapshot: Snapshot) -> None:
    """The sum of a module's states is its number of jobs."""
    jobs = values(snapshot, "zoho_mass_update_jobs")
    assert jobs["beta", "Sales_Orders", JobState.UNKNOWN] == 1.0
    assert jobs["acme", "Leads", JobState.COMPLETED] == 1.0
    assert jobs["acme", "Leads", JobState.RUNNING] == 0.0


def test_documentation_is_generated_from_the_table(check_golden: GoldenCheck) -> None:
    """docs/metrics.md says what the code declares."""
    check_golden(DOCUMENTATION, reference_page(table((), LABEL_VALUES)))
