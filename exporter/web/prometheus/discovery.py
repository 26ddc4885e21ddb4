"""`/sd/jobs`: each live job as a target of Prometheus' HTTP service discovery, scraped as often as it may be due.

A target's interval is one of its labels, so one that grows is a new target: the stale marker of the one before it hides
the job's series until the new one is scraped. So an interval never grows: it rests on whether the job has begun, which
outlives a restart and is the same at every exporter. What a scrape too many finds is fresh or ended, and costs nothing.

All jobs are asked for at once, as Prometheus knows no pages here: so what a target says of its job is kept as text.
"""

import json
import re
from collections.abc import Iterator, Mapping

from starlette.responses import PlainTextResponse, Response

from exporter.model import JobKey, JobSource, Snapshot, TrackedJob
from exporter.web.contract import Exporter
from exporter.web.problems import UNREAD
from exporter.web.prometheus.jobs_asked import ACCOUNT, JOB_ID, MODULE
from exporter.web.request import Outside, Request

PROBE_PATH = "/probe"
STEPS_SECONDS = (1, 2, 5, 10, 15, 30, 60, 120)
"""The intervals that targets are given: all below Prometheus' five minutes, after which a series counts as gone."""
LONGEST_TIMEOUT_SECONDS = 10
_LONGEST_WAIT_SECONDS = 30.0
"""A new job waits for its first scrape no longer."""

_HOST = re.compile(r"[A-Za-z0-9._-]{1,253}(:[0-9]{1,5})?|\[[0-9A-Fa-f:.]{2,45}\](:[0-9]{1,5})?")


class Targets:
    """Gives a target for each job that still wants scrapes. Thread-safe.

    Args:
        outside: how we are seen from outside, where the operator has said it.
    """

    def __init__(self, outside: Outside) -> None:
        self._outside = outside
        self._written: Mapping[tuple[JobKey, int], str] = {}

    def answer(self, exporter: Exporter, request: Request) -> Response:
        """Give the targets, at the address under which Prometheus has found us, or the one that the operator says."""
        outside = self._outside
        address = outside.host or request.headers.get("Host", "")
        if not _HOST.fullmatch(address):
            return PlainTextResponse("Host: expected the exporter's own host and port\n", status_code=400)
        snapshot = exporter.snapshot()
        if snapshot.is_unread:  # Prometheus then keeps the targets that it has
            return PlainTextResponse(f"{UNREAD}: not all targets are known.\n", status_code=503)
        # No scheme but https is ever said: http here would override the scrape job's own, and send its password in
        # clear.
        is_https = "https" in {request.scheme, outside.scheme}
        common = {"__metrics_path__": f"{outside.path}{PROBE_PATH}", **({"__scheme__": "https"} if is_https else {})}
        before = _json({"targets": [address], "labels": common}).removesuffix("}}")
        groups = (f"{before},{labels}}}}}" for labels in self._labels(exporter, snapshot))
        return Response(f"[{','.join(groups)}]", media_type="application/json")

    def _labels(self, exporter: Exporter, snapshot: Snapshot) -> Iterator[str]:
        """Give the labels of each job's own as JSON without its braces, those anew alone that were never written."""
        long_ago = exporter.now() - exporter.discovery_linger_seconds
        intervals = intervals_of(*exporter.pace_seconds)
        jobs = (job for job in snapshot.jobs if _is_live(job, long_ago))
        wanted = [(job.spec.key, interval_of(job, intervals)) for job in jobs]
        known = self._written
        self._written = written = {one: known.get(one) or _json(_labels_of(*one))[1:-1] for one in wanted}
        return iter(written.values())


def _is_live(job: TrackedJob, long_ago: float) -> bool:
    """Tell jobs that have not ended long ago, and are not tracked only because somebody probes them."""
    return job.spec.source is not JobSource.PROBE and (job.finished_at is None or job.finished_at >= long_ago)


def _labels_of(key: JobKey, interval: int) -> dict[str, str]:
    """Give the labels of a job's own; the interval in seconds. Source: Prometheus, HTTP service discovery."""
    return {
        f"__param_{ACCOUNT}": key.account,
        f"__param_{MODULE}": key.module,
        f"__param_{JOB_ID}": key.job_id,
        "__scrape_interval__": f"{interval}s",
        "__scrape_timeout__": f"{min(interval, LONGEST_TIMEOUT_SECONDS)}s",
        "instance": str(key),
    }


def intervals_of(begun_seconds: float, waiting_seconds: float) -> tuple[int, int]:
    """Give the seconds between scrapes of jobs that have begun and of those that wait: steps, and no longer ones."""
    return _step(begun_seconds), _step(max(begun_seconds, min(waiting_seconds, _LONGEST_WAIT_SECONDS)))


def interval_of(job: TrackedJob, intervals: tuple[int, int]) -> int:
    """Give the interval of a job's target, of those that have begun and that wait."""
    return intervals[job.started_at is None]


def _step(wanted: float) -> int:
    return max((step for step in STEPS_SECONDS if step <= wanted), default=STEPS_SECONDS[0])


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
