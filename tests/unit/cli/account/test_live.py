"""What a look at Zoho tells of token, scope, module, permission and job: each refusal names the one to mend."""

import re
from argparse import Namespace
from collections.abc import Iterator
from pathlib import Path

import pytest
from journey import account_variables

from exporter.app.direct import Direct, Spent
from exporter.cli.account.live import STAGE_OF, STAGES, Check, live_checks, most_spent, tell_live
from exporter.model import JobKey
from exporter.redactor import Redactor
from exporter.settings import Settings, load_settings
from exporter.simulator import Endpoint, Fault, FaultKind, Phase, Scenario, SimulatedJob, Simulator
from exporter.zoho.codes import LABEL_VALUES

LEADS, DEALS = JobKey("acme", "Leads", "3524033000006027001"), JobKey("acme", "Deals", "3524033000006027002")
ENDED = JobKey("acme", "Leads", "3524033000006027003")
JOBS = tuple(
    SimulatedJob(key.module, key.job_id, 50, (Phase(state, None, updated=20),))
    for key, state in ((LEADS, "RUNNING"), (DEALS, "RUNNING"), (ENDED, "COMPLETED"))
)


@pytest.fixture
def zoho(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Simulator]:
    """Give a Zoho of three jobs; what commands keep is kept for this test alone."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.delenv("STATE_DIRECTORY", raising=False)
    with Simulator(Scenario(jobs=JOBS)) as simulator:
        yield simulator


def settings_for(zoho: Simulator, **changes: str) -> Settings:
    """Give the settings of the account `acme`."""
    environ = account_variables(zoho) | changes
    return load_settings(None, environ=environ, dotenv_file=None, secrets_dir=Path("no secrets directory"))


def look(settings: Settings, *keys: JobKey) -> tuple[list[Check], Spent]:
    """Look at jobs; give what is told, and what it took."""
    looking: list[Direct] = []
    checks = list(live_checks(settings, keys, Redactor(), looking))
    return checks, sum((direct.spent for direct in looking), Spent())


def results(checks: list[Check]) -> dict[str, str]:
    """Give the results by what they are of."""
    return {f"{check.subject} {check.check}": check.result for check in checks}


def test_all_is_right(zoho: Simulator) -> None:
    """A line for the account, three for each module and one for each job, whose state it has."""
    checks, spent = look(settings_for(zoho), LEADS, DEALS, ENDED)
    assert [(check.subject, check.check, check.result, check.message) for check in checks] == [
        ("acme", "token", "ok", ""),
        ("acme/Deals", "scope", "ok", ""),
        ("acme/Deals", "module", "ok", ""),
        ("acme/Deals", "permission", "ok", ""),
        ("acme/Deals/3524033000006027002", "job", "ok", "RUNNING, 20 of 50 records updated"),
        ("acme/Leads", "scope", "ok", ""),
        ("acme/Leads", "module", "ok", ""),
        ("acme/Leads", "permission", "ok", ""),
        ("acme/Leads/3524033000006027001", "job", "ok", "RUNNING, 20 of 50 records updated"),
        ("acme/Leads/3524033000006027003", "job", "ok", "COMPLETED, 20 of 50 records updated"),
    ]
    assert spent == Spent(credits=3, tokens=1)


def test_account_without_a_job_is_looked_at(zoho: Simulator) -> None:
    """An id that no job has tells token, scope, module and permission for one credit."""
    checks, spent = look(settings_for(zoho))
    assert results(checks) == {
        "acme token": "ok",
        "acme/Leads scope": "ok",
        "acme/Leads module": "ok",
        "acme/Leads permission": "ok",
    }
    assert spent == Spent(credits=1, tokens=1)


def test_token_for_other_modules_than_the_guessed_one_is_not_wrong(
    zoho: Simulator, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nobody has named Leads: the account's token is right, and what could not be looked at is said."""
    zoho.add_fault(Fault(FaultKind.ERROR, code="OAUTH_SCOPE_MISMATCH"))
    status = tell_live(Namespace(**{"log.level": None}), settings_for(zoho), ())
    assert status == 0
    token, scope, verdict = capsys.readouterr().out.splitlines()
    assert token.endswith(" acme token")
    assert scope.startswith("? acme/Leads scope: could not be looked at: no job is listed, and the token is not for ")
    assert verdict == "Nothing is wrong, 3 could not be looked at. Spent: 1 API credit and 1 access token."


def test_what_is_known_from_before_is_no_proof(zoho: Simulator) -> None:
    """A job that has ended is not asked for again: another id tells whether the token still may."""
    settings = settings_for(zoho)
    look(settings, ENDED)
    zoho.add_fault(Fault(FaultKind.ERROR, code="OAUTH_SCOPE_MISMATCH"))
    checks, spent = look(settings, ENDED)
    assert results(checks) == {
        "acme token": "ok",
        "acme/Leads scope": "wrong",
        "acme/Leads module": "unknown",
        "acme/Leads permission": "unknown",
        "acme/Leads/3524033000006027003 job": "ok",
    }
    assert spent == Spent(credits=1, tokens=0)


_TO_MODULE, _TO_PERMISSION = ("token", "scope"), ("token", "scope", "module")
_TO_JOB = (*_TO_PERMISSION, "permission")
_REFUSED = {
    "scope": (Fault(FaultKind.ERROR, code="OAUTH_SCOPE_MISMATCH"), ("token",), "scope", "create a new refresh token"),
    "hidden module": (
        Fault(FaultKind.ERROR, code="INVALID_MODULE", message="The module name given seems to be invalid"),
        _TO_MODULE,
        "module",
        "use the API name (Setup > APIs and SDKs)",
    ),
    "no mass updates": (
        Fault(FaultKind.ERROR, code="NOT_SUPPORTED"),
        _TO_MODULE,
        "module",
        "Zoho has no mass updates of this module",
    ),
    "role": (
        Fault(FaultKind.ERROR, code="NO_PERMISSION"),
        _TO_PERMISSION,
        "permission",
        "ask the Zoho CRM administrator for the permission",
    ),
    "privilege": (
        Fault(FaultKind.ERROR, code="AUTHORIZATION_FAILED"),
        _TO_PERMISSION,
        "permission",
        "ask the Zoho CRM administrator for the permission",
    ),
    "unknown job": (Fault(FaultKind.UNKNOWN_JOB), _TO_JOB, "job", "check the job id, the module"),
    "throttle": (Fault(FaultKind.THROTTLE), ("token",), "job", "lower max_concurrency"),
    "fault": (Fault(FaultKind.ERROR, code="INTERNAL_ERROR", status=500), ("token",), "job", "tell Zoho's support"),
    "lost connection": (
        Fault(FaultKind.RESET, Endpoint.STATUS),
        ("token",),
        "job",
        "check the network, DNS, the firewall",
    ),
}


@pytest.mark.parametrize(("fault", "right", "wrong", "told"), _REFUSED.values(), ids=list(_REFUSED))
def test_refusal_names_what_to_mend(
    zoho: Simulator, fault: Fault, right: tuple[str, ...], wrong: str, told: str
) -> None:
    """One thing is wrong, with the fix; what Zoho looks at before it is right, what comes after is not known."""
    zoho.add_fault(fault)
    checks, _ = look(settings_for(zoho), LEADS)
    assert [check.check for check in checks if check.result == "ok"] == list(right)
    [found] = [check for check in checks if check.result == "wrong"]
    assert found.check == wrong
    assert told in found.message


_NO_TOKEN = {
    "client id": ("ZOHO_CLIENT_ID", "1000.ANOTHER", "check client_id and data_center"),
    "client secret": ("ZOHO_CLIENT_SECRET", "another-secret", "check client_secret and data_center"),
    "refresh token": ("ZOHO_REFRESH_TOKEN", "1000.another", "make a new one"),
}


@pytest.mark.parametrize(("name", "value", "told"), _NO_TOKEN.values(), ids=list(_NO_TOKEN))
def test_account_without_a_token_is_asked_once(zoho: Simulator, name: str, value: str, told: str) -> None:
    """What is wrong is said with the fix, no credit is spent, and the other jobs are not asked for."""
    checks, spent = look(settings_for(zoho, **{name: value}), LEADS, DEALS)
    token, *others = checks
    assert (token.subject, token.check, token.result) == ("acme", "token", "wrong")
    assert told in token.message
    assert {check.result for check in others} == {"unknown"}
    assert (spent.credits, zoho.stats().token_calls) == (0, 1)


def test_two_wrong_jobs_are_both_told(zoho: Simulator) -> None:
    """A wrong id does not keep others from being looked at."""
    wrong = JobKey("acme", "Leads", "77")
    checks, _ = look(settings_for(zoho), wrong, LEADS, JobKey("acme", "Deal_s", "78"))
    assert [f"{check.subject} {check.check}" for check in checks if check.result == "wrong"] == [
        "acme/Deal_s module",
        "acme/Leads/77 job",
    ]


def test_call_that_comes_to_nothing_is_told_without_a_job(zoho: Simulator) -> None:
    """An account without a job says too that Zoho does not answer."""
    zoho.add_fault(Fault(FaultKind.RESET, Endpoint.STATUS))
    checks, _ = look(settings_for(zoho))
    [found] = [check for check in checks if check.result == "wrong"]
    assert (found.subject, found.check) == ("acme/Leads", "answer")


@pytest.mark.parametrize(
    ("fault", "wrong", "told"),
    [
        pytest.param(Fault(FaultKind.THROTTLE), "job", "Zoho asked the account to pause: ", id="throttle"),
        pytest.param(
            Fault(FaultKind.ERROR, Endpoint.TOKEN, code="Access Denied"),
            "token",
            "Zoho refused to refresh the token: Access Denied .*; it passes within ten minutes",
            id="token throttle",
        ),
        pytest.param(
            Fault(FaultKind.ERROR, Endpoint.TOKEN, code="invalid_code"),
            "token",
            "Zoho refused to refresh the token: invalid_code .*: make a new one",
            id="refresh token",
        ),
    ],
)
def test_pause_of_zoho_is_kept(zoho: Simulator, fault: Fault, wrong: str, told: str) -> None:
    """Who types the command again while Zoho wants a pause costs nothing, and is told when that was and until when.

    For a job that was asked for before, and for one that was not.
    """
    settings = settings_for(zoho)
    zoho.add_fault(fault)
    look(settings, LEADS)
    for keys in ((LEADS,), (DEALS,), ()):
        checks, spent = look(settings, *keys)
        [found] = [check for check in checks if check.result != "unknown"]
        assert (found.check, found.result) == (wrong if keys or wrong == "token" else "answer", "wrong")
        held = r"Zoho is not asked until 20..-..-.. ..:..:.. UTC; what came [0-9] s ago: "
        assert re.match(f"{held}{told}", found.message)
        assert spent == Spent()


_UNREADABLE = "RUNNING; counts are missing, or no numbers of records"


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        pytest.param(
            Fault(FaultKind.ODD_STATE, state="HELD"),
            'the state "HELD", which Zoho does not document, 20 of 50 records updated',
            id="state",
        ),
        pytest.param(Fault(FaultKind.MISSING_COUNT, field="Failed_Count"), _UNREADABLE, id="no count"),
        pytest.param(Fault(FaultKind.NEGATIVE_COUNT, field="Updated_Count"), _UNREADABLE, id="count below 0"),
    ],
)
def test_report_that_is_odd_gets_no_tick(
    zoho: Simulator, capsys: pytest.CaptureFixture[str], fault: Fault, told: str
) -> None:
    """It is nothing wrong with the configuration, but the exporter will not understand it either."""
    zoho.add_fault(fault)
    assert tell_live(Namespace(**{"log.level": None}), settings_for(zoho), (LEADS,)) == 0
    *_, job, verdict = capsys.readouterr().out.splitlines()
    assert job == f"? {LEADS} job: {told}"
    assert verdict.startswith("Nothing is wrong, 1 is not understood.")


def test_verdict_counts_each_by_what_was_found(zoho: Simulator, capsys: pytest.CaptureFixture[str]) -> None:
    """What was looked at and not understood is none that could not be looked at, nor the other way round."""
    for key in (LEADS, ENDED):
        zoho.add_fault(Fault(FaultKind.ODD_STATE, job_id=key.job_id, state="HELD"))
    zoho.add_fault(Fault(FaultKind.ERROR, module="Deals", code="OAUTH_SCOPE_MISMATCH"))
    assert tell_live(Namespace(**{"log.level": None}), settings_for(zoho), (LEADS, ENDED, DEALS)) == 1
    verdict = capsys.readouterr().out.splitlines()[-1]
    assert verdict.startswith("1 of 10 is not right, 3 could not be looked at, 2 are not understood. Spent: ")


def test_every_code_is_about_a_stage_that_there_is() -> None:
    """The table names documented codes alone."""
    assert STAGE_OF.keys() <= set(LABEL_VALUES)
    assert set(STAGE_OF.values()) == set(STAGES)


def test_most_spent_is_told_beforehand() -> None:
    """A credit for each job, and one for an account without any; a token for each account."""
    assert most_spent({"acme"}, {LEADS, DEALS, ENDED}) == Spent(credits=3, tokens=1)
    assert most_spent({"acme", "zoo"}, {LEADS}) == Spent(credits=2, tokens=2)
