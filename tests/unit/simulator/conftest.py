"""A simulator under a hand-driven clock, and a plain HTTP client that talks to it as any client of Zoho would."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
import requests

from exporter.simulator import Phase, Scenario, SimulatedJob, Simulator

LEADS_JOB = SimulatedJob(
    "Leads",
    "3524033000006027001",
    100,
    (
        Phase("SCHEDULED", 10),
        Phase("RUNNING", 100, updated=80, failed=20),
        Phase("COMPLETED", None),
    ),
)


class FakeClock:
    """A clock that stands still until it is moved. Unix seconds."""

    def __init__(self) -> None:
        self.now = 1_700_000_000.0

    def __call__(self) -> float:
        """Give the time."""
        return self.now

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self.now += seconds


class Client:
    """A client of one simulator."""

    def __init__(self, simulator: Simulator, session: requests.Session) -> None:
        self.simulator = simulator
        self.session = session
        self.token = ""

    def mint(self, **changes: str) -> requests.Response:
        """Ask for a token with the right credentials, but for the changes."""
        scenario = self.simulator.scenario
        form = {
            "grant_type": "refresh_token",
            "client_id": scenario.client_id,
            "client_secret": scenario.client_secret,
            "refresh_token": scenario.refresh_token,
            **changes,
        }
        return self.session.post(f"{self.simulator.url}/oauth/v2/token", data=form, timeout=10)

    def log_in(self) -> str:
        """Ask for a token and keep it."""
        self.token = self.mint().json()["access_token"]
        return self.token

    def call(
        self,
        path: str = "/crm/v8/Leads/actions/mass_update",
        *,
        method: str = "GET",
        timeout: float = 10,
        **options: object,
    ) -> requests.Response:
        """Send a request with the kept token; without one, without the header."""
        headers = {"Authorization": f"Zoho-oauthtoken {self.token}"} if self.token else {}
        request = requests.Request(method, f"{self.simulator.url}{path}", headers=headers, **options)
        prepared = self.session.prepare_request(request)
        return self.session.send(prepared, timeout=timeout, allow_redirects=False)

    def status(
        self,
        job_id: str = LEADS_JOB.job_id,
        module: str = "Leads",
        *,
        version: str = "v8",
        timeout: float = 10,
    ) -> requests.Response:
        """Ask for a job's status."""
        path = f"/crm/{version}/{module}/actions/mass_update"
        return self.call(path, params={"job_id": job_id}, timeout=timeout)


@pytest.fixture
def clock() -> FakeClock:
    """Give a clock that stands still."""
    return FakeClock()


@pytest.fixture
def job() -> SimulatedJob:
    """Give the job that `scenario` holds: 10 s SCHEDULED, 100 s RUNNING to 80 updated and 20 failed."""
    return LEADS_JOB


@pytest.fixture
def scenario() -> Scenario:
    """Give an organisation with one job."""
    return Scenario(jobs=(LEADS_JOB,))


@pytest.fixture
def connect(clock: FakeClock) -> Iterator[Callable[[Scenario], Client]]:
    """Give a function that starts a simulator of a scenario and logs a client in."""
    with ExitStack() as stack:

        def start(scenario: Scenario) -> Client:
            simulator = stack.enter_context(Simulator(scenario, clock=clock))
            session = stack.enter_context(requests.Session())
            session.trust_env = False
            client = Client(simulator, session)
            client.log_in()
            return client

        yield start


@pytest.fixture
def client(connect: Callable[[Scenario], Client], scenario: Scenario) -> Client:
    """Give a logged-in client of `scenario`."""
    return connect(scenario)
