"""Values as they were written, nested as YAML nests them, each with its place; and one source of them over another."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias, TypeVar

from pydantic_settings import BaseSettings, InitSettingsSource

from exporter.errors import Problem
from exporter.settings.sections.values import quote

Path: TypeAlias = tuple[str | int, ...]
"""Where a value stands in the settings: `("accounts", "acme", "data_center")`, `("jobs", 0)`."""

Kind = TypeVar("Kind")

TWO_FORMS = ("client_secret", "refresh_token")
"""The secrets that may also be given as a file, under a name that ends in `_file`."""
_SECRETS = frozenset({*TWO_FORMS, "proxy_url", "basic_auth_users"})
"""Where a path ends in messages: a user may have changed places with the password."""
_LONGEST_KEY = 30
"""Longer than any of ours: what is longer may be a secret."""
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


@dataclass(frozen=True, slots=True)
class Finding:
    """Something wrong with the value at `path`."""

    place: Place
    path: Path
    text: str

    def problem(self) -> Problem:
        """Word it for the operator: in a file the dotted path says what is meant, elsewhere the entry."""
        prefix = self.place.entry if self.place.line is None else _dotted(self.path)
        return Problem(str(self.place), f"{prefix}: {self.text}" if prefix else self.text)


@dataclass(frozen=True, slots=True)
class Tree:
    """Values that are texts, `None` for YAML's null, lists and dicts; `places` are those of the values, by path.

    What has no place of its own stands where the nearest thing around it does, at last where the whole does: at `()`.
    """

    values: dict[str, object]
    places: dict[Path, Place]

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
        while path not in self.places or self.find(path, nothing) is nothing:
            path = path[:-1]
        return self.places[path]

    def at(self, path: Path, kind: type[Kind]) -> Kind:
        """Give what stands at `path` if it is of that kind, an empty one otherwise."""
        found = self.find(path)
        return found if isinstance(found, kind) else kind()

    def finding(self, path: Path, text: str) -> Finding:
        """Tell of what is wrong with what stands at `path`, at its place."""
        return Finding(self.place(path), path, text)


class Written(NamedTuple):
    """A value as it was written, and where."""

    value: str | dict[str, object]
    place: Place


Layer: TypeAlias = Mapping[Path, Written]
"""What one source says."""


def path_of(name: str) -> Path:
    """Give the path of a dotted setting."""
    return tuple(name.split("."))


def flags(overrides: Mapping[str, object]) -> Layer:
    """Give what flags say by dotted setting; `None` is a flag not given."""
    return {
        path_of(name): Written(str(value), Place(_FLAGS.get(name) or f"--{name.replace('_', '-')}"))
        for name, value in overrides.items()
        if value is not None
    }


def merged(file: Tree, layers: Iterable[Layer]) -> Tree:
    """Let pydantic-settings lay layers, highest first, over a file: mappings are merged, all else is replaced.

    What the file has where a mapping belongs stays, to be told of.
    """
    fitting = [{path: one for path, one in layer.items() if _has_room(file, path)} for layer in layers]
    sources = (_Source(BaseSettings, values) for values in (*map(_nested, fitting), file.values))
    places = {path: one.place for layer in reversed(fitting) for path, one in layer.items()}
    return Tree(_Layers(*sources).model_extra or {}, {**file.places, **places})


class _Layers(BaseSettings, extra="allow"):
    """The values of all sources; nothing is validated yet, so that all problems are told at once."""

    def __init__(self, *sources: "_Source") -> None:
        super().__init__(_build_sources=(sources, {}))


class _Source(InitSettingsSource):
    """What one source says, but for the form of a secret of which a higher source has the other."""

    def __call__(self) -> dict[str, Any]:
        return _Unshown(_unreplaced(super().__call__(), self.current_state))


class _Unshown(dict[str, Any]):
    """Values of which pydantic-settings' own debugging, a variable away, shows nothing."""

    def __repr__(self) -> str:
        return "…"


def _unreplaced(own: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    replaced = {f"{name}_file" for name in TWO_FORMS if name in above}
    replaced |= {name for name in TWO_FORMS if f"{name}_file" in above}
    return {
        key: _unreplaced(value, above[key]) if isinstance(value, dict) and isinstance(above.get(key), dict) else value
        for key, value in own.items()
        if key not in replaced
    }


def _has_room(file: Tree, path: Path) -> bool:
    return all(isinstance(file.find(path[:length]), dict | None) for length in range(len(path)))


def _nested(layer: Layer) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for path, written in layer.items():
        node = values
        for step in path[:-1]:
            node = node.setdefault(str(step), {})
        node[str(path[-1])] = written.value
    return values


def _dotted(path: Path) -> str:
    """Write a path as a person would: `jobs[0].module`; it ends where a secret stands."""
    end = next((index + 1 for index, step in enumerate(path) if step in _SECRETS), len(path))
    steps = (f"[{step}]" if isinstance(step, int) else f".{_key(step)}" for step in path[:end])
    return "".join(steps).removeprefix(".")


def _key(text: str) -> str:
    # A forgotten space makes a secret part of the key: {client_secret:swordfish}.
    word, sign, _ = text.replace("=", ":").partition(":")
    word = word if len(word) <= _LONGEST_KEY else f"{word[:4]}…"
    return quote(f"{word}…" if sign else word)[1:-1]
