"""Zoho's Python SDK 8.0 as a program, because it keeps its state in globals.

It logs in as its arguments say, tells its user, and then answers each line of JSON with one: a call goes in, and what
the SDK understood of the answer comes out.
"""

import json
import sys

from zohocrmsdk.src.com.zoho.api.authenticator.oauth_token import OAuthToken
from zohocrmsdk.src.com.zoho.crm.api.dc.data_center import DataCenter
from zohocrmsdk.src.com.zoho.crm.api.initializer import Initializer
from zohocrmsdk.src.com.zoho.crm.api.parameter_map import ParameterMap
from zohocrmsdk.src.com.zoho.crm.api.record import (
    GetMassUpdateStatusParam,
    MassUpdateBodyWrapper,
    Record,
    RecordOperations,
)


def log_in(url: str, client_id: str, client_secret: str, refresh_token: str) -> object:
    """Get a token, look up whose it is, and give that name."""
    environment = DataCenter.Environment(url, f"{url}/oauth/v2/token", url)
    token = OAuthToken(client_id=client_id, client_secret=client_secret, refresh_token=refresh_token, find_user=True)
    Initializer.initialize(environment, token)
    return token.get_user_signature().get_name()


def call(module: str, *, job_id: str = "", cvid: str = "", ids: list[str] | None = None) -> dict[str, object]:
    """Ask for a job, or schedule one over a view or the records."""
    operations = RecordOperations(module)
    if job_id:
        parameters = ParameterMap()
        parameters.add(GetMassUpdateStatusParam.job_id, job_id)
        answer = operations.get_mass_update_status(parameters)
    else:
        answer = operations.mass_update_records(_body(cvid, ids))
    content = answer.get_object()
    return {"status": answer.get_status_code(), "kind": type(content).__name__, "content": _plain(content)}


def _body(cvid: str, ids: list[str] | None) -> object:
    record, body = Record(), MassUpdateBodyWrapper()
    record.add_key_value("Description", "moved")
    body.set_data([record])
    if cvid:
        body.set_cvid(cvid)
    if ids:
        body.set_ids(ids)
    return body


def _plain(value: object) -> object:
    """Turn the SDK's objects into plain data: their private attributes by their own names."""
    if hasattr(value, "get_value"):
        return value.get_value()
    if isinstance(value, list):
        return [_plain(item) for item in value]
    items = value if isinstance(value, dict) else getattr(value, "__dict__", None)
    if items is None:
        return value
    named = {str(name).rpartition("__")[2]: item for name, item in items.items()}
    return {name: _plain(item) for name, item in named.items() if name != "key_modified"}


def _say(content: object) -> None:
    sys.stdout.write(json.dumps(content, default=str) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    _say(log_in(*sys.argv[1:]))
    for line in sys.stdin:
        _say(call(**json.loads(line)))
