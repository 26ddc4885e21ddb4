"""What may be written of a database that keeps the state: where it is, and no secret.

Source: PostgreSQL 17, Connection URIs.
"""

import re
from urllib.parse import SplitResult, parse_qsl, urlsplit

_NOT_A_URL = "is not a database's URL such as postgresql://zoho@db.example.com/zoho"
_SCHEMES = frozenset({"postgresql", "postgres"})
_SERVER = re.compile(r"(?:\[[0-9A-Fa-f:.%]{2,64}\]|[A-Za-z0-9_.%-]*)(?::([0-9]{1,5}))?")
_MAX_PORT = 65_535
_SECRETS = re.compile(r"password|passphrase|secret|_key$", re.IGNORECASE)
"""What in a parameter's name tells that it is one: password, sslpassword, oauth_client_secret, scram_client_key."""
_ELSEWHERE = (
    "holds a password, and is shown: name its file by state.password_file, or let PGPASSFILE, a service file or a "
    "client certificate tell who we are"
)


def parse_database_url(text: str) -> str:
    """Give the URL as it is; it may be meant to hold a password, so no message quotes it.

    Raises:
        ValueError: it is none, or holds a password.
    """
    parts = _split(text)
    # Raised out of the `except`: the error's context would quote the URL.
    if parts is None:
        raise ValueError(_NOT_A_URL)
    user, _, servers = parts.netloc.rpartition("@")
    names = [name for name, _ in parse_qsl(parts.query, keep_blank_values=True)]
    if ":" in user or any(map(_SECRETS.search, names)):
        raise ValueError(_ELSEWHERE)
    # With further signs libpq and we disagree on where a password ends: a piece of one would be shown.
    if "@" in f"{user}{parts.path}{parts.query}" or not all(map(_is_server, servers.split(","))):
        raise ValueError(_NOT_A_URL)
    return text


def parameters_of(url: str) -> list[str]:
    """Give the names of the parameters in a URL that was parsed."""
    return [name for name, _ in parse_qsl(urlsplit(url).query, keep_blank_values=True)]


def _split(text: str) -> SplitResult | None:
    try:
        parts = urlsplit(text)
    except ValueError:
        return None
    is_fit = text.isprintable() and not any(map(text.__contains__, " \\#"))
    return parts if is_fit and text.partition("://")[0] in _SCHEMES else None  # libpq takes no capitals there


def _is_server(text: str) -> bool:
    match = _SERVER.fullmatch(text)
    return match is not None and 0 < int(match[1] or 1) <= _MAX_PORT
