"""What the tests of all commands need."""

import signal
from collections.abc import Iterator

import pytest

from exporter.cli.ending import ENDING


@pytest.fixture
def _kept_signals() -> Iterator[None]:
    """Let a test end commands, even where a shell keeps it from hearing; afterwards signals do what they did."""
    kept = {number: signal.getsignal(number) for number in ENDING}
    for number in ENDING:
        signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
    yield
    for number, how in kept.items():
        signal.signal(number, how)
