"""What can't be ended is given up."""

import threading
from threading import Event

import pytest

from exporter.waits import waited_for


def test_what_comes_in_time_is_given() -> None:
    """What the work gives, or raises."""
    assert waited_for(lambda: 7, 30, "a number") == 7
    with pytest.raises(ValueError, match="no number"):
        waited_for(lambda: int("no number"), 30, "a number")


def test_what_comes_late_is_given_up() -> None:
    """In words, by a thread that the process does not wait for."""
    is_over = Event()
    with pytest.raises(TimeoutError, match=r"^the lookup is without an answer$"):
        waited_for(lambda: is_over.wait(30), 0.01, "the lookup")
    [thread] = [thread for thread in threading.enumerate() if thread.name == "the lookup"]
    assert thread.daemon
    is_over.set()
    thread.join(30)
    assert not thread.is_alive()
