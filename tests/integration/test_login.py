"""`login` and `logout` as a person types them, in a terminal and without one, against a simulated Zoho."""

import os
import pty
import re
import select
import signal
import socket
import socketserver
import ssl
import stat
import subprocess
import sys
import termios
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from threading import Thread
from typing import ClassVar

import pytest
import requests
from certificates import open_authority
from processes import PATIENCE_SECONDS, bare_environment, eventually, exporter_command
from programs import Program

from exporter.simulator import Scenario, Simulator

CLIENT_ID = "1000.SIMULATEDCLIENT0000000000000000"
SECRET = "5e7d2c1b90a84f63b1d0c9e8f7a6b5c4d3e2f1a0b9"
HOSTS = ("accounts.zoho.com", "accounts.zoho.eu", "www.zohoapis.eu")


@dataclass
class Terminal:
    """A command in a terminal: somebody who types, and all that stands on the screen."""

    process: subprocess.Popen[bytes]
    keyboard: int
    shown: list[str] = field(default_factory=list)

    def follow(self) -> None:
        """Collect what is shown until the command has ended."""
        with suppress(OSError):
            while data := os.read(self.keyboard, 4096):
                self.shown.append(data.decode(errors="replace"))

    @property
    def screen(self) -> str:
        """All that was shown."""
        return "".join(self.shown).replace("\r\n", "\n")

    def see(self, pattern: str) -> re.Match[str]:
        """Wait for something to be shown."""
        return eventually(lambda: re.search(pattern, self.screen), f"{pattern!r} is not on the screen: {self.screen}")

    def type(self, text: str, *, after: str) -> None:
        """Type something, once it was asked for at the end of the screen."""
        self.see(f"{re.escape(after)}$")
        os.write(self.keyboard, f"{text}\n".encode())

    def end(self) -> int:
        """Wait for the end, and give the exit status."""
        status = self.process.wait(PATIENCE_SECONDS)
        self.see("$")
        return status

    @property
    def shows_typing(self) -> bool:
        """Whether what is typed is shown."""
        return bool(termios.tcgetattr(self.keyboard)[3] & termios.ECHO)


@contextmanager
def at_terminal(program: Program, directory: Path, variables: Mapping[str, str], *arguments: str) -> Iterator[Terminal]:
    """Type a command in a terminal of its own."""
    keyboard, side = pty.openpty()
    command = [program("setsid"), "--ctty", *exporter_command(*arguments)]
    environment = bare_environment(**variables, HOME=str(directory), TERM="dumb")
    process = subprocess.Popen(command, stdin=side, stdout=side, stderr=side, env=environment, cwd=directory)
    opened = Terminal(process, keyboard)
    reader = Thread(target=opened.follow, daemon=True)
    reader.start()
    os.close(side)
    try:
        yield opened
    finally:
        process.kill()
        process.wait(PATIENCE_SECONDS)
        reader.join(PATIENCE_SECONDS)
        os.close(keyboard)


class Tunnel(socketserver.StreamRequestHandler):
    """One connection through a proxy that leads every host to one port of this machine."""

    to_port: ClassVar[int]

    def handle(self) -> None:
        """Say that the way is open, and pass on what comes from either side."""
        while self.rfile.readline().strip():
            pass
        self.wfile.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        with socket.create_connection(("127.0.0.1", self.to_port)) as server, suppress(OSError):
            sides = {self.connection: server, server: self.connection}
            while True:
                for source in select.select([*sides], [], [])[0]:
                    if not (data := source.recv(65_536)):
                        return
                    sides[source].sendall(data)


@contextmanager
def tunnel(to_port: int) -> Iterator[str]:
    """Run the proxy."""
    Tunnel.to_port = to_port
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Tunnel) as server:
        Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


@dataclass(frozen=True)
class World:
    """Zoho with all its data centres, as a proxy leads to them."""

    simulator: Simulator
    variables: Mapping[str, str]
    control: requests.Session

    def command(self, method: str, path: str, body: object = None) -> requests.Response:
        """Play the person who uses Zoho's own pages."""
        return self.control.request(method, f"{self.simulator.url}/__control__/{path}", json=body, timeout=10)


@pytest.fixture
def open_world(program: Program, tmp_path: Path) -> Iterator[Callable[..., World]]:
    """Give a function that opens a Zoho whose organisation lives in the EU; what else a scenario says may be given."""
    folder = tmp_path / "authority"
    folder.mkdir()
    authority = open_authority(program("openssl"), folder)
    identity = authority.issue("zoho", ",".join(["IP:127.0.0.1", *(f"DNS:{host}" for host in HOSTS)]))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(identity.file, identity.key)
    with ExitStack() as stack:

        def start(**scenario: object) -> World:
            played = Scenario(**{"data_center": "eu", "device_interval_seconds": 1, **scenario})  # type: ignore[arg-type]
            simulator = stack.enter_context(Simulator(played, ssl_context=context))
            proxy = stack.enter_context(tunnel(int(simulator.url.rpartition(":")[2])))
            control = stack.enter_context(requests.Session())
            control.verify, control.trust_env = str(authority.identity.file), False
            return World(simulator, {"HTTPS_PROXY": proxy, "ZOHO_CA_BUNDLE": str(authority.identity.file)}, control)

        yield start


def mode(path: Path) -> str:
    """Give a file's mode."""
    return oct(stat.S_IMODE(path.stat().st_mode))


def test_a_device_is_let_in_and_gives_the_token_back(
    open_world: Callable[..., World], program: Program, tmp_path: Path
) -> None:
    """From a client's id to files that work, in a terminal: by the data centre that Zoho itself names."""
    world, home = open_world(), tmp_path / "home"
    home.mkdir()
    type_in = partial(at_terminal, program, home, {**world.variables, "BROWSER": "/no/such/browser"})
    with type_in("login") as terminal:
        terminal.type("", after="Which is yours? [1] ")
        terminal.type("acme", after="A name for the account [zoho]: ")
        terminal.type("Leads, Price_Books", after="Modules to watch, by API name, with commas [all]: ")
        terminal.type("", after="Client ID: ")
        terminal.type(CLIENT_ID, after="Client ID: ")
        terminal.see("Client secret, not shown: $")
        assert not terminal.shows_typing
        terminal.type(SECRET, after="not shown: ")
        code = terminal.see(r"https://accounts\.zoho\.com/oauth/v3/device\?user_code=([0-9A-F]{8})\n")[1]
        terminal.see("No browser opened here: open the address yourself.\nWaiting until you have accepted")
        assert world.command("PUT", f"devices/{code}", {"approve": True}).ok
        assert terminal.end() == 0
        shown = terminal.screen
    assert "  expected one word, as the API console shows it\n" in shown
    assert "The account lives in the data centre eu" in shown
    assert "  data centre  eu\n  API          https://www.zohoapis.eu (production)\n" in shown
    assert "  scope        ZohoCRM.mass_update.leads.READ,ZohoCRM.mass_update.pricebooks.READ\n" in shown
    assert "Leads are right. Spent: 1 API credit, 1 access token.\n" in shown
    token = (home / "secrets/acme_refresh_token").read_text()
    assert SECRET not in shown
    assert token not in shown
    assert {mode(file) for file in (home / "secrets").iterdir()} == {"0o600"}
    assert mode(home / "secrets") == "0o700"
    assert world.simulator.stats().credits_spent == 1
    with type_in("login", "--account=acme", "--device") as terminal:
        terminal.see("secrets/acme_refresh_token is there already.* Zoho keeps 20 refresh tokens")
        terminal.type("", after="overwrite the secret files? [y/N] ")
        assert terminal.end() == 1
    with type_in("check", "--config.file=zoho.yaml") as terminal:
        terminal.see("acme: data centre eu, production, 0 jobs")
        assert terminal.end() == 0
    with type_in("logout", "--config.file=zoho.yaml") as terminal:
        terminal.type("y", after="Whatever uses it stops, for good. [y/N] ")
        terminal.see("Zoho has revoked the refresh token of acme.\nDelete secrets/acme_refresh_token\n")
        assert terminal.end() == 0
    form = {"grant_type": "refresh_token", "client_id": CLIENT_ID, "client_secret": SECRET, "refresh_token": token}
    answer = world.control.post(f"{world.simulator.url}/oauth/v2/token", data=form, timeout=10)
    assert answer.json() == {"error": "invalid_code"}


def test_who_accepts_is_let_in_though_zoho_wants_to_be_asked_too_late(
    open_world: Callable[..., World], program: Program, tmp_path: Path
) -> None:
    """A code that dies before it is first asked for is asked for while it lives, and the wait is told as it is."""
    world = open_world(device_interval_seconds=60, device_code_seconds=8)
    (tmp_path / "secret").write_text(SECRET)
    flags = ("--account=acme", "--device", "--modules=Leads", f"--client-id={CLIENT_ID}", "--client-secret-file=secret")
    with at_terminal(program, tmp_path, world.variables, "login", *flags) as terminal:
        code = terminal.see(r"user_code=([0-9A-F]{8})\n")[1]
        terminal.see("Waiting until you have accepted, for 8 s at most; Zoho is asked every 4 s.")
        assert world.command("PUT", f"devices/{code}", {"approve": True}).ok
        assert terminal.end() == 0
    assert (tmp_path / "secrets/acme_refresh_token").exists()


def test_nobody_agrees_by_what_was_typed_before_the_question(program: Program, tmp_path: Path) -> None:
    """An impatient key, or a block of lines that was pasted, is no answer to what nobody has read yet."""
    (tmp_path / "secrets").mkdir()
    for name in ("a_client_secret", "a_refresh_token"):
        (tmp_path / "secrets" / name).write_text("of an earlier login")
    with at_terminal(program, tmp_path, {}, "login", "--device", "--account=a", "--modules=all") as terminal:
        os.write(terminal.keyboard, b"y\n")
        terminal.type("n", after="overwrite the secret files? [y/N] ")
        assert terminal.end() == 1
    assert "Client ID" not in terminal.screen


def test_ctrl_c_at_a_secret_gives_the_terminal_back(program: Program, tmp_path: Path) -> None:
    """What is typed afterwards is shown again, and no traceback is."""
    with at_terminal(
        program, tmp_path, {}, "login", "--device", "--account=a", "--modules=all", "--client-id=1000.A"
    ) as terminal:
        terminal.see("Client secret, not shown: $")
        assert not terminal.shows_typing
        os.write(terminal.keyboard, b"\x03")
        assert terminal.process.wait(PATIENCE_SECONDS) == -signal.SIGINT
        assert terminal.shows_typing
        assert "Traceback" not in terminal.screen


def typed(world: World, directory: Path, given: str, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    """Run a command without a terminal."""
    return subprocess.run(
        exporter_command(*arguments),
        env=bare_environment(**world.variables, **more, HOME=str(directory)),
        cwd=directory,
        input=given,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_script_exchanges_a_code_and_finds_the_data_centre(open_world: Callable[..., World], tmp_path: Path) -> None:
    """Secrets come from standard input, the result goes where it is wanted, and each refusal has a way out."""
    world, home = open_world(client_data_centers=("eu",)), tmp_path / "home"
    home.mkdir()
    [first, second] = (
        str(world.command("POST", "codes", {"scope": "ZohoCRM.mass_update.leads.READ"}).json()["code"]) for _ in "12"
    )
    flags = ("login", "--self-client", f"--client-id={CLIENT_ID}", "--client-secret-file=-", "--grant-code-file=-")
    login = partial(typed, world, home)
    unknown = login(f"{SECRET[::-1]}\n{first}\n", *flags, "--modules=Leads")
    assert unknown.returncode == 1
    # This world has two data centres: what answers in the place of the others is somebody else.
    assert "https://accounts.zoho.in could not be asked: the certificate can't be verified: Host" in unknown.stderr
    assert "https://accounts.zoho.com could not be asked" not in unknown.stderr
    assert "no data centre that could be asked knows this client\nWhat to do: it is made out to" in unknown.stderr
    found = login(f"{SECRET}\n{first}\n", *flags, "--modules=Leads", "--data-center=us", ZOHO_CLIENT_ID="1000.OTHER")
    assert found.returncode == 0
    assert "Zoho's data centre us does not know this client" in found.stderr
    assert (
        "warning: ZOHO_CLIENT_ID: describes another account, default: unset it, or set ZOHO_ACCOUNT=zoho\n"
        in found.stderr
    )
    assert "  data centre  eu\n" in found.stdout
    assert (home / "secrets/zoho_client_secret").read_text() == SECRET
    again = login(f"{SECRET}\n{second}\n", *flags)
    assert again.returncode == 2
    assert "secrets/zoho_refresh_token: is there already, of an earlier login. Zoho keeps 20" in again.stderr
    printed = login(f"{SECRET}\n{second}\n", *flags, "--modules=Leads,Deals", "--output=env", "--account=other")
    assert printed.returncode == 1
    assert "It lacks ZohoCRM.mass_update.deals.READ: log in again, with a code of this scope\n" in printed.stderr
    variables = dict(line.split("=", 1) for line in printed.stdout.splitlines())
    token = variables.pop("ZOHO_REFRESH_TOKEN")
    assert variables == {
        "ZOHO_ACCOUNT": "other",
        "ZOHO_DATA_CENTER": "eu",
        "ZOHO_CLIENT_ID": CLIENT_ID,
        "ZOHO_CLIENT_SECRET": SECRET,
    }
    used = login(f"{SECRET}\n{second}\n", *flags, "--data-center=eu", "--output=json")
    assert (used.returncode, used.stdout) == (1, "")
    assert used.stderr.startswith(
        "Zoho refused: invalid_code\nWhat to do: the code was made in another data centre, was used before, or is"
    )
    told = "".join(ended.stderr + ended.stdout for ended in (unknown, found, again, used)) + printed.stderr
    assert not [secret for secret in (SECRET, first, second, token) if secret in told]
    assert sorted(file.name for file in home.glob("secrets/*")) == ["zoho_client_secret", "zoho_refresh_token"]


KILLED_AT_A_FILE = """\
import os, signal, sys
def ends(event, arguments):
    if event == "os.rename" and str(arguments[1]).endswith("zoho_client_secret"):
        signal.raise_signal(int(number))
number = sys.argv.pop(1)
sys.addaudithook(ends)
from exporter.__main__ import main
sys.exit(main())
"""
"""The exporter, whom a signal meets once it writes the first secret."""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_token_that_was_given_is_kept_before_a_signal_ends(
    open_world: Callable[..., World], tmp_path: Path, number: signal.Signals
) -> None:
    """It is one of twenty, and nobody else has it."""
    world = open_world(client_data_centers=("eu",))
    code = world.command("POST", "codes", {"scope": "ZohoCRM.mass_update.leads.READ"}).json()["code"]
    flags = ("login", "--self-client", f"--client-id={CLIENT_ID}", "--client-secret-file=-", "--grant-code-file=-")
    ended = subprocess.run(
        [sys.executable, "-c", KILLED_AT_A_FILE, str(int(number)), *flags, "--data-center=eu", "--modules=Leads"],
        env=bare_environment(**world.variables, HOME=str(tmp_path)),
        cwd=tmp_path,
        input=f"{SECRET}\n{code}\n",
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    written = sorted(file.name for file in tmp_path.glob("secrets/*"))
    assert (ended.returncode, written) == (-number, ["zoho_client_secret", "zoho_refresh_token"])
    assert "secrets/zoho_refresh_token\nWritten: zoho.yaml\n" in ended.stdout
    assert "Trying it" not in ended.stderr
