"""Certificates that tests make with openssl: an authority, and what it signs for loopback."""

import subprocess
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")


@dataclass(frozen=True)
class Identity:
    """A certificate and its key."""

    file: Path
    key: Path


@dataclass(frozen=True)
class Authority:
    """Signs certificates; `identity` is its own."""

    openssl: str
    folder: Path
    identity: Identity
    options: tuple[str, ...] = ()

    def issue(self, name: str, alternative: str = "IP:127.0.0.1", *more: str) -> Identity:
        """Sign a certificate for a subject and one alternative name."""
        issuer = ("-CA", str(self.identity.file), "-CAkey", str(self.identity.key))
        return _made(
            self.openssl, self.folder, name, "-addext", f"subjectAltName={alternative}", *issuer, *self.options, *more
        )


def open_authority(openssl: str, folder: Path, name: str = "authority", *extensions: str) -> Authority:
    """Make an authority that nobody trusts yet; `extensions` stand in place of openssl's usual ones."""
    options: tuple[str, ...] = ()
    if extensions:
        bare = folder / "bare.cnf"
        bare.write_text("[req]\ndistinguished_name = name\n[name]\n")
        options = ("-config", str(bare))
    added = chain.from_iterable(("-addext", each) for each in extensions)
    return Authority(openssl, folder, _made(openssl, folder, name, *options, *added), options)


def _made(openssl: str, folder: Path, name: str, *options: str) -> Identity:
    identity = Identity(folder / f"{name}.pem", folder / f"{name}.key")
    files = ("-subj", f"/CN={name}", "-keyout", str(identity.key), "-out", str(identity.file))
    subprocess.run([openssl, "req", "-x509", *_KEY, *files, "-days", "30", *options], check=True, capture_output=True)
    return identity
