"""The fault matrix: every fault, at a job's first poll and at a later one, over real HTTP against the simulated Zoho.

Each time: the fault is counted by its code, counts are kept or absent as promised, the page is complete, and once the
fault is over so is its trace.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from journey import SettingsFor, every
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample
from samples import Clock, within

from exporter.app.application import Application
from exporter.settings import Settings
from exporter.simulator import Endpoint, Fault, FaultKind, OAuthError, Simulator, ThrottleShape
from exporter.state import SqliteStore
from exporter.zoho.connection import LARGEST_BODY_BYTES

JOB_ID = "3524033000006027001"
JOB = f'account="acme",job_id="{JOB_ID}",module="Leads"'
HOURS = 3600.0
WHOLE = {
    "zoho_mass_update_job_state": 7,
    "zoho_mass_update_jobs": 7,
    "zoho_mass_update_jobs_finished_total": 2,
    "zoho_mass_update_polls_skipped_total": 6,
    "zoho_crm_api_credits_used_24h": 1,
    "zoho_crm_api_request_duration_seconds_count": 2,
    "zoho_mass_update_exporter_build_info": 1,
    "process_open_fds": 1,
}
"""How many samples some metrics of each part of a page have, whatever goes wrong."""

Trouble = Callable[[Simulator], object]


def fault(kind: FaultKind, **parameters: object) -> Trouble:
    """Make status calls go wrong."""
    return lambda simulator: simulator.add_fault(Fault(kind, Endpoint.STATUS, **parameters))  # type: ignore[arg-type]


def refusal(code: str, **parameters: object) -> Trouble:
    """Make token refreshes be refused."""
    kind = FaultKind.ERROR
    return lambda simulator: simulator.add_fault(Fault(kind, Endpoint.TOKEN, code=code, **parameters))  # type: ignore[arg-type]


def series(sample: Sample) -> str:
    """Write a sample's name and labels as a page does."""
    labels = ",".join(f'{name}="{value}"' for name, value in sorted(sample.labels.items()))
    return f"{sample.name}{{{labels}}}"


@dataclass
class Scene:
    """An exporter whose clock the test moves, in front of a simulated Zoho that runs one job."""

    simulator: Simulator
    exporter: Application
    clock: Clock

    def work(self, updated: int) -> None:
        """Let the job get on."""
        self.simulator.set_status("Leads", JOB_ID, "RUNNING", updated=updated, total=50)

    def scrape(self) -> dict[str, float]:
        """Scrape, check that the page is whole, and give its samples by name and labels."""
        page = self.exporter.scrape(within(30)).body.decode()
        families = text_string_to_metric_families(page)
        samples = {series(sample): sample.value for family in families for sample in family.samples}
        counts = Counter(name.partition("{")[0] for name in samples)
        assert {name: counts[name] for name in WHOLE} == WHOLE
        return samples

    def forget_token(self) -> None:
        """Let the access token run out, so that the next poll refreshes it."""
        self.clock.now += 2 * HOURS


@contextmanager
def scene_of(
    simulator: Simulator, settings: Settings, clock: Clock | None = None, state: Path | None = None
) -> Iterator[Scene]:
    """Give a scene, and end it; what it knows stays in the state file, if there is one."""
    clock = clock or Clock()
    exporter = Application(settings, SqliteStore(state), clock=clock, draw=lambda: 0.0)
    with closing(exporter):
        yield Scene(simulator, exporter, clock)


OpenScene = Callable[[str], Scene]


@pytest.fixture
def open_scene(simulator: Simulator, settings_for: SettingsFor) -> Iterator[OpenScene]:
    """Give a function that starts an exporter with a time limit for calls; counts stay on its pages for days."""
    with ExitStack() as scenes:

        def open_one(poll_timeout: str) -> Scene:
            settings = settings_for(
                simulator,
                jobs=f"Leads/{JOB_ID}",
                poll_timeout=poll_timeout,
                stale_after="30d",
                unknown_retention="90d",
                **every("0s"),
            )
            scene = scenes.enter_context(scene_of(simulator, settings))
            scene.work(30)
            return scene

        yield open_one


@pytest.fixture
def scene(open_scene: OpenScene) -> Scene:
    """Give an exporter that waits for a machine that is busy."""
    return open_scene("30s")


@pytest.fixture
def impatient_scene(open_scene: OpenScene) -> Scene:
    """Give an exporter that a silent Zoho does not keep for long."""
    return open_scene("1s")


UPDATED = f"zoho_mass_update_job_updated_records{{{JOB}}}"
SUCCESS = f"zoho_mass_update_job_poll_success{{{JOB}}}"


def error_of(code: str) -> str:
    """Give the job's error series of a code."""
    return f'zoho_mass_update_job_poll_error{{account="acme",code="{code}",job_id="{JOB_ID}",module="Leads"}}'


def counter_of(code: str) -> str:
    """Give the counter of a code."""
    return f'zoho_mass_update_poll_errors_total{{account="acme",code="{code}",module="Leads"}}'


SILENCES = {
    "silence": (fault(FaultKind.TIMEOUT), "timeout"),
    "stalled headers": (fault(FaultKind.STALLED_HEADERS), "timeout"),
    "stalled body": (fault(FaultKind.STALLED_BODY), "timeout"),
    "trickling body": (fault(FaultKind.TRICKLE, seconds=0.1), "timeout"),
}

STATUS_FAULTS = {
    "reset before the answer": (fault(FaultKind.RESET), "connection"),
    "reset in the body": (fault(FaultKind.RESET_IN_BODY), "connection"),
    "429 without Retry-After": (fault(FaultKind.THROTTLE), "TOO_MANY_REQUESTS"),
    "429 with Retry-After": (fault(FaultKind.THROTTLE, retry_after="60"), "TOO_MANY_REQUESTS"),
    "429 with details": (
        fault(FaultKind.THROTTLE, shape=ThrottleShape.RETRY_DETAILS, seconds=60),
        "TOO_MANY_REQUESTS",
    ),
    "429 of the day's credits": (fault(FaultKind.THROTTLE, shape=ThrottleShape.CREDITS), "TOO_MANY_REQUESTS"),
    "429 of the old shape": (fault(FaultKind.THROTTLE, shape=ThrottleShape.NUMERIC_CODE), "TOO_MANY_REQUESTS"),
    "429 of another code": (fault(FaultKind.THROTTLE, shape=ThrottleShape.RATE_LIMIT_EXCEEDED), "RATE_LIMIT_EXCEEDED"),
    "500": (fault(FaultKind.ERROR, code="INTERNAL_ERROR"), "INTERNAL_ERROR"),
    "500 as HTML": (fault(FaultKind.HTML, status=500), "invalid_response"),
    "502 as HTML": (fault(FaultKind.HTML, status=502), "invalid_response"),
    "503 as HTML": (fault(FaultKind.HTML, status=503), "invalid_response"),
    "200 as HTML": (fault(FaultKind.HTML, status=200), "invalid_response"),
    "204": (fault(FaultKind.NO_CONTENT), "NOT_FOUND"),
    "empty 200": (fault(FaultKind.EMPTY), "invalid_response"),
    "malformed JSON": (fault(FaultKind.MALFORMED_JSON), "invalid_response"),
    "truncated JSON": (fault(FaultKind.TRUNCATED_JSON), "invalid_response"),
    "10 MB body": (fault(FaultKind.HUGE_BODY, size=10 * LARGEST_BODY_BYTES), "invalid_response"),
    "redirect to another host": (fault(FaultKind.REDIRECT, location="https://evil.example/"), "invalid_response"),
    "error inside data": (fault(FaultKind.ERROR_IN_DATA, code="NO_PERMISSION"), "NO_PERMISSION"),
    "token dead for ever": (fault(FaultKind.DEAD_TOKEN), "INVALID_TOKEN"),
    **{
        code: (fault(FaultKind.ERROR, code=code), code)
        for code in (
            "NOT_FOUND",
            "MANDATORY_NOT_FOUND",
            "INVALID_URL_PATTERN",
            "OAUTH_SCOPE_MISMATCH",
            "NO_PERMISSION",
            "INVALID_REQUEST_METHOD",
            "AUTHORIZATION_FAILED",
            "INVALID_MODULE",
        )
    },
}

TOKEN_FAULTS = {
    "wrong data centre": (refusal(OAuthError.INVALID_CLIENT), "invalid_client"),
    "wrong secret": (refusal(OAuthError.INVALID_CLIENT_SECRET), "invalid_client_secret"),
    "revoked": (refusal(OAuthError.INVALID_CODE), "invalid_code"),
    "accounts server fault": (refusal(OAuthError.GENERAL_ERROR), "general_error"),
    "throttled under 200": (refusal(OAuthError.ACCESS_DENIED), "access_denied"),
    "throttled under 400": (refusal(OAuthError.ACCESS_DENIED, status=400), "access_denied"),
    "throttled by another word": (refusal("slow_mode", status=429), "too_many_requests"),
    "throttled by a page": (
        lambda simulator: simulator.add_fault(Fault(FaultKind.HTML, Endpoint.TOKEN, status=429)),
        "too_many_requests",
    ),
    "no organisation": (refusal("missing_org_info"), "missing_org_info"),
    "another kind of client": (refusal("invalid_redirect_uri"), "invalid_redirect_uri"),
    "undocumented": (refusal("brand_new_word"), "other"),
    "HTML": (
        lambda simulator: simulator.add_fault(Fault(FaultKind.HTML, Endpoint.TOKEN, status=502)),
        "invalid_response",
    ),
    "reset": (lambda simulator: simulator.add_fault(Fault(FaultKind.RESET, Endpoint.TOKEN)), "connection"),
}

SILENT_ACCOUNTS = Fault(FaultKind.TIMEOUT, Endpoint.TOKEN)


def begin(scene: Scene, poll: str) -> None:
    """Bring a job to the poll that the fault will meet: its first one, or one after a good report."""
    if poll == "later poll":
        assert scene.scrape()[UPDATED] == 30
        scene.clock.now += 60


def check_fault(samples: dict[str, float], code: str, poll: str) -> None:
    """Check that a fault shows with its code, next to the counts of before, if there were any."""
    assert samples[error_of(code)] == 1
    assert samples[counter_of(code)] == 1
    assert samples[SUCCESS] == 0
    assert samples.get(UPDATED) == (30 if poll == "later poll" else None)


def check_recovery(scene: Scene, code: str) -> None:
    """Check that, once the fault is over, the next poll leaves nothing of it but the counter."""
    scene.simulator.clear_faults()
    scene.simulator.start()
    scene.work(45)
    scene.clock.now += 2 * HOURS
    samples = scene.scrape()
    assert samples[UPDATED] == 45
    assert samples[SUCCESS] == 1
    assert error_of(code) not in samples
    assert samples[counter_of(code)] == 1


def check_status_call(scene: Scene, trouble: Trouble, code: str, poll: str) -> None:
    """Check that a fault of the status call is counted, keeps the counts, and passes."""
    begin(scene, poll)
    trouble(scene.simulator)
    check_fault(scene.scrape(), code, poll)
    check_recovery(scene, code)


def check_token_refresh(scene: Scene, trouble: Trouble, reason: str, poll: str) -> None:
    """Check what a fault of the refresh does to the account, and that it passes."""
    begin(scene, poll)
    scene.forget_token()
    trouble(scene.simulator)
    samples = scene.scrape()
    check_fault(samples, "token_refused", poll)
    assert samples[f'zoho_crm_oauth_refresh_errors_total{{account="acme",reason="{reason}"}}'] == 1
    assert samples['zoho_crm_api_circuit_open{account="acme"}'] == 1
    assert samples['zoho_crm_oauth_token_valid{account="acme"}'] == 0
    assert samples['zoho_crm_api_up{account="acme"}'] == 0
    check_recovery(scene, "token_refused")


POLLS = pytest.mark.parametrize("poll", ["first poll", "later poll"])


@POLLS
@pytest.mark.parametrize(("trouble", "code"), [pytest.param(*row, id=name) for name, row in STATUS_FAULTS.items()])
def test_fault_of_the_status_call(scene: Scene, trouble: Trouble, code: str, poll: str) -> None:
    """Whatever the status call meets is counted, keeps the counts, and passes."""
    check_status_call(scene, trouble, code, poll)


@POLLS
@pytest.mark.parametrize(("trouble", "code"), [pytest.param(*row, id=name) for name, row in SILENCES.items()])
def test_silence_of_the_status_call(impatient_scene: Scene, trouble: Trouble, code: str, poll: str) -> None:
    """A status call whose answer does not come to its end is given up, and is a fault like any other."""
    check_status_call(impatient_scene, trouble, code, poll)


@POLLS
@pytest.mark.parametrize(("trouble", "reason"), [pytest.param(*row, id=name) for name, row in TOKEN_FAULTS.items()])
def test_fault_of_the_token_refresh(scene: Scene, trouble: Trouble, reason: str, poll: str) -> None:
    """Whatever the refresh meets stops the account, says why, keeps the counts, and passes."""
    check_token_refresh(scene, trouble, reason, poll)


@POLLS
def test_silence_of_the_token_refresh(impatient_scene: Scene, poll: str) -> None:
    """A refresh whose answer does not come is given up, and is a fault like any other."""
    check_token_refresh(impatient_scene, lambda zoho: zoho.add_fault(SILENT_ACCOUNTS), "timeout", poll)


@pytest.mark.parametrize(
    ("poll", "code"), [pytest.param("first poll", "token_refused"), pytest.param("later poll", "connection")]
)
def test_zoho_that_refuses_connections(scene: Scene, poll: str, code: str) -> None:
    """Where nobody listens, a first poll gets no token and a later one no connection; neither costs a credit."""
    begin(scene, poll)
    spent = scene.simulator.stats().credits_spent
    scene.simulator.stop()
    samples = scene.scrape()
    check_fault(samples, code, poll)
    assert samples['zoho_crm_api_credits_used_24h{account="acme"}'] == spent
    check_recovery(scene, code)


@POLLS
def test_token_that_dies_once_is_replaced_in_the_same_poll(scene: Scene, poll: str) -> None:
    """One dead token costs a second credit and a second mint, and no error."""
    begin(scene, poll)
    scene.work(40)
    before = scene.simulator.stats()
    scene.simulator.add_fault(Fault(FaultKind.DEAD_TOKEN, Endpoint.STATUS, times=1))
    samples = scene.scrape()
    after = scene.simulator.stats()
    assert (samples[UPDATED], samples[SUCCESS]) == (40, 1)
    assert after.credits_spent - before.credits_spent == 2
    assert samples['zoho_crm_api_credits_spent_total{account="acme"}'] == after.credits_spent


@pytest.mark.parametrize(
    ("jump", "updated"),
    [
        pytest.param(-30 * 24 * HOURS, 45, id="back by a month"),
        pytest.param(-60.0, 45, id="back by a minute"),
        pytest.param(20 * 24 * HOURS, 45, id="ahead by weeks"),
    ],
)
def test_clock_that_jumps_stops_nothing(scene: Scene, jump: float, updated: int) -> None:
    """A job is polled at the scrape after a jump, and again after that."""
    assert scene.scrape()[UPDATED] == 30
    scene.clock.now += jump
    scene.work(45)
    assert scene.scrape()[UPDATED] == updated
    scene.work(46)
    scene.clock.now += 15
    assert scene.scrape()[UPDATED] == 46


@POLLS
@pytest.mark.parametrize(
    ("api_url", "code"),
    [
        pytest.param("http://127.0.0.1:1", "connection", id="port that refuses"),
        pytest.param("https://no-such-host.invalid", "connection", id="name that does not resolve"),
        pytest.param("https://127.0.0.1:{port}", "tls", id="no TLS where TLS is expected"),
    ],
)
def test_unreachable_api(
    simulator: Simulator, settings_for: SettingsFor, tmp_path: Path, *, api_url: str, code: str, poll: str
) -> None:
    """A host that can't be reached costs no credit; once the right one is configured, the job goes on."""
    path = tmp_path / "state.db"
    port = simulator.url.rpartition(":")[2]
    right = settings_for(simulator, jobs=f"Leads/{JOB_ID}", **every("0s"))
    wrong = settings_for(simulator, jobs=f"Leads/{JOB_ID}", api_url=api_url.format(port=port), **every("0s"))
    clock = Clock()
    if poll == "later poll":
        with scene_of(simulator, right, clock, path) as scene:
            scene.work(30)
            assert scene.scrape()[UPDATED] == 30
    spent = simulator.stats().credits_spent
    with scene_of(simulator, wrong, clock, path) as scene:
        samples = scene.scrape()
        check_fault(samples, code, poll)
        assert samples['zoho_crm_api_credits_used_24h{account="acme"}'] == spent
    with scene_of(simulator, right, clock, path) as scene:
        scene.work(45)
        samples = scene.scrape()
    assert (samples[UPDATED], samples[SUCCESS]) == (45, 1)
    assert error_of(code) not in samples
