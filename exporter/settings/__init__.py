"""Every setting, validated, secrets hidden. The one place that reads the environment.

`sections` say what may be set: a model for each group of settings, and parsers of what may be written. `sources` say
where it is written: the YAML file, variables (environment, `.env`, secrets directory) and flags, each value with its
place. The loader lays them over each other; `validation` tells every problem at once. The next setting is one field in
its section, and its line in docs/settings.md. `web_config` is a file of its own, in the format of other exporters,
loaded by who reads one.
"""

from exporter.settings.loader import DOTENV, JobFiles, Sources, load_settings, matching, read_sources
from exporter.settings.sections.database import parameters_of, parse_database_url
from exporter.settings.sections.outline import Row, meanings, outline
from exporter.settings.sections.schema import (
    MOST_CREDITS,
    MOST_JOBS,
    AccountSettings,
    JobSettings,
    Settings,
    StateSettings,
    default_of,
    effective_settings,
    parse_state_path,
    state_file,
)
from exporter.settings.sections.values import ListenAddress, format_duration, parse_duration, parse_listen_address

__all__ = [
    "DOTENV",
    "MOST_CREDITS",
    "MOST_JOBS",
    "AccountSettings",
    "JobFiles",
    "JobSettings",
    "ListenAddress",
    "Row",
    "Settings",
    "Sources",
    "StateSettings",
    "default_of",
    "effective_settings",
    "format_duration",
    "load_settings",
    "matching",
    "meanings",
    "outline",
    "parameters_of",
    "parse_database_url",
    "parse_duration",
    "parse_listen_address",
    "parse_state_path",
    "read_sources",
    "state_file",
]
