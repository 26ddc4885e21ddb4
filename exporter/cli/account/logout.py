"""`logout`: give an account's refresh token back to Zoho."""

import sys
from argparse import Namespace
from collections.abc import Callable, Iterator

from exporter.app.hosts import endpoints
from exporter.app.onboarding import onboarding
from exporter.cli.account.asking import Asker
from exporter.cli.ending import holding, stoppable
from exporter.cli.given import account_named, sources_of
from exporter.cli.output import put_surely, say, tell
from exporter.errors import PollError
from exporter.files import read_named_secret, refused
from exporter.redactor import Redactor
from exporter.settings import Sources
from exporter.zoho.onboarding import INVALID_CODE, Onboarding


def execute(options: Namespace) -> int:
    """Ask, revoke, and say what to delete."""
    sources, asker = sources_of(options), Asker()
    settings = sources.settings()
    alias = account_named(options.account, settings, "--account")
    account = settings.accounts[alias]
    other = options.refresh_token_file
    which = f"refresh token of {alias}" if other is None else f"refresh token in {other}"
    question = f"Revoke the {which} (client {account.client_id})? Whatever uses it stops, for good."
    if not options.yes and not asker.is_person:
        raise refused("--yes", "is needed where no terminal is there to ask")
    try:
        if not options.yes and not asker.confirms(question):
            say("Nothing was revoked.")
            return 1
        token = (
            account.credentials().refresh_token if other is None else read_named_secret("--refresh-token-file", other)
        )
    except EOFError:
        say("", "Nobody answers: nothing was revoked.")
        return 1
    zoho = onboarding(settings, Redactor())
    with holding() as hold:
        if not _is_revoked(options, zoho, endpoints(account).accounts_url, token, hold):
            return 1
        left = _left(sources, alias) if other is None else [f"Delete {other}"]
        put_surely(sys.stdout, f"Zoho has revoked the {which}.", *left)
    return 0


def _is_revoked(options: Namespace, zoho: Onboarding, accounts_url: str, token: str, hold: Callable[[], None]) -> bool:
    """Revoke a token, and say why it is not, or not known to be; once it is, whatever ends the command is held."""
    try:
        with stoppable():
            zoho.revoke(accounts_url, token)
            hold()
    except PollError as error:
        is_gone = error.code == INVALID_CODE
        tell(f"{'' if is_gone else 'It is not known to be revoked: '}{error}", f"What to do: {error.advice}")
        return False
    except KeyboardInterrupt:
        again = f"What to do: revoke it again, which does no harm: {options.command.line(options)}"
        tell("", "It is not known to be revoked: Zoho's answer was not waited for", again)
        return False
    return True


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
