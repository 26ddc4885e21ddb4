"""Whatever hangs or trickles on the way to an exporter, its time limit is one."""

import socket
import threading
from collections.abc import Callable
from threading import Event, Thread
from typing import Any

import pytest

from exporter.cli.ending import LateError, in_time
from exporter.cli.jobs.client.exporter_client import ExporterClient, NoExporterError

Resolve = Callable[[Callable[[], list[int]]], None]


@pytest.fixture
def resolve(monkeypatch: pytest.MonkeyPatch) -> Resolve:
    """Give a function that sets which ports of loopback the system finds for any name."""

    def resolve_by(ports: Callable[[], list[int]]) -> None:
        def ask(host: str, port: int, *_: object, **__: object) -> list[Any]:
            found = [port] if host == "127.0.0.1" else ports()
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", one)) for one in found]

        monkeypatch.setattr(socket, "getaddrinfo", ask)

    return resolve_by


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_lookup_without_an_answer_is_given_up(resolve: Resolve, scheme: str) -> None:
    """By the limit of the answer, or by that of the command, which says so too."""
    is_over = Event()
    resolve(lambda: [int(is_over.wait(60))])
    url = f"{scheme}://exporter.invalid"
    with pytest.raises(NoExporterError, match=r"\(the name lookup is without an answer\)$") as caught:
        ExporterClient(url, timeout_seconds=0.1).jobs()
    assert not caught.value.is_there
    client = ExporterClient(url)
    with pytest.raises(LateError, match=rf"^the name lookup is without an answer \({url}\)$"), in_time(0.5):
        client.jobs()
    is_over.set()
    for lookup in [thread for thread in threading.enumerate() if thread.name == "the name lookup"]:
        lookup.join(30)


def test_each_address_of_a_name_is_tried(resolve: Resolve) -> None:
    """Where nobody listens at any, the last one's reason is told; where the name has none, that."""
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        closed = int(nobody.getsockname()[1])
    with socket.create_server(("127.0.0.1", 0)) as silent:
        resolve(lambda: [closed, int(silent.getsockname()[1])])
        with pytest.raises(NoExporterError) as caught:
            ExporterClient("http://exporter.invalid", timeout_seconds=0.3).jobs()
        assert caught.value.is_there
    resolve(lambda: [closed])
    with pytest.raises(NoExporterError, match=r"\(Connection refused\)$"):
        ExporterClient("http://exporter.invalid").jobs()
    resolve(list)
    with pytest.raises(NoExporterError, match=r"\(it has no address\)$"):
        ExporterClient("http://exporter.invalid").jobs()


def test_answer_that_trickles_is_given_up_by_the_command() -> None:
    """What it was that came to no end is told."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def trickle() -> None:
            connection, _ = server.accept()
            with connection:
                connection.sendall(b"HTTP/1.1 200 OK\r\n")
                connection.recv(1 << 16)
                connection.recv(1)  # until the other end has gone

        trickling = Thread(target=trickle)
        trickling.start()
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
        client = ExporterClient(url)
        with pytest.raises(LateError, match=rf"^no whole answer has come \({url}\)$"), in_time(0.5):
            client.jobs()
        trickling.join(30)
