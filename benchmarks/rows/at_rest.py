"""What an exporter of 100 jobs costs while nobody hurries it: memory, a kept connection, its start beside a peer's."""

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from rig.figures import Question, Row, Run, milliseconds, row
from rig.jobs import write_jobs
from rig.programs import PROGRAM, RARELY, exporter, first_page_seconds, free_port, installed, settings_file, zoho
from rig.wire import PROMETHEUS, TEXT

JOBS = 100
KEPT, MEMORY, BESIDE_PVE = "kept_connection_ms", "rss_mb", "start_vs_pve"
_REQUESTS = 20
_PVE = """\
default:
  user: prometheus@pve
  token_name: exporter
  token_value: 00000000-0000-0000-0000-000000000000
"""


def _at_rest(run: Run) -> list[Row]:
    with TemporaryDirectory(dir=run.directory) as folder, zoho(Path(folder)) as upstream:
        write_jobs(Path(folder) / "state.db", JOBS, are_due=True)
        with exporter(settings_file(Path(folder), upstream, RARELY, 5)) as served:
            wire = served.wire
            for headers in (TEXT, PROMETHEUS, PROMETHEUS):
                wire.get("/metrics", headers)
            memory = served.memory_mib("VmRSS")
            seconds = [wire.get("/-/healthy").seconds * 1000 for _ in range(run.rounds * _REQUESTS)]
    return [
        row(KEPT, seconds, "/-/healthy, each but the first on a connection"),
        row(
            MEMORY,
            [memory],
            f"VmRSS after three scrapes, one with polls, {JOBS} jobs, Python {sys.version.split()[0]}",
        ),
    ]


def _start(run: Run) -> list[Row]:
    pve = installed("prometheus-pve-exporter", "pve_exporter")
    ours, theirs = [], []
    with TemporaryDirectory(dir=run.directory) as folder, zoho(Path(folder)) as upstream:
        directory = Path(folder)
        settings = settings_file(directory, upstream, RARELY, 5)
        (directory / "pve.yml").write_text(_PVE, encoding="utf-8")
        for _ in range(run.rounds):
            port = free_port()
            command = [PROGRAM, f"--config.file={settings}", f"--web.listen-address=127.0.0.1:{port}"]
            ours.append(first_page_seconds(command, port, directory))
            port = free_port()
            command = [pve, "--config.file=pve.yml", f"--web.listen-address=127.0.0.1:{port}"]
            theirs.append(first_page_seconds(command, port, directory))
    ratios = [our / their for our, their in zip(ours, theirs, strict=True)]
    note = f"ours ÷ pve, to the first 200 of /metrics: {milliseconds(ours)}, {milliseconds(theirs)}"
    return [row(BESIDE_PVE, ratios, note)]


QUESTION = Question((KEPT, MEMORY), _at_rest)
START = Question((BESIDE_PVE,), _start)
