"""`logout`: give an account's refresh token back to Zoho."""

import sys
from argparse import Namespace
from collections.abc import Iterator

from exporter.app import onboarding
from exporter.app.accounts import endpoints
from exporter.cli.account.asking import Asker
from exporter.cli.given import sources_of
from exporter.cli.output import say
from exporter.errors import PollError
from exporter.files import refused
from exporter.forms import nearest
from exporter.redactor import Redactor
from exporter.settings import Settings, Sources


def execute(options: Namespace) -> int:
    """Ask, revoke, and say what to delete."""
    sources, asker = sources_of(options), Asker()
    settings = sources.settings()
    alias = _alias(settings, options.account)
    account = settings.accounts[alias]
    question = f"Revoke the refresh token of {alias} (client {account.client_id})? Whatever uses it stops, for good."
    if not options.yes and not asker.is_person:
        raise refused("--yes", "is needed where no terminal is there to ask")
    try:
        if not options.yes and not asker.confirms(question):
            say("Nothing was revoked.")
            return 1
        token = account.credentials().refresh_token
        onboarding(settings, Redactor()).revoke(endpoints(account).accounts_url, token)
    except PollError as error:
        say(str(error), f"What to do: {error.advice}")
        return 1
    except EOFError:
        say("", "Nobody answers: nothing was revoked.")
        return 1
    sys.stdout.write("\n".join([f"Zoho has revoked the refresh token of {alias}.", *_left(sources, alias)]) + "\n")
    return 0


def _alias(settings: Settings, given: str | None) -> str:
    known = sorted(settings.accounts)
    if given in settings.accounts or (given is None and len(known) == 1):
        return given or known[0]
    near = nearest(given or "", known)
    hint = f'did you mean "{near}"?' if near else f"there are: {', '.join(known)}"
    raise refused("--account", f'"{given}" is no account; {hint}' if given else f"is needed; {hint}")


def _left(sources: Sources, alias: str) -> Iterator[str]:
    """Say where what is of no use any more stands."""
    for name in ("refresh_token", "client_secret"):
        for key in (f"{name}_file", name):
            path = ("accounts", alias, key)
            if value := sources.tree.find(path):
                where = value if key != name else sources.tree.finding(path, "").place
                yield f"Delete {where}" + (
                    "" if name == "refresh_token" else ", unless another account uses this client"
                )
    yield f"Take {alias} and its jobs out of the configuration, or log in again."
