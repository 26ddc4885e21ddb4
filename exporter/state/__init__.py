"""What outlives the process: the port that the house speaks, and the stores behind it.

The account is the unit: its jobs, totals, credits, token and pauses stand together, and nothing needs a lock over all
accounts. Times are Unix seconds by the store's own clock.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from exporter.state.inspection import inspect_database, inspect_state
    from exporter.state.port import AccountState, Claim, Health, Purse, Store
    from exporter.state.postgres import PostgresStore
    from exporter.state.sqlite import SqliteStore

__all__ = [
    "AccountState",
    "Claim",
    "Health",
    "PostgresStore",
    "Purse",
    "SqliteStore",
    "Store",
    "inspect_database",
    "inspect_state",
]

_HOMES = {
    "PostgresStore": "postgres",
    "SqliteStore": "sqlite",
    "inspect_database": "inspection",
    "inspect_state": "inspection",
}


def __getattr__(name: str) -> object:
    """Load what is asked for: whoever looks at a file has no use for the store that opens it."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES.get(name, 'port')}"), name)
