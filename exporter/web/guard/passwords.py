"""Passwords of basic authentication: checked against bcrypt hashes, seldom, and never in the way of other requests.

One check costs a tenth of a second or more of a core, so verdicts are kept, equal checks are joined, and one at a time
runs, in a thread. Of those that wait the one comes first that most requests ask for, and of several in turn the newest,
before which no crowd of guesses stands, and the oldest, which no stream of guesses holds up for ever.
"""

import asyncio
import base64
import binascii
import hashlib
import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import NamedTuple

import bcrypt

from exporter.web.threads import Threads

MOST_WAITING = 512
"""More than a crowd that guesses has connections: who is told at once to come back comes back at once."""
_PAUSE_SECONDS = 1.0
"""How much later a wrong guess is answered for each check that waits: a crowd that guesses keeps itself few."""
_MAX_VERDICTS = 256
_BCRYPT_BYTES = 72  # bcrypt looks at no more of a password


class Verdict(Enum):
    """What became of a login."""

    ADMITTED = auto()
    REFUSED = auto()
    BUSY = auto()


class Login(NamedTuple):
    """A user and the password that was given."""

    user: str
    password: bytes


def parse_login(header: str) -> Login | None:
    """Read an `Authorization` header; `None` where it is none of basic authentication."""
    scheme, _, encoded = header.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        user, colon, password = base64.b64decode(encoded.strip(), validate=True).partition(b":")
    except (binascii.Error, ValueError):
        return None
    return Login(user.decode("utf-8", "replace"), password) if colon else None


@dataclass(slots=True)
class _Check:
    """A check that waits or runs, what came of it, and how many requests ask for it."""

    is_right: Callable[[], bool]
    verdict: "asyncio.Future[Verdict]"
    asked: int = 0


class Passwords:
    """Judges logins. For use in one event loop.

    Args:
        pause: waits some seconds.
    """

    def __init__(self, pause: Callable[[float], Awaitable[object]] = asyncio.sleep) -> None:
        self._pause = pause
        self._threads = Threads()
        self._key = secrets.token_bytes(32)
        self._checks: dict[bytes, _Check] = {}
        """By what is checked, the oldest first."""
        self._running = b""
        self._is_newest_next = True
        self._runner: asyncio.Task[None] | None = None
        # Apart: guesses must not push out the passwords that are right.
        self._kept: dict[Verdict, dict[bytes, None]] = {Verdict.ADMITTED: {}, Verdict.REFUSED: {}}

    async def judge(self, login: Login, users: Mapping[str, bytes]) -> Verdict:
        """Say whether the password is the user's.

        An unknown user takes as long as a known one: the password is checked against somebody's hash all the same.
        """
        known = users.get(login.user)
        password_hash = known or self._somebodys(users, login.user)
        digest = self._digest(login.user.encode(), password_hash, login.password, b"" if known else b"unknown")
        for verdict, digests in self._kept.items():
            if digest in digests:
                return verdict
        if digest not in self._checks:
            self._enter(digest, lambda: _is_right(login.password, password_hash) and known is not None)
        check = self._checks[digest]
        check.asked += 1
        try:
            verdict = await asyncio.shield(check.verdict)
        finally:
            check.asked -= 1
        if verdict is Verdict.REFUSED:
            await self._pause(_PAUSE_SECONDS * len(self._checks))
        return verdict

    def _enter(self, digest: bytes, is_right: Callable[[], bool]) -> None:
        waiting = [one for one in self._checks if one != self._running]
        if len(waiting) >= MOST_WAITING:
            self._settle(min(waiting, key=self._asked), Verdict.BUSY)  # of several the oldest
        self._checks[digest] = _Check(is_right, asyncio.get_running_loop().create_future())
        if self._runner is None or self._runner.done():
            self._runner = asyncio.create_task(self._run())

    async def _run(self) -> None:
        while self._checks:
            self._is_newest_next = not self._is_newest_next
            checks = reversed(self._checks) if self._is_newest_next else iter(self._checks)
            self._running = max(checks, key=self._asked)
            if not self._asked(self._running):  # whoever asked has given up
                self._settle(self._running, Verdict.BUSY)
                continue
            is_right = await self._threads.call(self._checks[self._running].is_right)
            self._settle(self._running, Verdict.ADMITTED if is_right else Verdict.REFUSED)

    def _asked(self, digest: bytes) -> int:
        return self._checks[digest].asked

    def _settle(self, digest: bytes, verdict: Verdict) -> None:
        kept = self._kept.get(verdict, {})
        kept[digest] = None
        if len(kept) > _MAX_VERDICTS:
            del kept[next(iter(kept))]
        self._checks.pop(digest).verdict.set_result(verdict)

    def _somebodys(self, users: Mapping[str, bytes], user: str) -> bytes:
        hashes = sorted(users.values())
        return hashes[int.from_bytes(self._digest(user.encode())) % len(hashes)]

    def _digest(self, *parts: bytes) -> bytes:
        # The key is this process's own, so that the digests in its memory tell nobody a password.
        return hashlib.blake2b(repr(parts).encode(), key=self._key, digest_size=32).digest()


def _is_right(password: bytes, password_hash: bytes) -> bool:
    try:
        return bcrypt.checkpw(password[:_BCRYPT_BYTES], password_hash)
    except ValueError:
        return False
