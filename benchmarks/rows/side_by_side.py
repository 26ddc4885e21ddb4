"""Scrapes and polls in one process: 1,000 jobs that are always due, 25 polls at once over TLS, scrapes back to back.

Each scrape has next to no time: it begins the polls that are due and writes its page, and all the while polls land and
change jobs. A stub that answers after 100 ms lets 250 polls a second through.
"""

import time
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from rig.figures import Question, Row, Run, milliseconds, row
from rig.jobs import write_jobs
from rig.programs import ALWAYS, Zoho, exporter, settings_file, zoho
from rig.wire import PROMETHEUS, Wire

JOBS = 1000
CONCURRENCY = 25
ROUND_SECONDS = 4.0
P99, POLLS = "scrape_p99_ms_under_polling", "polls_per_second_under_scrapes"
_HASTY = {**PROMETHEUS, "X-Prometheus-Scrape-Timeout-Seconds": "0.08"}
_HUNDREDTHS = 100


def _measured(run: Run) -> list[Row]:
    with TemporaryDirectory(dir=run.directory) as folder:
        directory = Path(folder)
        write_jobs(directory / "state.db", JOBS, are_due=True)
        with (
            zoho(directory, latency="100ms", is_tls=True) as upstream,
            exporter(settings_file(directory, upstream, ALWAYS, CONCURRENCY)) as served,
        ):
            wire = served.wire
            _scrape(wire, upstream)  # the first has everything to write, and a token to get
            rounds = [_scrape(wire, upstream) for _ in range(run.rounds)]
    slowest = [sorted(seconds)[len(seconds) * 99 // _HUNDREDTHS] * 1000 for seconds, _ in rounds]
    scrapes = sum(len(seconds) for seconds, _ in rounds)
    middle = milliseconds([median(seconds) for seconds, _ in rounds])
    return [
        row(P99, slowest, f"OpenMetrics, gzip; median {middle} of {scrapes} scrapes"),
        row(POLLS, [polls for _, polls in rounds], "250 are possible"),
    ]


def _scrape(wire: Wire, upstream: Zoho) -> tuple[list[float], float]:
    """Scrape for a while, and give the seconds of each and the polls a second."""
    before, begun, seconds = upstream.stats()["polls"], time.monotonic(), []
    while time.monotonic() < begun + ROUND_SECONDS:
        seconds.append(wire.get("/metrics", _HASTY).seconds)
    return seconds, (upstream.stats()["polls"] - before) / (time.monotonic() - begun)


QUESTION = Question((P99, POLLS), _measured)
