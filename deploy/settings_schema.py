"""The settings as JSON schemas, made from the models that read them: for editors of the file, and for the chart."""

import json
from collections.abc import Iterator
from typing import Any

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from exporter.settings import Settings, meanings

ADDRESS = "https://raw.githubusercontent.com/zoho-mass-update-exporter/zoho-mass-update-exporter/main"
"""Where the repository's files are read by programs."""

# What the chart decides itself, by flags.
_OWNED = {"config_file", "listen_address", "state", "systemd_socket"}
_NEVER_EMPTY = ("AccountSettings", "JobSettings")
_LISTED_AT_COMMAS = ("job_labels", "job_files")


class _Written(GenerateJsonSchema):
    """What may be written: what the parsers say of it, and no titles, which repeat the key."""

    def field_title_should_be_set(self, schema: core_schema.CoreSchema) -> bool:  # noqa: ARG002 - overrides
        """Leave out titles."""
        return False

    def model_schema(self, schema: core_schema.ModelSchema) -> JsonSchemaValue:
        """Say what each setting means."""
        written = super().model_schema(schema)
        for name, meaning in meanings(schema["cls"]).items():
            if "$ref" not in written["properties"][name]:  # a section says it itself
                written["properties"][name]["description"] = meaning
        return written

    def dict_schema(self, schema: core_schema.DictSchema) -> JsonSchemaValue:
        """Refuse names that are not as they must be."""
        written = super().dict_schema(schema)
        return {**written, "additionalProperties": False} if "patternProperties" in written else written


class _WrittenInValues(_Written):
    """The same without what a values file does not say."""

    def nullable_schema(self, schema: core_schema.NullableSchema) -> JsonSchemaValue:
        """Leave null to Helm, for which it means "no such key"."""
        return self.generate_inner(schema["schema"])

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        """Leave defaults to the exporter."""
        return self.generate_inner(schema["schema"])


def chart_schema() -> JsonSchemaValue:
    """Give the JSON schema of the settings that the chart's value `config` may hold: all but secrets and its own."""
    schema = Settings.model_json_schema(
        ref_template="#/$defs/config/$defs/{model}", schema_generator=_WrittenInValues, mode="validation"
    )
    for section in _sections(schema):
        section["properties"] = {
            name: _in_quotes(value)
            for name, value in section.get("properties", {}).items()
            if name not in _OWNED and not value.get("writeOnly")
        }
    used = json.dumps(schema)
    schema["$defs"] = {name: part for name, part in schema["$defs"].items() if f'/{name}"' in used}
    return schema


def editor_schema() -> JsonSchemaValue:
    """Give the JSON schema of the settings file, for editors; what a variable may give is not required of the file."""
    schema = Settings.model_json_schema(schema_generator=_Written, mode="validation")
    for section in _sections(schema):
        section["properties"] = {name: _or_null(_alone(value)) for name, value in section["properties"].items()}
    for name, section in schema["$defs"].items():
        if name not in _NEVER_EMPTY:
            section["type"] = ["object", "null"]
    for name in _LISTED_AT_COMMAS:
        schema["properties"][name]["type"].append("string")
    schema["$defs"]["AccountSettings"].pop("required")
    head = {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "$id": f"{ADDRESS}/docs/settings.schema.json",
        "title": "Settings of zoho-mass-update-exporter",
    }
    return head | {name: part for name, part in schema.items() if name not in head}


def _sections(schema: JsonSchemaValue) -> Iterator[JsonSchemaValue]:
    yield schema
    yield from schema["$defs"].values()


def _in_quotes(value: dict[str, Any]) -> dict[str, Any]:
    """Accept texts in quotes alone: of a number Helm keeps what a float has."""
    is_text = "string" in value.get("type", ()) and not any(name in value for name in ("minimum", "exclusiveMinimum"))
    return value | {"type": "string"} if is_text else value


def _alone(value: dict[str, Any]) -> dict[str, Any]:
    """Give a value's schema without the words for "or null", and without a default that nobody would write so."""
    inner = [part for part in value.get("anyOf", []) if part != {"type": "null"}]
    said = {name: part for name, part in value.items() if name != "default" or isinstance(part, str | int | float)}
    return {**{name: part for name, part in said.items() if name != "anyOf"}, **inner[0]} if len(inner) == 1 else said


def _or_null(value: dict[str, Any]) -> dict[str, Any]:
    """Accept a key without a value too: it is the same as no key."""
    match value:
        case {"type": str(kind)}:
            return value | {"type": [kind, "null"]}
        case {"type": [*kinds]}:
            return value | {"type": [*kinds, "null"]}
        case {"enum": [*words]}:
            return value | {"enum": [*words, None]}
        case _:  # a section, which says so itself
            return value
