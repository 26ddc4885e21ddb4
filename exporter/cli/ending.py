"""What ends a command from outside, or by the clock, where what it comes to is still to be told."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)
"""What ends a command from outside: whoever has changed how a terminal behaves changes it back first."""
INTERRUPTED = 130
"""How a command ends that Ctrl-C has ended, or what it takes for that."""
_LONGEST_SECONDS = 1e9
"""The system's timer takes no more than so many."""


class LateError(BaseException):
    """Time is up. As Ctrl-C does, it passes by whatever waits for errors. It may say what was waited for."""


def heard() -> dict[int, Any]:
    """Give what each of them does now, but for those that are passed over already, as by nohup: they stay so."""
    return {number: how for number in ENDING if (how := signal.getsignal(number)) is not signal.SIG_IGN}


@contextmanager
def stoppable() -> Iterator[None]:
    """Have Ctrl-C, and what else ends a command, raise `KeyboardInterrupt`, once: what it comes to is told whole."""

    def stop(*_: object) -> None:
        for number in before:
            signal.signal(number, signal.SIG_IGN)
        raise KeyboardInterrupt

    before = heard()
    for number in before:
        signal.signal(number, stop)
    try:
        yield
    finally:
        for number, how in before.items():
            if signal.getsignal(number) is stop:
                signal.signal(number, how)


@contextmanager
def in_time(seconds: float) -> Iterator[None]:
    """Have the block end after so many seconds, by a `LateError`, whatever it waits for."""

    def end(*_: object) -> NoReturn:
        raise LateError

    before = signal.signal(signal.SIGALRM, end)
    signal.setitimer(signal.ITIMER_REAL, min(seconds, _LONGEST_SECONDS))
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@contextmanager
def holding() -> Iterator[Callable[[], None]]:
    """Give what has whatever ends a command wait, from its call to the block's end: nothing is left half-way then."""
    before, came = heard(), list[int]()

    def hold() -> None:
        for number in before:
            signal.signal(number, lambda number, _: came.append(number))

    try:
        yield hold
    finally:
        for number, how in before.items():
            signal.signal(number, how)
        for number in came[:1]:
            signal.raise_signal(number)
