"""Every flag and word of the command line, by what it gives. Plain data."""

from typing import NamedTuple

from exporter.defaults import LISTEN_PORT, LOG_FORMAT, LOG_FORMATS, LOG_LEVEL, LOG_LEVELS, MAX_REQUESTS, TELEMETRY_PATH


class Flag(NamedTuple):
    """One flag: `value` is a word for its value, the words to choose from, or True where it has none."""

    value: str | tuple[str, ...] | bool
    help: str
    """Has `{}` where the default is to stand."""
    default: object = ""
    is_setting: bool = False
    """Whether it is a setting, under the same name."""
    is_repeatable: bool = False
    typed_name: str = ""
    """How it is typed, where another command has one of this name with other words to choose from."""

    def typed(self, name: str) -> str:
        """Give the flag as it is typed."""
        dotted = name.replace("config_file", "config.file").replace("scenario_file", "scenario.file")
        return f"--{(self.typed_name or dotted).replace('_', '-')}"


def _setting(
    value: str | tuple[str, ...] | bool,  # noqa: FBT001
    words: str,
    default: object = "",
    *,
    is_repeatable: bool = False,
) -> Flag:
    return Flag(value, words, default, is_setting=True, is_repeatable=is_repeatable)


FLAGS = {
    "config_file": Flag(
        "FILE", "YAML file with accounts and jobs; {}", "without it the environment must describe one account"
    ),
    "scenario_file": Flag("FILE", "YAML file with jobs and faults to play (default: the demo's fleet)"),
    "web.listen_address": _setting(
        "HOST:PORT", "address to serve on (default {}); repeat the flag for more", f":{LISTEN_PORT}", is_repeatable=True
    ),
    "web.systemd_socket": _setting(True, "serve on the sockets that systemd passes on instead"),
    "web.telemetry_path": _setting("PATH", "path of the metrics (default {})", TELEMETRY_PATH),
    "web.disable_exporter_metrics": _setting(True, "leave out the metrics of the process and of Python"),
    "web.external_url": _setting("URL", "where a proxy shows the exporter, such as https://example.com/zoho"),
    "web.route_prefix": _setting("PATH", "what every path begins with (default: the path of --web.external-url)"),
    "web.config_file": _setting(
        "FILE", "YAML file of TLS, users and passwords, in the format of Prometheus' exporter-toolkit"
    ),
    "web.max_requests": _setting("N", "most requests to work on at once (default {})", MAX_REQUESTS),
    "state.path": _setting(
        "FILE", "file that keeps jobs, counters and credits across restarts, or 'memory'; default: {}"
    ),
    "state.url": _setting(
        "URL", "PostgreSQL database that several exporters share, instead of a file; no password in it"
    ),
    "log.level": _setting(
        tuple(dict.fromkeys(LOG_LEVELS.values())), "least severe event to log (default {})", LOG_LEVEL
    ),
    "log.format": _setting(
        LOG_FORMATS,
        "one line per event: auto is short and coloured in a terminal, and else logfmt (default {})",
        LOG_FORMAT,
    ),
    "account": Flag("NAME", "name of the account; {}"),
    "device": Flag(True, "accept in a browser; for a client of the type Non-browser application"),
    "self_client": Flag(True, "enter a grant code; for a client of the type Self client"),
    "client_id": Flag("ID", "the client's id"),
    "client_secret_file": Flag("FILE", "file with the client's secret; - is standard input"),
    "grant_code_file": Flag("FILE", "file with the self client's code; - is standard input"),
    "data_center": Flag("NAME", "where the organisation's data lives, such as eu (default: it is found)"),
    "modules": Flag("NAMES", "the modules to watch, by API name, with commas between them (default: all)"),
    "accounts_url": Flag("URL", "accounts server that is not Zoho's own; only together with --api-url"),
    "api_url": Flag("URL", "API server that is not Zoho's own; only together with --accounts-url"),
    "output": Flag(
        ("files", "kubernetes", "env", "json"),
        "what to leave: secret files and a settings file, or on standard output a Secret, an env file or JSON "
        "(default {})",
        "files",
    ),
    "force": Flag(True, "overwrite {}"),
    "yes": Flag(True, "do not ask"),
    "exporter.url": Flag(
        "URL", "the running exporter (default: ZOHO_EXPORTER_URL, or {})", f"http://127.0.0.1:{LISTEN_PORT}"
    ),
    "exporter.token_file": Flag("FILE", "file with the token of its API (default: ZOHO_EXPORTER_TOKEN_FILE)"),
    "exporter.user": Flag("NAME", "user of its web-config file"),
    "exporter.password_file": Flag("FILE", "file with that user's password"),
    "live": Flag(True, "ask Zoho too: token, scope, module, permission and job of each account and job"),
    "format": Flag(("text", "json"), "for people or for scripts (default {})", "text"),
    "jobs": Flag("N", "jobs of each account that begin together (default: those that are configured)"),
    "what": Flag(("scrape-config", "completion"), "what to print"),
    "deed": Flag(("copy",), "what to do"),
    "source": Flag("FROM", "a state file, or the postgresql:// URL of a database, without a password"),
    "target": Flag("TO", "the other, which must have nothing of these accounts"),
    "password_file": Flag("FILE", "file that holds the database's password, where libpq does not know it"),
    "kind": Flag(
        ("static", "discovery", "operator"),
        "of a scrape-config: one target, a target for each job, or an object of Prometheus Operator (default {})",
        "static",
    ),
    "shell": Flag(("bash", "zsh"), "of a completion: whose (default {})", "bash"),
    "job": Flag("JOB", "ACCOUNT/MODULE/JOB_ID, or MODULE/JOB_ID where there is one account"),
    "named_jobs": Flag(
        "JOB", "ACCOUNT/MODULE/JOB_ID, or MODULE/JOB_ID where there is one account; several at once", is_repeatable=True
    ),
    "watch": Flag(True, "go on showing what is new; Ctrl-C ends it"),
    "timeout": Flag("DURATION", "watch no longer than this, such as 30m or 1h30m"),
    "direct": Flag(True, "ask Zoho rather than the running exporter"),
    "json": Flag(True, "write {}; with --watch a line for each change", "it as the exporter's API does"),
    "jobs_format": Flag(
        ("table", "json", "csv"), "for people, or for programs (default {})", "table", typed_name="format"
    ),
    "history_format": Flag(
        ("table", "json", "csv", "openmetrics"),
        "for people, or for programs (default {})",
        "table",
        typed_name="format",
    ),
    "job_name": Flag("NAME", "name to show for the job", typed_name="name"),
    "group": Flag("GROUP", "campaign of several jobs that it belongs to"),
    "label": Flag("NAME=VALUE", "label that the setting job_labels allows; may be repeated", is_repeatable=True),
    "for": Flag(
        ("watch", "schedule"),
        "what the token may do: read how mass updates are, or change records, for the command schedule alone "
        "(default {})",
        "watch",
    ),
    "refresh_token_file": Flag("FILE", "file with {}"),
    "module": Flag("MODULE", "ACCOUNT/MODULE, or MODULE where there is one account"),
    "view": Flag("ID", "the custom view whose records are changed: its id stands in its address in a browser"),
    "set": Flag(
        "FIELD=TEXT",
        'a field\'s API name and its new value; FIELD:=JSON where that is no text: 250, true, null, ["a", "b"]; '
        "of Deals up to three",
        is_repeatable=True,
    ),
    "undo": Flag(True, "take that back"),
}
