"""The templates of the pages, with the words that they use, and the headers that go with their style and script."""

from base64 import b64encode
from hashlib import sha256

from jinja2 import Environment, PackageLoader, StrictUndefined

from exporter import DOCS_URL, __version__
from exporter.web.status import accounts, advice, chart, filters, leaf, notices, story
from exporter.words import addresses, jobs, phrases


class Templates:
    """What the pages are written with. Immutable once built, so it may be shared among threads.

    Args:
        telemetry_path: where the metrics are.
        base: what the paths of its links begin with.
    """

    def __init__(self, telemetry_path: str, base: str) -> None:
        loader = PackageLoader("exporter.web.status")
        environment = Environment(
            loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
        )
        style, script = (loader.get_source(environment, name)[0] for name in ("status.css", "status.js"))
        for words in (accounts, addresses, advice, chart, filters, jobs, leaf, notices, phrases, story):
            environment.globals |= {name: word for name, word in vars(words).items() if not name.startswith("_")}
        environment.globals |= {
            "style": style,
            "script": script,
            "telemetry_path": telemetry_path,
            "base": base,
            "docs_url": DOCS_URL,
            "version": __version__,
        }
        self.status = environment.get_template("status.html")
        self.job = environment.get_template("job.html")
        self.text = environment.get_template("text.html")
        self.headers = _headers(style, script)


def _headers(style: str, script: str) -> dict[str, str]:
    policy = (
        "default-src 'none'",
        f"style-src {_hash_source(style)}",
        f"script-src {_hash_source(script)}",
        "connect-src 'self'",
        "img-src data:",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    )
    return {"Content-Security-Policy": "; ".join(policy), "Cache-Control": "no-store"}


def _hash_source(text: str) -> str:
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"
