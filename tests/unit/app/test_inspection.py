"""What a start would refuse, all at once."""

from pathlib import Path

import pytest

from exporter.app.inspection import inspect
from exporter.settings import read_sources

SOCKS = "HTTPS_PROXY: is not a proxy's URL such as http://proxy:3128 (http or https, host, optional port)"


@pytest.mark.parametrize(
    ("wrong", "is_told"),
    [
        pytest.param("retention: soon", True, id="another setting"),
        pytest.param("jobs: [{}]", True, id="a job"),
        pytest.param("proxy_url: nowhere", False, id="the proxy's own setting, which comes before it"),
    ],
)
def test_proxy_is_told_beside_other_mistakes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wrong: str, *, is_told: bool
) -> None:
    """Nobody mends the file and then learns of the environment."""
    for name in ("https_proxy", "no_proxy", "NO_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HTTPS_PROXY", "socks5://proxy:1080")
    file = tmp_path / "zoho.yaml"
    file.write_text(f"accounts: {{acme: {{data_center: eu}}, beta: {{data_center: nowhere}}}}\n{wrong}\n")
    found = inspect(read_sources(file, environ={"ZOHO_STATE__PATH": "memory"}, secrets_dir=tmp_path / "absent"))
    assert (SOCKS in map(str, found.refused)) is is_told
    assert len(found.refused) > 1


def test_database_is_told_beside_other_mistakes_and_no_state_file_is_looked_at(tmp_path: Path) -> None:
    """It takes the file's place."""
    file = tmp_path / "zoho.yaml"
    file.write_text("retention: soon\nstate: {url: 'postgresql://db/zoho?ssl=1'}\n")
    found = inspect(read_sources(file, environ={}, secrets_dir=tmp_path / "absent"))
    assert [problem.place for problem in found.refused if "state" in problem.message + problem.place] == [f"{file}:2"]
