"""Watched job files."""

from collections.abc import Callable
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
