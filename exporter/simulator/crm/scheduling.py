"""POST Mass Update Records: schedules a job over a custom view, or updates named records at once.

Source: Zoho CRM v7 and v8, Mass Update Records.
"""

from collections.abc import Mapping
from dataclasses import replace
from http import HTTPStatus
from typing import TypeGuard

from exporter.simulator.crm.answers import scheduled_answer, updated_row
from exporter.simulator.crm.organisation import Organisation
from exporter.simulator.crm.refusals import (
    ALREADY_SCHEDULED,
    INVALID_IDS,
    INVALID_RECORD,
    INVALID_VALUES,
    INVALID_VIEW,
    LIMIT_EXCEEDED,
    NO_FIELD_FOUND,
    NO_RECORDS_FOUND,
    RECORDS_MISSING,
    TOO_MANY_FIELDS,
    UNABLE_TO_PARSE_DATA_TYPE,
    VALUES_MISSING,
)
from exporter.simulator.crm.timeline import JobScript, is_digits
from exporter.simulator.transport import Answer, Request, json_answer

MOST_RECORDS = 50_000
MOST_IDS = 500
MOST_FIELDS = {"Deals": 3}
"""For each module; one for those that are not named."""


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
        case {"data": [{**values}], **records}:
            return _values_refusal(module, len(values)) or _update(records, module, organisation, script)
        case {"data": _}:
            return INVALID_VALUES.answer
        case _:
            return VALUES_MISSING.answer


def _values_refusal(module: str, fields: int) -> Answer | None:
    if not fields:
        return NO_FIELD_FOUND.answer
    return TOO_MANY_FIELDS.answer if fields > MOST_FIELDS.get(module, 1) else None


def _update(records: Mapping[object, object], module: str, organisation: Organisation, script: JobScript) -> Answer:
    match records:
        case {"ids": ids}:
            return _update_records(ids, organisation.now)
        case {"cvid": view}:
            return _schedule_view(module, view, organisation, script)
        case _:
            return RECORDS_MISSING.answer


def _schedule_view(module: str, view: object, organisation: Organisation, script: JobScript) -> Answer:
    if not _is_given_id(view):
        return INVALID_VIEW.answer
    if script.total == 0:
        return NO_RECORDS_FOUND.answer
    if script.total > MOST_RECORDS:
        return LIMIT_EXCEEDED.answer
    job_id = organisation.schedule(module, view, script)
    return ALREADY_SCHEDULED.answer if job_id is None else scheduled_answer(job_id)


def _update_records(ids: object, at: float) -> Answer:
    if not isinstance(ids, list) or not ids:
        return INVALID_IDS.answer
    if len(ids) > MOST_IDS:
        return LIMIT_EXCEEDED.answer
    rows = [_record_row(record_id, at) for record_id in ids]
    outcomes = {row["status"] for row in rows}
    status = HTTPStatus.OK if outcomes == {"success"} else HTTPStatus.BAD_REQUEST
    return json_answer(HTTPStatus.MULTI_STATUS if len(outcomes) > 1 else status, {"data": rows})


def _record_row(record_id: object, at: float) -> dict[str, object]:
    if _is_given_id(record_id):
        return updated_row(record_id, at)
    # The specification and the clients take digits there, and nothing else.
    details = {"id": record_id} if isinstance(record_id, str) and is_digits(record_id) else {}
    return replace(INVALID_RECORD, details=details).content


def _is_given_id(value: object) -> TypeGuard[str]:
    """Whether this is an id that Zoho can have given: every one exists here, and none begins with a zero."""
    return isinstance(value, str) and is_digits(value) and not value.startswith("0")
