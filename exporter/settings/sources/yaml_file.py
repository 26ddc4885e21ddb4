"""The settings file: YAML read node by node, so that every value keeps its digits and its line."""

import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import yaml
from yaml.nodes import MappingNode, ScalarNode, SequenceNode

from exporter.errors import ConfigurationError, Problem
from exporter.settings.sections.secret_files import explain
from exporter.settings.sources.tree import Branch, Finding, Leaf, Listing, Node, Place
from exporter.settings.sources.tree import Path as TreePath

_MAX_BYTES = 4 * 1024 * 1024
_MAX_NODES = 200_000
_TAG = "tag:yaml.org,2002:"
_PLAIN_TAGS = frozenset(
    f"{_TAG}{name}" for name in ("str", "int", "float", "bool", "null", "timestamp", "value", "merge", "map", "seq")
)
# The parser quotes what it stumbled over, which may be a secret; tokens such as '<stream end>' are its own words.
_QUOTED = re.compile(r"'[^']*'")
_TOKEN = re.compile(r"'<[a-z ]+>'")
_MAX_SIGN = 4


def read_yaml(path: Path) -> tuple[Branch, tuple[Finding, ...]]:
    """Read the file into a tree, together with what is wrong with its keys and tags. An empty file is an empty tree.

    Raises:
        ConfigurationError: when there is no tree: the file can't be read, is not YAML, or not a mapping.
    """
    text = _read_text(path)
    walk = _Walk(str(path))
    problem: Problem | None = None
    tree: Node | None = None
    try:
        root = yaml.compose(io.StringIO(text), Loader=yaml.SafeLoader)
        tree = walk.tree(root)
    except (yaml.YAMLError, ValueError, OverflowError) as error:
        problem = _syntax_problem(error, str(path), text)
    except RecursionError:
        problem = Problem(str(path), "is nested too deeply")
    # Raised out of the `except`: the parser's error shows the line it failed on.
    if problem:
        raise ConfigurationError((problem,))
    if not isinstance(tree, Branch):
        raise ConfigurationError(
            (Problem(str(path), "expected a mapping at the top level, such as accounts: and jobs:"),)
        )
    return tree, tuple(walk.findings)


def _read_text(path: Path) -> str:
    problem = ""
    content = b""
    try:
        with path.open("rb") as file:
            content = file.read(_MAX_BYTES + 1)
        text = content.decode("utf-8-sig")
    except (OSError, ValueError) as error:
        text = ""
        problem = explain(error, path)
    if len(content) > _MAX_BYTES:
        problem = f"is larger than {_MAX_BYTES // 1024 // 1024} MiB"
    if problem:
        raise ConfigurationError((Problem(str(path), problem),))
    return text


def _syntax_problem(error: Exception, name: str, text: str) -> Problem:
    match error:
        case yaml.MarkedYAMLError(problem=str(said), problem_mark=yaml.Mark(line=line)):
            return Problem(f"{name}:{line + 1}", f"is not valid YAML: {_QUOTED.sub(_masked, said)}")
        case yaml.reader.ReaderError(position=int(position)):
            line = text.count("\n", 0, position)
            return Problem(f"{name}:{line + 1}", "is not valid YAML: has a character that YAML does not allow")
        case _:
            return Problem(name, "is not valid YAML")


def _masked(quoted: re.Match[str]) -> str:
    text = quoted[0]
    return text if len(text) <= _MAX_SIGN or _TOKEN.fullmatch(text) else "…"


class _Walk:
    """One walk over the nodes of a file; `findings` grows on the way."""

    def __init__(self, name: str) -> None:
        self.findings: list[Finding] = []
        self._name = name
        self._open: set[int] = set()
        self._reported: set[int] = set()
        self._visits = 0

    def tree(self, root: yaml.Node | None) -> Node:
        """Give the tree of a whole document."""
        if root is None or (isinstance(root, ScalarNode) and root.tag == f"{_TAG}null"):
            return Branch({}, Place(self._name, 1))
        return self._node(root, (), Place(self._name, 1))

    def _node(self, node: yaml.Node, path: TreePath, place: Place) -> Node:
        with self._inside(node, path, place) as is_new:
            if not is_new:
                return Leaf(None, place)
            self._refuse_tag(node, path, place)
            match node:
                case MappingNode():
                    return self._branch(node, path, place)
                case SequenceNode(value=values):
                    items = (self._node(item, (*path, i), self._place(item)) for i, item in enumerate(values))
                    return Listing(tuple(items), place)
                case _:
                    return Leaf(None if node.tag == f"{_TAG}null" else str(node.value), place)

    def _branch(self, node: MappingNode, path: TreePath, place: Place) -> Branch:
        children: dict[str, Node] = {}
        for name, (key, value) in self._pairs(node, path).items():
            children[name] = self._node(value, (*path, name), self._place(key))
        return Branch(children, place)

    def _pairs(self, node: MappingNode, path: TreePath) -> dict[str, tuple[ScalarNode, yaml.Node]]:
        own: dict[str, tuple[ScalarNode, yaml.Node]] = {}
        merged: dict[str, tuple[ScalarNode, yaml.Node]] = {}
        for key, value in node.value:
            if not isinstance(key, ScalarNode):
                self._find(key, path, "has a key that is not a plain word")
            elif key.tag == f"{_TAG}merge":
                merged = self._merge(value, path) | merged
            elif key.value in own:
                first = own[key.value][0].start_mark.line + 1
                self._find(key, (*path, key.value), f"duplicate key, first on line {first}")
            else:
                own[key.value] = (key, value)
        return merged | own

    def _merge(self, node: yaml.Node, path: TreePath) -> dict[str, tuple[ScalarNode, yaml.Node]]:
        merged: dict[str, tuple[ScalarNode, yaml.Node]] = {}
        for source in node.value if isinstance(node, SequenceNode) else [node]:
            if not isinstance(source, MappingNode):
                self._find(source, path, "<<: expects a mapping, or a list of mappings")
                continue
            with self._inside(source, path, self._place(source)) as is_new:
                merged = self._pairs(source, path) | merged if is_new else merged
        return merged

    @contextmanager
    def _inside(self, node: yaml.Node, path: TreePath, place: Place) -> Iterator[bool]:
        self._visits += 1
        if self._visits > _MAX_NODES:
            raise ConfigurationError((Problem(self._name, f"its aliases expand to more than {_MAX_NODES} values"),))
        if id(node) in self._open:
            self.findings.append(Finding(place, path, "an alias that contains itself"))
            yield False
            return
        self._open.add(id(node))
        try:
            yield True
        finally:
            self._open.discard(id(node))

    def _refuse_tag(self, node: yaml.Node, path: TreePath, place: Place) -> None:
        if node.tag not in _PLAIN_TAGS:
            # The tag is not quoted: it is what YAML makes of a secret that begins with "!".
            text = "has a YAML tag: put a value that begins with ! in quotes"
            self.findings.append(Finding(place, path, text))

    def _find(self, node: yaml.Node, path: TreePath, text: str) -> None:
        # A mapping with several aliases is walked as often, and told of once.
        if id(node) not in self._reported:
            self._reported.add(id(node))
            self.findings.append(Finding(self._place(node), path, text))

    def _place(self, node: yaml.Node) -> Place:
        return Place(self._name, node.start_mark.line + 1)
