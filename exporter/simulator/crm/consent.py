"""What a person agrees to: the device grant, and the grant codes of the API console.

Source: Zoho Accounts, Non-browser applications (initiation and polling requests), Self client. Which data centre is
asked, the name of the host tells; a host that is no accounts server of Zoho's stands for the organisation's own.
"""

import secrets
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from http import HTTPStatus
from urllib.parse import urlsplit

from exporter.simulator.crm.oauth import TokenDesk
from exporter.simulator.crm.refusals import OAuthError, oauth_refusal
from exporter.simulator.transport import Answer, Request, json_answer

API_DOMAINS: Mapping[str, tuple[str, str]] = {
    "accounts.zoho.com": ("us", "https://www.zohoapis.com"),
    "accounts.zoho.eu": ("eu", "https://www.zohoapis.eu"),
    "accounts.zoho.in": ("in", "https://www.zohoapis.in"),
    "accounts.zoho.com.au": ("au", "https://www.zohoapis.com.au"),
    "accounts.zoho.com.cn": ("cn", "https://www.zohoapis.com.cn"),
    "accounts.zoho.jp": ("jp", "https://www.zohoapis.jp"),
    "accounts.zohocloud.ca": ("ca", "https://www.zohoapis.ca"),
    "accounts.zoho.sa": ("sa", "https://www.zohoapis.sa"),
    "accounts.zoho.uk": ("uk", "https://www.zohoapis.uk"),
    "accounts.zoho.ae": ("ae", "https://www.zohoapis.ae"),
}
"""By the accounts host: its data centre, and where that one's API answers."""
DEVICE_PAGE = "/oauth/v3/device"


@dataclass(frozen=True, slots=True)
class ConsentRules:
    """How consent is given here. `client_data_centers` know the client; none named means that each does."""

    data_center: str = "us"
    client_data_centers: tuple[str, ...] = ()
    interval_seconds: float = 30.0
    code_seconds: float = 300.0
    is_in_milliseconds: bool = False
    has_complete_link: bool = True


@dataclass(frozen=True, slots=True)
class Device:
    """A device that waits for a person. `is_approved` is `None` until the person decides."""

    user_code: str
    scope: str
    expires_at: float
    is_lasting: bool
    is_approved: bool | None = None
    polled_at: float | None = None


@dataclass(frozen=True, slots=True)
class _GrantCode:
    scope: str
    expires_at: float


class ConsentDesk:
    """Devices that wait, and grant codes that were not used yet. Thread-safe. `clock` gives Unix seconds."""

    def __init__(self, tokens: TokenDesk, rules: ConsentRules, clock: Callable[[], float]) -> None:
        self._tokens = tokens
        self._rules = rules
        self._clock = clock
        self._lock = threading.Lock()
        self._devices: dict[str, Device] = {}
        self._codes: dict[str, _GrantCode] = {}
        self._has_consented = False

    def generate(self, scope: str, seconds: float) -> str:
        """Make a grant code, as the API console does."""
        code = f"1000.{secrets.token_hex(16)}.{secrets.token_hex(16)}"
        with self._lock:
            self._codes[code] = _GrantCode(scope, self._clock() + seconds)
        return code

    def waiting(self) -> tuple[Device, ...]:
        """Give the devices that nobody has decided on."""
        with self._lock:
            return tuple(device for device in self._devices.values() if device.is_approved is None)

    def decide(self, user_code: str, *, is_approved: bool) -> bool:
        """Play the person; `False` where no device waits with that code."""
        with self._lock:
            for code, device in self._devices.items():
                if device.user_code == user_code and device.is_approved is None:
                    self._devices[code] = replace(device, is_approved=is_approved)
                    return True
        return False

    def grant(self, request: Request) -> Answer:
        """Answer the token endpoint: a refresh, or a grant code that is exchanged."""
        is_exchange = request.form.get("grant_type") == "authorization_code"
        if refusal := self._elsewhere(request):
            return oauth_refusal(refusal)
        if not is_exchange:
            return self._tokens.grant(request.form, api_domain=api_domain(request))
        return self._exchange(request)

    def begin(self, request: Request) -> Answer:
        """Answer the initiation request of a device."""
        form = request.form
        if form.get("grant_type") != "device_request":
            return oauth_refusal(OAuthError.UNSUPPORTED_GRANT_TYPE)
        # A device has no secret to show yet.
        is_unknown = self._tokens.client_refusal(form) is OAuthError.INVALID_CLIENT
        if is_unknown or not self._is_known_at(data_center(request)):
            return oauth_refusal(OAuthError.INVALID_CLIENT)
        return self._begun(form, f"{request.base_url}{DEVICE_PAGE}")

    def poll(self, request: Request) -> Answer:
        """Answer a device that asks whether the person has decided."""
        form = request.form
        if form.get("grant_type") != "device_token":
            return oauth_refusal(OAuthError.UNSUPPORTED_GRANT_TYPE)
        if refusal := self._tokens.client_refusal(form):
            return oauth_refusal(refusal)
        device = self._asked(form.get("code", ""))
        if isinstance(device, OAuthError):
            return oauth_refusal(device)
        if home := self._home(request):
            return json_answer(HTTPStatus.OK, {"error": "other_dc", "user_location": home}, code="other_dc")
        with self._lock:
            self._devices.pop(form["code"], None)
            self._has_consented = True
        return self._tokens.admit(device.scope, is_lasting=device.is_lasting, api_domain=api_domain(request))

    def _asked(self, code: str) -> Device | OAuthError:
        """Give a device that was let in, or what it is told instead."""
        with self._lock:
            device, now = self._devices.get(code), self._clock()
            if device is None:
                return OAuthError.INVALID_CODE
            self._devices[code] = replace(device, polled_at=now)
        return self._feedback(device, now) or device

    def _begun(self, form: Mapping[str, str], page: str) -> Answer:
        rules, code, user_code = self._rules, secrets.token_hex(32), secrets.token_hex(4).upper()
        with self._lock:
            may_last = form.get("prompt") == "consent" or not self._has_consented
            is_lasting = form.get("access_type") == "offline" and may_last
            expires_at = self._clock() + rules.code_seconds
            self._devices[code] = Device(user_code, form.get("scope", ""), expires_at, is_lasting)
        unit = 1000 if rules.is_in_milliseconds else 1
        link = {"verification_uri_complete": f"{page}?user_code={user_code}"} if rules.has_complete_link else {}
        content = {
            "user_code": user_code,
            "device_code": code,
            "verification_url": page,
            **link,
            "interval": int(rules.interval_seconds * unit),
            "expires_in": int(rules.code_seconds * unit),
        }
        return json_answer(HTTPStatus.OK, content)

    def _feedback(self, device: Device, now: float) -> OAuthError | None:
        if device.is_approved is False:
            return OAuthError.DECLINED
        if now >= device.expires_at:
            return OAuthError.EXPIRED
        if device.is_approved:
            return None
        is_early = device.polled_at is not None and now < device.polled_at + self._rules.interval_seconds
        return OAuthError.SLOW_DOWN if is_early else OAuthError.PENDING

    def _exchange(self, request: Request) -> Answer:
        if refusal := self._tokens.client_refusal(request.form):
            return oauth_refusal(refusal)
        with self._lock:
            code = self._codes.pop(request.form.get("code", ""), None)
        if code is None or self._clock() >= code.expires_at:
            return oauth_refusal(OAuthError.INVALID_CODE)
        return self._tokens.admit(code.scope, is_lasting=True, api_domain=api_domain(request))

    def _elsewhere(self, request: Request) -> OAuthError | None:
        """Refuse what is asked of another data centre: it may know the client, and knows no code or token of ours."""
        if not self._home(request):
            return None
        refusal = self._tokens.client_refusal(request.form)
        is_known = self._is_known_at(data_center(request))
        return (refusal or OAuthError.INVALID_CODE) if is_known else OAuthError.INVALID_CLIENT

    def _home(self, request: Request) -> str:
        """Give the organisation's data centre, where another one is asked; else nothing."""
        return self._rules.data_center if data_center(request) not in {"", self._rules.data_center} else ""

    def _is_known_at(self, place: str) -> bool:
        known = self._rules.client_data_centers
        return not known or (place or self._rules.data_center) in known


def data_center(request: Request) -> str:
    """Give the data centre that a request was sent to; empty for the organisation's own."""
    return API_DOMAINS.get(urlsplit(request.base_url).hostname or "", ("", ""))[0]


def api_domain(request: Request) -> str:
    """Give where the API of the data centre answers that a request was sent to."""
    return API_DOMAINS.get(urlsplit(request.base_url).hostname or "", ("", request.base_url))[1]
