"""A mass update sent to Zoho: what is sent, how often, and what each answer means.

Sources: Zoho CRM v7 and v8, Mass Update Records, Possible Errors; Zoho's OpenAPI files for v8.
"""

import json
from collections.abc import Callable
from typing import Any, NoReturn

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st
from requests_mock import Mocker
from samples import Clock, transport_options

from exporter.errors import PassingError, PollError, RefusedError, UncertainError
from exporter.model import Credentials
from exporter.redactor import Redactor
from exporter.zoho.data_centers import Endpoints
from exporter.zoho.scheduling import Order, Scheduling, decode_scheduled, modules_of
from exporter.zoho.transport import Transport, tls_context
from exporter.zoho.wire import Answer

ACCOUNTS, API = "https://accounts.zoho.eu", "https://www.zohoapis.eu"
TOKEN_URL, URL = f"{ACCOUNTS}/oauth/v2/token", f"{API}/crm/v8/Leads/actions/mass_update"
CREDENTIALS = Credentials("1000.CLIENT", "client-secret-0a1b", "1000.schedule-2c3d")
ACCESS_TOKEN = "1000.access-4e5f"
SCOPE = "ZohoCRM.mass_update.leads.UPDATE"
MINTED = {"access_token": ACCESS_TOKEN, "scope": SCOPE, "api_domain": API, "expires_in": 3600}
SCHEDULED = {
    "data": [
        {
            "code": "SUCCESS",
            "details": {"job_id": "3524033000006027001"},
            "message": "mass update scheduled successfully",
            "status": "success",
        }
    ]
}
ORDER = Order("Leads", "3524033000000089005", {"Lead_Status": "Contacted"})
ADVICE = {
    "busy": "a mass update of this view has not ended yet, and Zoho takes one at a time: wait for it",
    "empty": "the view shows no records now, so there is nothing to change: check its id and criteria",
    "many": "the view shows more than 50,000 records: make narrower ones, and send it for each",
    "view": "Zoho knows no such view of this module: take the id from the address of the view in your browser, ",
    "value": "Zoho does not take this value for this field: check the field's API name (Setup > APIs and SDKs), ",
    "fields": "change one field at a time; of Deals up to three",
    "field": "Zoho knows no such field: use its API name (Setup > APIs and SDKs)",
    "rights": "the user who made the refresh token may not update this module's records in bulk: ",
    "edition": "Zoho schedules mass updates over its API for Enterprise, Ultimate, CRM Plus and Zoho One Enterprise ",
    "scope": "make a refresh token with the scope ZohoCRM.mass_update.UPDATE (or ZohoCRM.mass_update.leads.UPDATE)",
    "state": "Zoho changes no records in such a state: make a view that leaves them out",
    "slow": "too many requests: try again in some minutes",
    "credits": "the organisation's API credits of the day are spent: try again in some hours",
    "token": "Zoho does not accept a token that it has just made: check the account's data centre and environment",
    "module": "no such module, or its tab is hidden from the token's user: ",
    "look": "it may have been scheduled all the same. Before you send it again look at the records of the view, ",
}


def answer(status: int, content: object) -> Answer:
    """Give an answer: JSON, or a text as it is."""
    body = content if isinstance(content, str) else json.dumps(content)
    return Answer(status, {"content-type": "text/html"}, body.encode(), 0.0)


def refusal(code: str, message: str = "", **details: object) -> dict[str, object]:
    """Give an error object as Zoho words it."""
    return {"code": code, "details": details, "message": message, "status": "error"}


def raised(act: Callable[[], object]) -> PollError:
    """Give the error that comes of it."""
    with pytest.raises(PollError) as caught:
        act()
    return caught.value


@pytest.fixture
def sender() -> Scheduling:
    """Give what sends mass updates of an account in the EU."""
    transport = Transport(transport_options(), tls_context(None), Redactor(), clock=Clock(), stopwatch=Clock())
    return Scheduling(transport, Endpoints(ACCOUNTS, API), "v8", Clock())


def test_a_mass_update_is_sent_once_with_a_token_of_its_own(sender: Scheduling, requests_mock: Mocker) -> None:
    """Zoho is told the view, the fields and nothing else; the job's id comes back."""
    requests_mock.post(TOKEN_URL, json=MINTED)
    requests_mock.post(URL, json=SCHEDULED)
    order = Order("Leads", "3524033000000089005", {"Lead_Status": "Contacté", "Rating": None})
    assert sender.send(order, CREDENTIALS) == "3524033000006027001"
    mint, update = requests_mock.request_history
    assert "refresh_token=1000.schedule-2c3d" in mint.text
    assert update.json() == {
        "data": [{"Lead_Status": "Contacté", "Rating": None}],
        "cvid": "3524033000000089005",
    }
    assert update.headers["Authorization"] == f"Zoho-oauthtoken {ACCESS_TOKEN}"
    assert update.headers["Content-Type"] == "application/json"
    assert (sender.credits, sender.tokens) == (1, 1)


@pytest.mark.parametrize("fault", [requests.ReadTimeout, requests.ConnectionError, KeyboardInterrupt, TypeError])
def test_a_lost_answer_is_never_asked_for_again(
    sender: Scheduling, requests_mock: Mocker, fault: type[BaseException]
) -> None:
    """It may have been carried out, so that a person must look first; the credit counts."""

    def lose(*_: object) -> NoReturn:
        raise fault

    requests_mock.post(TOKEN_URL, json=MINTED)
    requests_mock.post(URL, text=lose)
    error = raised(lambda: sender.send(ORDER, CREDENTIALS))
    assert isinstance(error, UncertainError)
    assert error.advice.startswith(ADVICE["look"])
    assert [request.url for request in requests_mock.request_history] == [TOKEN_URL, URL]
    assert (sender.credits, sender.tokens) == (1, 1)


def test_what_was_not_sent_is_not_uncertain(sender: Scheduling, requests_mock: Mocker) -> None:
    """Where there was no connection nothing was changed, and no credit was spent."""
    requests_mock.post(TOKEN_URL, json=MINTED)
    requests_mock.post(URL, exc=requests.exceptions.InvalidURL)
    error = raised(lambda: sender.send(ORDER, CREDENTIALS))
    assert isinstance(error, PassingError)
    assert (sender.credits, sender.tokens) == (0, 1)


@pytest.mark.parametrize(
    ("answered", "tokens"),
    [
        pytest.param({"exc": requests.ReadTimeout}, 1, id="lost"),
        pytest.param({"exc": requests.exceptions.InvalidURL}, 0, id="unsent"),
        pytest.param({"json": {"error": "invalid_code"}}, 0, id="refused"),
    ],
)
def test_token_that_may_have_been_made_counts(
    sender: Scheduling, requests_mock: Mocker, answered: dict[str, Any], tokens: int
) -> None:
    """It is one of the ten in ten minutes, unless Zoho was not asked or has said no."""
    requests_mock.post(TOKEN_URL, **answered)
    raised(lambda: sender.send(ORDER, CREDENTIALS))
    assert (sender.credits, sender.tokens) == (0, tokens)


@pytest.mark.parametrize(
    "scope",
    [
        pytest.param("ZohoCRM.mass_update.UPDATE", id="all-modules"),
        pytest.param("ZohoCRM.mass_update.ALL", id="all-rights"),
        pytest.param("ZohoCRM.mass_update.leads.ALL", id="all-rights-of-the-module"),
        pytest.param("ZohoCRM.mass_update.READ,zohocrm.mass_update.Leads.update", id="one-of-several"),
        pytest.param("", id="empty"),
        pytest.param(None, id="not-said"),
    ],
)
def test_a_token_that_may_is_used(sender: Scheduling, requests_mock: Mocker, scope: str | None) -> None:
    """Where Zoho does not name the scope it will say itself what it thinks of it."""
    requests_mock.post(TOKEN_URL, json={**MINTED, "scope": scope})
    requests_mock.post(URL, json=SCHEDULED)
    assert sender.send(ORDER, CREDENTIALS) == "3524033000006027001"


@pytest.mark.parametrize(
    ("token", "code", "message", "advice"),
    [
        pytest.param(
            {**MINTED, "scope": "ZohoCRM.mass_update.READ"},
            "OAUTH_SCOPE_MISMATCH",
            "the refresh token may not change Leads: its scope is ZohoCRM.mass_update.READ",
            ADVICE["scope"],
            id="reads-only",
        ),
        pytest.param(
            {**MINTED, "scope": "ZohoCRM.mass_update.deals.UPDATE"},
            "OAUTH_SCOPE_MISMATCH",
            "the refresh token may not change Leads: its scope is ZohoCRM.mass_update.deals.UPDATE",
            ADVICE["scope"],
            id="another-module",
        ),
        pytest.param(
            {**MINTED, "api_domain": "https://sandbox.zohoapis.eu"},
            "INVALID_HOST",
            "the refresh token is one for https://sandbox.zohoapis.eu, not for https://www.zohoapis.eu",
            "make one in the account's own data centre and environment",
            id="another-environment",
        ),
        pytest.param(
            {"error": "invalid_code"},
            "invalid_code",
            "Zoho refused to refresh the token: invalid_code (HTTP 200)",
            "the refresh token is wrong, expired or revoked (a password change revokes it): make a new one",
            id="revoked",
        ),
        pytest.param(
            {"error": "Access Denied"},
            "access_denied",
            "Zoho refused to refresh the token: Access Denied (HTTP 200)",
            "ten access tokens were made with this refresh token in ten minutes, which is all that Zoho gives: "
            "try again in fifteen",
            id="throttled",
        ),
    ],
)
def test_without_a_token_that_may_nothing_is_sent(
    sender: Scheduling, requests_mock: Mocker, *, token: dict[str, object], code: str, message: str, advice: str
) -> None:
    """That costs no credit, and says what to do."""
    requests_mock.post(TOKEN_URL, json=token)
    error = raised(lambda: sender.send(ORDER, CREDENTIALS))
    assert (type(error), error.code, error.message, error.advice) == (RefusedError, code, message, advice)
    assert len(requests_mock.request_history) == 1
    assert sender.credits == 0


@pytest.mark.parametrize(
    ("granted", "modules"),
    [
        pytest.param("ZohoCRM.mass_update.leads.UPDATE,zohocrm.mass_update.Deals.ALL", ("leads", "Deals"), id="two"),
        pytest.param("ZohoCRM.mass_update.leads.READ ZohoCRM.modules.deals.UPDATE", (), id="other-rights"),
        pytest.param("ZohoCRM.mass_update.UPDATE", (), id="all"),
        pytest.param("", (), id="not-said"),
    ],
)
def test_modules_of_a_scope(granted: str, modules: tuple[str, ...]) -> None:
    """Those whose records may be changed."""
    assert modules_of(granted) == modules


@pytest.mark.parametrize(
    ("status", "content", "code", "advice"),
    [
        pytest.param(400, refusal("ALREADY_SCHEDULED", api_name="cvid"), "ALREADY_SCHEDULED", "busy", id="spec-busy"),
        pytest.param(202, {"data": [refusal("ALREADY_SCHEDULED")]}, "ALREADY_SCHEDULED", "busy", id="page-busy"),
        pytest.param(400, refusal("NO_RECORDS_FOUND"), "NO_RECORDS_FOUND", "empty", id="no-records"),
        pytest.param(400, refusal("LIMIT_EXCEEDED", "Record count exceeded"), "LIMIT_EXCEEDED", "many", id="too-many"),
        pytest.param(
            400,
            refusal("INVALID_DATA", "the cvid given seems to be invalid", api_name="cvid", json_path="$.cvid"),
            "INVALID_DATA",
            "view",
            id="view",
        ),
        pytest.param(
            400,
            {"data": [refusal("INVALID_DATA", "invalid data", api_name="Lead_Status", expected_data_type="text")]},
            "INVALID_DATA",
            "value",
            id="value",
        ),
        pytest.param(
            400,
            refusal("INVALID_DATA", "Max field limit exceeded", api_name="data"),
            "INVALID_DATA",
            "fields",
            id="two",
        ),
        pytest.param(400, refusal("INVALID_DATA", "No field found"), "INVALID_DATA", "field", id="no-field"),
        pytest.param(400, refusal("UNABLE_TO_PARSE_DATA_TYPE"), "UNABLE_TO_PARSE_DATA_TYPE", "value", id="type"),
        pytest.param(403, refusal("NO_PERMISSION"), "NO_PERMISSION", "rights", id="permission"),
        pytest.param(400, refusal("AUTHORIZATION_FAILED"), "AUTHORIZATION_FAILED", "rights", id="privilege"),
        pytest.param(403, refusal("FEATURE_NOT_SUPPORTED"), "FEATURE_NOT_SUPPORTED", "edition", id="edition"),
        pytest.param(401, refusal("OAUTH_SCOPE_MISMATCH"), "OAUTH_SCOPE_MISMATCH", "scope", id="scope"),
        pytest.param(400, refusal("RECORD_IN_BLUEPRINT"), "RECORD_IN_BLUEPRINT", "state", id="blueprint"),
        pytest.param(400, refusal("INVALID_MODULE"), "INVALID_MODULE", "module", id="as-the-status-call"),
        pytest.param(401, refusal("INVALID_TOKEN"), "AUTHENTICATION_FAILURE", "token", id="token"),
        pytest.param(429, refusal("RATE_LIMIT_EXCEEDED"), "TOO_MANY_REQUESTS", "slow", id="slower"),
        pytest.param(
            429,
            refusal("TOO_MANY_REQUESTS", "Many requests fired than the allowed limit for the past 24 hours."),
            "TOO_MANY_REQUESTS",
            "credits",
            id="credits",
        ),
    ],
)
def test_a_refusal_says_what_to_do(status: int, content: object, code: str, advice: str) -> None:
    """Wherever it stands: nothing was changed then."""
    error = raised(lambda: decode_scheduled(answer(status, content), ORDER))
    assert (type(error), error.code) == (RefusedError, code)
    assert error.advice.startswith(ADVICE[advice])


@pytest.mark.parametrize(
    ("status", "content"),
    [
        pytest.param(500, refusal("INTERNAL_ERROR"), id="fault"),
        pytest.param(502, "<html>Bad gateway</html>", id="gateway"),
        pytest.param(200, "<html>Sign in</html>", id="somebody-else"),
        pytest.param(204, "", id="empty"),
        pytest.param(200, {"data": [{"code": "SUCCESS", "details": {}}]}, id="no-job"),
        pytest.param(200, {"data": [{"code": "SUCCESS", "details": {"job_id": "7 or so"}}]}, id="odd-job"),
        *(pytest.param(status, "<html>", id=f"no-word-of-zohos-{status}") for status in (401, 403, 404, 429)),
        pytest.param(
            200,
            {"data": [{"code": "INVALID_DATA", "status": "success", "details": {"job_id": "3524"}}]},
            id="two-minds",
        ),
        pytest.param(200, {"data": [*SCHEDULED["data"], refusal("NO_PERMISSION")]}, id="two"),
    ],
)
def test_what_tells_nothing_may_have_been_carried_out(status: int, content: object) -> None:
    """A person must look."""
    error = raised(lambda: decode_scheduled(answer(status, content), ORDER))
    assert isinstance(error, UncertainError)
    assert error.advice.startswith(ADVICE["look"])


def test_what_has_no_word_of_zohos_is_described() -> None:
    """Each thing once."""
    error = raised(lambda: decode_scheduled(answer(502, "<html>Bad gateway</html>"), ORDER))
    assert error.message == "Zoho answered HTTP 502 with text/html, 24 bytes"


def test_zohos_details_are_told() -> None:
    """They name the field that a refusal is about; nothing unprintable comes with them."""
    content = {"data": [refusal("INVALID_DATA", "invalid \x1bdata", api_name="Lead_Status", maximum_length=120)]}
    error = raised(lambda: decode_scheduled(answer(400, content), ORDER))
    expected = "Zoho answered INVALID_DATA invalid  data (HTTP 400; api_name: Lead_Status; maximum_length: 120)"
    assert error.message == expected


def test_a_refusal_that_nobody_knows_is_shown() -> None:
    """In Zoho's own words."""
    error = raised(lambda: decode_scheduled(answer(400, refusal("NEWS", "from Zoho")), ORDER))
    assert (type(error), error.message) == (RefusedError, "Zoho answered NEWS from Zoho (HTTP 400)")
    assert error.advice == "an undocumented refusal: see Zoho's words"


@given(status=st.integers(100, 599), body=st.binary(max_size=200))
def test_any_bytes_are_a_job_or_one_of_our_errors(status: int, body: bytes) -> None:
    """Whatever stands in between."""
    error = raised(lambda: decode_scheduled(Answer(status, {}, body, 0.0), ORDER))
    assert type(error) in {RefusedError, UncertainError}
