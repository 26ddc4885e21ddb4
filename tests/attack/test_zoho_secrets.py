"""Attacks on what gets out, and on the credits: answers that echo secrets, floods into the log, strangers' probes."""

import base64
import html
import json
import re
import time
from collections import Counter
from collections.abc import Callable, Iterator
from urllib.parse import quote, unquote

import pytest
from attack.attacked import Attacked
from attack.conftest import API_TOKEN, CLIENT_SECRET, REFRESH_TOKEN
from attack.peer import TOKEN, Call, End, Peer, Script, Step, answer, error, head, report

Start = Callable[..., Attacked]

BEARER = {"Authorization": f"Bearer {API_TOKEN}"}
RARELY = {"ZOHO_SCHEDULE__FAULT_SHORTEST": "1h", "ZOHO_SCHEDULE__FAULT_LONGEST": "1h"}
SHOWN = 12
"""How many characters of a secret in a row are too many."""


def escaped(text: str) -> str:
    """Write every character as JSON may."""
    return "".join(f"\\u{ord(character):04x}" for character in text)


def plain(text: str) -> str:
    """Undo cases and escapes: those of HTML, JSON and URLs."""
    for _ in range(3):
        text = unquote(html.unescape(text)).replace("\\\\", "\\")
        text = re.sub(r"\\u([0-9a-fA-F]{4})", lambda found: chr(int(found[1], 16)), text)
    return text.lower()


def leaks(exporter: Attacked, secrets: dict[str, str], paths: list[str]) -> list[str]:
    """Give where a secret can be read: in the log, or on which page."""
    texts = {"the log": exporter.log, **{path: exporter.ask(path, headers=BEARER).text for path in paths}}
    parts = {name: [s[n : n + SHOWN].lower() for n in range(len(s) - SHOWN)] for name, s in secrets.items()}
    return [
        f"{name} in {place}"
        for place, text in texts.items()
        for name, pieces in parts.items()
        if any(piece in found for piece in pieces for found in (text.lower(), plain(text)))
    ]


def pages(jobs: list[tuple[str, str]]) -> list[str]:
    """Give every page that may show what Zoho answered about these jobs (account and module)."""
    queries = [f"account={account}&crm_module={module}&job_id=7" for account, module in jobs]
    single = [path for query in queries for path in (f"/explain?{query}", f"/probe?{query}&debug=true")]
    api = [f"/api/v1/jobs/{account}/{module}/7" for account, module in jobs]
    return ["/metrics", "/", "/config", "/-/ready", "/-/healthy", "/api/v1/jobs", "/sd/jobs", *single, *api]


def refusal(code: object, message: str) -> bytes:
    """Give a refusal by Zoho."""
    return answer(error(code, message), "400 Bad Request")


ECHOES: dict[str, Callable[[str], bytes]] = {
    "Message": lambda token: refusal("INVALID_DATA", f"no such token {token}"),
    "Message_upper": lambda token: refusal("INVALID_DATA", f"NO SUCH TOKEN {token.upper()}"),
    "Message_quoted": lambda token: refusal("INVALID_DATA", f"no such token {quote(token, safe='')} or %31{token[1:]}"),
    "Code": lambda token: refusal(token, "whatever"),
    "Code_in_data": lambda token: answer({"data": [error(token.upper(), token)]}),
    "Details": lambda token: answer(error("INVALID_DATA", "x", {token: token}), "400 Bad Request"),
    "Status": lambda token: answer(report(token, updated=7)),
    "Status_upper": lambda token: answer(report(f"RUNNING {token.upper()}", updated=7)),
    "Content_type": lambda token: head("200 OK", f"Content-Type: text/{token}", "Content-Length: 2") + b"hi",
    "Reason": lambda token: head(f"500 {token}", "Content-Length: 2") + b"hi",
    "Bad_status_line": lambda token: f"HTTP/{token} 200 OK\r\n\r\n".encode(),
    "No_http": lambda token: f"{token}\r\n\r\n".encode(),
    "Bad_header": lambda token: head("200 OK", token, "Content-Length: 2") + b"hi",
    "Bad_length": lambda token: head("200 OK", f"Content-Length: {token}") + b"hi",
    "Bad_chunk": lambda token: head("200 OK", "Transfer-Encoding: chunked") + f"{token}\r\nhi".encode(),
    "Bad_encoding": lambda token: head("200 OK", f"Content-Encoding: {token}", "Content-Length: 2") + b"hi",
    "Redirect": lambda token: head("302 Found", f"Location: http://127.0.0.1/{token}", "Content-Length: 0"),
    "Retry_after": lambda token: answer(error("TOO_MANY", token), "503 Unavailable", f"Retry-After: {token}"),
    "Credits": lambda token: answer(b"{}", "200 OK", f"X-API-CREDITS-REMAINING: {token}"),
    "Html": lambda token: answer(f"<html>Authorization: Zoho-oauthtoken {token}</html>".encode(), "502 Bad Gateway"),
    "Escaped": lambda token: answer(f'{{"code": "A", "message": "{escaped(token)}"}}'.encode(), "400 Bad Request"),
    "Escaped_broken": lambda token: answer(f'{{"code": "{escaped(token)}"'.encode()),
    **{
        f"Across_{at}": lambda token, at=at: answer(b"a" * (at - 16) + token.encode() + b"b" * 9999)  # type: ignore[misc]
        for at in (80, 100, 120, 200, 256, 500, 512, 1000, 1024, 2000, 2048)
    },
}
"""Answers that echo the access token, by module."""


def test_a4_no_echo_of_the_access_token_is_shown(start: Start, peer: Peer) -> None:
    """Wherever an answer echoes the token, in whatever spelling, no page and no log shows a part of it."""
    peer.status = lambda call: [ECHOES[call.module](call.token), End.CLOSE]
    jobs = ",".join(f"{module}/7" for module in ECHOES)
    exporter = start("--log.level=debug", environment={"ZOHO_JOBS": jobs, **RARELY})
    for _ in range(3):
        exporter.scrape()
    assert {*ECHOES} - {call.module for call in peer.polls} == set()
    found = leaks(exporter, {"the token": f"{TOKEN}1.acme"}, pages([("acme", module) for module in ECHOES]))
    assert found == []


BOTH = f"{CLIENT_SECRET} {REFRESH_TOKEN}"
TOKEN_ECHOES: dict[str, bytes] = {
    "error": answer({"error": CLIENT_SECRET}),
    "error_refresh": answer({"error": REFRESH_TOKEN.upper()}),
    "error_400": answer({"error": BOTH}, "400 Bad Request"),
    "description": answer({"error": "invalid_code", "error_description": BOTH}),
    "escaped": answer(f'{{"error": "{escaped(CLIENT_SECRET)}"}}'.encode()),
    "content_type": head("200 OK", f"Content-Type: text/{CLIENT_SECRET}", "Content-Length: 2") + b"hi",
    "html": answer(f"<html>client_secret={CLIENT_SECRET}&amp;refresh_token={quote(REFRESH_TOKEN)}</html>".encode()),
    "api_domain": answer(
        {"access_token": "1000.a", "expires_in": 60, "api_domain": f"https://{CLIENT_SECRET}.zoho.com"}
    ),
    "api_domain_path": answer({"access_token": "1000.b", "api_domain": f"https://www.zohoapis.com/{REFRESH_TOKEN}"}),
    "expires_in": answer({"access_token": "1000.c", "expires_in": CLIENT_SECRET}),
    "token_type": answer({"access_token": f"bad token\n{CLIENT_SECRET}", "token_type": REFRESH_TOKEN}),
    "reason": head(f"500 {CLIENT_SECRET}", "Content-Length: 2") + b"hi",
    "bad_header": head("200 OK", CLIENT_SECRET, "Content-Length: 2") + b"hi",
    "no_http": f"{CLIENT_SECRET} {REFRESH_TOKEN}\r\n\r\n".encode(),
    "redirect": head("302 Found", f"Location: http://127.0.0.1/{REFRESH_TOKEN}", "Content-Length: 0"),
}


def test_a4_no_echo_of_the_accounts_secrets_is_shown(start: Start, peer: Peer) -> None:
    """Wherever a token answer echoes client secret or refresh token, no page, log or state file has a part of them."""
    peer.tokens = lambda call: [TOKEN_ECHOES[call.account], End.CLOSE]
    exporter = start("--log.level=debug", accounts=TOKEN_ECHOES, jobs=[("Leads", 7)])
    exporter.scrape()
    assert {call.account for call in peer.refreshes} == {*TOKEN_ECHOES}
    secrets = {"the client secret": CLIENT_SECRET, "the refresh token": REFRESH_TOKEN}
    assert leaks(exporter, secrets, pages([(alias, "Leads") for alias in TOKEN_ECHOES])) == []
    exporter.stop()
    kept = b"".join(path.read_bytes() for path in exporter.state.parent.iterdir()).decode("latin-1")
    assert [name for name, secret in secrets.items() if secret[5 : 5 + SHOWN].lower() in plain(kept)] == []


def test_a4_readiness_never_tells_text_from_outside(start: Start, peer: Peer) -> None:
    """Without a password `/-/ready` gives words of its own, and none of Zoho's."""
    peer.tokens = lambda _: [answer({"error": "words-from-outside", "error_description": "<b>more of them</b>"})]
    exporter = start(environment={"ZOHO_JOBS": "Leads/7"})
    exporter.scrape()
    ready = exporter.ask("/-/ready")
    assert ready.status == 503
    assert [word for word in ("words", "outside", "more of them") if word in ready.text] == []


def test_a4_no_echo_of_the_proxys_password_is_shown(start: Start, peer: Peer) -> None:
    """Wherever a proxy's answer echoes its password, plain or as it was sent, no page and no log shows it."""
    password = "9d3f7a1c5e8b4026bd1f"
    sent = base64.b64encode(f"watcher:{password}".encode()).decode()
    lines = [
        f"HTTP/1.1 407 {password}\r\n\r\n",
        f"HTTP/1.1 403 {sent}\r\nContent-Length: 0\r\n\r\n",
        f"HTTP/1.1 502 Bad\r\nX: {password}\r\nContent-Length: 40\r\n\r\n{password}{password}",
        f"{password} {sent}\r\n\r\n",
        f"HTTP/1.1 200 OK\r\n{password}\r\n\r\n{password}\r\n",
    ]
    turns = [line.encode() for line in lines]
    peer.proxy = lambda call: [turns[call.connection % len(turns)], End.CLOSE]
    modules = [f"Proxied_{n}" for n in range(10)]
    exporter = start(
        "--log.level=debug",
        environment={
            "ZOHO_JOBS": ",".join(f"{module}/7" for module in modules),
            "ZOHO_API_URL": "https://www.attack.example",
            "ZOHO_PROXY_URL": peer.url.replace("//", f"//watcher:{password}@"),
            **RARELY,
        },
    )
    exporter.scrape()
    assert sum(call.method == "CONNECT" for call in peer.calls) >= len(lines)
    secrets = {"the password": password, "the password as sent": sent}
    assert leaks(exporter, secrets, pages([("acme", module) for module in modules])) == []


FLOODS: dict[str, Script] = {
    "no_colon": lambda call: [head("200 OK", f"a line without a colon {call.token}", "A: " + "b" * 3_000_000)],
    "no_colon_first": lambda call: [b"HTTP/1.1 200 OK\r\n" + call.token.encode() + b"\r\n" + b"c" * 3_000_000],
    "long_lines": lambda call: [head("200 OK", f"no colon {call.token}", *["b" * 60_000] * 50) + b"{}"],
    "many_lines": lambda call: [b"HTTP/1.1 200 OK\r\n" + f"no colon {call.token}\r\n".encode() * 50_000 + b"\r\n"],
    "body": lambda call: [answer(call.token.encode() * 50_000)],
    "code": lambda call: [answer(error(call.token * 20_000), "400 Bad Request")],
    "message": lambda call: [answer(error("X", "\n" * 500_000 + call.token), "400 Bad Request")],
    "state": lambda _: [answer(report("S" * 900_000))],
    "reason": lambda call: [head("500 " + call.token * 1500)],
}


def test_a5_no_answer_floods_the_log(start: Start, peer: Peer) -> None:
    """A poll writes a bounded line whatever comes, foreign loggers included, and never the token."""

    def flood(call: Call) -> Iterator[Step]:
        yield from FLOODS[call.account](call)
        yield End.CLOSE

    peer.status = flood
    exporter = start(accounts=FLOODS, jobs=[("Leads", 7)])
    for _ in range(3):
        exporter.scrape()
    assert len(peer.polls) >= len(FLOODS)
    assert max(len(line) for line in exporter.log.splitlines()) < 8_000
    assert len(exporter.log) < 300_000
    assert leaks(exporter, {"the token": TOKEN}, []) == []


def test_a5_no_token_answer_floods_the_log(start: Start, peer: Peer) -> None:
    """The token endpoint's answers are bounded in the log like the others."""
    flood = head("200 OK", f"no colon {CLIENT_SECRET}", *["b" * 60_000] * 50)
    peer.tokens = lambda _: [flood, End.CLOSE]
    exporter = start(environment={"ZOHO_JOBS": "Leads/7"})
    for _ in range(3):
        exporter.scrape()
    assert len(peer.refreshes) >= 1
    assert len(exporter.log) < 100_000
    assert leaks(exporter, {"the secret": CLIENT_SECRET}, []) == []


def probe(exporter: Attacked, module: str, job_id: object) -> int:
    """Probe a job and give the status of the answer."""
    return exporter.ask(f"/probe?account=acme&crm_module={module}&job_id={job_id}").status


def nobody_knows(call: Call) -> list[Step]:
    """Answer that there is no such job, but for Leads."""
    if call.module == "Leads":
        return [answer(report(updated=7))]
    if call.module.startswith("Invalid"):
        return [answer(error("INVALID_MODULE", "the module name given seems to be invalid"), "400 Bad Request")]
    return [answer(error("NOT_FOUND", "Empty response"), "404 Not Found")]


def test_a6_an_unknown_job_is_polled_only_when_probed(start: Start, peer: Peer) -> None:
    """Ids and modules that somebody made up cost one call each, make no series of modules, and no later calls."""
    peer.status = nobody_knows
    again = {"ZOHO_SCHEDULE__REFUSAL_SHORTEST": "0s", "ZOHO_SCHEDULE__REFUSAL_LONGEST": "0s"}
    exporter = start(environment={"ZOHO_JOBS": "Leads/7", **again})
    for n in range(6):
        probe(exporter, f"Made_up_{n}", n)
        probe(exporter, f"Invalid_{n}", n)
    made_up = sum(call.module != "Leads" for call in peer.polls)
    assert made_up <= 12
    page = [exporter.scrape() for _ in range(3)][-1]
    assert sum(call.module != "Leads" for call in peer.polls) == made_up
    series = {name for name, labels in page.samples if "job_id" not in dict(labels) and not known(dict(labels))}
    assert series == set()


def known(labels: dict[str, str]) -> bool:
    """Say whether a series is about no module, or about one that Zoho knows."""
    return labels.get("module", "Leads") == "Leads"


def test_a6_unknown_jobs_make_room_first(start: Start, peer: Peer) -> None:
    """When the room for probed jobs is full of made-up ones, a job that Zoho knows is still taken in."""
    peer.status = nobody_knows
    exporter = start(environment={"ZOHO_JOBS": "Leads/7", "ZOHO_MAX_PROBED_JOBS": "5"})
    real = [probe(exporter, "Leads", 100)]
    made_up = [probe(exporter, "Deals", n) for n in range(20)]
    real += [probe(exporter, "Leads", 101), probe(exporter, "Leads", 100)]
    assert real == [200, 200, 200]
    assert set(made_up) <= {200, 429}
    ids = {job["job_id"] for job in json.loads(exporter.ask("/api/v1/jobs", headers=BEARER).text)["jobs"]}
    assert {"7", "100", "101"} <= ids


@pytest.mark.parametrize("script", [nobody_knows, lambda _: [answer(report())]], ids=["unknown", "running"])
def test_a6_probes_take_at_most_a_quarter_of_the_budget(start: Start, peer: Peer, script: Script) -> None:
    """While other jobs live, jobs that only probes brought leave them three quarters of the credits."""
    peer.status = script
    budget = {"ZOHO_DAILY_CREDIT_BUDGET": "80", "ZOHO_CREDIT_RESERVE": "0", "ZOHO_STALE_AFTER": "1d"}
    exporter = start(environment={"ZOHO_JOBS": "Leads/7", **budget})
    exporter.scrape()
    for n in range(45):
        probe(exporter, "Deals", 1000 + n)
    asked = Counter(call.module for call in peer.polls)
    assert asked["Deals"] <= 20
    time.sleep(0.1)
    exporter.scrape()
    assert Counter(call.module for call in peer.polls)["Leads"] == asked["Leads"] + 1
