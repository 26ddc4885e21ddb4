"""Which jobs a reader sees."""

from dataclasses import replace

import pytest
from samples import DEALS, FAILURE, LEADS, NOW, report, snapshot_of, tracked

from exporter.model import TrackedJob
from exporter.web.status.filters import asked, choices, is_shown
from exporter.words.standing import standing_of

RUNNING = replace(
    tracked(LEADS), spec=replace(tracked(LEADS).spec, group="spring"), report=report(), reported_at=NOW, polled_at=NOW
)
FAILING = replace(tracked(DEALS), failure=FAILURE, polled_at=NOW)


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        pytest.param({}, [RUNNING, FAILING], id="everything"),
        pytest.param({"account": "", "module": "", "state": "", "group": ""}, [RUNNING, FAILING], id="an empty form"),
        pytest.param({"account": "acme"}, [RUNNING, FAILING], id="account"),
        pytest.param({"account": "other"}, [], id="unknown account"),
        pytest.param({"module": "Deals"}, [FAILING], id="module"),
        pytest.param({"state": "RUNNING"}, [RUNNING], id="state"),
        pytest.param({"state": "running"}, [RUNNING], id="state in lower case"),
        pytest.param({"state": "unknown"}, [FAILING], id="no state"),
        pytest.param({"state": "attention"}, [FAILING], id="what needs a person"),
        pytest.param({"state": "paused"}, [], id="no such state"),
        pytest.param({"group": "spring"}, [RUNNING], id="group"),
        pytest.param({"group": "spring", "module": "Deals"}, [], id="both"),
        pytest.param({"color": "red"}, [RUNNING, FAILING], id="no filter of ours"),
    ],
)
def test_query_filters_jobs(query: dict[str, str], shown: list[TrackedJob]) -> None:
    """Each filter narrows; a value that no job has shows none."""
    assert [job for job in (RUNNING, FAILING) if is_shown(job, standing_of(job), asked(query))] == shown


def test_choices_are_what_there_is() -> None:
    """The form offers each account, module and group once, and every state."""
    offered = {name: list(texts) for name, texts, _ in choices(snapshot_of(RUNNING, FAILING), {})}
    states = ["SCHEDULED", "QUEUED", "RUNNING", "SUSPENDED", "COMPLETED", "FAILED", "UNKNOWN"]
    assert offered == {
        "account": ["acme"],
        "module": ["Deals", "Leads"],
        "state": ["attention", *states],
        "group": ["spring"],
    }


@pytest.mark.parametrize(
    ("given", "name", "value"),
    [
        pytest.param({"module": "Leads"}, "module", "Leads", id="known"),
        pytest.param({"module": "Leadz"}, "module", "Leadz", id="unknown"),
        pytest.param({"state": "running"}, "state", "RUNNING", id="state in lower case"),
    ],
)
def test_form_shows_what_was_asked(given: dict[str, str], name: str, value: str) -> None:
    """What the reader asked for is chosen in the form, known or not."""
    form = choices(snapshot_of(RUNNING), given)
    chosen = {name: chosen for name, texts, chosen in form if chosen in texts}
    assert chosen == {name: value}
