"""What outlives the process: the port that the house speaks, and the stores behind it.

The account is the unit: its jobs, totals, credits, token and pauses stand together, and nothing needs a lock over all
accounts. Times are Unix seconds by the store's own clock.
"""

from exporter.state.inspection import inspect_state
from exporter.state.port import AccountState, Claim, Health, Purse, Store
from exporter.state.sqlite import SqliteStore

__all__ = ["AccountState", "Claim", "Health", "Purse", "SqliteStore", "Store", "inspect_state"]
