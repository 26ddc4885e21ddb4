"""Who may come in to the web server: the web-config file joined with the server and with the API's token."""

from collections.abc import Callable

from starlette.requests import Request
from starlette.types import ASGIApp, Scope

from exporter.errors import Problem
from exporter.settings import Settings, read_web_config
from exporter.web.access import RELOAD_PATH, Access
from exporter.web.admission import OPEN, Admission, AdmissionFile
from exporter.web.connections import Connections
from exporter.web.gate import Gate, is_health_check
from exporter.web.problems import API_PATH


class Entrance:
    """The gate before the routes, and the connections that lead to it.

    Args:
        settings: valid settings.
        read_api_token: gives the job API's token, or nothing where there is none.

    Raises:
        ConfigurationError: the web-config file or one that it names can't be used.
    """

    def __init__(self, settings: Settings, read_api_token: Callable[[], str]) -> None:
        file = settings.web.config_file
        self._max_requests = settings.web.max_requests
        self._read_api_token = read_api_token
        self._file = AdmissionFile(file, read_web_config) if file else None
        self.connections = Connections(lambda: self._admission().tls)

    def problems(self) -> tuple[Problem, ...]:
        """Give what is wrong with the web-config file as it is now, where an older version is in force."""
        return self._file.problems if self._file else ()

    def gate(self, routes: ASGIApp) -> ASGIApp:
        """Put the gate before the routes."""
        return Gate(routes, self._admission, max_requests=self._max_requests, needs_no_password=self._needs_no_password)

    def _admission(self) -> Admission:
        return self._file() if self._file else OPEN

    def _needs_no_password(self, scope: Scope) -> bool:
        # A request has room for one login only: where the API's token counts, it needs no password beside it.
        takes_token = scope["path"] == RELOAD_PATH or scope["path"].startswith(API_PATH)
        return is_health_check(scope) or (takes_token and self._has_api_token(scope))

    def _has_api_token(self, scope: Scope) -> bool:
        token = self._read_api_token()
        return bool(token) and Access.has_token(Request(scope), token)
