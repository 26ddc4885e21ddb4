"""Passwords of basic authentication: checked against bcrypt hashes, seldom, and never in the way of other requests.

One check costs a tenth of a second or more of a core, so verdicts are kept, checks run one at a time outside the event
loop, and few may wait: two for each client, so that one who guesses keeps nobody else from being checked.
"""

import asyncio
import base64
import binascii
import hashlib
import secrets
from collections import Counter, OrderedDict
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from enum import Enum, auto
from typing import NamedTuple

import bcrypt

_MAX_PENDING = 16
_MAX_PENDING_OF_CLIENT = 2
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


class Passwords:
    """Judges logins. For use in one event loop."""

    def __init__(self) -> None:
        self._key = secrets.token_bytes(32)
        self._checker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="bcrypt")
        self._pending: Counter[str] = Counter()
        # Two stores: guesses must not push out the passwords that are right.
        self._right = _Digests()
        self._wrong = _Digests()

    async def judge(self, login: Login, users: Mapping[str, bytes], client: str) -> Verdict:
        """Say whether the password is the user's; `client` is the address that asks.

        An unknown user takes as long as a known one: the password is checked against somebody's hash all the same.
        """
        known = users.get(login.user)
        password_hash = known or self._somebodys(users, login.user)
        digest = self._digest(login.user.encode(), password_hash, login.password, b"" if known else b"unknown")
        if digest in self._right:
            return Verdict.ADMITTED
        if digest in self._wrong:
            return Verdict.REFUSED
        if self._pending.total() >= _MAX_PENDING or self._pending[client] >= _MAX_PENDING_OF_CLIENT:
            return Verdict.BUSY
        is_right = await self._check(login.password, password_hash, client) and known is not None
        (self._right if is_right else self._wrong).add(digest)
        return Verdict.ADMITTED if is_right else Verdict.REFUSED

    async def _check(self, password: bytes, password_hash: bytes, client: str) -> bool:
        self._pending[client] += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._checker, _is_right, password, password_hash)
        finally:
            self._pending -= Counter((client,))

    def _somebodys(self, users: Mapping[str, bytes], user: str) -> bytes:
        hashes = sorted(users.values())
        return hashes[int.from_bytes(self._digest(user.encode())) % len(hashes)]

    def _digest(self, *parts: bytes) -> bytes:
        # The key is this process's own, so that the digests in its memory tell nobody a password.
        digest = hashlib.blake2b(key=self._key, digest_size=32)
        for part in parts:
            digest.update(len(part).to_bytes(8) + part)
        return digest.digest()


class _Digests:
    """The digests used last."""

    def __init__(self) -> None:
        self._kept: OrderedDict[bytes, None] = OrderedDict()

    def __contains__(self, digest: bytes) -> bool:
        if digest not in self._kept:
            return False
        self._kept.move_to_end(digest)
        return True

    def add(self, digest: bytes) -> None:
        """Keep one, and drop the one that was used longest ago when there are too many."""
        self._kept[digest] = None
        if len(self._kept) > _MAX_VERDICTS:
            self._kept.popitem(last=False)


def _is_right(password: bytes, password_hash: bytes) -> bool:
    try:
        return bcrypt.checkpw(password[:_BCRYPT_BYTES], password_hash)
    except ValueError:
        return False
