"""Values as they were written, nested as YAML nests them, each with its place; and one source of them over another."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from pydantic_settings import BaseSettings, InitSettingsSource

from exporter.errors import Problem
from exporter.settings.sections.redaction import quote

Path: TypeAlias = tuple[str | int, ...]
"""Where a value stands in the settings: `("accounts", "acme", "data_center")`, `("jobs", 0)`."""

SECRETS = frozenset({"client_secret", "refresh_token", "proxy_url"})
_TWO_FORMS = ("client_secret", "refresh_token")
_OTHER_FORM = {name: f"{name}_file" for name in _TWO_FORMS} | {f"{name}_file": name for name in _TWO_FORMS}
_FLAGS = {"web.config_file": "--web.config.file"}
"""The flag that is not named like its setting, but as Prometheus names it."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where the user wrote a value: a line of the file, or (`line` is `None`) a variable, a flag, a secret file.

    `entry` is the part of it that is concerned: one job of `ZOHO_JOBS`, one variable of `.env`.
    """

    name: str
    line: int | None = None
    entry: str = ""

    def __str__(self) -> str:
        return self.name if self.line is None else f"{self.name}:{self.line}"

    def prefix(self, path: Path) -> str:
        """Say what within this place is meant: in a file the dotted path, elsewhere the entry."""
        return self.entry if self.line is None else dotted(path)


@dataclass(frozen=True, slots=True)
class Finding:
    """Something wrong with the value at `path`."""

    place: Place
    path: Path
    text: str

    def problem(self) -> Problem:
        """Word it for the operator."""
        prefix = self.place.prefix(self.path)
        return Problem(str(self.place), f"{prefix}: {self.text}" if prefix else self.text)


@dataclass(frozen=True, slots=True)
class Tree:
    """Values that are texts, `None` for YAML's null, lists and dicts; `places` are those of the values, by path.

    What has no place of its own stands where the nearest thing around it does, at last at `root`.
    """

    values: dict[str, object]
    places: Mapping[Path, Place]
    root: Place

    def find(self, path: Path, absent: object = None) -> object:
        """Give what stands at `path`."""
        node: object = self.values
        for step in path:
            match node:
                case dict() if step in node:
                    node = node[step]
                case list() if isinstance(step, int) and step < len(node):
                    node = node[step]
                case _:
                    return absent
        return node

    def place(self, path: Path) -> Place:
        """Give the place of what stands at `path`, or of the nearest thing around it."""
        nothing = object()
        while path and (path not in self.places or self.find(path, nothing) is nothing):
            path = path[:-1]
        return self.places.get(path, self.root)

    def text(self, path: Path) -> str | None:
        """Give the text at `path`; `None` where there is none, or something else than a text."""
        found = self.find(path)
        return found if isinstance(found, str) else None

    def texts(self, path: Path, *names: str) -> tuple[str | None, ...]:
        """Give the texts at some keys of the mapping at `path`."""
        return tuple(self.text((*path, name)) for name in names)

    def mapping(self, path: Path) -> dict[str, object]:
        """Give the mapping at `path`; empty where there is none."""
        found = self.find(path)
        return found if isinstance(found, dict) else {}

    def listing(self, path: Path) -> list[object]:
        """Give the list at `path`; empty where there is none."""
        found = self.find(path)
        return found if isinstance(found, list) else []

    def finding(self, path: Path, text: str) -> Finding:
        """Tell of what is wrong with what stands at `path`, at its place."""
        return Finding(self.place(path), path, text)


@dataclass(frozen=True, slots=True)
class Written:
    """A value as it was written, and where."""

    value: str
    place: Place


class Source(InitSettingsSource):
    """What one source says, and where it says it."""

    def __init__(self, values: dict[str, object], places: Mapping[Path, Place]) -> None:
        super().__init__(BaseSettings, init_kwargs=values)
        self.places = places

    def __call__(self) -> dict[str, Any]:
        """Give the values, but for the form of a secret of which a higher source has the other."""
        return _Unshown(_unreplaced(super().__call__(), self.current_state))

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
        return cls(values, places)

    @classmethod
    def of_flags(cls, overrides: Mapping[str, object]) -> "Source":
        """Make a source of flags by dotted setting; `None` is a flag not given."""
        places = {name: Place(_FLAGS.get(name) or f"--{name.replace('_', '-')}") for name in overrides}
        given = {name: Written(str(value), places[name]) for name, value in overrides.items() if value is not None}
        return cls.of({tuple(name.split(".")): written for name, written in given.items()})


class _Unshown(dict[str, Any]):
    """Values of which pydantic-settings' own debugging, a variable away, shows nothing."""

    def __repr__(self) -> str:
        return "…"


class _Layers(BaseSettings, extra="allow"):
    """The values of all sources; nothing is validated yet, so that all problems are told at once."""

    def __init__(self, layers: tuple[Source, ...]) -> None:
        super().__init__(_build_sources=(layers, {}))


def merged(file: Tree, sources: Iterable[Source]) -> Tree:
    """Let pydantic-settings lay sources, highest first, over a file: mappings are merged, all else is replaced."""
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


def dotted(path: Path) -> str:
    """Write a path as a person would: `jobs[0].module`; it ends where a secret stands."""
    end = next((index + 1 for index, step in enumerate(path) if step in SECRETS), len(path))
    steps = (f"[{step}]" if isinstance(step, int) else f".{_key(step)}" for step in path[:end])
    return "".join(steps).removeprefix(".")


def _key(text: str) -> str:
    # A forgotten space makes a secret part of the key: {client_secret:swordfish}.
    word, sign, _ = text.replace("=", ":").partition(":")
    return quote(f"{word}…" if sign else word)[1:-1]
