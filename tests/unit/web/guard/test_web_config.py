"""The web-config file that is read again when it changes."""

import logging
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from certificates import Authority, open_authority
from programs import Program
from samples import Clock

from exporter.errors import ConfigurationError, Problem
from exporter.model import TlsServer, WebAccess
from exporter.web.admission import AdmissionFile
from exporter.web.tls import Tls, open_tls


class Reader:
    """Reads what a test tells it to; the file's text only says that it has changed."""

    def __init__(self, access: WebAccess) -> None:
        self.access: WebAccess | None = access
        self.times = 0

    def __call__(self, path: Path) -> WebAccess:
        """Give the access, or refuse."""
        self.times += 1
        if self.access is None:
            raise ConfigurationError((Problem(str(path), "is not right"),))
        return self.access


Change = Callable[[Path, str], None]


@pytest.fixture
def change() -> Change:
    """Give a function that writes a file anew, later than before whatever the file system's clock can tell apart."""
    moments = iter(range(1_700_000_000, 1_800_000_000))

    def write(path: Path, text: str) -> None:
        path.write_text(text, encoding="utf-8")
        moment = next(moments)
        os.utime(path, (moment, moment))

    return write


@pytest.fixture(scope="module")
def authority(program: Program, tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Make an authority."""
    return open_authority(program("openssl"), tmp_path_factory.mktemp("authority"))


def test_file_is_read_once_while_it_does_not_change(tmp_path: Path, change: Change) -> None:
    """A look at its date is all that a request costs."""
    file = tmp_path / "web.yml"
    change(file, "")
    reader = Reader(WebAccess(users={"alice": b"hash"}, headers={"X": "y"}))
    access = AdmissionFile(file, reader)
    assert [(access().users, access().headers) for _ in range(3)] == [({"alice": b"hash"}, {"X": "y"})] * 3
    assert reader.times == 1


def test_changed_file_is_read_again(tmp_path: Path, change: Change) -> None:
    """At the next look, and the time of that is known."""
    file, clock = tmp_path / "web.yml", Clock(1000.0)
    change(file, "")
    reader = Reader(WebAccess())
    access = AdmissionFile(file, reader, clock=clock)
    reader.access, clock.now = WebAccess(users={"bob": b"hash"}), 2000.0
    change(file, "")
    assert access().users == {"bob": b"hash"}
    assert (access.problems, access.loaded_at, reader.times) == ((), 2000.0, 2)


def test_broken_file_keeps_the_last_good_one(tmp_path: Path, change: Change, caplog: pytest.LogCaptureFixture) -> None:
    """It is logged once, and known not to be in force, until a good one comes."""
    file, clock = tmp_path / "web.yml", Clock(1000.0)
    change(file, "")
    reader = Reader(WebAccess(users={"alice": b"hash"}))
    access = AdmissionFile(file, reader, clock=clock)
    reader.access, clock.now = None, 2000.0
    change(file, "broken")
    with caplog.at_level(logging.INFO):
        assert [access().users for _ in range(3)] == [{"alice": b"hash"}] * 3
    [record] = caplog.records
    assert record.getMessage() == "the web-config file can't be used, the last good one stays in force"
    assert vars(record)["problems"] == f"{file}: is not right"
    assert (list(map(str, access.problems)), access.loaded_at) == ([f"{file}: is not right"], 1000.0)
    reader.access = WebAccess()
    change(file, "good")
    assert (access().users, access.problems, access.loaded_at) == ({}, (), 2000.0)


def test_file_that_is_gone_keeps_the_last_good_one(tmp_path: Path, change: Change) -> None:
    """A moment without the file must not open the door."""
    file = tmp_path / "web.yml"
    change(file, "")
    reader = Reader(WebAccess(users={"alice": b"hash"}))
    access = AdmissionFile(file, reader)
    file.unlink()
    reader.access = None
    assert access().users == {"alice": b"hash"}


def test_broken_file_at_the_start_is_refused(tmp_path: Path) -> None:
    """There is no last good one."""
    reader = Reader(WebAccess())
    reader.access = None
    with pytest.raises(ConfigurationError, match="is not right"):
        AdmissionFile(tmp_path / "web.yml", reader)


def test_changed_certificates_are_read_again(tmp_path: Path, change: Change, authority: Authority) -> None:
    """A certificate and its key come one after the other; until both are there the old pair stays."""
    file, cert, key = (tmp_path / name for name in ("web.yml", "cert.pem", "key.pem"))
    first, second = authority.issue("first"), authority.issue("second")
    change(file, "")
    change(cert, first.file.read_text())
    change(key, first.key.read_text())
    access = AdmissionFile(file, Reader(WebAccess(TlsServer(cert, key))))
    before = access().tls
    change(cert, second.file.read_text())
    assert access().tls is before
    assert access.problems
    change(key, second.key.read_text())
    assert access().tls not in {None, before}
    assert access.problems == ()


_NO_PEM = "{1}: can't be used with {0}: expected PEM, the key without a password"


@pytest.mark.parametrize(
    ("names", "said"),
    [
        pytest.param(("absent", "own.key"), "{0}: can't be read: No such file or directory", id="no certificate"),
        pytest.param(("own.pem", "absent"), "{1}: can't be read: No such file or directory", id="no key"),
        pytest.param(("own.pem", "other.key"), "{1}: is not the key of the certificate in {0}", id="other key"),
        pytest.param(("text", "own.key"), _NO_PEM, id="certificate is no PEM"),
        pytest.param(("own.pem", "text"), _NO_PEM, id="key is no PEM"),
        pytest.param(("own.pem", "locked.key"), _NO_PEM, id="key with a password"),
        pytest.param(("own.pem", "own.key", "text"), "{2}: holds no certificates: expected PEM", id="no authority"),
    ],
)
def test_unfit_files_are_told(tmp_path: Path, authority: Authority, names: tuple[str, ...], said: str) -> None:
    """Each by its name, without what is in it, and without a question on the terminal."""
    for name in ("own", "other"):
        identity = authority.issue(name)
        (tmp_path / f"{name}.pem").write_text(identity.file.read_text())
        (tmp_path / f"{name}.key").write_text(identity.key.read_text())
    (tmp_path / "text").write_text("no PEM")
    locking = ("-aes128", "-passout", "pass:word", "-in", str(tmp_path / "own.key"))
    subprocess.run([authority.openssl, "pkey", *locking, "-out", str(tmp_path / "locked.key")], check=True)
    cert, key, *client_ca = [tmp_path / name for name in names]
    with pytest.raises(ConfigurationError) as caught:
        open_tls(TlsServer(cert, key, next(iter(client_ca), None)))
    assert str(caught.value) == said.format(cert, key, *client_ca)


@pytest.mark.parametrize(
    ("allowed", "names", "is_admitted"),
    [
        pytest.param((), (), True, id="nothing asked"),
        pytest.param(("a.example.org",), (("DNS", "a.example.org"),), True, id="DNS"),
        pytest.param(("a.example.org", "b"), (("DNS", "x"), ("DNS", "b")), True, id="one of several"),
        pytest.param(("fe80::1",), (("IP Address", "FE80:0:0:0:0:0:0:1"),), True, id="address of IPv6"),
        pytest.param(("a.example.org",), (("DNS", "b.example.org"),), False, id="another name"),
        pytest.param(("a.example.org",), (), False, id="no name"),
    ],
)
def test_client_needs_one_of_the_names(
    authority: Authority, allowed: tuple[str, ...], names: tuple[tuple[str, str], ...], *, is_admitted: bool
) -> None:
    """Its certificate's alternative names are compared, addresses however they are written."""
    identity = authority.issue("server")
    tls = open_tls(TlsServer(identity.file, identity.key, client_allowed_sans=allowed))
    assert tls.admits({"subjectAltName": names}) is is_admitted


def test_without_a_certificate_no_name_is_had(authority: Authority) -> None:
    """Whoever shows none is not admitted where a name is asked for."""
    identity = authority.issue("server")
    context = open_tls(TlsServer(identity.file, identity.key)).context
    assert not Tls(context, frozenset({"a"})).admits(None)
