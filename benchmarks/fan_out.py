"""How close one scrape of many due jobs comes to the ideal: rounds of `concurrency` polls, one latency each.

The simulated Zoho runs in a process of its own and answers after a fixed latency. Prints one line per round and the
median of the ratios; `make bench` runs it.
"""

import argparse
import json
import math
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from exporter.app import Application
from exporter.jobs.store import Store
from exporter.settings import Settings, load_settings

LATENCY_SECONDS = 0.1


def main() -> None:
    """Measure and print."""
    options = _options()
    ratios = [_round(options.jobs, options.concurrency) for _ in range(options.rounds)]
    print(f"fan_out_ratio={statistics.median(ratios):.3f}")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=200)
    parser.add_argument("--concurrency", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=5)
    return parser.parse_args()


def _round(jobs: int, concurrency: int) -> float:
    """Scrape a fresh exporter once, its connections and its token still to be made, and give wall time to ideal."""
    ids = [str(3524033000006027000 + number) for number in range(jobs)]
    with _zoho(ids, concurrency) as (url, account):
        exporter = Application(_settings(url, account, ids, concurrency), Store.open(None))
        started = time.perf_counter()
        page = exporter.scrape(60).body
        seconds = time.perf_counter() - started
        exporter.close()
    polled = page.count(b"zoho_mass_update_job_updated_records{")
    if polled != jobs:
        sys.exit(f"only {polled} of {jobs} jobs were polled")
    ideal = math.ceil(jobs / concurrency) * LATENCY_SECONDS
    print(f"{jobs} jobs, {concurrency} at once: {seconds:.3f} s, ideal {ideal:.3f} s, ratio {seconds / ideal:.3f}")
    return seconds / ideal


@contextmanager
def _zoho(ids: list[str], concurrency: int) -> Iterator[tuple[str, dict[str, str]]]:
    jobs = [
        {"module": "Leads", "job_id": job_id, "total": 50, "phases": [{"state": "RUNNING", "seconds": None}]}
        for job_id in ids
    ]
    scenario = {"latency_seconds": LATENCY_SECONDS, "concurrency_limit": concurrency, "jobs": jobs}
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        Path(file.name).write_text(json.dumps(scenario), encoding="utf-8")
        command = ["simulate", "--web.listen-address=127.0.0.1:0", f"--scenario.file={file.name}"]
        process = subprocess.Popen([sys.executable, "-m", "exporter", *command], stdout=subprocess.PIPE, text=True)
        try:
            yield _announced(process)
        finally:
            process.terminate()
            process.communicate()


def _announced(process: "subprocess.Popen[str]") -> tuple[str, dict[str, str]]:
    """Read the account's variables from what `simulate` prints."""
    account: dict[str, str] = {}
    for line in iter(process.stdout.readline, "") if process.stdout else ():
        words = (word.partition("=") for word in line.split() if word.startswith("ZOHO_"))
        account |= {name: value for name, _, value in words}
        if line.startswith("What"):
            break
    return account["ZOHO_API_URL"], account


def _settings(url: str, account: dict[str, str], ids: list[str], concurrency: int) -> Settings:
    jobs = ",".join(f"Leads/{job_id}" for job_id in ids)
    environ = {**account, "ZOHO_API_URL": url, "ZOHO_JOBS": jobs, "ZOHO_MAX_CONCURRENCY": str(concurrency)}
    return load_settings(None, environ=environ, dotenv_file=None, secrets_dir=Path("no secrets directory"))


if __name__ == "__main__":
    main()
