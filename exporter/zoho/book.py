"""What an account has spent and holds, kept across restarts: one owner, one lock, every change kept at once."""

from collections.abc import Callable
from threading import Lock

from exporter.model import AccountLedger


class AccountBook:
    """Holds an account's ledger. Thread-safe.

    Args:
        ledger: what was kept of it, or an empty one.
        keep: writes the ledger away, before the caller goes on; must not raise.
    """

    def __init__(
        self, ledger: AccountLedger | None = None, keep: Callable[[AccountLedger], None] = lambda _: None
    ) -> None:
        self._lock = Lock()
        self._ledger = ledger or AccountLedger()
        self._keep = keep

    @property
    def ledger(self) -> AccountLedger:
        """The ledger as it is now."""
        return self._ledger

    def change(self, make: Callable[[AccountLedger], AccountLedger]) -> None:
        """Replace the ledger by what `make` makes of it, unless that raises; no other change comes between."""
        with self._lock:
            self._ledger = make(self._ledger)
            self._keep(self._ledger)
