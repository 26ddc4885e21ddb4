"""Waits for what can't be ended, such as a name lookup: whoever waits goes on after a while."""

from collections.abc import Callable
from concurrent.futures import Future
from threading import Thread
from typing import TypeVar

T = TypeVar("T")


def waited_for(work: Callable[[], T], seconds: float, what: str) -> T:
    """Do the work in a thread that nobody has to wait for, and give what comes of it within so many seconds.

    Raises:
        TimeoutError: `what`, in words, is without an answer.
        Exception: what the work raises.
    """
    done: Future[T] = Future()
    Thread(target=_do, args=(work, done), name=what, daemon=True).start()
    try:
        return done.result(seconds)
    except TimeoutError:
        raise TimeoutError(f"{what} is without an answer") from None


def _do(work: Callable[[], T], done: "Future[T]") -> None:
    try:
        done.set_result(work())
    except Exception as error:  # noqa: BLE001 - it is whoever waits who is to know of it
        done.set_exception(error)
