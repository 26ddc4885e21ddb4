"""What clients ask of an organisation before they schedule: its modules, their fields, the user and the company.

Source: Zoho CRM's OpenAPI v8, fields, modules, users, org; the keys are those that Zoho's own clients read.
"""

from collections.abc import Set as AbstractSet
from http import HTTPStatus

from exporter.simulator.crm.answers import USER
from exporter.simulator.crm.refusals import INVALID_MODULE, PARAM_MISSING
from exporter.simulator.transport import Answer, Request, json_answer

FIELDS = ("settings", "fields")
MODULES = ("settings", "modules")
USERS = ("users",)
COMPANY = ("org",)
PATHS = frozenset({FIELDS, MODULES, USERS, COMPANY})
"""The paths behind the version."""

_FIELD_TYPES = {
    "id": "bigint",
    "Owner": "ownerlookup",
    "Created_By": "ownerlookup",
    "Modified_By": "ownerlookup",
    "Created_Time": "datetime",
    "Modified_Time": "datetime",
}
"""The fields that every module has, with Zoho's types."""


def describe(request: Request, modules: AbstractSet[str]) -> Answer:
    """Answer a call for one of the paths."""
    match request.segments[2:]:
        case path if path == FIELDS:
            return _fields(request.query.get("module"), modules)
        case path if path == MODULES:
            rows = [{"api_name": name, "api_supported": True, "generated_type": "default"} for name in sorted(modules)]
            return json_answer(HTTPStatus.OK, {"modules": rows})
        case path if path == USERS:
            user = {"id": USER["id"], "full_name": USER["name"], "email": "user@example.com", "status": "active"}
            return json_answer(HTTPStatus.OK, {"users": [user]})
        case _:
            return json_answer(HTTPStatus.OK, {"org": [{"company_name": "Simulated Company", "zgid": "658590000"}]})


def _fields(module: str | None, modules: AbstractSet[str]) -> Answer:
    if not module:
        return PARAM_MISSING.answer
    if module not in modules:
        return INVALID_MODULE.answer
    rows = [
        {"api_name": name, "data_type": data_type, "system_mandatory": False, "custom_field": False}
        for name, data_type in _FIELD_TYPES.items()
    ]
    return json_answer(HTTPStatus.OK, {"fields": rows})
