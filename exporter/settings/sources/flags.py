"""Settings given as flags."""

from collections.abc import Mapping

from exporter.settings.sources.layers import Source, Written
from exporter.settings.sources.tree import Place

_NAMES = {"web.config_file": "--web.config.file"}  # Prometheus' own name for it


def flags_source(overrides: Mapping[str, object]) -> Source:
    """Give the flags by dotted setting as a source; `None` is a flag not given."""
    return Source.of(
        {
            tuple(name.split(".")): Written(
                [*map(str, value)] if isinstance(value, list | tuple) else str(value),
                Place(_NAMES.get(name) or f"--{name.replace('_', '-')}"),
            )
            for name, value in overrides.items()
            if value is not None
        }
    )
