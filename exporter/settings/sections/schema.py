"""The settings as the rest of the exporter sees them: one field for each setting, one model for each section.

The text below a field is its line in docs/settings.md; its type's parser says what may be written.
"""

import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from operator import attrgetter
from pathlib import Path
from typing import Annotated, Literal, TypeAlias, get_args
from urllib.parse import urlsplit

import yaml
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    Field,
    PlainSerializer,
    SecretStr,
    WithJsonSchema,
    model_validator,
)

from exporter.defaults import (
    LISTEN_PORT,
    LOG_FORMAT,
    LOG_FORMATS,
    LOG_LEVEL,
    LOG_LEVELS,
    MAX_REQUESTS,
    MEMORY,
    TELEMETRY_PATH,
    LogFormat,
    LogLevel,
)
from exporter.errors import Problem
from exporter.files import read_secret_file, refuse_unfit
from exporter.forms import JOB_ID, MODULE, TEXT, data_center_meant, is_text, job_id_advice, module_advice
from exporter.identity import (
    JOB_ID_PATTERN,
    MODULE_PATTERN,
    Credentials,
    DataCenter,
    Environment,
    JobKey,
    JobSource,
    JobSpec,
)
from exporter.settings.sections.database import parse_database_url
from exporter.settings.sections.values import (
    ListenAddress,
    Parser,
    accepted,
    choice,
    duration,
    is_loopback,
    parse_base_url,
    parse_fraction,
    parse_path,
    parse_proxy_url,
    parse_telemetry_path,
    pattern,
    quote,
    whole_number,
)
from exporter.settings.sections.web import (
    ExternalUrl,
    joined_at_commas,
    parse_external_url,
    parse_listen_addresses,
    parse_route_prefix,
)

_PROGRAM = "zoho-mass-update-exporter"
MOST_CREDITS = 10_000_000
MOST_JOBS = 100_000
_ADDRESS = re.compile(r"\s*(?:[A-Za-z][A-Za-z0-9+.-]*:|\w+\s*=)")
"""How an address begins, be it misspelt, and how libpq's keywords do."""
_NO_PATH = (
    "looks like an address, not like a path: a database's is such as postgresql://zoho@db.example.com/zoho, in the "
    "settings state.url; the name of a file that looks so is written with ./ before it"
)
_MASK = PlainSerializer(lambda _: "<secret>")


def split_at_commas(value: object) -> object:
    """Give the names in a text that lists them; what is no text as it is."""
    return [name.strip() for name in value.split(",")] if isinstance(value, str) else value


def parse_state_path(text: str) -> str:
    """Give the path of a state file, or the word for none.

    Raises:
        ValueError: it is none; what may be an address is not quoted, as it may hold a password.
    """
    if text != MEMORY and text.strip(":").casefold() == MEMORY:
        raise ValueError(f"{quote(text)} is a file's name; did you mean {MEMORY}?")
    if _ADDRESS.match(text):
        raise ValueError(_NO_PATH)
    if text == "-":
        raise ValueError("- is no file's name here: name one, such as ./-")
    return parse_path(text)


def _refuse_repeated(names: tuple[str, ...]) -> tuple[str, ...]:
    if repeated := [name for name, count in Counter(names).items() if count > 1]:
        raise ValueError(f'"{repeated[0]}" is listed twice')
    return names


Alias = Annotated[str, pattern("an account alias: 1 to 64 letters, digits, _ . or -", r"[a-zA-Z0-9_.-]{1,64}")]
Text = Annotated[str, accepted(TEXT, is_text)]
FilePath = Annotated[Path, Parser("a path", parse_path)]
FilePattern = Annotated[str, Parser("a pattern of files", parse_path)]
LabelName = Annotated[
    str,
    pattern(
        "a label name: letters, digits or _, no digit first, no __ first",
        r"_?[a-zA-Z][a-zA-Z0-9_]{0,98}|_(?:[0-9][a-zA-Z0-9_]{0,98})?",
    ),
]
ModuleName = Annotated[
    str,
    pattern(MODULE, MODULE_PATTERN, module_advice),
]
JobId = Annotated[
    str,
    pattern(JOB_ID, JOB_ID_PATTERN, job_id_advice, kinds=("string", "integer")),
]
BaseUrl = Annotated[str, Parser("a URL of scheme and host", parse_base_url)]
ProxyUrl = Annotated[SecretStr, Parser("a URL, http or https", parse_proxy_url), _MASK]
Secret = Annotated[SecretStr, Parser("a secret", refuse_unfit), _MASK]
Truth = Annotated[
    bool,
    replace(
        pattern("true or false", "(?i:true|yes|on|false|no|off)"),
        written={"enum": [True, False, "yes", "no", "on", "off"]},
    ),
]
Fraction = Annotated[
    float,
    Parser(
        "a fraction above 0, at most 1",
        parse_fraction,
        {"type": ("number", "string"), "exclusiveMinimum": 0, "maximum": 1},
    ),
]
Origin: TypeAlias = tuple[frozenset[JobKey], tuple[Problem, ...]]
"""What the values alone don't say: which jobs came by a variable, and what deserves a warning."""
ApiVersion = Literal["v2", "v2.1", "v3", "v4", "v5", "v6", "v7", "v8"]


class Section(BaseModel):
    """A group of settings that stand together; an empty key is the same as none."""

    # Built where it is used: what is inside of another is built with that, and of no use by itself.
    model_config = {
        "frozen": True,
        "extra": "forbid",
        "hide_input_in_errors": True,
        "defer_build": True,
    }

    @model_validator(mode="before")
    @classmethod
    def drop_unset(cls, data: object) -> object:
        """Read YAML's null as "not set", for a setting and for a whole section."""
        if not isinstance(data, dict):
            return {} if data is None else data
        return {key: value for key, value in data.items() if value is not None or key not in cls.model_fields}


class AccountSettings(Section):
    """One Zoho CRM organisation and environment, and the OAuth client that reads it."""

    data_center: Annotated[DataCenter, choice(DataCenter, meant=data_center_meant)] | None = None
    """Where the organisation's data lives. Required, unless `accounts_url` and `api_url` are given."""
    environment: Annotated[Environment, choice(Environment)] = Environment.PRODUCTION
    """Which copy of the organisation the refresh token belongs to."""
    api_version: Annotated[ApiVersion, choice(get_args(ApiVersion))] = "v8"
    """Version of Zoho CRM's API to call."""
    client_id: Annotated[str, pattern("a client id: one word, without spaces", r"[!-~]{1,200}")]
    """The OAuth client's id, from Zoho's API console. Required."""
    client_secret: Secret | None = None
    """The OAuth client's secret. Exactly one of `client_secret` and `client_secret_file` is required."""
    client_secret_file: FilePath | None = None
    """File that holds the OAuth client's secret; read again at every token refresh."""
    refresh_token: Secret | None = None
    """The OAuth refresh token. Exactly one of `refresh_token` and `refresh_token_file` is required."""
    refresh_token_file: FilePath | None = None
    """File that holds the OAuth refresh token; read again at every token refresh."""
    max_concurrency: Annotated[int, whole_number(1, 25)] = 5
    """Calls to Zoho that may be under way at once for this account."""
    daily_credit_budget: Annotated[
        int | None,
        whole_number(0, MOST_CREDITS, unlimited="unlimited"),
        PlainSerializer(lambda budget: "unlimited" if budget is None else budget),
    ] = 1000
    """Most API credits that the exporter spends on the account in any 24 hours; 0 for no polling."""
    credit_reserve: Annotated[int, whole_number(0, MOST_CREDITS)] = 500
    """Credits kept for others: while Zoho says fewer remain, polling stops but for a look each hour."""
    accounts_url: BaseUrl | None = None
    """OAuth server, for a data centre that is not in the list; only together with `api_url`."""
    api_url: BaseUrl | None = None
    """API server, for a data centre that is not in the list; only together with `accounts_url`."""

    @property
    def data_center_name(self) -> str:
        """The data centre to show: its word, or `custom` when only URLs are given."""
        return self.data_center or "custom"

    def credentials(self) -> Credentials:
        """Give the credentials as they are now; secret files are read anew at each call.

        Raises:
            ConfigurationError: when a secret file can't be read at this moment.
        """
        return Credentials(
            client_id=self.client_id,
            client_secret=_reveal(self.client_secret, self.client_secret_file),
            refresh_token=_reveal(self.refresh_token, self.refresh_token_file),
        )


def _reveal(secret: SecretStr | None, file: Path | None) -> str:
    if secret is not None:
        return secret.get_secret_value()
    return read_secret_file(file) if file else ""


class JobSettings(Section):
    """One mass update to watch."""

    account: Alias = ""
    """Alias of the job's account. May be left out when there is exactly one account."""
    module: ModuleName
    """API name of the module that the job updates. Required."""
    job_id: JobId
    """The id that Zoho answered when the job was scheduled. Required."""
    name: Text = ""
    """Name to show for the job."""
    group: Text = ""
    """Campaign of several jobs that this one belongs to."""
    labels: Mapping[str, Text] = Field(default_factory=dict)
    """Further labels of the job's info metric; their names must be in `job_labels`."""
    acknowledged: Truth = False
    """Whether somebody has taken note of how the job ended: alerts about its end stop."""

    @property
    def key(self) -> JobKey:
        """The job's identity."""
        return JobKey(self.account, self.module, self.job_id)

    def spec(self, source: JobSource) -> JobSpec:
        """Give the job in the product's own words."""
        return JobSpec(self.key, source, self.name, self.group, self.labels, self.acknowledged)


class JobFile(Section):
    """A watched file of jobs."""

    jobs: tuple[JobSettings, ...]
    """The mass updates to watch."""


class ScheduleSettings(Section):
    """How often jobs are polled."""

    shortest: Annotated[float, duration("0s", "1d")] = 15.0
    """Shortest time between two polls of a job; also that of a job in an unknown state."""
    longest: Annotated[float, duration("0s", "1d")] = 120.0
    """Longest time between two polls of a job that runs or waits to run."""
    remaining_fraction: Fraction = 0.35
    """Share of a running job's estimated time left after which it is polled again."""
    waiting_fraction: Fraction = 0.25
    """Share of the time since its last change after which any other job is polled again."""
    suspended: Annotated[float, duration("0s", "1d")] = 300.0
    """Time between two polls of a suspended job."""
    fault_shortest: Annotated[float, duration("0s", "1d")] = 15.0
    """Shortest time to the next attempt after a passing fault; doubles, with jitter."""
    fault_longest: Annotated[float, duration("0s", "1d")] = 600.0
    """Longest time to the next attempt after repeated passing faults."""
    refusal_shortest: Annotated[float, duration("0s", "30d")] = 900.0
    """Time to the next attempt after a refusal that a person must cure; doubles."""
    refusal_longest: Annotated[float, duration("0s", "30d")] = 21_600.0
    """Longest time to the next attempt after repeated refusals."""


class StateSettings(Section):
    """What is kept across restarts."""

    path: Annotated[Path, Parser("a path", parse_state_path)] | None = None
    """State file, or `memory` for none. By default below STATE_DIRECTORY, /var/lib or ~/.local/state."""
    url: Annotated[str, Parser("a URL such as postgresql://zoho@db.example.com/zoho", parse_database_url)] | None = None
    """PostgreSQL database that several exporters share, instead of a file; without a password in it."""
    password_file: FilePath | None = None
    """File that holds the database's password; read again at every new connection."""


class WebSettings(Section):
    """The exporter's own web server."""

    listen_address: Annotated[
        ListenAddress,
        Parser("host:port, :port or [IPv6 address]:port", parse_listen_addresses),
        BeforeValidator(joined_at_commas),
        PlainSerializer(str),
        WithJsonSchema({"type": ["string", "array"], "items": {"type": "string"}}),
    ] = ListenAddress("", LISTEN_PORT)
    """Where to listen; without a host on every interface. Several are a list, or have commas between them."""
    systemd_socket: Truth = False
    """Listen on the sockets that systemd passes on instead of `listen_address`."""
    telemetry_path: Annotated[str, Parser("a path such as /metrics", parse_telemetry_path)] = TELEMETRY_PATH
    """Path of the metrics page."""
    disable_exporter_metrics: Truth = False
    """Leave out the metrics of the process and of Python, `process_*` and `python_*`."""
    external_url: Annotated[
        ExternalUrl | None,
        Parser("a URL or a path", parse_external_url),
        PlainSerializer(str, when_used="unless-none"),
        WithJsonSchema({"type": "string"}),
    ] = None
    """Where the exporter is found from outside, behind a proxy; links and discovered targets lead there."""
    route_prefix: Annotated[str, Parser("a path such as /zoho, or / for none", parse_route_prefix)] | None = None
    """What every path begins with that is answered; by default the path of `external_url`."""
    api_token_file: FilePath | None = None
    """File that holds the job API's bearer token, read anew at each change; without it or basic auth the API is off."""
    config_file: FilePath | None = None
    """File that says who may come in: TLS, users and passwords. See [web-config.md](web-config.md)."""
    max_requests: Annotated[int, whole_number(1, 1000)] = MAX_REQUESTS
    """Most requests to work on at once; further ones are answered with 503."""

    @property
    def prefix(self) -> str:
        """What every path begins with that is answered, without a slash at its end; empty for nothing."""
        path = self.external_url.path if self.external_url else ""
        return path if self.route_prefix is None else self.route_prefix

    @property
    def outside(self) -> ExternalUrl:
        """How we are seen from outside."""
        return self.external_url or ExternalUrl("", "", self.prefix)


class LogSettings(Section):
    """The exporter's log."""

    level: Annotated[LogLevel, choice(LOG_LEVELS)] = LOG_LEVEL
    """Least severe line to log."""
    format: Annotated[LogFormat, choice(LOG_FORMATS)] = LOG_FORMAT
    """How a line is written; `auto` is short and coloured in a terminal, where a person sees it, and else logfmt."""


class Settings(Section):
    """Every setting. Durations are seconds."""

    accounts: Mapping[Alias, AccountSettings] = Field(default_factory=dict)
    """The Zoho CRM accounts, by an alias of your choosing. At least one."""
    jobs: tuple[JobSettings, ...] = ()
    """The mass updates to watch. `ZOHO_JOBS` adds to those of the file."""
    job_labels: Annotated[
        tuple[LabelName, ...], BeforeValidator(split_at_commas), AfterValidator(_refuse_repeated)
    ] = ()
    """Names of the labels that jobs may carry."""
    job_files: Annotated[tuple[FilePattern, ...], BeforeValidator(split_at_commas)] = ()
    """Files with further jobs, as patterns (`jobs.d/*.yaml`), read again when they change."""
    stale_after: Annotated[float, duration("1s", "365d")] = 3600.0
    """A job's counts disappear once its last good report is older; at least `schedule.longest`."""
    stalled_after: Annotated[float, duration("1s", "365d")] = 1800.0
    """A running job has stalled once good polls have seen no change for so long. See [words.md](words.md)."""
    takes_too_long_after: Annotated[float, duration("1s", "365d")] = 14_400.0
    """A running job takes too long once it has run for longer."""
    waits_long_after: Annotated[float, duration("1s", "365d")] = 3600.0
    """A scheduled or queued job waits long once good polls have seen no change for so long."""
    retention: Annotated[float, duration("0s", "3650d")] = 604_800.0
    """How long an ended job stays on the page."""
    unknown_retention: Annotated[float, duration("0s", "3650d")] = 86_400.0
    """How long a job that Zoho does not know, or no longer knows, stays on the page; those listed stay."""
    max_jobs: Annotated[int, whole_number(1, MOST_JOBS)] = 1000
    """Most jobs to track; further ones are refused, counted and logged."""
    probe_retention: Annotated[float, duration("0s", "3650d")] = 86_400.0
    """How long a job that only `/probe` asked for is tracked after the last probe of it."""
    max_probed_jobs: Annotated[int, whole_number(0, MOST_JOBS)] = 100
    """Most jobs to track only because `/probe` asked for them; 0 for none."""
    discovery_linger: Annotated[float, duration("0s", "3650d")] = 3600.0
    """How long an ended job stays a target of `/sd/jobs`, so that its end is scraped."""
    poll_timeout: Annotated[float, duration("100ms", "5m")] = 8.0
    """Total time limit of one call to Zoho."""
    connect_timeout: Annotated[float, duration("100ms", "5m")] = 3.0
    """Time limit for a connection to Zoho to come about."""
    scrape_timeout: Annotated[float, duration("100ms", "1h")] = 10.0
    """Deadline of a scrape when Prometheus does not say one."""
    scrape_timeout_offset: Annotated[float, duration("0s", "1m")] = 0.5
    """How long before Prometheus' own deadline the page is written; less than `scrape_timeout`."""
    ca_bundle: FilePath | None = None
    """File or directory of CA certificates to trust instead of the built-in ones."""
    proxy_url: ProxyUrl | None = None
    """Proxy for the calls to Zoho, instead of `HTTPS_PROXY` and `NO_PROXY`."""
    schedule: ScheduleSettings = ScheduleSettings.model_construct()
    """How often jobs are polled."""
    state: StateSettings = StateSettings.model_construct()
    """What is kept across restarts."""
    web: WebSettings = WebSettings.model_construct()
    """The exporter's own web server."""
    log: LogSettings = LogSettings.model_construct()
    """The exporter's log."""

    _origin: Origin = (frozenset(), ())

    def model_post_init(self, context: Origin | None, /) -> None:
        """Keep what the loader knows beside the values."""
        self._origin = context or self._origin

    @property
    def warnings(self) -> tuple[Problem, ...]:
        """What is allowed and yet probably not meant."""
        return self._origin[1]

    @property
    def job_specs(self) -> tuple[JobSpec, ...]:
        """The jobs in the product's own words, in the order given."""
        by_variable, _ = self._origin
        sources = (JobSource.ENVIRONMENT if job.key in by_variable else JobSource.CONFIG for job in self.jobs)
        return tuple(map(JobSettings.spec, self.jobs, sources))

    def proxies_for(self, url: str) -> dict[str, str]:
        """Give the proxy for `url` by its scheme; empty for a direct connection.

        Without the setting `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY` of the environment decide. Loopback
        is never proxied.
        """
        from urllib.request import getproxies, proxy_bypass  # noqa: PLC0415 - it loads HTTP and TLS

        parts, proxies = urlsplit(url), getproxies()
        proxy = proxies.get(parts.scheme) or proxies.get("all")
        if self.proxy_url:
            proxy = self.proxy_url.get_secret_value()
        elif proxy_bypass(parts.netloc.rpartition("@")[2]):
            proxy = None
        return {parts.scheme: proxy} if proxy and not is_loopback(parts.hostname or "") else {}

    def proxy_problems(self, urls: Iterable[str]) -> Iterator[Problem]:
        """Give what is wrong with the proxies that the environment has for `urls`, which are not read without any."""
        if not any(name.casefold().endswith("_proxy") for name in os.environ):
            return
        used = {pair for url in urls for pair in self.proxies_for(url).items()}
        for scheme, proxy in sorted(used):
            try:
                parse_proxy_url(proxy if "://" in proxy else f"http://{proxy}")
            except ValueError as error:
                names = (f"{scheme}_proxy", f"{scheme}_PROXY".upper(), "all_proxy", "ALL_PROXY")
                yield Problem(next(name for name in names if os.environ.get(name) == proxy), str(error))


SECTIONS: Mapping[str, type[Section]] = {
    name: field.annotation
    for name, field in Settings.model_fields.items()
    if isinstance(field.annotation, type) and issubclass(field.annotation, Section)
}
"""The sections of the settings, by key."""


def default_of(name: str) -> object:
    """Give the default of a setting by its dotted name, such as `web.listen_address`."""
    return attrgetter(name)(Settings())


def effective_settings(settings: Settings) -> str:
    """Give the settings in force as YAML: every default filled in, durations in seconds, every secret masked."""
    values = settings.model_dump(mode="json")
    return str(yaml.dump(values, Dumper=yaml.CSafeDumper, sort_keys=False, allow_unicode=True))


def state_file(path: Path | None, system: Path = Path("/var/lib") / _PROGRAM) -> Path | None:
    """Give the state file, right for a service, a container and a laptop; `None` for memory only.

    Args:
        path: what the settings say, if they do.
        system: the directory of a container's volume, used where it exists and can be written.
    """
    if path is not None:
        return None if str(path) == MEMORY else path
    if service := os.environ.get("STATE_DIRECTORY", "").split(":")[0]:
        directory = Path(service)
    elif system.is_dir() and os.access(system, os.W_OK):
        directory = system
    else:
        home = Path(os.environ.get("HOME") or Path.cwd())
        directory = Path(os.environ.get("XDG_STATE_HOME") or home / ".local" / "state") / _PROGRAM
    return directory / "state.db"
