"""What the flags of a command give: settings, and a log that is written as they say."""

import os
from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from exporter.cli.flags import FLAGS
from exporter.files import refused
from exporter.forms import nearest
from exporter.settings import Settings, Sources, read_sources

if TYPE_CHECKING:
    from exporter.redactor import Redactor


def settings_of(options: Namespace) -> Settings:
    """Load the settings that the flags, the environment and the file give.

    Raises:
        ConfigurationError: they can't be used.
    """
    return sources_of(options).settings()


def sources_of(options: Namespace) -> Sources:
    """Read what the flags, the environment and the file say, right or wrong."""
    return read_sources(config_file(options), overrides=setting_flags(options))


def account_named(name: str | None, settings: Settings, place: str) -> str:
    """Give the alias of the account that is named, or of the only one where none is.

    Raises:
        ConfigurationError: there is no such account, or several and none is named; at `place`.
    """
    known = sorted(settings.accounts)
    if not name and len(known) == 1:
        return known[0]
    if name in settings.accounts:
        return str(name)
    near = nearest(name or "", known)
    raise refused(
        place, f"did you mean the account {near}?" if near else f"expected one of the accounts {', '.join(known)}"
    )


def config_file(options: Namespace) -> Path | None:
    """Give the settings file, if one is named."""
    return Path(options.config_file) if options.config_file else None


def file_to_write(options: Namespace, default: str) -> Path:
    """Give the settings file that is to be written.

    Raises:
        ConfigurationError: it is called as standard input is elsewhere.
    """
    if options.config_file == "-":
        raise refused("--config.file", "- is no file's name here: name one, such as ./-")
    return Path(options.config_file or default)


def setting_flags(options: Namespace) -> dict[str, object]:
    """Give the settings that were given as flags, by their dotted names; of a repeated flag all values."""
    given = {name: value for name, value in vars(options).items() if name in FLAGS and FLAGS[name].is_setting}
    texts = {name: ",".join(value) if isinstance(value, list) else value for name, value in given.items()}
    return {name: text for name, text in texts.items() if text is not None}


def start_logging(settings: Settings, level: str = "") -> "Redactor":
    """Configure the log as the settings say, and give what takes secrets out of each line once it has learnt them.

    `level` is another one than theirs: a command that talks itself leaves out the news of the exporter's parts.
    """
    from exporter.logs import configure_logging  # noqa: PLC0415 - who does not serve has little to log
    from exporter.redactor import Redactor  # noqa: PLC0415

    redactor = Redactor()
    is_coloured = not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    configure_logging(level or settings.log.level, settings.log.format, clean=redactor.clean, is_coloured=is_coloured)
    return redactor
