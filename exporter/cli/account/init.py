"""`init`: a settings file to begin with, made from the settings' own models: each with its meaning and its default."""

import os
import re
import stat
import sys
from argparse import Namespace
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from pathlib import Path
from textwrap import wrap

from exporter import DOCS_URL
from exporter.cli.command import PROGRAM
from exporter.cli.given import file_to_write
from exporter.cli.output import put_surely, visible
from exporter.errors import ExporterError
from exporter.files import refuse_to_replace, write_whole
from exporter.settings import Row, outline

DEFAULT_FILE = "zoho.yaml"
_ALIAS = "zoho"
_ASKED = {
    "accounts": {
        "data_center": "<data-centre>",
        "client_id": "<client-id>",
        "client_secret_file": "secrets/zoho_client_secret",
        "refresh_token_file": "secrets/zoho_refresh_token",
    },
    "jobs": {"module": "<module>", "job_id": "<job-id>"},
}
"""What only the user knows: none of it is accepted as it stands, but for files that are there."""
_WIDTH = 110
_LINK = re.compile(r"\[.*?\]\((.*?)\)")
_RAW_URL = DOCS_URL.replace("github.com", "raw.githubusercontent.com").replace("/blob/", "/")
_SCHEMA = f"{_RAW_URL}/docs/settings.schema.json"


def execute(options: Namespace) -> int:
    """Write the file, and say what comes next.

    Raises:
        ExporterError: it can't be written, or something is there.
    """
    file = file_to_write(options, DEFAULT_FILE)
    _write(file, commented_settings(file), is_forced=bool(options.force))
    name = visible(str(file))
    put_surely(
        sys.stdout,
        f"""\
{name} is written: fill in what stands in < >, and put the secrets into the files that it names. Where there is no
refresh token yet, this has one made, and says what belongs into the file:
  {PROGRAM} login --account={_ALIAS} --config.file={name}
Then:
  {PROGRAM} check --config.file={name}""",
    )
    return 0


def commented_settings(file: Path) -> str:
    """Give the text of a settings file: one account, one job, and all else by its default."""
    groups = outline()
    others = (row for row in groups[""].rows if row.name not in _ASKED)
    parts = [
        _comments(
            f"Settings of {PROGRAM}. What stands in < > is for you to fill in; what is behind a # counts as it is."
        ),
        [f"# Is all right? {PROGRAM} check --config.file={visible(str(file))}"],
        _comments(f"\n{groups['accounts'].meaning} Each is below an alias of your choosing, such as {_ALIAS}."),
        ["accounts:", f"  {_ALIAS}:", *_rows(groups["accounts"].rows, _ASKED["accounts"], "    ")],
        _comments(f"\n{groups['jobs'].meaning} Each begins with a dash."),
        ["jobs:", *_dashed(_rows(groups["jobs"].rows, _ASKED["jobs"], "    "))],
        ["", *_rows(others, {}, "")],
    ]
    for key in (key for key in groups if key and key not in _ASKED):
        parts += [_comments(f"\n{groups[key].meaning}"), [f"{key}:", *_rows(groups[key].rows, {}, "  ")]]
    return "\n".join([f"# yaml-language-server: $schema={_SCHEMA}", *chain.from_iterable(parts), ""])


def _rows(rows: Iterable[Row], asked: Mapping[str, str], margin: str) -> Iterator[str]:
    """Write settings, first those that are asked for; the others as comments, with their defaults."""
    for row in sorted(rows, key=lambda row: row.name not in asked):
        yield from _comments(f"{row.meaning} Expected: {row.expected}.", margin)
        value = asked.get(row.name)
        yield f"{margin}{row.name}: {value}" if value else f"{margin}# {row.name}: {_in_yaml(row.default)}".rstrip()


def _in_yaml(text: str) -> str:
    """Put in quotes what YAML would take for something else."""
    return f'"{text}"' if text.startswith(":") else text


def _dashed(lines: Iterable[str]) -> Iterator[str]:
    """Begin an entry of a list with the first line that is no comment."""
    is_begun = False
    for line in lines:
        is_first, is_begun = not is_begun and "#" not in line, is_begun or "#" not in line
        yield f"  - {line.strip()}" if is_first else line


def _comments(text: str, margin: str = "") -> list[str]:
    """Write a text as comments; one that begins on a new line has an empty one above it."""
    plain = _LINK.sub(rf"{DOCS_URL}/docs/\1", text)
    above = [""] if text.startswith("\n") else []
    return above + [
        f"{margin}# {line}" for line in wrap(plain.strip(), _WIDTH, break_long_words=False, break_on_hyphens=False)
    ]


def _write(file: Path, text: str, *, is_forced: bool) -> None:
    try:
        mode = _mode_of(file)
        write_whole(Path(os.path.realpath(file)), text, mode=mode, is_over=is_forced)
    except FileExistsError as error:
        raise ExporterError(f"{file} is there: name another by --config.file, or write over it by --force") from error
    except FileNotFoundError as error:
        raise ExporterError(f"{file}: its directory does not exist: make it first") from error
    except OSError as error:
        raise ExporterError(f"{file} can't be written: {error.strerror}") from error


def _mode_of(file: Path) -> int | None:
    """Give the mode of the file that is there, by whatever links; `None` where there is none.

    Raises:
        OSError: it can't be looked at, or it is no regular one.
    """
    try:
        mode = file.stat().st_mode
    except FileNotFoundError:
        return None
    refuse_to_replace(file)
    return stat.S_IMODE(mode)
