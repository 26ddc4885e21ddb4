"""The files of deploy/ for a rehearsal: time runs faster, everything is on loopback, and messages come to us."""

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import yaml

DEPLOY = Path(__file__).parents[1] / "deploy"

_UNIT_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3_600.0, "d": 86_400.0}
# A range, an offset, `for` and its kin, a wait or an interval of Alertmanager's; not the numbers in a text.
_DURATION = re.compile(r"(\[|\boffset |\b(?:for|keep_firing_for|\w+_wait|\w+_interval): )(\d+)(ms|s|m|h|d)\b")
_SECONDS = re.compile(r"\b(\d+) \* (60|3600)\b")
_TITLE, _TEXT = '{{ template "zoho.title" . }}', '{{ template "zoho.text" . }}'


@dataclass(frozen=True)
class Message:
    """What Alertmanager sent to a receiver, as a person would read it."""

    receiver: str
    title: str
    text: str


def accelerated(text: str, factor: float) -> str:
    """Give rules or Alertmanager's configuration with every duration in them divided by a factor.

    Those are durations as such (`[10m]`, `for: 5m`, `group_wait: 30s`), and seconds written as `30 * 60` or `4 * 3600`.
    """

    def shorten(found: re.Match[str]) -> str:
        milliseconds = int(found[2]) * _UNIT_SECONDS[found[3]] * 1000 / factor
        return f"{found[1]}{max(1, round(milliseconds))}ms"

    return _SECONDS.sub(rf"\1 * \2 / {factor:g}", _DURATION.sub(shorten, text))


def write_files(
    directory: Path, *, factor: float, interval: str, exporter: str, alertmanager: str, messages_url: str
) -> None:
    """Write what Prometheus and Alertmanager start with: `prometheus.yml`, `alertmanager.yml` and what they load.

    Args:
        directory: where to.
        factor: how much faster the rules' time runs.
        interval: between two scrapes, and two evaluations.
        exporter: host and port of the exporter.
        alertmanager: host and port of Alertmanager.
        messages_url: where each receiver sends its messages, below its own name.
    """
    for name in ("rules.yml", "alerts.yml"):
        text = (DEPLOY / "prometheus" / name).read_text(encoding="utf-8")
        (directory / name).write_text(accelerated(text, factor), encoding="utf-8")
    prometheus = _prometheus(interval, exporter, alertmanager)
    (directory / "prometheus.yml").write_text(yaml.safe_dump(prometheus), encoding="utf-8")
    text = (DEPLOY / "alertmanager" / "alertmanager.yml").read_text(encoding="utf-8")
    (directory / "alertmanager.yml").write_text(
        yaml.safe_dump(_alertmanager(accelerated(text, factor), messages_url)), encoding="utf-8"
    )


def _prometheus(interval: str, exporter: str, alertmanager: str) -> dict[str, Any]:
    config: dict[str, Any] = yaml.safe_load((DEPLOY / "prometheus" / "prometheus.yml").read_text(encoding="utf-8"))
    config["global"] = {"scrape_interval": interval, "scrape_timeout": interval, "evaluation_interval": interval}
    config["scrape_configs"][0]["static_configs"] = [{"targets": [exporter]}]
    config["alerting"]["alertmanagers"] = [{"static_configs": [{"targets": [alertmanager]}]}]
    return config


def _alertmanager(text: str, messages_url: str) -> dict[str, Any]:
    """Keep routes and inhibitions; let every receiver that sends something send it to us, by the same templates."""
    config: dict[str, Any] = yaml.safe_load(text)
    del config["global"]
    config["templates"] = [str(DEPLOY / "alertmanager" / "templates" / "*.tmpl")]
    config["receivers"] = [_receiver(receiver, messages_url) for receiver in config["receivers"]]
    return config


def _receiver(receiver: dict[str, Any], messages_url: str) -> dict[str, Any]:
    name = receiver["name"]
    if len(receiver) == 1:
        return receiver
    slack = {"api_url": f"{messages_url}/{name}", "channel": name, "send_resolved": True, "title": _TITLE}
    return {"name": name, "slack_configs": [{**slack, "text": _TEXT}]}


@contextmanager
def inbox(on_message: Callable[[Message], None]) -> Iterator[str]:
    """Take in messages that are sent in Slack's form, and give the URL to send them to."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = int(self.headers["Content-Length"])
            for part in json.loads(self.rfile.read(length))["attachments"]:
                on_message(Message(self.path.strip("/"), part["title"], part["text"]))
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"ok")

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()
