"""A running exporter, asked over its own API."""

from collections.abc import Iterator

from played import PlayedExporter
from samples import tracked, web_options
from sites import Serve, token_guard

from exporter.cli.jobs.client.exporter_client import ExporterClient
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
    url = serve(create_gate(web_options(), exporter, token_guard("swordfish"))).url
    shown = [job["job_id"] for job in ExporterClient(url, "Bearer swordfish").jobs()]
    gone = {"11500", "12499"}
    assert shown == [key.job_id for key in KEYS if key.job_id not in gone]
