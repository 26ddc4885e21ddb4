"""The pages by which platforms and operators run the exporter: health, readiness, reload, configuration."""

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from exporter.web.access import Access
from exporter.web.contract import Exporter

HEALTH_PATH = "/-/healthy"
READY_PATH = "/-/ready"


class Operations:
    """Answers those who run the exporter. None of it asks Zoho for a job."""

    def __init__(self, exporter: Exporter, access: Access) -> None:
        self._exporter = exporter
        self._access = access

    async def healthy(self, _: Request) -> Response:
        """Say that the process answers."""
        return PlainTextResponse("healthy\n")

    async def ready(self, _: Request) -> Response:
        """Say whether the exporter can do its work, and why not."""
        readiness = self._exporter.readiness()
        text = "".join(f"{sentence}\n" for sentence in readiness.sentences)
        return PlainTextResponse(text, status_code=200 if readiness.is_ready else 503)

    async def reload(self, request: Request) -> Response:
        """Load the configuration anew; a wrong one is told, and the last good one stays in force."""
        if refusal := self._access.refusal_unless_local(request):
            return refusal
        problems = await run_in_threadpool(self._exporter.reload)
        if problems:
            lines = ["The configuration is wrong, and the last good one stays in force:", *map(str, problems)]
            return PlainTextResponse("\n".join(lines) + "\n", status_code=500)
        return PlainTextResponse("reloaded\n")

    async def configuration(self, _: Request) -> Response:
        """Give the settings in force, secrets masked."""
        return PlainTextResponse(self._exporter.configuration())
