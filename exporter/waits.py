"""Waits for what can't be ended, such as a name lookup: whoever waits goes on after a while."""

from collections.abc import Callable
from queue import Empty, SimpleQueue
from threading import Thread
from typing import TypeVar

T = TypeVar("T")


def waited_for(work: Callable[[], T], seconds: float, what: str) -> T:
    """Do the work in a thread that nobody has to wait for, and give what comes of it within so many seconds.

    Raises:
        TimeoutError: `what`, in words, is without an answer.
        Exception: what the work raises.
    """
    # A `Future` would load the log, which commands that are done at once do without.
    outcome: SimpleQueue[T | _Raised] = SimpleQueue()
    Thread(target=_do, args=(work, outcome), name=what, daemon=True).start()
    try:
        came = outcome.get(timeout=seconds)
    except Empty:
        raise TimeoutError(f"{what} is without an answer") from None
    if isinstance(came, _Raised):
        raise came.error
    return came


class _Raised:
    """What the work has raised."""

    def __init__(self, error: Exception) -> None:
        self.error = error


def _do(work: Callable[[], T], outcome: "SimpleQueue[T | _Raised]") -> None:
    try:
        outcome.put(work())
    except Exception as error:  # noqa: BLE001 - it is whoever waits who is to know of it
        outcome.put(_Raised(error))
