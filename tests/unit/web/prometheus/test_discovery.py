"""Targets for Prometheus' service discovery."""

import json
from collections.abc import Sequence
from dataclasses import replace

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st
from played import PlayedExporter, there
from samples import DEALS, FAILURE, LEADS, NOW, report, tracked, web_options
from sites import Serve, Site
from starlette.datastructures import Headers, QueryParams

from exporter.jobs.outcome import note_failure, note_report
from exporter.model import JobKey, JobSource, JobState, TrackedJob
from exporter.web.prometheus.discovery import Targets, interval_of, intervals_of
from exporter.web.request import Outside, Request
from exporter.web.routes import create_gate


def waiting(seconds: float | None, state: JobState = JobState.RUNNING) -> TrackedJob:
    """Give a job that was polled at `NOW` and waits for its next poll."""
    next_poll_at = None if seconds is None else NOW + seconds
    return replace(note_report(tracked(), report(state), NOW), next_poll_at=next_poll_at)


@pytest.mark.parametrize(
    ("job", "pace", "seconds"),
    [
        pytest.param(tracked(), (15.0, 120.0), 30, id="new: it waits for its first look no longer"),
        pytest.param(waiting(15, JobState.QUEUED), (15.0, 120.0), 30, id="queued"),
        pytest.param(waiting(300, JobState.SUSPENDED), (15.0, 120.0), 30, id="suspended before it began"),
        pytest.param(waiting(15), (15.0, 120.0), 15, id="runs"),
        pytest.param(waiting(120), (15.0, 120.0), 15, id="runs, and is polled seldom"),
        pytest.param(waiting(15), (0.5, 5.0), 1, id="faster than any"),
        pytest.param(tracked(), (0.5, 5.0), 5, id="waits less than usual"),
        pytest.param(waiting(60), (60.0, 120.0), 60, id="slow schedule"),
        pytest.param(tracked(), (60.0, 120.0), 60, id="slow schedule, new"),
        pytest.param(waiting(900), (900.0, 900.0), 120, id="very slow schedule: no series may go stale"),
    ],
)
def test_interval_is_as_short_as_the_job_may_need(job: TrackedJob, pace: tuple[float, float], seconds: int) -> None:
    """By whether it has begun, at one of few intervals."""
    assert interval_of(job, intervals_of(*pace)) == seconds


_LIVES = {
    "as usual": [JobState.SCHEDULED, JobState.QUEUED, JobState.RUNNING, JobState.COMPLETED],
    "suspended": [JobState.RUNNING, JobState.SUSPENDED, JobState.RUNNING, JobState.FAILED],
    "ended at once": [JobState.COMPLETED],
    "back to the queue": [JobState.RUNNING, JobState.QUEUED, JobState.UNKNOWN, JobState.SCHEDULED],
}


@pytest.mark.parametrize("states", _LIVES.values(), ids=_LIVES)
def test_interval_never_grows(states: list[JobState]) -> None:
    """A longer one is a new target, and the stale marker of the one before it hides the job's series for its time."""
    job = tracked()
    intervals = [interval_of(job, intervals_of(15.0, 120.0))]
    for number, state in enumerate(states):
        job = note_report(job, report(state, updated=30), NOW + 600 * number)
        intervals.append(interval_of(job, intervals_of(15.0, 120.0)))
        failed = note_failure(job, FAILURE, NOW + 600 * number + 300)
        intervals.append(interval_of(failed, intervals_of(15.0, 120.0)))
    assert intervals == sorted(intervals, reverse=True)


def ended(seconds_ago: float) -> TrackedJob:
    """Give a job that ended some time ago."""
    return replace(waiting(None, JobState.FAILED), finished_at=NOW - seconds_ago)


@pytest.mark.parametrize(
    ("job", "is_listed"),
    [
        pytest.param(waiting(15), True, id="live"),
        pytest.param(ended(3600), True, id="ended lately"),
        pytest.param(ended(3601), False, id="ended long ago"),
        pytest.param(tracked(source=JobSource.PROBE), False, id="only probed"),
        pytest.param(tracked(source=JobSource.API), True, id="registered"),
    ],
)
def test_live_jobs_are_targets(serve: Serve, job: TrackedJob, is_listed: bool) -> None:  # noqa: FBT001 - a table's cell
    """A job leaves some time after its end, so that its end is scraped; what is only probed needs no discovery."""
    site = serve(create_gate(web_options(), there(PlayedExporter(jobs={LEADS: job}))))
    answer = requests.get(f"{site.url}/sd/jobs", timeout=10)
    assert answer.headers["Content-Type"] == "application/json"
    addresses = [group["targets"] for group in answer.json()]
    assert addresses == ([[site.url.removeprefix("http://")]] if is_listed else [])


def test_every_job_has_its_own_target(serve: Serve) -> None:
    """Targets differ by their instance, which Prometheus keeps."""
    site = serve(create_gate(web_options(), there(PlayedExporter(jobs={LEADS: tracked(), DEALS: tracked(DEALS)}))))
    groups = requests.get(f"{site.url}/sd/jobs", timeout=10).json()
    assert [group["labels"]["instance"] for group in groups] == [str(DEALS), str(LEADS)]


def labels_of(site: Site, headers: dict[str, str] | None = None) -> tuple[str, dict[str, str]]:
    """Ask for the one target, and give its address and its labels."""
    [group] = requests.get(f"{site.url}/sd/jobs", headers=headers, timeout=10).json()
    [address] = group["targets"]
    return address, group["labels"]


def test_target_is_a_probe_of_the_job(serve: Serve) -> None:
    """Everything Prometheus needs is in the labels, but for the scheme, which is the scrape job's own."""
    site = serve(create_gate(web_options(), there(PlayedExporter(jobs={LEADS: waiting(30)}))))
    assert labels_of(site, {"Host": "exporter:10042", "X-Forwarded-Proto": "http"}) == (
        "exporter:10042",
        {
            "__metrics_path__": "/probe",
            "__param_account": "acme",
            "__param_crm_module": "Leads",
            "__param_job_id": "3524033000006027001",
            "__scrape_interval__": "15s",
            "__scrape_timeout__": "10s",
            "instance": "acme/Leads/3524033000006027001",
        },
    )


@pytest.mark.parametrize(
    ("outside", "address", "path", "scheme"),
    [
        pytest.param(Outside("https", "example.com", "/zoho"), "example.com", "/zoho/probe", "https", id="URL"),
        pytest.param(
            Outside("http", "example.com:80", ""), "example.com:80", "/probe", None, id="no password in clear"
        ),
        pytest.param(Outside("", "", "/zoho"), "exporter:10042", "/zoho/probe", None, id="path alone"),
    ],
)
def test_targets_are_where_the_operator_says(
    serve: Serve, outside: Outside, address: str, path: str, scheme: str | None
) -> None:
    """Behind a proxy only the operator knows the address; plain http is never told, whatever it says."""
    options = replace(web_options(), outside=outside)
    site = serve(create_gate(options, there(PlayedExporter(jobs={LEADS: tracked()}))))
    at, labels = labels_of(site, {"Host": "exporter:10042"})
    assert (at, labels["__metrics_path__"], labels.get("__scheme__")) == (address, path, scheme)


@pytest.mark.parametrize("host", ["a b", "<script>", "exporter:port", ""])
def test_odd_host_is_refused(serve: Serve, host: str) -> None:
    """A host that is none never becomes a target."""
    site = serve(create_gate(web_options(), there(PlayedExporter(jobs={LEADS: tracked()}))))
    answer = requests.get(f"{site.url}/sd/jobs", headers={"Host": host}, timeout=10)
    assert answer.status_code == 400


KEYS = [JobKey(account, module, "1") for account in ("acme", "beta") for module in ("Deals", "Leads")]
LIVES = [
    {},
    {"started_at": NOW},
    {"started_at": NOW, "finished_at": NOW},
    {"started_at": NOW, "finished_at": NOW - 9000},
]
TABLES = st.dictionaries(st.sampled_from(KEYS), st.tuples(st.sampled_from(LIVES), st.sampled_from(JobSource)))


def exporter_of(table: dict[JobKey, tuple[dict[str, float], JobSource]], pace: tuple[float, float]) -> PlayedExporter:
    """Play an exporter of some jobs, made anew as a poll makes them."""
    jobs = {key: replace(tracked(key, source=source), **life) for key, (life, source) in table.items()}  # type: ignore[arg-type] # times alone
    return PlayedExporter(jobs=jobs, pace_seconds=pace)


def asked(host: str, scheme: str) -> Request:
    """Give a request for the targets."""
    return Request("GET", "/sd/jobs", Headers({"Host": host}), QueryParams(), scheme, "", 0.0)


def plain(exporter: PlayedExporter, host: str, scheme: str) -> bytes:
    """Write all targets from nothing."""
    groups = []
    for key, job in sorted(exporter.jobs.items()):
        if job.spec.source is JobSource.PROBE or (job.finished_at is not None and job.finished_at < NOW - 3600):
            continue
        interval = interval_of(job, intervals_of(*exporter.pace_seconds))
        labels = {
            "__metrics_path__": "/probe",
            **({"__scheme__": "https"} if scheme == "https" else {}),
            "__param_account": key.account,
            "__param_crm_module": key.module,
            "__param_job_id": key.job_id,
            "__scrape_interval__": f"{interval}s",
            "__scrape_timeout__": f"{min(interval, 10)}s",
            "instance": f"{key.account}/{key.module}/{key.job_id}",
        }
        groups.append({"targets": [host], "labels": labels})
    return json.dumps(groups, separators=(",", ":")).encode()


@given(
    tables=st.lists(TABLES, min_size=1, max_size=5),
    paces=st.lists(st.sampled_from([(15.0, 120.0), (0.5, 5.0), (60.0, 120.0)]), min_size=5, max_size=5),
    host=st.sampled_from(["exporter:10042", "localhost"]),
    scheme=st.sampled_from(["http", "https"]),
)
def test_kept_targets_are_those_of_now(
    tables: Sequence[dict[JobKey, tuple[dict[str, float], JobSource]]],
    paces: Sequence[tuple[float, float]],
    host: str,
    scheme: str,
) -> None:
    """Whatever jobs and settings there were before, the answer is to the byte what is written from nothing."""
    targets = Targets(Outside("", "", ""))
    for table, pace in zip(tables, paces, strict=False):
        exporter = exporter_of(table, pace)
        answer = targets.answer(exporter, asked(host, scheme))
        assert bytes(answer.body) == plain(exporter, host, scheme)


class CountedKey(JobKey):
    """A key that counts how often its target is written."""

    written = 0

    def __str__(self) -> str:
        type(self).written += 1
        return super().__str__()


def test_only_what_has_changed_is_written_anew() -> None:
    """Of a thousand jobs three begin: polls of the others, and answers to others, write nothing."""
    keys = [CountedKey("acme", "Leads", str(number)) for number in range(1000)]
    exporter = PlayedExporter(jobs={key: tracked(key) for key in keys})
    targets = Targets(Outside("", "", ""))
    targets.answer(exporter, asked("exporter:10042", "http"))
    assert CountedKey.written == 1000
    exporter.jobs = {key: replace(job, polled_at=NOW) for key, job in exporter.jobs.items()}
    exporter.jobs |= {key: replace(exporter.jobs[key], started_at=NOW) for key in keys[:3]}
    targets.answer(exporter, asked("localhost", "https"))
    assert CountedKey.written == 1003
