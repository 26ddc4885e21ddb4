"""What every command is made of, and the flags that several share."""

from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from exporter.logs import FORMATS, LEVELS, configure_logging
from exporter.redactor import Redactor
from exporter.settings import Settings, default_of, load_settings

PROGRAM = "zoho-mass-update-exporter"


@dataclass(frozen=True, slots=True)
class Command:
    """One command: `execute` gives the exit status and may raise `ConfigurationError`."""

    name: str
    summary: str
    description: str
    add_flags: Callable[[ArgumentParser], None]
    execute: Callable[[Namespace], int]


def add_config_flag(parser: ArgumentParser) -> None:
    """Add the flag that names the configuration file."""
    parser.add_argument(
        "--config.file",
        dest="config_file",
        type=Path,
        metavar="FILE",
        help="YAML file with accounts and jobs; without it the environment must describe one account",
    )


def add_web_flags(parser: ArgumentParser, listen_address: object = default_of("web.listen_address")) -> None:
    """Add the flags of the web server; `listen_address` is where the command listens without the flag."""
    parser.add_argument(
        "--web.listen-address",
        dest="web.listen_address",
        metavar="HOST:PORT",
        help=f"address to serve metrics on (default {listen_address})",
    )
    parser.add_argument(
        "--web.telemetry-path",
        dest="web.telemetry_path",
        metavar="PATH",
        help=f"path of the metrics (default {default_of('web.telemetry_path')})",
    )


def add_access_flags(parser: ArgumentParser) -> None:
    """Add the flags that say who may come in, and how many at once."""
    parser.add_argument(
        "--web.config.file",
        dest="web.config_file",
        metavar="FILE",
        help="YAML file with TLS, users and passwords, in the format of Prometheus' exporter-toolkit",
    )
    parser.add_argument(
        "--web.max-requests",
        dest="web.max_requests",
        metavar="N",
        help=f"most requests to work on at once (default {default_of('web.max_requests')})",
    )


def add_state_flag(parser: ArgumentParser, default: str) -> None:
    """Add the flag that names the state file; `default` says in words where it is without the flag."""
    parser.add_argument(
        "--state.path",
        dest="state.path",
        metavar="FILE",
        help=f"file that keeps jobs, counters and spent credits across restarts, or 'memory'; default: {default}",
    )


def add_log_flags(parser: ArgumentParser) -> None:
    """Add the flags of the log."""
    parser.add_argument(
        "--log.level",
        dest="log.level",
        choices=LEVELS,
        help=f"least severe event to log (default {default_of('log.level')})",
    )
    parser.add_argument(
        "--log.format",
        dest="log.format",
        choices=FORMATS,
        help=f"one line per event, for people or as JSON (default {default_of('log.format')})",
    )


def settings_of(options: Namespace) -> Settings:
    """Load the settings that the flags, the environment and the file give.

    Raises:
        ConfigurationError: they can't be used.
    """
    return load_settings(options.config_file, overrides=setting_flags(options))


def setting_flags(options: Namespace) -> dict[str, object]:
    """Give the settings that were given as flags, by their dotted names."""
    return {name: value for name, value in vars(options).items() if "." in name and value is not None}


def start_logging(settings: Settings) -> Redactor:
    """Configure the log as the settings say, and give what takes secrets out of each line once it has learnt them."""
    redactor = Redactor()
    configure_logging(settings.log.level, settings.log.format, clean=redactor.clean)
    return redactor
