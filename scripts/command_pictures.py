"""Take the pictures of commands in docs/images: typed in a terminal, against a simulated Zoho, as they look there."""

import tempfile
import time
from collections.abc import Mapping
from io import StringIO
from pathlib import Path

from processes import bare_environment, eventually, exporter_command, started
from rich.console import Console
from rich.terminal_theme import SVG_EXPORT_THEME
from rich.text import Text
from terminals import Terminal, terminal

from exporter.cli.command import PROGRAM
from exporter.simulator import Phase, SimulatedJob, Simulator, demo_scenario

IMAGES = Path(__file__).parents[1] / "docs" / "images"
COLUMNS, MANY_COLUMNS = 80, 120
DEMO_SECONDS = 40.0
"""After so long the demonstration's jobs have the most to show."""
BOARD_SECONDS = 5.0
SETTINGS = """\
accounts:
  acme:
    accounts_url: {url}
    api_url: {url}
    client_id: {scenario.client_id}
    client_secret: {scenario.client_secret}
    refresh_token: {scenario.refresh_token}
jobs:
  - {{module: Leads, job_id: "3524033000006027001"}}
  - {{module: Deals, job_id: "3524033000006027092"}}
"""
LEADS = SimulatedJob("Leads", "3524033000006027001", 50_000, (Phase("RUNNING", None, updated=14_828, failed=107),))
CURSOR_HIDDEN, ERASED, CTRL_C = "\x1b[?25l", "\x1b[2K", "\x03"
SVG = """\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" class="rich-terminal">
<style>
.{unique_id}-matrix {{
font: {char_height}px ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace;
}}
{styles}
</style>
<defs>
<clipPath id="{unique_id}-clip-terminal"><rect width="{terminal_width}" height="{terminal_height}"/></clipPath>
{lines}
</defs>
<rect width="100%" height="100%" rx="8" fill="GROUND"/>
<g transform="translate({terminal_x}, 18)">
{backgrounds}
<g class="{unique_id}-matrix">
{matrix}
</g>
</g>
</svg>
"""
"""Rich's own has a window's frame, and a font from an address."""


def main() -> None:
    """Take them all."""
    with tempfile.TemporaryDirectory() as name:
        home, environment = Path(name), bare_environment(HOME=name, LANG="C.UTF-8", COLORTERM="truecolor")
        _take_accounts(home, environment)
        _take_jobs(home, environment)


def _take_accounts(home: Path, environment: Mapping[str, str]) -> None:
    """Take what is said of an account before it is served; one of its job ids has a mistake."""
    with Simulator(demo_scenario()) as simulator:
        simulator.add_job(LEADS)
        file = home / "zoho.yaml"
        file.touch(mode=0o600)
        file.write_text(SETTINGS.format(url=simulator.url, scenario=simulator.scenario), encoding="utf-8")
        for name, typed in (("check-live", "check --live"), ("plan", "plan")):
            words = f"{typed} --config.file=zoho.yaml"
            with terminal(exporter_command(*words.split()), environment, home, columns=COLUMNS) as shown:
                shown.end()
            _keep(name, words, shown, COLUMNS)


def _take_jobs(home: Path, environment: Mapping[str, str]) -> None:
    """Take what is shown of the demonstration's jobs."""
    with started(exporter_command("demo"), environment, home) as demo:
        eventually(lambda: "The demo is running" in "".join(demo.stdout), "the demo does not start")
        time.sleep(DEMO_SECONDS)
        for name, words, columns in (
            ("status-watch", f"status Leads/{LEADS.job_id} --watch", COLUMNS),
            ("jobs-watch", "jobs --watch", MANY_COLUMNS),
        ):
            with terminal(exporter_command(*words.split()), environment, home, columns=columns) as shown:
                time.sleep(BOARD_SECONDS)
                _keep(name, words, shown, columns)
                shown.type(CTRL_C)
                shown.end()


def _keep(name: str, words: str, shown: Terminal, columns: int) -> None:
    """Write what stands on a screen now, below what was typed."""
    before, _, live = shown.screen.replace("\r\n", "\n").partition(CURSOR_HIDDEN)
    text = f"\x1b[32m$\x1b[0m {PROGRAM} {words}\n{before}{live.rpartition(ERASED)[2]}"
    console = Console(record=True, width=columns, file=StringIO(), force_terminal=True, color_system="truecolor")
    for line in text.rstrip().split("\n"):
        row = Text.from_ansi(line)
        # A terminal breaks a line where it is full, rich between words.
        for part in row.divide(range(columns, len(row), columns)):
            console.print(part, no_wrap=True, crop=False)
    svg = SVG.replace("GROUND", SVG_EXPORT_THEME.background_color.hex)
    drawn = console.export_svg(code_format=svg, unique_id=name, font_aspect_ratio=0.602)
    # Bars have no gaps, whatever the font.
    drawn = drawn.replace(" textLength", ' lengthAdjust="spacingAndGlyphs" textLength')
    (IMAGES / f"{name}.svg").write_text(drawn, encoding="utf-8")


if __name__ == "__main__":
    main()
