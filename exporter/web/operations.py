"""The pages by which platforms and operators run the exporter: health, readiness, reload, configuration.

None of them asks Zoho for a job.
"""

from concurrent.futures import Future

from starlette.responses import PlainTextResponse, Response

from exporter.web.contract import Exporter
from exporter.web.problems import STARTING
from exporter.web.request import Request


def healthy(_: Request) -> Response:
    """Say that the process answers."""
    return PlainTextResponse("healthy\n")


def ready(exporter: Future[Exporter], _: Request) -> Response:
    """Say whether the exporter can do its work, and why not; also while there is none yet."""
    if not exporter.done() or exporter.cancelled():
        return PlainTextResponse(f"{STARTING}\n", status_code=503)
    readiness = exporter.result().readiness()
    text = "".join(f"{sentence}\n" for sentence in readiness.sentences)
    return PlainTextResponse(text, status_code=200 if readiness.is_ready else 503)


def reload(exporter: Exporter, _: Request) -> Response:
    """Load the configuration anew; a wrong one is told, and the last good one stays in force."""
    problems = exporter.reload()
    if problems:
        lines = ["The configuration is wrong, and the last good one stays in force:", *map(str, problems)]
        return PlainTextResponse("\n".join(lines) + "\n", status_code=500)
    return PlainTextResponse("reloaded\n")


def configuration(exporter: Exporter, _: Request) -> Response:
    """Give the settings in force, secrets masked."""
    return PlainTextResponse(exporter.configuration())
