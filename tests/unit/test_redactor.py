"""What the redactor hides, and what it leaves."""

import base64
from threading import Thread

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.redactor import Redactor

SECRET = "1000.AbC-dE_f/01"


@pytest.fixture
def redactor() -> Redactor:
    """Give one that knows a token and a password."""
    made = Redactor()
    made.know(SECRET, "pässword %41&1")
    return made


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        pytest.param(SECRET, "<secret>", id="alone"),
        pytest.param(f"a{SECRET}b{SECRET}", "a<secret>b<secret>", id="twice"),
        pytest.param(SECRET + SECRET, "<secret><secret>", id="side-by-side"),
        pytest.param("1000.ABC-DE_F/01", "<secret>", id="upper-case"),
        pytest.param("1000.abc-de_f/01", "<secret>", id="lower-case"),
        pytest.param(r"1000.AbC-dE_f\/01", "<secret>", id="json-slash"),
        pytest.param(r"\u0031000.\u0041bC-dE_f/01", "<secret>", id="json-in-part"),
        pytest.param(r"\\u0031000.AbC-dE_f\\/01", "<secret>", id="json-in-json"),
        pytest.param(r"\x31000.AbC-dE_f\u{2f}01", "<secret>", id="javascript"),
        pytest.param("1000.AbC-dE_f%2F01", "<secret>", id="percent-in-part"),
        pytest.param("%31%30%30%30%2e%41%62%43%2d%64%45%5f%66%2f%30%31", "<secret>", id="percent"),
        pytest.param("1000.AbC-dE_f%252F01", "<secret>", id="percent-twice"),
        pytest.param("&#x31;000.AbC&#45;dE_f&sol;01", "<secret>", id="html"),
        pytest.param("&#49000.AbC-dE_f/01", "&#49000.AbC-dE_f/01", id="another-number-in-html"),
        pytest.param("&amp;#49;000.AbC-dE_f/01", "<secret>", id="html-in-html"),
        pytest.param(r"%5cu0031000.AbC-dE_f/01", "<secret>", id="json-in-percent"),
        pytest.param("MTAwMC5BYkMtZEVfZi8wMQ==", "<secret>Q==", id="base64"),
        pytest.param("MTAwMC5BYkMtZEVfZi8wMQ", "<secret>Q", id="base64-without-padding"),
        pytest.param(base64.b64encode(f"me:{SECRET}".encode()).decode(), "bWU6<secret>Q==", id="base64-of-a-pair"),
        pytest.param(base64.b64encode(f"i:{SECRET}!".encode()).decode(), "aTo<secret>IQ==", id="base64-at-two"),
        pytest.param("pässword %41&1", "<secret>", id="password"),
        pytest.param("PÄSSWORD %41&1", "<secret>", id="password-in-upper-case"),
        pytest.param("p%C3%A4ssword+%2541%261", "<secret>", id="password-in-a-form"),
        pytest.param("p&auml;ssword %41&amp;1", "<secret>", id="password-in-html"),
        pytest.param("pÃ¤ssword %41&1", "<secret>", id="password-in-a-head"),
        pytest.param("paßword", "paßword", id="another-word"),
        pytest.param("1000.AbC-dE_f/0", "1000.AbC-dE_f/0", id="almost"),
        pytest.param("", "", id="empty"),
    ],
)
def test_a_secret_is_hidden_however_it_is_spelt(redactor: Redactor, text: str, cleaned: str) -> None:
    """What a server echoes may be in another case, or escaped, in part and more than once."""
    assert redactor.clean(text) == cleaned


def test_a_text_without_a_secret_is_handed_back_as_it_is(redactor: Redactor) -> None:
    """So that a caller can tell that nothing was hidden."""
    text = r'{"code":"NOT_FOUND","message":"50% \u0041 &amp; more"}'
    assert redactor.clean(text) is text


@pytest.mark.parametrize("short", ["", "a", "proxy"])
def test_a_short_secret_is_not_hidden(short: str) -> None:
    """To hide a common word would show where it stood."""
    redactor = Redactor()
    redactor.know(short)
    assert redactor.clean("a proxy is here") == "a proxy is here"


def test_a_letter_that_is_written_as_two_hides_no_secret() -> None:
    """A case that makes one letter two, or two one, is seen through."""
    redactor = Redactor()
    redactor.know("passphrase")
    assert redactor.clean("PAßPHRASE pa\u017f\u017fphrase") == "<secret> <secret>"


def test_the_oldest_secrets_make_room() -> None:
    """Memory is bounded; a secret that is named again stays."""
    redactor = Redactor()
    redactor.know("the-first-one", "the-second-one")
    for number in range(4095):
        redactor.know(f"token-{number:06}", "the-first-one")
    assert redactor.clean("the-first-one the-second-one token-004094") == "<secret> the-second-one <secret>"


def test_many_threads_may_name_and_clean(redactor: Redactor) -> None:
    """One object serves the process."""
    cleaned: list[str] = []

    def work(number: int) -> None:
        for turn in range(20):
            secret = f"token-{number}-{turn}-x"
            redactor.know(secret)
            cleaned.append(redactor.clean(f"{secret} {SECRET}"))

    threads = [Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert cleaned == ["<secret> <secret>"] * 80


@given(text=st.text())
def test_any_text_can_be_cleaned(text: str) -> None:
    """And what is left of it stays in its order."""
    redactor = Redactor()
    redactor.know("aaaaaa", "\\u0041bcdef")
    pieces = redactor.clean(text).split("<secret>")
    at = 0
    for piece in pieces:
        at = text.index(piece, at) + len(piece)


@given(
    secret=st.text(st.characters(exclude_categories=["Cs"]), min_size=6, max_size=30),
    before=st.text(max_size=10),
    after=st.text(max_size=10),
)
def test_any_secret_is_hidden(secret: str, before: str, after: str) -> None:
    """Whatever characters it has."""
    redactor = Redactor()
    redactor.know(secret)
    assert secret not in redactor.clean(before + secret + after).replace("<secret>", "\x00")
