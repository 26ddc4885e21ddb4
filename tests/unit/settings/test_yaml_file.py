"""The settings file as a file: unreadable, malformed, and the corners of YAML."""

from collections.abc import Callable
from pathlib import Path

import pytest

from exporter.errors import ConfigurationError, Problem
from exporter.settings import Settings, load_settings
from exporter.settings.sources.tree import Place, Tree
from exporter.settings.sources.yaml_file import read_yaml

_MALFORMED = {
    "unclosed bracket": (b"a: [1", "1", "is not valid YAML: did not find expected ',' or ']'"),
    "unknown alias": (b"a: 1\nb: *hunter2", "2", "is not valid YAML: found undefined alias …"),
    "tab": (b"a:\n\tb: 1", "2", "is not valid YAML: is indented by a tab, where only spaces may stand"),
    "two documents": (b"a: 1\n---\nb: 1", "2", "is not valid YAML: but found another document"),
    "control character": (b"a: 1\nb: \x01", "2", "is not valid YAML: has a character that YAML does not allow"),
    "impossible escape": (b'a: "\\UFFFFFFFF"', "1", "is not valid YAML: found invalid Unicode character escape code"),
    "deep": (b"[" * 20_000, "", "is nested too deeply"),
    "not UTF-8": (b"a: \xff", "", "is not UTF-8 text"),
    "list": (b"- a", "", "expected a mapping at the top level, such as accounts: and jobs:"),
    "word": (b"a", "", "expected a mapping at the top level, such as accounts: and jobs:"),
    "large": (b"#" * (4 * 1024 * 1024 + 1), "", "is larger than 4 MiB"),
}


@pytest.mark.parametrize(("content", "line", "message"), _MALFORMED.values(), ids=list(_MALFORMED))
def test_malformed_file_is_one_problem(tmp_path: Path, content: bytes, line: str, message: str) -> None:
    """There is nothing to validate, so this is all that is told; the content is not shown."""
    file = tmp_path / "zoho.yaml"
    file.write_bytes(content)
    with pytest.raises(ConfigurationError) as caught:
        read_yaml(file)
    assert caught.value.problems == (Problem(f"{file}:{line}" if line else str(file), message),)
    assert caught.value.__context__ is None


def test_missing_file_and_directory(tmp_path: Path) -> None:
    """Each is said in plain words."""
    for file, message in ((tmp_path / "nope.yaml", "does not exist"), (tmp_path, "is a directory, not a file")):
        with pytest.raises(ConfigurationError) as caught:
            load_settings(file, environ={}, dotenv_file=None)
        assert caught.value.problems == (Problem(str(file), message),)


def test_byte_order_mark_is_no_part_of_the_first_key(tmp_path: Path) -> None:
    """Some editors write one."""
    file = tmp_path / "zoho.yaml"
    file.write_bytes(b"\xef\xbb\xbfretention: 1s")
    place = Place(str(file), 1)
    assert read_yaml(file)[0] == Tree({"retention": "1s"}, {(): place, ("retention",): place}, place)


def test_scalars_keep_their_text(tmp_path: Path) -> None:
    """No number, truth or date is made of them; only null is."""
    file = tmp_path / "zoho.yaml"
    file.write_text("a: [0123, 1e5, yes, 2024-01-01, ~, '', '~', =]", encoding="utf-8")
    assert read_yaml(file)[0].values == {"a": ["0123", "1e5", "yes", "2024-01-01", None, "", "~", "="]}


def test_merge_keys(tmp_path: Path) -> None:
    """Own keys win over merged ones, earlier merged mappings over later ones; their lines are their own."""
    file = tmp_path / "zoho.yaml"
    file.write_text(
        "x: &x {a: 1, b: 1}\ny: &y {b: 2, c: 2}\nz:\n  <<: [*x, *y]\n  a: 3\nw: {<<: *x, '<<': 4}\n",
        encoding="utf-8",
    )
    tree, findings = read_yaml(file)
    assert not findings
    assert tree.values["z"] == {"b": "1", "c": "2", "a": "3"}
    assert tree.values["w"] == {"a": "1", "b": "1", "<<": "4"}
    assert {key: tree.place(("z", key)).line for key in "bca"} == {"b": 1, "c": 2, "a": 5}


def test_shared_anchor_makes_two_accounts(load: Callable[..., Settings], account: str) -> None:
    """The use that merge keys are put to."""
    text = account.replace("acme:", "acme: &acme") + "  beta: {<<: *acme, environment: sandbox}\n"
    assert [alias.environment for alias in load(text).accounts.values()] == ["production", "sandbox"]


@pytest.mark.parametrize("text", ["a: &a {<<: *a}", "a: &a {b: {<<: *a}}", "a: &a {<<: [*a]}", "a: &a [[*a]]"])
def test_cycles_end(tmp_path: Path, text: str) -> None:
    """A mapping that contains itself is a problem, not an endless walk."""
    file = tmp_path / "zoho.yaml"
    file.write_text(text, encoding="utf-8")
    assert "an alias that contains itself" in {finding.text for finding in read_yaml(file)[1]}


def test_exploding_aliases_end(tmp_path: Path) -> None:
    """Nine doublings by ten are refused, not expanded."""
    lines = ["a0: &a0 [x]", *(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 10))]
    file = tmp_path / "zoho.yaml"
    file.write_text("\n".join(lines), encoding="utf-8")
    with pytest.raises(ConfigurationError, match="its aliases expand to more than 200000 values"):
        read_yaml(file)


def test_duplicates_of_a_shared_mapping_are_told_once(tmp_path: Path) -> None:
    """However many aliases it has."""
    file = tmp_path / "zoho.yaml"
    file.write_text("a: &a {x: 1, x: 2}\nb: *a\nc: *a\n", encoding="utf-8")
    assert [finding.text for finding in read_yaml(file)[1]] == ["duplicate key, first on line 1"]
