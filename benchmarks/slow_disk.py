"""What a slow disk costs those who do not need it: pages with nothing due, health checks and discovery.

A library put before the exporter's lets each write to the state file take eight seconds; a job is registered each
second, so that the writer is always busy. Rounds with the slow disk and without take turns. Prints the medians and,
last, the ratio of the worst path; `make bench-disk` runs it.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import requests
from stand_in import simulated

FAULTS = Path(__file__).parents[1] / "tests" / "attack" / "faults.c"
PATHS = ("/-/healthy", "/sd/jobs", "/metrics")
TOKEN = "bench"  # noqa: S105 - made up
SLOW_SECONDS = 8
JOBS = 100


def main() -> None:
    """Measure and print."""
    options = _options()
    with tempfile.TemporaryDirectory() as directory, _exporter(Path(directory)) as url:
        control = Path(directory) / "control"
        requests.get(f"{url}/metrics", timeout=30)
        seconds: dict[tuple[str, bool], list[float]] = {(path, slow): [] for path in PATHS for slow in (False, True)}
        for _ in range(options.rounds):
            for is_slow in (False, True):
                _set(control, SLOW_SECONDS if is_slow else 0)
                _round(url, seconds, is_slow=is_slow)
    ratios = {}
    for path in PATHS:
        fast, slow = (statistics.median(seconds[path, is_slow]) for is_slow in (False, True))
        ratios[path] = slow / fast
        print(f"{path:12} {1000 * fast:8.2f} ms, slow disk {1000 * slow:8.2f} ms, ratio {ratios[path]:.2f}")
    print(f"page_slow_disk_ratio={max(ratios.values()):.3f}")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=4)
    return parser.parse_args()


def _round(url: str, seconds: dict[tuple[str, bool], list[float]], *, is_slow: bool) -> None:
    over = threading.Event()
    registering = threading.Thread(target=_register, args=(url, over))
    registering.start()
    time.sleep(1)
    for _ in range(60):
        for path in PATHS:
            started = time.perf_counter()
            requests.get(f"{url}{path}", timeout=30).raise_for_status()
            seconds[path, is_slow].append(time.perf_counter() - started)
    over.set()
    registering.join()


def _register(url: str, over: threading.Event) -> None:
    """Register the same few jobs under ever new names, so that something is always to be written."""
    number = 0
    while not over.wait(1.0):
        number += 1
        job = {"module": "Deals", "job_id": str(number % 3), "name": f"name {time.time_ns()}"}
        requests.post(f"{url}/api/v1/jobs", json=job, headers={"Authorization": f"Bearer {TOKEN}"}, timeout=60)


def _set(control: Path, delay: float) -> None:
    fresh = control.with_suffix(".fresh")
    fresh.write_text(f"{delay} 0 0")
    fresh.rename(control)


@contextmanager
def _exporter(directory: Path) -> Iterator[str]:
    library, state = directory / "faults.so", directory / "state" / "state.db"
    words = ["-shared", "-fPIC", "-O1", "-D_FILE_OFFSET_BITS=32", "-Wno-nonnull-compare", "-ldl"]
    subprocess.run(["gcc", "-o", library, FAULTS, *words], check=True)  # noqa: S607 - wherever it is
    (directory / "token").write_text(TOKEN)
    _set(directory / "control", 0)
    running = [{"state": "RUNNING", "seconds": None}]
    jobs = [
        {"module": "Leads", "job_id": str(10_000 + number), "total": 50, "phases": running} for number in range(JOBS)
    ]
    with simulated({"jobs": jobs}) as account:
        environ = {
            **os.environ,
            **account,
            "ZOHO_JOBS": ",".join(f"Leads/{job['job_id']}" for job in jobs),
            "ZOHO_SCHEDULE__SHORTEST": "30m",
            "ZOHO_SCHEDULE__LONGEST": "30m",
            "ZOHO_STATE__PATH": str(state),
            "ZOHO_WEB__API_TOKEN_FILE": str(directory / "token"),
            "LD_PRELOAD": str(library),
            "ATTACK_DISK_FILE": str(state),
            "ATTACK_DISK_CONTROL": str(directory / "control"),
        }
        command = [sys.executable, "-m", "exporter", "--web.listen-address=127.0.0.1:0", "--log.format=json"]
        with subprocess.Popen(command, env=environ, stderr=subprocess.PIPE, text=True) as process:
            try:
                yield f"http://127.0.0.1:{_port(process)}"
            finally:
                process.kill()


def _port(process: "subprocess.Popen[str]") -> int:
    if process.stderr is None:
        raise TypeError("its standard error is read")
    events = (json.loads(line) for line in process.stderr)
    port = int(next(event["port"] for event in events if event["event"] == "serving metrics"))
    threading.Thread(target=process.stderr.read, daemon=True).start()
    return port


if __name__ == "__main__":
    main()
