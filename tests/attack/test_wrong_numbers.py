"""Attacks on the numbers: an answer that is not this request's, counts that jump, credits that nobody can read."""

import json
import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping

import pytest
from attack.attacked import Attacked, Page
from attack.peer import Call, End, Peer, Script, Step, answer, chunked, error, head, report

Start = Callable[..., Attacked]

FOREIGN = 666
"""The count of an answer that nobody asked for."""
EARLY = head("103 Early Hints", "Link: </a.css>; rel=preload")
IDS = range(1001, 1009)
ODD, EVEN = IDS[::2], IDS[1::2]
LEADS = [("Leads", job_id) for job_id in IDS]


def done(call: Call) -> bytes:
    """Answer that the job has ended, with its own id as count."""
    return answer(report("COMPLETED", updated=int(call.job_id), left=0))


def foreign() -> bytes:
    """Give a whole answer about another job."""
    return answer(report("COMPLETED", updated=FOREIGN, left=0))


def by_account(scripts: dict[str, Script], *, odd: bool = False) -> Script:
    """Play for each account its own script, or only for its jobs of odd ids and answer well for the others."""
    return lambda call: scripts[call.account](call) if not odd or int(call.job_id) % 2 else [done(call)]


def always(*steps: Step) -> Script:
    """Play the same steps for every call."""
    return lambda _: steps


def told(page: Page, name: str = "updated_records", label: str = "") -> dict[str, dict[int, float | str]]:
    """Give what a job family tells of each account's jobs, where it tells something."""
    shown: dict[str, dict[int, float | str]] = {}
    for (_, labels), value in page.all(f"zoho_mass_update_job_{name}").items():
        named = dict(labels)
        shown.setdefault(named["account"], {})[int(named["job_id"])] = named[label] if label else value
    return shown


def only(shown: dict[str, dict[int, float | str]], job_ids: Iterable[int]) -> dict[str, dict[int, float | str]]:
    """Keep some jobs of what is told."""
    return {name: {job_id: seen for job_id, seen in jobs.items() if job_id in job_ids} for name, jobs in shown.items()}


def own(names: Iterable[str], job_ids: Iterable[int]) -> dict[str, dict[int, int]]:
    """Give the counts that the jobs of each account should show."""
    return {name: {job_id: job_id for job_id in job_ids} for name in names}


def test_z1_interim_answers_never_swap_jobs(start: Start, peer: Peer) -> None:
    """Every job shows its own counts, however late the final answer comes behind interim ones."""
    interim = {
        "early_hints": EARLY,
        "processing": head("102 Processing"),
        "eight": head("100 Continue") + EARLY * 7,
        "with_a_length": head("199 Whatever", "Content-Length: 5"),
    }
    peer.status = lambda call: [interim[call.account], int(call.job_id) % 5 * 0.08, done(call)]
    page = start(accounts=interim, jobs=LEADS).scrape()
    assert told(page) == own(interim, IDS)
    assert page.total("zoho_mass_update_records_processed_total", outcome="updated") == sum(IDS) * len(interim)


def test_z1_interim_answers_never_spoil_a_token(start: Start, peer: Peer) -> None:
    """A token that comes behind interim answers is used like any other."""
    peer.tokens = lambda call: [EARLY, 0.2, head("102 Processing"), 0.2, *peer.mint(call)]
    assert told(start(environment={"ZOHO_JOBS": "Leads/7"}).scrape()) == {"acme": {7: 7}}


ODDITIES: dict[str, Script] = {
    "late_body_of_204": lambda _: [head("204 No Content"), 0.05, foreign()],
    "late_body_of_205": lambda _: [head("205 Reset Content"), 0.05, foreign()],
    "body_of_304": lambda _: [head("304 Not Modified") + foreign()],
    "late_body_of_304": lambda _: [head("304 Not Modified"), 0.05, foreign()],
    "late_body_of_length_0": lambda _: [head("200 OK", "Content-Length: 0"), 0.05, foreign()],
    "late_body_of_no_chunks": lambda _: [head("200 OK", "Transfer-Encoding: chunked"), b"0\r\n\r\n", 0.05, foreign()],
    "switching_protocols": lambda _: [head("101 Switching Protocols", "Upgrade: h2c"), 0.05, foreign()],
    "nine_interim": lambda call: [EARLY * 9, 0.05, done(call)],
    "two_answers": lambda _: [answer(error("NOT_FOUND"), "404 Not Found") + foreign()],
    "behind_empty_lines": lambda _: [answer(report()) + b"\r\n\r\n" + foreign()],
    "behind_chunks": lambda _: [head("200 OK", "Transfer-Encoding: chunked"), chunked(report()) + foreign()],
    "shorter_than_it_is": lambda _: [head("200 OK", "Content-Length: 2") + b"{}" + foreign()],
    "two_lengths": lambda _: [head("200 OK", "Content-Length: 9", "Transfer-Encoding: chunked"), 0.05, foreign()],
    "half": lambda _: [head("200 OK", "Content-Length: 90") + b"{", End.CLOSE],
}


def test_z1_no_connection_outlives_an_answer_that_is_not_whole(start: Start, peer: Peer) -> None:
    """What comes beside one whole answer is never taken for the answer to the next request, nor spoils it."""
    peer.status = by_account(ODDITIES, odd=True)
    page = start(accounts=ODDITIES, jobs=LEADS, each={"max_concurrency": 2}).scrape()
    shown = told(page)
    assert only(shown, EVEN) == own(ODDITIES, EVEN)
    assert [name for name, jobs in shown.items() if FOREIGN in jobs.values()] == []
    assert only(told(page, "poll_success"), EVEN) == {name: dict.fromkeys(EVEN, 1) for name in ODDITIES}


def test_z2_a_204_with_a_body_is_no_such_job(start: Start, peer: Peer) -> None:
    """A 204 says that there is no such job, whatever body comes with it and when, and the neighbours are well."""
    body = json.dumps(error("NO_DATA", "there is no data to show")).encode()
    encodings = {
        "length": head("204 No Content", f"Content-Length: {len(body)}"),
        "chunks": head("204 No Content", "Transfer-Encoding: chunked"),
        "none": head("204 No Content"),
    }
    scripts: dict[str, Script] = {}
    for name, start_of_it in encodings.items():
        content = chunked(body) if name == "chunks" else body
        for pause in (0, 20, 200):
            scripts[f"{name}_{pause}"] = always(start_of_it, pause / 1000, content)
    peer.status = by_account(scripts, odd=True)
    page = start(accounts=scripts, jobs=LEADS, each={"max_concurrency": 1}).scrape()
    assert told(page, "poll_error", "code") == {name: dict.fromkeys(ODD, "NOT_FOUND") for name in scripts}
    assert told(page) == own(scripts, EVEN)


DYING: dict[str, Script] = {
    "idle_closed": lambda call: [done(call), End.CLOSE],
    "idle_closed_later": lambda call: [done(call), 0.03, End.CLOSE],
    "second_closed": lambda call: [done(call)] if call.nth == 1 else [End.CLOSE],
    "second_reset": lambda call: [done(call)] if call.nth == 1 else [End.RESET],
    "third_closed_late": lambda call: [done(call)] if call.nth < 3 else [0.2, End.CLOSE],
}


def test_z3_a_dead_connection_is_no_fault_of_the_job(start: Start, peer: Peer) -> None:
    """A poll on a connection that turns out dead is made again on a fresh one, and every call that came was booked."""
    peer.status = by_account(DYING)
    page = start(accounts=DYING, jobs=LEADS, each={"max_concurrency": 2}).scrape()
    assert told(page) == own(DYING, IDS)
    assert page.total("zoho_mass_update_poll_errors_total") == 0
    spent = {name: page.total("zoho_crm_api_credits_spent_total", account=name) for name in DYING}
    came = {name: sum(call.account == name for call in peer.polls) for name in DYING}
    assert {name: (came[name], spent[name]) for name in DYING if not came[name] <= spent[name] <= 2 * len(IDS)} == {}
    assert {name: page.total("zoho_crm_api_credits_used_24h", account=name) for name in DYING} == spent


def test_z3_a_fresh_connection_that_fails_is_not_tried_again(start: Start, peer: Peer) -> None:
    """A Zoho that ends every connection costs one call for each job."""
    scripts: dict[str, Script] = {"closed": lambda _: [End.CLOSE], "reset": lambda _: [End.RESET]}
    peer.status = by_account(scripts)
    page = start(accounts=scripts, jobs=LEADS).scrape()
    assert told(page, "poll_error", "code") == {name: dict.fromkeys(IDS, "connection") for name in scripts}
    assert len(peer.polls) == len(IDS) * len(scripts)


def test_z3_no_connection_is_kept_between_scrapes(start: Start, peer: Peer) -> None:
    """When a refresh is over its connections are closed, so that the next one meets no dead one."""
    exporter = start(environment={"ZOHO_JOBS": "Leads/7,Leads/8"})
    exporter.scrape()
    patience = time.monotonic() + 5
    while peer.open_connections and time.monotonic() < patience:
        time.sleep(0.05)
    assert not peer.open_connections


class Story:
    """A status call that answers for each module its own counts in turn, the last one again and again."""

    def __init__(self, field: str, counts: Mapping[str, Iterable[object]]) -> None:
        self.field = field
        self.counts = {module: [*told] for module, told in counts.items()}

    def __call__(self, call: Call) -> Iterator[Step]:
        """Answer with the module's next count."""
        counts = self.counts[call.module]
        body = json.dumps(report(**{self.field: counts.pop(0) if len(counts) > 1 else counts[0]}))
        yield answer(re.sub(r'"\w+": "MISSING", ', "", body).replace('"1e400"', "1e400").encode())


def processed(exporter: Attacked, outcome: str, times: int) -> dict[str, float]:
    """Scrape so many times and give the records that were counted at last, by module."""
    pages = [exporter.scrape() for _ in range(times)]
    found = pages[-1].all("zoho_mass_update_records_processed_total", outcome=outcome)
    return {dict(labels)["module"]: count for (_, labels), count in found.items()}


GAPS: list[object] = [-1, None, "text", float("nan"), "MISSING", "1e400", True, [], {}, 3.5, "", -(2**70)]


@pytest.mark.parametrize("field", ["updated", "failed"])
def test_z4_growth_counts_from_the_last_known_count(start: Start, peer: Peer, field: str) -> None:
    """A count that can't be read between good ones neither adds nor takes."""
    told = {f"Gap_{n}": [1001, gap, 1003, gap, 1005, gap, gap, 1008, gap, 1010] for n, gap in enumerate(GAPS)}
    peer.status = Story(field, told)
    exporter = start(environment={"ZOHO_JOBS": ",".join(f"{module}/7" for module in told)})
    assert processed(exporter, field, 10) == dict.fromkeys(told, 1010)


def test_z4_growth_counts_from_the_last_known_count_across_a_crash(start: Start, peer: Peer) -> None:
    """What was counted before a crash is not counted again, even if the last count could not be read."""
    peer.status = Story("failed", {"Leads": [1001, None, -1, 1010]})
    environment = {"ZOHO_JOBS": "Leads/7"}
    first = start(environment=environment)
    assert processed(first, "failed", 2) == {"Leads": 1001}
    first.kill()
    assert processed(start(environment=environment), "failed", 3) == {"Leads": 1010}


TIDES: dict[str, tuple[list[object], int]] = {
    "Once": ([30, 5, 35, 35, 35, 35, 35], 35),
    "Steps": ([30, 5, 5, 20, 30, 29, 31], 31),
    "Gap": ([30, 0, None, 30, 35, 35, 35], 35),
    "Never_back": ([30, 5, -1, 7, 7, 7, 7], 30),
    "To_nothing": ([30, 0, 30, 0, 30, 0, 30], 30),
}


@pytest.mark.parametrize("field", ["updated", "failed"])
def test_z5_each_record_counts_once(start: Start, peer: Peer, field: str) -> None:
    """Counts that go back and come again add only what is above the highest."""
    peer.status = Story(field, {module: counts for module, (counts, _) in TIDES.items()})
    exporter = start(environment={"ZOHO_JOBS": ",".join(f"{module}/7" for module in TIDES)})
    assert processed(exporter, field, 7) == {module: highest for module, (_, highest) in TIDES.items()}


def test_z5_each_record_counts_once_across_a_crash(start: Start, peer: Peer) -> None:
    """The highest count of a job outlives a crash while it shows a lower one."""
    peer.status = Story("updated", {"Leads": [30, 5, 35]})
    first = start(environment={"ZOHO_JOBS": "Leads/7"})
    assert processed(first, "updated", 2) == {"Leads": 30}
    first.kill()
    assert processed(start(environment={"ZOHO_JOBS": "Leads/7"}), "updated", 1) == {"Leads": 35}


WORDS = ["-5", "n/a", "399.5", "", "4 000", "0x1000", "1e9", "nan", "inf", "9,000", "--1", "\u00b3", "9" * 5000]


def test_z6_an_odd_word_about_credits_never_lifts_the_reserve(start: Start, peer: Peer) -> None:
    """Below the reserve polling stops, and neither an odd word nor a crash starts it again.

    Both jobs are asked for before the first answer: after it they would not be.
    """
    words = {f"word_{n}": ["400", word] for n, word in enumerate(WORDS)} | {"negative": ["-5", "-5"]}
    expected = dict.fromkeys(words, 400.0) | {"word_0": 0, "negative": 0}

    def said(call: Call) -> list[Step]:
        turn = int(call.job_id) - 1
        header = f"\r\nX-API-CREDITS-REMAINING: {words[call.account][turn]}\r\n".encode("latin-1")
        return [0.4 + turn * 0.4, answer(report()).replace(b"\r\n", header, 1)]

    peer.status = said
    accounts, jobs = words, [("Leads", 1), ("Leads", 2)]
    exporter = start(accounts=accounts, jobs=jobs)
    exporter.scrape()
    polls = len(peer.polls)
    for crash in (False, False, True, False):
        if crash:
            exporter.kill()
            exporter = start(accounts=accounts, jobs=jobs)
        page = exporter.scrape()
        assert {name: page.value("zoho_crm_api_credits_remaining", account=name) for name in words} == expected
        assert page.total("zoho_crm_api_credit_reserve_reached") == len(words)
    assert len(peer.polls) == polls


def test_z6_only_silence_means_plenty(start: Start, peer: Peer) -> None:
    """Polling goes on after a report without the header."""
    said = [("X-API-CREDITS-REMAINING: 501",), (), ()]
    peer.status = lambda _: [answer(report(), "200 OK", *said.pop(0))]
    exporter = start(environment={"ZOHO_JOBS": "Leads/7"})
    pages = [exporter.scrape() for _ in range(3)]
    assert [page.value("zoho_crm_api_credits_remaining", account="acme") for page in pages] == [501, None, None]
