"""The open connections and their stalls."""

import socket
from collections.abc import Iterator
from contextlib import closing

import pytest

from exporter.simulator.transport.listener import Connections, HangUpError


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    """Give the two ends of a connection."""
    ours, theirs = socket.socketpair()
    with closing(ours), closing(theirs):
        theirs.settimeout(10)
        yield ours, theirs


def test_a_stall_is_released(pair: tuple[socket.socket, socket.socket]) -> None:
    """The other end sees the connection end."""
    connections = Connections()
    with connections.stalling(pair[0], connections.releases):
        connections.release_stalled()
        assert pair[1].recv(1) == b""


def test_a_stall_that_begins_after_its_release_ends_at_once(pair: tuple[socket.socket, socket.socket]) -> None:
    """The faults were cleared while the request was on its way: nobody would release it again."""
    connections = Connections()
    releases = connections.releases
    connections.release_stalled()
    with pytest.raises(HangUpError), connections.stalling(pair[0], releases):
        pytest.fail("it stalls")


def test_connections_that_do_not_leave_are_not_waited_for(pair: tuple[socket.socket, socket.socket]) -> None:
    """The end is bounded, and it says that it was not reached."""
    connections = Connections()
    connections.enter(pair[0])
    assert connections.end(0) is False
    connections.leave(pair[0])
    assert connections.end(0) is True
