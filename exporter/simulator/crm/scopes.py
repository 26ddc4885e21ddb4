"""What a token may do: the scopes of mass updates, for all modules or for one.

Source: Zoho CRM v2.1, Get Mass Update Status, and v8, Scopes.
"""

from collections.abc import Set as AbstractSet

from exporter.simulator.crm.organisation import API_NAMES

READ, UPDATE = "READ", "UPDATE"


def allows(scope: str, operation: str, module: str, own_modules: AbstractSet[str]) -> bool:
    """Whether a token's scope covers one of the two operations on a module; all but `own_modules` share `custom`."""
    name = API_NAMES.get(module, module)
    name = name.replace("_", "").lower() if module in own_modules else "custom"
    words = {part for part in scope.replace(",", " ").split() if part}
    wanted = {
        f"ZohoCRM.mass_update.{rest}"
        for right in (operation, "ALL")
        for rest in (right, f"{name}.{right}")
    }  # fmt: skip
    return bool({word.casefold() for word in words} & {word.casefold() for word in wanted})
