"""What `login` has to know: flags, else the person at the terminal."""

import difflib
import os
import re
from argparse import Namespace
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from exporter.cli.account.asking import Asker
from exporter.cli.account.handover import said_in
from exporter.cli.output import say
from exporter.errors import ConfigurationError, Problem
from exporter.files import refused
from exporter.forms import CLIENT_ID, CLIENT_SECRET, MODULE, data_center_meant, doubtful, misplaced, module_advice
from exporter.kinds import ALL, MASS_UPDATE, READ, SCOPE_MODULES, UPDATE
from exporter.model import MODULE_PATTERN, DataCenter, Environment
from exporter.zoho.data_centers import Endpoints, endpoints_of
from exporter.zoho.onboarding import Client

_DEFAULT_ALIAS = "zoho"
_KINDS = (
    "Two types of client let the exporter in. You make one in Zoho's API console: https://api-console.zoho.com, or its",
    "sister in your data centre, such as https://api-console.zoho.eu",
    '  1  "Non-browser application": you accept in a browser, on any machine; there is nothing to paste',
    '  2  "Self client": you generate a code in the console, and enter it here',
)
_DEVICE, _SELF_CLIENT = "1", "2"
_ALL = "all"
_SCHEDULE = "schedule"
_HOSTS = ("data_center", "accounts_url", "api_url")
_OF_TWO_WORDS = {"pricebooks": "Price_Books", "purchaseorders": "Purchase_Orders", "salesorders": "Sales_Orders"}
"""The modules whose API name has more than its first letter from what scopes call them."""
_NEAR = 0.8
_USES = {READ: "watch", UPDATE: "update"}


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be had. No `place` is one to be found, `urls` are custom hosts, no modules are all, no code a device.

    A `code` is a self client's.
    """

    alias: str
    client: Client
    modules: tuple[str, ...]
    place: DataCenter | None = None
    urls: Endpoints | None = None
    code: str = field(default="", repr=False)
    right: str = READ
    """What the token is to be allowed."""

    @property
    def scope(self) -> str:
        """The scope to ask for."""
        return scope_of(self.modules, self.right)

    @property
    def settings(self) -> dict[str, str]:
        """What is known of the account's settings before Zoho was asked."""
        urls = self.urls
        where = {"accounts_url": urls.accounts_url, "api_url": urls.api_url} if urls else {}
        return {**where, "client_id": self.client.client_id}


def right_of(options: Namespace) -> str:
    """Give what the token is to be allowed: to read, but for the command that changes records."""
    return UPDATE if vars(options)["for"] == _SCHEDULE else READ


def scope_of(modules: Collection[str], right: str = READ) -> str:
    """Give the scope that allows a token mass updates of some modules; of all where none is named."""
    scopes = sorted({MASS_UPDATE.scope_for(module, right) for module in modules}) or [f"{MASS_UPDATE.scope}.{right}"]
    return ",".join(scopes)


def doubtful_module(name: str) -> str:
    """Say which module of Zoho's own is probably meant by a name that is none; empty for one that looks right.

    It may be right all the same, and the name of a module that the organisation has made.
    """
    word = name.replace("_", "").lower()
    near = next(iter(difflib.get_close_matches(word, sorted(SCOPE_MODULES), n=1, cutoff=_NEAR)), "")
    own = _OF_TWO_WORDS.get(near, near.capitalize())
    if not near or name == own:
        return ""
    if near == word:
        return f'Zoho spells the module "{name}" {own}: list its jobs so'
    return f'"{name}" is no module of Zoho\'s own, and gets the scope of custom ones; did you mean "{own}"?'


def lacking_scopes(granted: str, wanted: str) -> list[str]:
    """Give the wanted scopes that a token does not have; one for all modules covers each."""
    words = {word.casefold() for word in granted.replace(",", " ").split()}
    return [scope for scope in wanted.split(",") if not words & set(_covering(scope.casefold()))]


def needless_scopes(granted: str) -> list[str]:
    """Give the scopes that allow more than to read."""
    return [scope for scope in granted.replace(",", " ").split() if not scope.upper().endswith(f".{READ}")]


def _covering(scope: str) -> Iterator[str]:
    """Give every scope that allows what one does: for all modules, or with all rights."""
    right = scope.rpartition(".")[2]
    for start in (scope.removesuffix(f".{right}"), MASS_UPDATE.scope.casefold()):
        yield from (f"{start}.{right}", f"{start}.{ALL.casefold()}")


def is_for_device(options: Namespace, asker: Asker) -> bool:
    """Whether a person is to accept in a browser, or has a code.

    Raises:
        ConfigurationError: the flags say both.
    """
    is_self_client = options.self_client or options.grant_code_file
    if options.device and is_self_client:
        raise refused("--device", "does not go together with --self-client and --grant-code-file")
    if options.device or is_self_client or not asker.is_person:
        given = _SELF_CLIENT if is_self_client else _DEVICE if options.device else None
        return asker.text("--device or --self-client", given, "", _nothing) != _SELF_CLIENT
    say(*_KINDS)
    return asker.text("", None, "Which is yours? [1] ", _odd_kind, default=_DEVICE) == _DEVICE


def alias_of(options: Namespace, asker: Asker) -> str:
    """Give the account's name.

    Raises:
        ConfigurationError: it is none.
    """
    default = os.environ.get("ZOHO_ACCOUNT") or _DEFAULT_ALIAS
    return asker.text(
        "--account", options.account, f"A name for the account [{default}]: ", _odd_alias, default=default
    )


def known_of(options: Namespace, alias: str, config_file: Path) -> dict[str, str]:
    """Give what the settings file says of the account, by the flags that would say the same and were left out.

    Raises:
        ConfigurationError: it can't be read.
    """
    account = said_in(config_file, alias)
    texts = {name: text for name, text in account.items() if isinstance(text, str) and _is_sound(name, text)}
    is_custom = {"accounts_url", "api_url"} <= texts.keys()
    hosts: tuple[str, ...] = ("accounts_url", "api_url") if is_custom else ("data_center",)
    if any(getattr(options, name) or os.environ.get(f"ZOHO_{name.upper()}") for name in _HOSTS):
        hosts = ()
    names = [name for name in (*hosts, CLIENT_ID, "client_secret_file") if name in texts]
    return {name: texts[name] for name in names if getattr(options, name) is None}


def _is_sound(name: str, text: str) -> bool:
    """Whether a setting is of use: one that is not filled in yet is asked for as if it were not there."""
    match name:
        case "client_secret_file":
            return _is_there(Path(text))
        case "data_center":
            return not _odd_place(text)
        case "client_id":
            return not (_odd_id(text) or misplaced(CLIENT_ID, text))
    return name in _HOSTS


def _is_there(file: Path) -> bool:
    """Whether something is there, of use or not: who asks for another secret instead gets another one."""
    try:
        file.stat()
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return False
    except OSError:
        return True
    return True


def gather(options: Namespace, asker: Asker, alias: str, *, is_device: bool) -> Wanted:
    """Ask for the rest, the code last: it is good for minutes.

    Raises:
        ConfigurationError: a flag is of no use, or one is lacking and nobody is there to ask.
    """
    urls = _custom_urls(options)
    place = _place(options, asker, is_asked=not (is_device or urls))
    right = right_of(options)
    modules = _modules(options, asker, _USES[right])
    say(*(f"  {hint}" for hint in map(doubtful_module, modules) if hint))
    odd_id, odd_secret = partial(misplaced, CLIENT_ID), partial(misplaced, CLIENT_SECRET)
    client_id = asker.text("--client-id", options.client_id, "Client ID: ", lambda text: _odd_id(text) or odd_id(text))
    if client_id and (hint := doubtful(CLIENT_ID, client_id)):
        say(f"  The client ID {hint}")
    question = "Client secret, not shown: "
    secret = asker.secret("--client-secret-file", options.client_secret_file, question, odd_secret)
    code = "" if is_device else _code(options, asker, _console(place, urls), scope_of(modules, right))
    asker.refuse_lacking()
    return Wanted(alias, Client(client_id, secret), modules, place, urls, code, right)


def _place(options: Namespace, asker: Asker, *, is_asked: bool) -> DataCenter | None:
    given = options.data_center or os.environ.get("ZOHO_DATA_CENTER")
    question = "Data centre, or the address of Zoho CRM in your browser [have it found]: "
    text = asker.text("--data-center", given, question, _odd_place, default="") if given or is_asked else ""
    return DataCenter(data_center_meant(text, DataCenter)) if text else None


def _custom_urls(options: Namespace) -> Endpoints | None:
    """Give the hosts of the flags, or those that the environment already has for the account."""
    accounts_url, api_url = (
        (options.accounts_url, options.api_url)
        if options.accounts_url or options.api_url
        else map(os.environ.get, ("ZOHO_ACCOUNTS_URL", "ZOHO_API_URL"))
    )
    if bool(accounts_url) != bool(api_url):
        raise ConfigurationError((Problem("--accounts-url", "goes together with --api-url"),))
    return Endpoints(accounts_url.rstrip("/"), api_url.rstrip("/")) if accounts_url and api_url else None


def _modules(options: Namespace, asker: Asker, use: str) -> tuple[str, ...]:
    question = f"Modules to {use}, by API name, with commas [all]: "
    text = asker.text("--modules", options.modules, question, _odd_modules, default=_ALL)
    return tuple(dict.fromkeys(name for name in _names(text) if name.lower() != _ALL))


def _console(place: DataCenter | None, urls: Endpoints | None) -> str:
    if urls:
        return f"the API console that belongs to {urls.accounts_url}"
    return endpoints_of(place or DataCenter.US, Environment.PRODUCTION).accounts_url.replace(
        "accounts.", "api-console."
    )


def _code(options: Namespace, asker: Asker, console: str, scope: str) -> str:
    if asker.is_person and options.grant_code_file is None:
        say(f"Open {console}, your self client, Generate Code, with this scope:", f"  {scope}")
    return asker.secret("--grant-code-file", options.grant_code_file, "The code, not shown: ", _nothing)


def _nothing(_: str) -> str:
    return ""


def _odd_kind(text: str) -> str:
    return "" if text in {_DEVICE, _SELF_CLIENT} else "1 or 2"


def _odd_alias(text: str) -> str:
    is_right = re.fullmatch(r"[a-zA-Z0-9_.-]{1,64}", text)
    return "" if is_right else "expected 1 to 64 letters, digits, _ . or -"


def _odd_id(text: str) -> str:
    return "" if re.fullmatch(r"[!-~]{1,200}", text) else "expected one word, as the API console shows it"


def _odd_place(text: str) -> str:
    is_right = data_center_meant(text, DataCenter)
    return "" if is_right else f"is no data centre of Zoho's: one of {', '.join(DataCenter)}"


def _names(text: str) -> list[str]:
    return [name for part in text.split(",") if (name := part.strip())]


def _odd_modules(text: str) -> str:
    odd = [name for name in _names(text) if not re.fullmatch(MODULE_PATTERN, name)]
    return f'"{odd[0]}" is not {MODULE}{module_advice(odd[0])}' if odd else ""
