"""Make a setting's value fit to be quoted: nothing shaped like a secret, nothing long, nothing unprintable."""

import re

_URL_CREDENTIALS = re.compile(r"//.*@", re.DOTALL)
_URL_QUERY = re.compile(r"\?.*", re.DOTALL)
# Zoho's tokens and client ids are "1000." and groups of 32 hex digits; its client secrets are 42 hex digits.
_ZOHO_TOKEN = re.compile(r"1000\.[\w.-]{8,}|[0-9A-Fa-f]{24,}")
_SHORT = 80
_LONGEST = 4096


def redact(text: str, *, limit: int = _SHORT) -> str:
    """Give `text` without what looks like a credential, and with at most `limit` characters."""
    if len(text) > _LONGEST:
        text = f"{text[:_LONGEST]}…@"  # what is cut off may be the end of a URL's credentials
    text = _URL_CREDENTIALS.sub("//***@", text)
    text = _URL_QUERY.sub("?***", text)
    text = _ZOHO_TOKEN.sub("***", text)
    return text if len(text) <= limit else f"{text[: limit - 1]}…"


def quote(text: object, *, limit: int = _SHORT) -> str:
    """Give the redacted value in double quotes, on one line, safe to write in any encoding of Unicode."""
    printable = (char if char.isprintable() else ascii(char)[1:-1] for char in redact(str(text), limit=limit))
    return '"' + "".join(printable).replace('"', '\\"') + '"'
