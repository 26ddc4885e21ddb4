"""What clients ask of an organisation before they schedule: its modules, their fields, the user and the company.

Source: Zoho CRM's OpenAPI v8, fields, modules, users, org; the keys are those that Zoho's own clients read.
"""

from collections.abc import Set as AbstractSet
from http import HTTPStatus

from exporter.simulator.crm.answers import CREATED_TIME, USER
from exporter.simulator.crm.refusals import INVALID_MODULE, PARAM_MISSING
from exporter.simulator.transport import Answer, Request, json_answer

FIELDS = ("settings", "fields")
MODULES = ("settings", "modules")
USERS = ("users",)
COMPANY = ("org",)
PATHS = frozenset({FIELDS, MODULES, USERS, COMPANY})
"""The paths behind the version."""

_FIELD_TYPES = {
    "id": ("bigint", "string"),
    "Owner": ("ownerlookup", "jsonobject"),
    "Created_By": ("ownerlookup", "jsonobject"),
    "Modified_By": ("ownerlookup", "jsonobject"),
    "Created_Time": ("datetime", "string"),
    "Modified_Time": ("datetime", "string"),
}
"""The fields that every module has, with Zoho's types for the value and for its JSON."""


def describe(request: Request, modules: AbstractSet[str]) -> Answer:
    """Answer a call for one of the paths."""
    match request.segments[2:]:
        case path if path == FIELDS:
            return _fields(request.query.get("module"), modules)
        case path if path == MODULES:
            rows = [_module(name, number) for number, name in enumerate(sorted(modules))]
            return json_answer(HTTPStatus.OK, {"modules": rows})
        case path if path == USERS:
            return json_answer(HTTPStatus.OK, {"users": [_user()], "info": _info()})
        case _:
            company = {"id": _id(1), "company_name": "Simulated Company", "zgid": "658590000"}
            return json_answer(HTTPStatus.OK, {"org": [company]})


def _fields(module: str | None, modules: AbstractSet[str]) -> Answer:
    if not module:
        return PARAM_MISSING.answer
    if module not in modules:
        return INVALID_MODULE.answer
    rows = [
        {
            "id": _id(number),
            "api_name": name,
            "field_label": name.replace("_", " "),
            "data_type": data_type,
            "json_type": json_type,
            "system_mandatory": False,
            "custom_field": False,
            "read_only": name != "Owner",
        }
        for number, (name, (data_type, json_type)) in enumerate(_FIELD_TYPES.items())
    ]
    return json_answer(HTTPStatus.OK, {"fields": rows})


def _module(name: str, number: int) -> dict[str, object]:
    return {
        "id": _id(number),
        "api_name": name,
        "module_name": name,
        "plural_label": name.replace("_", " "),
        "api_supported": True,
        "generated_type": "default",
        "modified_time": CREATED_TIME,
    }


def _user() -> dict[str, object]:
    name = USER["name"]
    return {"id": USER["id"], "full_name": name, "email": "user@example.com", "status": "active", "confirm": True}


def _info() -> dict[str, object]:
    return {"per_page": 200, "count": 1, "page": 1, "more_records": False}


def _id(number: int) -> str:
    return str(554_023_000_000_002_000 + number)
