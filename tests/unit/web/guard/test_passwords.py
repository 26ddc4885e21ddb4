"""Who is let in by a password, and how little that costs."""

import asyncio
import base64
import itertools
from collections.abc import Mapping

import bcrypt
import pytest

from exporter.web.guard.passwords import Login, Passwords, Verdict, parse_login

USERS: Mapping[str, bytes] = {
    "alice": bcrypt.hashpw(b"right", bcrypt.gensalt(4)),
    "bob": bcrypt.hashpw(b"x" * 72, bcrypt.gensalt(4)).replace(b"$2b$", b"$2y$"),
    "broken": b"$2b$04$no salt at all",
}


def quick(pauses: list[float] | None = None) -> Passwords:
    """Give a judge that only notes how long a wrong guess would have to wait for its answer."""
    noted = [] if pauses is None else pauses

    async def pause(seconds: float) -> None:
        noted.append(seconds)

    return Passwords(pause)


def judged(*logins: Login, passwords: Passwords | None = None) -> list[Verdict]:
    """Give the verdicts of logins that come at the same time."""
    judge = passwords or quick()

    async def together() -> list[Verdict]:
        return await asyncio.gather(*(judge.judge(login, USERS) for login in logins))

    return asyncio.run(together())


def encoded(text: bytes) -> str:
    """Give the header of a login."""
    return "Basic " + base64.b64encode(text).decode()


@pytest.mark.parametrize(
    ("header", "login"),
    [
        pytest.param(encoded(b"alice:right"), Login("alice", b"right"), id="plain"),
        pytest.param(encoded(b"alice:a:b"), Login("alice", b"a:b"), id="colon in the password"),
        pytest.param(encoded("zoé:é".encode()), Login("zoé", "é".encode()), id="not ASCII"),
        pytest.param("basic YTpi", Login("a", b"b"), id="any case"),
        pytest.param(encoded(b":"), Login("", b""), id="empty"),
        pytest.param(encoded(b"alice"), None, id="no colon"),
        pytest.param("Basic", None, id="nothing"),
        pytest.param("Basic %%%", None, id="no base64"),
        pytest.param("Basic YQ", None, id="cut off"),
        pytest.param("Basic é", None, id="base64 is ASCII"),
        pytest.param("Bearer YTpi", None, id="another scheme"),
        pytest.param("", None, id="absent"),
    ],
)
def test_login_is_read_from_its_header(header: str, login: Login | None) -> None:
    """What is not basic authentication is no login."""
    assert parse_login(header) == login


@pytest.mark.parametrize(
    ("login", "verdict"),
    [
        pytest.param(Login("alice", b"right"), Verdict.ADMITTED, id="right"),
        pytest.param(Login("alice", b"wrong"), Verdict.REFUSED, id="wrong"),
        pytest.param(Login("Alice", b"right"), Verdict.REFUSED, id="unknown user"),
        pytest.param(Login("alice", b""), Verdict.REFUSED, id="empty"),
        pytest.param(Login("alice", b"right\0"), Verdict.REFUSED, id="zero byte"),
        pytest.param(Login("bob", b"x" * 100), Verdict.ADMITTED, id="bcrypt knows 72 bytes only"),
        pytest.param(Login("bob", b"x" * 71), Verdict.REFUSED, id="too short"),
        pytest.param(Login("broken", b"right"), Verdict.REFUSED, id="malformed hash"),
    ],
)
def test_password_is_checked(login: Login, verdict: Verdict) -> None:
    """Against the user's own hash; nothing is an exception."""
    assert judged(login) == [verdict]


@pytest.mark.parametrize("password", [b"right", b"x" * 72])
def test_unknown_user_is_refused_with_anybodys_password(password: bytes) -> None:
    """The hash that is checked to spend the time admits nobody."""
    users = [Login(f"user {number}", password) for number in range(9)]
    passwords = quick()
    verdicts = [judged(user, passwords=passwords) for user in users]
    assert verdicts == [[Verdict.REFUSED]] * 9


@pytest.mark.parametrize("word", [b"right", b"wrong"])
def test_verdict_is_kept(word: bytes) -> None:
    """So a second time costs nothing: it needs no place among those that wait."""
    passwords = quick()
    [first] = judged(Login("alice", word), passwords=passwords)
    crowd = [Login("alice", b"%d" % number) for number in range(2)]
    assert judged(*crowd, *[Login("alice", word)] * 5, passwords=passwords)[2:] == [first] * 5


def test_changed_hash_makes_a_kept_verdict_void() -> None:
    """A new password counts from the next request on, and the old one no more."""
    passwords = quick()
    assert judged(Login("alice", b"right"), passwords=passwords) == [Verdict.ADMITTED]
    changed = {"alice": bcrypt.hashpw(b"new", bcrypt.gensalt(4))}
    assert asyncio.run(passwords.judge(Login("alice", b"right"), changed)) is Verdict.REFUSED
    assert asyncio.run(passwords.judge(Login("alice", b"new"), changed)) is Verdict.ADMITTED
    assert asyncio.run(passwords.judge(Login("alice", b"new"), {**USERS, **changed})) is Verdict.ADMITTED


def test_right_passwords_outlast_any_number_of_guesses() -> None:
    """Guesses fill a store of their own."""
    passwords = quick()
    judged(Login("alice", b"right"), passwords=passwords)
    for number in range(300):
        judged(Login("alice", b"%d" % number), passwords=passwords)
    crowd = [Login("alice", b"new %d" % number) for number in range(2)]
    assert judged(*crowd, Login("alice", b"right"), passwords=passwords)[2] is Verdict.ADMITTED


def taken_in_turn(*crowds: list[Login]) -> list[tuple[bytes, Verdict]]:
    """Let logins come, one crowd once the check before has begun, and give passwords and verdicts as they are told."""
    passwords, told = quick(), list[tuple[bytes, Verdict]]()

    async def ask(login: Login) -> None:
        verdict = await passwords.judge(login, USERS)
        told.append((login.password, verdict))

    async def together() -> None:
        tasks = []
        for crowd in crowds:
            tasks += [asyncio.create_task(ask(login)) for login in crowd]
            await asyncio.sleep(0)
        await asyncio.gather(*tasks)

    asyncio.run(together())
    return told


RIGHT = Login("alice", b"right")


def test_equal_first_logins_are_one_check() -> None:
    """However many scrapes come at once with the right password, all come in, before guesses that were there first."""
    guesses = [Login("alice", b"%d" % number) for number in range(60)]
    told = taken_in_turn(guesses, [RIGHT] * 100)
    places = [place for place, (_, verdict) in enumerate(told) if verdict is Verdict.ADMITTED]
    assert len(places) == 100
    assert max(places) <= 101


def test_newcomer_is_checked_before_guesses_that_wait() -> None:
    """One who guesses keeps many waiting; one who has just come is behind few of them."""
    guesses = [Login("alice", b"%d" % number) for number in range(60)]
    told = taken_in_turn(guesses, [RIGHT])
    assert (b"right", Verdict.ADMITTED) in told[:4]


def test_guesses_that_come_again_and_again_hold_up_nobody() -> None:
    """Each that is refused is followed by the next, which is newer than the one who knows the password."""
    passwords, numbers = quick(), itertools.count()

    async def ask() -> int:
        """Give the number of guesses that were checked first."""
        is_over = asyncio.Event()

        async def guess() -> None:
            while not is_over.is_set():
                await passwords.judge(Login("alice", b"%d" % next(numbers)), USERS)

        guessers = [asyncio.create_task(guess()) for _ in range(10)]
        await asyncio.sleep(0)
        honest = asyncio.create_task(passwords.judge(RIGHT, USERS))
        await asyncio.sleep(0)
        guessers.append(asyncio.create_task(guess()))
        assert await honest is Verdict.ADMITTED
        is_over.set()
        await asyncio.gather(*guessers)
        return next(numbers)

    assert asyncio.run(ask()) < 60


def test_crowd_that_guesses_waits_for_its_answers() -> None:
    """The longer, the more checks wait; one who has mistyped a password does not."""
    pauses: list[float] = []
    judged(*[Login("alice", b"%d" % number) for number in range(4)], passwords=quick(pauses))
    judged(Login("alice", b"mistyped"), passwords=quick(pauses))
    assert pauses == [3.0, 2.0, 1.0, 0.0, 0.0]


def test_few_passwords_wait() -> None:
    """Beyond that the oldest is told to come back."""
    verdicts = [verdict for _, verdict in taken_in_turn([Login("alice", b"%d" % number) for number in range(528)])]
    assert (verdicts.count(Verdict.REFUSED), verdicts.count(Verdict.BUSY)) == (512, 16)


def test_login_that_was_given_up_can_be_made_again() -> None:
    """Whose time was over before the check comes in the next time."""
    passwords = quick()

    async def impatient() -> Verdict:
        first = asyncio.create_task(passwords.judge(Login("alice", b"a"), USERS))
        await asyncio.sleep(0)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0):
                await passwords.judge(RIGHT, USERS)
        await first
        return await passwords.judge(RIGHT, USERS)

    assert asyncio.run(impatient()) is Verdict.ADMITTED
