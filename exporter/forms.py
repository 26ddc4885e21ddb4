"""What Zoho's own values look like, so that one in the wrong place, or half copied, can be told. None is ever shown."""

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice

LONGEST_TEXT = 256
JOB_ID = "a job id: digits only, exactly as Zoho gave them"
MODULE = "a module's API name: a letter, then letters, digits or _, such as Leads"
TEXT = f"a text of one line with at most {LONGEST_TEXT} characters"
"""What is expected where, in the words of every message."""
NO_LINE = r"\x00-\x1f\x7f-\x9f\u2028\u2029"
"""What a text of one line has none of, as a class of characters: all others some script or emoji needs."""
_ONE_LINE = re.compile(rf"[^{NO_LINE}\ud800-\udfff]{{0,{LONGEST_TEXT}}}")
_MOST_DIGITS = 32
"""Of a job id."""
_MOST_COMPARED, _LONGEST_COMPARED = 1000, 256

_QUOTES = "\"'`\u201c\u201d\u2018\u2019"
CLIENT_ID, CLIENT_SECRET, REFRESH_TOKEN = "client_id", "client_secret", "refresh_token"
_NOUNS = {CLIENT_ID: "a client id", CLIENT_SECRET: "a client secret", REFRESH_TOKEN: "a token"}
_FORMS = {
    REFRESH_TOKEN: re.compile(r"1000\.[0-9a-f]{16,}\.[0-9a-f]{16,}"),
    CLIENT_ID: re.compile(r"1000\.[0-9A-Z]{16,}"),
    CLIENT_SECRET: re.compile(r"[0-9a-f]{36,64}"),
}
"""What Zoho makes of each today. Of a secret nothing is known that it must have."""
_LIKELY = {
    CLIENT_ID: (re.compile(r"1000\.[0-9A-Z]+"), "1000. and capital letters and digits"),
    REFRESH_TOKEN: (_FORMS[REFRESH_TOKEN], "1000., 32 hex digits, a dot and 32 more"),
}
_SECRET_WORD = re.compile(
    r"(1000\.)[0-9A-Za-z]{6,}\.[0-9A-Za-z.]+|(?<![\w/.-])(?=[0-9]*[a-f])[0-9a-f]{36,64}(?![\w/.-])"
)
"""A token, or a client secret that is no part of a path."""
_LEFT_OUT = "What is left out above looks like a token or a secret: that belongs into a file, which a flag names."
_UNREPLACED = re.compile(r"<.*>|\$\{.*\}|\$\(.*\)|\{\{.*\}\}|%\w+%|\$[A-Z_]+", re.DOTALL)
_PLACEHOLDER = re.compile(
    r"(?:1000\.)?(?:[xX*.\N{HORIZONTAL ELLIPSIS}]+)|.*(?:[xX*]{4}|changeme|change-me|your[-_]|example).*", re.IGNORECASE
)
_GRANT_IN_FRONT = re.compile(r"(?i:bearer|zoho-oauthtoken)\W.*", re.DOTALL)
_NAMED = re.compile(r"[\"']?[A-Za-z_]{2,}[\"']?\s*[=:].*", re.DOTALL)

_DATA_CENTERS: Mapping[str, str] = {
    "com": "us",
    "com.au": "au",
    "com.cn": "cn",
    "co.uk": "uk",
    "gb": "uk",
    **dict.fromkeys(("usa", "america", "united states", "global"), "us"),
    **dict.fromkeys(("europe", "european union", "de", "nl", "ie"), "eu"),
    **dict.fromkeys(("india", "ind"), "in"),
    **dict.fromkeys(("australia", "aus"), "au"),
    **dict.fromkeys(("china", "chn"), "cn"),
    **dict.fromkeys(("japan", "jpn"), "jp"),
    **dict.fromkeys(("canada", "can"), "ca"),
    **dict.fromkeys(("saudi arabia", "saudi", "ksa"), "sa"),
    **dict.fromkeys(("united kingdom", "britain", "great britain", "england"), "uk"),
    **dict.fromkeys(("uae", "united arab emirates", "dubai"), "ae"),
}
_ZOHO_HOST = re.compile(r"(?:https?://)?(?:[a-z0-9-]+\.)*(?:zoho|zohoapis|zohocloud|zohoone)\.([a-z.]{2,6})(?:[:/].*)?")


def is_text(text: str) -> bool:
    """Whether it may name or describe a job."""
    return _ONE_LINE.fullmatch(text) is not None


def nearest(word: str, known: Iterable[str]) -> str:
    """Give the one of `known` that a word is a slip of, or a part of; empty for none."""
    by_lower = {name.lower(): name for name in islice(known, _MOST_COMPARED)}
    part = word[:_LONGEST_COMPARED].lower().replace("-", "_")
    near = difflib.get_close_matches(part, by_lower, n=1) or [
        name for name in by_lower if part and (name.startswith(part) or name.endswith(f"_{part}"))
    ]
    return by_lower[near[0]] if near else ""


def data_center_meant(text: str, known: Iterable[str]) -> str:
    """Give the data centre that somebody means by a domain, a host, an address or a country; empty for none."""
    word = text.strip().casefold()
    host = _ZOHO_HOST.fullmatch(word)
    domain = (host[1] if host else word).strip(".")
    meant = _DATA_CENTERS.get(domain, domain)
    return meant if meant in set(known) else ""


def unquoted(text: str) -> str:
    """Give a text without the quotes around it; the very same where it has none."""
    return text[1:-1].strip() if len(text) > 1 and text[0] in _QUOTES and text[-1] in _QUOTES else text


def misplaced(name: str, value: str) -> str:
    """Say why a value can't be the account's `name`, one of the three; empty if it may be."""
    if value[:1] in _QUOTES or value[-1:] in _QUOTES:
        return "stands in quotes that are part of it: take them away"
    if _UNREPLACED.fullmatch(value):
        return "is a placeholder: put Zoho's own value in its place"
    if _GRANT_IN_FRONT.fullmatch(value) or _NAMED.fullmatch(value):
        return "has a word in front of it: write Zoho's value alone"
    for other, form in _FORMS.items():
        if other != name and form.fullmatch(value):
            return f"looks like {_NOUNS[other]}, not like {_NOUNS[name]}: is it swapped with another value?"
    return ""


def doubtful(name: str, value: str) -> str:
    """Say why a value is probably not the account's `name`; empty for one that looks right."""
    if _PLACEHOLDER.fullmatch(value):
        return "looks like a placeholder: put Zoho's own value in its place"
    form, words = _LIKELY.get(name, (None, ""))
    if form and not form.fullmatch(value):
        return f"does not look like {_NOUNS[name].replace('a token', 'a refresh token')} of Zoho's: {words}"
    return ""


def masked(lines: Sequence[str]) -> list[str]:
    """Give the lines of a complaint without the words that are probably secrets, and say where those belong."""
    shown = [_SECRET_WORD.sub(lambda word: f"{word[1] or ''}…", line) for line in lines]
    return shown if shown == [*lines] else [*shown, _LEFT_OUT]


def job_id_advice(text: str) -> str:
    """Say how a job id came to be what it is, where that can be guessed."""
    if re.fullmatch(r"[0-9]+(?:[.,][0-9]+)?[eE]\+?[0-9]+", text):
        return "; a spreadsheet or a program made a number of it and lost its digits: take it from Zoho's answer again"
    if re.fullmatch(r"[0-9]{1,32}\.0+", text):
        return f'; did you mean "{text.partition(".")[0]}"?'
    digits = re.search(r"(?:^|\D)([0-9]{15,32})(?:\D|$)", text)
    if digits:
        return f'; did you mean "{digits[1]}"?'
    plain = re.sub("[^0-9]", "", text)
    if plain != text and len(plain) <= _MOST_DIGITS and re.fullmatch(r"[0-9][0-9 ,._'-]{14,60}[0-9]", text):
        return f'; did you mean "{plain}"?'
    return ""


def module_advice(text: str) -> str:
    """Say which API name a module's label may stand for."""
    name = re.sub(r"[ -]+", "_", text.strip().strip("\"'"))
    if name != text and re.fullmatch(r"[A-Za-z][A-Za-z0-9_]{0,99}", name):
        return f'; did you mean "{name}"? Setup > APIs and SDKs lists the names'
    return ""


_UNIT_WORDS = {
    "milliseconds": "ms", "msec": "ms", "millis": "ms",
    "sec": "s", "secs": "s", "second": "s", "seconds": "s",
    "min": "m", "mins": "m", "minute": "m", "minutes": "m",
    "hr": "h", "hrs": "h", "hour": "h", "hours": "h",
    "day": "d", "days": "d", "week": "w", "weeks": "w", "year": "y", "years": "y",
}  # fmt: skip


def duration_meant(text: str) -> str:
    """Give a duration without words for its units, spaces or capitals, which may be none all the same; or nothing."""
    parts = re.findall(r"([0-9]+)\s*([A-Za-z]+)[\s,]*", text)
    if not parts or re.sub(r"([0-9]+)\s*([A-Za-z]+)[\s,]*", "", text):
        return ""
    units = ["ms", "s", "m", "h", "d", "w", "y"]
    short = [(number, _UNIT_WORDS.get(unit.lower(), unit.lower())) for number, unit in parts]
    if any(unit not in units for _, unit in short):
        return ""
    return "".join(map("".join, short))


def number_advice(text: str, low: int, high: int) -> str:
    """Say how a number from `low` to `high` is written that has separators."""
    plain = re.sub(r"[ ,._'](?=[0-9]{3}(?:\D|$))", "", text)
    is_number = plain != text and plain.isdecimal() and len(plain) < 10  # noqa: PLR2004
    return f'; did you mean "{plain}"?' if is_number and low <= int(plain) <= high else ""
