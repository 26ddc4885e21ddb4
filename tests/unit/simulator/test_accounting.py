"""The account of what was asked."""

from exporter.simulator.accounting import Call, CallBook, Stats
from exporter.simulator.faults import Endpoint


def call(endpoint: Endpoint, *, code: str = "", module: str | None = None, job_id: str | None = None) -> Call:
    """Make a call at no particular time."""
    return Call(0.0, endpoint, "GET", "/", module, job_id, 200, code)


def stats(book: CallBook) -> Stats:
    """Give the counts beside made-up limits."""
    return book.stats(used=1, remaining=2, in_flight=3, peak=4)


def test_every_call_is_counted_where_it_belongs() -> None:
    """By endpoint, by job, by refusal and by fault."""
    book = CallBook()
    book.record(call(Endpoint.STATUS, module="Leads", job_id="1"), faults=(), credits_spent=1)
    book.record(call(Endpoint.STATUS, module="Leads", code="X"), faults=("error",), credits_spent=1)
    book.record(call(Endpoint.SCHEDULE, module="Leads"), faults=(), credits_spent=1)
    book.record(call(Endpoint.OTHER, code="X"), faults=(), credits_spent=0)
    book.record(call(Endpoint.TOKEN), faults=(), credits_spent=0)
    book.record(call(Endpoint.TOKEN, code="invalid_code"), faults=(), credits_spent=0)
    assert stats(book) == Stats(
        crm_calls=4,
        schedule_calls=1,
        token_calls=2,
        tokens_minted=1,
        credits_spent=3,
        credits_used_24h=1,
        credits_remaining=2,
        in_flight=3,
        peak_concurrency=4,
        status_calls={"Leads/1": 1, "Leads/": 1},
        refused={"X": 2, "invalid_code": 1},
        faults_met={"error": 1},
    )


def test_the_journal_keeps_the_last_calls() -> None:
    """At most a thousand, so that a long run does not fill the memory."""
    book = CallBook()
    for number in range(1_001):
        book.record(call(Endpoint.STATUS, job_id=str(number)), faults=(), credits_spent=1)
    assert len(book.calls) == 1_000
    assert book.calls[0].job_id == "1"


def test_a_reset_begins_anew() -> None:
    """Counts and journal are empty."""
    book = CallBook()
    book.record(call(Endpoint.STATUS, module="Leads", job_id="1"), faults=(), credits_spent=1)
    book.reset()
    assert book.calls == ()
    assert stats(book) == Stats(credits_used_24h=1, credits_remaining=2, in_flight=3, peak_concurrency=4)
