"""POST Mass Update Records: schedules a job over a custom view, or updates named records at once.

Source: Zoho CRM v7 and v8, Mass Update Records.
"""

from http import HTTPStatus

from exporter.simulator.answers import (
    ALREADY_SCHEDULED,
    INVALID_IDS,
    INVALID_VALUES,
    INVALID_VIEW,
    LIMIT_EXCEEDED,
    NO_RECORDS_FOUND,
    RECORDS_MISSING,
    UNABLE_TO_PARSE_DATA_TYPE,
    VALUES_MISSING,
    Answer,
    json_answer,
    scheduled_answer,
    updated_row,
)
from exporter.simulator.organisation import Organisation
from exporter.simulator.request import Request
from exporter.simulator.timeline import JobScript, is_digits

MOST_RECORDS = 50_000
MOST_IDS = 500


def schedule(request: Request, module: str, organisation: Organisation, script: JobScript) -> Answer:
    """Answer a mass update; `script` is the course of a job that is scheduled."""
    try:
        content = request.content
    except ValueError:
        return UNABLE_TO_PARSE_DATA_TYPE.answer
    return _carry_out(content, module, organisation, script)


def _carry_out(content: object, module: str, organisation: Organisation, script: JobScript) -> Answer:
    match content:
        case {"ids": _, "cvid": _}:
            return INVALID_IDS.answer
        case {"data": [{**values}], "ids": ids} if values:
            return _update_records(ids)
        case {"data": [{**values}], "cvid": view} if values:
            return _schedule_view(module, view, organisation, script)
        case {"data": [{**values}]} if values:
            return RECORDS_MISSING.answer
        case {"data": _}:
            return INVALID_VALUES.answer
        case _:
            return VALUES_MISSING.answer


def _schedule_view(module: str, view: object, organisation: Organisation, script: JobScript) -> Answer:
    if not isinstance(view, str) or not is_digits(view):
        return INVALID_VIEW.answer
    if script.total == 0:
        return NO_RECORDS_FOUND.answer
    if script.total > MOST_RECORDS:
        return LIMIT_EXCEEDED.answer
    job_id = organisation.schedule(module, view, script)
    return ALREADY_SCHEDULED.answer if job_id is None else scheduled_answer(job_id)


def _update_records(ids: object) -> Answer:
    if not isinstance(ids, list) or not ids:
        return INVALID_IDS.answer
    if len(ids) > MOST_IDS:
        return LIMIT_EXCEEDED.answer
    rows = [_record_row(record_id) for record_id in ids]
    outcomes = {row["status"] for row in rows}
    status = HTTPStatus.OK if outcomes == {"success"} else HTTPStatus.BAD_REQUEST
    return json_answer(HTTPStatus.MULTI_STATUS if len(outcomes) > 1 else status, {"data": rows})


def _record_row(record_id: object) -> dict[str, object]:
    if isinstance(record_id, str) and is_digits(record_id):
        return updated_row(record_id)
    return INVALID_IDS.content
