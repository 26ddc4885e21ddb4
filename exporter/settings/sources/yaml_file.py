"""A YAML file, read node by node, so that every value keeps its digits and its line."""

import re
from pathlib import Path

import yaml
from yaml.composer import Composer
from yaml.nodes import MappingNode, ScalarNode, SequenceNode

from exporter.errors import ConfigurationError, Problem
from exporter.files import read_text, refused
from exporter.settings.sources.tree import Finding, Place, Tree
from exporter.settings.sources.tree import Path as TreePath

_MOST_BYTES = 4 * 1024 * 1024
_MOST_NODES = 200_000
_DEEPEST = 50
_TAG = "tag:yaml.org,2002:"
_NULL, _MERGE = f"{_TAG}null", f"{_TAG}merge"
_PLAIN_TAGS = frozenset(
    f"{_TAG}{name}" for name in ("str", "int", "float", "bool", "null", "timestamp", "value", "merge", "map", "seq")
)
# The parser may quote what it stumbled over, which may be a secret.
_QUOTED = re.compile(r"'[^' ]{3,}'")

_ADVICE = {
    "another document": ": one is expected, without a second line of ---",
    "mapping values": "; is a space missing after a colon just above, or is this line indented too far?",
    "end of stream": "; a quote or a bracket is not closed",
    "expected key": "; is this line indented like its neighbours?",
    "expected ':'": "; each name has a colon and a space behind it",
    "start any token": "; put a value that begins with @, ` or % in quotes",
    "'-' indicator": '; each entry of a list begins with "- ", all in one column',
    "expected node content": "; is a bracket not closed, or a comma too many?",
    "expected ',' or": "; is a bracket not closed, or a comma missing?",
}
"""What to do about what the parser says, by a part of that."""

Pairs = dict[str, tuple[ScalarNode, yaml.Node]]
Around = tuple[yaml.Node, ...]


def read_yaml(path: Path) -> tuple[Tree, tuple[Finding, ...]]:
    """Read the file into a tree, together with what is wrong with its keys and tags. An empty file is an empty tree.

    Raises:
        ConfigurationError: when there is no tree: the file can't be read, is not YAML, or not a mapping.
    """
    text = read_text(path, _MOST_BYTES)
    walk = _Walk(str(path))
    try:
        root = _Loader(text, str(path)).get_single_node()
        values = None if root is None else walk.value(root, (), root)
    except (yaml.YAMLError, ValueError, OverflowError) as error:
        problem = _syntax_problem(error, str(path), text)
    else:
        if isinstance(values, dict | None):
            return Tree(values or {}, walk.places), tuple(walk.findings.values())
        is_variables = re.match(r"\s*(?:export\s+)?[A-Z_]+=", text)
        advice = "; it looks like variables: name it .env, or begin with accounts:" if is_variables else ""
        problem = Problem(str(path), f"expected a mapping at the top level, such as accounts: and jobs:{advice}")
    # Raised out of the `except`: the parser's error shows the line it failed on.
    raise ConfigurationError((problem,))


class _Loader(Composer, yaml.CSafeLoader):
    """libyaml's parser, several times faster than Python's, and a composer that stops where nobody writes any more."""

    def __init__(self, text: str, name: str) -> None:
        yaml.CSafeLoader.__init__(self, text)
        Composer.__init__(self)
        self._name = name
        self._nodes = 0
        self._depth = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        """Compose a node, unless it is one too many or too deep."""
        self._nodes += 1
        self._depth += 1
        if self._nodes > _MOST_NODES:
            raise refused(self._name, f"has more than {_MOST_NODES} keys and values: split it")
        if self._depth > _DEEPEST:
            raise refused(self._name, "is nested too deeply")
        node = super().compose_node(parent, index)
        self._depth -= 1
        return node


def _syntax_problem(error: Exception, name: str, text: str) -> Problem:
    match error:
        case yaml.MarkedYAMLError(problem=str(said), problem_mark=object(line=int(line))):
            lines = text.splitlines()
            if "quoted scalar" in str(error.context) and error.context_mark:
                line = error.context_mark.line  # where the quote was opened
            line = min(line, len(lines) - 1)  # at the end of the file the parser stands behind the last one
            if lines[line].lstrip(" ").startswith("\t"):
                said = "is indented by a tab, where only spaces may stand"
            advice = next((advice for part, advice in _ADVICE.items() if part in said), "")
            return Problem(f"{name}:{line + 1}", f"is not valid YAML: {_QUOTED.sub('…', said)}{advice}")
        case yaml.reader.ReaderError(position=int(position)):
            line = text.encode().count(b"\n", 0, position)
            advice = ": is it UTF-16? save it as UTF-8" if "\0" in text else ""
            return Problem(f"{name}:{line + 1}", f"is not valid YAML: has a character that YAML does not allow{advice}")
        case _:
            return Problem(name, "is not valid YAML")


class _Walk:
    """One walk over the nodes of a file; `places` and `findings` grow on the way.

    A node with several aliases is walked as often, and told of once.
    """

    def __init__(self, name: str) -> None:
        self.places: dict[TreePath, Place] = {(): Place(name, 1)}
        self.findings: dict[int, Finding] = {}
        self._name = name
        self._visits = 0

    def value(self, node: yaml.Node, path: TreePath, written_at: yaml.Node, around: Around = ()) -> object:
        """Give a node's value; `around` are the nodes that it is in."""
        self.places.setdefault(path, self._place(written_at))
        if self._is_around(node, path, around):
            return None
        if node.tag not in _PLAIN_TAGS:
            # The tag is not quoted: it is what YAML makes of a secret that begins with "!".
            self._find(node, path, "has a YAML tag: put a value that begins with ! in quotes", self.places[path])
        around = (*around, node)
        match node:
            case MappingNode():
                pairs = self._pairs(node, path, around)
                return {name: self.value(value, (*path, name), key, around) for name, (key, value) in pairs.items()}
            case SequenceNode(value=items):
                return [self.value(item, (*path, index), item, around) for index, item in enumerate(items)]
            case _:
                return None if node.tag == _NULL else str(node.value)

    def _pairs(self, node: MappingNode, path: TreePath, around: Around) -> Pairs:
        own: Pairs = {}
        merged: Pairs = {}
        self._visits += len(node.value)
        for key, value in node.value:
            if not isinstance(key, ScalarNode):
                self._find(key, path, "has a key that is not a plain word")
            elif key.tag == _MERGE:
                self._merge(value, path, merged, around)
            elif key.value in own:
                first = own[key.value][0].start_mark.line + 1
                self._find(key, (*path, key.value), f"duplicate key, first on line {first}")
            else:
                own[key.value] = (key, value)
        return merged | own

    def _merge(self, node: yaml.Node, path: TreePath, merged: Pairs, around: Around) -> None:
        for source in node.value if isinstance(node, SequenceNode) else [node]:
            if not isinstance(source, MappingNode):
                self._find(source, path, "<<: expects a mapping, or a list of mappings")
            elif not self._is_around(source, path, around):
                for name, pair in self._pairs(source, path, (*around, source)).items():
                    merged.setdefault(name, pair)

    def _is_around(self, node: yaml.Node, path: TreePath, around: Around) -> bool:
        """Whether a node contains itself: it is among those around it."""
        self._visits += 1
        if self._visits > _MOST_NODES:
            raise refused(self._name, f"its aliases expand to more than {_MOST_NODES} values")
        if len(around) > _DEEPEST:
            raise refused(self._name, "is nested too deeply")
        if node in around:
            self._find(node, path, "an alias that contains itself", self.places[path])
        return node in around

    def _find(self, node: yaml.Node, path: TreePath, text: str, place: Place | None = None) -> None:
        self.findings.setdefault(id(node), Finding(place or self._place(node), path, text))

    def _place(self, node: yaml.Node) -> Place:
        return Place(self._name, node.start_mark.line + 1)
