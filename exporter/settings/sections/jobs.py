"""The settings of a job: which mass update to watch, and what to call it."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated

from pydantic import Field

from exporter.model import JOB_ID_PATTERN, MODULE_PATTERN, JobKey, JobSource, JobSpec
from exporter.settings.sections.section import Alias, Section, Text
from exporter.settings.sections.values import pattern

ModuleName = Annotated[
    str,
    pattern("a module's API name: a letter, then letters, digits or _, such as Leads", MODULE_PATTERN),
]
JobId = Annotated[str, pattern("a job id: digits only, exactly as Zoho gave them", JOB_ID_PATTERN)]


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

    @property
    def key(self) -> JobKey:
        """The job's identity."""
        return JobKey(self.account, self.module, self.job_id)

    def spec(self, source: JobSource) -> JobSpec:
        """Give the job in the product's own words."""
        return JobSpec(self.key, source, self.name, self.group, MappingProxyType(dict(self.labels)))


class JobFile(Section):
    """A watched file of jobs."""

    jobs: tuple[JobSettings, ...]
    """The mass updates to watch."""
