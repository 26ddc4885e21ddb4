"""See what the unit tests would not notice: break one thing at a time in a copy of the code, and run them.

What no test notices is listed by file and line: it lacks a test, or changes nothing that anybody could see. A module's
own tests run first, then those of its room.
"""

import ast
import math
import os
import resource
import shutil
import sys
import tempfile
import time
from argparse import ArgumentParser
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from threading import Timer
from typing import NoReturn

import pytest
from hypothesis import Phase, settings

ROOT = Path(__file__).parents[1]
MODULES = (
    "exporter/zoho/wire.py",
    "exporter/zoho/permits.py",
    "exporter/zoho/tokens.py",
    "exporter/jobs/schedule.py",
    "exporter/jobs/outcome.py",
    "exporter/state/account.py",
    "exporter/state/ledger.py",
)
COPIED = ("exporter", "tests", "scripts", "deploy", "grafana", "pyproject.toml")
PRELOADED = ("hypothesis.stateful", "pydantic", "requests_mock", "urllib3")
QUIET = "ignore::pytest.PytestAssertRewriteWarning"
"""What is loaded beforehand has no assertions that pytest rewrites."""
UNSHRUNK = settings(phases=[Phase.explicit, Phase.generate])
"""That a property is broken is enough: nobody reads by which smallest example."""
PATIENCE = 5
"""A change that makes the tests hang is one that they notice: when they take so many times as long as without it."""
MOST_BYTES = 8 * 1024**3
"""What the tests may take of memory: a change that makes them take all of it would end the machine before the tests."""
COMPARISONS: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}
OPERATORS: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
}


@dataclass(frozen=True)
class Change:
    """One thing to break: the how-manieth node of the tree, and what stands in its place."""

    number: int
    line: int
    before: str
    after: ast.AST

    def __str__(self) -> str:
        after = ast.unparse(ast.fix_missing_locations(deepcopy(self.after)))
        return f"{self.line}: {after}  <-  {self.before.splitlines()[0]}"


def changes(tree: ast.Module) -> Iterator[Change]:
    """Give everything that can be broken in a module, but for its annotations and decorators."""
    unseen = {id(node) for part in _unseen(tree) for node in ast.walk(part)}
    for number, node in enumerate(ast.walk(tree)):
        if id(node) not in unseen and isinstance(node, ast.expr | ast.stmt):
            for after in _instead(node):
                yield Change(number, node.lineno, ast.unparse(node), after)


def _unseen(tree: ast.Module) -> Iterator[ast.AST]:
    for node in ast.walk(tree):
        match node:
            case ast.FunctionDef(returns=annotation, decorator_list=decorators):
                yield from (part for part in (annotation, *decorators) if part)
            case ast.ClassDef(decorator_list=decorators):
                yield from decorators
            case ast.AnnAssign(annotation=annotation):
                yield annotation
            case ast.arg(annotation=ast.expr() as annotation):
                yield annotation


def _instead(node: ast.AST) -> Iterator[ast.AST]:
    """Give what may stand in a node's place."""
    match node:
        case ast.Constant(value=bool() as value):
            yield ast.Constant(not value)
        case ast.Constant(value=int() | float() as value):
            yield from (ast.Constant(value + 1), ast.Constant(value - 1))
        case ast.expr():
            yield from _other_expressions(node)
        case ast.Return(value=ast.expr() as value) if not isinstance(value, ast.Constant):
            yield ast.Return(ast.Constant(None))
        case ast.Expr(value=ast.Call()) | ast.Assign() | ast.AugAssign() | ast.Raise() | ast.Delete():
            yield ast.Pass()


def _other_expressions(node: ast.expr) -> Iterator[ast.AST]:
    match node:
        case ast.Compare(left=left, ops=[operator], comparators=others) if type(operator) in COMPARISONS:
            yield ast.Compare(left, [COMPARISONS[type(operator)]()], others)
        case ast.BoolOp(op=operator, values=values):
            yield ast.BoolOp(ast.Or() if isinstance(operator, ast.And) else ast.And(), values)
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            yield operand
        case ast.IfExp(test=test, body=body, orelse=orelse):
            yield ast.IfExp(test, orelse, body)
        case ast.BinOp(left=left, op=operator, right=right) if type(operator) in OPERATORS:
            yield ast.BinOp(left, OPERATORS[type(operator)](), right)


class _Breaker(ast.NodeTransformer):
    """Puts something else in the place of one node."""

    def __init__(self, before: ast.AST, after: ast.AST) -> None:
        self._before = before
        self._after = after

    def visit(self, node: ast.AST) -> ast.AST:
        """Replace the node, or look further down."""
        if node is self._before:
            return ast.copy_location(self._after, node)
        return self.generic_visit(node)


def broken(source: str, change: Change) -> str:
    """Give a module's source with one thing broken."""
    tree = ast.parse(source)
    node = list(ast.walk(tree))[change.number]
    return ast.unparse(ast.fix_missing_locations(_Breaker(node, change.after).visit(tree)))


def tests_of(module: str) -> list[str]:
    """Give where a module's tests are: its own, and those of its room."""
    room = Path("tests/unit") / Path(module).parent.relative_to("exporter")
    own = room / f"test_{Path(module).name}"
    return [str(place) for place in (own, room) if (ROOT / place).exists()]


def is_noticed(copy: Path, tests: list[str], patience_seconds: int) -> bool:
    """Whether a test fails, or hangs. A fork, for to start and to load what the tests need would take the most time."""
    for place in tests:
        child = os.fork()
        if not child:
            _run(copy, place, patience_seconds)
        if os.waitpid(child, 0)[1]:
            return True
    return False


def _run(copy: Path, place: str, patience_seconds: int) -> NoReturn:
    """Run tests, and end with their status; 0 seconds are as many as they take."""
    if patience_seconds:
        # No alarm: the tests' own time limits set that anew.
        timer = Timer(patience_seconds, os._exit, [1])
        timer.daemon = True
        timer.start()
    resource.setrlimit(resource.RLIMIT_AS, (MOST_BYTES, MOST_BYTES))
    settings.register_profile("unshrunk", UNSHRUNK)
    settings.load_profile("unshrunk")
    os.chdir(copy)
    sys.path.insert(0, str(copy))
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for descriptor in (1, 2):
        os.dup2(nowhere, descriptor)
    os._exit(pytest.main(["-q", "-x", "-p", "no:cacheprovider", "-W", QUIET, place]))


def survivors(copy: Path, module: str, tests: list[str]) -> Iterator[str]:
    """Break a module in every way, and give what no test noticed."""
    place = copy / module
    source = place.read_text(encoding="utf-8")
    started = time.monotonic()
    if is_noticed(copy, tests, 0):
        raise SystemExit(f"{module}: its tests fail as it stands: {' '.join(tests)}")
    patience_seconds = math.ceil(PATIENCE * (time.monotonic() - started))
    for change in changes(ast.parse(source)):
        place.write_text(broken(source, change), encoding="utf-8")
        if not is_noticed(copy, tests, patience_seconds):
            yield f"{module}:{change}"
    place.write_text(source, encoding="utf-8")


def main() -> None:
    """Break the named modules."""
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("modules", nargs="*", default=MODULES, help="files of exporter/; those that decide by default")
    parser.add_argument("--tests", nargs="*", help="what to run instead of the module's and its room's tests")
    options = parser.parse_args()
    for name in PRELOADED:
        import_module(name)
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder)
        for name in COPIED:
            source = ROOT / name
            (shutil.copytree if source.is_dir() else shutil.copy)(source, copy / name)
        for module in options.modules:
            sys.stdout.write(f"{module}: {len(list(changes(ast.parse((ROOT / module).read_text()))))} changes\n")
            for survivor in survivors(copy, module, options.tests or tests_of(module)):
                sys.stdout.write(f"{survivor}\n")
                sys.stdout.flush()


if __name__ == "__main__":
    main()
