"""The commands, in the order of `--help`: a row each. The next command is one row, and one module beside its like."""

from exporter.cli.command import Command
from exporter.defaults import LISTEN_PORT, MEMORY

_LOG = ("log.level", "log.format")
_RUN_FLAGS = (
    *("config_file", "web.listen_address", "web.systemd_socket", "web.telemetry_path"),
    *("web.disable_exporter_metrics", "web.external_url", "web.route_prefix"),
    *("web.config_file", "web.max_requests", "state.path", "state.url", *_LOG),
)
_EXPORTER = ("exporter.url", "exporter.token_file", "exporter.user", "exporter.password_file")
_DESCRIBED = ("job_name", "group", "label")
_RUN_DEFAULTS = {"state.path": "below STATE_DIRECTORY, /var/lib or ~/.local/state"}

COMMANDS = (
    Command(
        "run",
        "serve metrics (the default command)",
        "Serve metrics until SIGTERM or Ctrl-C. Zoho is asked only while Prometheus scrapes.",
        "exporter.cli.serving.run",
        _RUN_FLAGS,
        defaults=_RUN_DEFAULTS,
    ),
    Command(
        "demo",
        "watch made-up jobs; needs no Zoho account",
        "Serve metrics of a simulated Zoho's mass updates, one of every state, in accelerated time.",
        "exporter.cli.serving.demo",
        ("web.listen_address", "web.telemetry_path", "state.path", *_LOG),
        defaults={"web.listen_address": f"127.0.0.1:{LISTEN_PORT}", "state.path": MEMORY},
    ),
    Command(
        "simulate",
        "run a simulated Zoho on this machine",
        "Run a small simulated Zoho CRM, faults included, that any client can talk to. It knows no secrets.",
        "exporter.cli.serving.simulate",
        ("web.listen_address", "scenario_file"),
        defaults={"web.listen_address": f"127.0.0.1:{LISTEN_PORT + 1}"},
    ),
    Command(
        "check",
        "say whether the configuration is right",
        "Read the configuration as run would, with run's flags, and tell every problem in it at once. Nothing is "
        "asked of Zoho, and nothing is left behind, unless --live is given.",
        "exporter.cli.account.check",
        (*_RUN_FLAGS, "live", "format"),
        defaults=_RUN_DEFAULTS,
    ),
    Command(
        "login",
        "get a refresh token, and write the configuration",
        "Get a refresh token by a client of Zoho's API console, try it with one call, and write secret files and a "
        "settings file. What the flags leave out is asked for at the terminal.",
        "exporter.cli.account.login",
        (
            *(
                "for",
                "account",
                "device",
                "self_client",
                "client_id",
                "client_secret_file",
                "grant_code_file",
                "data_center",
            ),
            *("modules", "accounts_url", "api_url", "config_file", "output", "force"),
        ),
        defaults={
            "account": "default: ZOHO_ACCOUNT, or zoho",
            "config_file": "default: zoho.yaml",
            "force": "the secret files, after making another refresh token",
        },
    ),
    Command(
        "logout",
        "give an account's refresh token back to Zoho",
        "Revoke the refresh token of an account of the configuration, and say what to delete.",
        "exporter.cli.account.logout",
        ("account", "config_file", "refresh_token_file", "yes"),
        defaults={
            "account": "may be left out where there is one",
            "refresh_token_file": "another refresh token to revoke, instead of the account's",
        },
    ),
    Command(
        "plan",
        "say what the configuration will cost",
        "Reckon credits and access tokens a day of each account, for jobs of several lengths, and what other settings "
        "would cost. Nobody is asked.",
        "exporter.cli.account.plan",
        ("config_file", "jobs", "format"),
    ),
    Command(
        "print",
        "print what other programs need to be told",
        "Print a scrape configuration for Prometheus, as the settings in force ask for one, or the completion of a "
        "shell. Secrets are named by their files, never shown.",
        "exporter.cli.account.printing",
        (*_RUN_FLAGS, "kind", "shell"),
        words=("what",),
        defaults=_RUN_DEFAULTS,
    ),
    Command(
        "state",
        "copy what is kept into a database, or back",
        "Copy jobs, counters, credits and tokens from a state file into a PostgreSQL database, or back, and see that "
        "they are there. No exporter may run on either meanwhile. A copy that was broken off is begun anew.",
        "exporter.cli.serving.state",
        ("password_file",),
        words=("deed", "source", "target"),
    ),
    Command(
        "init",
        "write a commented settings file to begin with",
        "Write a settings file that has every setting with its meaning and its default, and asks for what only you "
        "know.",
        "exporter.cli.account.init",
        ("config_file", "force"),
        defaults={"config_file": "default: zoho.yaml", "force": "the file"},
    ),
    Command(
        "status",
        "show a job, or follow it to its end",
        "Show how a job is. The running exporter is asked, and where none answers Zoho, which costs a credit. Exit "
        "status: 0 completed, 1 not to be had, 2 wrong arguments, 3 failed, 4 completed with records left, 5 unknown, "
        "6 refused by Zoho, 7 not ended (in time).",
        "exporter.cli.jobs.status",
        ("watch", "timeout", "direct", "json", *_EXPORTER, "config_file"),
        words=("job",),
    ),
    Command(
        "jobs",
        "list the jobs that the exporter tracks",
        "List the jobs that the running exporter tracks, those first that need a person. Nothing is asked of Zoho.",
        "exporter.cli.jobs.jobs",
        ("watch", "jobs_format", *_EXPORTER),
    ),
    Command(
        "track",
        "have the exporter track a job",
        "Have the running exporter track jobs, from its next scrape on. Sent again it does no harm.",
        "exporter.cli.jobs.track",
        (*_DESCRIBED, *_EXPORTER),
        words=("named_jobs",),
    ),
    Command(
        "untrack",
        "have the exporter let go of a job",
        "Have the running exporter let go of jobs; those of its configuration are let go of there.",
        "exporter.cli.jobs.untrack",
        _EXPORTER,
        words=("named_jobs",),
    ),
    Command(
        "ack",
        "say that you know how a job ended",
        "Take note of how jobs ended that failed or left records behind: they need no attention any more, and their "
        "alerts end.",
        "exporter.cli.jobs.ack",
        ("undo", *_EXPORTER),
        words=("named_jobs",),
    ),
    Command(
        "schedule",
        "change the records of a view, and watch it",
        "Send Zoho a mass update of all records that a custom view shows, have the running exporter track the job, and "
        "follow it. It takes a refresh token of its own, which may change records and which no server has. Exit "
        "status: 0 scheduled, 1 not scheduled, 2 wrong arguments, 5 nobody knows, 7 scheduled, but not to be named or "
        "seen to its end; with --watch as of status.",
        "exporter.cli.jobs.schedule",
        (
            *("view", "set", "refresh_token_file", "yes", "watch", "timeout", "json", *_DESCRIBED, *_EXPORTER),
            "config_file",
        ),
        words=("module",),
        defaults={
            "json": "what was sent, and the job's id, as JSON",
            "refresh_token_file": "a refresh token that may change records, of login --for=schedule; - is standard "
            "input (default: ZOHO_SCHEDULE_REFRESH_TOKEN_FILE)",
        },
    ),
    Command(
        "history",
        "show what was seen of a job",
        "Show what the running exporter has seen of a job. As OpenMetrics it fills up a Prometheus that was away: "
        "promtool tsdb create-blocks-from openmetrics.",
        "exporter.cli.jobs.history",
        ("history_format", *_EXPORTER),
        words=("job",),
    ),
)
"""The first is the default."""
NAMED = {command.name: command for command in COMMANDS}
DEFAULTS = {command.name: command.defaults for command in COMMANDS}
"""What flags are without being given, by command, where the settings do not say it."""
