"""A command typed against an exporter that a test plays, over real HTTP."""

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from http.client import parse_headers
from pathlib import Path
from socketserver import StreamRequestHandler, ThreadingTCPServer
from threading import Thread

import pytest
from journey import account_variables
from played import PlayedExporter, there
from samples import web_options
from sites import Serve, Typed, token_guard

from exporter.cli import main
from exporter.cli.jobs.client.exporter_client import ExporterClient
from exporter.simulator import Scenario, Simulator
from exporter.web.routes import create_gate


@pytest.fixture
def exporter() -> PlayedExporter:
    """Give an exporter that a test can look into."""
    return PlayedExporter(job_labels=("team",))


@pytest.fixture
def url(serve: Serve, exporter: PlayedExporter) -> str:
    """Give the exporter's address."""
    return serve(create_gate(web_options(), there(exporter), token_guard("swordfish"))).url


@pytest.fixture
def client(url: str) -> ExporterClient:
    """Give a client that may use the API."""
    return ExporterClient(url, "Bearer swordfish")


@pytest.fixture
def typed(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], _kept_signals: None
) -> Typed:
    """Give a function that types a command to the exporter."""
    token = tmp_path / "token"
    token.write_text("swordfish")
    monkeypatch.setenv("ZOHO_EXPORTER_URL", url)
    monkeypatch.setenv("ZOHO_EXPORTER_TOKEN_FILE", str(token))

    def type_command(*words: str) -> tuple[int, str, str]:
        status = main(words)
        written = capsys.readouterr()
        return status, written.out.replace(url, "URL"), written.err.replace(url, "URL")

    return type_command


@pytest.fixture
def impostor(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., str]]:
    """Give a function that has somebody else answer in the exporter's place: always the same, whatever is asked.

    It gives the address.
    """
    with ExitStack() as ends:

        def answer(document: object, status: int = 200, *, line: bytes = b"", header: bytes = b"") -> str:
            body = document if isinstance(document, bytes) else json.dumps(document).encode()
            head = line or b"HTTP/1.1 %d Said\r\nContent-Length: %d%s" % (status, len(body), header)

            class Handler(StreamRequestHandler):
                def handle(self) -> None:
                    self.rfile.readline()
                    length = parse_headers(self.rfile).get("Content-Length", "0")
                    self.rfile.read(int(length))  # what is left unread would reset the connection
                    self.wfile.write(head + b"\r\n\r\n" + body)

            server = ends.enter_context(ThreadingTCPServer(("127.0.0.1", 0), Handler))
            Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
            ends.callback(server.shutdown)
            address = f"http://127.0.0.1:{server.server_address[1]}"
            monkeypatch.setenv("ZOHO_EXPORTER_URL", address)
            return address

        yield answer


@pytest.fixture
def zoho(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Simulator]:
    """Give a Zoho that the environment leads to, and a directory of one's own."""
    with Simulator(Scenario(jobs=())) as simulator:
        for name, value in account_variables(simulator).items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
        monkeypatch.chdir(tmp_path)
        yield simulator
