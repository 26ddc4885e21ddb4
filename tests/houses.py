"""Stores as tests open, restart and kill them: each implementation of the port, with a clock that is moved by hand."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from samples import Clock

from exporter.state import AccountState, SqliteStore, Store


@dataclass
class House:
    """A store of one implementation, the clock it goes by, and how it is opened again."""

    open_store: Callable[[Clock], Store]
    clock: Clock = field(default_factory=Clock)

    def __post_init__(self) -> None:
        self.store = self.open_store(self.clock)

    @property
    def account(self) -> AccountState:
        """The account that most tests are about."""
        return self.store.account("acme")

    def restart(self) -> None:
        """Close the store and open it again."""
        self.close()
        self.store = self.open_store(self.clock)

    def close(self) -> None:
        """Close the store."""
        self.store.close(10.0)


def file_house(path: Path) -> House:
    """Give a store in a file."""
    return House(lambda clock: SqliteStore(path, clock))


def memory_house() -> House:
    """Give a store in memory, which forgets at each restart."""
    return House(lambda clock: SqliteStore(None, clock))


def postgres_house(url: str, clock: Clock | None = None) -> House:
    """Give a store in a database, where all that share it go by one clock."""
    from exporter.state.postgres import PostgresStore  # noqa: PLC0415 - who has no database needs no driver

    return House(lambda clock: PostgresStore(url, clock), clock or Clock())


def killed(path: Path, to: Path) -> Path:
    """Give what `kill -9` would leave of an open state file now, in a directory of its own."""
    to.mkdir(parents=True, exist_ok=True)
    for name in (path.name, f"{path.name}-wal"):
        if (path.parent / name).exists():
            shutil.copyfile(path.parent / name, to / name)
    return to / path.name
