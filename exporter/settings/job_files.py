"""Watched job files: each holds a `jobs` list, and a broken one keeps the jobs that it last had."""

import glob
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from exporter.errors import ConfigurationError, Problem
from exporter.model import JobSource, JobSpec
from exporter.settings.loader import load_job_file
from exporter.settings.sections.schema import Settings


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
                good[file] = tuple(job.spec(JobSource.FILE) for job in load_job_file(file, settings))
            except ConfigurationError as error:
                problems += error.problems
                good |= {file: self._good[file]} if file in self._good else {}
        self._good = good
        specs = tuple(spec for file in sorted(good) for spec in good[file])
        return JobFilesReading(specs, tuple(problems), is_complete=len(good) == len(files))


def matching(patterns: Iterable[str]) -> tuple[Path, ...]:
    """Give the files that match any of the patterns, each once, sorted."""
    return tuple(sorted({Path(name) for pattern in patterns for name in glob.glob(pattern)}))  # noqa: PTH207 - Path.glob takes no absolute pattern
