"""Each default is written once: in the settings, and nowhere that the settings' values are handed to."""

import ast
import importlib
import inspect
import re
from argparse import ArgumentParser
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

from exporter.cli.commands import COMMANDS
from exporter.settings import default_of

_PACKAGE = Path(__file__).parents[2] / "exporter"
_OF_SETTINGS = frozenset({"settings", "account", "given"})
"""What the rooms above call settings, an account's and a section's."""
_TAKERS = tuple(f"exporter.{room}" for room in ("app", "jobs", "logs", "metrics", "state", "web", "zoho"))


def _reads(node: ast.AST, names: frozenset[str]) -> bool:
    """Whether an expression reads one of the names."""
    return any(isinstance(part, ast.Attribute) and _root(part) in names for part in ast.walk(node))


def _root(node: ast.Attribute) -> str:
    return re.split(r"\.(?!_)", ast.unparse(node))[0]


def _handed_on(tree: ast.Module) -> frozenset[str]:
    """Give the names that settings' values are kept under, such as `self._max_requests`."""
    kept = (node for node in ast.walk(tree) if isinstance(node, ast.Assign) and _reads(node.value, _OF_SETTINGS))
    return frozenset(ast.unparse(target) for node in kept for target in node.targets)


def _doubles(module: ModuleType, tree: ast.Module) -> Iterator[str]:
    names = _OF_SETTINGS | _handed_on(tree)
    for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)):
        called = getattr(module, ast.unparse(call.func), None)
        if not str(getattr(called, "__module__", "")).startswith(_TAKERS) or not callable(called):
            continue
        parameters = inspect.signature(called).parameters
        given = dict(zip(parameters, call.args, strict=False)) | {str(word.arg): word.value for word in call.keywords}
        for name, value in given.items():
            if _reads(value, names) and parameters[name].default is not inspect.Parameter.empty:
                yield f"{called.__name__}.{name}"


def test_what_takes_a_setting_has_no_default_of_its_own() -> None:
    """Two defaults of one thing drift apart, and the second is never seen."""
    found = set()
    for file in [*_PACKAGE.glob("app/**/*.py"), *_PACKAGE.glob("cli/**/*.py")]:
        parts = file.relative_to(_PACKAGE.parent).with_suffix("").parts
        module = importlib.import_module(".".join(part for part in parts if part != "__init__"))
        found |= set(_doubles(module, ast.parse(file.read_text(encoding="utf-8"))))
    assert not found


def test_help_says_the_defaults_of_the_settings() -> None:
    """Each flag of `run` that stands for a setting with a default."""
    parser = ArgumentParser()
    COMMANDS[0].add_flags(parser)
    words = " ".join(parser.format_help().partition("options:")[2].split())
    said = dict(re.findall(r"--([a-z._-]+)[^-]*?\(default ([^)]*)\)", words))
    names = ("web.listen_address", "web.telemetry_path", "web.max_requests", "log.level", "log.format")
    assert said == {name.replace("_", "-"): str(default_of(name)) for name in names}
