"""The documented bodies of what is no refusal, byte for byte."""

from exporter.simulator.crm.answers import iso_time, scheduled_answer, status_answer
from exporter.simulator.crm.timeline import State, Status


def test_a_report_has_the_five_documented_keys() -> None:
    """In the order of the page's samples."""
    answer = status_answer(Status(State.RUNNING, 30, 1, 19, 50))
    assert answer.body == (
        b'{"data":[{"Status":"RUNNING","Failed_Count":1,"Updated_Count":30,"Not_Updated_Count":19,"Total_Count":50}]}'
    )


def test_a_scheduled_job_is_confirmed_with_its_id_as_text() -> None:
    """The id of the sample does not survive a float."""
    assert scheduled_answer("554023000000506003").body == (
        b'{"data":[{"code":"SUCCESS","details":{"job_id":"554023000000506003"},'
        b'"message":"mass update scheduled successfully","status":"success"}]}'
    )


def test_a_time_is_written_with_its_offset() -> None:
    """In ISO 8601, to the second."""
    assert iso_time(1_700_000_000.9) == "2023-11-14T22:13:20+00:00"
