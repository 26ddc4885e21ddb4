"""The settings as the rest of the exporter sees them: one model for each section, one field for each setting.

A field's description is its line in docs/settings.md; its type's parser says what may be written.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PrivateAttr,
    SecretStr,
    ValidationInfo,
    model_validator,
)

from exporter.errors import Problem
from exporter.model import Credentials, DataCenter, Environment, JobKey, JobSource, JobSpec
from exporter.settings.proxies import proxies_for
from exporter.settings.secret_files import read_secret_file, refuse_unfit
from exporter.settings.values import (
    ListenAddress,
    Parser,
    choice,
    duration,
    parse_base_url,
    parse_listen_address,
    parse_path,
    parse_proxy_url,
    parse_telemetry_path,
    parse_text,
    pattern,
    whole_number,
)


class ApiVersion(StrEnum):
    """The versions of Zoho CRM's API that know the status call."""

    V2 = "v2"
    V2_1 = "v2.1"
    V3 = "v3"
    V4 = "v4"
    V5 = "v5"
    V6 = "v6"
    V7 = "v7"
    V8 = "v8"


class LogLevel(StrEnum):
    """The least severe line that is logged."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class LogFormat(StrEnum):
    """How a log line is written."""

    LOGFMT = "logfmt"
    JSON = "json"


@dataclass(frozen=True, slots=True)
class Hidden:
    """Parses like `parser` and hides the value from every repr."""

    parser: Parser

    @property
    def expected(self) -> str:
        """What may be written."""
        return self.parser.expected

    def __call__(self, value: object) -> SecretStr:
        """Parse and hide `value`."""
        return value if isinstance(value, SecretStr) else SecretStr(str(self.parser(value)))


def _split_at_commas(value: object) -> object:
    return [name.strip() for name in value.split(",")] if isinstance(value, str) else value


def _refuse_repeated(names: tuple[str, ...]) -> tuple[str, ...]:
    for position, name in enumerate(names):
        if name in names[:position]:
            raise ValueError(f'"{name}" is listed twice')
    return names


Alias = Annotated[
    str,
    BeforeValidator(pattern("an account alias: 1 to 64 letters, digits, _ . or -", r"[a-zA-Z0-9_.-]{1,64}")),
]
ModuleName = Annotated[
    str,
    BeforeValidator(
        pattern(
            "a module's API name: a letter, then letters, digits or _, such as Leads", r"[A-Za-z][A-Za-z0-9_]{0,99}"
        )
    ),
]
JobId = Annotated[str, BeforeValidator(pattern("a job id: digits only, exactly as Zoho gave them", r"[0-9]{1,32}"))]
LabelName = Annotated[
    str,
    BeforeValidator(
        pattern("a label name: letters, digits or _, no digit first, no __ first", r"(?!__)[a-zA-Z_][a-zA-Z0-9_]{0,99}")
    ),
]
Text = Annotated[str, BeforeValidator(Parser("a text of one line", parse_text))]
BaseUrl = Annotated[str, BeforeValidator(Parser("a URL of scheme and host", parse_base_url))]
FilePath = Annotated[Path, BeforeValidator(Parser("a path", parse_path))]
Secret = Annotated[SecretStr, BeforeValidator(Hidden(Parser("a secret", refuse_unfit)))]
ProxyUrl = Annotated[SecretStr, BeforeValidator(Hidden(Parser("a URL, http or https", parse_proxy_url)))]


class Section(BaseModel):
    """A group of settings that stand together; an empty key is the same as none."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    @model_validator(mode="before")
    @classmethod
    def drop_unset(cls, data: object) -> object:
        """Read YAML's null as "not set", for a setting and for a whole section."""
        if data is None:
            return {}
        if not isinstance(data, dict):
            return data
        return {key: value for key, value in data.items() if value is not None or key not in cls.model_fields}


class AccountSettings(Section):
    """One Zoho CRM organisation and environment, and the OAuth client that reads it."""

    data_center: Annotated[DataCenter, BeforeValidator(choice(DataCenter))] | None = Field(
        default=None,
        description="Where the organisation's data lives. Required, unless `accounts_url` and `api_url` are given.",
    )
    environment: Annotated[Environment, BeforeValidator(choice(Environment))] = Field(
        default=Environment.PRODUCTION, description="Which copy of the organisation the refresh token belongs to."
    )
    api_version: Annotated[ApiVersion, BeforeValidator(choice(ApiVersion))] = Field(
        default=ApiVersion.V8, description="Version of Zoho CRM's API to call."
    )
    client_id: Annotated[str, BeforeValidator(pattern("a client id: one word, without spaces", r"[!-~]{1,200}"))] = (
        Field(description="The OAuth client's id, from Zoho's API console. Required.")
    )
    client_secret: Secret | None = Field(
        default=None,
        description="The OAuth client's secret. Exactly one of `client_secret` and `client_secret_file` is required.",
    )
    client_secret_file: FilePath | None = Field(
        default=None, description="File that holds the OAuth client's secret; read again at every token refresh."
    )
    refresh_token: Secret | None = Field(
        default=None,
        description="The OAuth refresh token. Exactly one of `refresh_token` and `refresh_token_file` is required.",
    )
    refresh_token_file: FilePath | None = Field(
        default=None, description="File that holds the OAuth refresh token; read again at every token refresh."
    )
    max_concurrency: Annotated[int, BeforeValidator(whole_number(1, 25))] = Field(
        default=5, description="Calls to Zoho that may be under way at once for this account."
    )
    accounts_url: BaseUrl | None = Field(
        default=None,
        description="OAuth server, for a data centre that is not in the list; only together with `api_url`.",
    )
    api_url: BaseUrl | None = Field(
        default=None,
        description="API server, for a data centre that is not in the list; only together with `accounts_url`.",
    )

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

    account: Alias = Field(
        default="", description="Alias of the job's account. May be left out when there is exactly one account."
    )
    module: ModuleName = Field(description="API name of the module that the job updates. Required.")
    job_id: JobId = Field(description="The id that Zoho answered when the job was scheduled. Required.")
    name: Text = Field(default="", description="Name to show for the job.")
    group: Text = Field(default="", description="Campaign of several jobs that this one belongs to.")
    labels: Mapping[str, Text] = Field(
        default_factory=dict,
        description="Further labels of the job's info metric; their names must be in `job_labels`.",
    )

    @property
    def key(self) -> JobKey:
        """The job's identity."""
        return JobKey(self.account, self.module, self.job_id)

    def spec(self, source: JobSource) -> JobSpec:
        """Give the job in the product's own words."""
        return JobSpec(self.key, source, self.name, self.group, MappingProxyType(dict(self.labels)))


class WebSettings(Section):
    """The exporter's own web server."""

    listen_address: Annotated[
        ListenAddress, BeforeValidator(Parser("host:port, :port or [IPv6 address]:port", parse_listen_address))
    ] = Field(default=ListenAddress("", 10042), description="Where to listen; without a host on every interface.")
    telemetry_path: Annotated[str, BeforeValidator(Parser("a path such as /metrics", parse_telemetry_path))] = Field(
        default="/metrics", description="Path of the metrics page."
    )


class LogSettings(Section):
    """The exporter's log."""

    level: Annotated[LogLevel, BeforeValidator(choice(LogLevel))] = Field(
        default=LogLevel.INFO, description="Least severe line to log."
    )
    format: Annotated[LogFormat, BeforeValidator(choice(LogFormat))] = Field(
        default=LogFormat.LOGFMT, description="How a line is written: for people or for machines."
    )


@dataclass(frozen=True, slots=True)
class Origin:
    """What the values alone don't say: which jobs came by a variable, and what deserves a warning."""

    environment_jobs: frozenset[JobKey] = frozenset()
    warnings: tuple[Problem, ...] = ()


class Settings(Section):
    """Every setting. Durations are seconds."""

    accounts: Mapping[Alias, AccountSettings] = Field(
        default_factory=dict, description="The Zoho CRM accounts, by an alias of your choosing. At least one."
    )
    jobs: tuple[JobSettings, ...] = Field(
        default=(), description="The mass updates to watch. `ZOHO_JOBS` adds to those of the file."
    )
    job_labels: Annotated[
        tuple[LabelName, ...], BeforeValidator(_split_at_commas), AfterValidator(_refuse_repeated)
    ] = Field(default=(), description="Names of the labels that jobs may carry.")
    freshness: Annotated[float, BeforeValidator(duration("0s", "1d"))] = Field(
        default=15.0, description="How old a job's report may be before a scrape polls Zoho again."
    )
    stale_after: Annotated[float, BeforeValidator(duration("1s", "365d"))] = Field(
        default=3600.0,
        description="A job's counts disappear once its last good report is older than this; not less than `freshness`.",
    )
    poll_timeout: Annotated[float, BeforeValidator(duration("100ms", "5m"))] = Field(
        default=8.0, description="Total time limit of one call to Zoho."
    )
    connect_timeout: Annotated[float, BeforeValidator(duration("100ms", "5m"))] = Field(
        default=3.0, description="Time limit for a connection to Zoho to come about."
    )
    scrape_timeout: Annotated[float, BeforeValidator(duration("100ms", "1h"))] = Field(
        default=10.0, description="Deadline of a scrape when Prometheus does not say one."
    )
    scrape_timeout_offset: Annotated[float, BeforeValidator(duration("0s", "1m"))] = Field(
        default=0.5,
        description="How long before Prometheus' own deadline the page is written; less than `scrape_timeout`.",
    )
    ca_bundle: FilePath | None = Field(
        default=None, description="File or directory of CA certificates to trust instead of the built-in ones."
    )
    proxy_url: ProxyUrl | None = Field(
        default=None, description="Proxy for the calls to Zoho, instead of `HTTPS_PROXY` and `NO_PROXY`."
    )
    web: WebSettings = Field(default_factory=WebSettings, description="The exporter's own web server.")
    log: LogSettings = Field(default_factory=LogSettings, description="The exporter's log.")

    _origin: Origin = PrivateAttr(default=Origin())

    @model_validator(mode="after")
    def keep_origin(self, info: ValidationInfo) -> Self:
        """Keep what the loader knows beside the values."""
        if isinstance(info.context, Origin):
            self._origin = info.context
        return self

    @property
    def warnings(self) -> tuple[Problem, ...]:
        """What is allowed and yet probably not meant."""
        return self._origin.warnings

    @property
    def job_specs(self) -> tuple[JobSpec, ...]:
        """The jobs in the product's own words, in the order given."""
        return tuple(job.spec(self._source(job)) for job in self.jobs)

    def _source(self, job: JobSettings) -> JobSource:
        is_variable = job.key in self._origin.environment_jobs
        return JobSource.ENVIRONMENT if is_variable else JobSource.CONFIG

    def proxies_for(self, url: str) -> dict[str, str]:
        """Give the proxy for `url` by its scheme; empty for a direct connection."""
        return proxies_for(url, self.proxy_url.get_secret_value() if self.proxy_url else None)
