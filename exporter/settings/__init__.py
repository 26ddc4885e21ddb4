"""Every setting, validated, secrets hidden. The one place that reads the environment.

`sections` say what may be set: a model for each group of settings, and parsers of what may be written. `sources` say
where it is written: the YAML file, variables (environment, `.env`, secrets directory) and flags, each value with its
place. The loader lays them over each other; `validation` and `coherence` tell every problem at once. The next setting
is one field in its section, and its line in docs/settings.md. `web_config` is a file of its own, in the format of other
exporters.
"""

from exporter.settings.job_files import JobFiles, matching
from exporter.settings.loader import DOTENV, load_settings
from exporter.settings.sections.accounts import AccountSettings, ApiVersion
from exporter.settings.sections.jobs import JobSettings
from exporter.settings.sections.operation import (
    LogFormat,
    LogLevel,
    LogSettings,
    ScheduleSettings,
    StateSettings,
    WebSettings,
)
from exporter.settings.sections.proxies import proxies_for
from exporter.settings.sections.redaction import redact
from exporter.settings.sections.schema import Settings, default_of, effective_settings
from exporter.settings.sections.secret_files import read_secret_file
from exporter.settings.sections.state_path import MEMORY, state_file
from exporter.settings.sections.values import ListenAddress, format_duration, parse_duration, parse_listen_address
from exporter.settings.watch import Watch
from exporter.settings.web_config import read_web_config

__all__ = [
    "DOTENV",
    "MEMORY",
    "AccountSettings",
    "ApiVersion",
    "JobFiles",
    "JobSettings",
    "ListenAddress",
    "LogFormat",
    "LogLevel",
    "LogSettings",
    "ScheduleSettings",
    "Settings",
    "StateSettings",
    "Watch",
    "WebSettings",
    "default_of",
    "effective_settings",
    "format_duration",
    "load_settings",
    "matching",
    "parse_duration",
    "parse_listen_address",
    "proxies_for",
    "read_secret_file",
    "read_web_config",
    "redact",
    "state_file",
]
