"""Which jobs of which account, as somebody names them: the words of the model that a configuration needs alone.

They are read from `model` as well; settings and what looks at them load these, and none of what is known of a job.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

MODULE_PATTERN = r"[A-Za-z][A-Za-z0-9_]{0,99}"
"""A module's API name, whole. Source: Zoho CRM, Get Mass Update Status, Supported modules; custom modules."""
JOB_ID_PATTERN = r"[0-9]{1,32}"
"""A job id, whole: digits. Source: Zoho's OpenAPI file for mass updates."""


class DataCenter(StrEnum):
    """Where an organisation's data lives. Source: Zoho CRM, Multi-DC support."""

    US = "us"
    EU = "eu"
    IN = "in"
    AU = "au"
    CN = "cn"
    JP = "jp"
    CA = "ca"
    SA = "sa"
    UK = "uk"
    AE = "ae"


class Environment(StrEnum):
    """Which copy of an organisation a token belongs to."""

    PRODUCTION = "production"
    SANDBOX = "sandbox"
    DEVELOPER = "developer"


class JobSource(StrEnum):
    """Where a job's id reached us from."""

    CONFIG = "config"
    ENVIRONMENT = "environment"
    FILE = "file"
    API = "api"
    PROBE = "probe"

    @property
    def is_declared(self) -> bool:
        """Whether the job stands in the configuration: it comes and goes with it, and only with it."""
        return self in {JobSource.CONFIG, JobSource.ENVIRONMENT, JobSource.FILE}


@dataclass(frozen=True, slots=True, order=True)
class JobKey:
    """A job's identity. `job_id` is a string of digits and never a number: it does not survive a float."""

    account: str
    module: str
    job_id: str

    def __str__(self) -> str:
        return f"{self.account}/{self.module}/{self.job_id}"

    def as_fields(self) -> dict[str, object]:
        """Give the identity as fields of a log line; a log record has a `module` of its own, hence `crm_module`."""
        return {"account": self.account, "crm_module": self.module, "job_id": self.job_id}


@dataclass(frozen=True, slots=True)
class JobSpec:
    """What the user said of a job: its identity and how to show it."""

    key: JobKey
    source: JobSource
    name: str = ""
    group: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    is_acknowledged: bool = False
    """Whether the configuration says that its end was taken note of."""

    def over(self, known: "JobSpec") -> "JobSpec":
        """Give what is newly said, and where that says nothing, what was known."""
        return replace(
            self,
            name=self.name or known.name,
            group=self.group or known.group,
            labels=self.labels or known.labels,
            is_acknowledged=known.is_acknowledged,
        )

    def after(self, known: "JobSpec") -> "JobSpec":
        """Give what counts of a job that is tracked already: on request nothing changes what the configuration says."""
        if self.source.is_declared:
            return self
        return known if self.source is JobSource.PROBE or known.source.is_declared else self.over(known)


@dataclass(frozen=True, slots=True)
class Credentials:
    """What an access token is asked for with; its secrets are never shown."""

    client_id: str
    client_secret: str = field(repr=False)
    refresh_token: str = field(repr=False)
