"""A setting's value together with the place it came from: what each source is read into before validation."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from exporter.errors import ConfigurationError, Problem
from exporter.settings.sections.redaction import quote

Path: TypeAlias = tuple[str | int, ...]
"""Where a value stands in the settings: `("accounts", "acme", "data_center")`, `("jobs", 0)`."""


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
class Leaf:
    """One value as written; `None` is YAML's null."""

    text: str | None
    place: Place


@dataclass(frozen=True, slots=True)
class Listing:
    """A sequence of values."""

    items: "tuple[Node, ...]"
    place: Place


@dataclass(frozen=True, slots=True)
class Branch:
    """A mapping of keys to values. A child's place is the line of its key."""

    children: "Mapping[str, Node]"
    place: Place


Node: TypeAlias = Leaf | Listing | Branch

_SECRETS = frozenset({"client_secret", "refresh_token", "proxy_url"})
# A higher source that gives one form of a secret replaces the other form in the lower ones.
_OTHER_FORM = {
    "client_secret": "client_secret_file",
    "client_secret_file": "client_secret",
    "refresh_token": "refresh_token_file",
    "refresh_token_file": "refresh_token",
}


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


def dotted(path: Path) -> str:
    """Write a path as a person would: `jobs[0].module`; it ends where a secret stands."""
    end = next((index + 1 for index, step in enumerate(path) if step in _SECRETS), len(path))
    steps = (f"[{step}]" if isinstance(step, int) else f".{_key(step)}" for step in path[:end])
    return "".join(steps).removeprefix(".")


def _key(text: str) -> str:
    # A forgotten space makes a secret part of the key: {client_secret:swordfish}.
    word, sign, _ = text.replace("=", ":").partition(":")
    return quote(f"{word}…" if sign else word)[1:-1]


def find(node: Node, path: Path) -> Node | None:
    """Give what stands at `path`, if anything does."""
    for step in path:
        match node:
            case Branch(children=children) if step in children:
                node = children[str(step)]
            case Listing(items=items) if isinstance(step, int) and step < len(items):
                node = items[step]
            case _:
                return None
    return node


def place_at(node: Node, path: Path) -> Place:
    """Give the place of what stands at `path`, or of the nearest thing around it."""
    while (found := find(node, path)) is None:
        path = path[:-1]
    return found.place


def text_at(node: Node, path: Path) -> str | None:
    """Give the text at `path`; `None` where there is none, or something else than a text."""
    found = find(node, path)
    return found.text if isinstance(found, Leaf) else None


def is_given(node: Node | None) -> bool:
    """Whether there is a value; YAML's null is none."""
    return node is not None and not (isinstance(node, Leaf) and node.text is None)


def children_at(node: Node, path: Path) -> Mapping[str, Node]:
    """Give the mapping at `path`; empty where there is none."""
    found = find(node, path)
    return found.children if isinstance(found, Branch) else {}


def items_at(node: Node, path: Path) -> tuple[Node, ...]:
    """Give the sequence at `path`; empty where there is none."""
    found = find(node, path)
    return found.items if isinstance(found, Listing) else ()


def overlay(lower: Branch, upper: Branch) -> Branch:
    """Lay the values of a source over those of a lower one; mappings are merged, everything else replaced.

    What stands where a mapping belongs is kept, so that it is told of.
    """
    merged = {key: node for key, node in lower.children.items() if _OTHER_FORM.get(key) not in upper.children}
    for key, node in upper.children.items():
        below = merged.get(key)
        if isinstance(below, Branch) and isinstance(node, Branch):
            merged[key] = overlay(below, node)
        elif not isinstance(node, Branch) or not is_given(below):
            merged[key] = node
    return Branch(merged, lower.place)


def grow(leaves: Iterable[tuple[Path, Node]], place: Place) -> Branch:
    """Build a mapping from the paths of its values; a branch gets the place of its first value."""
    root = Branch({}, place)
    for path, leaf in leaves:
        node: Node = leaf
        for step in reversed(path):
            node = Branch({str(step): node}, leaf.place)
        root = overlay(root, node) if isinstance(node, Branch) else root
    return root


def plain(node: Node) -> object:
    """Give the bare values for validation: `str`, `None`, `list` and `dict` only."""
    match node:
        case Branch(children=children):
            return {key: plain(child) for key, child in children.items()}
        case Listing(items=items):
            return [plain(item) for item in items]
        case Leaf(text=text):
            return text


def refusal(findings: Iterable[Finding]) -> ConfigurationError:
    """Turn findings into the error to raise: those of the file first, by line."""
    ordered = sorted(findings, key=lambda finding: finding.place.line or float("inf"))
    return ConfigurationError(tuple(dict.fromkeys(finding.problem() for finding in ordered)))
