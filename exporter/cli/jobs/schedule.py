"""`schedule`: a mass update sent to Zoho, by a token that no server has."""

import json
import os
import re
import shlex
import sys
from argparse import Namespace
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from exporter.app.hosts import endpoints
from exporter.app.scheduling import scheduling
from exporter.cli.account.asking import Asker
from exporter.cli.account.questions import doubtful_module
from exporter.cli.command import PROGRAM
from exporter.cli.commands import NAMED
from exporter.cli.ending import INTERRUPTED, stoppable
from exporter.cli.given import account_named, settings_of, start_logging
from exporter.cli.jobs.client.answerers import ByExporter, by_zoho
from exporter.cli.jobs.client.exporter_client import TOKEN_FILE_VARIABLE as _API_TOKEN
from exporter.cli.jobs.client.exporter_client import ExporterClient, client_of
from exporter.cli.jobs.exits import COMPLETED, NOT_DONE, NOT_ENDED, UNKNOWN
from exporter.cli.jobs.status import show, timeout_seconds
from exporter.cli.jobs.track import described, track
from exporter.cli.output import give_up, is_closed, is_lost, say, tell, visible, write
from exporter.errors import ConfigurationError, ExporterError, PollError, Problem, UncertainError, kind_and_words
from exporter.files import open_to_all, refused
from exporter.forms import MODULE, REFRESH_TOKEN, job_id_advice, misplaced, module_advice
from exporter.model import JOB_ID_PATTERN, MODULE_PATTERN, Credentials, JobKey
from exporter.settings import AccountSettings, Settings
from exporter.web.api.schemas import read_bodies
from exporter.words.phrases import counted
from exporter.zoho.codes import SCOPE_MISMATCH
from exporter.zoho.onboarding import INVALID_CODE
from exporter.zoho.scheduling import (
    ELSEWHERE,
    MOST_FIELDS,
    MOST_FIRING_RULES,
    MOST_RECORDS,
    Order,
    Scheduling,
    interrupted,
    modules_of,
)
from exporter.zoho.wire import quote

TOKEN_FILE_VARIABLE = "ZOHO_SCHEDULE_REFRESH_TOKEN_FILE"  # noqa: S105 - a variable's name, no secret
_TOKEN_FLAG = "--refresh-token-file"  # noqa: S105 - a flag, no secret
_CURED_BY_LOGIN = frozenset({SCOPE_MISMATCH, INVALID_CODE, ELSEWHERE})
_SAID_BY = {"name": "--name", "group": "--group", "labels": "--label"}
_FIELD = re.compile(r"([^=]*?)(:?=)(.*)", re.DOTALL)
_THIS_MACHINE = frozenset({"127.0.0.1", "::1", "localhost"})
"""What goes on with watching: never this command, which would change the records again."""


def execute(options: Namespace) -> int:
    """Show what is to be sent, ask, send it, and see to it that it is watched."""
    if is_closed(sys.stdout):
        raise refused("standard output", "is closed, and the job's name is written there: open it, or say >/dev/null")
    try:
        return _scheduled(options)
    except EOFError:
        say("", "Nobody answers: nothing was sent.")
        return NOT_DONE


def _scheduled(options: Namespace) -> int:
    named, order = _order(options)
    said, seconds = _described(options, order), timeout_seconds(options)
    settings, asker = settings_of(options), Asker()
    options = _with_token(options, settings)
    client = client_of(options)
    alias = account_named(named, settings, named or "JOB")
    account = settings.accounts[alias]
    if not options.yes and not asker.is_person:
        raise refused("--yes", "is needed where no terminal is there to ask")
    login = partial(_login, options, alias, account)
    servers = {one.credentials().refresh_token for one in settings.accounts.values()}
    credentials = _credentials(options, asker, account, servers, login(order.module))
    sender = scheduling(settings, alias, start_logging(settings, "error"))
    say(*_shown(alias, account, order), _foretold(client))
    if not options.yes and not asker.confirms("Change all these records?"):
        say("Nothing was sent.")
        return NOT_DONE
    with stoppable():
        job_id, status = _sent(sender, order, credentials, login)
        took = f"This took {_spent(sender)}."
        if not job_id:
            tell(*_named(options, (JobKey(alias, order.module, one) for one in sender.job_ids)), took)
            return status
        scheduled = _Scheduled(JobKey(alias, order.module, job_id), order, client, said, seconds)
        why, status = _untracked(options, scheduled, took)
    status = max(status, _written(options, scheduled))
    return status if options.watch is None or status != COMPLETED else _watched(options, scheduled, why)


class _Scheduled(NamedTuple):
    """A job that Zoho has scheduled, and how it is to be watched."""

    key: JobKey
    order: Order
    client: ExporterClient
    said: dict[str, object]
    seconds: float


def _order(options: Namespace) -> tuple[str, Order]:
    """Give the account that is named, if one is, and what is to be changed.

    Raises:
        ConfigurationError: a word or a flag is of no use.
    """
    *account, module = options.module.split("/")
    if len(account) > 1 or "" in account:
        raise refused(options.module, "expected ACCOUNT/MODULE, or MODULE where there is one account")
    if not re.fullmatch(MODULE_PATTERN, module):
        raise refused(options.module, f'"{module}" is not {MODULE}{module_advice(module)}')
    view = options.view or ""
    if not re.fullmatch(JOB_ID_PATTERN, view):
        raise refused("--view", f"expected the id of a custom view, digits only{job_id_advice(view)}")
    return "".join(account), Order(module, view, _values(options.set or (), module))


def _described(options: Namespace, order: Order) -> dict[str, object]:
    """Give what the flags say of the job.

    Raises:
        ConfigurationError: no exporter would take it, which it could say only afterwards.
    """
    said = described(options)
    _, faults = read_bodies({"module": order.module, "job_id": order.view, **said})
    problems = [Problem(_SAID_BY[fault["pointer"].split("/")[1]], fault["detail"]) for fault in faults]
    if problems:
        raise ConfigurationError(tuple(problems))
    for label in options.label or ():
        name, _, _ = label.partition("=")
        if not (name.isascii() and name.isidentifier()):
            raise refused("--label", f'"{quote(name)}" is no label name: letters, digits or _, no digit first')
    return said


def _with_token(options: Namespace, settings: Settings) -> Namespace:
    """Name the API's token of the settings where no other is named: to an exporter of this machine, and no other."""
    file, host = settings.web.api_token_file, urlsplit(client_of(options).url).hostname
    named = (getattr(options, "exporter.token_file"), getattr(options, "exporter.user"), os.environ.get(_API_TOKEN))
    is_known = any(named) or file is None or host not in _THIS_MACHINE
    return options if is_known else Namespace(**{**vars(options), "exporter.token_file": str(file)})


def _foretold(client: ExporterClient) -> str:
    """Say whether the exporter that is to track the job answers, and lets us in."""
    try:
        client.look()
    except Exception as error:  # noqa: BLE001 - whatever it is, Zoho can be asked all the same
        return f"warning: no exporter will track it: {_reason(error)}"
    return f"The exporter at {client.url} is to track it."


def _values(texts: Collection[str], module: str) -> dict[str, object]:
    values = dict(map(_value, texts))
    most = MOST_FIELDS.get(module, 1)
    if len(values) < len(texts):
        raise refused("--set", "each field once")
    if not 0 < len(values) <= most:
        raise refused("--set", f"expected {f'1 to {most} fields' if most > 1 else 'one field'}, as in --set Field=text")
    return values


def _value(text: str) -> tuple[str, object]:
    """Read a field and its value: text behind `=`, JSON behind `:=`."""
    match = _FIELD.fullmatch(text)
    if match is None or not match[1]:
        raise refused("--set", f'"{quote(text)}" is not FIELD=TEXT or FIELD:=JSON')
    field, sign, value = match.groups()
    if not re.fullmatch(MODULE_PATTERN, field):
        raise refused("--set", f'"{quote(field)}" is no API name of a field{module_advice(field)}')
    if not value.strip():
        raise refused("--set", f"{field} has no value; to empty the field: {field}:=null")
    return field, value if sign == "=" else _json(field, value)


def _json(field: str, text: str) -> object:
    try:
        value: object = json.loads(text, object_pairs_hook=partial(_whole, field))
        json.dumps(value, allow_nan=False)
    except (ValueError, RecursionError) as error:
        short = quote(text)
        said = f'{field}: "{short}" is no JSON, such as 250, true, null or ["a", "b"]; a text: {field}={short}'
        raise refused("--set", said) from error
    return value


def _whole(field: str, pairs: list[tuple[str, object]]) -> dict[str, object]:
    """Give the object of these pairs: of two that have one key nobody knows which was meant."""
    if len(value := dict(pairs)) < len(pairs):
        raise refused("--set", f"{field}: a key stands twice in an object")
    return value


def _login(options: Namespace, alias: str, account: AccountSettings, *modules: str) -> str:
    """Give the command that gets such a refresh token as is needed; it takes the place of the one that is there."""
    file, place = account.client_secret_file, account.data_center
    words = (
        *("login", "--for=schedule", f"--account={alias}", f"--client-id={account.client_id}"),
        *([f"--client-secret-file={file}"] if file else ()),
        *([f"--data-center={place}"] if place else ()),
        *([f"--accounts-url={account.accounts_url}"] if account.accounts_url else ()),
        *([f"--api-url={account.api_url}"] if account.api_url else ()),
        f"--modules={','.join(dict.fromkeys(modules))}",
        *([f"--config.file={options.config_file}"] if options.config_file else ()),
    )
    return shlex.join((PROGRAM, *words))


def _credentials(
    options: Namespace, asker: Asker, account: AccountSettings, servers: Collection[str], login: str
) -> Credentials:
    """Give the account's client with a refresh token that is none of the servers'.

    Raises:
        ConfigurationError: there is none, or it is.
    """
    file = options.refresh_token_file or os.environ.get(TOKEN_FILE_VARIABLE)
    if file is None:
        say(f"It takes a refresh token that may change records. To get one: {login}")
    elif warning := open_to_all(Path(file)):
        say(f"warning: {file} {warning}")
    token = asker.secret(_TOKEN_FLAG, file, "The refresh token, not shown: ", partial(misplaced, REFRESH_TOKEN))
    asker.refuse_lacking()
    if token in servers:
        text = "is one that the exporter has, and no server is to have the right to change records. To get another: "
        raise refused(_TOKEN_FLAG, text + login)
    return replace(account.credentials(), refresh_token=token)


def _shown(alias: str, account: AccountSettings, order: Order) -> Iterator[str]:
    """Say what is to be sent, and what nobody knows before it is."""
    where = f"data centre {account.data_center_name}, {account.environment}, {endpoints(account).api_url}"
    yield f"A mass update for {alias} ({where}):"
    yield f"  module  {order.module}"
    if hint := doubtful_module(order.module):
        yield f"          {hint}"
    yield f"  view    {order.view} (its name takes another scope: compare with the view's address in your browser)"
    for field, value in order.values.items():
        yield f"  set     {field} = {visible(json.dumps(value, ensure_ascii=False), spared='')}"
    yield f"Every record that the view shows when Zoho begins is changed, {MOST_RECORDS:,} at most. It can't be undone."
    yield "Only afterwards Zoho tells how many they are, and whether the field exists, may be changed, takes the value."
    yield f"Automation rules run if they are fewer than {MOST_FIRING_RULES:,}. A view has one mass update at a time."


def _sent(sender: Scheduling, order: Order, credentials: Credentials, login: Callable[..., str]) -> tuple[str, int]:
    """Send it, and give the job's id and the exit status; no id where there is none."""
    try:
        return sender.send(order, credentials), COMPLETED
    except UncertainError as error:
        status = _uncertain(error)
    except PollError as error:
        known = map(str.capitalize, modules_of(sender.granted))
        cure = [f"  {login(*known, order.module)}"] if error.code in _CURED_BY_LOGIN else []
        tell(f"It is not scheduled: {error}", f"What to do: {error.advice}", *cure)
        status = NOT_DONE
    except KeyboardInterrupt:
        status = _uncertain(interrupted()) if sender.credits else INTERRUPTED
        if status == INTERRUPTED:
            tell("", "It is not scheduled: it was not sent yet.")
    return "", status


def _uncertain(error: UncertainError) -> int:
    tell(f"Nobody knows whether it is scheduled: {error}", f"What to do: {error.advice}")
    return UNKNOWN


def _named(options: Namespace, keys: Iterable[JobKey]) -> Iterator[str]:
    """Name the jobs of an answer that is not understood, and give the line that has them tracked."""
    if names := [str(key) for key in keys]:
        yield f"Zoho has named {', '.join(names)}. To have that tracked: {NAMED['track'].line(options, *names)}"


def _spent(sender: Scheduling) -> str:
    return f"{counted(sender.credits, 'API credit')} and {counted(sender.tokens, 'access token')}"


def _untracked(options: Namespace, scheduled: _Scheduled, took: str) -> tuple[str, int]:
    """Have the running exporter track it, or say why it does not; give that, and the exit status."""
    key, status = scheduled.key, COMPLETED
    try:
        # Said here too, where it can't be lost by a pipe that broke or a disk that is full.
        tell(f"Zoho has scheduled it as {key}. {took}")
        tell(track(options, scheduled.said, scheduled.client, key))
    except KeyboardInterrupt:
        why, status = "its answer was not waited for", NOT_ENDED
    except Exception as error:  # noqa: BLE001 - whatever it is, the records are changed by now
        why = _reason(error)
    else:
        return "", status
    tell(f"No exporter tracks it: {why}", f"To have it tracked: {NAMED['track'].line(options, str(key))}")
    return why, status


def _reason(error: Exception) -> str:
    """Say in a line what went wrong."""
    if isinstance(error, ExporterError):
        return " ".join(str(error).split())
    return f"a fault that nobody foresaw ({quote(kind_and_words(error))})"


def _watched(options: Namespace, scheduled: _Scheduled, why: str) -> int:
    """Follow the job: by Zoho's answers if there is a reason `why`."""
    key = scheduled.key
    asked = Namespace(
        **{**vars(options), "command": NAMED["status"], "job": str(key), "direct": "true" if why else None}
    )
    try:
        answerer = by_zoho(asked, key, f", as {why}") if why else ByExporter(asked, scheduled.client, key)
        status = show(asked, lambda: answerer, scheduled.seconds)
    except Exception as error:  # noqa: BLE001 - it goes on, and who is told otherwise sends it again
        _not_seen(error, asked.command.line(asked, asked.job))
        return NOT_ENDED
    return NOT_ENDED if status == NOT_DONE else status


def _written(options: Namespace, scheduled: _Scheduled) -> int:
    """Write the job's name, and give the exit status: never one that has a script send it again."""
    key, order = scheduled.key, scheduled.order
    parts = {"account": key.account, "module": key.module, "job_id": key.job_id}
    try:
        write(json.dumps({**parts, "view": order.view, "values": order.values}) if options.json else str(key))
    except OSError as error:
        give_up(error)
        return NOT_ENDED
    return COMPLETED


def _not_seen(error: Exception, line: str) -> None:
    if isinstance(error, OSError) and is_lost(error):
        give_up(error)
    else:
        tell(f"{PROGRAM}: {_reason(error)}")
    tell(f"It goes on all the same. To watch it: {line}")
