"""Lines of metrics, byte for byte as the Prometheus client's encoders write them, and many times as fast.

Both formats have the same samples; only the heads of families differ. Source: Prometheus, Exposition formats;
OpenMetrics 1.0.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, lru_cache
from operator import itemgetter
from typing import Generic, NamedTuple, TypeVar

from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.openmetrics import exposition as openmetrics
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

from exporter.metrics.families import Family, Given, Kind, Labels, Value, spread
from exporter.model import Distribution

Subject = TypeVar("Subject")
_KEPT_NUMBERS = 8192
_PLAIN = 1_000_000
"""Integers below it have no exponent. Counts are such: they change often, and would push out what is kept."""
_UNITS = ("seconds", "bytes")
"""What names end in that are measured in it. Source: OpenMetrics, Units and Base Units."""


@dataclass(frozen=True, slots=True, eq=False)
class Format:
    """An exposition format: its media type, the client's encoder, and what a page ends with."""

    content_type: str
    encode: Callable[[Collector], bytes]
    end: bytes = b""


TEXT = Format(CONTENT_TYPE_PLAIN_0_0_4, generate_latest)
OPENMETRICS = Format(openmetrics.CONTENT_TYPE_LATEST, openmetrics.generate_latest, b"# EOF\n")

_kept = lru_cache(_KEPT_NUMBERS)(floatToGoString)


def number(value: float) -> str:
    """Write a value. Many are timestamps that stay; 0 is not kept, for it is the same as -0 to a cache."""
    if type(value) is int and 0 <= value < _PLAIN:
        return f"{value}.0"
    text: str = _kept(value) if value else floatToGoString(value)
    return text


def escaped(text: str) -> str:
    """Give a label's value as it stands between quotes."""
    return text.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")


@cache
def unit_of(name: str) -> str:
    """Give what a family is measured in, where its name, without `_total`, ends in that."""
    return next((unit for unit in _UNITS if name.endswith(f"_{unit}")), "")


def head(family: Family[Subject], format_: Format) -> str:
    """Write what stands above a family's samples."""
    if format_ is TEXT:
        told = family.help.replace("\\", r"\\").replace("\n", r"\n")
        return f"# HELP {family.name} {told}\n# TYPE {family.name} {family.kind}\n"
    name = family.name.removesuffix("_total")
    unit = unit_of(name)
    said = f"# UNIT {name} {unit}\n" if unit else ""
    return f"# HELP {name} {escaped(family.help)}\n# TYPE {name} {family.kind}\n{said}"


class Identity(NamedTuple):
    """What says whose a line is: the escaped values of a group's labels, and these as they stand behind a name."""

    values: Labels
    labels: str

    @classmethod
    def of(cls, names: Labels, values: Labels) -> "Identity":
        """Give that of a subject, by the names and the values of its group's labels."""
        told = ",".join(f'{name}="{escaped(value)}"' for name, value in sorted(zip(names, values, strict=True)))
        return cls(tuple(map(escaped, values)), f"{{{told}}}" if told else "")


class Lines(Generic[Subject]):
    """Writes the samples of a family; `labels` are those of its group, which stand before its own."""

    def __init__(self, labels: Labels, family: Family[Subject]) -> None:
        self.family = family
        self.heads = {format_: head(family, format_) for format_ in (TEXT, OPENMETRICS)}
        names = (*labels, *family.labels)
        self._name, self._is_single = family.name, not family.labels and family.kind is not Kind.HISTOGRAM
        self._plain = _Pattern(family.name, names)
        self._bucket = _Pattern(f"{family.name}_bucket", (*names, "le"))
        self._ends = _Pattern(f"{family.name}_count", names), _Pattern(f"{family.name}_sum", names)

    def write(self, identity: Identity, given: Given) -> str:
        """Write what a row gave of a subject."""
        if self._is_single and isinstance(given, (int, float)):  # most of a page are such
            return f"{self._name}{identity.labels} {number(given)}\n"
        return "".join(self._sample((*identity.values, *map(escaped, own)), value) for own, value in spread(given))

    def _sample(self, labels: Labels, value: Value) -> str:
        match value, self.family.kind:
            case Distribution(), Kind.HISTOGRAM:
                buckets = value.cumulative()
                lines = [self._bucket(*labels, number(bound), number(count)) for bound, count in buckets]
                ends = zip(self._ends, (buckets[-1][1], value.total), strict=True)
                return "".join((*lines, *(line(*labels, number(end)) for line, end in ends)))
            case int() | float(), Kind.GAUGE | Kind.COUNTER:
                return self._plain(*labels, number(value))
            case _:
                said = f"{self.family.name} is a {self.family.kind}, and its row gives a {type(value).__name__}"
                raise TypeError(said)


class _Pattern:
    """A line with room for the values of its labels, which stand in the order of their names, and its number."""

    def __init__(self, name: str, labels: Labels) -> None:
        order = sorted(range(len(labels)), key=labels.__getitem__)
        named = ",".join(f'{labels[index]}="%s"' for index in order)
        self._text = f"{name}{{{named}}} %s\n" if named else f"{name} %s\n"
        self._pick = itemgetter(*order, len(labels))

    def __call__(self, *values: str) -> str:
        line: str = self._text % self._pick(values)
        return line
