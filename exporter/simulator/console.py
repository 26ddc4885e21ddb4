"""The pages that a person opens in a browser: the API console, and where a device is let in. They cost no credit."""

from collections.abc import Mapping
from html import escape
from http import HTTPStatus

from exporter.simulator.crm import DEVICE_PAGE
from exporter.simulator.gateway import Gateway
from exporter.simulator.scenario import Scenario
from exporter.simulator.transport import Answer, Request
from exporter.simulator.transport.answer import HTML_TYPE

CONSOLE_PAGE = "/console"
CODE_SECONDS = 600.0
"""How long a grant code of the console is good: the longest that Zoho offers."""


def is_page(request: Request) -> bool:
    """Whether a request is for a person's page."""
    return request.path in {CONSOLE_PAGE, DEVICE_PAGE}


def page(request: Request, gateway: Gateway, scenario: Scenario) -> Answer:
    """Show a page, and do what its buttons say."""
    if request.path == DEVICE_PAGE:
        return _shown("Let a device in", _device(request, gateway))
    return _shown("API console", _console(request, gateway, scenario))


def _device(request: Request, gateway: Gateway) -> str:
    form = request.form
    code = form.get("user_code", "").strip().upper()
    if request.method == "POST":
        is_approved = form.get("decision") == "accept"
        if not gateway.consents.decide(code, is_approved=is_approved):
            return "<p>No device waits with this code.</p>"
        return f"<p>The device is {'let in' if is_approved else 'turned away'}. You can close this page.</p>"
    scopes = {device.user_code: device.scope for device in gateway.consents.waiting()}
    asked = f"<p>It asks for: {escape(scopes[code])}</p>" if code in scopes else ""
    return f"""{asked}<form method="post">
<label>Code <input name="user_code" value="{escape(code)}"></label>
<button name="decision" value="accept">Accept</button> <button name="decision" value="reject">Reject</button></form>"""


def _console(request: Request, gateway: Gateway, scenario: Scenario) -> str:
    facts = {"Client ID": scenario.client_id, "Client secret": scenario.client_secret}
    if request.method == "POST" and (scope := request.form.get("scope")):
        facts["Code, good for ten minutes, once"] = gateway.consents.generate(scope, CODE_SECONDS)
    return f"""{_listed(facts)}<form method="post">
<label>Scope <input name="scope" size="60" value="ZohoCRM.mass_update.READ"></label>
<button>Generate code</button></form>
<p><a href="{DEVICE_PAGE}">Let a device in</a></p>"""


def _listed(facts: Mapping[str, str]) -> str:
    rows = "".join(f"<dt>{escape(name)}</dt><dd><code>{escape(text)}</code></dd>" for name, text in facts.items())
    return f"<dl>{rows}</dl>"


def _shown(title: str, content: str) -> Answer:
    text = (
        f"<!DOCTYPE html><html><head><title>{title}</title></head><body><h1>Simulated Zoho: {title}</h1>"
        f"{content}</body></html>"
    )
    return Answer(HTTPStatus.OK, text.encode(), HTML_TYPE)
