"""What ends a command from outside, where what it comes to is still to be told."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager

ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)
"""What ends a command from outside: whoever has changed how a terminal behaves changes it back first."""


@contextmanager
def stoppable() -> Iterator[None]:
    """Have Ctrl-C, and what else ends a command, raise `KeyboardInterrupt`, once: what it comes to is told whole."""

    def stop(*_: object) -> None:
        for number in before:
            signal.signal(number, signal.SIG_IGN)
        raise KeyboardInterrupt

    # What is passed over already, as by nohup, stays so.
    before = {number: how for number in ENDING if (how := signal.getsignal(number)) is not signal.SIG_IGN}
    for number in before:
        signal.signal(number, stop)
    try:
        yield
    finally:
        for number, how in before.items():
            if signal.getsignal(number) is stop:
                signal.signal(number, how)
