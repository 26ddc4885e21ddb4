"""Stores of each implementation of the port, by name, and the database of the one that is shared."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from databases import Server, pooling, serving
from houses import House, file_house, memory_house, postgres_house

HOUSES = ("file", "memory", "postgres")
KEEPING = ("file", "postgres")
"""The implementations that outlive a restart."""
ALONE = ("file",)
"""Those that nobody shares."""
SHARED = ("postgres",)
"""Those that several processes share."""


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """Give a database server."""
    with serving() as server:
        yield server


@pytest.fixture(scope="session")
def state_database(server: Server) -> Iterator[str]:
    """Give a database that many tests use one after the other, behind a pooler whose connections are warm.

    It is one in transaction mode: each question of a store may be answered on another connection.
    """
    server.create("state")
    with pooling(server) as pooler:
        yield pooler.url("state")


@pytest.fixture
def opened(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[str], House]]:
    """Give a function that opens a store by its implementation's name, empty at first, until the test ends.

    Stores of one that is shared are on the same database, and go by the same clock.
    """
    houses: list[House] = []

    def open_house(name: str) -> House:
        if name == "postgres" and not houses:
            server: Server = request.getfixturevalue("server")
            request.getfixturevalue("state_database")
            server.clear("state")
        houses.append(_open(name, request, tmp_path, houses))
        return houses[-1]

    yield open_house
    for house in houses:
        house.close()


def _open(name: str, request: pytest.FixtureRequest, tmp_path: Path, others: list[House]) -> House:
    if name == "postgres":
        return postgres_house(request.getfixturevalue("state_database"), *(other.clock for other in others[:1]))
    return memory_house() if name == "memory" else file_house(tmp_path / "state" / "state.db")


@pytest.fixture(params=HOUSES)
def house(request: pytest.FixtureRequest, opened: Callable[[str], House]) -> House:
    """Give a store of each implementation."""
    return opened(request.param)


@pytest.fixture(params=KEEPING)
def keeping(request: pytest.FixtureRequest, opened: Callable[[str], House]) -> House:
    """Give a store of each implementation that outlives a restart."""
    return opened(request.param)


@pytest.fixture(params=ALONE)
def alone(request: pytest.FixtureRequest, opened: Callable[[str], House]) -> House:
    """Give a store of each implementation that outlives a restart and that nobody shares."""
    return opened(request.param)


@pytest.fixture(params=SHARED)
def pair(request: pytest.FixtureRequest, opened: Callable[[str], House]) -> tuple[House, House]:
    """Give two stores that share what they keep, of each implementation that can."""
    return opened(request.param), opened(request.param)
