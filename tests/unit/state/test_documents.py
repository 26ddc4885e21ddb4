"""What the documents of a state file mean: everything comes back as it went in, and what is odd is told."""

import json
from dataclasses import replace
from types import MappingProxyType

import pytest
from hypothesis import given
from hypothesis import strategies as st
from samples import DEALS, FAILURE, LEADS, NOW, report, tracked

from exporter.jobs.outcome import note_report
from exporter.model import (
    Delay,
    Distribution,
    JobKey,
    JobReport,
    JobSource,
    JobSpec,
    JobState,
    KeptToken,
    ModuleTotals,
    Observation,
    Pause,
    PollFailure,
    Standing,
    TrackedJob,
)
from exporter.state.documents import decode, encode

YEAR_9999 = 253_402_300_799.0
MONTH = 31 * 86_400.0

times = st.floats(0, YEAR_9999)
counts = st.integers(0, 2**53)
words = st.text(max_size=20)
names = st.from_regex(r"[a-zA-Z0-9_.-]{1,12}", fullmatch=True)
keys = st.builds(JobKey, names, names, st.from_regex(r"[0-9]{1,32}", fullmatch=True))
maybe_counts = st.none() | counts
maybe_times = st.none() | times
tracked_jobs = st.builds(
    TrackedJob,
    spec=st.builds(JobSpec, keys, st.sampled_from(JobSource), words, words, st.dictionaries(words, words, max_size=3)),
    first_seen_at=times,
    report=st.none()
    | st.builds(JobReport, st.sampled_from(JobState), maybe_counts, maybe_counts, maybe_counts, maybe_counts, words),
    reported_at=maybe_times,
    polled_at=maybe_times,
    started_at=maybe_times,
    finished_at=maybe_times,
    progressed_at=maybe_times,
    completes_at=maybe_times,
    records_per_second=st.none() | st.floats(0, 1e12),
    delay=st.none() | st.sampled_from(Delay),
    failure=st.none() | st.builds(PollFailure, words, words, words, st.booleans(), maybe_times, st.booleans()),
    failures_in_a_row=counts,
    counted=st.dictionaries(st.sampled_from(["updated", "failed"]), counts),
    history=st.lists(st.builds(Observation, times, st.sampled_from(JobState), *[maybe_counts] * 4), max_size=4).map(
        tuple
    ),
)


@st.composite
def jobs(draw: st.DrawFn) -> TrackedJob:
    """Draw a job whose next poll is no further away than any setting lets it be."""
    job, wait = draw(tracked_jobs), draw(st.none() | st.floats(0, MONTH / 2))
    polled_at = job.first_seen_at if job.polled_at is None else job.polled_at
    return replace(job, next_poll_at=None if wait is None else min(polled_at + wait, YEAR_9999))


@st.composite
def distributions(draw: st.DrawFn) -> Distribution:
    """Draw a histogram's content."""
    bounds = draw(st.lists(st.floats(0, 1e9), max_size=4, unique=True).map(sorted))
    slots = draw(st.lists(counts, min_size=len(bounds) + 1, max_size=len(bounds) + 1))
    return Distribution(tuple(bounds), tuple(slots), draw(st.floats(0, 1e12)))


by_state = st.sampled_from(JobState)
totals = st.builds(
    ModuleTotals,
    st.dictionaries(by_state, counts),
    st.dictionaries(words, counts, max_size=3),
    st.dictionaries(by_state, distributions(), max_size=2),
)
tokens = st.builds(KeptToken, st.from_regex(r"[!-~]{1,40}", fullmatch=True), times, words, words)


@st.composite
def pauses(draw: st.DrawFn) -> Pause:
    """Draw a pause of at most a month."""
    since = draw(st.floats(0, YEAR_9999 - MONTH))
    return Pause(draw(words), draw(words), draw(words), since, since + draw(st.floats(0, MONTH / 2)), draw(counts))


standings = st.builds(
    Standing,
    st.none() | tokens,
    st.lists(times, max_size=5).map(tuple),
    st.none() | pauses(),
    st.none() | pauses(),
    maybe_counts,
    times,
)


@given(jobs())
def test_any_job_comes_back(job: TrackedJob) -> None:
    """All that is known of a job survives, its estimates too, and the id is a string from end to end."""
    read = decode(encode(job), TrackedJob)
    assert read == job
    assert type(read.spec.key.job_id) is str


@given(totals)
def test_any_totals_come_back(module: ModuleTotals) -> None:
    """The counters and histograms of a module survive."""
    assert decode(encode(module), ModuleTotals) == module


@given(standings)
def test_any_standing_comes_back(standing: Standing) -> None:
    """Token, mints, pauses and Zoho's last word survive."""
    assert decode(encode(standing), Standing) == standing


@given(counts)
def test_any_number_of_credits_comes_back(number: int) -> None:
    """Also none."""
    assert decode(encode(number), int) == number


def test_estimated_end_is_there_again() -> None:
    """The expected end of a running job needs no further poll after a restart."""
    job = tracked()
    for second, updated in ((0, 0), (15, 150), (30, 300)):
        job = note_report(job, report(updated=updated, total=600), NOW + second)
    assert decode(encode(job), TrackedJob).completes_at == NOW + 60


def test_labels_of_any_kind_of_mapping_are_written() -> None:
    """One document that can't be would keep all others from being written."""
    job = TrackedJob(JobSpec(LEADS, JobSource.API, labels=MappingProxyType({"team": "sales"})), NOW)
    assert decode(encode(job), TrackedJob) == replace(job, spec=replace(job.spec, labels={"team": "sales"}))


def test_half_characters_are_replaced() -> None:
    """A word of Zoho that is no Unicode text costs that word, not the job, nor what is written beside it."""
    odd = replace(
        tracked(),
        spec=JobSpec(LEADS, JobSource.API, "na\udfffme", labels={"team": "\ud800"}),
        report=replace(report(JobState.UNKNOWN), undocumented_word="H\ud800LD"),
    )
    read = decode(encode(odd), TrackedJob)
    assert read.report == replace(report(JobState.UNKNOWN), undocumented_word="H?LD")
    assert (read.spec.name, read.spec.labels) == ("na?me", {"team": "?"})


@given(words)
def test_any_word_is_written(word: str) -> None:
    """Line ends, control characters and separators come back as they were."""
    job = replace(tracked(), spec=JobSpec(LEADS, JobSource.API, word), failure=replace(FAILURE, message=word))
    assert decode(encode(job), TrackedJob) == job


def test_document_of_an_older_version_lacks_what_came_later() -> None:
    """What is not said has its default."""
    document = {
        "spec": {"key": {"account": "acme", "module": "Leads", "job_id": LEADS.job_id}, "source": "config"},
        "first_seen_at": NOW,
        "history": [{"at": NOW, "state": "RUNNING", "processed": 30}],
    }
    seen = Observation(NOW, JobState.RUNNING, 30, failed=None, not_updated=None, total=None)
    assert decode(json.dumps(document), TrackedJob) == replace(tracked(), history=(seen,))
    assert decode("{}", Standing) == Standing()


def test_document_of_a_newer_version_says_more() -> None:
    """What is not known here is left out, not the document."""
    document = json.loads(encode(tracked())) | {"acknowledged_by": "somebody"}
    assert decode(json.dumps(document), TrackedJob) == tracked()


RICH = replace(
    note_report(tracked(), report(), NOW),
    failure=replace(FAILURE, retry_at=NOW + 90),
    next_poll_at=NOW + 15,
    completes_at=NOW + 60,
    records_per_second=1.0,
    failures_in_a_row=1,
)
STANDING = Standing(
    KeptToken("1000.secret", NOW + 3600, "https://www.zohoapis.com", "f1"),
    (NOW,),
    Pause("invalid_code", "refused", "new token", NOW, NOW + 900, 2, "f1"),
    Pause("circuit", "Zoho asked the account to pause", "wait", NOW, NOW + 15, 1),
    399,
    NOW,
)
TOTALS = ModuleTotals(
    {JobState.COMPLETED: 3}, {"updated": 50}, {JobState.COMPLETED: Distribution((1.0, 60.0), (0, 2, 1), 500.5)}
)
KINDS: dict[str, TrackedJob | Standing | ModuleTotals] = {"job": RICH, "standing": STANDING, "totals": TOTALS}


def read(kind: str, text: str) -> TrackedJob | Standing | ModuleTotals:
    """Read a document of a kind."""
    match kind:
        case "job":
            return decode(text, TrackedJob)
        case "standing":
            return decode(text, Standing)
    return decode(text, ModuleTotals)


OBSERVATION = '{"at": 1, "state": "RUNNING", "processed": 1}'


def edited(kind: str, path: str, value: str) -> str:
    """Write a sound document with one value put in the place of another, as it stands."""
    document = json.loads(encode(KINDS[kind]))
    *way, last = [int(step) if step.isdecimal() else step for step in path.split(".")]
    place = document
    for step in way:
        place = place[step]
    place[last] = "(here)"
    return json.dumps(document).replace('"(here)"', value)


JOB_TIMES = (
    *("first_seen_at", "reported_at", "polled_at", "next_poll_at", "started_at", "progressed_at", "completes_at"),
    "history.0.at",
)
JOB_NUMBERS = (
    *("report.updated", "report.failed", "report.not_updated", "report.total", "counted.updated", "failures_in_a_row"),
    *("history.0.processed", "history.0.failed", "history.0.not_updated", "history.0.total", "records_per_second"),
)
STANDING_TIMES = (
    "token.expires_at",
    "mints.0",
    "token_pause.since",
    "token_pause.until",
    "circuit.until",
    "answered_at",
)
STANDING_NUMBERS = ("credits_remaining", "circuit.in_a_row", "token_pause.in_a_row")
TOTALS_NUMBERS = (
    *("finished.COMPLETED", "records.updated", "durations.COMPLETED.counts.0", "durations.COMPLETED.bounds.1"),
    "durations.COMPLETED.total",
)
NUMBERS = [
    *(("job", path) for path in (*JOB_TIMES, *JOB_NUMBERS, "failure.retry_at")),
    *(("standing", path) for path in (*STANDING_TIMES, *STANDING_NUMBERS)),
    *(("totals", path) for path in TOTALS_NUMBERS),
]
NO_NUMBERS = (
    *("NaN", "Infinity", "-Infinity", "1e999", "-1e999", "1" * 400, "9007199254740994", "1e300"),
    *('"1"', '"NaN"', '"inf"', '"1e999"', '"noon"', "true", "[]", "{}", '""'),
)


@pytest.mark.parametrize("value", NO_NUMBERS, ids=[value[:20] for value in NO_NUMBERS])
@pytest.mark.parametrize(("kind", "path"), NUMBERS)
def test_number_that_is_none_is_refused(kind: str, path: str, value: str) -> None:
    """Neither infinity nor what is no number, in whatever spelling, ever reaches a page or a schedule."""
    with pytest.raises(ValueError, match=r"."):
        read(kind, edited(kind, path, value))


@pytest.mark.parametrize(
    ("kind", "path"),
    [
        *(("job", path) for path in (*JOB_TIMES, *JOB_NUMBERS)),
        *(("standing", path) for path in (*STANDING_TIMES, *STANDING_NUMBERS)),
        *(("totals", path) for path in TOTALS_NUMBERS),
    ],
)
def test_negative_number_is_refused(kind: str, path: str) -> None:
    """There were never fewer than no records, and no time is before 1970."""
    with pytest.raises(ValueError, match=r"."):
        read(kind, edited(kind, path, "-5"))


@pytest.mark.parametrize("path", JOB_TIMES)
def test_time_after_the_year_9999_is_refused(path: str) -> None:
    """No calendar can show it."""
    with pytest.raises(ValueError, match=r"a time that can't be|a wait that is too long"):
        decode(edited("job", path, "253402300800"), TrackedJob)


@pytest.mark.parametrize(
    ("kind", "path", "value", "complaint"),
    [
        pytest.param("job", "next_poll_at", "1800000000", "a wait that is too long", id="next poll in months"),
        pytest.param("standing", "circuit.until", "1800000000", "a wait that is too long", id="pause of months"),
        pytest.param(
            "standing", "token_pause.until", "1800000000", "a wait that is too long", id="months of cool-down"
        ),
        pytest.param("standing", "token.value", '"a\\u2028b"', "can't be sent", id="line separator in a token"),
        pytest.param("standing", "token.value", '"a\\nb"', "can't be sent", id="line end in a token"),
        pytest.param("standing", "token.value", '""', "can't be sent", id="token without a character"),
        pytest.param("standing", "token.value", '"\\ud800"', "wrong at", id="half a character in a token"),
        pytest.param("job", "report.state", '"DONE"', "wrong at report", id="unknown state"),
        pytest.param("job", "spec.source", '"gossip"', "wrong at spec", id="unknown source"),
        pytest.param("job", "spec.key.job_id", "35", "wrong at spec", id="id that is a number"),
        pytest.param("job", "spec.labels", '{"team": 1}', "wrong at spec", id="label that is a number"),
        pytest.param("job", "spec.labels", "[]", "wrong at spec", id="labels that are a list"),
        pytest.param("job", "spec.name", "null", "wrong at spec", id="no name"),
        pytest.param("job", "history", "{}", "wrong at history", id="history that is an object"),
        pytest.param("job", "history.0.state", '"DONE"', "wrong at history", id="unknown state in a history"),
        pytest.param("job", "history", f"[{OBSERVATION}{f', {OBSERVATION}' * 64}]", "too long", id="endless history"),
        pytest.param("job", "delay", "1", "wrong at delay", id="number that is a word"),
        pytest.param("totals", "finished", '{"DONE": 1}', "wrong at finished", id="unknown end"),
        pytest.param("totals", "durations.COMPLETED.counts", "[1]", "does not fit", id="too few buckets"),
        pytest.param("totals", "durations.COMPLETED.bounds", "[60, 1]", "does not fit", id="bounds that fall"),
    ],
)
def test_odd_value_is_refused(kind: str, path: str, value: str, complaint: str) -> None:
    """It is said where it stands, or what it is."""
    with pytest.raises(ValueError, match=complaint):
        read(kind, edited(kind, path, value))


@pytest.mark.parametrize("document", ["", "{", "null", "[]", "1e999", '"x"', "[" * 100_000, "\x00", "{}" * 2])
@pytest.mark.parametrize("kind", KINDS)
def test_what_is_no_document_is_refused(document: str, kind: str) -> None:
    """However deep it is."""
    with pytest.raises(ValueError, match=r"."):
        read(kind, document)


def test_refusal_shows_nothing_of_the_document() -> None:
    """It may hold a secret, and is of any length."""
    secrets = {f"1000.secret{number}": 1 for number in range(10_000)}
    labels = json.dumps(secrets)
    documents = [edited("job", "spec.labels", labels), edited("standing", "token", labels), labels, "1000.secret {"]
    for document, kind in zip(documents, ("job", "standing", "totals", "standing"), strict=True):
        with pytest.raises(ValueError, match=r".") as caught:
            read(kind, document)
        assert "secret" not in str(caught.value)
        assert len(str(caught.value)) < 200
        assert (caught.value.__cause__, caught.value.__context__) == (None, None)


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters(exclude_categories=()), max_size=8)
    | st.sampled_from(["RUNNING", "config", LEADS.job_id, 2**63, -1, 1e308]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)
fields = st.sampled_from(
    [
        *("spec", "report", "first_seen_at", "history", "counted", "failure", "finished", "records", "durations"),
        *("token", "mints", "circuit", "answered_at", "next_poll_at", "failures_in_a_row"),
    ]
)


@given(st.sampled_from([*KINDS]), st.dictionaries(fields, json_values, max_size=4), st.sampled_from([*KINDS]))
def test_any_document_is_read_or_refused(written: str, changes: dict[str, object], kind: str) -> None:
    """Whatever is written in the place of what we wrote, it is read as something sound, or a `ValueError` says why."""
    text = json.dumps(json.loads(encode(KINDS[written])) | changes)
    try:
        value = read(kind, text)
    except ValueError:
        return
    assert read(kind, encode(value)) == value


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(content: bytes) -> None:
    """A page of the file overwritten with anything stops nothing."""
    with pytest.raises(ValueError, match=r"."):
        decode(content.decode(errors="replace"), TrackedJob)


def test_other_jobs_are_other_documents() -> None:
    """Nothing is shared between two of them."""
    assert encode(tracked(LEADS)) != encode(tracked(DEALS))
