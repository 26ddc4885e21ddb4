"""Whether files have changed."""

import os
from pathlib import Path

from exporter.settings import Watch


def test_change_is_noticed_once(tmp_path: Path) -> None:
    """A file that comes, changes, is replaced by one of the same size and time, or goes, is noticed, and then known."""
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
    file.unlink()
    seen += [watch.has_changed(), watch.has_changed()]
    assert seen == [False, True, False, True, False, True, False, True, False]


def test_file_that_was_read_before_is_news_once(tmp_path: Path) -> None:
    """A watch that begins after the files were read takes them for changed."""
    (tmp_path / "a.yaml").write_text("")
    watch = Watch.of_unseen(lambda: tmp_path.glob("*.yaml"))
    assert [watch.has_changed(), watch.has_changed()] == [True, False]


def test_new_file_of_a_pattern_is_noticed(tmp_path: Path) -> None:
    """The files are listed anew at each look."""
    watch = Watch(lambda: tmp_path.glob("*.yaml"))
    (tmp_path / "a.yaml").write_text("")
    assert [watch.has_changed(), watch.has_changed()] == [True, False]
