"""`track`: jobs that an exporter is to watch."""

from pathlib import Path

import pytest
from played import PlayedExporter
from samples import DEALS, LEADS
from sites import Typed

from exporter.model import JobKey, JobSource, JobSpec


def test_job_is_tracked(typed: Typed, exporter: PlayedExporter) -> None:
    """With what is said of it; the next step is told."""
    flags = ("--name=Spring leads", "--group=campaign", "--label=team=sales=all")
    assert typed("track", "acme/Leads/3524033000006027001", *flags) == (
        0,
        (
            "acme/Leads/3524033000006027001 is tracked. To follow it: "
            "zoho-mass-update-exporter status acme/Leads/3524033000006027001 --watch\n"
        ),
        "",
    )
    assert exporter.jobs[LEADS].spec == JobSpec(LEADS, JobSource.API, "Spring leads", "campaign", {"team": "sales=all"})


def test_next_step_asks_the_same_exporter(typed: Typed, url: str, tmp_path: Path) -> None:
    """With the flags that named it, as it was typed; what was said of the job is no flag of the next command's."""
    flags = (f"--exporter.url={url}", f"--exporter.token-file={tmp_path / 'token'}")
    status, out, _ = typed("track", "Leads/7", "--group=spring sale", *flags)
    assert (status, out) == (
        0,
        (
            "acme/Leads/7 is tracked. To follow it: zoho-mass-update-exporter status acme/Leads/7 --watch "
            f"--exporter.url=URL --exporter.token-file={tmp_path / 'token'}\n"
        ),
    )


def test_several_are_tracked_at_once(typed: Typed, exporter: PlayedExporter) -> None:
    """The only account need not be named, and one that is refused stops no other."""
    exporter.declared = frozenset({JobKey("acme", "Cases", "7")})
    status, out, err = typed("track", f"Leads/{LEADS.job_id}", "Cases/7", f"Deals/{DEALS.job_id}")
    assert (status, len(out.splitlines())) == (1, 2)
    assert err == "zoho-mass-update-exporter: URL: the configuration describes it otherwise.\n"
    assert set(exporter.jobs) == {LEADS, DEALS}


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        pytest.param(["Leads"], 2, "Leads: expected ACCOUNT/MODULE/JOB_ID", id="no job"),
        pytest.param(["Leads/7", "--label=team"], 2, "--label: expected NAME=VALUE, each name once", id="no value"),
        pytest.param(
            ["Leads/7", "--label=team=a", "--label=team=b"], 2, "--label: expected NAME=VALUE, each name", id="twice"
        ),
        pytest.param(
            ["Leads/7", "--label=color=red"], 2, "URL: color: is not in job_labels: add it", id="unknown label"
        ),
        pytest.param(["Leads/7", f"--name={'n' * 257}"], 2, "URL: name: ", id="a long name"),
        pytest.param(["acne/Leads/7"], 2, 'URL: account: is no account; did you mean "acme"?', id="unknown account"),
        pytest.param(
            ["Leads/7", "--exporter.url=http://127.0.0.1:1"], 1, "no exporter answers at http://127.0.0.1:1", id="away"
        ),
    ],
)
def test_what_can_not_be_tracked_is_told(
    typed: Typed, exporter: PlayedExporter, words: list[str], status: int, said: str
) -> None:
    """Each refusal says what to change."""
    ended, out, err = typed("track", *words)
    assert (ended, out, exporter.jobs) == (status, "", {})
    assert said in err
