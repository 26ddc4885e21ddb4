"""One source over another: the values of each with their places, and the mappings of all joined."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from exporter.settings.sources.tree import Path, Place, Tree

_SECRETS = ("client_secret", "refresh_token")
_OTHER_FORM = {name: f"{name}_file" for name in _SECRETS} | {f"{name}_file": name for name in _SECRETS}
_FLAGS = {"web.config_file": "--web.config.file"}
"""The flag that is not named like its setting, but as Prometheus names it."""


@dataclass(frozen=True, slots=True)
class Written:
    """A value as it was written, and where."""

    value: str | list[str]
    place: Place


@dataclass(frozen=True, slots=True)
class Source:
    """What one source says, and where it says it."""

    values: dict[str, object]
    places: Mapping[Path, Place]

    @classmethod
    def of(cls, written: Mapping[Path, Written]) -> "Source":
        """Make a source of single values by their paths."""
        values: dict[str, Any] = {}
        places: dict[Path, Place] = {}
        for path, one in written.items():
            node = values
            for step in path[:-1]:
                node = node.setdefault(str(step), {})
            node[str(path[-1])] = one.value
            places[path] = one.place
            items = one.value if isinstance(one.value, list) else ()
            places |= {(*path, index): one.place for index, _ in enumerate(items)}
        return cls(values, places)

    @classmethod
    def of_flags(cls, overrides: Mapping[str, object]) -> "Source":
        """Make a source of flags by dotted setting; `None` is a flag not given."""
        given = {name: value for name, value in overrides.items() if value is not None}
        return cls.of({tuple(name.split(".")): _flag(name, value) for name, value in given.items()})


def _flag(name: str, value: object) -> Written:
    text = [*map(str, value)] if isinstance(value, list | tuple) else str(value)
    return Written(text, Place(_FLAGS.get(name) or f"--{name.replace('_', '-')}"))


def merged(file: Tree, sources: Iterable[Source]) -> Tree:
    """Lay sources, highest first, over a file: mappings are merged, everything else is replaced."""
    values, places = file.values, dict(file.places)
    for source in reversed([*sources]):
        values = _laid_over(source.values, values)
        places.update(source.places)
    return Tree(values, places, file.root)


def _laid_over(above: Any, below: Any) -> Any:  # noqa: ANN401 - whatever was written
    """Keep what stands below where a mapping belongs: it is told of even where others replace it."""
    if not isinstance(above, dict) or below is None:
        return above
    if not isinstance(below, dict):
        return below
    kept = {name: value for name, value in below.items() if _OTHER_FORM.get(name) not in above}
    return kept | {name: _laid_over(value, kept.get(name)) for name, value in above.items()}
