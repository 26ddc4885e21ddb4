"""The settings in force as a YAML text that a person may read: every default filled in, every secret masked."""

import yaml

from exporter.settings.sections.schema import Settings


def effective_settings(settings: Settings) -> str:
    """Give the settings as YAML; durations are seconds."""
    values = settings.model_dump(mode="json")
    return str(yaml.dump(values, Dumper=yaml.CSafeDumper, sort_keys=False, allow_unicode=True))
