"""`/sd/jobs`: each live job as a target of Prometheus' HTTP service discovery, scraped as often as it may be due.

A target's interval is one of its labels, so one that grows is a new target: the stale marker of the one before it hides
the job's series until the new one is scraped. So an interval never grows: it rests on whether the job has begun, which
outlives a restart and is the same at every exporter. What a scrape too many finds is fresh or ended, and costs nothing.
"""

import re

from starlette.responses import JSONResponse, PlainTextResponse, Response

from exporter.model import JobSource, TrackedJob
from exporter.web.contract import Exporter
from exporter.web.prometheus.jobs_asked import ACCOUNT, JOB_ID, MODULE
from exporter.web.request import Outside, Request

PROBE_PATH = "/probe"
STEPS_SECONDS = (1, 2, 5, 10, 15, 30, 60, 120)
"""The intervals that targets are given: all below Prometheus' five minutes, after which a series counts as gone."""
LONGEST_TIMEOUT_SECONDS = 10
_LONGEST_WAIT_SECONDS = 30.0
"""A new job waits for its first scrape no longer."""

_HOST = re.compile(r"[A-Za-z0-9._-]{1,253}(:[0-9]{1,5})?|\[[0-9A-Fa-f:.]{2,45}\](:[0-9]{1,5})?")


def targets(exporter: Exporter, request: Request, outside: Outside) -> Response:
    """Give a target for each job that still wants scrapes, at the address under which Prometheus has found us.

    Where the operator has said how we are seen from outside, they are there.
    """
    address = outside.host or request.headers.get("Host", "")
    if not _HOST.fullmatch(address):
        return PlainTextResponse("Host: expected the exporter's own host and port\n", status_code=400)
    # No scheme but https is ever said: http here would override the scrape job's own, and send its password in clear.
    is_https = "https" in {request.scheme, outside.scheme}
    common = {"__metrics_path__": f"{outside.path}{PROBE_PATH}", **({"__scheme__": "https"} if is_https else {})}
    now, linger_seconds = exporter.now(), exporter.discovery_linger_seconds
    jobs = (job for job in exporter.snapshot().jobs if _is_live(job, now - linger_seconds))
    groups = ({"targets": [address], "labels": {**common, **_labels(job, exporter)}} for job in jobs)
    return JSONResponse(list(groups))


def _is_live(job: TrackedJob, long_ago: float) -> bool:
    """Tell jobs that have not ended long ago, and are not tracked only because somebody probes them."""
    return job.spec.source is not JobSource.PROBE and (job.finished_at is None or job.finished_at >= long_ago)


def _labels(job: TrackedJob, exporter: Exporter) -> dict[str, str]:
    """Give the labels of a job's own. Source: Prometheus, HTTP service discovery."""
    key, interval = job.spec.key, interval_seconds(job, *exporter.pace_seconds)
    return {
        f"__param_{ACCOUNT}": key.account,
        f"__param_{MODULE}": key.module,
        f"__param_{JOB_ID}": key.job_id,
        "__scrape_interval__": f"{interval}s",
        "__scrape_timeout__": f"{min(interval, LONGEST_TIMEOUT_SECONDS)}s",
        "instance": str(key),
    }


def interval_seconds(job: TrackedJob, begun_seconds: float, waiting_seconds: float) -> int:
    """Give the interval of a job's target: a step, at most as long as is wanted of one that has begun or that waits."""
    wanted = begun_seconds
    if job.started_at is None:
        wanted = max(begun_seconds, min(waiting_seconds, _LONGEST_WAIT_SECONDS))
    return max((step for step in STEPS_SECONDS if step <= wanted), default=STEPS_SECONDS[0])
