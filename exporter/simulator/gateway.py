"""Zoho behind the socket: takes a request through limits, faults, token, module and job to its answer."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus

from exporter.simulator.accounting import Call, CallBook, Stats
from exporter.simulator.crm import (
    PATHS,
    READ,
    UPDATE,
    ConcurrencyGate,
    ConsentDesk,
    CreditLedger,
    Organisation,
    TokenDesk,
    allows,
    describe,
    is_digits,
    iso_time,
    schedule,
    status_answer,
)
from exporter.simulator.crm.refusals import (
    AUTHENTICATION_FAILURE,
    CONCURRENCY_EXCEEDED,
    CREDITS_EXHAUSTED,
    INVALID_MODULE,
    INVALID_REQUEST_METHOD,
    INVALID_TOKEN,
    INVALID_URL_PATTERN,
    MANDATORY_NOT_FOUND,
    NOT_SUPPORTED,
    OAUTH_SCOPE_MISMATCH,
    UNABLE_TO_PARSE_DATA_TYPE,
    UNSUPPORTED_MODULE,
    ApiError,
)
from exporter.simulator.faults import (
    ACCOUNTS,
    Encounter,
    Endpoint,
    Fault,
    FaultBook,
    Met,
    spoil_content,
    spoil_delivery,
)
from exporter.simulator.scenario import MODULES, Scenario
from exporter.simulator.transport import Answer, Exchange, Request, html_answer

VERSIONS = frozenset({"v2", "v2.1", "v3", "v4", "v5", "v6", "v7", "v8"})
ACCOUNTS_PATHS: Mapping[tuple[str, ...], Endpoint] = {
    ("oauth", "v2", "token"): Endpoint.TOKEN,
    ("oauth", "v3", "device", "code"): Endpoint.DEVICE,
    ("oauth", "v3", "device", "token"): Endpoint.TOKEN,
    ("oauth", "v2", "token", "revoke"): Endpoint.REVOKE,
}
UNSUPPORTED_MODULES: Mapping[str, ApiError] = {
    "Documents": UNSUPPORTED_MODULE,
    "Projects": UNSUPPORTED_MODULE,
    "Services": NOT_SUPPORTED,
    "Appointments": NOT_SUPPORTED,
}
# Zoho CRM v3, Change log: from there on the module can't be called; with which words it is refused is not said.
OLD_MODULE, OLD_VERSIONS = "Activities", frozenset({"v2", "v2.1"})
SCHEME = "zoho-oauthtoken"


@dataclass(frozen=True, slots=True)
class Target:
    """What a request is about, as its path and query say it."""

    endpoint: Endpoint
    module: str | None = None
    job_id: str | None = None
    version: str = ""


class Gateway:
    """The organisation's API and its accounts server. Thread-safe: each part holds its own lock.

    `clock` gives Unix seconds; jobs begin when the gateway is made.
    """

    def __init__(self, scenario: Scenario, clock: Callable[[], float]) -> None:
        self._scenario = scenario
        self._clock = clock
        self.organisation = Organisation(scenario.jobs, clock, speed=scenario.speed)
        self.faults = FaultBook(scenario.faults)
        self._tokens = TokenDesk(scenario.credentials, scenario.token_limits, clock)
        self.consents = ConsentDesk(self._tokens, scenario.consent_rules, clock)
        self._credits = CreditLedger(scenario.daily_credits, clock)
        self._gate = ConcurrencyGate(scenario.concurrency_limit)
        self._book = CallBook()

    @property
    def calls(self) -> tuple[Call, ...]:
        """The last calls, oldest first; at most 1,000."""
        return self._book.calls

    def stats(self) -> Stats:
        """Give the counts as they stand."""
        return self._book.stats(
            used=self._credits.used,
            remaining=self._credits.remaining,
            in_flight=self._gate.in_flight,
            peak=self._gate.peak,
        )

    def reset_stats(self) -> None:
        """Count anew; the rolling day's credits stay spent."""
        self._book.reset()
        self._gate.reset_peak()

    def serve(self, request: Request) -> Exchange:
        """Answer one request and count it."""
        target = aim(request)
        if target.endpoint in ACCOUNTS:
            return self._serve_accounts(request, target)
        return self._serve_crm(request, target)

    def _serve_accounts(self, request: Request, target: Target) -> Exchange:
        met = self.faults.meet(target.endpoint, None, None)
        answer = self._spoiled(request, target, met.content)
        self._record(request, target, answer, met=met, credits_spent=0)
        return Exchange(spoil_delivery(met.transport, answer), lambda: None)

    def _serve_crm(self, request: Request, target: Target) -> Exchange:
        refusal = self._limit()
        met = Met() if refusal else self.faults.meet(target.endpoint, target.module, target.job_id)
        answer = refusal or self._spoiled(request, target, met.content)
        # Whether Zoho charges for a refused 429 is not known; here it is free.
        is_free = answer.status == HTTPStatus.TOO_MANY_REQUESTS
        if is_free and not refusal:
            self._credits.give_back()
        own = {name for name, _ in answer.headers}
        answer = answer.with_headers(*(row for row in self._standing_headers(request) if row[0] not in own))
        self._record(request, target, answer, met=met, credits_spent=0 if is_free else 1)
        return Exchange(spoil_delivery(met.transport, answer), self._gate.leave)

    def _limit(self) -> Answer | None:
        """Enter the gate and spend a credit, or give the refusal."""
        if not self._gate.enter():
            return CONCURRENCY_EXCEEDED.answer
        return None if self._credits.spend() else CREDITS_EXHAUSTED.answer

    def _spoiled(self, request: Request, target: Target, fault: Fault | None) -> Answer:
        if fault is None:
            return self._honest(request, target)
        token = presented_token(request) or ""
        return spoil_content(
            Encounter(
                fault.echoing({**request.form, "token": token}),
                target.endpoint,
                honest=lambda: self._honest(request, target),
                kill_token=lambda: self._tokens.kill(token),
            )
        )

    def _honest(self, request: Request, target: Target) -> Answer:
        if target.endpoint in ACCOUNTS:
            return self._grant(request, target.endpoint)
        return self._refusal(request, target) or self._reply(request, target)

    def _grant(self, request: Request, endpoint: Endpoint) -> Answer:
        if request.method != "POST":
            return html_answer(HTTPStatus.METHOD_NOT_ALLOWED)
        match endpoint:
            case Endpoint.DEVICE:
                return self.consents.begin(request)
            case Endpoint.REVOKE:
                return self._tokens.revoke(request.form.get("token", ""))
            case _ if "device" in request.segments:
                return self.consents.poll(request)
        return self.consents.grant(request)

    def _refusal(self, request: Request, target: Target) -> Answer | None:
        """Refuse what does not depend on the verb: the path, the token, the verb itself, the module."""
        if target == Target(Endpoint.OTHER):
            return INVALID_URL_PATTERN.answer
        token = presented_token(request)
        if token is None:
            return AUTHENTICATION_FAILURE.answer
        if self._tokens.expiry(token) is None:
            return INVALID_TOKEN.answer
        if target.endpoint is Endpoint.OTHER:
            return INVALID_REQUEST_METHOD.answer
        if target.endpoint is Endpoint.METADATA:
            return None
        return self._module_refusal(target) or self._scope_refusal(token, target)

    def _scope_refusal(self, token: str, target: Target) -> Answer | None:
        operation = UPDATE if target.endpoint is Endpoint.SCHEDULE else READ
        is_allowed = allows(self._tokens.scope(token), operation, target.module or "", MODULES)
        return None if is_allowed else OAUTH_SCOPE_MISMATCH.answer

    def _module_refusal(self, target: Target) -> Answer | None:
        if target.module == OLD_MODULE and target.version not in OLD_VERSIONS:
            return UNSUPPORTED_MODULE.answer
        unsupported = UNSUPPORTED_MODULES.get(target.module or "")
        if unsupported is not None:
            return unsupported.answer
        return None if target.module in self._scenario.modules else INVALID_MODULE.answer

    def _reply(self, request: Request, target: Target) -> Answer:
        if target.endpoint is Endpoint.METADATA:
            return describe(request, self._scenario.modules)
        module = target.module or ""
        if target.endpoint is Endpoint.SCHEDULE:
            return schedule(request, module, self.organisation, self._scenario.scheduled_job)
        if not target.job_id:
            return MANDATORY_NOT_FOUND.answer
        if not is_digits(target.job_id):
            return UNABLE_TO_PARSE_DATA_TYPE.answer
        status = self.organisation.status(module, target.job_id)
        return self._scenario.unknown_job.answer if status is None else status_answer(status)

    def _standing_headers(self, request: Request) -> list[tuple[str, str]]:
        """Give the headers that tell of the credits and of the token. Source: Zoho CRM v8, API limits."""
        headers = []
        remaining = self._credits.announced
        if remaining is not None:
            headers.append(("X-API-CREDITS-REMAINING", str(remaining)))
        expires_at = self._tokens.expiry(presented_token(request) or "")
        if expires_at is not None:
            headers.append(("X-ACCESSTOKEN-RESET", iso_time(expires_at)))
        return headers

    def _record(self, request: Request, target: Target, answer: Answer, *, met: Met, credits_spent: int) -> None:
        call = Call(
            self._clock(),
            target.endpoint,
            request.method,
            request.path,
            target.module,
            target.job_id,
            answer.status,
            answer.code,
        )
        self._book.record(call, faults=met.kinds, credits_spent=credits_spent)


METHODS: Mapping[str, Endpoint] = {"GET": Endpoint.STATUS, "POST": Endpoint.SCHEDULE}


def aim(request: Request) -> Target:
    """Read from the path what a request is about."""
    match request.segments:
        case segments if segments in ACCOUNTS_PATHS:
            return Target(ACCOUNTS_PATHS[segments])
        case ("crm", version, module, "actions", "mass_update") if version in VERSIONS:
            endpoint = METHODS.get(request.method, Endpoint.OTHER)
            return Target(endpoint, module, request.query.get("job_id"), version)
        case ("crm", version, *path) if version in VERSIONS and tuple(path) in PATHS:
            endpoint = Endpoint.METADATA if request.method == "GET" else Endpoint.OTHER
            return Target(endpoint, request.query.get("module"), version=version)
        case _:
            return Target(Endpoint.OTHER)


def presented_token(request: Request) -> str | None:
    """Give the access token of the header, `None` without a header, and an empty one in another scheme."""
    header = request.headers.get("authorization")
    if header is None:
        return None
    scheme, _, token = header.partition(" ")
    return token.strip() if scheme.lower() == SCHEME else ""
