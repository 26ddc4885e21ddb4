"""Files that somebody else names: whatever stands at a path, reading it ends, and says what it is."""

import os
import socket
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from exporter.errors import ConfigurationError, Problem
from exporter.files import Watch, explain, read_bytes, read_secret_file, read_text, write_whole
from exporter.settings import JobFiles, Settings, load_settings
from exporter.settings.web_config import read_web_config

_ADVICE = "not a regular file: put the content into a file, which can be read again"
_ACCOUNT = {
    "ZOHO_CLIENT_ID": "1000.XXXX",
    "ZOHO_CLIENT_SECRET": "hunter2hunter2",
    "ZOHO_REFRESH_TOKEN": "letmein",
    "ZOHO_DATA_CENTER": "us",
}


@pytest.fixture(params=["pipe", "link to a pipe", "device", "socket", "directory"])
def odd(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """Give a path at which no regular file stands, and what is said of it."""
    path, pipe = tmp_path / "odd", tmp_path / "pipe"
    os.mkfifo(pipe)
    match request.param:
        case "pipe":
            yield pipe, f"is a pipe, {_ADVICE}"
        case "link to a pipe":
            path.symlink_to(pipe)
            yield path, f"is a pipe, {_ADVICE}"
        case "device":
            path.symlink_to("/dev/zero")
            yield path, f"is a device, {_ADVICE}"
        case "directory":
            path.mkdir()
            yield path, "is a directory, not a file"
        case _:
            with socket.socket(socket.AF_UNIX) as listener:
                listener.bind(str(path))
                yield path, f"is a socket, {_ADVICE}"


def _settings(**variables: object) -> Settings:
    environ = _ACCOUNT | {f"ZOHO_{name.upper()}": str(value) for name, value in variables.items()}
    return load_settings(None, environ=environ, dotenv_file=None, secrets_dir=Path("no secrets directory"))


_READERS: dict[str, Callable[[Path], object]] = {
    "settings file": lambda path: load_settings(path, environ={}, dotenv_file=None),
    "web-config file": read_web_config,
    "secret file": read_secret_file,
    "secret of an account": lambda path: _settings(client_secret="", client_secret_file=path),
    "API token": lambda path: _settings(web__api_token_file=path),
    "text": lambda path: read_text(path, 10),
}


@pytest.mark.parametrize("read", _READERS.values(), ids=list(_READERS))
def test_what_is_no_regular_file_is_refused_at_once(odd: tuple[Path, str], read: Callable[[Path], object]) -> None:
    """No reader waits for a writer, reads without end, or shows a traceback."""
    path, message = odd
    with pytest.raises(ConfigurationError) as caught:
        read(path)
    (problem,) = caught.value.problems
    assert str(problem).startswith((f"{path}: ", "ZOHO_"))
    assert problem.message.endswith(message)


def test_job_file_that_is_none_is_told(odd: tuple[Path, str]) -> None:
    """The other job files are read."""
    path, message = odd
    other = path.parent / "a.yaml"
    other.write_text("jobs: [{module: Leads, job_id: 1}]")
    reading = JobFiles().read(_settings(job_files=f"{path},{other}"))
    [problem] = reading.problems
    assert problem.place == str(path)
    assert problem.message.startswith(message)
    assert [str(spec.key) for spec in reading.specs] == ["default/Leads/1"]


def test_certificates_may_be_a_directory_and_nothing_else(odd: tuple[Path, str]) -> None:
    """A directory of certificates is as good as a file."""
    path, message = odd
    if path.is_dir():
        assert _settings(ca_bundle=path).ca_bundle == path
    else:
        with pytest.raises(ConfigurationError) as caught:
            _settings(ca_bundle=path)
        assert caught.value.problems == (Problem("ZOHO_CA_BUNDLE", f'"{path}" {message}'),)


def test_dotenv_that_is_none_is_told_but_for_a_directory(odd: tuple[Path, str]) -> None:
    """Some keep a virtual environment in a directory of that name."""
    path, message = odd
    if path.is_dir():
        assert load_settings(None, environ=_ACCOUNT, dotenv_file=path).max_jobs == 1000
    else:
        with pytest.raises(ConfigurationError) as caught:
            load_settings(None, environ=_ACCOUNT, dotenv_file=path)
        assert caught.value.problems == (Problem(str(path), message),)


def test_pipe_in_the_secrets_directory_is_told(tmp_path: Path) -> None:
    """Where it is named like a variable."""
    os.mkfifo(tmp_path / "zoho_retention")
    with pytest.raises(ConfigurationError) as caught:
        load_settings(None, environ=_ACCOUNT, dotenv_file=None, secrets_dir=tmp_path)
    assert caught.value.problems == (Problem(f"{tmp_path}/zoho_retention", f"is a pipe, {_ADVICE}"),)


@pytest.mark.parametrize(
    ("size", "most", "said"),
    [(10, 10, ""), (1025, 1024, "is larger than 1 KiB"), (3 << 20, 2 << 20, "is larger than 2 MiB")],
)
def test_file_is_read_to_its_limit(tmp_path: Path, size: int, most: int, said: str) -> None:
    """A byte more is too many."""
    file = tmp_path / "file"
    file.write_bytes(b"x" * size)
    if said:
        with pytest.raises(ConfigurationError, match=rf"^{file}: {said}: expected a word$"):
            read_bytes(file, most, expected="a word")
    else:
        assert read_bytes(file, most) == b"x" * size


def test_text_is_utf_8_without_its_mark(tmp_path: Path) -> None:
    """What is none is not shown, not even in the error's context."""
    file = tmp_path / "file"
    file.write_bytes("\ufeffgrün".encode())
    assert read_text(file, 100) == "grün"
    file.write_bytes(b"hunter2\xff")
    with pytest.raises(ConfigurationError) as caught:
        read_text(file, 100)
    assert caught.value.problems == (Problem(str(file), "is not UTF-8 text: save it as UTF-8"),)
    assert caught.value.__context__ is None


def test_permission_is_explained(tmp_path: Path) -> None:
    """The message says who we are, whose file it is and its mode."""
    file = tmp_path / "secret"
    file.touch()
    file.chmod(0o600)
    who = os.geteuid()
    assert (
        explain(PermissionError(), file)
        == f"may not be read by uid {who}: it belongs to uid {who} and its mode is 0600"
    )
    assert explain(PermissionError(), tmp_path / "x") == f"may not be read by uid {who} (nor may its directory)"
    assert explain(OSError(5, "Input/output error"), file) == "can't be read: Input/output error"
    assert explain(OSError(), file) == "can't be read: OSError"


def test_change_is_noticed_once(tmp_path: Path) -> None:
    """A file that comes, changes, keeps its size and date in changing, or goes, is noticed, and then known."""
    file = tmp_path / "zoho.yaml"
    watch = Watch(lambda: [file])
    seen = [watch.has_changed()]
    file.write_text("a")
    seen += [watch.has_changed(), watch.has_changed()]
    file.write_text("ab")
    seen += [watch.has_changed(), watch.has_changed()]
    other = tmp_path / "other"
    other.write_text("xy")
    status = file.stat()
    os.utime(other, ns=(status.st_atime_ns, status.st_mtime_ns))
    other.replace(file)
    seen += [watch.has_changed(), watch.has_changed()]
    file.write_text("zz")
    os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))
    seen += [watch.has_changed(), watch.has_changed()]
    file.unlink()
    seen += [watch.has_changed(), watch.has_changed()]
    assert seen == [False, *[True, False] * 5]


def test_file_that_was_read_before_is_news_once(tmp_path: Path) -> None:
    """A watch that begins after the files were read takes them for changed."""
    (tmp_path / "a.yaml").write_text("")
    watch = Watch(lambda: tmp_path.glob("*.yaml"), is_news=True)
    assert [watch.has_changed(), watch.has_changed()] == [True, False]


def test_new_file_of_a_pattern_is_noticed(tmp_path: Path) -> None:
    """The files are listed anew at each look."""
    watch = Watch(lambda: tmp_path.glob("*.yaml"))
    (tmp_path / "a.yaml").write_text("")
    assert [watch.has_changed(), watch.has_changed()] == [True, False]


def test_file_of_ours_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    """What was there stays when the new text fails half way, and nothing else is left."""
    file = tmp_path / "zoho.yaml"
    write_whole(file, "old", mode=0o600)
    with pytest.raises(UnicodeEncodeError):
        write_whole(file, "x" * 100_000 + "\udc80", is_over=True)
    with pytest.raises(FileExistsError):
        write_whole(file, "new")
    assert ([*tmp_path.iterdir()], file.read_text()) == ([file], "old")
    write_whole(file, "new", is_over=True)
    assert file.read_text() == "new"


@pytest.mark.parametrize(
    ("umask", "mode", "expected"),
    [
        pytest.param(0o777, 0o600, 0o600, id="secret"),
        pytest.param(0o777, None, 0o600, id="nobody"),
        pytest.param(0o022, None, 0o644, id="usual"),
        pytest.param(0o000, None, 0o644, id="anybody"),
        pytest.param(0o077, 0o640, 0o640, id="as-it-was"),
    ],
)
def test_file_of_ours_can_be_read_and_is_written_by_us_alone(
    tmp_path: Path, umask: int, mode: int | None, expected: int
) -> None:
    """Whatever the shell's mask says."""
    file, before = tmp_path / "file", os.umask(umask)
    try:
        write_whole(file, "text", mode=mode)
    finally:
        os.umask(before)
    assert stat.S_IMODE(file.stat().st_mode) == expected


@pytest.mark.parametrize(
    ("make", "said"),
    [
        pytest.param(os.mkfifo, "it is a pipe, not a regular file", id="pipe"),
        pytest.param(lambda file: file.symlink_to("/dev/full"), "it is a device, not a regular file", id="device"),
        pytest.param(lambda file: file.symlink_to("nowhere"), "it is a link to nothing", id="dangling"),
        pytest.param(Path.mkdir, "Is a directory", id="directory"),
    ],
)
def test_file_of_ours_replaces_nothing_else(tmp_path: Path, make: Callable[[Path], object], said: str) -> None:
    """What is there stays as it is."""
    file = tmp_path / "file"
    make(file)
    before = file.lstat()
    with pytest.raises(OSError, match=said):
        write_whole(file, "text", is_over=True)
    assert ([*tmp_path.iterdir()], file.lstat()) == ([file], before)
