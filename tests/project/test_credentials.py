"""The table that leads a person to their data centre."""

import re
from pathlib import Path

import pytest

from exporter.model import DataCenter, Environment
from exporter.zoho.data_centers import endpoints_of

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("data_center", DataCenter)
def test_every_data_center_is_in_the_table(data_center: DataCenter) -> None:
    """A row has its address in the browser, its word, and the host that the exporter itself asks."""
    page = (ROOT / "docs" / "install.md").read_text(encoding="utf-8")
    rows = {
        word: (seen, host)
        for seen, word, host in re.findall(r"^\| `(\S+)` \| `(\w+)` \| `(\S+)` \|$", page, re.MULTILINE)
    }
    host = endpoints_of(data_center, Environment.PRODUCTION).accounts_url.removeprefix("https://")
    assert rows[data_center] == (host.replace("accounts", "crm"), host)
