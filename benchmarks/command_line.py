"""How instant the command line feels: processor time of what is typed most, against a bare interpreter.

Processor time, not the clock's: other work on the machine changes it little. Each row is the median of its runs, which
are made in turns, so that a slow minute strikes all of them. As an installed exporter does, each finds its bytecode:
what keeps Python from writing it down is taken out of the environment, and a first turn is not counted.
"""

import os
import resource
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from statistics import median

RUNS = 15
_ENVIRONMENT = {name: text for name, text in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
PROGRAM = str(Path(sys.executable).with_name("zoho-mass-update-exporter"))
TEN_JOBS = """\
accounts:
  acme:
    data_center: eu
    client_id: 1000.ABCDEFGHIJKLMNOPQRSTUVWXYZ1234
    client_secret: 0123456789abcdef0123456789abcdef0123456789
    refresh_token: 1000.0123456789abcdef0123456789abcdef.0123456789abcdef0123456789abcdef
jobs:
""" + "".join(f"  - {{module: Leads, job_id: 35240330000060270{number:02}}}\n" for number in range(10))


def seconds(command: Sequence[str]) -> float:
    """Give the processor time that a command takes, its children's included."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=_ENVIRONMENT)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


def main() -> None:
    """Measure, and print a row for each command and the ratios."""
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        file.write(TEN_JOBS)
        file.flush()
        commands = {
            "bare": [sys.executable, "-c", "pass"],
            "version": [PROGRAM, "--version"],
            "help": [PROGRAM, "--help"],
            "check": [PROGRAM, "check", f"--config.file={file.name}"],
        }
        if promtool := shutil.which("promtool"):
            commands["promtool"] = [promtool, "--version"]
        runs = [{name: seconds(command) for name, command in commands.items()} for _ in range(RUNS + 1)][1:]
    spent = {name: median(run[name] for run in runs) for name in commands}
    for name, value in spent.items():
        spread = f"{min(run[name] for run in runs):.3f} to {max(run[name] for run in runs):.3f}"
        print(f"{name:10} {value:.3f} s of processor ({spread})")
    if "promtool" in spent:
        print(f"version_vs_promtool={spent['version'] / spent['promtool']:.2f}")
    print(f"check_seconds={spent['check']:.2f}")
    print(f"check_ratio={spent['check'] / spent['bare']:.2f}")
    print(f"version_ratio={spent['version'] / spent['bare']:.2f}")
    print(f"help_ratio={spent['help'] / spent['bare']:.2f}")


if __name__ == "__main__":
    main()
