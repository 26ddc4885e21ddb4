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
from dataclasses import dataclass, field
from enum import Enum, auto
from functools import partial
from typing import NamedTuple

import bcrypt

from exporter.web.threads import in_thread

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


@dataclass(slots=True, eq=False)
class _Check:
    """A check that waits or runs, and how many requests ask for it."""

    digest: bytes
    password: bytes
    password_hash: bytes
    is_known: bool
    verdict: "asyncio.Future[Verdict]" = field(default_factory=lambda: asyncio.get_running_loop().create_future())
    asked: int = 0


class Passwords:
    """Judges logins. For use in one event loop.

    Args:
        pause: waits some seconds.
    """

    def __init__(self, pause: Callable[[float], Awaitable[object]] = asyncio.sleep) -> None:
        self._pause = pause
        self._key = secrets.token_bytes(32)
        self._checks: dict[bytes, _Check] = {}
        self._running: _Check | None = None
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
        for kept, digests in self._kept.items():
            if digest in digests:
                return kept
        check = self._checks.get(digest) or self._enter(
            _Check(digest, login.password, password_hash, known is not None)
        )
        check.asked += 1
        try:
            verdict = await asyncio.shield(check.verdict)
        finally:
            check.asked -= 1
        if verdict is Verdict.REFUSED:
            await self._pause(_PAUSE_SECONDS * len(self._checks))
        return verdict

    def _enter(self, check: _Check) -> _Check:
        waiting = [one for one in self._checks.values() if one is not self._running]
        if len(waiting) >= MOST_WAITING:
            self._settle(min(waiting, key=lambda one: one.asked), Verdict.BUSY)  # of several the oldest
        self._checks[check.digest] = check
        if self._runner is None or self._runner.done():
            self._runner = asyncio.create_task(self._run())
        return check

    async def _run(self) -> None:
        while self._checks:
            self._is_newest_next = not self._is_newest_next
            checks = self._checks.values()
            check = max(reversed(checks) if self._is_newest_next else checks, key=lambda one: one.asked)
            self._running = check
            if not check.asked:  # whoever asked has given up
                self._settle(check, Verdict.BUSY)
                continue
            is_right = await in_thread(partial(_is_right, check.password, check.password_hash)) and check.is_known
            self._settle(check, Verdict.ADMITTED if is_right else Verdict.REFUSED)

    def _settle(self, check: _Check, verdict: Verdict) -> None:
        digests = self._kept.get(verdict, {})
        digests[check.digest] = None
        if len(digests) > _MAX_VERDICTS:
            del digests[next(iter(digests))]
        del self._checks[check.digest]
        check.verdict.set_result(verdict)

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
