"""The one call of Zoho CRM, at requests-mock."""

import logging
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import Event

import pytest
import requests
from requests_mock import Mocker
from samples import DEALS, LEADS, NOW, Clock, transport_options

from exporter.errors import (
    ConfigurationError,
    DeadTokenError,
    ExporterError,
    HeldBackError,
    PassingError,
    PollError,
    Problem,
    RefusedError,
    ThrottledError,
    TokenRefusedError,
)
from exporter.model import Account, Credentials, JobKey, JobReport, JobState
from exporter.redactor import Redactor
from exporter.state import SqliteStore, Store
from exporter.zoho.client import AccountSetup, OpenAccount
from exporter.zoho.data_centers import Endpoints
from exporter.zoho.permits import CreditLimits
from exporter.zoho.transport import StaleConnectionError, Transport, UnsentError, tls_context
from exporter.zoho.wire import Answer

ACCOUNTS = "https://accounts.zoho.com/oauth/v2/token"
STATUS = "https://www.zohoapis.com/crm/v8/Leads/actions/mass_update"
RUNNING = {
    "data": [{"Status": "RUNNING", "Failed_Count": 0, "Updated_Count": 30, "Not_Updated_Count": 20, "Total_Count": 50}]
}
REPORT = JobReport(JobState.RUNNING, updated=30, failed=0, not_updated=20, total=50)
DEAD = {"status_code": 401, "json": {"code": "INVALID_TOKEN", "details": {}, "message": "invalid oauth token"}}
SECRETS = ("client-secret-0a1b", "1000.refresh-2c3d", "1000.token-first", "1000.token-second")


def token_answer(value: str, api_domain: str = "https://www.zohoapis.com") -> dict[str, object]:
    """Give an answer of the accounts host."""
    return {"json": {"access_token": value, "api_domain": api_domain, "token_type": "Bearer", "expires_in": 3600}}


class Noted(Transport):
    """A transport that remembers how it was asked; `pause_seconds` is how long each call takes."""

    def __init__(self, redactor: Redactor, clock: Clock, watch: Clock) -> None:
        super().__init__(transport_options(), tls_context(None), redactor, clock=clock, stopwatch=watch)
        self.watch = watch
        self.asked: list[tuple[float, bool]] = []
        self.rests = 0
        self.pause_seconds = 0.0

    def get(
        self, url: str, params: Mapping[str, str], headers: Mapping[str, str], *, deadline: float, fresh: bool = False
    ) -> Answer:
        """Fetch, and note the deadline and whether the connection is to be a fresh one."""
        self.asked.append((deadline, fresh))
        self.watch.now += self.pause_seconds
        return super().get(url, params, headers, deadline=deadline, fresh=fresh)

    def rest(self) -> None:
        """Count the rests."""
        self.rests += 1
        super().rest()


@dataclass
class Scene:
    """An open account, whose Zoho and clocks the test plays."""

    http: Mocker
    limits: CreditLimits = field(default_factory=lambda: CreditLimits(10, 500, None))
    api_version: str = "v8"
    clock: Clock = field(default_factory=Clock)
    watch: Clock = field(default_factory=lambda: Clock(100.0))
    store: Store | None = None

    def __post_init__(self) -> None:
        self.credentials: Credentials | ConfigurationError = Credentials(
            "1000.CLIENT", "client-secret-0a1b", "1000.refresh-2c3d"
        )
        self.redactor = Redactor()
        self.transport = Noted(self.redactor, self.clock, self.watch)
        self.store = self.store or SqliteStore(None, self.clock)
        self.state = self.store.account("acme")
        self.client = OpenAccount(
            AccountSetup(
                Account("acme", "us", "production", self.api_version, 5),
                Endpoints("https://accounts.zoho.com", "https://www.zohoapis.com"),
                self.transport,
                self._read_credentials,
                self.limits,
            ),
            self.state,
            self.redactor,
            clock=self.clock,
            stopwatch=self.watch,
            draw=lambda: 0.0,
        )
        self.http.post(ACCOUNTS, [token_answer("1000.token-first"), token_answer("1000.token-second")])
        self.http.get(STATUS, json=RUNNING)

    def fetch(self, key: JobKey = LEADS) -> JobReport:
        """Poll a job; time goes on."""
        self.watch.now += 1
        taken = self.client.take(key, is_probe=False, are_others_live=False, is_overdue=False)
        with closing(taken) as poll:
            return poll.fetch()

    def answer(self, *answers: dict[str, object]) -> None:
        """Let Zoho answer the next status calls so."""
        self.http.get(STATUS, list(answers))

    def failure(self, key: JobKey = LEADS) -> ExporterError:
        """Poll, and give the error."""
        with pytest.raises(ExporterError) as raised:
            self.fetch(key)
        return raised.value

    def calls(self) -> list[str]:
        """Give the token of each status call."""
        history = self.http.request_history
        return [request.headers["Authorization"].split()[1] for request in history if request.method == "GET"]

    def mints(self) -> int:
        """Give the number of token refreshes."""
        return len([request for request in self.http.request_history if request.method == "POST"])

    def _read_credentials(self) -> Credentials:
        if isinstance(self.credentials, ConfigurationError):
            raise self.credentials
        return self.credentials


def unsent() -> UnsentError:
    """Give what the transport raises where nobody listens."""
    return UnsentError("connection", "no connection to Zoho: refused")


OpenScene = Callable[..., Scene]


@pytest.fixture
def open_scene(requests_mock: Mocker, caplog: pytest.LogCaptureFixture) -> Iterator[OpenScene]:
    """Give a function that opens a scene; at the end, no log line may have a secret."""
    caplog.set_level(logging.DEBUG)
    scenes: list[Scene] = []

    def open_one(
        *,
        limits: CreditLimits | None = None,
        api_version: str = "v8",
        store: Store | None = None,
        clock: Clock | None = None,
    ) -> Scene:
        scene = Scene(
            requests_mock,
            limits=limits or CreditLimits(10, 500, None),
            api_version=api_version,
            store=store,
            clock=clock or Clock(),
        )
        scenes.append(scene)
        return scene

    yield open_one
    for scene in scenes:
        scene.client.close()
    logged = " ".join(f"{record.getMessage()} {vars(record)}" for record in caplog.records)
    assert not any(secret in logged for secret in SECRETS)


@pytest.fixture
def scene(open_scene: OpenScene) -> Scene:
    """Give a client that has made no call, with a budget of 10 credits."""
    return open_scene()


def test_a_poll_gives_zohos_report(scene: Scene) -> None:
    """A job's state and counts come as Zoho answered them."""
    assert scene.fetch() == REPORT


def test_a_poll_is_one_get_with_the_token_in_its_header(scene: Scene) -> None:
    """URL, parameter and header are those of Zoho's page."""
    scene.fetch()
    minted, asked = scene.http.request_history
    assert (minted.method, minted.url) == ("POST", "https://accounts.zoho.com/oauth/v2/token")
    assert minted.text == (
        "grant_type=refresh_token&client_id=1000.CLIENT&client_secret=client-secret-0a1b"
        "&refresh_token=1000.refresh-2c3d"
    )
    assert (asked.method, asked.url) == (
        "GET",
        "https://www.zohoapis.com/crm/v8/Leads/actions/mass_update?job_id=3524033000006027001",
    )
    assert asked.headers["Authorization"] == "Zoho-oauthtoken 1000.token-first"
    assert asked.text is None


@pytest.mark.parametrize(
    ("api_version", "module", "url"),
    [
        ("v2", "Leads", "https://www.zohoapis.com/crm/v2/Leads/actions/mass_update?job_id=554023000000506003"),
        (
            "v2.1",
            "Accounts",
            "https://www.zohoapis.com/crm/v2.1/Accounts/actions/mass_update?job_id=554023000000506003",
        ),
        (
            "v7",
            "Sales_Orders",
            "https://www.zohoapis.com/crm/v7/Sales_Orders/actions/mass_update?job_id=554023000000506003",
        ),
    ],
)
def test_version_and_module_stand_in_the_url(open_scene: OpenScene, api_version: str, module: str, url: str) -> None:
    """The account's version and the job's module make the path; the id keeps all its digits."""
    scene = open_scene(api_version=api_version)
    scene.http.get(url, json=RUNNING, complete_qs=True)
    assert scene.fetch(JobKey("acme", module, "554023000000506003")) == REPORT


def test_polls_share_a_token(scene: Scene) -> None:
    """A second poll mints nothing."""
    scene.fetch()
    scene.fetch()
    assert (scene.mints(), scene.calls()) == (1, ["1000.token-first", "1000.token-first"])


@pytest.mark.parametrize("code", ["INVALID_TOKEN", "AUTHENTICATION_FAILURE"])
def test_a_dead_token_is_replaced_once_and_the_call_made_again(scene: Scene, code: str) -> None:
    """A token may die before its hour: refresh once, retry once."""
    scene.answer({"status_code": 401, "json": {"code": code}}, {"json": RUNNING})
    assert scene.fetch() == REPORT
    assert scene.calls() == ["1000.token-first", "1000.token-second"]
    assert scene.client.status().credits.spent == 2
    assert scene.client.status().is_up is True


@pytest.mark.parametrize("code", ["INVALID_TOKEN", "AUTHENTICATION_FAILURE"])
def test_a_second_dead_token_ends_the_poll(scene: Scene, code: str) -> None:
    """The retry is the last: a second refusal is told, not answered with a third call."""
    scene.answer({"status_code": 401, "json": {"code": code}})
    error = scene.failure()
    assert isinstance(error, DeadTokenError)
    assert error.code == code
    assert scene.calls() == ["1000.token-first", "1000.token-second"]
    assert scene.mints() == 2
    assert scene.client.status().credits.spent == 2


def test_after_a_second_dead_token_the_account_pauses(scene: Scene) -> None:
    """An account whose tokens are never accepted, such as one of another environment, does not mint on and on."""
    scene.answer(DEAD, DEAD, {"json": RUNNING})
    scene.failure()
    held_back = scene.failure(DEALS)
    assert isinstance(held_back, HeldBackError)
    assert (held_back.reason, scene.mints()) == ("circuit", 2)
    status = scene.client.status()
    assert (status.is_circuit_open, status.token.is_valid) == (True, False)
    scene.clock.now = NOW + 15
    assert scene.fetch() == REPORT
    assert (scene.mints(), scene.client.status().is_circuit_open) == (3, False)


@pytest.mark.parametrize(
    ("status", "code"),
    [(401, "OAUTH_SCOPE_MISMATCH"), (403, "NO_PERMISSION"), (404, "NOT_FOUND"), (400, "INVALID_MODULE")],
)
def test_a_refusal_that_no_token_cures_is_not_tried_again(scene: Scene, status: int, code: str) -> None:
    """A 401 about the scope costs one credit and no token."""
    scene.answer({"status_code": status, "json": {"code": code}})
    error = scene.failure()
    assert isinstance(error, RefusedError)
    assert error.code == code
    assert (len(scene.calls()), scene.mints()) == (1, 1)


def test_a_dead_token_without_a_successor_is_a_refused_token(scene: Scene) -> None:
    """When the refresh fails, that is what is told; one credit was spent."""
    scene.http.post(ACCOUNTS, [token_answer("1000.token-first"), {"json": {"error": "invalid_code"}}])
    scene.answer(DEAD)
    error = scene.failure()
    assert isinstance(error, TokenRefusedError)
    assert error.reason == "invalid_code"
    assert scene.client.status().credits.spent == 1


def test_without_a_token_no_status_call_is_made(scene: Scene) -> None:
    """A refused token costs no credit, and further polls are held back until the pause is over."""
    scene.http.post(ACCOUNTS, json={"error": "invalid_client"})
    assert isinstance(scene.failure(), TokenRefusedError)
    held_back = scene.failure()
    assert isinstance(held_back, HeldBackError)
    assert held_back.reason == "circuit"
    assert (scene.calls(), scene.mints()) == ([], 1)
    status = scene.client.status()
    assert (status.credits.spent, status.is_up, status.is_circuit_open) == (0, False, True)


def test_new_credentials_let_polls_through_at_once(scene: Scene) -> None:
    """Whoever repairs the secrets is not made to wait."""
    scene.http.post(ACCOUNTS, [{"json": {"error": "invalid_code"}}, token_answer("1000.token-second")])
    scene.failure()
    assert isinstance(scene.credentials, Credentials)
    scene.credentials = replace(scene.credentials, refresh_token="1000.refresh-new")
    assert scene.fetch() == REPORT


def test_unreadable_credentials_are_told_and_nothing_is_sent(scene: Scene) -> None:
    """Without secrets nobody is asked."""
    scene.credentials = ConfigurationError((Problem("/run/secrets/x", "permission denied"),))
    error = scene.failure()
    assert isinstance(error, TokenRefusedError)
    assert error.reason == "credentials_unreadable"
    assert scene.http.call_count == 0


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param({"json": RUNNING}, id="report"),
        pytest.param({"status_code": 404, "json": {"code": "NOT_FOUND"}}, id="refusal"),
        pytest.param({"status_code": 429, "json": {"code": "TOO_MANY_REQUESTS"}}, id="throttled"),
        pytest.param({"status_code": 502, "text": "<html>"}, id="html"),
        pytest.param({"exc": requests.exceptions.ConnectionError("reset")}, id="broken-connection"),
    ],
)
def test_a_call_that_may_have_reached_zoho_is_a_credit(scene: Scene, answer: dict[str, object]) -> None:
    """Whatever came back, a call that was sent counts, in the metric and in the budget."""
    scene.answer(answer)
    with suppress(PollError):
        scene.fetch()
    credits_ = scene.client.status().credits
    assert (credits_.spent, credits_.used_24h) == (1, 1)


def test_a_refresh_that_gets_no_answer_is_no_credit(scene: Scene) -> None:
    """A token refresh costs none of the CRM's credits, nor does the poll that has to go without."""
    scene.http.post(ACCOUNTS, exc=unsent())
    error = scene.failure()
    assert isinstance(error, TokenRefusedError)
    assert (error.reason, error.message) == ("connection", "no token: no connection to Zoho: refused")
    credits_ = scene.client.status().credits
    assert (credits_.spent, credits_.used_24h) == (0, 0)


def test_an_unsent_status_call_gives_its_credit_back(scene: Scene) -> None:
    """A status call that was not sent counts in neither metric nor budget, and is down all the same."""
    scene.answer({"exc": unsent()})
    error = scene.failure()
    assert isinstance(error, PassingError)
    assert error.code == "connection"
    status = scene.client.status()
    assert (status.credits.spent, status.credits.used_24h, status.is_up) == (0, 0, False)


def test_the_budget_holds_polls_back(open_scene: OpenScene) -> None:
    """Once the budget is spent, nothing is sent."""
    scene = open_scene(limits=CreditLimits(2, 0, None))
    scene.fetch()
    scene.fetch()
    assert scene.client.pressure(0) == 1.0
    held_back = scene.failure()
    assert isinstance(held_back, HeldBackError)
    assert held_back.reason == "budget"
    assert len(scene.calls()) == 2
    assert scene.client.status().is_up is True


def test_the_retry_of_a_dead_token_needs_a_credit_too(open_scene: OpenScene) -> None:
    """With one credit left, a dead token is not tried again."""
    scene = open_scene(limits=CreditLimits(1, 0, None))
    scene.answer(DEAD)
    assert isinstance(scene.failure(), HeldBackError)
    assert scene.client.status().credits.spent == 1


@pytest.mark.parametrize(
    ("header", "remaining"),
    [
        pytest.param("4321", 4321, id="number"),
        pytest.param(" 4321 ", 4321, id="spaces"),
        pytest.param("0", 0, id="zero"),
        pytest.param("", None, id="empty"),
        pytest.param("-1", 0, id="negative"),
        pytest.param("many", None, id="word"),
        pytest.param("4,321", None, id="comma"),
        pytest.param("43.5", None, id="fraction"),
        pytest.param("9" * 15, 999_999_999_999_999, id="longest"),
        pytest.param("9" * 16, None, id="too-long"),
    ],
)
def test_zohos_remaining_credits_are_read(scene: Scene, header: str, remaining: int | None) -> None:
    """The header shows once half of the day's credits are gone; nonsense counts as silence."""
    scene.answer({"json": RUNNING, "headers": {"X-API-CREDITS-REMAINING": header}})
    scene.fetch()
    assert scene.client.status().credits.remaining == remaining


def test_a_report_without_the_header_means_plenty(scene: Scene) -> None:
    """Credits come back: a good answer that says nothing takes the old number away."""
    scene.answer({"json": RUNNING, "headers": {"X-API-CREDITS-REMAINING": "4321"}}, {"json": RUNNING})
    scene.fetch()
    scene.fetch()
    assert scene.client.status().credits.remaining is None


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param({"status_code": 502, "text": "<html>"}, id="html"),
        pytest.param({"status_code": 429, "json": {"code": "TOO_MANY_REQUESTS"}}, id="throttled"),
    ],
)
def test_a_fault_without_the_header_says_nothing_of_the_credits(scene: Scene, answer: dict[str, object]) -> None:
    """What is no answer of Zoho's CRM does not lift the reserve."""
    scene.answer({"json": RUNNING, "headers": {"X-API-CREDITS-REMAINING": "499"}}, answer)
    scene.fetch()
    scene.clock.now = NOW + 3600
    scene.failure()
    assert scene.client.status().credits.remaining == 499


def test_below_the_reserve_polling_stops_but_for_a_look_each_hour(scene: Scene) -> None:
    """What is left belongs to the organisation's other integrations; only an answer tells that there is more."""
    scene.answer(
        {"json": RUNNING, "headers": {"X-API-CREDITS-REMAINING": "499"}},
        {"json": RUNNING, "headers": {"X-API-CREDITS-REMAINING": "500"}},
    )
    scene.fetch()
    assert scene.client.status().credits.is_reserve_reached
    scene.clock.now = NOW + 3599
    held_back = scene.failure()
    assert isinstance(held_back, HeldBackError)
    assert (held_back.reason, str(held_back)) == ("budget", "fewer than 500 credits are left to the organisation")
    scene.clock.now = NOW + 3600
    scene.fetch()
    assert not scene.client.status().credits.is_reserve_reached
    assert len(scene.calls()) == 2


def test_below_the_reserve_a_clock_that_is_set_back_allows_a_look(scene: Scene) -> None:
    """The hour between two looks does not become the whole jump."""
    scene.answer({"json": RUNNING, "headers": {"X-API-CREDITS-REMAINING": "499"}})
    scene.fetch()
    scene.clock.now = NOW - 86_400
    assert scene.fetch() == REPORT
    assert isinstance(scene.failure(), HeldBackError)


def test_a_look_without_an_answer_is_the_look_of_its_hour(scene: Scene) -> None:
    """Below the reserve a silent Zoho is not asked by one poll after the other."""
    scene.answer(
        {"json": RUNNING, "headers": {"X-API-CREDITS-REMAINING": "499"}},
        {"exc": requests.exceptions.ConnectionError("reset")},
    )
    scene.fetch()
    scene.clock.now = NOW + 3600
    assert isinstance(scene.failure(), PassingError)
    assert isinstance(scene.failure(), HeldBackError)
    assert len(scene.calls()) == 2


def test_a_429_holds_the_whole_account_back(scene: Scene) -> None:
    """After Zoho asked for a pause, no other job of the account is polled either."""
    scene.answer({"status_code": 429, "headers": {"Retry-After": "120"}, "json": {"code": "TOO_MANY_REQUESTS"}})
    assert isinstance(scene.failure(), ThrottledError)
    assert scene.client.status().is_circuit_open
    assert scene.client.status().is_up is True
    scene.clock.now = NOW + 119
    held_back = scene.failure(DEALS)
    assert isinstance(held_back, HeldBackError)
    assert held_back.reason == "circuit"
    scene.clock.now = NOW + 120
    scene.answer({"json": RUNNING})
    assert scene.fetch() == REPORT
    assert not scene.client.status().is_circuit_open


def test_up_follows_the_last_call(scene: Scene) -> None:
    """Up means that Zoho answered, though it be a refusal; unknown before the first call."""
    scene.answer(
        {"json": RUNNING},
        {"exc": requests.exceptions.ReadTimeout("silent")},
        {"status_code": 404, "json": {"code": "NOT_FOUND"}},
        {"status_code": 500, "json": {"code": "INTERNAL_ERROR"}},
        {"json": RUNNING},
    )
    seen = [scene.client.status().is_up]
    scene.fetch()
    seen.append(scene.client.status().is_up)
    for _ in range(3):
        scene.failure()
        seen.append(scene.client.status().is_up)
    scene.fetch()
    seen.append(scene.client.status().is_up)
    assert seen == [None, True, False, True, False, True]


def test_calls_are_timed_by_endpoint(scene: Scene) -> None:
    """The histograms tell status calls from token refreshes, and nothing is in flight afterwards."""
    scene.fetch()
    scene.fetch()
    status = scene.client.status()
    assert {endpoint: sum(durations.counts) for endpoint, durations in status.durations.items()} == {
        "status": 2,
        "token": 1,
    }
    assert status.in_flight == 0


def test_status_tells_the_token_without_showing_it(scene: Scene) -> None:
    """The metrics know whether the token is valid, and until when."""
    scene.fetch()
    status = scene.client.status()
    assert (status.token.is_valid, status.token.expires_at, status.token.refreshes) == (True, NOW + 3600, 1)
    assert not any(secret in repr(status) for secret in SECRETS)


def test_a_named_host_that_is_ours_without_www_is_followed(scene: Scene) -> None:
    """Zoho's `api_domain` is used where it is the configured host, without a slash at its end."""
    scene.http.post(ACCOUNTS, [token_answer("1000.token-first", "https://zohoapis.com/")])
    scene.http.get("https://zohoapis.com/crm/v8/Leads/actions/mass_update", json=RUNNING)
    assert scene.fetch() == REPORT
    assert scene.http.request_history[1].hostname == "zohoapis.com"


def test_no_named_host_means_the_configured_one(scene: Scene) -> None:
    """An `api_domain` may be missing."""
    scene.http.post(ACCOUNTS, json={"access_token": "1000.token-first"})
    assert scene.fetch() == REPORT


@pytest.mark.parametrize(
    "api_domain",
    [
        pytest.param("https://www.zohoapis.eu", id="other-data-centre"),
        pytest.param("https://www.zohoapis.com.evil.com", id="evil"),
        pytest.param("http://www.zohoapis.com", id="plain-http"),
        pytest.param("https://[", id="broken"),
        pytest.param("https://www.zohoapis.com?", id="query"),
        pytest.param("https://evil.example/\r\nlevel=info forged", id="forged-log"),
    ],
)
def test_another_named_host_is_not_followed_and_is_told_once(
    scene: Scene, caplog: pytest.LogCaptureFixture, api_domain: str
) -> None:
    """The token goes to the configured host alone, and one line names the other, printable."""
    scene.http.post(ACCOUNTS, [token_answer("1000.token-first", api_domain)])
    scene.fetch()
    scene.fetch()
    assert [request.hostname for request in scene.http.request_history if request.method == "GET"] == [
        "www.zohoapis.com",
        "www.zohoapis.com",
    ]
    warnings = [record for record in caplog.records if record.levelname == "WARNING"]
    assert [record.getMessage() for record in warnings] == [
        "the token names another API host than the configured one, which is kept: check data_center and environment"
    ]
    fields = vars(warnings[0])
    assert (fields["account"], fields["kept"]) == ("acme", "https://www.zohoapis.com")
    assert str(fields["named"]).isprintable()


def test_a_minted_token_is_logged_without_its_value(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    """A mint is one line with the account and the token's end."""
    scene.fetch()
    (record,) = [record for record in caplog.records if record.name.startswith("exporter.")]
    assert record.getMessage() == "access token minted"
    assert (vars(record)["account"], vars(record)["expires_at"]) == ("acme", 1_790_003_600)


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(DEAD, id="dead"),
        pytest.param({"exc": requests.exceptions.ConnectionError("reset")}, id="connection"),
        pytest.param({"status_code": 302, "headers": {"Location": "https://evil.example"}}, id="redirect"),
        pytest.param({"text": "1000.token-first"}, id="echo"),
    ],
)
def test_no_error_shows_a_token_or_a_secret(scene: Scene, answer: dict[str, object]) -> None:
    """Neither an error nor any cause of it holds what must stay secret."""
    scene.answer(answer)
    error: BaseException | None = scene.failure()
    chain: list[BaseException] = []
    while error is not None:
        assert error not in chain
        chain.append(error)
        assert not any(secret in f"{error!r} {error!s} {vars(error)}" for secret in SECRETS)
        error = error.__cause__ or error.__context__


def test_exchange_is_kept_for_those_who_look(scene: Scene) -> None:
    """The last question and answer of a job can be shown; the token can't."""
    assert scene.client.last_exchange(LEADS) is None
    scene.answer({"text": "echo of 1000.token-first\n"})
    scene.failure()
    exchange = scene.client.last_exchange(LEADS)
    assert exchange is not None
    assert exchange.asked == (
        "GET https://www.zohoapis.com/crm/v8/Leads/actions/mass_update?job_id=3524033000006027001"
    )
    assert exchange.answer == "HTTP 200 with no content type, 25 bytes\necho of <secret>"


def test_silence_is_an_exchange_too(scene: Scene) -> None:
    """Where nothing came, the exchange says why."""
    scene.answer({"exc": unsent()})
    failure = scene.failure()
    exchange = scene.client.last_exchange(LEADS)
    assert exchange is not None
    assert exchange.answer == f"no answer: {failure}"


def test_poll_held_back_is_no_exchange(open_scene: OpenScene) -> None:
    """What was never asked is not shown as asked."""
    scene = open_scene(limits=CreditLimits(0, 0, None))
    assert isinstance(scene.failure(), HeldBackError)
    assert scene.client.last_exchange(LEADS) is None


def test_first_token_costs_no_credit(scene: Scene) -> None:
    """A token can be had before the first poll, which then uses it."""
    scene.client.ensure_token()
    assert (scene.mints(), scene.client.status().credits.spent) == (1, 0)
    scene.fetch()
    assert (scene.mints(), scene.calls()) == (1, ["1000.token-first"])


def reconfigured(scene: Scene, *, refresh_token: str, budget: int) -> None:
    """Give a client other settings."""
    scene.credentials = Credentials("1000.CLIENT", "client-secret-0a1b", refresh_token)
    setup = AccountSetup(
        Account("acme", "us", "production", "v2.1", 5),
        Endpoints("https://accounts.zoho.com", "https://www.zohoapis.com"),
        Noted(scene.redactor, scene.clock, scene.watch),
        lambda: Credentials("1000.CLIENT", "client-secret-0a1b", refresh_token),
        CreditLimits(budget, 500, None),
    )
    scene.client.reconfigure(setup)


def test_reload_keeps_the_token_and_the_credits(scene: Scene) -> None:
    """Other settings of the same account ask for no new token and forget no credit."""
    scene.fetch()
    scene.http.get(STATUS.replace("v8", "v2.1"), json=RUNNING)
    reconfigured(scene, refresh_token="1000.refresh-2c3d", budget=2)
    scene.fetch()
    assert (scene.mints(), scene.client.status().credits.spent) == (1, 2)
    assert isinstance(scene.failure(), HeldBackError)


def test_reload_with_other_credentials_asks_for_a_new_token(scene: Scene) -> None:
    """A token that was minted with credentials of before is not used any more."""
    scene.fetch()
    scene.http.get(STATUS.replace("v8", "v2.1"), json=RUNNING)
    reconfigured(scene, refresh_token="1000.refresh-of-another", budget=10)
    scene.fetch()
    assert scene.calls() == ["1000.token-first", "1000.token-second"]


def test_a_poll_has_one_deadline(scene: Scene) -> None:
    """Token, call and the call after a dead token share the 8 s that begin with the poll."""
    scene.transport.pause_seconds = 2.0
    scene.answer(DEAD, {"json": RUNNING})
    scene.fetch()
    assert scene.transport.asked == [(109.0, False), (109.0, False)]


STALE = StaleConnectionError("connection", "the connection to Zoho broke")


def test_a_connection_that_had_died_is_no_failure_of_the_job(scene: Scene) -> None:
    """The call is made again once, on a fresh connection, before the same deadline, with a credit of its own."""
    scene.transport.pause_seconds = 2.0
    scene.answer({"exc": STALE}, {"json": RUNNING})
    assert scene.fetch() == REPORT
    assert scene.transport.asked == [(109.0, False), (109.0, True)]
    status = scene.client.status()
    assert (status.credits.spent, status.credits.used_24h, status.is_up) == (2, 2, True)
    exchange = scene.client.last_exchange(LEADS)
    assert exchange is not None
    assert exchange.answer.startswith("HTTP 200")


def test_a_second_connection_that_dies_is_the_jobs_failure(scene: Scene) -> None:
    """There is no third call."""
    scene.answer({"exc": STALE})
    error = scene.failure()
    assert isinstance(error, PassingError)
    assert error.code == "connection"
    assert [is_fresh for _, is_fresh in scene.transport.asked] == [False, True]
    status = scene.client.status()
    assert (status.credits.spent, status.credits.used_24h, status.is_up) == (2, 2, False)


def test_a_fresh_connection_that_comes_not_about_gives_its_credit_back(scene: Scene) -> None:
    """The first call may have been charged, the second was never sent."""
    scene.answer({"exc": STALE}, {"exc": unsent()})
    assert isinstance(scene.failure(), UnsentError)
    status = scene.client.status()
    assert (status.credits.spent, status.credits.used_24h) == (1, 1)


def test_the_call_on_a_fresh_connection_needs_a_credit_too(open_scene: OpenScene) -> None:
    """Without one the poll is held back, as by the budget; the first call stays spent."""
    scene = open_scene(limits=CreditLimits(1, 0, None))
    scene.answer({"exc": STALE}, {"json": RUNNING})
    held_back = scene.failure()
    assert isinstance(held_back, HeldBackError)
    assert held_back.reason == "budget"
    assert len(scene.transport.asked) == 1
    credits_ = scene.client.status().credits
    assert (credits_.spent, credits_.used_24h) == (1, 1)


def test_a_dead_token_after_a_dead_connection_is_replaced_all_the_same(scene: Scene) -> None:
    """Each has its one cure, and each call its credit."""
    scene.answer({"exc": STALE}, DEAD, {"exc": STALE}, {"json": RUNNING})
    assert scene.fetch() == REPORT
    assert [is_fresh for _, is_fresh in scene.transport.asked] == [False, True, False, True]
    assert scene.mints() == 2
    assert scene.client.status().credits.used_24h == 4


@pytest.mark.parametrize(
    ("answer", "is_refused", "remaining"),
    [
        pytest.param({"json": RUNNING, "headers": {"X-API-CREDITS-REMAINING": "-5"}}, True, 0, id="negative"),
        pytest.param({"json": RUNNING, "headers": {"X-API-CREDITS-REMAINING": "n/a"}}, True, 400, id="word"),
        pytest.param({"json": RUNNING, "headers": {"X-API-CREDITS-REMAINING": "399.5"}}, True, 400, id="fraction"),
        pytest.param({"json": RUNNING, "headers": {"X-API-CREDITS-REMAINING": ""}}, True, 400, id="empty"),
        pytest.param({"status_code": 502, "text": "<html>"}, True, 400, id="absent-with-fault"),
        pytest.param({"status_code": 404, "json": {"code": "NOT_FOUND"}}, True, 400, id="absent-with-refusal"),
        pytest.param({"exc": requests.exceptions.ConnectionError("reset")}, True, 400, id="silence"),
        pytest.param({"json": RUNNING, "headers": {"X-API-CREDITS-REMAINING": "600"}}, False, 600, id="more"),
        pytest.param({"json": RUNNING}, False, None, id="absent-with-report"),
        pytest.param(
            {"status_code": 404, "json": {"code": "NOT_FOUND"}, "headers": {"X-API-CREDITS-REMAINING": "600"}},
            False,
            600,
            id="more-with-refusal",
        ),
    ],
)
def test_only_a_report_that_says_nothing_means_plenty(
    scene: Scene, answer: dict[str, object], remaining: int | None, *, is_refused: bool
) -> None:
    """Below the reserve polling stops until Zoho says that there is more; what can't be read changes nothing."""
    scene.answer({"json": RUNNING, "headers": {"X-API-CREDITS-REMAINING": "400"}}, answer)
    scene.fetch()
    scene.clock.now = NOW + 3600
    with suppress(PollError):
        scene.fetch()
    credits_ = scene.client.status().credits
    assert (credits_.remaining, credits_.is_reserve_reached) == (remaining, is_refused)
    scene.answer({"json": RUNNING})
    if is_refused:
        assert isinstance(scene.failure(), HeldBackError)
    else:
        assert scene.fetch() == REPORT


def test_what_zoho_said_last_outlives_a_restart(open_scene: OpenScene, tmp_path: Path) -> None:
    """Below the reserve a new process polls no more than the old one would have, and mints no token."""
    clock = Clock()
    store = SqliteStore(tmp_path / "state.db", clock)
    before = open_scene(store=store, clock=clock)
    before.answer({"json": RUNNING, "headers": {"X-API-CREDITS-REMAINING": "400"}})
    before.fetch()
    store.close(30)
    store = SqliteStore(tmp_path / "state.db", clock)
    after = open_scene(store=store, clock=clock)
    status = after.client.status()
    assert (status.credits.remaining, status.credits.is_reserve_reached, status.credits.used_24h) == (400, True, 1)
    assert isinstance(after.failure(), HeldBackError)
    clock.now = NOW + 3539
    after.answer({"json": RUNNING})
    assert isinstance(after.failure(), HeldBackError)
    assert (after.mints(), status.token.is_valid) == (1, True)
    store.close(30)


def test_nothing_waits_for_a_refresh_that_hangs(scene: Scene) -> None:
    """Metrics, a reload and the door answer while the accounts host is silent; afterwards all goes on."""
    is_asked, may_answer = Event(), Event()

    def hang(*_: object) -> dict[str, object]:
        is_asked.set()
        assert may_answer.wait(30)
        return {"access_token": "1000.token-first", "expires_in": 3600}

    scene.http.post(ACCOUNTS, json=hang)
    with ThreadPoolExecutor(1) as pool:
        poll = pool.submit(scene.fetch)
        assert is_asked.wait(30)
        status = scene.client.status()
        scene.client.take(DEALS, is_probe=False, are_others_live=False, is_overdue=False).close()
        reconfigured(scene, refresh_token="1000.refresh-2c3d", budget=10)
        may_answer.set()
        assert poll.result(30) == REPORT
    assert (status.is_circuit_open, status.token.is_valid, status.in_flight, status.is_up) == (False, False, 1, None)
    scene.http.get(STATUS.replace("v8", "v2.1"), json=RUNNING)
    assert scene.fetch() == REPORT
    assert scene.mints() == 1
    assert scene.client.status().credits.used_24h == 2


def test_a_job_that_is_refused_alone_is_a_refusal(scene: Scene) -> None:
    """A 401 for one job beside others that are answered waits as a refusal does, costs one token, and is told."""
    scene.http.get(STATUS.replace("Leads", "Deals"), json=RUNNING)
    scene.answer(DEAD)
    scene.fetch(DEALS)
    errors = []
    for _ in range(3):
        errors.append(scene.failure())
        scene.fetch(DEALS)
    assert [type(error) for error in errors] == [RefusedError, RefusedError, RefusedError]
    assert isinstance(errors[0], RefusedError)
    assert errors[0].code == "INVALID_TOKEN"
    status = scene.client.status()
    assert (scene.mints(), status.is_up, status.is_circuit_open) == (2, True, False)
    assert status.credits.used_24h == 8


def test_secrets_are_known_before_they_can_come_back(scene: Scene) -> None:
    """Whatever is answered, the process knows what to take out of it."""
    scene.fetch()
    shown = [scene.redactor.clean(secret) for secret in SECRETS[:3]]
    assert shown == ["<secret>", "<secret>", "<secret>"]


def test_a_kept_token_is_a_secret_too(open_scene: OpenScene, scene: Scene) -> None:
    """A process that never minted the token hides it all the same."""
    scene.fetch()
    after = open_scene(store=scene.store)
    after.fetch()
    assert after.mints() == 1
    assert after.redactor.clean("echo of 1000.token-first") == "echo of <secret>"


def test_an_account_at_rest_holds_nothing(scene: Scene) -> None:
    """After the last call idle connections and credits that were booked ahead are let go of."""
    scene.client.expect([(LEADS, False)] * 5, 0, are_others_live=False)
    scene.fetch()
    scene.client.rest()
    assert scene.transport.rests == 1
    scene.answer({"json": RUNNING})
    for _ in range(9):
        scene.fetch()
    assert isinstance(scene.failure(), HeldBackError)


def test_a_claim_outlasts_its_call(scene: Scene) -> None:
    """A job is nobody else's until the call's time limit and 2 s more are over."""
    taken = scene.client.take(LEADS, is_probe=False, are_others_live=False, is_overdue=False)
    scene.clock.now = NOW + 9.9
    assert isinstance(scene.failure(), HeldBackError)
    scene.clock.now = NOW + 10
    assert scene.fetch() == REPORT
    taken.close()


def test_an_error_that_nobody_foresaw_gives_up_the_claim(scene: Scene) -> None:
    """The call may have been sent: its credit stays spent, and the job can be polled again."""
    scene.answer({"exc": ValueError("a bug")}, {"json": RUNNING})
    with pytest.raises(ValueError, match="a bug"):
        scene.fetch()
    assert scene.fetch() == REPORT
    status = scene.client.status()
    assert (status.credits.used_24h, status.credits.spent, status.in_flight) == (2, 2, 0)
