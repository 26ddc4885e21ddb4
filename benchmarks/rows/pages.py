"""What a whole scrape takes, against its peers: a page of so many jobs, read to its last byte over loopback.

In each round and format a tenth of the live jobs, drawn over the whole table, has changed since the last page, then
nothing has. Those of ours change as they do in earnest, by polls: they are made due (`rig/steered.py`), a scrape with
little time begins their polls, the stub holds its answers back until that page is written, and the scrape that is
timed begins once all of them have landed. Each peer gets as many changed jobs with as many changed values; the one that
keeps its lines written writes them then, as its example does, and not within the scrape.
"""

import sys
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from rig.families import write_families
from rig.figures import Question, Row, Run, UnmeasurableError, milliseconds, row
from rig.jobs import drawn, write_jobs
from rig.programs import RARELY, Served, Zoho, built, exporter, peer, settings_file, zoho
from rig.wire import PROMETHEUS, TEXT

OURS, GO, RENDERED, CLIENT = "ours", "go", "ksm", "client"
PEER_SIZES = (10, 100, 1000, 10_000)
LARGEST = 100_000
CONCURRENCY = 10
_SHORT: Mapping[str, str] = {"X-Prometheus-Scrape-Timeout-Seconds": "1"}
_FORMATS: Mapping[str, Mapping[str, str]] = {"text": TEXT, "gzip": PROMETHEUS}
_CALM_JOBS = 1000
"""Up to so many jobs a round costs so little that there are three times as many, and prometheus-client takes part."""
Scrapes = dict[tuple[str, str, bool], list[tuple[float, float]]]
"""By who, format and whether jobs had changed: seconds, and those of them that the server's processor worked."""


@dataclass
class Table:
    """An exporter of so many jobs, and how they change."""

    jobs: int
    served: Served
    upstream: Zoho

    def change(self) -> int:
        """Have a tenth of the live jobs change, and say how many these are."""
        keys = drawn(self.jobs)
        expected = self.upstream.stats()["polls"] + len(keys)
        self.upstream.gate(is_open=False)
        self.served.make_due(keys)
        self.served.wire.get("/metrics", _SHORT)
        self.upstream.gate(is_open=True)
        while self.upstream.stats()["polls"] < expected:
            time.sleep(0.01)
        self.served.settle()
        return len(keys)


def questions() -> Iterator[Question]:
    """Give what is measured together, by the number of jobs."""
    for jobs in PEER_SIZES:
        yield Question(tuple(_names(jobs)), partial(_beside_peers, jobs=jobs))
    names = (f"page_gzip_seconds_{LARGEST}", f"page_gzip_seconds_{LARGEST}_unchanged", "growth_exponent")
    yield Question(names, _at_the_largest)


def _names(jobs: int) -> Iterator[str]:
    for form, who in _told(jobs):
        yield from (f"page_{form}_vs_{who}_{jobs}{end}" for end in ("", "_unchanged"))
    if jobs == _CALM_JOBS:
        yield "gzip_size_vs_go"
    if jobs == PEER_SIZES[-1]:
        yield f"rss_peak_mb_{jobs}"
    yield "growth_exponent"


def _told(jobs: int) -> list[tuple[str, str]]:
    """Say which formats and peers are rows of their own; the others stand in the table alone."""
    forms = [form for form in _FORMATS if form == "gzip" or jobs != PEER_SIZES[0]]
    return [(form, who) for who in (GO, RENDERED) for form in forms if who == GO or jobs == _CALM_JOBS]


def _beside_peers(run: Run, jobs: int) -> list[Row]:
    rounds = run.rounds * (3 if jobs <= _CALM_JOBS else 1)
    with TemporaryDirectory(dir=run.directory) as folder, _table(Path(folder), jobs) as table, ExitStack() as stack:
        values, page = _values_that_change(table)
        others = dict(_peers(stack, Path(folder), page, jobs))
        sizes = {who: len(each.wire.get("/metrics", PROMETHEUS).body) for who, each in _all(table, others).items()}
        scrapes = _rounds(table, others, values, rounds)
        peak = table.served.memory_mib("VmHWM")
    run.seconds_by_jobs[jobs] = median(_wall(scrapes[OURS, "gzip", True]))
    rows = list(_compared(scrapes, jobs))
    if jobs == _CALM_JOBS:
        note = f"{sizes[OURS]:,} bytes, Go's {sizes[GO]:,}; one member"
        rows.append(row("gzip_size_vs_go", [sizes[OURS] / sizes[GO]], note))
    if jobs == PEER_SIZES[-1]:
        rows.append(row(f"rss_peak_mb_{jobs}", [peak], "VmHWM, after all scrapes of the rows above"))
    return rows


def _at_the_largest(run: Run) -> list[Row]:
    with TemporaryDirectory(dir=run.directory) as folder, _table(Path(folder), LARGEST) as table:
        size = len(table.served.wire.get("/metrics", PROMETHEUS).body)
        scrapes = _rounds(table, {}, 0, run.rounds, {"gzip": PROMETHEUS})
        peak = table.served.memory_mib("VmHWM")
    run.seconds_by_jobs[LARGEST] = median(_wall(scrapes[OURS, "gzip", True]))
    name, note = f"page_gzip_seconds_{LARGEST}", f"{size:,} bytes on the wire, peak {peak:.0f} MiB"
    changed, unchanged = (_wall(scrapes[OURS, "gzip", is_changed]) for is_changed in (True, False))
    return [row(name, changed, note), row(f"{name}_unchanged", unchanged, note)]


@contextmanager
def _table(folder: Path, jobs: int) -> Iterator[Table]:
    write_jobs(folder / "state.db", jobs)
    with zoho(folder) as upstream:
        settings = settings_file(folder, upstream, RARELY, CONCURRENCY)
        with exporter(settings, is_steered=True) as served:
            for headers in _FORMATS.values():
                served.wire.get("/metrics", headers)
            yield Table(jobs, served, upstream)


def _values_that_change(table: Table) -> tuple[int, bytes]:
    """Count the values of a job that a poll changes, and give the page."""
    before = table.served.wire.get("/metrics").plain.splitlines()
    changed = table.change()
    page = table.served.wire.get("/metrics").plain
    lines = [line for line in set(page.splitlines()).difference(before) if b'job_id="' in line]
    return max(1, round(len(lines) / changed)), page


def _peers(stack: ExitStack, folder: Path, page: bytes, jobs: int) -> Iterator[tuple[str, Served]]:
    """Start the peers, and see to it that they show as much as we do."""
    path = folder / "families.json"
    write_families(page, path)
    pages, client = built("pages"), Path(__file__).parents[1] / "peers" / "client.py"
    commands = {
        GO: [pages, f"-input={path}"],
        RENDERED: [pages, f"-input={path}", "-mode=rendered"],
        **({CLIENT: [sys.executable, str(client), str(path)]} if jobs <= _CALM_JOBS else {}),
    }
    for who, command in commands.items():
        served = stack.enter_context(peer(command))
        shown = served.wire.get("/metrics").plain
        if _series(shown) != _series(page):
            raise UnmeasurableError(f"{who} shows {_series(shown)} series, we show {_series(page)}")
        yield who, served


def _series(page: bytes) -> int:
    return sum(1 for line in page.splitlines() if not line.startswith(b"#"))


def _rounds(
    table: Table,
    others: Mapping[str, Served],
    values: int,
    rounds: int,
    formats: Mapping[str, Mapping[str, str]] = _FORMATS,
) -> Scrapes:
    """Scrape all in turns, and let somebody else begin each round."""
    scrapes: Scrapes = defaultdict(list)
    everybody = _all(table, others)
    for number in range(rounds):
        first = number % len(everybody)
        order = [*list(everybody)[first:], *list(everybody)[:first]]
        for form, headers in formats.items():
            changed = table.change()
            for each in (others[who] for who in (GO, RENDERED) if who in others):
                each.wire.post(f"/change?jobs={changed}&values={values}")
            for is_changed in (True, False):
                for who in order:
                    scrapes[who, form, is_changed].append(_scrape(everybody[who], headers))
    return scrapes


def _all(table: Table, others: Mapping[str, Served]) -> dict[str, Served]:
    return {OURS: table.served, **others}


def _scrape(served: Served, headers: Mapping[str, str]) -> tuple[float, float]:
    before = served.processor_seconds()
    seconds = served.wire.get("/metrics", headers).seconds
    return seconds, served.processor_seconds() - before


def _compared(scrapes: Scrapes, jobs: int) -> Iterator[Row]:
    told = _told(jobs)
    for form in _FORMATS:
        for who in dict.fromkeys(who for who, _, _ in scrapes if who != OURS):
            for is_changed in (True, False):
                ours, theirs = scrapes[OURS, form, is_changed], scrapes[who, form, is_changed]
                ratios = [their / our for our, their in zip(_wall(ours), _wall(theirs), strict=True)]
                name = f"page_{form}_vs_{who}_{jobs}" + ("" if is_changed else "_unchanged")
                note = f"ours {_both(ours)}, {who} {_both(theirs)}"
                yield row(name, ratios, note, is_extra=(form, who) not in told)


def _wall(scrapes: Sequence[tuple[float, float]]) -> list[float]:
    return [seconds for seconds, _ in scrapes]


def _both(scrapes: Sequence[tuple[float, float]]) -> str:
    return f"{milliseconds(_wall(scrapes))} (processor {milliseconds([worked for _, worked in scrapes])})"
