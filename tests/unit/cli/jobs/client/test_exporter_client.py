"""A running exporter, asked over its own API."""

import socket
from collections.abc import Iterator

import pytest
from played import PlayedExporter, there
from samples import tracked, web_options
from sites import Serve, token_guard

from exporter.cli.jobs.client.exporter_client import ExporterClient, NoExporterError
from exporter.model import JobKey, Snapshot
from exporter.web.routes import create_gate

KEYS = [JobKey("acme", "Leads", str(number)) for number in range(10_000, 12_500)]


class Restless(PlayedExporter):
    """Loses jobs of each page, and gets one, whenever somebody has looked."""

    def snapshot(self) -> Snapshot:
        """Give the jobs of now, and change them."""
        snapshot = super().snapshot()
        for key in next(self.losses, ()):
            del self.jobs[key]
        return snapshot

    losses: Iterator[list[JobKey]] = iter(())


def test_all_pages_are_asked_for(serve: Serve) -> None:
    """Each job once, and none is left out because others go between two pages."""
    exporter = Restless(jobs={key: tracked(key) for key in KEYS})
    exporter.losses = iter([[KEYS[0], KEYS[999], KEYS[1500]], [KEYS[1], KEYS[2000], KEYS[2499]]])
    url = serve(create_gate(web_options(), there(exporter), token_guard("swordfish"))).url
    shown = [job["job_id"] for job in ExporterClient(url, "Bearer swordfish").jobs()]
    gone = {"11500", "12499"}
    assert shown == [key.job_id for key in KEYS if key.job_id not in gone]


@pytest.mark.parametrize("is_there", [True, False], ids=["silent", "nobody"])
def test_who_takes_a_question_and_does_not_answer_it_in_time_is_there(*, is_there: bool) -> None:
    """Nobody is where nothing listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
        if not is_there:
            server.close()
        with pytest.raises(NoExporterError) as caught:
            ExporterClient(url, timeout_seconds=0.1).job(KEYS[0])
    assert caught.value.is_there is is_there
    assert str(caught.value).endswith(" (no whole answer has come)" if is_there else " (Connection refused)")


def test_tls_that_is_never_agreed_on_is_told_in_words() -> None:
    """Python has the line of its own source for it."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"https://127.0.0.1:{server.getsockname()[1]}"
        with pytest.raises(NoExporterError) as caught:
            ExporterClient(url, timeout_seconds=0.1).job(KEYS[0])
    assert str(caught.value) == f"no exporter answers at {url} (no connection is made)"
