"""The settings in force as a YAML text that a person may read: every default filled in, every secret masked."""

from collections.abc import Mapping

import yaml
from pydantic import BaseModel, SecretStr

from exporter.settings.sections.schema import Settings
from exporter.settings.sections.values import ListenAddress

MASK = "<secret>"


def effective_settings(settings: Settings) -> str:
    """Give the settings as YAML; durations are seconds."""
    return str(yaml.dump(_plain(settings), Dumper=yaml.CSafeDumper, sort_keys=False, allow_unicode=True))


def _plain(value: object) -> object:
    match value:
        case BaseModel():
            return {name: _plain(getattr(value, name)) for name in type(value).model_fields}
        case Mapping():
            return {str(key): _plain(inner) for key, inner in value.items()}
        case SecretStr():
            return MASK
        case ListenAddress():
            return str(value)
        case tuple() | list():
            return [_plain(inner) for inner in value]
    return value if value is None or isinstance(value, bool | int | float) else str(value)
