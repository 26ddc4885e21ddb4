"""The package as it was installed: whole, importable, and a program."""

import importlib
import pkgutil
import subprocess
import sysconfig
from importlib.metadata import entry_points
from pathlib import Path

from processes import bare_environment

import exporter
from exporter.__main__ import main

_CHECKOUT = Path(__file__).parents[2] / "exporter"
_COMMAND = "zoho-mass-update-exporter"


def _files(package: Path) -> dict[Path, bytes]:
    """Give the files of a package, relative to it, and what is in them."""
    found = (path for path in package.rglob("*") if path.is_file() and path.suffix != ".pyc")
    return {path.relative_to(package): path.read_bytes() for path in found}


def test_every_file_of_the_checkout_is_installed() -> None:
    """Modules, templates, styles and scripts: none is left out, changed, or from elsewhere."""
    assert _files(Path(exporter.__file__).parent) == _files(_CHECKOUT)


def test_every_module_can_be_imported() -> None:
    """None lacks a file or a dependency."""
    names = [module.name for module in pkgutil.walk_packages(exporter.__path__, "exporter.")]
    assert len(names) > 50
    assert [importlib.import_module(name).__name__ for name in names] == names


def test_command_is_installed(tmp_path: Path) -> None:
    """The console script runs the package's own `main`."""
    [command] = entry_points(group="console_scripts", name=_COMMAND)
    assert command.load() is main
    script = Path(sysconfig.get_path("scripts")) / _COMMAND
    run = subprocess.run([script, "--version"], env=bare_environment(), cwd=tmp_path, capture_output=True, check=True)
    assert run.stdout.decode() == f"{_COMMAND} {exporter.__version__}\n"
