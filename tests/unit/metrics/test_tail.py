"""What follows the jobs is written and compressed again where it says something else, and nowhere else."""

from collections.abc import Iterator
from dataclasses import replace

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from exporter.metrics.families import SCRAPED, table
from exporter.metrics.page import Pages
from exporter.model import Snapshot

OPENMETRICS = "application/openmetrics-text; version=1.0.0"


class Process(Collector):
    """A process with as many files as it is told, and a limit of them."""

    files = 7

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Tell of them."""
        yield GaugeMetricFamily("process_open_fds", "Files.", self.files)
        yield GaugeMetricFamily("process_max_fds", "Most files.", 1024)


def later(snapshot: Snapshot, fresh: int) -> Snapshot:
    """Give what is shown once an account has skipped so many fresh jobs."""
    busy, quiet = snapshot.accounts
    skipped = {**busy.tally.skipped, "fresh": fresh}
    return replace(snapshot, accounts=(replace(busy, tally=replace(busy.tally, skipped=skipped)), quiet))


def test_only_what_has_changed_is_compressed_again(snapshot: Snapshot) -> None:
    """Of an account that skipped jobs the one family of that, and of the process one that opened a file."""
    process = Process()
    pages = Pages(table((), ("timeout",)), process)
    blocks = []
    for fresh in (8, 9, 10):
        process.files = fresh
        page = pages.write(later(snapshot, fresh), OPENMETRICS, SCRAPED)
        blocks.append({block for stretch in page.content.stretches for block in stretch.blocks})
    names = {line.split()[2] for block in blocks[2] - blocks[1] for line in block.plain.decode().splitlines()[:1]}
    assert names == {"zoho_mass_update_polls_skipped", "process_open_fds"}
    texts = [block.plain.decode() for block in blocks[2] - blocks[1]]
    assert sorted(text.count("# TYPE") for text in texts) == [1, 1]


def test_account_that_changes_leaves_the_others_lines_alone(snapshot: Snapshot) -> None:
    """Both stand in the family that is written again."""
    pages = Pages(table((), ("timeout",)), None)
    pages.write(snapshot, "", SCRAPED)
    body = pages.write(later(snapshot, 8), "", SCRAPED).body.decode()
    assert 'zoho_mass_update_polls_skipped_total{account="acme",reason="fresh"} 8.0\n' in body
    assert 'zoho_mass_update_polls_skipped_total{account="beta",reason="budget"} 3.0\n' in body
