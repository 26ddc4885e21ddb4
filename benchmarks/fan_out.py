"""How close one scrape of many due jobs comes to the ideal: rounds of `concurrency` polls, one latency each.

The simulated Zoho runs in a process of its own and answers after a fixed latency. Prints a line for each round, and the
median of the ratios. It is one of the rows of `make bench`, which measures the same of a real process too.
"""

import argparse
import math
import statistics
import sys
import time

from stand_in import settings_for, simulated

from exporter.app.application import Application
from exporter.state import SqliteStore

LATENCY_SECONDS = 0.1
RUNNING = [{"state": "RUNNING", "seconds": None}]


def main() -> None:
    """Measure and print."""
    options = _options()
    ratios = []
    for _ in range(options.rounds):
        seconds, ratio = ratio_in_process(options.jobs, options.concurrency)
        print(f"{options.jobs} jobs, {options.concurrency} at once: {seconds:.3f} s, ratio {ratio:.3f}")
        ratios.append(ratio)
    print(f"fan_out_ratio={statistics.median(ratios):.3f}")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=200)
    parser.add_argument("--concurrency", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=5)
    return parser.parse_args()


def ratio_in_process(jobs: int, concurrency: int) -> tuple[float, float]:
    """Scrape a fresh exporter once, its connections and its token still to be made: seconds, and their ratio to ideal.

    The ratio is of wall time.
    """
    ids = [str(3524033000006027000 + number) for number in range(jobs)]
    running = [{"module": "Leads", "job_id": job_id, "total": 50, "phases": RUNNING} for job_id in ids]
    scenario = {"latency_seconds": LATENCY_SECONDS, "concurrency_limit": concurrency, "jobs": running}
    with simulated(scenario) as account:
        listed = ",".join(f"Leads/{job_id}" for job_id in ids)
        settings = settings_for(account, jobs=listed, max_concurrency=str(concurrency))
        exporter = Application(settings, SqliteStore(None))
        started = time.perf_counter()
        page = exporter.scrape(time.monotonic() + 60).body
        seconds = time.perf_counter() - started
        exporter.close()
    polled = page.count(b"zoho_mass_update_job_updated_records{")
    if polled != jobs:
        sys.exit(f"only {polled} of {jobs} jobs were polled")
    return seconds, seconds / (math.ceil(jobs / concurrency) * LATENCY_SECONDS)


if __name__ == "__main__":
    main()
