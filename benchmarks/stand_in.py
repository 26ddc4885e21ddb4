"""A simulated Zoho in a process of its own, so that what is measured is the exporter's alone."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from exporter.settings import Settings, load_settings

Account = Mapping[str, str]
"""The variables that point the exporter at the simulated Zoho."""


@contextmanager
def simulated(scenario: Mapping[str, object]) -> Iterator[Account]:
    """Run a scenario, as the simulator's files have it, and end it with the block."""
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        Path(file.name).write_text(json.dumps(scenario), encoding="utf-8")
        command = ["simulate", "--web.listen-address=127.0.0.1:0", f"--scenario.file={file.name}"]
        process = subprocess.Popen([sys.executable, "-m", "exporter", *command], stdout=subprocess.PIPE, text=True)
        try:
            yield _announced(process)
        finally:
            process.terminate()
            process.communicate()


def settings_for(account: Account, /, **variables: str) -> Settings:
    """Give settings for a simulated Zoho, from variables without their prefix; nothing else is looked at."""
    environ = {**account, **{f"ZOHO_{name.upper()}": value for name, value in variables.items()}}
    return load_settings(None, environ=environ, dotenv_file=None, secrets_dir=Path("no secrets directory"))


def _announced(process: "subprocess.Popen[str]") -> Account:
    """Read the account's variables from what `simulate` prints."""
    account: dict[str, str] = {}
    for line in iter(process.stdout.readline, "") if process.stdout else ():
        words = (word.partition("=") for word in line.split() if word.startswith("ZOHO_"))
        account |= {name: value for name, _, value in words}
        if line.startswith("What"):
            break
    return account
