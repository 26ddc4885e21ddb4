"""The README's commands that get the credentials, typed into a terminal, and the table of data centres."""

import json
import os
import pty
import re
import stat
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import ClassVar
from urllib.parse import parse_qs

import pytest
from processes import PATIENCE_SECONDS, bare_environment, eventually
from programs import Program

from exporter.model import DataCenter, Environment
from exporter.zoho.data_centers import endpoints_of

ROOT = Path(__file__).parents[2]
[COMMANDS] = re.findall(
    r"^   ```text\n(   \(\n.*?)^   ```$", (ROOT / "README.md").read_text(), re.MULTILINE | re.DOTALL
)
SECRET, CODE = "0123456789abcdef-secret+/=", "1000.the-code.of-ten-minutes"
REFRESH_TOKEN = "1000.the-refresh-token.which-lasts"
ACCESS_TOKEN = "1000.an-access-token.nobody-needs"
_PROMPT = r"[$#] "
GRANTED = {"access_token": ACCESS_TOKEN, "refresh_token": REFRESH_TOKEN, "token_type": "Bearer", "expires_in": 3600}


class Accounts(BaseHTTPRequestHandler):
    """An accounts host: gives one answer, and remembers what it was asked and what all could see meanwhile."""

    answer: ClassVar[object] = GRANTED
    asked: ClassVar[list[dict[str, list[str]]]] = []
    command_lines: ClassVar[list[str]] = []

    def do_POST(self) -> None:
        """Answer a request for a token."""
        self.asked.append(parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode()))
        self.command_lines.extend(map(_read, Path("/proc").glob("[0-9]*/cmdline")))
        body = json.dumps(self.answer).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def _read(file: Path) -> str:
    try:
        return file.read_text(errors="replace")
    except OSError:  # it has ended meanwhile
        return ""


@dataclass
class Terminal:
    """A terminal: a shell that somebody types into, and all that stands on the screen."""

    keyboard: int
    shown: list[str] = field(default_factory=list)

    def follow(self) -> None:
        """Collect what is shown until the shell has ended."""
        try:
            while data := os.read(self.keyboard, 4096):
                self.shown.append(data.decode(errors="replace"))
        except OSError:  # the shell has closed its side
            pass

    @property
    def screen(self) -> str:
        """All that was shown."""
        return "".join(self.shown)

    def wait(self, pattern: str) -> None:
        """Wait until the screen ends with something."""
        eventually(lambda: re.search(f"{pattern}$", self.screen), f"the terminal does not say {pattern!r}")

    def type(self, text: str, *, after: str = _PROMPT) -> None:
        """Type or paste something, once the shell has asked for it."""
        self.wait(after)
        os.write(self.keyboard, f"{text}\n".encode())

    def come_back(self) -> None:
        """Press Enter until the shell asks again: Ctrl-C throws away what is on its way to the screen, a prompt too."""

        def asks() -> object:
            os.write(self.keyboard, b"\n")
            return re.search(f"{_PROMPT}$", self.screen)

        eventually(asks, "the shell does not ask again")


@contextmanager
def terminal(program: Program, shell: str, directory: Path) -> Iterator[Terminal]:
    """Open a terminal with an interactive shell."""
    keyboard, shell_side = pty.openpty()
    environment = bare_environment(PS1="$ ", HOME=str(directory), TERM="dumb")
    process = subprocess.Popen(
        [program("setsid"), "--ctty", program(shell), "-i"],
        stdin=shell_side,
        stdout=shell_side,
        stderr=shell_side,
        env=environment,
        cwd=directory,
    )
    os.close(shell_side)
    opened = Terminal(keyboard)
    reader = Thread(target=opened.follow, daemon=True)
    reader.start()
    try:
        yield opened
        opened.type("exit 0")
        process.wait(PATIENCE_SECONDS)
    finally:
        process.kill()
        process.wait()
        reader.join(PATIENCE_SECONDS)
        os.close(keyboard)


@pytest.fixture
def accounts() -> Iterator[str]:
    """Serve an accounts host."""
    Accounts.answer = GRANTED
    Accounts.asked.clear()
    Accounts.command_lines.clear()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Accounts)
    thread = Thread(target=partial(server.serve_forever, poll_interval=0.05))
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def commands() -> str:
    """Give the README's commands, without their indent."""
    return re.sub("^   ", "", COMMANDS, flags=re.MULTILINE).rstrip()


def paste(opened: Terminal, accounts: str) -> None:
    """Paste the README's commands, and answer what they ask for."""
    opened.type(commands().replace("https://accounts.zoho.eu", accounts))
    opened.type("1000.ABC", after="Client ID: ")
    opened.type(SECRET, after="Client secret, not shown: ")
    opened.type(CODE, after="Code, not shown: ")


@pytest.mark.parametrize("shell", ["bash", "dash"])
def test_secrets_come_into_files_and_nowhere_else(shell: str, accounts: str, program: Program, tmp_path: Path) -> None:
    """What is typed reaches Zoho and two files of its owner's; no screen and no command line shows it."""
    program("curl")
    with terminal(program, shell, tmp_path) as opened:
        paste(opened, accounts)
        opened.wait(f"\nZoho gave a refresh token.\r\n.*{_PROMPT}")
    form = {"grant_type": "authorization_code", "client_id": "1000.ABC", "client_secret": SECRET, "code": CODE}
    assert Accounts.asked == [{name: [value] for name, value in form.items()}]
    files = [tmp_path / "secrets" / name for name in ("zoho_client_secret", "zoho_refresh_token")]
    assert [file.read_text().strip() for file in files] == [SECRET, REFRESH_TOKEN]
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}
    seen = opened.screen + "".join(Accounts.command_lines)
    assert "1000.ABC" in seen
    assert [secret for secret in (SECRET, CODE, REFRESH_TOKEN, ACCESS_TOKEN) if secret in seen] == []


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        pytest.param({"error": "invalid_code"}, "Zoho gave no refresh token: invalid_code", id="refused"),
        pytest.param({"access_token": ACCESS_TOKEN}, "Zoho gave no refresh token: ", id="a code that was used before"),
    ],
)
def test_refusal_is_told(accounts: str, program: Program, tmp_path: Path, answer: object, said: str) -> None:
    """Zoho's own word is shown, no access token that comes alone, and the refresh token of before is kept."""
    file = tmp_path / "secrets" / "zoho_refresh_token"
    file.parent.mkdir()
    file.write_text(REFRESH_TOKEN)
    Accounts.answer = answer
    with terminal(program, "bash", tmp_path) as opened:
        paste(opened, accounts)
        opened.wait(f"\n{said}\r\n.*{_PROMPT}")
    assert file.read_text() == REFRESH_TOKEN
    assert ACCESS_TOKEN not in opened.screen


@pytest.mark.parametrize("shell", ["bash", "dash"])
def test_ctrl_c_gives_the_terminal_back(shell: str, program: Program, tmp_path: Path) -> None:
    """Who changes their mind while nothing is shown sees again what they type."""
    with terminal(program, shell, tmp_path) as opened:
        opened.type(commands())
        opened.type("1000.ABC", after="Client ID: ")
        opened.type("\x03", after="Client secret, not shown: ")
        opened.come_back()
        opened.type("stty -a")
        opened.wait(rf" echo\b(.|\n)*{_PROMPT}")
    assert not (tmp_path / "secrets" / "zoho_client_secret").exists()


@pytest.mark.parametrize("data_center", DataCenter)
def test_every_data_center_is_in_the_table(data_center: DataCenter) -> None:
    """A row has its address in the browser, its word, and the host that the exporter itself asks."""
    page = (ROOT / "docs" / "install.md").read_text(encoding="utf-8")
    rows = {
        word: (seen, host)
        for seen, word, host in re.findall(r"^\| `(\S+)` \| `(\w+)` \| `(\S+)` \|$", page, re.MULTILINE)
    }
    host = endpoints_of(data_center, Environment.PRODUCTION).accounts_url.removeprefix("https://")
    assert rows[data_center] == (host.replace("accounts", "crm"), host)
