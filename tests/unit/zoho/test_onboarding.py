"""How a refresh token is first had and given back: what each answer means, and what is asked.

Source: Zoho accounts, Non-browser applications, Self client, Revoke tokens.
"""

import json
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from urllib.parse import parse_qs

import pytest
from hypothesis import given
from hypothesis import strategies as st
from requests_mock import Mocker
from samples import Clock, transport_options

from exporter.errors import PassingError, PollError, RefusedError
from exporter.model import DataCenter
from exporter.redactor import Redactor
from exporter.zoho.onboarding import (
    CODE_REFUSALS,
    DEVICE_REFUSALS,
    Client,
    Device,
    Grant,
    Onboarding,
    Waiting,
    await_person,
    decode_device,
    decode_feedback,
    decode_grant,
    decode_revocation,
)
from exporter.zoho.transport import Transport, tls_context
from exporter.zoho.wire import Answer, SealedAnswer

US, EU = "https://accounts.zoho.com", "https://accounts.zoho.eu"
CLIENT = Client("1000.CLIENT", "client-secret-0a1b")
REFRESH_TOKEN, ACCESS_TOKEN = "1000.refresh-2c3d", "1000.access-4e5f"
GRANTED = {
    "access_token": ACCESS_TOKEN,
    "refresh_token": REFRESH_TOKEN,
    "scope": "ZohoCRM.mass_update.READ",
    "api_domain": "https://www.zohoapis.eu",
    "token_type": "Bearer",
    "expires_in": 3600,
}
GRANT = Grant(REFRESH_TOKEN, "https://www.zohoapis.eu", "ZohoCRM.mass_update.READ")
BEGUN = {
    "user_code": "AB12CD34",
    "device_code": "device-code-6a7b",
    "verification_url": f"{US}/oauth/v3/device",
    "verification_uri_complete": f"{US}/oauth/v3/device?user_code=AB12CD34",
    "interval": 30,
    "expires_in": 300,
}
PAGE = f"{US}/oauth/v3/device"
DEVICE = Device("device-code-6a7b", "AB12CD34", PAGE, f"{PAGE}?user_code=AB12CD34", 30.0, 300.0)


def sealed(content: object, status: int = 200) -> SealedAnswer:
    """Give an answer of an accounts server: JSON, or a text as it is."""
    body = content if isinstance(content, str) else json.dumps(content)
    return SealedAnswer(Answer(status, {"content-type": "text/html"}, body.encode(), 0.0), Redactor())


def raised(decode: Callable[[], object]) -> PollError:
    """Give the error that an answer turns out to be."""
    with pytest.raises(PollError) as caught:
        decode()
    return caught.value


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        pytest.param({}, DEVICE, id="seconds"),
        pytest.param({"interval": 30_000, "expires_in": 300_000}, DEVICE, id="milliseconds"),
        pytest.param({"interval": "30", "expires_in": "300000"}, DEVICE, id="one-of-each-as-texts"),
        pytest.param({"interval": None, "expires_in": None}, DEVICE, id="no-times"),
        pytest.param({"interval": 0.1}, replace(DEVICE, interval_seconds=1.0), id="never-faster-than-a-second"),
        pytest.param(
            {"interval": 1e9, "expires_in": 4},
            replace(DEVICE, interval_seconds=2.0, lifetime_seconds=4.0),
            id="never-slower-than-the-code-lives",
        ),
        pytest.param({"verification_uri_complete": None}, replace(DEVICE, whole_page=""), id="no-whole-page"),
        pytest.param({"verification_url": None}, DEVICE, id="no-page"),
        pytest.param({"verification_url": "https://evil.example/x"}, DEVICE, id="somebody-elses-page"),
        pytest.param(
            {"verification_uri_complete": f"{US}.evil.example/x"}, replace(DEVICE, whole_page=""), id="nearly-ours"
        ),
        pytest.param({"verification_uri_complete": f"{US}/\x1b[2J"}, replace(DEVICE, whole_page=""), id="unprintable"),
    ],
)
def test_a_device_code_is_read(changes: dict[str, object], expected: Device) -> None:
    """Times are in either unit, and only a page of the server that was asked is shown."""
    assert decode_device(sealed({**BEGUN, **changes}), US) == expected


@pytest.mark.parametrize(
    "content",
    [{**BEGUN, "device_code": None}, {**BEGUN, "user_code": "<b>"}, {**BEGUN, "user_code": 7}, "<html>", ""],
    ids=["no-code", "odd-user-code", "numeric-user-code", "html", "empty"],
)
def test_what_holds_no_device_code_is_a_passing_fault(content: object) -> None:
    """It is no answer of Zoho's: something stands in between."""
    error = raised(lambda: decode_device(sealed(content), US))
    assert (type(error), error.code) == (PassingError, "invalid_response")
    assert error.advice == "check the data centre, accounts_url and the proxy"


@pytest.mark.parametrize("status", [200, 400])
@pytest.mark.parametrize(
    ("content", "expected"),
    [
        pytest.param({"error": "authorization_pending"}, Waiting(), id="pending"),
        pytest.param({"error": "slow_down"}, Waiting(is_too_fast=True), id="slow-down"),
        pytest.param({"error": "other_dc", "user_location": "eu"}, Waiting(data_center=DataCenter.EU), id="elsewhere"),
        pytest.param({"error": "other_dc", "dc": "IN"}, Waiting(data_center=DataCenter.IN), id="other-key"),
        pytest.param(
            {"error": "other_dc", "user_location": "https://accounts.zoho.com.au"},
            Waiting(data_center=DataCenter.AU),
            id="host",
        ),
        pytest.param(GRANTED, GRANT, id="granted"),
    ],
)
def test_feedback_is_read(content: object, expected: object, status: int) -> None:
    """Each of Zoho's words, under either status."""
    assert decode_feedback(sealed(content, status)) == expected


_ELSEWHERE = "the client lives in another data centre"
_REFUSED_TO_BOTH = [
    pytest.param({"error": "invalid_client"}, "invalid_client", f"{_ELSEWHERE} (the address of Zoho CRM", id="client"),
    pytest.param({"error": "invalid_client_secret"}, "invalid_client_secret", _ELSEWHERE, id="secret"),
    pytest.param({"error": "invalid_oauthscope"}, "invalid_oauthscope", "Zoho knows no such scope", id="scope"),
    pytest.param({"error": "sulking"}, "sulking", "an undocumented refusal", id="unknown"),
]


@pytest.mark.parametrize(
    ("content", "code", "advice"),
    [
        *_REFUSED_TO_BOTH,
        pytest.param({"error": "access_denied"}, "access_denied", "it was turned away in the browser", id="declined"),
        pytest.param({"error": "expired"}, "expired", "nobody accepted in time: log in again", id="expired"),
        pytest.param({"error": "invalid_code"}, "invalid_code", "Zoho has forgotten this attempt", id="code"),
        pytest.param({**GRANTED, "refresh_token": None}, "no_refresh_token", "Zoho let the exporter in", id="brief"),
        pytest.param({"error": "other_dc", "user_location": "mars"}, "other_dc", "set accounts_url", id="mars"),
    ],
)
def test_each_refusal_of_a_device_says_what_to_do(content: object, code: str, advice: str) -> None:
    """The data centre first, where it may be the reason."""
    error = raised(lambda: decode_feedback(sealed(content)))
    assert (type(error), error.code) == (RefusedError, code)
    assert error.advice.startswith(advice)


def test_an_account_elsewhere_is_told_where_zoho_says_it() -> None:
    """Or that it does not."""
    errors = [raised(partial(decode_feedback, sealed({"error": "other_dc", **said}))) for said in ({"dc": "x"}, {})]
    where = "the account lives in a data centre that the exporter does not know: "
    assert [error.message for error in errors] == [f"{where}x", f"{where}Zoho names none"]


@pytest.mark.parametrize(
    ("content", "code", "advice"),
    [
        *_REFUSED_TO_BOTH,
        pytest.param(
            {"error": "invalid_code"}, "invalid_code", "the code was made in another data centre, was used", id="code"
        ),
        pytest.param(
            {**GRANTED, "refresh_token": None}, "no_refresh_token", "the code was used before, or was made", id="used"
        ),
        pytest.param({"error": "invalid_redirect_uri"}, "invalid_redirect_uri", "this client is of another", id="type"),
    ],
)
def test_each_refusal_of_a_code_says_what_to_do(content: object, code: str, advice: str) -> None:
    """The data centre first, where it may be the reason."""
    error = raised(lambda: decode_grant(sealed(content), CODE_REFUSALS))
    assert (type(error), error.code) == (RefusedError, code)
    assert error.advice.startswith(advice)


@pytest.mark.parametrize(
    ("content", "status", "code"),
    [
        pytest.param({"error": "Access Denied"}, 200, "access denied", id="throttle"),
        pytest.param({"error": "general_error"}, 200, "general_error", id="fault"),
        pytest.param({"error": "anything"}, 503, "general_error", id="5xx"),
        pytest.param({"error": "invalid_client"}, 500, "general_error", id="5xx-with-a-word"),
        pytest.param("<html>", 502, "invalid_response", id="html"),
    ],
)
def test_passing_faults_are_told_from_refusals(content: object, status: int, code: str) -> None:
    """They are waited out while a person decides."""
    for refusals in (CODE_REFUSALS, DEVICE_REFUSALS):
        error = raised(partial(decode_grant, sealed(content, status), refusals))
        assert (type(error), error.code) == (PassingError, code)


@pytest.mark.parametrize(
    ("status", "headers", "advice"),
    [
        pytest.param(429, {"retry-after": "30"}, "too many requests: wait 30 s", id="throttle"),
        pytest.param(429, {}, "too many requests: wait some minutes", id="throttle-without-end"),
        pytest.param(503, {"retry-after": "30"}, "a server has failed, Zoho's or one before it: wait 30 s", id="pause"),
        pytest.param(502, {}, "a server has failed, Zoho's or one before it: wait some minutes", id="gateway"),
        pytest.param(407, {}, "check the data centre, accounts_url and the proxy", id="proxy"),
    ],
)
def test_an_answer_without_a_word_is_judged_by_its_status(status: int, headers: dict[str, str], advice: str) -> None:
    """What asks for a pause, or has failed, is no setting's fault."""
    page = SealedAnswer(Answer(status, headers, b"<html>", 0.0), Redactor())
    for decode in (partial(decode_grant, refusals=CODE_REFUSALS), decode_revocation, decode_feedback):
        error = raised(partial(decode, page))
        assert (error.advice, error.retry_after_seconds) == (advice, 30.0 if headers else None)


def test_a_429_with_a_word_that_nobody_knows_is_a_throttle() -> None:
    """As one without a word: neither the client nor the code is at fault."""
    content = Answer(429, {"retry-after": "30"}, b'{"error":"slow_mode"}', 0.0)
    for decode in (partial(decode_grant, refusals=CODE_REFUSALS), decode_revocation, decode_feedback):
        error = raised(partial(decode, SealedAnswer(content, Redactor())))
        assert (type(error), error.code, error.retry_after_seconds) == (PassingError, "turned_away", 30.0)
        assert (error.message, error.advice) == (
            "Zoho refused: slow_mode (HTTP 429)",
            "too many requests: wait 30 s",
        )


@pytest.mark.parametrize(
    ("content", "status", "kind", "code"),
    [
        pytest.param("<html>", 400, RefusedError, "invalid_code", id="page"),
        pytest.param({"error": "invalid_code"}, 200, RefusedError, "invalid_code", id="word"),
        pytest.param({"error": "invalid_token"}, 400, RefusedError, "invalid_code", id="other-word"),
        pytest.param({"error": "Access Denied"}, 200, PassingError, "access denied", id="throttle"),
        pytest.param({"error": "Access Denied"}, 429, PassingError, "access denied", id="throttle-429"),
        pytest.param({"error": "general_error"}, 200, PassingError, "general_error", id="zohos-fault"),
        pytest.param({"error": "invalid_client"}, 400, RefusedError, "invalid_client", id="other-refusal"),
        *(
            pytest.param("<html>", status, PassingError, "turned_away", id=f"page-{status}")
            for status in (401, 403, 404, 407, 408, 413, 429)
        ),
        pytest.param("<html>", 502, PassingError, "invalid_response", id="fault"),
        pytest.param({"error": "server_error"}, 503, PassingError, "general_error", id="failing-server"),
        pytest.param({}, 200, PassingError, "invalid_response", id="nothing"),
    ],
)
def test_a_revocation_that_fails_is_told(content: object, status: int, kind: type[PollError], code: str) -> None:
    """A token that Zoho does not know is no fault of the network."""
    error = raised(lambda: decode_revocation(sealed(content, status)))
    assert (type(error), error.code) == (kind, code)


@given(st.binary(max_size=200), st.integers(100, 599))
def test_whatever_comes_is_an_outcome(body: bytes, status: int) -> None:
    """Nothing that a server says is an unexpected exception, or a grant."""
    answer = SealedAnswer(Answer(status, {}, body, 0.0), Redactor())
    assert isinstance(raised(lambda: decode_feedback(answer)), PollError)
    assert isinstance(raised(lambda: decode_device(answer, US)), PollError)


def test_tokens_and_device_codes_are_not_shown() -> None:
    """Neither by what holds them, nor in what comes after."""
    redactor = Redactor()
    for content in (GRANTED, BEGUN):
        answer = SealedAnswer(Answer(200, {}, json.dumps(content).encode(), 0.0), redactor)
        shown = repr(decode_feedback(answer) if content is GRANTED else decode_device(answer, US))
        assert not {secret for secret in (REFRESH_TOKEN, ACCESS_TOKEN, "device-code-6a7b") if secret in shown}
    assert redactor.clean(f"{REFRESH_TOKEN} {ACCESS_TOKEN} device-code-6a7b") == "<secret> <secret> <secret>"
    assert "client-secret-0a1b" not in repr(CLIENT)


@pytest.fixture
def onboarding() -> Onboarding:
    """Give what asks, over a transport of ours."""
    return Onboarding(Transport(transport_options(), tls_context(None), Redactor()), Clock())


def asked(http: Mocker) -> list[tuple[str, dict[str, list[str]]]]:
    """Give the address and the form of each request."""
    return [(request.url, parse_qs(request.text)) for request in http.request_history]


def test_secrets_go_into_forms_alone(onboarding: Onboarding, requests_mock: Mocker) -> None:
    """What is asked, and where; no address has a query."""
    requests_mock.post(f"{US}/oauth/v3/device/code", json=BEGUN)
    requests_mock.post(f"{EU}/oauth/v3/device/token", json={"error": "authorization_pending"})
    requests_mock.post(f"{EU}/oauth/v2/token", json=GRANTED)
    requests_mock.post(f"{EU}/oauth/v2/token/revoke", json={"status": "success"})
    assert onboarding.begin(US, "1000.CLIENT", "ZohoCRM.mass_update.READ") == DEVICE
    assert onboarding.poll(EU, CLIENT, DEVICE) == Waiting()
    assert onboarding.exchange(EU, CLIENT, "1000.code-8c9d") == GRANT
    onboarding.revoke(EU, REFRESH_TOKEN)
    client = {"client_id": ["1000.CLIENT"], "client_secret": ["client-secret-0a1b"]}
    assert asked(requests_mock) == [
        (
            f"{US}/oauth/v3/device/code",
            {
                "client_id": ["1000.CLIENT"],
                "grant_type": ["device_request"],
                "scope": ["ZohoCRM.mass_update.READ"],
                "access_type": ["offline"],
                "prompt": ["consent"],
            },
        ),
        (f"{EU}/oauth/v3/device/token", {**client, "grant_type": ["device_token"], "code": ["device-code-6a7b"]}),
        (f"{EU}/oauth/v2/token", {**client, "grant_type": ["authorization_code"], "code": ["1000.code-8c9d"]}),
        (f"{EU}/oauth/v2/token/revoke", {"token": [REFRESH_TOKEN]}),
    ]


@pytest.mark.parametrize(
    ("answer", "is_known"),
    [
        pytest.param({"json": {"error": "invalid_code"}}, True, id="complains-of-the-code"),
        pytest.param({"json": {"error": "invalid_client"}}, False, id="unknown-client"),
        pytest.param({"json": {"error": "invalid_client_secret"}}, False, id="another-secret"),
        pytest.param({"json": GRANTED}, False, id="absurd"),
    ],
)
def test_a_data_centre_tells_whether_it_knows_a_client(
    onboarding: Onboarding, requests_mock: Mocker, answer: dict[str, object], *, is_known: bool
) -> None:
    """By what it says to a code that nobody gave."""
    requests_mock.post(f"{EU}/oauth/v2/token", [answer])
    assert onboarding.knows(EU, CLIENT) is is_known


def test_a_data_centre_that_can_not_be_asked_tells_nothing(onboarding: Onboarding, requests_mock: Mocker) -> None:
    """It may know the client all the same."""
    requests_mock.post(f"{EU}/oauth/v2/token", status_code=503)
    with pytest.raises(PassingError):
        onboarding.knows(EU, CLIENT)


class Person:
    """Somebody who decides: what Zoho says at each request, on a clock that only sleep moves."""

    def __init__(self, *said: object) -> None:
        self.said = list(said)
        self.clock = Clock(0.0)
        self.asked: list[tuple[float, str]] = []

    def ask(self, url: str) -> Grant | Waiting:
        """Say the next thing, the last one for ever."""
        self.asked.append((self.clock.now, url))
        said = self.said.pop(0) if len(self.said) > 1 else self.said[0]
        if isinstance(said, Exception):
            raise said
        assert isinstance(said, Grant | Waiting)
        return said

    def wait(self, device: Device = DEVICE) -> tuple[Grant, str]:
        """Wait for the decision."""
        return await_person(self.ask, device, US, lambda place: f"at-{place}", sleep=self._sleep, stopwatch=self.clock)

    def _sleep(self, seconds: float) -> None:
        self.clock.now += seconds


@pytest.mark.parametrize(
    ("said", "asked_at"),
    [
        pytest.param([GRANT], [(30.0, US)], id="at-once"),
        pytest.param([Waiting(), GRANT], [(30.0, US), (60.0, US)], id="pending"),
        pytest.param([Waiting(is_too_fast=True), Waiting(), GRANT], [(30.0, US), (65.0, US), (100.0, US)], id="slower"),
        pytest.param(
            [Waiting(data_center=DataCenter.EU), Waiting(), GRANT],
            [(30.0, US), (31.0, "at-eu"), (61.0, "at-eu")],
            id="elsewhere",
        ),
        pytest.param([PassingError("timeout", "late"), GRANT], [(30.0, US), (60.0, US)], id="fault"),
        pytest.param(
            [PassingError("invalid_response", "429", retry_after_seconds=100.0), Waiting(), GRANT],
            [(30.0, US), (130.0, US), (160.0, US)],
            id="asked-to-wait",
        ),
    ],
)
def test_a_person_is_waited_for(said: list[object], asked_at: list[tuple[float, str]]) -> None:
    """At Zoho's pace, and where Zoho says."""
    person = Person(*said)
    assert person.wait() == (GRANT, asked_at[-1][1])
    assert person.asked == asked_at


@pytest.mark.parametrize(
    ("said", "code", "times"),
    [
        pytest.param(Waiting(), "expired", 10, id="nobody"),
        pytest.param(PassingError("timeout", "late"), "timeout", 10, id="no-network"),
        pytest.param(PassingError("slow", "503", retry_after_seconds=86_400.0), "slow", 2, id="asked-to-wait-a-day"),
        pytest.param(RefusedError("access_denied", "no"), "access_denied", 1, id="declined"),
    ],
)
def test_a_wait_ends(said: object, code: str, times: int) -> None:
    """With the code's life, or at a refusal."""
    person = Person(said)
    assert raised(person.wait).code == code
    assert len(person.asked) == times


@pytest.mark.parametrize(
    ("interval", "lifetime", "said", "asked_at"),
    [
        pytest.param(30, 300, Waiting(), [30, 60, 90, 120, 150, 180, 210, 240, 270, 297], id="in-step"),
        pytest.param(30, 100, Waiting(), [30, 60, 90, 99], id="out-of-step"),
        pytest.param(4, 4, Waiting(), [3.96], id="as-long"),
        pytest.param(20, 50, Waiting(is_too_fast=True), [20, 45, 49.5], id="slowed-down"),
        pytest.param(20, 50, PassingError("x", "x", retry_after_seconds=3600), [20, 49.5], id="asked-to-wait"),
    ],
)
def test_last_question_is_asked_while_the_code_lives(
    interval: float, lifetime: float, said: object, asked_at: list[float]
) -> None:
    """However long Zoho wants us to wait: who has accepted is not turned away."""
    person = Person(said)
    raised(lambda: person.wait(replace(DEVICE, interval_seconds=interval, lifetime_seconds=lifetime)))
    assert [at for at, _ in person.asked] == asked_at
