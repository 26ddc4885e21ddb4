"""Every setting, validated, secrets hidden. The one place that reads the environment.

`loader` joins the sources: `yaml_file`, `variables` (environment, `.env`, secrets directory) and flags each become a
`tree` of values with their places; `schema` and the sections in `accounts`, `jobs` and `operation` say what the
settings are, `values` what may be written, `coherence` what they ask of each other. The next setting is one field in
its section, and its line in docs/settings.md. `web_config` is a file of its own, in the format of other exporters.
"""

from exporter.settings.sections.accounts import AccountSettings, ApiVersion
from exporter.settings.effective import effective_settings
from exporter.settings.job_files import JobFiles, matching
from exporter.settings.sections.jobs import JobSettings
from exporter.settings.loader import DOTENV, load_settings
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
from exporter.settings.sections.schema import Settings
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
