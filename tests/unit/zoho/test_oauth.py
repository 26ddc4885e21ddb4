"""What the token endpoint's answer means.

Source: Zoho accounts, OAuth 2.0 self client and token limits.
"""

import json
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.errors import PassingError, PollError
from exporter.model import Credentials, KeptToken
from exporter.redactor import Redactor
from exporter.zoho.oauth import REASONS, decode_token
from exporter.zoho.wire import Answer, SealedAnswer

RECEIVED_AT = 1_790_000_000.0
TOKEN = "1000.8cb99daaaaaaaaaaaaa9be93.9b8bbbbbbbbbbbbbbbf"
CREDENTIALS = Credentials("1000.CLIENT", "client-secret-0a1b", "1000.refresh-2c3d")


def answer(body: str, status: int = 200, headers: Mapping[str, str] | None = None) -> SealedAnswer:
    """Give an answer of the accounts host."""
    return SealedAnswer(Answer(status, headers or {}, body.encode(), RECEIVED_AT), Redactor())


def refusal(body: str, status: int = 200, headers: Mapping[str, str] | None = None) -> PollError:
    """Give the error that an answer turns out to be."""
    with pytest.raises(PollError) as raised:
        decode_token(answer(body, status, headers))
    return raised.value


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        pytest.param(
            f'{{"access_token":"{TOKEN}","scope":"ZohoCRM.mass_update.READ",'
            '"api_domain":"https://www.zohoapis.com","token_type":"Bearer","expires_in":3600}',
            KeptToken(TOKEN, 1_790_003_600.0, "https://www.zohoapis.com", ""),
            id="as-documented",
        ),
        pytest.param(
            f'{{"access_token":"{TOKEN}","api_domain":"https://www.zohoapis.com","expires_in":3600}}',
            KeptToken(TOKEN, 1_790_003_600.0, "https://www.zohoapis.com", ""),
            id="scope-missing",
        ),
        pytest.param(
            f'{{"access_token":"{TOKEN}","expires_in":3600}}',
            KeptToken(TOKEN, 1_790_003_600.0, "", ""),
            id="api-domain-missing",
        ),
        pytest.param(
            f'{{"access_token":"{TOKEN}","expires_in":3600,"api_domain":7}}',
            KeptToken(TOKEN, 1_790_003_600.0, "", ""),
            id="api-domain-a-number",
        ),
        pytest.param(f'{{"access_token":"{TOKEN}"}}', KeptToken(TOKEN, 1_790_003_600.0, "", ""), id="token-alone"),
    ],
)
def test_a_token_answer_is_read(body: str, expected: KeptToken) -> None:
    """A minted token has its value, its end and the host that Zoho names, if it does."""
    assert decode_token(answer(body)) == expected


@pytest.mark.parametrize(
    ("lifetime", "expires_at"),
    [
        pytest.param('"expires_in":1800', 1_790_001_800.0, id="shorter"),
        pytest.param('"expires_in":3600.5', 1_790_003_600.5, id="fraction"),
        pytest.param('"expires_in":"1800"', 1_790_001_800.0, id="string"),
        pytest.param('"expires_in":3600000', 1_790_003_600.0, id="milliseconds"),
        pytest.param('"expires_in":"3600000"', 1_790_003_600.0, id="milliseconds-string"),
        pytest.param('"expires_in_sec":1800,"expires_in":1800000', 1_790_001_800.0, id="old-shape"),
        pytest.param('"expires_in_sec":null,"expires_in":1800', 1_790_001_800.0, id="old-key-null"),
        pytest.param('"expires_in_sec":true,"expires_in":1800', 1_790_001_800.0, id="old-key-true"),
        pytest.param('"scope":""', 1_790_003_600.0, id="missing"),
        pytest.param('"expires_in":0', 1_790_003_600.0, id="zero"),
        pytest.param('"expires_in":"0"', 1_790_003_600.0, id="zero-string"),
        pytest.param('"expires_in":-5', 1_790_003_600.0, id="negative"),
        pytest.param('"expires_in":"-5"', 1_790_003_600.0, id="negative-string"),
        pytest.param('"expires_in":"soon"', 1_790_003_600.0, id="word"),
        pytest.param('"expires_in":"12345678901"', 1_790_003_600.0, id="long-string"),
        pytest.param('"expires_in":""', 1_790_003_600.0, id="empty-string"),
        pytest.param('"expires_in":true', 1_790_003_600.0, id="true"),
        pytest.param('"expires_in":null', 1_790_003_600.0, id="null"),
        pytest.param('"expires_in":[3600]', 1_790_003_600.0, id="list"),
        pytest.param('"expires_in":NaN', 1_790_003_600.0, id="nan"),
        pytest.param('"expires_in":Infinity', 1_790_003_600.0, id="infinity"),
        pytest.param('"expires_in":1' + "0" * 400, 1_790_003_600.0, id="beyond-any-float"),
        pytest.param('"expires_in":1e300', 1_790_003_600.0, id="beyond-any-life"),
    ],
)
def test_a_tokens_end_is_read_or_is_an_hour_away(lifetime: str, expires_at: float) -> None:
    """A lifetime in seconds or, as it used to be, milliseconds counts; anything else means the documented hour."""
    assert decode_token(answer(f'{{"access_token":"{TOKEN}",{lifetime}}}')).expires_at == expires_at


@pytest.mark.parametrize(("lifetime", "early_seconds"), [(3600, 60.0), (120, 60.0), (119, 59.5), (20, 10.0)])
def test_a_token_is_used_for_half_its_life_at_least(lifetime: int, early_seconds: float) -> None:
    """A minute before its end it is no longer used, but none is minted only to be thrown away."""
    body = f'{{"access_token":"{TOKEN}","expires_in":{lifetime}}}'
    assert decode_token(answer(body)).early_seconds == early_seconds


@pytest.mark.parametrize("status", [200, 400])
@pytest.mark.parametrize(
    ("body", "reason", "advice", "is_passing"),
    [
        pytest.param('{"error":"invalid_client"}', "invalid_client", "data_center", False, id="invalid_client"),
        pytest.param(
            '{"error":"invalid_client_secret"}',
            "invalid_client_secret",
            "client_secret",
            False,
            id="invalid_client_secret",
        ),
        pytest.param('{"error":"invalid_code"}', "invalid_code", "refresh token", False, id="invalid_code"),
        pytest.param(
            '{"error":"invalid_redirect_uri"}', "invalid_redirect_uri", "self client", False, id="invalid_redirect_uri"
        ),
        pytest.param(
            '{"error_description":"You have made too many requests continuously. Please try again after some time.",'
            '"error":"Access Denied","status":"failure"}',
            "access_denied",
            "it passes within ten minutes",
            True,
            id="access-denied",
        ),
        pytest.param(
            '{"error":" ACCESS DENIED "}', "access_denied", "ten minutes", True, id="access-denied-other-case"
        ),
        pytest.param('{"error":"general_error"}', "general_error", "wait; if it lasts", True, id="general_error"),
        pytest.param('{"error":"missing_org_info"}', "missing_org_info", "soid", False, id="missing_org_info"),
        pytest.param('{"error":"invalid_grant"}', "other", "undocumented", False, id="undocumented"),
        pytest.param('{"error":""}', "other", "undocumented", False, id="empty-word"),
    ],
)
def test_every_refusal_is_judged_by_its_word_under_any_status(
    body: str, reason: str, advice: str, status: int, *, is_passing: bool
) -> None:
    """A refusal may come with HTTP 200: the word decides, and says whether time cures it."""
    error = refusal(body, status)
    assert (error.code, isinstance(error, PassingError)) == (reason, is_passing)
    assert advice in error.advice
    assert error.message.startswith("Zoho refused to refresh the token: ")
    assert error.message.endswith(f" (HTTP {status})")


@pytest.mark.parametrize("word", ["server_error", "invalid_client", "invalid_code"])
@pytest.mark.parametrize("status", [500, 502, 503])
def test_refusal_of_a_failing_server_is_a_fault_of_the_server(status: int, word: str) -> None:
    """Whatever word comes with a 5xx, time cures it, and no credentials are to blame."""
    error = refusal(f'{{"error":"{word}"}}', status)
    assert (type(error), error.code) == (PassingError, "general_error")
    assert error.advice == "Zoho's accounts server had a fault: wait; if it lasts, look at Zoho's status page"
    assert error.message == f"Zoho's accounts server failed: {word} (HTTP {status})"


@pytest.mark.parametrize(
    ("body", "status"),
    [
        pytest.param("<html>Sign in</html>", 200, id="html-200"),
        pytest.param("<html>Bad request</html>", 400, id="html-400"),
        pytest.param("<html>Bad gateway</html>", 502, id="html-502"),
        pytest.param("", 200, id="empty"),
        pytest.param("{", 200, id="truncated"),
        pytest.param("[]", 200, id="list"),
        pytest.param("{}", 200, id="no-keys"),
        pytest.param('{"error":5}', 200, id="error-a-number"),
        pytest.param('{"access_token":null}', 200, id="token-null"),
        pytest.param('{"access_token":5}', 200, id="token-a-number"),
        pytest.param('{"access_token":""}', 200, id="token-empty"),
        pytest.param('{"access_token":"leaked\\nX-Evil: 1"}', 200, id="token-with-newline"),
        pytest.param('{"access_token":"leaked\\n"}', 200, id="token-ending-in-newline"),
        pytest.param('{"access_token":"leaked token"}', 200, id="token-with-space"),
        pytest.param('{"access_token":" leaked"}', 200, id="token-after-space"),
        pytest.param('{"access_token":"leaked\\u0000"}', 200, id="token-with-nul"),
        pytest.param('{"access_token":"leak\\u00e9d"}', 200, id="token-beyond-ascii"),
        pytest.param('{"access_token":"' + "leaked" * 1000 + '"}', 200, id="token-too-long"),
    ],
)
def test_what_holds_neither_token_nor_word_is_an_invalid_response(body: str, status: int) -> None:
    """A page, nonsense, or a token that can't be a header is a passing refusal that quotes nothing of it."""
    error = refusal(body, status, {"content-type": "text/html"})
    assert (error.code, isinstance(error, PassingError)) == ("invalid_response", True)
    assert error.message.startswith(f"expected an access token as JSON, got HTTP {status}")
    assert "leak" not in f"{error!r} {error.message} {error.advice}"


@pytest.mark.parametrize(
    ("body", "status"),
    [
        pytest.param('{"error":"Access Denied"}', 400, id="word"),
        pytest.param("<html>Too many requests</html>", 429, id="html"),
    ],
)
def test_a_refusal_keeps_the_pause_that_zoho_asks_for(body: str, status: int) -> None:
    """`Retry-After` is honoured at the accounts host too, whatever body comes with it."""
    assert refusal(body, status, {"retry-after": "1200"}).retry_after_seconds == 1200


@pytest.mark.parametrize(
    ("status", "advice"),
    [
        pytest.param(429, "too many requests: wait 1,200 s", id="throttle"),
        pytest.param(503, "a server has failed, Zoho's or one before it: wait 1,200 s", id="fault"),
        pytest.param(403, "check accounts_url, data_center and proxies", id="somebody-else"),
    ],
)
def test_an_answer_without_a_word_is_judged_by_its_status(status: int, advice: str) -> None:
    """What asks for a pause, or has failed, is no setting's fault."""
    assert refusal("<html>", status, {"retry-after": "1200"}).advice == advice


@pytest.mark.parametrize(
    ("body", "advice"),
    [
        pytest.param("<html>", "too many requests: wait 1,200 s", id="page"),
        pytest.param("{}", "too many requests: wait 1,200 s", id="no word"),
        pytest.param(
            '{"error":"slow_mode"}',
            "too many requests: wait some minutes; if it lasts, see what else asks Zoho for tokens",
            id="undocumented word",
        ),
    ],
)
def test_a_429_is_a_throttle(body: str, advice: str) -> None:
    """Which passes, and which nothing is to be done about here."""
    error = refusal(body, 429, {"retry-after": "1200"})
    assert (type(error), error.code, error.advice) == (PassingError, "too_many_requests", advice)
    assert error.retry_after_seconds == 1200


def test_no_pause_that_the_accounts_host_asks_for_outlasts_the_day() -> None:
    """An absurd `Retry-After` does not stop the account until somebody restarts the exporter."""
    seconds = refusal('{"error":"Access Denied"}', 400, {"retry-after": "1e300"}).retry_after_seconds
    assert seconds is not None
    assert seconds <= 86_400


def test_a_token_is_shown_nowhere() -> None:
    """Neither a token nor a secret stands in a representation."""
    shown = f"{decode_token(answer(json.dumps({'access_token': TOKEN})))!r} {CREDENTIALS!r} {CREDENTIALS!s}"
    assert TOKEN not in shown
    assert "client-secret-0a1b" not in shown
    assert "1000.refresh-2c3d" not in shown


JSON_VALUES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30) | st.lists(st.integers())
DOCUMENTS = st.fixed_dictionaries(
    {},
    optional={
        "access_token": JSON_VALUES,
        "error": JSON_VALUES | st.sampled_from(["invalid_client", "invalid_code", "Access Denied"]),
        "expires_in": JSON_VALUES,
        "expires_in_sec": JSON_VALUES,
        "api_domain": JSON_VALUES,
        "details": JSON_VALUES,
    },
)


def outcome(given_answer: SealedAnswer) -> KeptToken | PollError:
    """Give what an answer means, a token or a refusal."""
    try:
        return decode_token(given_answer)
    except PollError as error:
        return error


@given(
    body=st.binary(max_size=200) | DOCUMENTS.map(lambda document: json.dumps(document).encode()),
    status=st.integers(100, 599),
    retry_after=st.text(max_size=40),
)
def test_any_bytes_give_a_token_or_a_refusal(body: bytes, status: int, retry_after: str) -> None:
    """Whatever the accounts host answers is a usable token or a refusal with a bounded reason."""
    result = outcome(SealedAnswer(Answer(status, {"retry-after": retry_after}, body, RECEIVED_AT), Redactor()))
    if isinstance(result, PollError):
        assert result.code in REASONS
        assert result.message.isprintable()
    else:
        assert result.value.isascii()
        assert result.value.isprintable()
        assert RECEIVED_AT <= result.expires_at <= RECEIVED_AT + 100_000
