"""What the configuration will cost, by account and by how long jobs last."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from samples import schedule

from exporter.cli import main
from exporter.cli.account.plan import LENGTHS, TYPICAL, WORST, Length, plan_of
from exporter.jobs.forecast import Fleet

_FILE = """\
accounts:
  acme:
    data_center: eu
    client_id: 1000.ABC
    client_secret: hunter2hunter2
    refresh_token: 1000.0123456789abcdef0123456789abcdef.0123456789abcdef0123456789abcdef
  zoo:
    data_center: us
    client_id: 1000.ABD
    client_secret: hunter2hunter3
    refresh_token: 1000.0123456789abcdef0123456789abcdef.0123456789abcdef0123456789abcdee
    daily_credit_budget: unlimited
jobs:
  - {account: acme, module: Leads, job_id: "1"}
  - {account: acme, module: Leads, job_id: "2"}
"""

Typed = Callable[..., tuple[str, str]]


@pytest.fixture
def typed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Typed:
    """Give what types the command for two accounts: what it says, and what it says beside."""
    monkeypatch.setenv("HOME", str(tmp_path))
    file = tmp_path / "zoho.yaml"
    file.write_text(_FILE)
    file.chmod(0o600)

    def run(*flags: str, status: int = 0) -> tuple[str, str]:
        assert main(["plan", f"--config.file={file}", *flags]) == status
        told = capsys.readouterr()
        return told.out, told.err

    return run


def test_scripts_get_every_number(typed: Typed) -> None:
    """By account: jobs, budget, and for each length credits, tokens and shares; what other settings cost."""
    text, beside = typed("--format=json")
    acme, zoo = json.loads(text)["accounts"]
    assert beside == "zoo: no job is configured: this is what one would cost; --jobs=N reckons with more\n"
    assert (acme["account"], acme["jobs"], acme["daily_credit_budget"], acme["scrape_interval_seconds"]) == (
        "acme",
        2,
        1000,
        15.0,
    )
    assert (zoo["account"], zoo["jobs"], zoo["daily_credit_budget"]) == ("zoo", 1, None)
    typical = acme["lengths"][1]
    shares = typical.pop("shares")
    assert typical == {
        "runs_seconds": 1740,
        "waits_seconds": 60,
        "credits": 50,
        "tokens": 1,
        "longest_wait_seconds": 120.0,
        "stretched_after_seconds": None,
        "spent_after_seconds": None,
    }
    assert shares["Free"] == 0.01
    assert list(shares) == ["Free", "Standard", "Professional", "Enterprise", "Ultimate"]
    others = {row["setting"]: row["typical_credits"] for row in acme["other_settings"]}
    assert others["a scrape each 5m"] == 14
    assert "schedule.longest: 5m" in others


def test_people_get_tables(typed: Typed) -> None:
    """Nothing is cut off where there is no terminal, and no line is longer than one has."""
    text, _ = typed("--jobs=50")
    assert "acme: a day of 50 jobs with daily_credit_budget 1,000, a scrape each 15s\n" in text
    assert "zoo: a day of 50 jobs with no daily_credit_budget, a scrape each 15s\n" in text
    assert "Enterprise: 51,000" in text
    assert "is spent after" in text
    assert "Where the budget is spent nothing is polled until credits come back" in text
    assert "…" not in text
    assert "\x1b" not in text


@pytest.mark.parametrize("text", ["0", "-1", "many", "1000000", "\u0663"])
def test_number_of_jobs_is_checked(typed: Typed, text: str) -> None:
    """What is no number of jobs is refused with what is expected."""
    _, told = typed(f"--jobs={text}", status=2)
    assert f'--jobs: "{text}" is not a whole number from 1 to 100000' in told


@pytest.mark.parametrize(
    ("jobs", "length"), [pytest.param(2, TYPICAL, id="typical"), pytest.param(3, WORST, id="worst")]
)
def test_budget_that_is_named_is_not_felt(jobs: int, length: Length) -> None:
    """Whoever sets what is advised has polls as the schedule wants them, and with half of it has not."""
    enough = plan_of("acme", schedule(), Fleet(jobs, 15.0, 10)).enough[(TYPICAL, WORST).index(length)]
    assert plan_of("acme", schedule(), Fleet(jobs, 15.0, enough)).played[length].stretched_at is None
    assert plan_of("acme", schedule(), Fleet(jobs, 15.0, enough // 2)).played[length].stretched_at is not None


def test_longer_jobs_cost_more() -> None:
    """The last length is the worst, whatever the budget."""
    for budget in (None, 1000):
        played = plan_of("acme", schedule(), Fleet(5, 15.0, budget)).played
        costs = [played[length].credits for length in LENGTHS]
        assert costs == sorted(costs)


def test_account_that_is_not_polled_costs_nothing(typed: Typed, monkeypatch: pytest.MonkeyPatch) -> None:
    """A budget of 0 is said to be what it is."""
    monkeypatch.setenv("ZOHO_ACCOUNT", "acme")
    monkeypatch.setenv("ZOHO_DAILY_CREDIT_BUDGET", "0")
    text, _ = typed()
    assert text.count("lets nothing be polled") == 5
    assert "credits come back" not in text


def test_other_settings_are_those_that_may_be_set() -> None:
    """None is the present one, and none would be refused."""
    other = plan_of("acme", schedule(longest_seconds=1800.0, remaining_fraction=0.2), Fleet(1, 15.0, None)).other
    assert list(other) == [
        "a scrape each 1m",
        "a scrape each 5m",
        "schedule.longest: 15m",
        "schedule.remaining_fraction: 0.35",
        "schedule.remaining_fraction: 0.7",
    ]
    at_once = plan_of("acme", schedule(shortest_seconds=0.0, longest_seconds=0.0), Fleet(1, 15.0, 0)).other
    assert not [name for name in at_once if name.startswith("schedule.longest")]
    rare = schedule(longest_seconds=86_400.0, stale_after_seconds=604_800.0)
    rarer = plan_of("acme", rare, Fleet(1, 15.0, None)).other
    assert [name for name in rarer if name.startswith("schedule.longest")] == ["schedule.longest: 12h"]


def test_no_budget_is_named_that_may_not_be_set(typed: Typed, monkeypatch: pytest.MonkeyPatch) -> None:
    """The most that may be is 10,000,000."""
    monkeypatch.setenv("ZOHO_ACCOUNT", "acme")
    monkeypatch.setenv("ZOHO_DAILY_CREDIT_BUDGET", "100000")
    text, _ = typed("--jobs=20000")
    assert "Not felt: a daily_credit_budget of 1,480,000 by typical jobs, of unlimited by the worst.\n" in text
