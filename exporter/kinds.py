"""The kinds of job that the exporter follows: what Zoho calls a kind's path, scope and fields, one row each."""

from collections.abc import Mapping
from dataclasses import dataclass

SCOPE_MODULES = frozenset(
    (
        *("leads", "accounts", "contacts", "deals", "campaigns", "activities", "tasks", "calls", "events", "cases"),
        *("solutions", "products", "vendors", "pricebooks", "quotes", "salesorders", "purchaseorders", "invoices"),
    )
)
"""Modules that have a scope of their own, as scopes spell them; all others share `custom`.

Source: Zoho CRM v2.1, Get Mass Update Status, Possible module names; v8, Scopes.
"""
READ, UPDATE, ALL = "READ", "UPDATE", "ALL"
"""The rights that a scope may end in."""


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of job. `path` follows the module in the URL, `counts` are Zoho's fields by our names for them."""

    path: str
    scope: str
    status: str
    counts: Mapping[str, str]

    def scope_for(self, module: str, right: str = READ) -> str:
        """Give the scope that lets a token read this kind's jobs of one module, or schedule them."""
        name = module.replace("_", "").lower()
        return f"{self.scope}.{name if name in SCOPE_MODULES else 'custom'}.{right}"

    def scopes_for(self, module: str, right: str) -> tuple[str, ...]:
        """Give every scope that lets a token do so, those for all modules among them; any one does."""
        return tuple(scope for each in (right, ALL) for scope in (f"{self.scope}.{each}", self.scope_for(module, each)))


MASS_UPDATE = Kind(
    path="actions/mass_update",
    scope="ZohoCRM.mass_update",
    status="Status",
    counts={
        "updated": "Updated_Count",
        "failed": "Failed_Count",
        "not_updated": "Not_Updated_Count",
        "total": "Total_Count",
    },
)
"""Source: Zoho CRM v2.1 to v8, Get Mass Update Status."""
