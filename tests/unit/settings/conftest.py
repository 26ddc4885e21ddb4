"""A working directory of its own for each test, and a loader that sees nothing of the machine."""

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from exporter.errors import ConfigurationError
from exporter.settings import Settings, load_settings

_NONE: Mapping[str, str] = {}


@pytest.fixture
def account() -> str:
    """Six lines of YAML that make one valid account, `acme`."""
    return """\
accounts:
  acme:
    data_center: eu
    client_id: 1000.ABCDEF
    client_secret: hunter2hunter2
    refresh_token: 1000.0123456789abcdef.0123456789abcdef
"""


@pytest.fixture
def variables() -> dict[str, str]:
    """Variables that make one valid account, `default`."""
    return {
        "ZOHO_CLIENT_ID": "1000.ABCDEF",
        "ZOHO_CLIENT_SECRET": "hunter2hunter2",
        "ZOHO_REFRESH_TOKEN": "1000.0123456789abcdef.0123456789abcdef",
        "ZOHO_DATA_CENTER": "us",
    }


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Settings]:
    """Give a loader of a file's text, variables and flags, in a fresh working directory."""
    monkeypatch.chdir(tmp_path)

    def load_text(
        text: str | None = None, environ: Mapping[str, str] = _NONE, flags: Mapping[str, object] = _NONE
    ) -> Settings:
        file = None if text is None else Path("zoho.yaml")
        if file and text is not None:
            file.write_text(text, encoding="utf-8")
            file.chmod(0o600)
        return load_settings(file, overrides=flags, environ=environ, secrets_dir=Path("secrets"))

    return load_text


@pytest.fixture
def problems(load: Callable[..., Settings]) -> Callable[..., list[str]]:
    """Give a loader that expects a refusal, and gives its problems."""

    def load_badly(
        text: str | None = None, environ: Mapping[str, str] = _NONE, flags: Mapping[str, object] = _NONE
    ) -> list[str]:
        with pytest.raises(ConfigurationError) as caught:
            load(text, environ, flags)
        return [str(problem) for problem in caught.value.problems]

    return load_badly
