"""Threads for what can't be ended, such as a name lookup: whoever waits for it goes on after a while."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from queue import Empty, SimpleQueue
from signal import SIG_BLOCK, SIG_SETMASK, pthread_sigmask, valid_signals
from threading import Thread
from typing import TypeVar

T = TypeVar("T")


def waited_for(work: Callable[[], T], seconds: float, what: str) -> T:
    """Do the work in a thread that nobody has to wait for, and give what comes of it within so many seconds.

    Raises:
        TimeoutError: `what`, in words, is without an answer.
        Exception: what the work raises.
    """
    return begin(work, what)(seconds)


def begin(work: Callable[[], T], what: str) -> Callable[[float | None], T]:
    """Begin the work in a thread of its own, and give what waits for it, once, as `waited_for` does.

    `None` for the seconds waits for as long as it takes.
    """
    # A `Future` would load the log, which commands that are done at once do without.
    outcome: SimpleQueue[T | _Raised] = SimpleQueue()
    with without_signals():
        Thread(target=_do, args=(work, outcome), name=what, daemon=True).start()

    def wait(seconds: float | None) -> T:
        try:
            came = outcome.get(timeout=seconds)
        except Empty:
            raise TimeoutError(f"{what} is without an answer") from None
        if isinstance(came, _Raised):
            raise came.error
        return came

    return wait


@contextmanager
def without_signals() -> Iterator[None]:
    """Let threads that are started within take no signal, nor those that they start: it stays with who waits for it."""
    mask = pthread_sigmask(SIG_BLOCK, valid_signals())
    try:
        yield
    finally:
        pthread_sigmask(SIG_SETMASK, mask)


class _Raised:
    """What the work has raised."""

    def __init__(self, error: Exception) -> None:
        self.error = error


def _do(work: Callable[[], T], outcome: "SimpleQueue[T | _Raised]") -> None:
    try:
        outcome.put(work())
    except Exception as error:  # noqa: BLE001 - it is whoever waits who is to know of it
        outcome.put(_Raised(error))
