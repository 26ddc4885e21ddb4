"""Attacks with what Zoho's own specification, SDKs and change logs say that it answers, and with odd shapes of it."""

import email.utils
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator

import pytest
from attack.attacked import Attacked, Page
from attack.conftest import SCHEDULE, kind_account
from attack.peer import Call, End, Peer, Script, Step, answer, chunked, error, head, report
from processes import unmeasured_environment

Start = Callable[..., Attacked]

REFUSALS = {"ZOHO_SCHEDULE__REFUSAL_SHORTEST": "0s", "ZOHO_SCHEDULE__REFUSAL_LONGEST": "0s"}
WELL = answer(report(updated=7))


def modules(names: Iterable[str]) -> str:
    """Give the setting that watches one job of each module."""
    return ",".join(f"{name}/7" for name in names)


def codes(page: Page, label: str = "module") -> dict[str, str]:
    """Give why polls failed, by module or account."""
    errors = [dict(labels) for _, labels in page.all("zoho_mass_update_job_poll_error")]
    return {labels[label]: labels["code"] for labels in errors}


def counts(page: Page, label: str = "module") -> dict[str, float]:
    """Give the updated records, by module or account."""
    found = page.all("zoho_mass_update_job_updated_records").items()
    return {dict(labels)[label]: value for (_, labels), value in found}


def explained(exporter: Attacked, module: str) -> str:
    """Give the sentences about the job of a module, in lower case."""
    return exporter.ask(f"/explain?account=acme&crm_module={module}&job_id=7").text.lower()


DEAD_TOKENS = {
    "invalid_token": answer(error("INVALID_TOKEN", "invalid oauth token"), "401 Unauthorized"),
    "kaizen_25": answer(error("AUTHENTICATION_FAILED", "Authentication failed"), "401 Unauthorized"),
    "sdk": answer(error("AUTHENTICATION_FAILURE", "Authentication failed"), "401 Unauthorized"),
    "oas": answer(error("UNAUTHORIZED"), "401 Unauthorized"),
    "new_code": answer(error("TOKEN_RETIRED_IN_2027"), "401 Unauthorized"),
    "null_code": answer(error(None), "401 Unauthorized"),
    "number": answer(error(401), "401 Unauthorized"),
    "in_data": answer({"data": [error("AUTHENTICATION_FAILED")]}, "401 Unauthorized"),
    "html": answer(b"<html>Unauthorized</html>", "401 Unauthorized"),
    "empty": answer(b"", "401 Unauthorized"),
    "list": answer([error("AUTHENTICATION_FAILED")], "401 Unauthorized"),
}


def test_o1_any_401_but_the_scope_refreshes_once_and_tries_once(start: Start, peer: Peer) -> None:
    """A 401 of whatever words costs one more token and one more call, and the job has its report."""
    first: dict[str, str] = {}
    scope = answer(error("OAUTH_SCOPE_MISMATCH", "invalid oauth scope to access this URL"), "401 Unauthorized")

    def refuse_the_first_token(call: Call) -> list[Step]:
        if call.account == "scope":
            return [scope]
        return [DEAD_TOKENS[call.account] if first.setdefault(call.account, call.token) == call.token else WELL]

    peer.status = refuse_the_first_token
    page = start(accounts=[*DEAD_TOKENS, "scope"], jobs=[("Leads", 7)]).scrape()
    assert counts(page, "account") == dict.fromkeys(DEAD_TOKENS, 7)
    assert codes(page, "account") == {"scope": "OAUTH_SCOPE_MISMATCH"}
    assert Counter(call.account for call in peer.refreshes) == {**dict.fromkeys(DEAD_TOKENS, 2), "scope": 1}
    assert Counter(call.account for call in peer.polls) == {**dict.fromkeys(DEAD_TOKENS, 2), "scope": 1}


def test_o1_a_401_that_stays_is_not_tried_for_ever(start: Start, peer: Peer) -> None:
    """Where no token helps, one refresh and one more call are all, and the code is told."""
    peer.status = lambda call: [DEAD_TOKENS[call.account]]
    page = start(accounts=DEAD_TOKENS, jobs=[("Leads", 7)]).scrape()
    assert {*codes(page, "account")} == {*DEAD_TOKENS}
    assert set(Counter(call.account for call in peer.refreshes).values()) <= {1, 2}
    assert set(Counter(call.account for call in peer.polls).values()) == {2}


ADVICE: dict[str, tuple[bytes, str, str]] = {
    "Not_Supported": (
        answer(error("NOT_SUPPORTED", "the given module is not supported for this api"), "400 Bad Request"),
        "module",
        "edition",
    ),
    "Not_Supported_403": (answer(error("NOT_SUPPORTED", "not supported"), "403 Forbidden"), "module", "edition"),
    "Feature": (
        answer(
            error("FEATURE_NOT_SUPPORTED", "Scheduled Mass Operation feature is not available in your edition"),
            "403 Forbidden",
        ),
        "edition",
        "api_url",
    ),
}


def test_o2_not_supported_is_about_the_module(start: Start, peer: Peer) -> None:
    """The advice for each code names what it is about, and not what another code is about."""
    peer.status = lambda call: [ADVICE[call.module][0]]
    exporter = start(environment={"ZOHO_JOBS": modules(ADVICE)})
    exporter.scrape()
    said = {module: explained(exporter, module).partition("what to do")[2].partition("\n")[0] for module in ADVICE}
    assert [module for module, (_, right, _) in ADVICE.items() if right not in said[module]] == []
    assert [module for module, (_, _, wrong) in ADVICE.items() if wrong in said[module]] == []


def test_o3_a_wrong_host_has_a_code_and_an_advice(start: Start, peer: Peer) -> None:
    """INVALID_HOST is counted by its own name, and leads to api_url or the data centre."""
    peer.status = lambda _: [answer(error("INVALID_HOST", "The host is invalid"), "400 Bad Request")]
    exporter = start(environment={"ZOHO_JOBS": "Leads/7"})
    assert codes(exporter.scrape()) == {"Leads": "INVALID_HOST"}
    said = explained(exporter, "Leads")
    assert [word for word in ("api_url", "data centre", "data_center") if word in said]


INVALID_ID = "The jobid given seems to be invalid"
UNKNOWN_JOB: dict[str, bytes] = {
    "Documented": answer(error("NOT_FOUND", "Empty response"), "404 Not Found"),
    "Null_code": answer(error(None, "Empty response"), "404 Not Found"),
    "No_code": answer({"message": "Empty response", "status": "error"}, "404 Not Found"),
    "Empty_data": answer({"data": []}),
    "Param": answer(error("INVALID_DATA", INVALID_ID, {"param_name": "job_id"}), "400 Bad Request"),
    "No_details": answer(error("INVALID_DATA", INVALID_ID), "400 Bad Request"),
    "Null_details": answer(
        {"code": "INVALID_DATA", "details": None, "message": INVALID_ID, "status": "error"}, "400 Bad Request"
    ),
    "No_data_200": answer(error("NO_DATA", "there is no data to show")),
    "No_content_200": answer(error("NO_CONTENT")),
    "No_data_404": answer(error("NO_DATA"), "404 Not Found"),
    "In_list": answer({"data": [error("NOT_FOUND", "Empty response")]}),
    "In_object": answer({"data": error("NOT_FOUND", "Empty response")}),
    "In_object_400": answer({"data": error("INVALID_DATA", INVALID_ID)}, "400 Bad Request"),
    "Bare_204": head("204 No Content"),
    "Chunked_empty_data": head("200 OK", "Transfer-Encoding: chunked") + chunked({"data": []}),
}
"""Answers that say that there is no such job, by module."""


def test_o4_no_such_job_has_many_shapes_and_one_outcome(start: Start, peer: Peer) -> None:
    """Every shape is told as an unknown job, is no fault that is asked about for ever, and lasts unknown_retention."""
    peer.status = lambda call: [UNKNOWN_JOB[call.module]]
    exporter = start(environment={"ZOHO_JOBS": modules(UNKNOWN_JOB)})
    page = exporter.scrape()
    allowed = {"NOT_FOUND", "INVALID_DATA"}
    assert {module: code for module, code in codes(page).items() if code not in allowed} == {}
    assert {*codes(page)} == {*UNKNOWN_JOB}
    exporter.scrape()
    assert Counter(call.module for call in peer.polls) == dict.fromkeys(UNKNOWN_JOB, 1)


def test_o4_an_object_is_read_like_a_list(start: Start, peer: Peer) -> None:
    """A report that stands in an object instead of a list is a report."""
    peer.status = lambda _: [answer({"data": {"Status": "RUNNING", "Updated_Count": 7, "Total_Count": 50}})]
    assert counts(start(environment={"ZOHO_JOBS": "Leads/7"}).scrape()) == {"Leads": 7}


def test_o4_of_several_reports_none_is_believed(start: Start, peer: Peer) -> None:
    """None of them says which job it is of, so the job keeps what is known of it, and the fault is told."""
    ended = {"Status": "COMPLETED", "Updated_Count": 50, "Total_Count": 50}
    answers = iter([WELL])
    several = answer({"data": [ended, {"Status": "RUNNING", "Updated_Count": 8, "Total_Count": 50}]})
    peer.status = lambda _: [next(answers, several)]
    exporter = start(environment={"ZOHO_JOBS": "Leads/7"})
    pages = [exporter.scrape() for _ in range(2)]
    assert [counts(page) for page in pages] == [{"Leads": 7}] * 2
    assert [codes(page) for page in pages] == [{}, {"Leads": "invalid_response"}]
    assert "(2 elements in data)" in explained(exporter, "Leads")


SCOPES = {
    "Leads": "leads",
    "Price_Books": "pricebooks",
    "Sales_Orders": "salesorders",
    "Purchase_Orders": "purchaseorders",
    "My_Own_Things": "custom",
    "CustomModule5": "custom",
}


def test_o5_the_advised_scope_exists_at_zoho(start: Start, peer: Peer) -> None:
    """The scope of a module is its lower-case name without underscore, and `custom` for every custom module."""
    peer.status = lambda _: [answer(error("OAUTH_SCOPE_MISMATCH", "invalid oauth scope"), "401 Unauthorized")]
    exporter = start(environment={"ZOHO_JOBS": modules(SCOPES)})
    exporter.scrape()
    said = {module: explained(exporter, module) for module in SCOPES}
    for module, text in said.items():
        scopes = {word.strip(".,;:`'\"()") for word in text.split() if "zohocrm.mass_update." in word}
        allowed = {f"zohocrm.mass_update.{SCOPES[module]}.read", "zohocrm.mass_update.read"}
        assert scopes, f"{module}: no scope in {text}"
        assert scopes <= allowed


@pytest.mark.parametrize(("version", "told"), [("v8", "Activities"), ("v3", "Activities"), ("v2.1", ""), ("v2", "")])
def test_o6_check_says_that_activities_cannot_be_asked(build: list[str], peer: Peer, version: str, told: str) -> None:
    """From version v3 on there is no module Activities, and `check` says so."""
    variables = {**kind_account(peer), **SCHEDULE, "ZOHO_API_VERSION": version, "ZOHO_JOBS": "Activities/7,Leads/7"}
    environment = unmeasured_environment(**variables)
    ran = subprocess.run([*build, "check"], env=environment, capture_output=True, text=True, check=False)
    said = ran.stdout + ran.stderr
    assert ("Activities" if "Activities" in said else "") == told


@pytest.mark.parametrize("code", ["INVALID_TOKEN", "AUTHENTICATION_FAILURE"])
def test_o7_a_401_of_a_token_that_others_are_answered_with_is_the_jobs_own(start: Start, peer: Peer, code: str) -> None:
    """One job that is always refused mints no tokens, and takes no polls from the others."""
    refusal = answer(error(code, "invalid oauth token"), "401 Unauthorized")
    peer.status = lambda call: [0.1, refusal] if call.job_id == "1" else [WELL]
    ids = [str(job_id) for job_id in range(1, 7)]
    exporter = start(environment={"ZOHO_JOBS": ",".join(f"Leads/{job_id}" for job_id in ids), **REFUSALS})
    pages = [exporter.scrape() for _ in range(8)]
    assert peer.minted <= 3
    assert {job_id: peer.asked(job_id) for job_id in ids[1:]} == dict.fromkeys(ids[1:], 8)
    assert pages[-1].total("zoho_crm_api_circuit_open") == 0
    assert pages[-1].by_job("poll_error", "code") == {"1": code}


def test_o7_a_token_that_dies_while_a_slow_call_is_under_way_is_not_held_against_its_job(
    start: Start, peer: Peer
) -> None:
    """Others were answered with it, and begun later: the next scrape tells that it has died, and the job goes on."""
    dead: set[str] = set()

    def slow_then_dead(call: Call) -> Iterator[Step]:
        if call.job_id == "1" and peer.asked("1") == 2:
            yield 0.5
            dead.add(call.token)
        yield DEAD_TOKENS["invalid_token"] if call.token in dead else WELL

    peer.status = slow_then_dead
    exporter = start(environment={"ZOHO_JOBS": ",".join(f"Leads/{job_id}" for job_id in range(1, 7))})
    pages = [exporter.scrape() for _ in range(8)]
    assert len(dead) == 1
    assert peer.minted == 2
    assert pages[-1].by_job("poll_error", "code") == {}
    assert peer.asked("1") > 3


@pytest.mark.parametrize("seconds", [20, 60])
def test_o8a_a_token_of_a_short_life_serves_for_half_of_it(start: Start, peer: Peer, seconds: int) -> None:
    """Scrapes one after another do not mint a token each, however soon it ends."""
    peer.tokens = lambda _: [answer({"access_token": "1000.short", "expires_in": seconds, "api_domain": peer.url})]
    exporter = start(environment={"ZOHO_JOBS": "Leads/1"})
    pages = [exporter.scrape() for _ in range(4)]
    assert len(peer.refreshes) == 1
    assert counts(pages[-1]) == {"Leads": 1}


COUNTS: list[tuple[str, set[float | None]]] = [
    ("30", {30}),
    ('"30"', {30}),
    ("30.0", {30, None}),
    ("3e1", {30, None}),
    ('" 30 "', {30, None}),
    ("30.5", {None}),
    ('"30.5"', {None}),
    ("-0", {0, None}),
    ("true", {None}),
    ("null", {None}),
    ('"0x1e"', {None}),
    ('"1_000"', {None}),
    ('"+30"', {30, None}),
    ('"\u0663\u0660"', {30, None}),
    ("1e400", {None}),
    ("[30]", {None}),
    ('{"value": 30}', {None}),
    ("9" * 5000, {None}),
    ('"' + "9" * 5000 + '"', {None}),
    ("9223372036854775808", {None, 2.0**63}),
    ('30, "Updated_Count": 31', {30, 31, None}),
]
STATES = [
    "null",
    "7",
    "{}",
    "1e400",
    '["RUNNING"]',
    '"' + "x" * 9999 + '"',
    '"running "',
    '"\\u0000"',
    '"RUNNING", "Status": "FAILED"',
]


def test_o8a_a_count_of_an_odd_shape_has_one_outcome(start: Start, peer: Peer) -> None:
    """Whatever stands for a count or a state, the page has the number or none, and no poll fails unforeseen."""
    told = {f"Count_{n}": (text, '"RUNNING"') for n, (text, _) in enumerate(COUNTS)}
    told |= {f"State_{n}": ("30", text) for n, text in enumerate(STATES)}

    def odd(call: Call) -> list[Step]:
        count, state = told[call.module]
        body = f'{{"data": [{{"Status": {state}, "Failed_Count": 0, "Updated_Count": {count}, "Total_Count": 50}}]}}'
        return [answer(body.encode())]

    peer.status = odd
    page = start(environment={"ZOHO_JOBS": modules(told)}).scrape()
    seen = counts(page)
    expected = {f"Count_{n}": allowed for n, (_, allowed) in enumerate(COUNTS)}
    assert {told[module][0]: seen.get(module) for module in expected if seen.get(module) not in expected[module]} == {}
    assert [told[module] for module, code in codes(page).items() if code == "other"] == []
    ones = [dict(labels)["module"] for (_, labels), value in page.all("zoho_mass_update_job_state").items() if value]
    assert Counter(ones) == dict.fromkeys(told, 1)


def throttled(*headers: str, details: object = None) -> Script:
    """Refuse with a 429."""
    return lambda _: [answer(error("TOO_MANY_REQUESTS", details=details), "429 Too Many Requests", *headers)]


def throttled_until_a_date(call: Call) -> Iterable[Step]:
    """Refuse with a date that is two minutes ahead whenever that is asked."""
    return throttled("Retry-After: " + email.utils.formatdate(time.time() + 120, usegmt=True))(call)


PAUSES: dict[str, tuple[Script, float]] = {
    "none": (throttled(), 0),
    "seconds": (throttled("Retry-After: 120"), 100),
    "date": (throttled_until_a_date, 100),
    "past_date": (throttled("Retry-After: Sun, 06 Nov 1994 08:49:37 GMT"), 0),
    "twice": (throttled("Retry-After: 120", "Retry-After: 120"), 100),
    "twice_differing": (throttled("Retry-After: 120", "Retry-After: 100"), 90),
    "fraction": (throttled("Retry-After: 120.5"), 0),
    "negative": (throttled("Retry-After: -5"), 0),
    "huge": (throttled("Retry-After: " + "9" * 40), 0),
    "long": (throttled("Retry-After: " + "9" * 5000), 0),
    "exponent": (throttled("Retry-After: 1e308"), 0),
    "nan": (throttled("Retry-After: nan"), 0),
    "inf": (throttled("Retry-After: inf"), 0),
    "empty": (throttled("Retry-After:"), 0),
    "far_date": (throttled("Retry-After: Fri, 31 Dec 9999 23:59:59 GMT"), 0),
    "details": (throttled(details={"retry_after": 120}), 100),
    "details_text": (throttled(details={"retry_after": "120"}), 100),
    "details_fraction": (throttled(details={"retry_after": 120.0}), 100),
    "details_true": (throttled(details={"retry_after": True}), 0),
    "details_list": (throttled(details=[]), 0),
    "details_huge": (throttled(details={"retry_after": 1e308}), 0),
    "longer_wins": (throttled("Retry-After: 1", details={"retry_after": 120}), 100),
}


def test_o8a_a_pause_of_an_odd_shape_has_one_outcome(start: Start, peer: Peer) -> None:
    """Whatever stands for a pause, the account waits for what can be read of it, and never for ever."""
    peer.status = lambda call: PAUSES[call.account][0](call)
    exporter = start(accounts=PAUSES, jobs=[("Leads", 7)])
    page = exporter.scrape()
    assert codes(page, "account") == dict.fromkeys(PAUSES, "TOO_MANY_REQUESTS")
    odd = [key for key, value in page.samples.items() if "timestamp_seconds" in key[0] and not 1e9 < value < 1e11]
    assert odd == []
    exporter.scrape()
    calls = Counter(call.account for call in peer.polls)
    assert {name: calls[name] for name, (_, seconds) in PAUSES.items() if seconds} == dict.fromkeys(
        (name for name, (_, seconds) in PAUSES.items() if seconds), 1
    )


def test_o8a_a_servers_pause_of_an_odd_shape_has_one_outcome(start: Start, peer: Peer) -> None:
    """A job whose server asks for a pause waits for what can be read of it, and at most some days."""

    def unavailable(call: Call) -> Iterator[Step]:
        for step in PAUSES[call.account][0](call):
            sent = step if isinstance(step, bytes) else b""
            yield sent.replace(b"429 Too Many Requests", b"503 Unavailable").replace(b"TOO_MANY", b"INTERNAL")

    peer.status = unavailable
    since = time.time()
    page = start(accounts=PAUSES, jobs=[("Leads", 7)]).scrape()
    assert {*codes(page, "account")} == {*PAUSES}
    found = page.all("zoho_mass_update_job_next_poll_timestamp_seconds").items()
    waits = {dict(labels)["account"]: value - since for (_, labels), value in found}
    assert {name: wait for name, wait in waits.items() if wait < PAUSES[name][1]} == {}
    assert {name: wait for name, wait in waits.items() if not wait < 7 * 86400} == {}


HEADS = {
    "length_twice": head("200 OK", "Content-Length: 4", "Content-Length: 400"),
    "length_list": head("200 OK", "Content-Length: 4, 4"),
    "length_negative": head("200 OK", "Content-Length: -4"),
    "length_text": head("200 OK", "Content-Length: four"),
    "length_huge": head("200 OK", "Content-Length: " + "9" * 5000),
    "encodings": head("200 OK", "Transfer-Encoding: gzip, chunked, chunked"),
    "gzip_that_is_none": head("200 OK", "Content-Encoding: gzip", "Content-Length: 4"),
    "charset": head("200 OK", "Content-Type: application/json; charset=klingon", "Content-Length: 4"),
    "http_0_9": b"",
    "http_3": b"HTTP/3 200 OK\r\nContent-Length: 4\r\n\r\n",
    "status_0": b"HTTP/1.1 0 OK\r\nContent-Length: 4\r\n\r\n",
    "status_text": b"HTTP/1.1 OK\r\nContent-Length: 4\r\n\r\n",
    "status_1000": b"HTTP/1.1 1000 OK\r\nContent-Length: 4\r\n\r\n",
    "long_line": head("200 " + "O" * 70_000),
    "many_headers": head("200 OK", *[f"X-{n}: a" for n in range(500)]),
    "folded": b"HTTP/1.1 200 OK\r\nX-A: b\r\n c\r\nContent-Length: 4\r\n\r\n",
    "redirect": head("302 Found", "Location: http://127.0.0.1:1/", "Content-Length: 4"),
    "redirect_without_place": head("301 Moved", "Content-Length: 4"),
}


def test_o8a_a_head_of_an_odd_shape_has_one_outcome(start: Start, peer: Peer) -> None:
    """Headers that contradict each other make a foreseen fault of this job, and the neighbours are well."""
    peer.status = lambda call: [HEADS[call.account] + b"null", End.CLOSE] if call.job_id == "1" else [WELL]
    page = start(accounts=HEADS, jobs=[("Leads", 1), ("Deals", 2)]).scrape()
    failed = [dict(labels) for _, labels in page.all("zoho_mass_update_job_poll_error")]
    assert {labels["account"]: labels["code"] for labels in failed if labels["code"] == "other"} == {}
    assert {labels["account"] for labels in failed if labels["job_id"] == "1"} == {*HEADS}
    assert {labels["account"] for labels in failed if labels["job_id"] == "2"} == set()
