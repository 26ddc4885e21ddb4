"""One source over another: pydantic-settings asks each in turn and joins what they say, we keep the places."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic_settings import BaseSettings, InitSettingsSource

from exporter.settings.sources.tree import Path, Place, Tree

_SECRETS = ("client_secret", "refresh_token")
_OTHER_FORM = {name: f"{name}_file" for name in _SECRETS} | {f"{name}_file": name for name in _SECRETS}


@dataclass(frozen=True, slots=True)
class Written:
    """A value as it was written, and where."""

    value: str | list[str]
    place: Place


class Source(InitSettingsSource):
    """What one source says, and where it says it."""

    def __init__(self, values: dict[str, object], places: Mapping[Path, Place]) -> None:
        super().__init__(BaseSettings, init_kwargs=values)
        self.places = places

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

    def __call__(self) -> dict[str, Any]:
        """Give the values, but for the form of a secret of which a higher source has the other."""
        return _Unshown(_unreplaced(super().__call__(), self.current_state))


class _Unshown(dict[str, Any]):
    """Values of which pydantic-settings' own debugging, a variable away, shows nothing."""

    def __repr__(self) -> str:
        return "…"


class _Layers(BaseSettings, extra="allow"):
    """The values of all sources; nothing is validated yet, so that all problems are told at once."""

    def __init__(self, layers: tuple[Source, ...]) -> None:
        super().__init__(_build_sources=(layers, {}))


def merged(file: Tree, sources: Iterable[Source]) -> Tree:
    """Lay sources, highest first, over a file: mappings are merged, everything else is replaced."""
    layers = (*sources, Source(file.values, file.places))
    values = _Layers(layers).model_extra or {}
    places = {path: place for layer in reversed(layers) for path, place in layer.places.items()}
    return Tree(_with_misfits(values, file.values), places, file.root)


def _unreplaced(own: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    return {
        key: _unreplaced(value, above[key]) if isinstance(value, dict) and isinstance(above.get(key), dict) else value
        for key, value in own.items()
        if _OTHER_FORM.get(key) not in above
    }


def _with_misfits(value: Any, below: Any) -> Any:  # noqa: ANN401 - whatever was written
    """Keep what the file has where a mapping belongs, so that it is told of even where others replace it."""
    if not isinstance(value, dict) or below is None:
        return value
    if not isinstance(below, dict):
        return below
    return {key: _with_misfits(inner, below.get(key)) for key, inner in value.items()}
