"""Watched job files."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from exporter.settings import JobFiles, Settings, load_settings

GOOD = "jobs: [{module: Leads, job_id: 3524033000006027001, name: Spring}]"


@pytest.fixture
def settings(load: Callable[..., Settings], account: str) -> Settings:
    """Give settings that watch a folder."""
    Path("jobs.d").mkdir()
    return load(account + "job_files: [jobs.d/*.yaml]\njob_labels: [team]\n")


def keys(settings: Settings, files: JobFiles) -> list[str]:
    """Read the files, and give the jobs that they have."""
    return [str(spec.key) for spec in files.read(settings).specs]


def test_jobs_come_and_go_with_their_file(settings: Settings) -> None:
    """A file's jobs are there while it is."""
    files, file = JobFiles(), Path("jobs.d/a.yaml")
    assert keys(settings, files) == []
    file.write_text(GOOD)
    [spec] = files.read(settings).specs
    assert (str(spec.key), spec.name, spec.source) == ("acme/Leads/3524033000006027001", "Spring", "file")
    file.unlink()
    assert keys(settings, files) == []


def test_broken_file_keeps_its_last_good_jobs(settings: Settings) -> None:
    """What was good stays, and the problem names the file and the line."""
    files, file = JobFiles(), Path("jobs.d/a.yaml")
    file.write_text(GOOD)
    files.read(settings)
    file.write_text("jobs:\n- {module: Leads, job_idd: 1}")
    reading = files.read(settings)
    assert [str(spec.key) for spec in reading.specs] == ["acme/Leads/3524033000006027001"]
    assert list(map(str, reading.problems)) == [
        "jobs.d/a.yaml:2: jobs[0].job_id: is required",
        'jobs.d/a.yaml:2: jobs[0].job_idd: unknown key; did you mean "job_id"?',
    ]
    assert reading.is_complete


def test_file_that_is_being_written_keeps_its_last_good_jobs(settings: Settings) -> None:
    """Many programs empty a file before they write it anew: that is no word on its jobs."""
    files, file = JobFiles(), Path("jobs.d/a.yaml")
    file.write_text(GOOD)
    files.read(settings)
    file.write_text("")
    assert keys(settings, files) == ["acme/Leads/3524033000006027001"]


def test_file_that_was_never_good_leaves_a_gap(settings: Settings) -> None:
    """Its jobs are not known; those of the other files are."""
    Path("jobs.d/a.yaml").write_text("jobs: [")
    Path("jobs.d/b.yaml").write_text(GOOD)
    reading = JobFiles().read(settings)
    assert ([str(spec.key) for spec in reading.specs], reading.is_complete) == (
        ["acme/Leads/3524033000006027001"],
        False,
    )


@contextmanager
def powerless() -> Iterator[None]:
    """Be a user whom a directory's mode keeps out: root, as which a container's tests run, is kept out of nothing."""
    own = os.geteuid()
    if own == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(own)


@pytest.mark.parametrize("pattern", ["jobs.d/*.yaml", "jobs.d/a.yaml", "*.d/a.yaml"])
def test_directory_that_may_not_be_read_is_no_word_on_its_jobs(
    load: Callable[..., Settings], account: str, pattern: str
) -> None:
    """It looks empty to whoever may not look into it: that is told, and what was listed stays."""
    Path.cwd().chmod(0o755)
    Path("jobs.d").mkdir()
    Path("jobs.d/a.yaml").write_text(GOOD)
    settings, files = load(f"{account}job_files: ['{pattern}']\n"), JobFiles()
    assert files.read(settings).is_complete
    Path("jobs.d").chmod(0)
    with powerless():
        reading = files.read(settings)
    Path("jobs.d").chmod(0o755)
    assert not reading.is_complete
    [problem] = reading.problems
    assert problem.place == "jobs.d"
    assert problem.message.endswith("and its mode is 0000")
    assert files.read(settings).is_complete


@pytest.mark.parametrize("pattern", ["jobs.d/*.yaml", "jobs.d/a.yaml", "jobs.d/*/a.yaml"])
def test_link_that_leads_nowhere_is_no_word_on_its_jobs(
    load: Callable[..., Settings], account: str, pattern: str
) -> None:
    """What it led to may come back, as a mount does."""
    Path("jobs.d").symlink_to("gone")
    reading = JobFiles().read(load(f"{account}job_files: ['{pattern}']\n"))
    assert list(map(str, reading.problems)) == ["jobs.d: leads to a directory that does not exist"]
    assert not reading.is_complete


def test_files_beside_directories_are_no_problem(load: Callable[..., Settings], account: str) -> None:
    """A pattern passes by what is no directory, and by what is not there."""
    Path("jobs.d").mkdir()
    Path("jobs.d/README").write_text("x")
    reading = JobFiles().read(load(f"{account}job_files: ['jobs.d/*/a.yaml', 'none/*.yaml', 'a.yaml']\n"))
    assert (reading.problems, reading.is_complete) == ((), True)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        pytest.param("[]", "expected a mapping at the top level, such as accounts: and jobs:", id="a list"),
        pytest.param("{jobs: [], accounts: {}}", "accounts: unknown key", id="more than jobs"),
        pytest.param("", "jobs: is required", id="empty, as while it is being written"),
        pytest.param("jobs:", "jobs: is required", id="no list"),
        pytest.param("jobs: [{account: other, module: L, job_id: 1}]", '"other" is no account', id="unknown account"),
        pytest.param(
            "jobs: [{module: L, job_id: 1, labels: {planet: mars}}]", "is not in job_labels", id="label not allowed"
        ),
        pytest.param("jobs: [{module: L, job_id: 1}, {module: L, job_id: 1}]", "is listed twice", id="twice"),
    ],
)
def test_wrong_file_is_refused(settings: Settings, text: str, problem: str) -> None:
    """A job file is held to the same rules as the settings file."""
    Path("jobs.d/a.yaml").write_text(text)
    [told] = map(str, JobFiles().read(settings).problems)
    assert told.startswith(("jobs.d/a.yaml:1: ", "jobs.d/a.yaml: "))
    assert problem in told


def test_patterns_start_from_the_settings_file(load: Callable[..., Settings], account: str, tmp_path: Path) -> None:
    """A settings file elsewhere has its job files beside it; an absolute pattern stays as it is."""
    (tmp_path / "etc").mkdir()
    file = tmp_path / "etc" / "zoho.yaml"
    file.write_text(account + f"job_files: [jobs.d/*.yaml, {tmp_path}/x.yaml]\n")

    settings = load_settings(file, environ={}, secrets_dir=Path("secrets"))
    assert settings.job_files == (str(tmp_path / "etc" / "jobs.d" / "*.yaml"), f"{tmp_path}/x.yaml")
    file.write_text(account + f"job_files: jobs.d/*.yaml, {tmp_path}/x.yaml\n")
    assert load_settings(file, environ={}, secrets_dir=Path("secrets")).job_files == settings.job_files
    assert load(account, {"ZOHO_JOB_FILES": "a.yaml,b/*.yaml"}).job_files == ("a.yaml", "b/*.yaml")
