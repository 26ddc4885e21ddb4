"""What every command is made of, and the flags that several share."""

from argparse import Action, ArgumentParser, Namespace, _ArgumentGroup
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_args

from exporter.logs import configure_logging
from exporter.redactor import Redactor
from exporter.settings import LOG_LEVELS, LogFormat, Settings, Sources, default_of, read_sources

PROGRAM = "zoho-mass-update-exporter"

_FLAGS = {
    "config_file": ("FILE", "YAML file with accounts and jobs; without it the environment must describe one account"),
    "web.listen_address": ("HOST:PORT", "address to serve on (default {}); repeat the flag for more"),
    "web.systemd_socket": (True, "serve on the sockets that systemd passes on instead"),
    "web.telemetry_path": ("PATH", "path of the metrics (default {})"),
    "web.disable_exporter_metrics": (True, "leave out the metrics of the process and of Python"),
    "web.external_url": ("URL", "where a proxy shows the exporter, such as https://example.com/zoho"),
    "web.route_prefix": ("PATH", "what every path begins with (default: the path of --web.external-url)"),
    "web.config_file": ("FILE", "YAML file of TLS, users and passwords, in the format of Prometheus' exporter-toolkit"),
    "web.max_requests": ("N", "most requests to work on at once (default {})"),
    "state.path": ("FILE", "file that keeps jobs, counters and credits across restarts, or 'memory'; default: {}"),
    "log.level": (tuple(LOG_LEVELS), "least severe event to log (default {})"),
    "log.format": (get_args(LogFormat), "one line per event, for people or as JSON (default {})"),
    "scenario_file": ("FILE", "YAML file with jobs and faults to play (default: the demo's fleet)"),
}
"""The flags by what they give, a setting or a file: each with a word for its value, or the words to choose from. One
with True has no value."""


@dataclass(frozen=True, slots=True)
class Command:
    """One command: `execute` gives the exit status and may raise `ConfigurationError`.

    `flags` are named by what they give; `defaults` say what some are without the flag, where the settings do not.
    """

    name: str
    summary: str
    description: str
    execute: Callable[[Namespace], int]
    flags: tuple[str, ...]
    defaults: Mapping[str, str] = field(default_factory=dict)

    @property
    def flag_names(self) -> tuple[str, ...]:
        """The flags as they are typed."""
        return tuple(map(_flag, self.flags))

    def add_flags(self, parser: ArgumentParser | _ArgumentGroup) -> None:
        """Add the flags to the command's parser, or to a group of another's help."""
        for name in self.flags:
            value, words = _FLAGS[name]
            default = self.defaults.get(name) or (default_of(name) if "{}" in words else "")
            parser.add_argument(_flag(name), dest=name, help=words.format(default), **_reading(name, value))


def _reading(name: str, value: object) -> dict[str, Any]:
    """Say how argparse is to read a flag."""
    if value is True:
        return {"action": "store_const", "const": "true"}
    if name == "web.listen_address":
        return {"action": _Joined, "metavar": value}
    shown = {"metavar": value} if isinstance(value, str) else {"choices": value}
    return {"type": str if "." in name else Path, **shown}


class _Joined(Action):
    """A flag that may be repeated: its values, with commas between them."""

    def __call__(self, _: object, given: Namespace, value: object, __: str | None = None) -> None:
        before = getattr(given, self.dest)
        setattr(given, self.dest, value if before is None else f"{before},{value}")


def _flag(name: str) -> str:
    return "--" + name.replace("_file", ".file").replace("_", "-")


def counted(count: int, noun: str) -> str:
    """Give a number of things."""
    return f"{count} {noun}{'' if count == 1 else 's'}"


def settings_of(options: Namespace) -> Settings:
    """Load the settings that the flags, the environment and the file give.

    Raises:
        ConfigurationError: they can't be used.
    """
    return sources_of(options).settings()


def sources_of(options: Namespace) -> Sources:
    """Read what the flags, the environment and the file say, right or wrong."""
    return read_sources(options.config_file, overrides=setting_flags(options))


def setting_flags(options: Namespace) -> dict[str, object]:
    """Give the settings that were given as flags, by their dotted names."""
    return {name: value for name, value in vars(options).items() if "." in name and value is not None}


def start_logging(settings: Settings) -> Redactor:
    """Configure the log as the settings say, and give what takes secrets out of each line once it has learnt them."""
    redactor = Redactor()
    configure_logging(settings.log.level, settings.log.format, clean=redactor.clean)
    return redactor
