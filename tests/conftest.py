"""What all tests share."""

import shutil
import sysconfig
from pathlib import Path

import hypothesis
import pytest
from golden import GoldenCheck
from programs import PACKAGES, Program

import exporter

hypothesis.settings.register_profile("untimed", deadline=None)
hypothesis.settings.register_profile("many", deadline=None, max_examples=2_500)
hypothesis.settings.load_profile("untimed")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let a person write the golden files and the pictures anew, to see the difference in git."""
    parser.addoption("--write-golden", action="store_true", help="write golden files instead of comparing with them")
    parser.addoption("--write-screenshots", action="store_true", help="write the pictures of docs/images")
    parser.addoption("--wheel", action="store_true", help="refuse to test an exporter that is not installed")


def pytest_configure(config: pytest.Config) -> None:
    """Make sure that `make test-wheel` tests the wheel, and not the checkout it runs in."""
    if config.getoption("--wheel") and not Path(exporter.__file__).is_relative_to(sysconfig.get_path("purelib")):
        raise pytest.UsageError(f"the exporter under test is {exporter.__file__}, not an installed one")


@pytest.fixture
def check_golden(request: pytest.FixtureRequest) -> GoldenCheck:
    """Give a function that compares a text with its golden file."""

    def check(path: Path, text: str) -> None:
        if request.config.getoption("--write-golden"):
            path.write_text(text, encoding="utf-8")
        assert text == path.read_text(encoding="utf-8"), f"{path.name} has changed; make golden writes it anew"

    return check


@pytest.fixture(scope="session")
def program() -> Program:
    """Give a function that finds a real program; without it the test fails and says what to install."""

    def find(name: str) -> str:
        path = shutil.which(name)
        if path is None:
            pytest.fail(f"{name} is not on the PATH; Debian: apt-get install {PACKAGES[name]}")
        return path

    return find
