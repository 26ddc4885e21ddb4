"""The control endpoint: moves jobs and makes faults from outside, at no credit.

`GET stats` · `DELETE stats` · `POST faults` · `DELETE faults` · `POST jobs` · `PUT jobs/{module}/{job_id}` ·
`GET devices` · `PUT devices/{user_code}` · `POST codes`
"""

from collections.abc import Callable
from dataclasses import asdict
from http import HTTPStatus

from exporter.simulator.crm import ConsentDesk
from exporter.simulator.gateway import Gateway
from exporter.simulator.scenario import ScenarioError, read_code, read_decision, read_fault, read_job, read_status
from exporter.simulator.transport import Answer, Request, json_answer

CONTROL_ROOT = "__control__"
DONE = json_answer(HTTPStatus.OK, {})
NO_COMMAND = json_answer(HTTPStatus.NOT_FOUND, {"error": f"no such command; there are: {__doc__}"})


def is_control(request: Request) -> bool:
    """Whether a request is for us and not for Zoho."""
    return request.segments[0] == CONTROL_ROOT


def control(request: Request, gateway: Gateway, clear_faults: Callable[[], None]) -> Answer:
    """Carry out one command; bad input is a 400 with a message."""
    try:
        return _carry_out(request, gateway, clear_faults)
    except (ScenarioError, ValueError) as error:
        return json_answer(HTTPStatus.BAD_REQUEST, {"error": str(error)})


def _carry_out(request: Request, gateway: Gateway, clear_faults: Callable[[], None]) -> Answer:
    match (request.method, *request.segments[1:]):
        case ("GET", "stats"):
            return json_answer(HTTPStatus.OK, asdict(gateway.stats()))
        case ("DELETE", "stats"):
            gateway.reset_stats()
        case ("POST", "faults"):
            number = gateway.faults.add(read_fault(request.content, "fault"))
            return json_answer(HTTPStatus.CREATED, {"id": number})
        case ("DELETE", "faults"):
            clear_faults()
        case ("POST", "jobs"):
            gateway.organisation.add_job(read_job(request.content, "job"))
            return json_answer(HTTPStatus.CREATED, {})
        case ("PUT", "jobs", module, job_id):
            gateway.organisation.set_status(module, job_id, read_status(request.content, "status"))
        case (_, "devices" | "codes", *_):
            return _consent(request, gateway.consents)
        case _:
            return NO_COMMAND
    return DONE


def _consent(request: Request, desk: ConsentDesk) -> Answer:
    """Play the person who lets a device in, or takes a grant code from the API console."""
    match (request.method, *request.segments[1:]):
        case ("GET", "devices"):
            rows = [{"user_code": device.user_code, "scope": device.scope} for device in desk.waiting()]
            return json_answer(HTTPStatus.OK, {"devices": rows})
        case ("PUT", "devices", user_code):
            if desk.decide(user_code, is_approved=read_decision(request.content, "device")):
                return DONE
            return json_answer(HTTPStatus.NOT_FOUND, {"error": f"no device waits with the code {user_code}"})
        case ("POST", "codes"):
            code = desk.generate(*read_code(request.content, "code"))
            return json_answer(HTTPStatus.CREATED, {"code": code})
    return NO_COMMAND
