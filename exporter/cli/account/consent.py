"""How `login` gets its refresh token of Zoho: by a person who accepts in a browser, or by a code."""

import os
import sys
import time
import webbrowser
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TypeVar

from exporter.cli.account.questions import Wanted
from exporter.cli.ending import stoppable
from exporter.cli.output import say, tell
from exporter.errors import PassingError, PollError, RefusedError
from exporter.kinds import READ, UPDATE
from exporter.model import DataCenter, Environment
from exporter.zoho.data_centers import endpoints_of
from exporter.zoho.onboarding import (
    INVALID_CLIENT,
    MAY_BE_MADE,
    Client,
    Device,
    Grant,
    Onboarding,
    Waiting,
    await_person,
    may_be_made,
)

_DISPLAYS = ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER")
"""One of these is set where a browser has somewhere to open; in a terminal it would only be in the way."""
_WHOSE = {READ: "whose rights the exporter is to have", UPDATE: "in whose name records are to be changed"}
_TYPING_ERROR = "check the client ID and the client secret; for a host that is not Zoho's own set --accounts-url"
_IN_MINUTES = 120

Hold = Callable[[], None]
"""Has whatever ends the command wait: what Zoho gave is to be kept first."""
_Said = TypeVar("_Said")


def let_in(wanted: Wanted, onboarding: Onboarding, hold: Hold) -> tuple[Grant, str]:
    """Have a refresh token, and the accounts server that gave it; from then on whatever ends the command is held.

    Raises:
        PollError: there is none to be had.
    """
    return (_by_code if wanted.code else _by_device)(wanted, onboarding, hold)


def _by_code(wanted: Wanted, onboarding: Onboarding, hold: Hold) -> tuple[Grant, str]:
    client, asked = wanted.client, _first_url(wanted)
    try:
        url = asked or _knowing(onboarding, client, _others(""))
        return _exchanged(wanted, onboarding, url, hold), url
    except RefusedError as error:
        if error.code != INVALID_CLIENT or not wanted.place:
            raise
        say(f"Zoho's data centre {wanted.place} does not know this client: the others are asked, without the code.")
    url = _knowing(onboarding, client, _others(asked))
    return _exchanged(wanted, onboarding, url, hold), url


def _exchanged(wanted: Wanted, onboarding: Onboarding, url: str, hold: Hold) -> Grant:
    try:
        return _heard(partial(onboarding.exchange, url, wanted.client, wanted.code), hold)
    except PollError as error:
        if may_be_made(error):
            error.advice += f"; {MAY_BE_MADE}"
        raise


def _heard(ask: Callable[[], _Said], hold: Hold) -> _Said:
    """Ask for a token; who does not wait for the answer is told what may have come of it."""
    try:
        with stoppable():
            said = ask()
            if isinstance(said, Grant):
                hold()
            return said
    except KeyboardInterrupt:
        tell("", f"Zoho's answer was not waited for: {MAY_BE_MADE}.")
        raise


def _knowing(onboarding: Onboarding, client: Client, urls: Iterable[str]) -> str:
    """Find the one accounts server that knows a client; each is asked once, which costs nothing."""
    asked, faults = tuple(urls), dict[str, PassingError]()

    def is_known_at(url: str) -> bool:
        try:
            return onboarding.knows(url, client)
        except PassingError as error:
            faults[url] = error
            return False

    with ThreadPoolExecutor(len(asked)) as pool:
        answers = tuple(pool.map(is_known_at, asked))
    match [url for url, is_known in zip(asked, answers, strict=True) if is_known]:
        case [url]:
            say(f"{url} knows this client.")
            return url
        case []:
            raise _unknown({url: faults[url] for url in asked if url in faults})
        case several:
            message = f"several data centres know this client: {', '.join(several)}"
            advice = "log in again with --data-center; the code was not used"
            raise RefusedError(INVALID_CLIENT, message, advice=advice)


def _unknown(faults: Mapping[str, PassingError]) -> PollError:
    """Give the error of a client that no data centre knows: of those that could not be asked one may."""
    say(*(f"{url} could not be asked: {error.message.removeprefix(f'{url}: ')}" for url, error in faults.items()))
    for error in faults.values():
        return type(error)(error.code, "no data centre that could be asked knows this client", advice=error.advice)
    return RefusedError(INVALID_CLIENT, "no data centre of Zoho's knows this client", advice=_TYPING_ERROR)


def _by_device(wanted: Wanted, onboarding: Onboarding, hold: Hold) -> tuple[Grant, str]:
    device, url = _begun(wanted, onboarding)
    _show(device, wanted.right)
    faults: list[PassingError] = []

    def ask(accounts_url: str) -> Grant | Waiting:
        try:
            return _heard(partial(onboarding.poll, accounts_url, wanted.client, device), hold)
        except PassingError as error:
            if not faults:
                say(f"{error}. It may pass: Zoho is asked on.")
            faults.append(error)
            raise

    try:
        return await_person(ask, device, url, partial(_follow, wanted), sleep=time.sleep, stopwatch=time.monotonic)
    except PollError as error:
        if any(map(may_be_made, faults)):
            error.advice += f"; {MAY_BE_MADE}"
        raise


def _begun(wanted: Wanted, onboarding: Onboarding) -> tuple[Device, str]:
    """Begin where the client is known; who is asked learns its id alone."""
    asked = _first_url(wanted) or _accounts_url(DataCenter.US)
    refusal: RefusedError | None = None
    for url in (asked, *(() if wanted.urls else _others(asked))):
        try:
            device = onboarding.begin(url, wanted.client.client_id, wanted.scope)
        except RefusedError as error:
            if error.code != INVALID_CLIENT:
                raise
            refusal = refusal or error
            continue
        if url != asked:
            say(f"{asked} does not know this client; {url} does.")
        return device, url
    raise refusal or AssertionError


def _show(device: Device, right: str) -> None:
    """Say what to open before anything is opened, and what is waited for."""
    page = device.whole_page or device.page
    say(
        "",
        f"Open this address in any browser, signed in to Zoho as the user {_WHOSE[right]}:",
        f"  {page}",
        f"Accept there what it asks for, if it shows this code (enter it where it asks for one):  {device.user_code}",
        "",
    )
    if sys.stdin.isatty() and any(map(os.environ.get, _DISPLAYS)) and not _opened(page):
        say("No browser opened here: open the address yourself.")
    say(
        f"Waiting until you have accepted, for {_for_people(device.lifetime_seconds)} at most; "
        f"Zoho is asked every {device.interval_seconds:.0f} s. Ctrl-C ends it."
    )


def _for_people(seconds: float) -> str:
    return f"{seconds / 60:.0f} minutes" if seconds >= _IN_MINUTES else f"{seconds:.0f} s"


def _opened(page: str) -> bool:
    try:
        return webbrowser.open(page)
    except (webbrowser.Error, OSError):
        return False


def _follow(wanted: Wanted, place: DataCenter) -> str:
    if wanted.urls:
        message = f"the account lives in Zoho's data centre {place}"
        raise RefusedError(
            "other_dc", message, advice=f"log in again with --data-center={place}, without --accounts-url"
        )
    say(f"The account lives in the data centre {place}: it is asked from now on.")
    return _accounts_url(place)


def _first_url(wanted: Wanted) -> str:
    """Give the accounts server that was named; empty for none."""
    if wanted.urls:
        return wanted.urls.accounts_url
    return _accounts_url(wanted.place) if wanted.place else ""


def _others(url: str) -> tuple[str, ...]:
    return tuple(other for place in DataCenter if (other := _accounts_url(place)) != url)


def _accounts_url(place: DataCenter) -> str:
    return endpoints_of(place, Environment.PRODUCTION).accounts_url
