"""How close a cold scrape of many due jobs comes to the ideal: rounds of `concurrency` polls, one latency each.

500 jobs that were never polled, a stub that answers after 100 ms over TLS, a process just started: its connections are
still to be made, and so is its token, which takes a latency too that the ideal does not have. The page is read whole.
"""

import math
from pathlib import Path
from tempfile import TemporaryDirectory

from fan_out import ratio_in_process
from rig.figures import Question, Row, Run, UnmeasurableError, row
from rig.jobs import write_new_jobs
from rig.programs import RARELY, exporter, settings_file, zoho
from rig.wire import PROMETHEUS

JOBS = 500
LATENCY_SECONDS = 0.1
CONCURRENCIES = (10, 25)
HANDSHAKES, IN_PROCESS = "handshakes_over_concurrency", "fan_out_ratio"
_SIMULATED = 200, 10
_PATIENT = {**PROMETHEUS, "X-Prometheus-Scrape-Timeout-Seconds": "120"}


def _measured(run: Run) -> list[Row]:
    rounds = {concurrency: [_cold(run, concurrency) for _ in range(run.rounds)] for concurrency in CONCURRENCIES}
    rows = []
    for concurrency, measured in rounds.items():
        ideal = _ideal(JOBS, concurrency)
        note = f"{JOBS} jobs, ideal {ideal:.2f} s"
        rows.append(row(f"fanout_vs_ideal_{concurrency}", [seconds / ideal for seconds, _ in measured], note))
    shares = [made / concurrency for concurrency, measured in rounds.items() for _, made in measured]
    rows.append(row(HANDSHAKES, shares, "connections that polls came on"))
    jobs, concurrency = _SIMULATED
    ratios = [ratio_in_process(jobs, concurrency)[1] for _ in range(run.rounds)]
    rows.append(row(IN_PROCESS, ratios, f"{jobs} jobs, {concurrency} at once, no web server, the simulator behind"))
    return rows


def _cold(run: Run, concurrency: int) -> tuple[float, int]:
    """Give the seconds of a first scrape, and the connections of its polls."""
    with TemporaryDirectory(dir=run.directory) as folder:
        directory = Path(folder)
        write_new_jobs(directory / "state.db", JOBS)
        with (
            zoho(directory, latency=f"{LATENCY_SECONDS}s", is_tls=True) as upstream,
            exporter(settings_file(directory, upstream, RARELY, concurrency)) as served,
        ):
            seconds = served.wire.get("/metrics", _PATIENT).seconds
            stats = upstream.stats()
    if stats["polls"] != JOBS or stats["most_at_once"] > concurrency:
        raise UnmeasurableError(f"{stats['polls']} of {JOBS} jobs were polled, {stats['most_at_once']} at once")
    return seconds, stats["connections"]


def _ideal(jobs: int, concurrency: int) -> float:
    return math.ceil(jobs / concurrency) * LATENCY_SECONDS


QUESTION = Question((*(f"fanout_vs_ideal_{each}" for each in CONCURRENCIES), HANDSHAKES, IN_PROCESS), _measured)
