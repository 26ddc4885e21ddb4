"""The token of the job API, whose file changes."""

from pathlib import Path

import pytest

from exporter.errors import ConfigurationError, Problem
from exporter.web.guard.bearer import BearerToken


def read(path: Path) -> str:
    """Read a token as the settings do: one that is absent or empty is refused."""
    text = path.read_text().strip() if path.exists() else ""
    if not text:
        raise ConfigurationError((Problem(str(path), "is empty"),))
    return text


class Scene:
    """A token's file, and what counted while it should rest."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "token"
        self.file.write_text("swordfish\n")
        self.rested: list[str] = []
        self.token = BearerToken(self.file, read)

    def settled(self) -> str:
        """Give the token that counts once the file rests."""
        self.token.look(lambda _: self.rested.append(self.token.value))
        return self.token.value


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    """Give a token."""
    return Scene(tmp_path)


@pytest.mark.parametrize(
    ("header", "is_right"),
    [
        pytest.param("Bearer swordfish", True, id="right"),
        pytest.param("bearer  swordfish ", True, id="any case, and spaces"),
        pytest.param("Bearer swordfis", False, id="wrong"),
        pytest.param("Bearer ", False, id="empty"),
        pytest.param("Basic swordfish", False, id="another scheme"),
        pytest.param("", False, id="nothing"),
    ],
)
def test_token_is_compared(scene: Scene, header: str, *, is_right: bool) -> None:
    """With what stands in the file."""
    assert scene.token.matches(header) is is_right


def test_new_token_counts_once_the_file_rests(scene: Scene) -> None:
    """Until then no other counts."""
    scene.file.write_text("sturgeon")
    assert (scene.settled(), scene.rested) == ("sturgeon", [""])


@pytest.mark.parametrize(
    "text", ["", " \n", "s", "swordfis", None], ids=["empty", "blank", "letter", "cut off", "gone"]
)
def test_file_that_is_emptied_or_cut_off_closes_the_api(
    scene: Scene, caplog: pytest.LogCaptureFixture, text: str | None
) -> None:
    """Whoever knows a part of the token knows none; it is told once, and the whole token opens the API again."""
    if text is None:
        scene.file.unlink()
    else:
        scene.file.write_text(text)
    assert [scene.settled() for _ in range(3)] == [""] * 3
    assert scene.rested == [""]
    assert not scene.token.matches("Bearer ")
    assert len(caplog.records) == 1
    scene.file.write_text("swordfish\n")
    assert scene.settled() == "swordfish"


def test_no_token_at_the_start_leaves_the_api_off(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """And it is told."""
    assert BearerToken(tmp_path / "absent", read).value == ""
    assert "the API's token can't be read" in caplog.text
