"""`/sd/jobs`: each live job as a target of Prometheus' HTTP service discovery, to be scraped as often as it is due."""

import re

from starlette.responses import JSONResponse, PlainTextResponse, Response

from exporter.model import JobSource, TrackedJob
from exporter.web.contract import Exporter
from exporter.web.prometheus.jobs_asked import ACCOUNT, JOB_ID, MODULE
from exporter.web.request import Request

PROBE_PATH = "/probe"
STEPS_SECONDS = (1, 2, 5, 10, 15, 30, 60, 120)
"""The intervals that targets are given: few, so that a target changes seldom; all below Prometheus' five minutes, after
which a series counts as gone."""
LONGEST_TIMEOUT_SECONDS = 10
_OVERDUE_FRACTION = 0.25

_HOST = re.compile(r"[A-Za-z0-9._-]{1,253}(:[0-9]{1,5})?|\[[0-9A-Fa-f:.]{2,45}\](:[0-9]{1,5})?")


def targets(exporter: Exporter, request: Request) -> Response:
    """Give a target for each job that still wants scrapes, at the address under which Prometheus has found us."""
    address = request.headers.get("Host", "")
    if not _HOST.fullmatch(address):
        return PlainTextResponse("Host: expected the exporter's own host and port\n", status_code=400)
    now, linger_seconds = exporter.now(), exporter.discovery_linger_seconds
    jobs = (job for job in exporter.snapshot().jobs if _is_live(job, now - linger_seconds))
    return JSONResponse([target(job, address, request.scheme, now) for job in jobs])


def _is_live(job: TrackedJob, long_ago: float) -> bool:
    """Tell jobs that have not ended long ago, and are not tracked only because somebody probes them."""
    return job.spec.source is not JobSource.PROBE and (job.finished_at is None or job.finished_at >= long_ago)


def target(job: TrackedJob, address: str, scheme: str, now: float) -> dict[str, object]:
    """Give one target group. Source: Prometheus, HTTP service discovery."""
    key, interval = job.spec.key, scrape_interval_seconds(job, now)
    labels = {
        "__scheme__": scheme,
        "__metrics_path__": PROBE_PATH,
        f"__param_{ACCOUNT}": key.account,
        f"__param_{MODULE}": key.module,
        f"__param_{JOB_ID}": key.job_id,
        "__scrape_interval__": f"{interval}s",
        "__scrape_timeout__": f"{min(interval, LONGEST_TIMEOUT_SECONDS)}s",
        "instance": str(key),
    }
    return {"targets": [address], "labels": labels}


def scrape_interval_seconds(job: TrackedJob, now: float) -> int:
    """Give the interval that follows the job's own schedule: never longer than the wait for its next poll.

    A job that is due, and that no scrape could poll because credits or a token are lacking, is scraped ever less often:
    a fleet of them, each scraped every second, would be a flood.
    """
    if job.is_terminal:
        return STEPS_SECONDS[-1]
    polled_at = job.polled_at
    wait_seconds = 0.0 if polled_at is None or job.next_poll_at is None else job.next_poll_at - polled_at
    if not wait_seconds:
        wait_seconds = _OVERDUE_FRACTION * (now - (polled_at or job.first_seen_at))
    return max((step for step in STEPS_SECONDS if step <= wait_seconds), default=STEPS_SECONDS[0])
