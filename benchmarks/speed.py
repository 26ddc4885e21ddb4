"""How fast the exporter is, beside its peers of today, in one run: the table of docs/performance.md.

Ratios are of one round each, their medians with the least and the most of them; who is measured takes turns. Numbers of
two runs are not to be compared, least of all on a machine that others use: how quiet it was stands below each part.
`make bench` runs all rows; some alone: ARGS="page_gzip_vs_go_1000 rss_mb", or patterns, ARGS="'page_*_1000*'".
"""

import argparse
import math
import os
import platform
import signal
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path

from rig.figures import Noise, Question, Row, Run
from rows import at_rest, at_size, fan_out, pages, poll_cost, side_by_side

QUESTIONS: tuple[Question, ...] = (
    *pages.questions(),
    side_by_side.QUESTION,
    fan_out.QUESTION,
    poll_cost.QUESTION,
    at_size.QUESTION,
    at_rest.QUESTION,
    at_rest.START,
)
GROWTH = "growth_exponent"
GROWTH_FROM = 100
_SIZES_FOR_GROWTH = 2


def main() -> None:
    """Measure, print the table, and last a line for each row."""
    options = _options()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # and so end what was started
    print(f"{platform.machine()}, {os.cpu_count()} processors, Python {platform.python_version()}")
    with tempfile.TemporaryDirectory() as directory:
        run = Run(options.rounds, Path(directory), {})
        rows = [each for each in _all(run, options.rows) if _is_wanted(each.name, options.rows)]
    print("\n".join(each.assigned() for each in rows if not each.is_extra))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("rows", nargs="*", help="the rows to measure, or patterns of their names; all unless given")
    parser.add_argument("--rounds", type=int, default=7)
    return parser.parse_args()


def _all(run: Run, wanted: Sequence[str]) -> Iterator[Row]:
    for question in QUESTIONS:
        if any(_is_wanted(name, wanted) for name in question.names):
            noise = Noise()
            for each in question.rows(run):
                print(each.told(), flush=True)
                yield each
            print(f"  {noise.told()}\n", flush=True)
    if _is_wanted(GROWTH, wanted):
        growth = _growth(run.seconds_by_jobs)
        print(growth.told() + "\n")
        yield growth


def _is_wanted(name: str, wanted: Sequence[str]) -> bool:
    return not wanted or any(fnmatchcase(name, pattern) for pattern in wanted)


def _growth(seconds_by_jobs: Mapping[int, float]) -> Row:
    """Fit a line through the logarithms: the exponent of how a page's time grows with its jobs."""
    sizes = [jobs for jobs in sorted(seconds_by_jobs) if jobs >= GROWTH_FROM]
    if len(sizes) < _SIZES_FOR_GROWTH:
        return Row(GROWTH, None, "no two pages of different sizes have been measured")
    points = [(math.log(jobs), math.log(seconds_by_jobs[jobs])) for jobs in sizes]
    middle, level = (sum(column) / len(points) for column in zip(*points, strict=True))
    rise = sum((x - middle) * (y - level) for x, y in points)
    note = "gzip, a tenth changed, with " + ", ".join(f"{jobs:,}" for jobs in sizes) + " jobs"
    return Row(GROWTH, rise / sum((x - middle) ** 2 for x, _ in points), note)


if __name__ == "__main__":
    main()
