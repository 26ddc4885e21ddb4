"""`login`: from a client of Zoho's API console to an account that the exporter can use."""

import logging
import os
import sys
from argparse import Namespace
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TextIO

from exporter.app.direct import Direct
from exporter.app.onboarding import onboarding
from exporter.cli.account.asking import Asker
from exporter.cli.account.consent import let_in
from exporter.cli.account.handover import OUTPUTS, NewAccount, Places, addition, ruling, settings_file
from exporter.cli.account.questions import (
    Wanted,
    alias_of,
    gather,
    is_for_device,
    known_of,
    lacking_scopes,
    needless_scopes,
    right_of,
)
from exporter.cli.command import PROGRAM
from exporter.cli.ending import INTERRUPTED, holding, stoppable
from exporter.cli.given import file_to_write
from exporter.cli.output import let_go, put_surely, say, tell
from exporter.errors import UNKNOWN_JOB, ConfigurationError, PollError, Problem
from exporter.files import refused, write_whole
from exporter.kinds import READ
from exporter.model import DataCenter, Environment, JobKey
from exporter.redactor import Redactor
from exporter.settings import Settings, Sources, load_settings, read_sources
from exporter.words.phrases import counted
from exporter.zoho.data_centers import Endpoints, endpoints_of, place_of
from exporter.zoho.onboarding import Grant, Onboarding

_DEFAULT_FILE = "zoho.yaml"
_NETWORK = ("ca_bundle", "proxy_url", "poll_timeout", "connect_timeout")
_NO_TOKEN = "1000.00000000000000000000000000000000.00000000000000000000000000000000"  # noqa: S105 - stands for none yet
_NO_JOB = "100000000000000000"
"""A job id that Zoho can read, and has not given."""
_LIMIT = (
    "Zoho keeps 20 refresh tokens for each user and client: one more silently ends the oldest, with whatever uses it."
)


def execute(options: Namespace) -> int:
    """Have a refresh token, hand it over, and try it."""
    if options.output in OUTPUTS and _is_null(sys.stdout):
        raise refused("--output", "has nowhere to go: standard output is closed, or thrown away")
    logging.getLogger("exporter").addHandler(logging.NullHandler())  # what a look would log, we say
    try:
        return _login(options, Asker())
    except PollError as error:
        tell(str(error), f"What to do: {error.advice}")
    except EOFError:
        say("", "Nobody answers: nothing was done.")
    except KeyboardInterrupt:
        return INTERRUPTED
    return 1


def _login(options: Namespace, asker: Asker) -> int:
    config_file = file_to_write(options, _DEFAULT_FILE)
    sources = _sources(config_file)
    is_device, alias = is_for_device(options, asker), alias_of(options, asker)
    output, right = OUTPUTS.get(options.output or ""), right_of(options)
    if output and right != READ:
        raise refused("--output", "does not go together with --for=schedule: no server is to have that token")
    places = None if output else Places(config_file, alias, right)
    is_over = bool(places and places.there)
    if places and not _may_write(places, asker, is_forced=bool(options.force)):
        return 1
    if known := known_of(options, alias, config_file):
        say(f"Taken from {config_file}, which has {alias}: {', '.join(known)}.")
    wanted = gather(Namespace(**{**vars(options), **known}), asker, alias, is_device=is_device)
    redactor = Redactor()
    redactor.know(wanted.client.client_secret, wanted.code)  # a server may know them before it is sent them
    zoho = onboarding(_settings(wanted, sources, wanted.settings, _NO_TOKEN), redactor)
    shown = sys.stderr if output else sys.stdout
    with holding() as hold:
        grant, url = let_in(wanted, zoho, hold)
        account = _account(wanted, grant, url)
        try:
            if not grant.is_fit:
                raise refused(url, "gave one that is too long, or that holds what stands in none of Zoho's")
            _hand_over(account, output, places, is_over=is_over)
        except ConfigurationError as error:
            return _give_back(error, zoho, url, grant)
        put_surely(
            shown,
            "Zoho gave a refresh token, one of the 20 that it keeps for each user and client.",
            *_found(wanted, account),
            *(_written(account, places) if places else ()),
        )
    is_enough = not _lacking(wanted, account)
    if places and right != READ:
        put_surely(shown, *(_how_to_schedule(wanted, places) if is_enough else ()))
        return 0 if is_enough else 1
    first, *others = wanted.modules or ("Leads",)
    settings = _settings(wanted, sources, account.settings, account.refresh_token)
    direct = Direct(settings, alias, redactor)
    status = _try_out(shown, direct, JobKey(alias, first, _NO_JOB), config_file if places else None) if is_enough else 1
    if status == 0 and others and not account.scope:
        told = f"Of {', '.join(others)} nothing is known: Zoho did not say the scope, and one module was tried."
        put_surely(shown, told)
    if places and not os.path.lexists(places.config_file):  # what it should say is told
        return 1
    if places:
        _tell_on(shown, places, is_working=status == 0)
    return status


def _is_null(stream: TextIO) -> bool:
    """Whether nobody ever sees what is written to a stream."""
    with suppress(OSError):
        return os.path.samestat(os.fstat(stream.fileno()), Path(os.devnull).stat())
    return False


def _may_write(places: Places, asker: Asker, *, is_forced: bool) -> bool:
    """Whether the secret files may be written; a second refresh token is made on purpose only.

    Raises:
        ConfigurationError: they can't be written, or are there and nobody is there to ask.
    """
    places.prepare()
    there = places.there
    if not there or is_forced:
        return True
    if not asker.is_person:
        text = f"is there already, of an earlier login. {_LIMIT} To make another one all the same: --force"
        raise refused(there[0], text)
    say(
        f"{there[0]} is there already, of an earlier login. {_LIMIT}",
        f"'{PROGRAM} logout --config.file={places.config_file}{_named(places)}' gives it back.",
    )
    return asker.confirms("Make another refresh token, and overwrite the secret files?")


def _hand_over(
    account: NewAccount, output: Callable[[NewAccount], str] | None, places: Places | None, *, is_over: bool
) -> None:
    """Put the secrets where they are wanted.

    Raises:
        ConfigurationError: they don't get there.
    """
    if places:
        places.write_secrets(account, is_over=is_over)
    if output is None:
        return
    try:
        sys.stdout.write(output(account))
        sys.stdout.flush()
    except OSError as error:
        let_go(sys.stdout)
        raise refused("--output", f"standard output can't be written: {error.strerror}") from error


def _give_back(error: ConfigurationError, zoho: Onboarding, accounts_url: str, grant: Grant) -> int:
    """Revoke a token that nobody has, so that it is none of the twenty."""
    tell("Zoho gave a refresh token, which can't be kept:", f"  {error}")
    try:
        zoho.revoke(accounts_url, grant.refresh_token)
    except PollError as refusal:
        tell(f"It could not be revoked: {refusal}", "What to do: remove it under Connected Apps in your Zoho account.")
    else:
        tell("It was revoked: log in again once that is mended.")
    return 1


def _named(places: Places) -> str:
    return "" if places.right == READ else f" --refresh-token-file={places.refresh_token}"


def _sources(config_file: Path) -> Sources:
    """Read what the environment and the file say.

    Raises:
        ConfigurationError: a file can't be read, which may name a proxy, say.
    """
    sources = read_sources(config_file if os.path.lexists(config_file) else None)
    if problems := (*sources.unreadable, *sources.unread):
        raise ConfigurationError(problems)
    return sources


def _settings(wanted: Wanted, sources: Sources, account: Mapping[str, str], refresh_token: str) -> Settings:
    """Give the settings of the new account alone, with what the environment and the file say of the network.

    Raises:
        ConfigurationError: they are of no use.
    """
    tree = sources.tree
    network = {name: str(text) for name in _NETWORK if (text := tree.find((name,))) is not None}
    where = {} if {"data_center", "accounts_url"} & account.keys() else {"data_center": str(DataCenter.US)}
    secrets = {"client_secret": wanted.client.client_secret, "refresh_token": refresh_token}
    texts = {"account": wanted.alias, **where, **account, **secrets, **network}
    environ = {f"ZOHO_{name.upper()}": text for name, text in texts.items()}
    try:
        return load_settings(None, environ=environ, dotenv_file=None, secrets_dir=Path("no secrets directory"))
    except ConfigurationError as error:
        places = {f"ZOHO_{name.upper()}": str(tree.place((name,))) for name in network}
        told = {name: f"--{name.removeprefix('ZOHO_').lower().replace('_', '-')}" for name in environ} | places
        problems = tuple(Problem(told.get(problem.place, problem.place), problem.message) for problem in error.problems)
    raise ConfigurationError(problems)


def _account(wanted: Wanted, grant: Grant, accounts_url: str) -> NewAccount:
    """Say where the account is: the accounts server tells the data centre, the API's domain the environment."""
    where: dict[str, str] = {}
    for place in DataCenter if not wanted.urls else ():
        if endpoints_of(place, Environment.PRODUCTION).accounts_url == accounts_url:
            where["data_center"] = str(place)
    named = place_of(grant.api_domain)
    if named and where.get("data_center") == named[0] and named[1] is not Environment.PRODUCTION:
        where["environment"] = str(named[1])
    settings, secret = {**where, **wanted.settings}, wanted.client.client_secret
    return NewAccount(wanted.alias, settings, secret, grant.refresh_token, grant.api_domain, grant.scope)


def _found(wanted: Wanted, account: NewAccount) -> Iterator[str]:
    settings, scope = account.settings, wanted.scope
    yield f"  data centre  {settings.get('data_center') or 'custom, ' + settings['accounts_url']}"
    environment = settings.get("environment", Environment.PRODUCTION)
    yield f"  API          {account.api_domain or 'not said'} ({environment})"
    if account.api_domain and not (host := _api_host(settings)).accepts_api_domain(account.api_domain):
        yield f"  The exporter asks {host.api_url}: check api_url and the data centre"
    yield f"  scope        {account.scope or f'not said; asked for was {scope}'}"
    if wanted.right == READ and (needless := needless_scopes(account.scope)):
        yield f"  It allows more than to watch, which the exporter never needs: {', '.join(needless)}"
    if lacking := _lacking(wanted, account):
        yield f"  It lacks {', '.join(lacking)}: log in again, with a code of this scope"


def _lacking(wanted: Wanted, account: NewAccount) -> list[str]:
    """Give the scopes that were asked for, and that the token does not have; none where Zoho does not say its own."""
    return lacking_scopes(account.scope, wanted.scope) if account.scope else []


def _api_host(settings: Mapping[str, str]) -> Endpoints:
    """Give the hosts that the exporter will ask with these settings of an account."""
    if "api_url" in settings:
        return Endpoints(settings["accounts_url"], settings["api_url"])
    environment = Environment(settings.get("environment", Environment.PRODUCTION))
    return endpoints_of(DataCenter(settings["data_center"]), environment)


def _written(account: NewAccount, places: Places) -> Iterator[str]:
    """Say which secret files were written, and write the settings file."""
    yield f"Written, for you alone to read: {', '.join(map(str, places.written))}"
    if places.right != READ:
        return
    try:
        write_whole(places.config_file, settings_file(account, places))
    except FileExistsError:
        yield from addition(account, places)
    except OSError as error:
        yield f"{places.config_file} can't be written: {error.strerror}. It should say:"
        yield settings_file(account, places)
    else:
        yield f"Written: {places.config_file}"


def _how_to_schedule(wanted: Wanted, places: Places) -> Iterator[str]:
    yield "It can't be tried without changing records, so it was not. To use it:"
    where = f"{wanted.alias}/{(*wanted.modules, 'Leads')[0]} --view=VIEW_ID --set=FIELD=VALUE"
    yield f"  {PROGRAM} schedule {where} --config.file={places.config_file} --refresh-token-file={places.refresh_token}"


def _try_out(shown: TextIO, direct: Direct, key: JobKey, config_file: Path | None) -> int:
    """Ask Zoho once, and say whether all is well.

    Raises:
        KeyboardInterrupt: it was ended before the answer; that is told.
    """
    tell("Trying it with one call, which costs one API credit: a job that can't exist, so only that may be refused.")
    try:
        with stoppable():
            failure = direct.look(key).failure
    except KeyboardInterrupt:
        again = f" To try it: {PROGRAM} check --live --config.file={config_file}" if config_file else ""
        tell("", f"Whether it works was not waited for. Spent: up to {_costs(direct)}.{again}")
        raise
    except ConfigurationError as error:
        tell(f"It could not be tried: {error}")
        return 1
    spent = f"Spent: {_costs(direct)}."
    if failure is None or failure.code == UNKNOWN_JOB:
        put_surely(shown, f"It works: the token, its scope and the permission for {key.module} are right. {spent}")
        return 0
    tell(f"It does not work yet: {failure.message}", f"What to do: {failure.advice}", spent)
    return 1


def _costs(direct: Direct) -> str:
    return f"{counted(direct.spent.credits, 'API credit')}, {counted(direct.spent.tokens, 'access token')}"


def _tell_on(shown: TextIO, places: Places, *, is_working: bool) -> None:
    for problem in ruling(places):
        tell(f"warning: {problem}")
    file = places.config_file
    put_surely(
        shown,
        *(
            (
                f"Next: list a job in {file}, and start with",
                f"  {PROGRAM} check --config.file={file}",
                f"  {PROGRAM} --config.file={file}",
            )
            if is_working
            else (
                "Next: mend that, and try again; where it takes another token, for other modules, say, log in again:",
                f"  {PROGRAM} check --live --config.file={file}",
                f"  {PROGRAM} login --account={places.alias} --config.file={file} --force",
            )
        ),
    )
