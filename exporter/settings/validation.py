"""From values to a model, or to every problem at once: pydantic's findings in our words, each with its place."""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TypeVar, get_args

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from exporter.errors import ConfigurationError, Problem
from exporter.settings.coherence import missing
from exporter.settings.sections.schema import Section
from exporter.settings.sections.values import suggestion
from exporter.settings.sources.tree import Finding, Tree
from exporter.settings.sources.tree import Path as TreePath

Model = TypeVar("Model", bound=Section)

_MOST_TOLD = 100
_HOMES = {"accounts": "accounts, below the account's alias"}
_EXPECTED = {
    "dict_type": "expected a mapping",
    "mapping_type": "expected a mapping",
    "tuple_type": "expected a list",
}


def validated(model: type[Model], tree: Tree, findings: Iterable[Finding], context: object = None) -> Model:
    """Give the model of the tree's values.

    Raises:
        ConfigurationError: with every problem, and those of the `findings`; with the first ones where they are many.
    """
    found = list(islice(findings, _MOST_TOLD + 1))
    valid: Model | None = None
    try:
        valid = model.model_validate(tree.values, context=context)
    except ValidationError as error:
        told = frozenset(finding.path for finding in found)
        found.extend(islice(_described(error, model, tree, told), _MOST_TOLD + 1))
    # Raised out of the `except`: pydantic's error carries what was written, secrets too.
    if valid is None or found:
        raise _refusal(found)
    return valid


def _refusal(found: list[Finding]) -> ConfigurationError:
    """Word the findings: those of the file first, by line."""
    ordered = sorted(found, key=lambda finding: finding.place.line or float("inf"))
    problems = tuple(dict.fromkeys(finding.problem() for finding in ordered[:_MOST_TOLD]))
    if len(ordered) > _MOST_TOLD:
        problems += (Problem("and more", f"these are {_MOST_TOLD} of the problems: mend them first"),)
    return ConfigurationError(problems)


def _described(
    error: ValidationError, model: type[Section], tree: Tree, told: frozenset[TreePath]
) -> Iterator[Finding]:
    for detail in error.errors(include_url=False, include_input=False):
        path = detail["loc"]
        if path[-1] == "[key]" and tree.find(path, absent := object()) is absent:
            path = path[:-1]
        if detail["type"] != "missing":
            yield tree.finding(path, _wording(detail, model, path))
        elif not any(path[:length] in told for length in range(1, len(path) + 1)):
            yield missing(tree, path, "is required")


def _wording(detail: ErrorDetails, model: type[Section], path: TreePath) -> str:
    match detail["type"]:
        case "value_error":
            return str(detail["ctx"]["error"])
        case "unknown_word":
            said = detail["ctx"]
            return f"{said['said']}{suggestion(said['word'], said['known']) or said['otherwise']}"
        case "extra_forbidden":
            return f"unknown key{_advice(model, path)}"
        case "model_type":
            return f"expected a mapping of settings{_known(_section_at(model, path))}"
        case kind:
            return _EXPECTED.get(kind, detail["msg"])


def _advice(model: type[Section], path: TreePath) -> str:
    section, name = _section_at(model, path[:-1]), str(path[-1])
    homes = section.model_fields.items() if len(path) == 1 else ()
    for home, field in homes:
        if (inner := _section_in(field.annotation)) and name in inner.model_fields:
            return f"; it belongs under {_HOMES.get(home, home)}"
    return suggestion(name, section.model_fields) or _known(section)


def _known(section: type[Section]) -> str:
    return f"; known: {', '.join(section.model_fields)}"


def _section_at(model: type[Section], path: TreePath) -> type[Section]:
    """Give the model that `path` leads to; an alias or an index leads no further."""
    for step in path:
        field = model.model_fields.get(str(step))
        model = (_section_in(field.annotation) if field else None) or model
    return model


def _section_in(annotation: object) -> type[Section] | None:
    if isinstance(annotation, type) and issubclass(annotation, Section):
        return annotation
    return next(filter(None, map(_section_in, get_args(annotation))), None)
