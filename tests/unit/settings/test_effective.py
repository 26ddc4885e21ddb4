"""The settings in force, as a person may read them."""

from collections.abc import Callable

import yaml

from exporter.settings import Settings, effective_settings


def test_secrets_are_masked_and_the_rest_is_whole(load: Callable[..., Settings], account: str) -> None:
    """Defaults are filled in, secrets are not shown, and the text is YAML."""
    settings = load(account + "proxy_url: http://user:pass@proxy:3128\njobs: [{module: L, job_id: 007}]\n")
    text = effective_settings(settings)
    shown = yaml.safe_load(text)
    assert shown["accounts"]["acme"]["client_secret"] == "<secret>"
    assert shown["accounts"]["acme"]["refresh_token"] == "<secret>"
    assert shown["accounts"]["acme"]["data_center"] == "eu"
    assert shown["proxy_url"] == "<secret>"
    assert shown["jobs"] == [
        {
            "account": "acme",
            "module": "L",
            "job_id": "007",
            "name": "",
            "group": "",
            "labels": {},
            "acknowledged": False,
        }
    ]
    assert shown["web"]["listen_address"] == ":10042"
    assert (shown["stale_after"], shown["max_jobs"], shown["ca_bundle"]) == (3600.0, 1000, None)
    assert not any(secret in text for secret in ("hunter2hunter2", "0123456789abcdef", "pass@"))


def test_budget_without_a_limit_is_shown_by_its_word(load: Callable[..., Settings], account: str) -> None:
    """What is shown may be written."""
    assert "daily_credit_budget: unlimited" in effective_settings(
        load(f"{account}    daily_credit_budget: unlimited\n")
    )
