"""Every setting with what may be written, its default and its meaning: read from the models, for people."""

import ast
import inspect
from collections.abc import Iterator, Mapping
from enum import StrEnum
from itertools import pairwise
from textwrap import dedent
from types import UnionType
from typing import Annotated, NamedTuple, Union, get_args, get_origin

from pydantic.fields import FieldInfo

from exporter.settings.sections.schema import SECTIONS, AccountSettings, JobSettings, Section, Settings
from exporter.settings.sections.values import Parser, format_duration

_SHAPES = {
    "accounts": "mapping of aliases",
    "jobs": "list",
    "job_labels": "list of names",
    "job_files": "list of patterns",
    "labels": "mapping",
}


class Row(NamedTuple):
    """One setting."""

    name: str
    expected: str
    default: str
    """As it would be written; empty for none."""
    meaning: str


class Group(NamedTuple):
    """The settings that stand together below one key."""

    meaning: str
    rows: tuple[Row, ...]


def outline() -> Mapping[str, Group]:
    """Give the groups by their keys; those of an account, of a job and of all others first, the last without a key."""
    models: dict[str, type[Section]] = {"accounts": AccountSettings, "jobs": JobSettings, "": Settings, **SECTIONS}
    return {key: Group(model.__doc__ or "", tuple(_rows(model))) for key, model in models.items()}


def meanings(model: type[Section]) -> dict[str, str]:
    """Give what each setting of a section means: the text below it. Read here alone, as no start needs it."""
    (section,) = ast.parse(dedent(inspect.getsource(model))).body
    return {
        name: inspect.cleandoc(text)
        for pair in pairwise(section.body if isinstance(section, ast.ClassDef) else ())
        for name, text in _described(*pair)
    }


def _described(field: ast.stmt, below: ast.stmt) -> Iterator[tuple[str, str]]:
    match field, below:
        case ast.AnnAssign(target=ast.Name(name)), ast.Expr(value=ast.Constant(str(text))):
            yield name, text


def _rows(model: type[Section]) -> Iterator[Row]:
    told = meanings(model)
    for name, field in model.model_fields.items():
        if name not in SECTIONS:
            expected = _SHAPES.get(name) or next(_expected(field.annotation, tuple(field.metadata)))
            yield Row(name, expected, _default(field, expected), told.get(name, ""))


def _expected(annotation: object, metadata: tuple[object, ...]) -> Iterator[str]:
    for part in metadata:
        if isinstance(part, Parser):
            yield part.expected
    if get_origin(annotation) in {Annotated, Union, UnionType}:
        first, *rest = get_args(annotation)
        yield from _expected(first, tuple(rest))


def _default(field: FieldInfo, expected: str) -> str:
    value = None if field.is_required() else field.get_default(call_default_factory=True, validated_data={})
    match value:
        case None | "" | () | {}:
            return ""
        case float() as seconds if expected.startswith("a duration"):
            return format_duration(seconds)
        case bool() as truth:
            return str(truth).lower()
        case StrEnum() as word:
            return word.value
    return str(value)
