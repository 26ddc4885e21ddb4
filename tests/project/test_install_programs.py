"""scripts/install-programs, on a PATH that has what the test puts there, and an apt-get that writes its calls down."""

import shutil
import subprocess
from pathlib import Path

import pytest
from workflows import ROOT

TOOLS = ("sh", "env", "grep", "cat", "mktemp", "rm")
HERE = ("prometheus", "promtool", "prometheus-alertmanager", "amtool", "openssl", "curl", "chromium", "gcc", "zsh")
SYSTEM = {
    "id": "echo 0",
    "ldconfig": "echo '  libatomic.so.1 (libc6,x86-64) => /lib/libatomic.so.1'",
    # Installs all or nothing, as it does when it knows one of the packages not.
    "apt-get": """echo "$*" | sed 's/.*Timeout=300 //' >>"$LOG"
        case "$*" in *install*) for package in "$@"; do case " $UNKNOWN " in
            *" $package "*) echo "E: Unable to locate package $package" >&2; exit 100;;
        esac; done
        for package in "$@"; do case $package in
            [a-z]*) printf '#!/bin/sh\\n' >"$DIR/$package"; chmod +x "$DIR/$package";;
        esac; done;; esac""",
}


def _install(work: Path, *asked: str, missing: set[str], unknown: str = "") -> tuple[int, str, list[str]]:
    """Give the status, the words and apt-get's calls, where programs are missing and packages unknown."""
    directory = work / "bin"
    directory.mkdir()
    for name in (*TOOLS, "sed", "chmod"):
        (directory / name).symlink_to(str(shutil.which(name)))
    for name, text in {**SYSTEM, **dict.fromkeys(set(HERE) - missing, "")}.items():
        (directory / name).write_text(f"#!/bin/sh\n{text}\n")
        (directory / name).chmod(0o755)
    log = work / "log"
    log.touch()
    done = subprocess.run(
        [ROOT / "scripts" / "install-programs", *asked],
        env={"PATH": str(directory), "LOG": str(log), "DIR": str(directory), "UNKNOWN": unknown, "TMPDIR": str(work)},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr, log.read_text().splitlines()


def test_nothing_is_installed_where_all_is_here(tmp_path: Path) -> None:
    """Nothing is asked for, and nothing said."""
    assert _install(tmp_path, missing=set()) == (0, "", [])


@pytest.mark.parametrize(
    ("missing", "packages"),
    [
        ({"curl"}, "curl"),
        ({"chromium"}, "chromium"),
        ({"curl", "openssl"}, "openssl curl"),
    ],
)
def test_only_what_is_missing_is_installed(tmp_path: Path, missing: set[str], packages: str) -> None:
    """The packages of the others stay as the machine has them."""
    status, words, calls = _install(tmp_path, missing=missing)
    assert (status, calls) == (0, ["update", f"install --no-install-recommends {packages}"])
    assert words.endswith("Installed.\n")


def test_rehearsal_of_alerts_installs_its_two_servers_alone(tmp_path: Path) -> None:
    """Who tries it out has no use for the browser and the compiler of the tests."""
    status, _, calls = _install(tmp_path, "alerts", missing=set(HERE))
    packages = "prometheus prometheus-alertmanager"
    assert (status, calls) == (0, ["update", f"install --no-install-recommends {packages}"])


def test_package_that_this_system_lacks_keeps_no_other_out(tmp_path: Path) -> None:
    """What can be installed is, and the words name what is left."""
    status, words, calls = _install(tmp_path, missing={"chromium", "curl"}, unknown="chromium")
    assert status == 1
    assert calls[-1] == "install --no-install-recommends chromium"
    assert "install --no-install-recommends curl" in calls
    assert "The tests need chromium, and apt-get has not installed it." in words
    assert "E: Unable to locate package chromium" in words
    assert words.endswith("By hand, as root: apt-get install --no-install-recommends chromium\n")
