"""The commands as a person types them, in processes of their own."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import pytest
import requests
from houses import file_house
from journey import Exporter
from processes import bare_environment, eventually, exporter_command, started
from samples import LEADS, NOW

from exporter import __version__
from exporter.cli.commands import COMMANDS
from exporter.model import JobSource, JobSpec
from exporter.simulator import Simulator

GOOD_FILE = """\
accounts:
  acme:
    data_center: eu
    client_id: 1000.ABC
    client_secret: hush-hush-secret
    refresh_token: 1000.0123456789abcdef0123456789abcdef.0123456789abcdef0123456789abcdef
jobs:
  - {account: acme, module: Leads, job_id: 3524033000006027001}
"""


def typed(*arguments: str, directory: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Type a command and wait for its end."""
    return subprocess.run(
        exporter_command(*arguments),
        env=bare_environment(**variables),
        cwd=directory,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_version_is_printed(tmp_path: Path) -> None:
    """`--version` names the program and its version."""
    ended = typed("--version", directory=tmp_path)
    assert (ended.returncode, ended.stdout) == (0, f"zoho-mass-update-exporter {__version__}\n")


def test_help_names_every_command(tmp_path: Path) -> None:
    """`--help` says what this is and lists the commands with a line each."""
    ended = typed("--help", directory=tmp_path)
    assert ended.returncode == 0
    assert "Prometheus exporter for Zoho CRM mass-update jobs" in ended.stdout
    for command in COMMANDS:
        assert re.search(rf"^    {command.name} +{re.escape(command.summary)}$", ended.stdout, re.MULTILINE)
    assert [line for line in ended.stdout.splitlines() if len(line) > 80 and "://" not in line] == []


def test_help_has_the_flags_of_the_default_command(tmp_path: Path) -> None:
    """Who names no command finds the flags that they may type, and where to read on."""
    shown = typed("--help", directory=tmp_path).stdout
    for flag in COMMANDS[0].flag_names:
        assert re.search(rf"^  {re.escape(flag)}\s", shown, re.MULTILINE)
    assert re.search(r"^documentation: https://\S+/docs/README.md$", shown, re.MULTILINE)


@pytest.mark.parametrize(
    "arguments", [["--help"], ["--version"], ["check", "--help"], ["chek"], ["--web.listen-adress"]]
)
def test_help_and_complaints_load_nothing_of_what_commands_do(tmp_path: Path, arguments: list[str]) -> None:
    """They are read first of all, and answer at once."""
    loaded = imported(tmp_path, "-m", "exporter", *arguments)
    ours = {name for name in loaded if name.partition(".")[0] == "exporter"}
    tables = {"exporter", "exporter.cli", "exporter.cli.command", "exporter.cli.commands", "exporter.cli.flags"}
    complaints = {"exporter.cli.output", "exporter.cli.typos", "exporter.forms"}
    assert ours - complaints == {*tables, "exporter.defaults"}
    heavy = {"dataclasses", "json", "logging", "prometheus_client", "pydantic", "requests", "rich", "yaml"}
    assert not (loaded - imported(tmp_path, "-c", "pass")) & heavy


NOBODY = "--exporter.url=http://127.0.0.1:1"
SERVING = {"asyncio", "jinja2", "prometheus_client", "requests", "starlette", "structlog", "urllib3", "uvicorn"}
BROUGHT = {"asyncio"}
"""What pydantic-settings loads by itself."""
OF_JOBS = {"exporter.model", "exporter.redactor", "exporter.state.file", "exporter.state.port", "sqlite3"}
"""What is known of jobs, and where: who looks at a configuration asks neither Zoho nor the state file."""


@pytest.mark.parametrize(
    ("arguments", "unused", "most"),
    [
        pytest.param(
            ["check", "--config.file=zoho.yaml"],
            {*SERVING, *OF_JOBS, "http.client", "multiprocessing", "rich"} - BROUGHT,
            330,
            id="check",
        ),
        pytest.param(["jobs", NOBODY], {*SERVING, "pydantic", "yaml"}, 230, id="jobs"),
        pytest.param(["status", "Leads/7", NOBODY], {*SERVING, "pydantic", "yaml"}, 230, id="status"),
        pytest.param(["ack", "acme/Leads/7", NOBODY], {*SERVING, "pydantic", "rich", "yaml"}, 160, id="ack"),
    ],
)
def test_commands_load_what_they_need(tmp_path: Path, arguments: list[str], unused: set[str], most: int) -> None:
    """Nothing of a server's, and none by accident: modules are counted, which says what a clock would."""
    (tmp_path / "zoho.yaml").write_text(GOOD_FILE)
    (tmp_path / "zoho.yaml").chmod(0o600)
    loaded = imported(tmp_path, "-m", "exporter", *arguments) - imported(tmp_path, "-c", "pass")
    assert not loaded & {*unused, "exporter.web", "exporter.app.application"}
    assert len(loaded) <= most


def test_the_exporter_starts_with_nothing_that_only_terminals_and_polls_need(tmp_path: Path) -> None:
    """A server has no use for tables, bars and flags, nor for their megabytes, and for `requests` once it polls."""
    loaded = imported(
        tmp_path, "-c", "import exporter.cli.serving.run, exporter.app.serving; from exporter.logs import structlog"
    )
    loaded -= imported(tmp_path, "-c", "pass")  # what measures the tests
    assert {"structlog.dev", "uvicorn.server"} <= loaded
    unused = ("rich.", "pygments", "click", "multiprocessing", "requests", "urllib3", "charset_normalizer")
    assert not {name for name in loaded if name.startswith(unused)}


def test_what_sends_polls_is_loaded_soon_after_the_start(tmp_path: Path) -> None:
    """A poll does not find it gone, by an upgrade or with the disk."""
    command = [sys.executable, "-X", "importtime", "-m", "exporter", "--web.listen-address=127.0.0.1:0"]
    variables = {
        "ZOHO_CLIENT_ID": "1000.A",
        "ZOHO_CLIENT_SECRET": "b",
        "ZOHO_REFRESH_TOKEN": "c",
        "ZOHO_DATA_CENTER": "eu",
    }
    with started([*command, "--log.format=json"], bare_environment(**variables), tmp_path) as running:
        running.log_event("serving metrics")
        eventually(
            lambda: [line for line in tuple(running.stderr) if line.endswith(" exporter.zoho.connection\n")],
            "what sends polls is not loaded",
        )


def imported(directory: Path, *arguments: str) -> set[str]:
    """Give the modules that an interpreter imports, those of its own start included."""
    command = [sys.executable, "-X", "importtime", *arguments]
    ended = subprocess.run(command, cwd=directory, capture_output=True, text=True, timeout=60, check=False)
    return set(re.findall(r"^import time:.*\| *(\S+)$", ended.stderr, re.MULTILINE))


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_what_each_command_does_can_be_loaded(command: object) -> None:
    """The tables name modules that are there."""
    assert callable(import_module(str(getattr(command, "module"))).execute)  # noqa: B009 - ids come as objects


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["--version"],
        ["check", "--config.file=zoho.yaml"],
        ["simulate", "--web.listen-address=127.0.0.1:0"],
    ],
    ids=" ".join,
)
def test_output_that_cannot_be_written_is_told_in_a_line(tmp_path: Path, arguments: list[str]) -> None:
    """A full disk is named, and a reader that goes away needs no word; neither gives a traceback."""
    (tmp_path / "zoho.yaml").write_text(GOOD_FILE)
    (tmp_path / "zoho.yaml").chmod(0o600)
    told = {}
    reader, pipe = os.pipe()
    os.close(reader)
    for name, descriptor in (("full", os.open("/dev/full", os.O_WRONLY)), ("pipe", pipe)):
        command = exporter_command(*arguments)
        ended = subprocess.run(
            command,
            cwd=tmp_path,
            stdout=descriptor,
            stderr=subprocess.PIPE,
            text=True,
            timeout=60,
            check=False,
            env=bare_environment(),
        )
        os.close(descriptor)
        told[name] = (ended.returncode, ended.stderr)
    full = "zoho-mass-update-exporter: the output can't be written: No space left on device\n"
    assert told == {"full": (1, full), "pipe": (141, "")}


def test_what_the_shell_has_closed_is_written_to_nobody(tmp_path: Path) -> None:
    """Whoever closes the output wants the exit status alone."""
    (tmp_path / "zoho.yaml").write_text(GOOD_FILE)
    (tmp_path / "zoho.yaml").chmod(0o600)
    command = ["sh", "-c", 'exec "$@" <&- >&-', "sh", *exporter_command("check", "--config.file=zoho.yaml")]
    ended = subprocess.run(command, cwd=tmp_path, env=bare_environment(), stderr=subprocess.PIPE, check=False)
    assert (ended.returncode, ended.stderr) == (0, b"")


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_each_command_explains_its_flags(tmp_path: Path, command: object) -> None:
    """`COMMAND --help` describes the command and each of its flags."""
    ended = typed(str(getattr(command, "name")), "--help", directory=tmp_path)  # noqa: B009 - ids come as objects
    assert ended.returncode == 0
    flags = re.findall(r"^  (--[a-z.-]+)", ended.stdout, re.MULTILINE)
    assert flags
    assert [line for line in ended.stdout.splitlines() if len(line) > 80 and "://" not in line] == []
    assert ended.stderr == ""


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        pytest.param(["chek"], 'unknown command "chek"; did you mean check?', id="unknown command"),
        pytest.param(
            ["--web.listen-adress=:1"],
            "exporter run: unknown flag --web.listen-adress; did you mean --web.listen-address?",
            id="unknown flag",
        ),
        pytest.param(
            ["check", "zoho.yaml"], 'check: unknown word "zoho.yaml"; did you mean --config.file=', id="a bare file"
        ),
        pytest.param(
            ["print"], "print: the following arguments are required: scrape-config or completion", id="no word"
        ),
        pytest.param(["check", "--log.level=INFO"], 'did you mean "info"?', id="word"),
        pytest.param(["--state.path=a", "--state.path=b"], "run: --state.path is given twice", id="twice"),
    ],
)
def test_wrong_arguments_are_refused(tmp_path: Path, arguments: list[str], said: str) -> None:
    """A mistyped word ends with status 2 and says which one."""
    ended = typed(*arguments, directory=tmp_path)
    assert ended.returncode == 2
    assert said in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize(
    ("command", "said"),
    [
        pytest.param("init --config.file={}", "{} can't be written: {reason}", id="init"),
        pytest.param("init --config.file={} --force", "{} can't be written: {reason}", id="init-force"),
        pytest.param("state copy {} copy.db", "{reason}", id="state-from"),
        pytest.param("state copy state.db {}", "{reason}", id="state-to"),
        pytest.param("login --self-client --account=acme --config.file={}", "{reason}", id="login"),
    ],
)
@pytest.mark.parametrize(
    ("file", "reason"),
    [
        pytest.param("loop", "Too many levels of symbolic links", id="loop"),
        pytest.param("loop/file", "Too many levels of symbolic links", id="below-a-loop"),
        pytest.param("x" * 300 + "/file", "File name too long", id="too-long"),
        pytest.param("text/file", "Not a directory", id="below-a-file"),
    ],
)
def test_path_that_leads_nowhere_is_told(tmp_path: Path, command: str, said: str, file: str, reason: str) -> None:
    """In a line, whatever keeps the system from looking, and without a traceback."""
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "text").write_text("a file")
    house = file_house(tmp_path / "state.db")
    house.account.track(JobSpec(LEADS, JobSource.API), NOW)
    house.close()
    ended = typed(*command.format(file).split(), directory=tmp_path)
    assert ended.returncode in {1, 2}
    assert said.format(file, reason=reason) in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize("command", ["init", "login --self-client --account=acme"])
def test_file_to_write_is_not_called_as_standard_input_is(tmp_path: Path, command: str) -> None:
    """Nor is one made of that name."""
    ended = typed(*command.split(), "--config.file=-", directory=tmp_path)
    assert ended.returncode == 2
    assert "--config.file: - is no file's name here: name one, such as ./-" in ended.stderr
    assert list(tmp_path.iterdir()) == []


def test_init_leaves_a_pipe_alone_whatever_name_leads_there(tmp_path: Path) -> None:
    """With `--force` or without it."""
    for force in ([], ["--force"]):
        ended = typed("init", "--config.file=/dev/stdout", *force, directory=tmp_path)
        assert (ended.returncode, ended.stdout) == (1, "")
        assert "/dev/stdout can't be written: it is a pipe, not a regular file" in ended.stderr


def test_check_accepts_a_right_file(tmp_path: Path) -> None:
    """`check` says what it found, and no secret."""
    (tmp_path / "zoho.yaml").write_text(GOOD_FILE)
    (tmp_path / "zoho.yaml").chmod(0o600)
    ended = typed("check", "--config.file=zoho.yaml", directory=tmp_path)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout == "The configuration is right.\n  acme: data centre eu, production, 1 job\n"


def test_check_warns_of_what_is_probably_not_meant(tmp_path: Path) -> None:
    """A configuration without jobs is right, and said to be odd."""
    (tmp_path / "zoho.yaml").write_text(GOOD_FILE.partition("jobs:")[0])
    ended = typed("check", "--config.file=zoho.yaml", directory=tmp_path)
    assert ended.returncode == 0
    assert ended.stderr.startswith("warning: jobs: no job is configured")
    assert ended.stdout == "The configuration is right.\n  acme: data centre eu, production, 0 jobs\n"


def test_check_reads_the_job_files_too(tmp_path: Path) -> None:
    """Their jobs are counted, a pattern without a file is told, and a broken file is a problem like any other."""
    (tmp_path / "zoho.yaml").write_text(GOOD_FILE + "job_files: [jobs.d/*.yaml, none/*.yaml]\n")
    (tmp_path / "zoho.yaml").chmod(0o600)
    folder = tmp_path / "jobs.d"
    folder.mkdir()
    (folder / "a.yaml").write_text("jobs: [{module: Deals, job_id: 7}]")
    ended = typed("check", "--config.file=zoho.yaml", directory=tmp_path)
    assert (ended.returncode, ended.stderr) == (0, "warning: job_files: no file matches none/*.yaml\n")
    assert ended.stdout == "The configuration is right.\n  acme: data centre eu, production, 2 jobs\n"
    (folder / "a.yaml").write_text("jobs: [{module: Deals, job_idd: 7}]")
    broken = typed("check", "--config.file=zoho.yaml", directory=tmp_path)
    assert broken.returncode == 2
    assert 'jobs.d/a.yaml:1: jobs[0].job_idd: unknown key; did you mean "job_id"?' in broken.stderr


def test_check_lists_every_problem_with_its_place(tmp_path: Path) -> None:
    """All problems come at once, each with its line, status 2 and no secret."""
    broken = GOOD_FILE.replace("eu", "eurp").replace("job_id: 3", "job_id: x3").replace("client_id", "clientid")
    (tmp_path / "zoho.yaml").write_text(broken)
    (tmp_path / "zoho.yaml").chmod(0o600)
    ended = typed("check", "--config.file=zoho.yaml", directory=tmp_path)
    assert ended.returncode == 2
    assert ended.stdout == ""
    title, *problems = ended.stderr.splitlines()
    assert title == f"zoho-mass-update-exporter: {len(problems)} problems:"
    assert [line.split(": ")[0].strip() for line in problems] == sorted(
        line.split(": ")[0].strip() for line in problems
    )
    assert {"zoho.yaml:3", "zoho.yaml:4", "zoho.yaml:8"} <= {line.split(": ")[0].strip() for line in problems}
    assert "hush-hush-secret" not in ended.stderr
    assert "0123456789abcdef" not in ended.stderr


@pytest.mark.parametrize("command", ["run", "check"])
def test_nothing_configured_says_how_to_start(tmp_path: Path, command: str) -> None:
    """Without any configuration the message names the ways to give one."""
    ended = typed(command, directory=tmp_path)
    assert ended.returncode == 2
    for hint in ("ZOHO_CLIENT_ID", "--config.file", "demo"):
        assert hint in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize(
    ("flags", "variables", "more", "place"),
    [
        pytest.param(["--web.listen-address={}"], {}, "", "--web.listen-address", id="flag"),
        pytest.param([], {"ZOHO_WEB__LISTEN_ADDRESS": "{}"}, "", "ZOHO_WEB__LISTEN_ADDRESS", id="variable"),
        pytest.param([], {}, "web: {{listen_address: '{}'}}\n", "zoho.yaml:9: web.listen_address", id="file"),
    ],
)
def test_taken_port_is_told(
    tmp_path: Path, simulator: Simulator, *, flags: list[str], variables: dict[str, str], more: str, place: str
) -> None:
    """An address in use ends the start with a clear error where it was written, not a traceback."""
    address = simulator.url.removeprefix("http://")
    (tmp_path / "zoho.yaml").write_text(GOOD_FILE + more.format(address))
    (tmp_path / "zoho.yaml").chmod(0o600)
    words = [flag.format(address) for flag in flags]
    environment = {name: value.format(address) for name, value in variables.items()}
    ended = typed("--config.file=zoho.yaml", *words, directory=tmp_path, **environment)
    assert ended.returncode == 2
    assert f"  {place}: can't listen on {address}: another program listens there" in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize(
    ("number", "words", "told"),
    [
        pytest.param(signal.SIGINT, ["jobs"], "demo/Invoices/3524033000006027008", id="Ctrl-C"),
        pytest.param(
            signal.SIGTERM, ["ack", "Invoices/3524033000006027008"], "The demo takes no changes.", id="SIGTERM"
        ),
    ],
)
def test_demo_shows_every_state_and_ends_cleanly(
    tmp_path: Path, number: signal.Signals, words: list[str], told: str
) -> None:
    """It needs nothing, has a job in each state, lets commands look and no more, and ends without a traceback."""
    with started(exporter_command("demo", "--web.listen-address=127.0.0.1:0"), bare_environment(), tmp_path) as demo:
        [flag] = eventually(lambda: re.findall(r"--exporter.url=\S+", "".join(demo.stdout)), "no address printed")
        shown = typed(*words, flag, directory=tmp_path)
        page = requests.get(f"{flag.partition('=')[2]}/metrics", timeout=30).text
        status = demo.stop(number)
    assert told in shown.stdout + shown.stderr
    states = set(re.findall(r'job_state\{account="demo",.*state="([A-Z]+)"\} 1\.0', page))
    assert states >= {"SCHEDULED", "QUEUED", "RUNNING", "COMPLETED", "UNKNOWN"}
    assert 'code="NOT_FOUND",job_id=' in page
    assert 'code="OAUTH_SCOPE_MISMATCH",job_id=' in page
    assert status == 0
    assert "Traceback" not in "".join(demo.stderr)


def test_simulate_prints_what_the_exporter_needs(tmp_path: Path) -> None:
    """The lines that `simulate` prints configure an exporter that works against it."""
    with started(
        exporter_command("simulate", "--web.listen-address=127.0.0.1:0"), bare_environment(), tmp_path
    ) as zoho:
        eventually(lambda: "What it has served" in "".join(zoho.stdout), "nothing printed")
        exports = dict(re.findall(r"(ZOHO_[A-Z_]+)=(\S+)", "".join(zoho.stdout)))
        command = exporter_command("--web.listen-address=127.0.0.1:0", "--log.format=json")
        with started(command, bare_environment(**exports, ZOHO_STATE__PATH="memory"), tmp_path) as exporter:
            url = f"http://127.0.0.1:{exporter.log_event('serving metrics')['port']}/metrics"
            page = requests.get(url, timeout=30).text
        assert zoho.stop(signal.SIGINT) == 0
    assert 'zoho_crm_api_up{account="default"} 1.0' in page
    assert "zoho_mass_update_job_updated_records{" in page


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        pytest.param(["--web.listen-address=nowhere"], '"nowhere" is not host:port, :port or', id="no port"),
        pytest.param(["--web.listen-address=127.0.0.1:99999"], "has no port from 0 to 65535", id="port too high"),
        pytest.param(["--web.listen-address=192.0.2.1:1"], "can't listen on 192.0.2.1:1", id="somebody else's address"),
        pytest.param(["--scenario.file=missing.yaml"], "missing.yaml: ", id="no such file"),
    ],
)
def test_simulate_refuses_what_it_cannot_do(tmp_path: Path, arguments: list[str], said: str) -> None:
    """Bad flags of `simulate` are told like any other problem."""
    ended = typed("simulate", *arguments, directory=tmp_path)
    assert ended.returncode == 2
    assert said in ended.stderr
    assert "Traceback" not in ended.stderr


def test_simulate_listens_on_ipv6(tmp_path: Path) -> None:
    """An IPv6 address stands in brackets, as for `run`; a scenario without a job names none."""
    (tmp_path / "empty.yaml").write_text("jobs: []\n")
    typed_words = ("simulate", "--web.listen-address=[::1]:0", "--scenario.file=empty.yaml")
    with started(exporter_command(*typed_words), bare_environment(), tmp_path) as zoho:
        [url] = eventually(lambda: re.findall(r"answers on (http://\[::1\]:\d+)", "".join(zoho.stdout)), "no address")
        assert requests.get(f"{url}/__control__/stats", timeout=30).json()["crm_calls"] == 0
    assert "ZOHO_JOBS" not in "".join(zoho.stdout)


def test_ctrl_c_during_the_start_leaves_no_traceback(tmp_path: Path) -> None:
    """The first second goes by with imports; whoever changes their mind in it sees nothing of them."""
    (tmp_path / "pydantic.py").write_text("import os, signal\nos.kill(os.getpid(), signal.SIGINT)\n")
    ended = typed("demo", directory=tmp_path, PYTHONPATH=str(tmp_path))
    assert (ended.returncode, ended.stdout, ended.stderr) == (-signal.SIGINT, "", "")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_first_process_of_a_container_hears_a_stop_from_the_start_on(tmp_path: Path, number: signal.Signals) -> None:
    """The kernel keeps from it what it does not handle: a stop amid its imports was lost."""
    (tmp_path / "pydantic.py").write_text(f"import os\nos.kill(os.getpid(), {int(number)})\n")
    apart = ["unshare", *(["--user", "--map-root-user"] if os.geteuid() else []), "--pid", "--fork"]
    ended = subprocess.run(
        [*apart, *exporter_command("demo")],
        env=bare_environment(PYTHONPATH=str(tmp_path)),
        cwd=tmp_path,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (128 + number, "", "")


def test_flags_beat_the_environment(start_exporter: Callable[..., Exporter]) -> None:
    """A flag wins over the variable of the same setting."""
    exporter = start_exporter(web__listen_address="127.0.0.1:1", web__telemetry_path="/own")
    assert not exporter.url.endswith(":1")
    assert requests.get(f"{exporter.url}/own", timeout=30).ok
