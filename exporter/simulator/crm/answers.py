"""What Zoho says when it does not refuse: reports of jobs, confirmations, and its way to write a time."""

from collections.abc import Mapping
from datetime import UTC, datetime
from http import HTTPStatus

from exporter.simulator.crm.timeline import Status
from exporter.simulator.transport import Answer, json_answer

USER: Mapping[str, str] = {"name": "Simulated User", "id": "554023000000235011"}
"""Who owns the records, and whose token it is."""
CREATED_TIME = "2021-02-26T19:13:56+00:00"
"""When every record and module was made."""


def status_answer(status: Status) -> Answer:
    """Report a job. Source: Zoho CRM v2.1, Get Mass Update Status, Response JSON Keys."""
    row = {
        "Status": status.state,
        "Failed_Count": status.failed,
        "Updated_Count": status.updated,
        "Not_Updated_Count": status.not_updated,
        "Total_Count": status.total,
    }
    return json_answer(HTTPStatus.OK, {"data": [row]})


def scheduled_answer(job_id: str) -> Answer:
    """Confirm a scheduled job. Source: Zoho CRM v7, Mass Update Records, sample response with a custom view."""
    row = _success("mass update scheduled successfully", {"job_id": job_id})
    return json_answer(HTTPStatus.OK, {"data": [row]})


def updated_row(record_id: str, at: float) -> dict[str, object]:
    """Confirm one record, updated at that time (Unix seconds).

    Source: Zoho CRM's OpenAPI v8, massUpdateRecords, MassUpdate200SyncDetails.
    """
    details = {
        "Modified_Time": iso_time(at),
        "Modified_By": USER,
        "Created_Time": CREATED_TIME,
        "id": record_id,
        "Created_By": USER,
    }
    return _success("record updated", details)


def _success(message: str, details: Mapping[str, object]) -> dict[str, object]:
    return {"code": "SUCCESS", "details": details, "message": message, "status": "success"}


def iso_time(at: float) -> str:
    """Write a time (Unix seconds) as Zoho does."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds")
