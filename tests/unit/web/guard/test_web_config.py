"""The web-config file and its certificates, which are read again when they change."""

import logging
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from certificates import Authority, open_authority
from programs import Program

from exporter.access import TlsServer, WebAccess
from exporter.errors import ConfigurationError, Problem
from exporter.web.guard import Tls, open_tls
from exporter.web.guard.web_config import WebConfig

ALICE = {"alice": b"hash"}


class Reader:
    """Reads what a test tells it to, whatever stands in the file."""

    def __init__(self, access: WebAccess) -> None:
        self.access: WebAccess | None = access
        self.times = 0
        self.is_disturbed = False

    def __call__(self, path: Path) -> WebAccess:
        """Give the access, or refuse; where it is disturbed, somebody writes to the file meanwhile."""
        self.times += 1
        if self.is_disturbed:
            path.write_text(path.read_text() + "x")
        if self.access is None:
            raise ConfigurationError((Problem(str(path), "is not right"),))
        return self.access


class Scene:
    """A web-config file in a folder, what is read from it, and what happens while it should rest."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "web.yml"
        self.meanwhile: Callable[[], object] = lambda: None
        self.reader = Reader(WebAccess(users=ALICE))

    def open(self, text: str = "", access: WebAccess | None = None) -> WebConfig:
        """Read the file for the first time."""
        self.file.write_text(text, encoding="utf-8")
        self.reader.access = access or self.reader.access
        return WebConfig(self.file, self.reader)

    def write(self, config: WebConfig, text: str, access: WebAccess | None) -> None:
        """Change the file, and look."""
        self.file.write_text(text, encoding="utf-8")
        self.reader.access = access
        self.look(config)

    def look(self, config: WebConfig) -> None:
        """Look, and let happen what happens meanwhile."""
        config.look(lambda _: self.meanwhile())


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    """Give a folder of its own."""
    return Scene(tmp_path)


@pytest.fixture(scope="module")
def authority(program: Program, tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Make an authority."""
    return open_authority(program("openssl"), tmp_path_factory.mktemp("authority"))


def told(config: WebConfig) -> str:
    """Give what is wrong, in one line, without the file's name."""
    return "; ".join(problem.message for problem in config.problems)


def test_file_is_read_once_while_it_does_not_change(scene: Scene) -> None:
    """A look at its date is all that a request costs."""
    config = scene.open(access=WebAccess(users=ALICE, headers={"X": "y"}))
    for _ in range(3):
        scene.look(config)
    assert (config.access.users, config.access.headers, scene.reader.times) == (ALICE, {"X": "y"}, 1)


def test_changed_file_is_read_again_once_it_rests(scene: Scene) -> None:
    """Half of a file may be valid too, and say less than the whole."""
    config = scene.open("a")
    rested: list[object] = []
    scene.meanwhile = lambda: rested.append(config.access.users)
    scene.write(config, "ab", WebAccess(users={"bob": b"hash"}))
    assert (rested, config.access.users, config.problems) == ([ALICE], {"bob": b"hash"}, ())


def test_file_that_is_written_all_the_time_is_never_believed(scene: Scene) -> None:
    """And it is waited for only a moment each time."""
    config = scene.open("a")
    rested: list[int] = []
    scene.meanwhile = lambda: rested.append(scene.file.write_text("b" * (len(rested) + 2)))
    for _ in range(100):
        scene.write(config, "b", WebAccess())
    assert (config.access.users, scene.reader.times, len(rested)) == (ALICE, 1, 100)


def test_file_that_changes_while_it_is_read_is_not_believed(scene: Scene) -> None:
    """What was read may be half old and half new."""
    config = scene.open("a")
    scene.reader.is_disturbed = True
    scene.write(config, "b", WebAccess(users={"bob": b"hash"}))
    assert (config.access.users, config.problems) == (ALICE, ())
    scene.reader.is_disturbed = False
    scene.look(config)
    assert config.access.users == {"bob": b"hash"}


@pytest.mark.parametrize("is_gone", [False, True], ids=["broken", "gone"])
def test_broken_file_keeps_the_last_good_one(scene: Scene, caplog: pytest.LogCaptureFixture, *, is_gone: bool) -> None:
    """It is logged once, and known not to be in force, until a good one comes."""
    config = scene.open("a")
    scene.reader.access = None
    scene.file.write_text("broken")
    if is_gone:
        scene.file.unlink()
    with caplog.at_level(logging.INFO):
        for _ in range(3):
            scene.look(config)
    [record] = caplog.records
    assert record.getMessage() == "the web-config file can't be used, the last good one stays in force"
    assert vars(record)["problems"] == f"{scene.file}: is not right"
    assert (config.access.users, told(config)) == (ALICE, "is not right")
    scene.write(config, "good", WebAccess(users={"bob": b"hash"}))
    assert (config.access.users, config.problems) == ({"bob": b"hash"}, ())


def test_broken_file_at_the_start_is_refused(scene: Scene) -> None:
    """There is no last good one."""
    scene.reader.access = None
    with pytest.raises(ConfigurationError, match="is not right"):
        scene.open()


SERVER = TlsServer(Path("a"), Path("b"))
GONE = "basic_auth_users: is gone; to ask nobody for a password write basic_auth_users: {}"
CUT_OFF = "is the beginning of the last good version: is it cut off? A comment at its end says that it is not"
WHOLE = "headers: 1\nbasic_auth_users:\n  alice: x\n  bob: y\n"


@pytest.mark.parametrize(
    ("text", "users", "headers", "said"),
    [
        pytest.param("", {}, {}, GONE, id="empty"),
        pytest.param("# basic_auth_users: {}\n", {}, {}, GONE, id="comment"),
        pytest.param("headers: 2\n", {}, {"X": "y"}, GONE, id="users left out"),
        pytest.param("basic_auth_users:\n", {}, {"X": "y"}, GONE, id="key without a value"),
        pytest.param("basic_auth_users: {}\n", {}, {"X": "y"}, "", id="explicit"),
        pytest.param("{headers: 1, 'basic_auth_users' : { } }\n", {}, {"X": "y"}, "", id="explicit in a mapping"),
        pytest.param(WHOLE[:-9], ALICE, {"X": "y"}, "", id="last user taken away"),
        pytest.param(WHOLE[:-10], ALICE, {"X": "y"}, CUT_OFF, id="cut off before the end of a line"),
        pytest.param(WHOLE[:-9], ALICE, {}, CUT_OFF, id="cut off at the end of a line"),
        pytest.param(WHOLE[:-9] + "# that is all\n", ALICE, {}, "", id="not cut off but changed"),
        pytest.param(WHOLE + "\n", ALICE, {"X": "y"}, "", id="another line"),
    ],
)
def test_nothing_is_weakened_by_what_is_left_out(
    scene: Scene, text: str, users: dict[str, bytes], headers: dict[str, str], said: str
) -> None:
    """A file that is emptied or cut off says less than a person would write: the last good one stays."""
    both = {**ALICE, "bob": b"other"}
    config = scene.open(WHOLE, WebAccess(users=both, headers={"X": "y"}))
    scene.write(config, text, WebAccess(users=users, headers=headers))
    assert told(config) == said
    assert (config.access.users, config.access.headers) == ((both, {"X": "y"}) if said else (users, headers))


def test_tls_goes_on_at_a_start_only(scene: Scene) -> None:
    """Clients would be cut off, or let in, by a file that is half written."""
    config = scene.open("a")
    scene.write(config, "b", WebAccess(SERVER, {"bob": b"hash"}))
    assert (config.tls, config.access.users) == (None, ALICE)
    assert told(config).startswith("tls_server_config: TLS goes on or off at a start only")


def test_tls_goes_off_at_a_start_only(scene: Scene, authority: Authority) -> None:
    """Whatever else the file says."""
    identity = authority.issue("server")
    config = scene.open("a", WebAccess(TlsServer(identity.file, identity.key), ALICE))
    scene.write(config, "basic_auth_users: {}", WebAccess())
    assert config.tls is not None
    assert config.access.users == ALICE
    assert told(config).startswith("tls_server_config: TLS goes on or off at a start only")


def renew(cert: Path, key: Path, authority: Authority, name: str) -> None:
    """Put another certificate and its key in the place of those that are there."""
    identity = authority.issue(name)
    cert.write_text(identity.file.read_text())
    key.write_text(identity.key.read_text())


def test_changed_certificates_are_read_again(scene: Scene, tmp_path: Path, authority: Authority) -> None:
    """A certificate and its key come one after the other; until both are there the old pair stays."""
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    renew(cert, key, authority, "first")
    config = scene.open("a", WebAccess(TlsServer(cert, key)))
    before, second = config.tls, authority.issue("second")
    cert.write_text(second.file.read_text())
    scene.look(config)
    assert config.tls is before
    assert told(config) == f'tls_server_config.key_file: "{key}" is not the key of the certificate in {cert}'
    key.write_text(second.key.read_text())
    scene.look(config)
    assert config.tls not in {None, before}
    assert config.problems == ()


def test_certificates_are_renewed_while_the_file_is_broken(scene: Scene, tmp_path: Path, authority: Authority) -> None:
    """And users change while the certificates are: each is taken for itself."""
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    renew(cert, key, authority, "old")
    server = TlsServer(cert, key)
    config = scene.open("a", WebAccess(server, ALICE))
    before = config.tls
    scene.write(config, "broken", None)
    renew(cert, key, authority, "new")
    scene.look(config)
    assert config.tls not in {None, before}
    assert (config.access.users, told(config)) == (ALICE, "is not right")
    renewed = config.tls
    key.write_text(key.read_text()[:100])
    scene.look(config)
    scene.write(config, "good", WebAccess(server, {"bob": b"hash"}))
    assert (config.tls, config.access.users) == (renewed, {"bob": b"hash"})
    assert told(config).endswith(f"can't be used with {cert}: expected PEM, the key without a password")


def test_key_that_everybody_may_read_is_told(scene: Scene, authority: Authority) -> None:
    """Beside a certificate that ends soon; a key that is kept well is nothing to tell."""
    made = authority.issue("soon", "IP:127.0.0.1", "-days", "3")
    server = TlsServer(made.file, made.key)
    made.key.chmod(0o644)
    warnings = [str(each) for each in scene.open("a", WebAccess(server)).warnings()]
    opened = f"{made.key}: holds the key of TLS and has the mode 0644, so any user may read it: chmod 600"
    assert [warnings[0], len(warnings)] == [opened, 2]
    made.key.chmod(0o600)
    assert len(scene.open("b", WebAccess(server)).warnings()) == 1
    assert scene.open("c", WebAccess()).warnings() == ()


_NO_PEM = "{1}: can't be used with {0}: expected PEM, the key without a password"


@pytest.mark.parametrize(
    ("names", "said"),
    [
        pytest.param(("absent", "own.key"), "{0}: does not exist", id="no certificate"),
        pytest.param(("own.pem", "absent"), "{1}: does not exist", id="no key"),
        pytest.param(("own.pem", "other.key"), "{1}: is not the key of the certificate in {0}", id="other key"),
        pytest.param(("text", "own.key"), "{0}: holds no certificate: expected PEM", id="certificate is no PEM"),
        pytest.param(("empty", "own.key"), "{0}: holds no certificate: expected PEM", id="empty certificate"),
        pytest.param(
            ("own.key", "own.pem"),
            "{0}: holds no certificate: expected PEM: is it swapped with key_file?",
            id="swapped",
        ),
        pytest.param(("own.pem", "text"), "{1}: holds no private key: expected PEM", id="key is no PEM"),
        pytest.param(("own.pem", "cut.key"), _NO_PEM, id="key that is cut off"),
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
    (tmp_path / "empty").touch()
    (tmp_path / "cut.key").write_text((tmp_path / "own.key").read_text()[:100])
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
