"""The one row of what a mass update is to Zoho."""

import pytest

from exporter.kinds import MASS_UPDATE, UPDATE


@pytest.mark.parametrize(
    ("module", "scope"),
    [
        ("Leads", "ZohoCRM.mass_update.leads.READ"),
        ("Price_Books", "ZohoCRM.mass_update.pricebooks.READ"),
        ("Sales_Orders", "ZohoCRM.mass_update.salesorders.READ"),
        ("Purchase_Orders", "ZohoCRM.mass_update.purchaseorders.READ"),
        ("Events", "ZohoCRM.mass_update.events.READ"),
        ("Activities", "ZohoCRM.mass_update.activities.READ"),
        ("Cases", "ZohoCRM.mass_update.cases.READ"),
        ("Projects_1", "ZohoCRM.mass_update.custom.READ"),
        ("CustomModule12", "ZohoCRM.mass_update.custom.READ"),
        ("leads_x", "ZohoCRM.mass_update.custom.READ"),
    ],
)
def test_a_scope_is_spelt_as_zoho_spells_it(module: str, scope: str) -> None:
    """In lower case without underscores; all custom modules share one."""
    assert MASS_UPDATE.scope_for(module) == scope


def test_several_scopes_allow_the_same() -> None:
    """For all modules or for one, with one right or with all."""
    assert MASS_UPDATE.scopes_for("Price_Books", UPDATE) == (
        "ZohoCRM.mass_update.UPDATE",
        "ZohoCRM.mass_update.pricebooks.UPDATE",
        "ZohoCRM.mass_update.ALL",
        "ZohoCRM.mass_update.pricebooks.ALL",
    )


def test_a_mass_update_is_zohos_page() -> None:
    """The path and the fields are those of Get Mass Update Status."""
    assert (MASS_UPDATE.path, MASS_UPDATE.status) == ("actions/mass_update", "Status")
    assert dict(MASS_UPDATE.counts) == {
        "updated": "Updated_Count",
        "failed": "Failed_Count",
        "not_updated": "Not_Updated_Count",
        "total": "Total_Count",
    }
