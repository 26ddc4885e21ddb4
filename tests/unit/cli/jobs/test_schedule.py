"""`schedule`: what is shown, asked, sent and said; the journey of tests/integration has the terminal."""

import json
import os
import signal
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

import pytest
from played import PlayedExporter
from requests_mock import Mocker
from sites import Serve, Typed
from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from unit.cli.account.conftest import Keyboard

from exporter.cli import main
from exporter.model import JobKey
from exporter.simulator import Endpoint, Fault, FaultKind, Simulator

VIEW = "3524033000000089005"
JOB = "5540330000009000001"
KEY = JobKey("acme", "Leads", JOB)
OWN = "1000.0123456789abcdef0123456789abcdef.0123456789abcdef0123456789abcdef"
"""The refresh token of the exporter."""
ASKED = ("schedule", "acme/Leads", f"--view={VIEW}", "--set=Lead_Status=Contacted")
LOGIN = (
    "zoho-mass-update-exporter login --for=schedule --account=acme --client-id=1000.SIMULATEDCLIENT0000000000000000 "
    "--accounts-url=ZOHO --api-url=ZOHO --modules=Leads"
)
TOOK = "This took 1 API credit and 1 access token.\n"
Schedule = Callable[..., tuple[int, str, str]]


@pytest.fixture
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Schedule:
    """Give a function that types a command, with a token in a file and nobody who answers."""
    monkeypatch.chdir(tmp_path)
    for name, value in {
        "ACCOUNT": "acme",
        "ACCOUNTS_URL": "https://zoho.test",
        "API_URL": "https://zoho.test",
        "CLIENT_ID": "1000.SIMULATEDCLIENT0000000000000000",
        "CLIENT_SECRET": "hunter2hunter2",
        "REFRESH_TOKEN": OWN,
        "SCHEDULE_REFRESH_TOKEN_FILE": "token_to_change",
        "EXPORTER_URL": "http://127.0.0.1:1",
    }.items():
        monkeypatch.setenv(f"ZOHO_{name}", value)
    Path("token_to_change").write_text(OWN[::-1])
    Path("token_to_change").chmod(0o600)

    def type_command(*words: str) -> tuple[int, str, str]:
        status, written = main(words), capsys.readouterr()
        return status, written.out, written.err.replace("https://zoho.test", "ZOHO")

    return type_command


@pytest.fixture
def schedule(typed: Typed, zoho: Simulator, monkeypatch: pytest.MonkeyPatch) -> Schedule:
    """Give a function that types a command where exporter and Zoho answer, with a token that may change records."""
    Path("token_to_change").write_text(zoho.scenario.refresh_token)
    Path("token_to_change").chmod(0o600)
    monkeypatch.setenv("ZOHO_REFRESH_TOKEN", OWN)
    monkeypatch.setenv("ZOHO_SCHEDULE_REFRESH_TOKEN_FILE", "token_to_change")

    def type_command(*words: str) -> tuple[int, str, str]:
        status, out, err = typed(*words)
        return status, out, err.replace(zoho.url, "ZOHO")

    return type_command


def posted(zoho: Simulator) -> int:
    """Give how many mass updates Zoho was sent."""
    return sum(call.endpoint is Endpoint.SCHEDULE for call in zoho.calls)


def test_job_is_scheduled_and_tracked(schedule: Schedule, exporter: PlayedExporter, zoho: Simulator) -> None:
    """Its name alone is the answer; what is changed is shown before, what it took behind."""
    status, out, err = schedule(*ASKED, "--yes", "--name=Spring", "--group=campaign", "--label=team=sales")
    assert (status, out) == (0, f"acme/Leads/{JOB}\n")
    assert err.splitlines() == [
        "A mass update for acme (data centre custom, production, ZOHO):",
        "  module  Leads",
        f"  view    {VIEW} (its name takes another scope: compare with the view's address in your browser)",
        '  set     Lead_Status = "Contacted"',
        "Every record that the view shows when Zoho begins is changed, 50,000 at most. It can't be undone.",
        "Only afterwards Zoho tells how many they are, and whether the field exists, may be changed, takes the value.",
        "Automation rules run if they are fewer than 1,000. A view has one mass update at a time.",
        "The exporter at URL is to track it.",
        f"Zoho has scheduled it as {KEY}. This took 1 API credit and 1 access token.",
        f"{KEY} is tracked. To follow it: zoho-mass-update-exporter status {KEY} --watch",
    ]
    spec = exporter.jobs[KEY].spec
    assert (spec.name, spec.group, spec.labels) == ("Spring", "campaign", {"team": "sales"})
    assert posted(zoho) == 1


def test_answer_is_json_where_that_is_wanted(schedule: Schedule) -> None:
    """With what was sent."""
    status, out, _ = schedule(
        "schedule", "Deals", f"--view={VIEW}", "--set=Stage=a=b", "--set=Amount:=2.5", "--yes", "--json"
    )
    assert (status, json.loads(out)) == (
        0,
        {
            "account": "acme",
            "module": "Deals",
            "job_id": JOB,
            "view": VIEW,
            "values": {"Stage": "a=b", "Amount": 2.5},
        },
    )


@pytest.mark.parametrize(
    ("words", "said"),
    [
        pytest.param(("--exporter.url=http://127.0.0.1:1",), "no exporter answers at http://127.0.0.1:1", id="away"),
        pytest.param(("--label=color=red",), "color: is not in job_labels: add it", id="refused"),
    ],
)
def test_job_that_no_exporter_tracks_is_scheduled_all_the_same(
    schedule: Schedule, exporter: PlayedExporter, words: tuple[str, ...], said: str
) -> None:
    """The line that has it tracked is told."""
    status, out, err = schedule(*ASKED, "--yes", "--name=Spring leads", *words)
    assert (status, out, exporter.jobs) == (0, f"acme/Leads/{JOB}\n", {})
    line = f"zoho-mass-update-exporter track acme/Leads/{JOB} '--name=Spring leads' {' '.join(words)}\n"
    assert "No exporter tracks it: " in err
    assert said in err
    assert err.endswith(f"To have it tracked: {line}")


def test_line_to_type_turns_no_words_round(schedule: Schedule) -> None:
    """It has what was typed, as it is."""
    _, _, err = schedule(*ASKED, "--yes", "--name=Spring \u202esdael", "--exporter.url=http://127.0.0.1:1")
    assert "\u202e" not in err
    assert f" track acme/Leads/{JOB} '--name=Spring \\u202esdael' --exporter.url=" in err


def test_nobody_who_will_track_it_is_told_before_anything_is_sent(
    schedule: Schedule, zoho: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that a person can start the exporter first."""
    monkeypatch.setattr(sys, "stdin", Keyboard("n\n", is_terminal=True))
    monkeypatch.delenv("ZOHO_EXPORTER_TOKEN_FILE")
    status, _, err = schedule(*ASKED)
    assert (status, zoho.calls) == (1, ())
    told, question = err.splitlines()[-2:]
    assert told.startswith("warning: no exporter will track it: URL: it does not let us in (HTTP 401): ")
    assert question == "Change all these records? [y/N] Nothing was sent."


def test_token_of_the_settings_is_for_their_exporter(
    schedule: Schedule, exporter: PlayedExporter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever names the settings of the exporter need not name its token."""
    monkeypatch.delenv("ZOHO_EXPORTER_TOKEN_FILE")
    monkeypatch.setenv("ZOHO_WEB__API_TOKEN_FILE", "token")
    status, _, err = schedule(*ASKED, "--yes")
    assert (status, set(exporter.jobs)) == (0, {KEY})
    assert "\nThe exporter at URL is to track it.\n" in err


@pytest.mark.parametrize(
    ("host", "token"), [("127.0.0.1", " --exporter.token-file=token"), ("127.0.0.2", "")], ids=["here", "elsewhere"]
)
def test_token_of_the_settings_goes_nowhere_else(
    schedule: Schedule, monkeypatch: pytest.MonkeyPatch, *, host: str, token: str
) -> None:
    """Another machine's exporter has one of its own; the line to type later has what was given now."""
    monkeypatch.delenv("ZOHO_EXPORTER_TOKEN_FILE")
    monkeypatch.setenv("ZOHO_WEB__API_TOKEN_FILE", "token")
    _, _, err = schedule(*ASKED, "--yes", f"--exporter.url=http://{host}:1")
    assert err.endswith(f" track {KEY} --exporter.url=http://{host}:1{token}\n")


@pytest.mark.parametrize(
    ("body", "status"), [pytest.param('{"errors": 5}', 400, id="errors"), pytest.param("[" * 50_000, 200, id="deep")]
)
def test_odd_answer_of_the_exporter_changes_nothing(schedule: Schedule, serve: Serve, body: str, status: int) -> None:
    """It is scheduled by then, and a line says that nobody tracks it."""
    site = serve(Response(body, status))
    ended, out, err = schedule(*ASKED, "--yes", f"--exporter.url={site.url}")
    assert (ended, out) == (0, f"acme/Leads/{JOB}\n")
    *_, why, line = err.splitlines()
    assert why.startswith("No exporter tracks it: ")
    assert line.startswith(f"To have it tracked: zoho-mass-update-exporter track acme/Leads/{JOB}")


def test_token_of_another_account_of_the_exporter_is_refused_too(alone: Schedule, requests_mock: Mocker) -> None:
    """The exporter has the tokens of all its accounts."""
    Path("two.yaml").write_text(
        "accounts:\n"
        f"  acme: {{client_id: 1000.A, client_secret: hunter2hunter2, refresh_token: {OWN}}}\n"
        f"  other: {{data_center: eu, client_id: 1000.A, client_secret: hunter2hunter2, refresh_token: {OWN[::-1]}}}\n"
    )
    status, out, err = alone(*ASKED, "--config.file=two.yaml", "--yes")
    assert (status, out, requests_mock.request_history) == (2, "", [])
    assert "--refresh-token-file: is one that the exporter has, and no server is to have the right" in err


def test_name_that_can_not_be_written_is_no_failure(
    schedule: Schedule, exporter: PlayedExporter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The exit status is none that has a script send it again, and what is said has the name."""
    with Path("/dev/full").open("w", encoding="utf-8") as full:
        monkeypatch.setattr(sys, "stdout", full)
        status, _, err = schedule(*ASKED, "--yes", "--watch")
    assert (status, set(exporter.jobs)) == (7, {KEY})
    assert f"\nZoho has scheduled it as {KEY}. {TOOK}" in err
    assert err.endswith(
        f"{KEY} is tracked. To follow it: zoho-mass-update-exporter status {KEY} --watch\n"
        "zoho-mass-update-exporter: the output can't be written: No space left on device\n"
    )


@pytest.mark.parametrize(
    ("fault", "status", "said"),
    [
        pytest.param(
            Fault(FaultKind.ERROR, code="NO_PERMISSION", status=403),
            1,
            "It is not scheduled: Zoho answered NO_PERMISSION ",
            id="refused",
        ),
        pytest.param(
            Fault(FaultKind.ERROR, code="OAUTH_SCOPE_MISMATCH", status=401),
            1,
            f"(or ZohoCRM.mass_update.leads.UPDATE)\n  {LOGIN}\n{TOOK}",
            id="scope",
        ),
        pytest.param(
            Fault(FaultKind.ERROR, code="INTERNAL_ERROR", status=500),
            5,
            "Nobody knows whether it is scheduled: Zoho answered INTERNAL_ERROR ",
            id="fault",
        ),
        pytest.param(
            Fault(FaultKind.RESET),
            5,
            "What to do: it may have been scheduled all the same. Before you send it again look at ",
            id="lost",
        ),
    ],
)
def test_what_zoho_does_not_confirm_is_told(
    schedule: Schedule, zoho: Simulator, exporter: PlayedExporter, *, fault: Fault, status: int, said: str
) -> None:
    """Nothing is tracked then, nothing is sent twice, and a script learns whether it may be sent again."""
    zoho.add_fault(replace(fault, endpoint=Endpoint.SCHEDULE))
    ended, out, err = schedule(*ASKED, "--yes", "--watch")
    assert (ended, out, exporter.jobs) == (status, "", {})
    assert said in err
    assert err.endswith(TOOK)
    assert posted(zoho) == 1


def test_token_for_another_module_is_not_lost(alone: Schedule, requests_mock: Mocker) -> None:
    """The next token takes the place of this one, so that it is to be for the modules of both."""
    scope = "ZohoCRM.mass_update.deals.UPDATE,ZohoCRM.mass_update.contacts.UPDATE"
    requests_mock.post("https://zoho.test/oauth/v2/token", json={"access_token": "1000.a.b", "scope": scope})
    status, _, err = alone(*ASKED, "--yes")
    assert status == 1
    assert f"\n  {LOGIN.replace('Leads', 'Deals,Contacts,Leads')}\n" in err


V, S = f"--view={VIEW}", "--set=Lead_Status=Contacted"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        pytest.param(("a/b/Leads", V, S), "a/b/Leads: expected ACCOUNT/MODULE, or MODULE where there is ", id="three"),
        pytest.param(("/Leads", V, S), "/Leads: expected ACCOUNT/MODULE, or MODULE where there is ", id="nobody"),
        pytest.param(("acme/Price Books", V, S), 'acme/Price Books: "Price Books" is not a module', id="module"),
        pytest.param(("acne/Leads", V, S), "acne: did you mean the account acme?", id="account"),
        pytest.param(("Leads", S), "--view: expected the id of a custom view, digits only", id="no-view"),
        pytest.param(
            ("Leads", f"--view=https://crm.zoho.eu/crm/org1/tab/Leads/custom-view/{VIEW}/list", S),
            f'--view: expected the id of a custom view, digits only; did you mean "{VIEW}"?',
            id="address",
        ),
        pytest.param(("Leads", V), "--set: expected one field, as in --set Field=text", id="no-field"),
        pytest.param(("Leads", V, "--set=Rating"), '--set: "Rating" is not FIELD=TEXT or FIELD:=JSON', id="no-sign"),
        pytest.param(("Leads", V, "--set=:=1"), '--set: ":=1" is not FIELD=TEXT or FIELD:=JSON', id="nameless"),
        pytest.param(
            ("Leads", V, "--set=Lead Status=x"),
            '--set: "Lead Status" is no API name of a field; did you mean "Lead_Status"?',
            id="label-of-a-field",
        ),
        pytest.param(
            ("Leads", V, "--set=Rating="),
            "--set: Rating has no value; to empty the field: Rating:=null",
            id="unset-variable",
        ),
        pytest.param(
            ("Leads", V, "--set=Rating:=Hot"),
            '--set: Rating: "Hot" is no JSON, such as 250, true, null or ["a", "b"]; a text: Rating=Hot',
            id="no-json",
        ),
        pytest.param(("Leads", V, "--set=Rating:=1e999"), '--set: Rating: "1e999" is no JSON, such as', id="endless"),
        pytest.param(("Leads", V, "--set=Rating:=NaN"), '--set: Rating: "NaN" is no JSON, such as 250, ', id="nan"),
        pytest.param(
            ("Leads", V, f"--set=A:={'[' * 50_000}"), f'--set: A: "{"[" * 120}…" is no JSON, such ', id="deep"
        ),
        pytest.param(("Leads", V, "--set=A=1", "--set=A=2"), "--set: each field once", id="twice"),
        pytest.param(("Leads", V, '--set=A:=[{"a": 1, "a": 2}]'), "--set: A: a key stands twice in", id="key-twice"),
        pytest.param(
            ("Leads", f"--view={'9' * 50}", S), "--view: expected the id of a custom view, digits only\n", id="no-id"
        ),
        pytest.param(("Leads", V, "--set=A=1", "--set=B=2"), "--set: expected one field, as in --set Field", id="two"),
        pytest.param(
            ("Deals", V, *(f"--set={field}=1" for field in "ABCD")), "--set: expected 1 to 3 fields, as in ", id="four"
        ),
        pytest.param(("Leads", V, S, "--timeout=1h"), "--timeout: goes together with --watch", id="timeout"),
        pytest.param(("Leads", V, S, "--label=a"), "--label: expected NAME=VALUE, each name once", id="label"),
        pytest.param(
            ("Leads", V, S, "--label=a b=c"), '--label: "a b" is no label name: letters, digits', id="label-name"
        ),
        pytest.param(
            ("Leads", V, S, f"--label=a={'x' * 257}"), "--label: expected a text of one line", id="label-value"
        ),
        pytest.param(
            ("Leads", V, S, "--name=a\nb"), "--name: expected a text of one line with at most 256 ", id="lines"
        ),
        pytest.param(("Leads", V, S, f"--group={'x' * 257}"), "--group: expected a text of one line with ", id="long"),
        pytest.param(
            ("Leads", V, S, "--refresh-token-file=own"),
            "--refresh-token-file: is one that the exporter has, and no server is to have the right to change "
            f"records. To get another: {LOGIN}",
            id="the-exporters-own",
        ),
        pytest.param(
            ("Leads", V, S, "--refresh-token-file=id"),
            "--refresh-token-file: looks like a client id, not like a token",
            id="misplaced",
        ),
        pytest.param(
            ("Leads", V, S, "--refresh-token-file=none"), '--refresh-token-file: "none" does not exist', id="no-file"
        ),
    ],
)
def test_what_is_not_clear_is_not_sent(
    alone: Schedule, requests_mock: Mocker, words: tuple[str, ...], said: str
) -> None:
    """With status 2, before anybody is asked."""
    Path("own").write_text(OWN)
    Path("id").write_text("1000.SIMULATEDCLIENT0000000000000000")
    status, out, err = alone("schedule", *words, "--yes")
    assert (status, out, requests_mock.request_history) == (2, "", [])
    assert f"  {said}" in err


def test_without_a_terminal_nobody_can_be_asked(alone: Schedule, requests_mock: Mocker) -> None:
    """So that a script says itself that it means it."""
    status, out, err = alone(*ASKED)
    assert (status, out, requests_mock.request_history) == (2, "", [])
    assert "  --yes: is needed where no terminal is there to ask\n" in err


def test_token_is_needed(alone: Schedule, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where to get one is said."""
    monkeypatch.delenv("ZOHO_SCHEDULE_REFRESH_TOKEN_FILE")
    status, _, err = alone(*ASKED, "--yes")
    assert status == 2
    assert err.startswith(f"It takes a refresh token that may change records. To get one: {LOGIN}\n")
    assert "  --refresh-token-file: is needed where no terminal is there to ask\n" in err


def test_token_is_got_where_the_account_is(alone: Schedule, monkeypatch: pytest.MonkeyPatch) -> None:
    """The line that gets one can be typed as it stands: data centre, client and files are the account's."""
    for name in ("ACCOUNT", "ACCOUNTS_URL", "API_URL", "CLIENT_ID", "CLIENT_SECRET", "REFRESH_TOKEN"):
        monkeypatch.delenv(f"ZOHO_{name}")
    Path("secret").write_text("hunter2hunter2")
    Path("zoho.yaml").write_text(
        "accounts: {acme: {data_center: eu, client_id: 1000.A, client_secret_file: secret, "
        "refresh_token_file: token_to_change}}"
    )
    status, _, err = alone(*ASKED, "--yes", "--config.file=zoho.yaml")
    assert status == 2
    assert err.splitlines()[1].endswith(
        "To get another: zoho-mass-update-exporter login --for=schedule --account=acme --client-id=1000.A "
        "--client-secret-file=secret --data-center=eu --modules=Leads --config.file=zoho.yaml"
    )


def test_nothing_is_sent_where_its_name_could_not_be_written(
    schedule: Schedule, zoho: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Standard output is closed; one that is thrown away on purpose is as good as any."""
    with Path(os.devnull).open("w") as nobody, open(os.dup(nobody.fileno()), "w") as thrown_away:  # noqa: PTH123
        monkeypatch.setattr(sys, "stdout", nobody)
        status, _, err = schedule(*ASKED, "--yes")
        assert (status, posted(zoho)) == (2, 0)
        assert "  standard output: is closed, and the job's name is written there: open it, or say >/dev/null\n" in err
        monkeypatch.setattr(sys, "stdout", thrown_away)
        assert (schedule(*ASKED, "--yes")[0], posted(zoho)) == (0, 1)


NAMED = {"code": "SUCCESS", "details": {"job_id": JOB}}


@pytest.mark.parametrize(
    ("data", "names"),
    [
        pytest.param([NAMED, {"code": "SUCCESS", "details": {"job_id": "8"}}], f"{KEY}, acme/Leads/8", id="two"),
        pytest.param([NAMED, {"code": "NO_PERMISSION", "details": {}}, "odd"], str(KEY), id="beside-an-error"),
        pytest.param([{**NAMED, "code": "INVALID_DATA", "status": "success"}], str(KEY), id="in-two-minds"),
    ],
)
def test_each_job_that_zoho_names_is_told(
    alone: Schedule, requests_mock: Mocker, data: list[object], names: str
) -> None:
    """Also in an answer that nobody understands: they run."""
    requests_mock.post("https://zoho.test/oauth/v2/token", json={"access_token": "1000.a.b", "expires_in": 3600})
    requests_mock.post("https://zoho.test/crm/v8/Leads/actions/mass_update", status_code=207, json={"data": data})
    status, out, err = alone(*ASKED, "--yes", "--group=spring")
    assert (status, out) == (5, "")
    line = f"zoho-mass-update-exporter track {names.replace(',', '')} --group=spring"
    assert err.endswith(f"\nZoho has named {names}. To have that tracked: {line}\n{TOOK}")


def test_ctrl_c_before_anything_is_sent(alone: Schedule, requests_mock: Mocker) -> None:
    """While the access token is waited for nothing can have changed, and that is said; the token may be made."""

    def interrupt(*_: object) -> NoReturn:
        raise KeyboardInterrupt

    requests_mock.post("https://zoho.test/oauth/v2/token", text=interrupt)
    status, out, err = alone(*ASKED, "--yes")
    assert (status, out) == (130, "")
    assert err.endswith("\nIt is not scheduled: it was not sent yet.\nThis took 0 API credits and 1 access token.\n")


@pytest.mark.usefixtures("_kept_signals")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_whatever_ends_the_wait_for_zoho_is_told_alike(
    alone: Schedule, requests_mock: Mocker, number: signal.Signals
) -> None:
    """Nobody knows what has become of the records, and a second signal does not keep that from being told."""

    def end(*_: object) -> NoReturn:
        try:
            signal.raise_signal(number)
        finally:
            signal.raise_signal(number)
        pytest.fail("nothing was ended")

    requests_mock.post("https://zoho.test/oauth/v2/token", json={"access_token": "1000.a.b", "expires_in": 3600})
    requests_mock.post("https://zoho.test/crm/v8/Leads/actions/mass_update", text=end)
    status, out, err = alone(*ASKED, "--yes")
    assert (status, out) == (5, "")
    assert (
        "Nobody knows whether it is scheduled: Zoho's answer was not waited for\nWhat to do: it may have been " in err
    )
    assert err.endswith(TOOK)


@pytest.mark.usefixtures("_kept_signals")
def test_ctrl_c_while_the_exporter_is_silent(schedule: Schedule, serve: Serve) -> None:
    """The job is named, and so is the line that has it tracked."""

    async def end(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] == "POST":
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
        await Response("{}")(scope, receive, send)

    status, out, err = schedule(*ASKED, "--yes", "--watch", f"--exporter.url={serve(end).url}")
    assert (status, out) == (7, f"acme/Leads/{JOB}\n")
    *_, why, line = err.splitlines()
    assert why == "No exporter tracks it: its answer was not waited for"
    assert line.startswith(f"To have it tracked: zoho-mass-update-exporter track acme/Leads/{JOB}")


def test_what_is_sent_is_shown_as_it_is(schedule: Schedule) -> None:
    """Also what a terminal does not show; a module's name that is nearly Zoho's own is told."""
    _, _, err = schedule("schedule", "leads", f"--view={VIEW}", "--set=City=Z\u00fcrich\u202e\u00a0", "--yes")
    assert '  module  leads\n          Zoho spells the module "leads" Leads: ' in err
    assert '  set     City = "Z\u00fcrich\\u202e\\xa0"\n' in err


def test_token_that_others_may_read_is_told(schedule: Schedule) -> None:
    """Whoever reads it may change records."""
    Path("token_to_change").chmod(0o644)
    _, _, err = schedule(*ASKED, "--yes")
    assert err.startswith("warning: token_to_change has the mode 0644, so any user may read it: chmod 600\n")


@pytest.mark.parametrize(
    ("typed_in", "status", "said"),
    [
        ("y\n", 0, "Zoho has scheduled it as acme/Leads/"),
        ("n\n", 1, "[y/N] Nothing was sent.\n"),
        ("\n", 1, "[y/N] Nothing was sent.\n"),
        ("", 1, "[y/N] \nNobody answers: nothing was sent.\n"),
    ],
)
def test_person_is_asked(
    schedule: Schedule, zoho: Simulator, monkeypatch: pytest.MonkeyPatch, *, typed_in: str, status: int, said: str
) -> None:
    """Only a yes is a yes, and before it Zoho is asked for nothing."""
    monkeypatch.setattr(sys, "stdin", Keyboard(typed_in, is_terminal=True))
    ended, _, err = schedule(*ASKED)
    assert ended == status
    assert said in err
    assert len(zoho.calls) == (2 if status == 0 else 0)


def test_job_that_can_not_be_watched_is_scheduled(schedule: Schedule, monkeypatch: pytest.MonkeyPatch) -> None:
    """The exit status is none that has a script send it again; nor does the line that goes on."""
    monkeypatch.setenv("XDG_STATE_HOME", "token_to_change")
    status, out, err = schedule(*ASKED, "--yes", "--watch", "--timeout=1h", "--exporter.url=http://127.0.0.1:1")
    assert (status, out) == (7, f"acme/Leads/{JOB}\n")
    assert "can't be made (Not a directory)" in err
    assert err.endswith(
        f"It goes on all the same. To watch it: zoho-mass-update-exporter status acme/Leads/{JOB} --watch --timeout=1h "
        "--direct --exporter.url=http://127.0.0.1:1\n"
    )
