"""The jobs that a page shows, of all that are wanted: a leaf of so many. Pure."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from exporter.model import TrackedJob

ROWS = 100
NUMBER = "page"
"""The parameter that names a leaf."""


@dataclass(frozen=True, slots=True)
class Leaf:
    """Some of the jobs that are wanted, in their order. Numbers count from 1."""

    rows: Sequence[TrackedJob]
    number: int
    last: int
    begin: int
    """The place of its first row among all."""
    total: int

    @property
    def end(self) -> int:
        """The place of its last row."""
        return self.begin + len(self.rows) - 1

    def others(self) -> Iterator[tuple[str, str, int]]:
        """Name the leaves that can be turned to: in words, as HTML knows them, and by number."""
        if self.number > 1:
            yield from (("First", "", 1), ("Previous", "prev", self.number - 1))
        if self.number < self.last:
            yield from (("Next", "next", self.number + 1), ("Last", "", self.last))


def number_asked(query: Mapping[str, str]) -> int:
    """Give the number of the leaf that a query names; the first where it names none."""
    named = query.get(NUMBER, "")
    return int(named) if re.fullmatch("[0-9]{1,9}", named) else 1


def leaf_of(wanted: Sequence[TrackedJob], number: int) -> Leaf:
    """Give the leaf of this number, or the nearest one there is: jobs come and go while somebody reads."""
    last = max(1, -(-len(wanted) // ROWS))
    number = min(max(number, 1), last)
    begin = (number - 1) * ROWS
    return Leaf(wanted[begin : begin + ROWS], number, last, begin + 1, len(wanted))


def leaf_query(given: Mapping[str, str], number: int) -> str:
    """Give the query of a leaf of what is filtered by; empty for the first one of all."""
    query = {**given, **({NUMBER: str(number)} if number > 1 else {})}
    return f"?{urlencode(query, errors='replace')}" if query else ""
