"""Takes secrets out of text that came from outside, before it is shown, logged or kept.

A server or a proxy may echo what it was sent, in another case or escaped: a text is searched as it stands, and again
with its escapes undone, as often as they are nested.
"""

import html
import re
from base64 import b64encode
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from threading import Lock
from typing import NamedTuple

HIDDEN = "<secret>"
SHORTEST_SECRET = 6
"""Characters. To hide a shorter text, as likely as not a common word, would tell what it is."""
_MOST_SECRETS = 4096
_MOST_NESTED = 8
_ESCAPE = re.compile(
    r"\\u([0-9a-f]{4})|\\u\{([0-9a-f]{1,5})\}|\\x([0-9a-f]{2})"
    r"|(\\.)|(%[0-9a-f]{2})|(&(?:#[0-9]{1,9};?|#x[0-9a-f]{1,8};?|[a-z0-9]{2,30};))"
)


class _Reading(NamedTuple):
    """A text as one may read it, folded, and where in the text each of its characters stands; last, the text's end."""

    text: str
    places: Sequence[int]


class Redactor:
    """Knows secrets, and hides them. Thread-safe.

    The secrets that were named longest ago make room for new ones, so whoever sends a secret names it each time.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._forms: OrderedDict[str, tuple[str, ...]] = OrderedDict()
        self._needles: dict[str, tuple[str, ...]] = {}
        """The forms by how they begin: so a search takes no longer, however many secrets are known."""

    def know(self, *secrets: str) -> None:
        """Hide these from now on, but for those of fewer than `SHORTEST_SECRET` characters."""
        with self._lock:
            for secret in secrets:
                if secret in self._forms:
                    self._forms.move_to_end(secret)
                elif len(secret) >= SHORTEST_SECRET:
                    self._forms[secret] = tuple(dict.fromkeys(_forms(secret)))
                    for form in self._forms[secret]:
                        start = form[:SHORTEST_SECRET]
                        self._needles[start] = (*self._needles.get(start, ()), form)
            while len(self._forms) > _MOST_SECRETS:
                for form in self._forms.popitem(last=False)[1]:
                    start = form[:SHORTEST_SECRET]
                    self._needles[start] = tuple(each for each in self._needles[start] if each is not form)
                    if not self._needles[start]:
                        del self._needles[start]

    def clean(self, text: str) -> str:
        """Give `text` with `<secret>` in place of each known secret; the very same object where it holds none."""
        spans = [span for reading in _readings(text) for span in _spans(reading, self._needles)]
        pieces, end = [], 0
        for start, stop in sorted(spans):
            if start >= end:
                pieces += [text[end:start], HIDDEN]
            end = max(end, stop)
        return "".join([*pieces, text[end:]]) if spans else text


def _forms(secret: str) -> Iterator[str]:
    """Give what a secret reads like: itself, in a form's field, in a head taken for Latin-1, and within base64."""
    for spelling in (secret, secret.replace(" ", "+"), secret.encode(errors="replace").decode("latin-1")):
        yield from (text for text, _ in _readings(spelling) if len(text) >= SHORTEST_SECRET)
    raw = secret.encode(errors="replace")
    for before in range(3):
        # The characters at both ends have bits of what stands beside the secret.
        first, last = -(-before * 8 // 6), (before + len(raw)) * 8 // 6
        yield _fold(b64encode(b"\0" * before + raw).decode()[first:last])


def _readings(text: str) -> Iterator[_Reading]:
    reading = _read(text)
    yield reading
    for _ in range(_MOST_NESTED):
        if (plainer := _unescape(reading)) is reading:
            return
        reading = plainer
        yield reading


def _read(text: str) -> _Reading:
    if text.isascii():
        return _Reading(_fold(text), range(len(text) + 1))
    letters = [_fold(letter) for letter in text]
    places = [place for place, letter in enumerate(letters) for _ in letter]
    return _Reading("".join(letters), [*places, len(text)])


def _fold(text: str) -> str:
    """Give the same for every case and for both kinds of base64, with a character for each byte of UTF-8."""
    if text.isascii():
        return text.lower().replace("-", "+").replace("_", "/")
    return text.upper().lower().encode(errors="surrogatepass").decode("latin-1")


def _unescape(reading: _Reading) -> _Reading:
    """Undo one layer of escapes; give the very same object where there is none."""
    text, places = reading
    if not any(mark in text for mark in "\\%&"):
        return reading
    letters: list[str] = []
    places_left: list[int] = []
    end = 0
    for escape in _ESCAPE.finditer(text):
        meaning = _meaning(escape)
        letters += [text[end : escape.start()], meaning]
        places_left += [*places[end : escape.start()], *[places[escape.start()]] * len(meaning)]
        end = escape.end()
    return _Reading("".join([*letters, text[end:]]), [*places_left, *places[end:]]) if end else reading


def _meaning(escape: re.Match[str]) -> str:
    utf16, point, latin, letter, percent, entity = escape.groups()
    if percent:
        return bytes.fromhex(percent[1:]).lower().decode("latin-1").replace("-", "+").replace("_", "/")
    if entity:
        return _fold(html.unescape(entity))
    return letter[1] if letter else _fold(chr(int(utf16 or point or latin, 16)))


def _spans(reading: _Reading, needles: Mapping[str, tuple[str, ...]]) -> Iterator[tuple[int, int]]:
    text, places = reading
    last = len(text) - SHORTEST_SECRET + 1
    for start in [start for start in range(last) if text[start : start + SHORTEST_SECRET] in needles]:
        for needle in needles.get(text[start : start + SHORTEST_SECRET], ()):
            if text.startswith(needle, start):
                stop = start + len(needle)
                # An escape that means several characters is hidden whole.
                while places[stop] == places[stop - 1]:
                    stop += 1
                yield places[start], places[stop]
