"""What a command says: its answer on standard output, all else on standard error."""

import csv
import sys
from collections.abc import Iterable, Mapping, Sequence

_FORMULA = ("=", "+", "-", "@")
"""What a spreadsheet reckons with begins so."""


def write(text: str) -> None:
    """Write a line of the answer, at once."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def say(*lines: str) -> None:
    """Write lines about the answer."""
    sys.stderr.write("".join(f"{line}\n" for line in lines))
    sys.stderr.flush()


def write_csv(columns: Sequence[str], rows: Iterable[Mapping[str, object]]) -> None:
    """Write rows with these columns; what is not known is empty, and truth is true or false as in JSON.

    No text is a formula to the spreadsheet that opens it: an apostrophe before it says so.
    """
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(columns)
    for row in rows:
        writer.writerow([_cell(row.get(column)) for column in columns])


def _cell(value: object) -> object:
    if isinstance(value, str) and value.startswith(_FORMULA):
        return f"'{value}"
    return str(value).lower() if isinstance(value, bool) else value
