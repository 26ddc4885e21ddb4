"""The settings as the rest of the exporter sees them: one field for each setting, one model for each section.

The sections stand in `accounts`, `jobs` and `operation`. A field's description is its line in docs/settings.md; its
type's parser says what may be written.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

import yaml
from pydantic import AfterValidator, BeforeValidator, Field, PrivateAttr, SecretStr

from exporter.errors import Problem
from exporter.model import JobKey, JobSource, JobSpec
from exporter.settings.sections.accounts import AccountSettings
from exporter.settings.sections.jobs import JobSettings
from exporter.settings.sections.operation import LogSettings, ScheduleSettings, StateSettings, WebSettings
from exporter.settings.sections.proxies import proxies_for
from exporter.settings.sections.section import Alias, FilePath, Section, Text
from exporter.settings.sections.values import Parser, duration, parse_proxy_url, pattern, whole_number


def _split_at_commas(value: object) -> object:
    return [name.strip() for name in value.split(",")] if isinstance(value, str) else value


def _refuse_repeated(names: tuple[str, ...]) -> tuple[str, ...]:
    if repeated := [name for name, count in Counter(names).items() if count > 1]:
        raise ValueError(f'"{repeated[0]}" is listed twice')
    return names


LabelName = Annotated[
    str,
    pattern("a label name: letters, digits or _, no digit first, no __ first", r"(?!__)[a-zA-Z_][a-zA-Z0-9_]{0,99}"),
]
ProxyUrl = Annotated[SecretStr, Parser("a URL, http or https", parse_proxy_url, hides=True)]


@dataclass(frozen=True, slots=True)
class Origin:
    """What the values alone don't say: which jobs came by a variable, and what deserves a warning."""

    environment_jobs: frozenset[JobKey] = frozenset()
    warnings: tuple[Problem, ...] = ()


class Settings(Section):
    """Every setting. Durations are seconds."""

    accounts: Mapping[Alias, AccountSettings] = Field(default_factory=dict)
    """The Zoho CRM accounts, by an alias of your choosing. At least one."""
    jobs: tuple[JobSettings, ...] = ()
    """The mass updates to watch. `ZOHO_JOBS` adds to those of the file."""
    job_labels: Annotated[
        tuple[LabelName, ...], BeforeValidator(_split_at_commas), AfterValidator(_refuse_repeated)
    ] = ()
    """Names of the labels that jobs may carry."""
    job_files: Annotated[tuple[Text, ...], BeforeValidator(_split_at_commas)] = ()
    """Files with further jobs, as patterns (`jobs.d/*.yaml`), read again when they change."""
    stale_after: Annotated[float, duration("1s", "365d")] = 3600.0
    """A job's counts disappear once its last good report is older; at least `schedule.longest`."""
    retention: Annotated[float, duration("0s", "3650d")] = 604_800.0
    """How long an ended job stays on the page."""
    unknown_retention: Annotated[float, duration("0s", "3650d")] = 86_400.0
    """How long a job that Zoho does not know, or no longer knows, stays on the page."""
    max_jobs: Annotated[int, whole_number(1, 100_000)] = 1000
    """Most jobs to track; further ones are refused, counted and logged."""
    probe_retention: Annotated[float, duration("0s", "3650d")] = 86_400.0
    """How long a job that only `/probe` asked for is tracked after the last probe of it."""
    max_probed_jobs: Annotated[int, whole_number(0, 100_000)] = 100
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
    schedule: ScheduleSettings = ScheduleSettings()
    """How often jobs are polled."""
    state: StateSettings = StateSettings()
    """What is kept across restarts."""
    web: WebSettings = WebSettings()
    """The exporter's own web server."""
    log: LogSettings = LogSettings()
    """The exporter's log."""

    _origin: Origin = PrivateAttr(default=Origin())

    def model_post_init(self, context: Origin | None, /) -> None:
        """Keep what the loader knows beside the values."""
        self._origin = context or Origin()

    @property
    def warnings(self) -> tuple[Problem, ...]:
        """What is allowed and yet probably not meant."""
        return self._origin.warnings

    @property
    def job_specs(self) -> tuple[JobSpec, ...]:
        """The jobs in the product's own words, in the order given."""
        by_variable = self._origin.environment_jobs
        sources = (JobSource.ENVIRONMENT if job.key in by_variable else JobSource.CONFIG for job in self.jobs)
        return tuple(map(JobSettings.spec, self.jobs, sources))

    def proxies_for(self, url: str) -> dict[str, str]:
        """Give the proxy for `url` by its scheme; empty for a direct connection."""
        return proxies_for(url, self.proxy_url.get_secret_value() if self.proxy_url else None)


SECTIONS: Mapping[str, type[Section]] = {
    name: field.annotation
    for name, field in Settings.model_fields.items()
    if isinstance(field.annotation, type) and issubclass(field.annotation, Section)
}
"""The sections of the settings, by key."""


def default_of(name: str) -> object:
    """Give the default of a setting by its dotted name, such as `web.listen_address`: the one place it is written."""
    section, _, field = name.rpartition(".")
    return (SECTIONS[section] if section else Settings).model_fields[field].default


def effective_settings(settings: Settings) -> str:
    """Give the settings in force as YAML: every default filled in, durations in seconds, every secret masked."""
    values = settings.model_dump(mode="json")
    return str(yaml.dump(values, Dumper=yaml.CSafeDumper, sort_keys=False, allow_unicode=True))
