"""What else is asked of an exporter of 10,000 jobs: one job's probe, the targets, the status page."""

from pathlib import Path
from tempfile import TemporaryDirectory

from rig.figures import Question, Row, Run, row
from rig.jobs import key_of, write_jobs
from rig.programs import RARELY, exporter, settings_file, zoho
from rig.wire import TEXT, Wire

JOBS = 10_000
ASKED = {
    f"probe_ms_{JOBS}": "/probe?crm_module=Leads&job_id=",
    f"sd_ms_{JOBS}": "/sd/jobs",
    f"status_ms_{JOBS}": "/",
}
_PROBES = 20
"""For each round: one takes less time than whatever else happens on a machine meanwhile."""
_PAGE = {"Accept": "text/html", "Accept-Encoding": "gzip"}


def _measured(run: Run) -> list[Row]:
    with TemporaryDirectory(dir=run.directory) as folder, zoho(Path(folder)) as upstream:
        write_jobs(Path(folder) / "state.db", JOBS)
        with exporter(settings_file(Path(folder), upstream, RARELY, 5)) as served:
            wire = served.wire
            wire.get("/metrics")  # once, as all of it is written at the first
            return [_asked(wire, name, path, run.rounds) for name, path in ASKED.items()]


def _asked(wire: Wire, name: str, path: str, rounds: int) -> Row:
    headers = _PAGE if path == "/" else TEXT
    is_of_a_job = path.endswith("=")
    count = rounds * _PROBES if is_of_a_job else rounds
    paths = [path + (key_of(number).job_id if is_of_a_job else "") for number in range(count + 1)]
    replies = [wire.get(each, headers) for each in paths]
    # The first loads what a page needs.
    return row(name, [reply.seconds * 1000 for reply in replies[1:]], f"{len(replies[0].body):,} bytes of {path}")


QUESTION = Question(tuple(ASKED), _measured)
