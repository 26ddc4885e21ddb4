"""What was seen of jobs as OpenMetrics with timestamps, for a Prometheus that was not there to see it."""

from collections.abc import Collection, Iterator
from dataclasses import replace
from itertools import pairwise
from math import ceil

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.openmetrics.exposition import generate_latest

from exporter.metrics.families import Family, Labels, spread, table
from exporter.metrics.page import Families
from exporter.model import Distribution, JobReport, Observation, TrackedJob

REPEAT_SECONDS = 240.0
"""How often it is told that nothing has changed: Prometheus takes a series for gone after five minutes."""
_MOST_REPEATS = 3_000
"""Of one observation: a clock that was wrong once makes no endless page."""
_NAMES = {
    f"zoho_mass_update_job_{name}"
    for name in ("info", "state", "updated_records", "failed_records", "not_updated_records", "total_records")
}
"""What can be told of a time that is over."""

Seen = list[tuple[float, TrackedJob]]
"""A job as it was at some times (Unix seconds), the earliest first."""


def render_history(jobs: Collection[TrackedJob]) -> bytes:
    """Write the histories of jobs in the families of their own pages, each series in the order of time."""
    job_labels = tuple(sorted({name for job in jobs for name in job.spec.labels}))
    group, *_ = table(job_labels, ())
    seen = [list(_moments(job)) for job in jobs]
    told = [family for family in group.families if family.name in _NAMES]
    page: bytes = generate_latest(Families(_metric(family, group.labels, seen) for family in told))
    return page


def _metric(family: Family[TrackedJob], identity: Labels, seen: Collection[Seen]) -> GaugeMetricFamily:
    metric = GaugeMetricFamily(family.name, family.help, labels=(*identity, *family.labels))
    for moments in seen:
        series: dict[Labels, list[tuple[float, float]]] = {}
        for at, job in moments:
            key = job.spec.key
            for own, value in spread(family.value(job)):
                if not isinstance(value, Distribution):
                    series.setdefault((key.account, key.module, key.job_id, *own), []).append((float(value), at))
        for labels, points in series.items():
            for number, at in points:
                metric.add_metric(labels, number, at)
    return metric


def _moments(job: TrackedJob) -> Iterator[tuple[float, TrackedJob]]:
    """Give the job as it was at each observation, and again while nothing changed."""
    if not job.history:
        return
    last = job.history[-1]
    end = replace(last, at=max(last.at, job.reported_at or 0.0))
    for observation, later in pairwise((*job.history, end)):
        was = replace(job, report=_report(observation))
        repeats = max(1, ceil((later.at - observation.at) / REPEAT_SECONDS))
        for number in range(min(repeats, _MOST_REPEATS)):
            yield observation.at + number * REPEAT_SECONDS, was
    if end.at > last.at:
        yield end.at, replace(job, report=_report(end))


def _report(seen: Observation) -> JobReport:
    return JobReport(seen.state, seen.updated, seen.failed, seen.not_updated, seen.total)
