"""A module's totals as counters that only grow, each a row of its own, so that what polls add can be added."""

from bisect import bisect_left
from collections.abc import Mapping

from exporter.model import DURATION_BOUNDS, Distribution, Growth, JobState, ModuleTotals

_ABOVE = "inf"


def counters_of(growth: Growth) -> dict[str, float]:
    """Give what a poll adds to each counter of its module."""
    added = {f"records/{outcome}": float(count) for outcome, count in growth.records.items()}
    known = {"records/updated": 0.0, "records/failed": 0.0} | added
    if growth.ended is None:
        return known
    known[f"finished/{growth.ended}"] = 1.0
    if (seconds := growth.duration_seconds) is not None:
        bound = next((f"{bound:g}" for bound in DURATION_BOUNDS if seconds <= bound), _ABOVE)
        known |= {f"within/{growth.ended}/{bound}": 1.0, f"seconds/{growth.ended}": seconds}
    return known


def counters_in(totals: ModuleTotals) -> dict[str, float]:
    """Give the counters that totals come to."""
    counters = {f"records/{outcome}": float(count) for outcome, count in totals.records.items()}
    for state, count in totals.finished.items():
        durations = totals.durations[state]
        bounds = (*(f"{bound:g}" for bound in durations.bounds), _ABOVE)
        counters[f"finished/{state}"] = float(count)
        counters[f"seconds/{state}"] = durations.total
        counters |= {
            f"within/{state}/{bound}": float(number) for bound, number in zip(bounds, durations.counts, strict=True)
        }
    return counters


def totals_of(counters: Mapping[str, float]) -> ModuleTotals:
    """Give the totals that the counters of a module come to. Those of bounds that are no more go to the next above.

    Raises:
        ValueError: one of them is of something that is not counted.
    """
    empty = ModuleTotals.empty()
    finished, records, durations = dict(empty.finished), dict(empty.records), dict(empty.durations)
    for name, total in counters.items():
        match name.split("/"):
            case ["records", outcome] if outcome in records:
                records[outcome] = int(total)
            case ["finished", state]:
                finished[JobState(state)] = int(total)
            case ["seconds", state]:
                known = durations[JobState(state)]
                durations[JobState(state)] = Distribution(known.bounds, known.counts, total)
            case ["within", state, bound]:
                durations[JobState(state)] = _counted(durations[JobState(state)], float(bound), int(total))
            case _:
                raise ValueError(f"{name} is not counted")
    return ModuleTotals(finished, records, durations)


def _counted(known: Distribution, bound: float, total: int) -> Distribution:
    counts = list(known.counts)
    counts[bisect_left(known.bounds, bound)] += total
    return Distribution(known.bounds, tuple(counts), known.total)
