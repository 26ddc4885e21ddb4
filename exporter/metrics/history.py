"""What was seen of jobs as OpenMetrics with timestamps, for a Prometheus that was not there to see it."""

from collections.abc import Collection
from dataclasses import replace
from itertools import pairwise
from math import ceil
from typing import NamedTuple

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.openmetrics.exposition import generate_latest

from exporter.metrics.families import Family, Labels, spread, table
from exporter.metrics.tail import Families
from exporter.model import Distribution, JobKey, JobReport, Observation, TrackedJob

REPEAT_SECONDS = 240.0
"""How often it is told that nothing has changed: Prometheus takes a series for gone after five minutes."""
MOST_SAMPLES = 5_000
"""Of a series, two weeks of them: a clock that was wrong once makes no endless page."""
_SKEW_SECONDS = 300.0
"""So far ahead another machine's clock may be: what is later is no time at all."""
_NAMES = {
    f"zoho_mass_update_job_{name}"
    for name in ("info", "state", "updated_records", "failed_records", "not_updated_records", "total_records")
}
"""What can be told of a time that is over."""

Seen = list[tuple[float, TrackedJob]]
"""A job as it was at some times (Unix seconds), the earliest first."""


class LeftOut(NamedTuple):
    """A time of which nothing is told: it is in the future, or more samples than a series may have. Unix seconds."""

    key: JobKey
    since: float
    until: float
    is_future: bool


class History(NamedTuple):
    """A page of OpenMetrics, and what is not on it."""

    page: bytes
    left_out: tuple[LeftOut, ...]


def render_history(jobs: Collection[TrackedJob], now: float) -> History:
    """Write the histories of jobs in the families of their own pages, each series in the order of time."""
    job_labels = tuple(sorted({name for job in jobs for name in job.spec.labels}))
    group, *_ = table(job_labels, ())
    left_out: list[LeftOut] = []
    seen = [_moments(job, now, left_out) for job in jobs]
    told = [family for family in group.families if family.name in _NAMES]
    page: bytes = generate_latest(Families(_metric(family, group.labels, seen) for family in told))
    return History(page, tuple(left_out))


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


def _moments(job: TrackedJob, now: float, left_out: list[LeftOut]) -> Seen:
    """Give the job as it was at each observation, and again while nothing changed; too much ends at its oldest."""
    observed = _until_now(job, now, left_out)
    room = MOST_SAMPLES - len(observed)
    seen = [(end.at, _as_seen(job, end)) for last, end in pairwise(observed[-2:]) if end.at > last.at]
    for observation, later in reversed([*pairwise(observed)]):
        repeats = max(0, ceil((later.at - observation.at) / REPEAT_SECONDS) - 1)
        if repeats > room:
            repeats = room
            left_out.append(LeftOut(job.spec.key, observation.at + room * REPEAT_SECONDS, later.at, is_future=False))
        room -= repeats
        was = _as_seen(job, observation)
        seen += [(observation.at + number * REPEAT_SECONDS, was) for number in range(repeats, -1, -1)]
    return seen[::-1]


def _until_now(job: TrackedJob, now: float, left_out: list[LeftOut]) -> list[Observation]:
    """Give what was seen, and the last of it again at the last good poll, without what is in the future."""
    latest, reported_at = now + _SKEW_SECONDS, job.reported_at or 0.0
    ahead = max(reported_at, *(seen.at for seen in job.history), 0.0)
    if ahead > latest:
        left_out.append(LeftOut(job.spec.key, now, ahead, is_future=True))
    history = [seen for seen in job.history if seen.at <= latest]
    ends_at = reported_at if reported_at <= latest else 0.0
    return [*history, *(replace(last, at=max(last.at, ends_at)) for last in history[-1:])]


def _as_seen(job: TrackedJob, seen: Observation) -> TrackedJob:
    return replace(job, report=JobReport(seen.state, seen.updated, seen.failed, seen.not_updated, seen.total))
