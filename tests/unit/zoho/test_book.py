"""What an account has spent and holds."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Barrier

import pytest
from exporter.zoho.book import AccountBook
from samples import NOW

from exporter.model import AccountLedger


def test_a_new_book_is_empty() -> None:
    """Without a kept ledger nothing has been spent."""
    assert AccountBook().ledger == AccountLedger()


def test_a_book_goes_on_from_what_was_kept() -> None:
    """A kept ledger is the start."""
    kept = AccountLedger({1: 2}, (NOW,))
    assert AccountBook(kept).ledger is kept


def test_every_change_is_kept_at_once() -> None:
    """Each change reaches the disk before the caller goes on."""
    written: list[AccountLedger] = []
    book = AccountBook(keep=written.append)
    book.change(lambda ledger: replace(ledger, mints=(NOW,)))
    book.change(lambda ledger: replace(ledger, mints=(*ledger.mints, NOW + 1)))
    assert written == [AccountLedger(mints=(NOW,)), AccountLedger(mints=(NOW, NOW + 1))]
    assert book.ledger == written[-1]


def test_a_change_that_raises_changes_nothing() -> None:
    """A refused change leaves ledger, disk and lock as they were."""
    written: list[AccountLedger] = []
    book = AccountBook(keep=written.append)

    def refuse(_: AccountLedger) -> AccountLedger:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        book.change(refuse)
    assert (book.ledger, written) == (AccountLedger(), [])
    book.change(lambda ledger: replace(ledger, mints=(NOW,)))
    assert book.ledger.mints == (NOW,)


def test_changes_of_many_threads_are_all_kept() -> None:
    """No change comes between another's reading and writing."""
    book = AccountBook()
    barrier = Barrier(8)

    def count() -> None:
        barrier.wait(30)
        for _ in range(100):
            book.change(lambda ledger: replace(ledger, mints=(*ledger.mints, NOW)))

    with ThreadPoolExecutor(8) as pool:
        for future in [pool.submit(count) for _ in range(8)]:
            future.result(30)
    assert len(book.ledger.mints) == 800
