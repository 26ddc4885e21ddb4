"""How jobs are named on the command line."""

import pytest
from played import PlayedExporter
from samples import LEADS, tracked

from exporter.cli.jobs.client.exporter_client import ExporterClient, ExporterRefusedError
from exporter.cli.jobs.client.names import found_key, read_key
from exporter.errors import ConfigurationError
from exporter.model import JobKey


@pytest.mark.parametrize(
    ("word", "key"),
    [
        pytest.param("acme/Leads/3524033000006027001", LEADS, id="whole"),
        pytest.param("Sales_Orders/7", JobKey("", "Sales_Orders", "7"), id="without the account"),
    ],
)
def test_word_names_a_job(word: str, key: JobKey) -> None:
    """Account, module and id, as in every message of the exporter."""
    assert read_key(word) == key


_EXPECTED = "expected ACCOUNT/MODULE/JOB_ID, or MODULE/JOB_ID where there is one account"
_NO_ID = "is not a job id: digits only, exactly as Zoho gave them"


@pytest.mark.parametrize(
    ("word", "said"),
    [
        pytest.param("3524033000006027001", _EXPECTED, id="an id alone"),
        pytest.param("", _EXPECTED, id="nothing"),
        pytest.param("/Leads/7", _EXPECTED, id="an empty account"),
        pytest.param("a/b/Leads/7", _EXPECTED, id="too many parts"),
        pytest.param("Leads/x", f'"x" {_NO_ID}', id="no digits"),
        pytest.param("Leads/3.52E+18", "a spreadsheet or a program made a number of it", id="a spreadsheet's number"),
        pytest.param("Leads/٣٥٢٤", f'"٣٥٢٤" {_NO_ID}', id="other digits"),
        pytest.param("Sales Orders/7", 'did you mean "Sales_Orders"?', id="a module's label"),
    ],
)
def test_word_that_names_none_is_refused(word: str, said: str) -> None:
    """What is wrong is told, with what was probably meant."""
    with pytest.raises(ConfigurationError) as caught:
        read_key(word)
    assert said in str(caught.value)
    assert str(caught.value).startswith(f"{word}: ")


@pytest.mark.parametrize(
    ("named", "found"),
    [
        pytest.param(LEADS, LEADS, id="as it was named"),
        pytest.param(JobKey("", "Leads", LEADS.job_id), LEADS, id="the only one"),
        pytest.param(JobKey("other", "Leads", "1"), JobKey("other", "Leads", "1"), id="nobody asks for more"),
    ],
)
def test_account_is_found(client: ExporterClient, exporter: PlayedExporter, named: JobKey, found: JobKey) -> None:
    """Where only one account has such a job it need not be named."""
    exporter.jobs = {LEADS: tracked()}
    assert found_key(named, client) == found


@pytest.mark.parametrize(
    ("job_id", "said"),
    [
        pytest.param("8", ": Leads/8 is not tracked", id="none"),
        pytest.param("7", ": several accounts have this job: name one, as in a/Leads/7 or b/Leads/7", id="several"),
    ],
)
def test_account_that_is_not_clear_is_told(
    client: ExporterClient, exporter: PlayedExporter, job_id: str, said: str
) -> None:
    """No job is guessed."""
    exporter.jobs = {key: tracked(key) for key in (JobKey("a", "Leads", "7"), JobKey("b", "Leads", "7"))}
    with pytest.raises(ExporterRefusedError) as caught:
        found_key(JobKey("", "Leads", job_id), client)
    assert str(caught.value) == client.url + said
