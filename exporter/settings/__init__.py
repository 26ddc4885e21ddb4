"""Every setting, validated, secrets hidden. The one place that reads the environment.

`loader` joins the sources: `yaml_file`, `variables` (environment, `.env`, secrets directory) and flags each become a
`tree` of values with their places; `schema` says what the settings are, `values` what may be written, `coherence`
what they ask of each other. The next setting is one field in `schema`, and its line in docs/settings.md.
"""

from exporter.settings.loader import load_settings
from exporter.settings.proxies import proxies_for
from exporter.settings.redaction import redact
from exporter.settings.schema import (
    AccountSettings,
    ApiVersion,
    JobSettings,
    LogFormat,
    LogLevel,
    LogSettings,
    Settings,
    WebSettings,
)
from exporter.settings.values import ListenAddress, format_duration, parse_duration, parse_listen_address

__all__ = [
    "AccountSettings",
    "ApiVersion",
    "JobSettings",
    "ListenAddress",
    "LogFormat",
    "LogLevel",
    "LogSettings",
    "Settings",
    "WebSettings",
    "format_duration",
    "load_settings",
    "parse_duration",
    "parse_listen_address",
    "proxies_for",
    "redact",
]
