"""Watched job files: each holds a `jobs` list, and a broken one keeps the jobs that it last had."""

import glob
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from exporter.errors import ConfigurationError, Problem
from exporter.model import JobSource, JobSpec
from exporter.settings.coherence import job_incoherences, with_accounts_named
from exporter.settings.sections.jobs import JobFile
from exporter.settings.sections.schema import Settings
from exporter.settings.sources.yaml_file import read_yaml
from exporter.settings.validation import validated


@dataclass(frozen=True, slots=True)
class JobFilesReading:
    """What the job files say now. `is_complete` is false where a broken file's jobs are not known from before."""

    specs: tuple[JobSpec, ...] = ()
    problems: tuple[Problem, ...] = ()
    is_complete: bool = True


class JobFiles:
    """Reads the job files again and again. Not thread-safe."""

    def __init__(self) -> None:
        self._good: dict[Path, tuple[JobSpec, ...]] = {}

    def read(self, settings: Settings) -> JobFilesReading:
        """Read every file; one that can't be used keeps its last good jobs, and is told of."""
        problems: list[Problem] = []
        good: dict[Path, tuple[JobSpec, ...]] = {}
        files = matching(settings.job_files)
        for file in files:
            try:
                good[file] = _specs(file, settings)
            except ConfigurationError as error:
                problems += error.problems
                good |= {file: self._good[file]} if file in self._good else {}
        self._good = good
        specs = tuple(spec for file in sorted(good) for spec in good[file])
        return JobFilesReading(specs, tuple(problems), is_complete=len(good) == len(files))


def matching(patterns: Iterable[str]) -> tuple[Path, ...]:
    """Give the files that match any of the patterns, each once, sorted."""
    return tuple(sorted({Path(name) for pattern in patterns for name in glob.glob(pattern)}))  # noqa: PTH207 - Path.glob takes no absolute pattern


def _specs(file: Path, settings: Settings) -> tuple[JobSpec, ...]:
    """Give the jobs of a file that holds nothing but a `jobs` list, for the accounts and labels of the settings."""
    written, findings = read_yaml(file)
    tree = with_accounts_named(written, settings.accounts)
    found = chain(findings, job_incoherences(tree, settings.accounts, frozenset(settings.job_labels)))
    return tuple(job.spec(JobSource.FILE) for job in validated(JobFile, tree, found).jobs)
