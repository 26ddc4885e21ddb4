"""The settings file as a file: unreadable, malformed, and the corners of YAML."""

from collections.abc import Callable
from pathlib import Path

import pytest

from exporter.errors import ConfigurationError, Problem
from exporter.settings import Settings, load_settings
from exporter.settings.sources.tree import Place, Tree
from exporter.settings.sources.yaml_file import read_yaml

_MALFORMED = {
    "unclosed bracket": (
        b"a: [1",
        "1",
        "is not valid YAML: did not find expected ',' or ']'; is a bracket not closed, or a comma missing?",
    ),
    "unknown alias": (b"a: 1\nb: *hunter2", "2", "is not valid YAML: found undefined alias …"),
    "tab": (b"a:\n\tb: 1", "2", "is not valid YAML: is indented by a tab, where only spaces may stand"),
    "two documents": (
        b"a: 1\n---\nb: 1",
        "2",
        "is not valid YAML: but found another document: one is expected, without a second line of ---",
    ),
    "control character": (b"a: 1\nb: \x01", "2", "is not valid YAML: has a character that YAML does not allow"),
    "impossible escape": (b'a: "\\UFFFFFFFF"', "1", "is not valid YAML: found invalid Unicode character escape code"),
    "deep": (b"[" * 20_000, "", "is nested too deeply"),
    "not UTF-8": (b"a: \xff", "", "is not UTF-8 text: save it as UTF-8"),
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
    assert read_yaml(file)[0] == Tree({"retention": "1s"}, {(): place, ("retention",): place})


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


_ACCOUNT = "accounts:\n  acme: {data_center: eu, client_id: x, client_secret: y, refresh_token: z}\n"
_EXPENSIVE = {
    "keys": ("".join(f"k{i}: 1\n" for i in range(110_000)), "has more than 200000 keys and values: split it"),
    "unclosed flow": (f"a: [{'b,' * 210_000}", "has more than 200000 keys and values: split it"),
    "sequences": ("[" * 500_000, "is nested too deeply"),
    "mappings": ("{a: " * 100_000, "is nested too deeply"),
    "dashes": ("- " * 100_000, "is nested too deeply"),
    "keys of keys": ("? " * 100_000, "is nested too deeply"),
    "aliases in a row": (
        "a0: &a0 [x]\n" + "".join(f"a{n}: &a{n} [*a{n - 1}]\n" for n in range(1, 5000)),
        "is nested too deeply",
    ),
    "merges in a row": (
        "a0: &a0 {x: 1}\n" + "".join(f"a{n}: &a{n} {{<<: *a{n - 1}}}\n" for n in range(1, 5000)),
        "is nested too deeply",
    ),
    "merges that explode": (
        f"a0: &a0 {{{', '.join(f'k{i}: 1' for i in range(1000))}}}\n"
        + "\n".join(f"a{n}: &a{n} {{<<: [{', '.join([f'*a{n - 1}'] * 10)}]}}" for n in range(1, 10)),
        "its aliases expand to more than 200000 values",
    ),
    "a large mapping merged often": (
        f"a: &a {{{', '.join(f'k{i}: 1' for i in range(5000))}}}\nz:\n" + "  <<: *a\n" * 5000,
        "its aliases expand to more than 200000 values",
    ),
}


@pytest.mark.parametrize(("text", "message"), _EXPENSIVE.values(), ids=list(_EXPENSIVE))
@pytest.mark.timeout(30)
def test_file_that_nobody_writes_is_refused_before_it_is_built(tmp_path: Path, text: str, message: str) -> None:
    """A small file may ask for more memory and time than there is."""
    file = tmp_path / "zoho.yaml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigurationError) as caught:
        read_yaml(file)
    assert caught.value.problems == (Problem(str(file), message),)


_MANY = {
    "unknown keys": "".join(f"retentio{i}: 1\n" for i in range(3_000)),
    "repeated keys": "retention: 1s\n" * 3_000,
    "bad jobs": "jobs:\n" + "".join(f"- {{module: 1L, job_id: x{i}}}\n" for i in range(1_000)),
    "jobs of unknown accounts": "jobs:\n"
    + "".join(f"- {{account: a{i}, module: L, job_id: 1}}\n" for i in range(1_000)),
    "accounts": "".join(f"  a{i}: {{data_center: eu}}\n" for i in range(10_000))
    + "jobs:\n"
    + "- {account: a, module: L, job_id: 1}\n" * 1_000,
    "one job": "jobs:\n" + "- {module: L, job_id: 1}\n" * 1_000,
    "labels": f"job_labels: [{'a,' * 20_000}]\njobs:\n" + "- {module: L, job_id: 1, labels: {b: c}}\n" * 1_000,
}


@pytest.mark.parametrize("text", _MANY.values(), ids=list(_MANY))
@pytest.mark.timeout(30)
def test_so_many_problems_are_told_that_a_person_reads_them(problems: Callable[..., list[str]], text: str) -> None:
    """The first hundred, and that there are more."""
    said = problems(_ACCOUNT + text)
    assert len(said) == 101
    assert len("\n".join(said)) < 100_000
    assert said[-1] == "and more: these are 100 of the problems: mend them first"


_LONG = {
    "a duration of slashes": "retention: '{}'\n".format("/" * 2_000_000),
    "a duration of digits": "retention: '{}'\n".format("1" * 2_000_000),
    "an address of colons": "web: {{listen_address: '{}'}}\n".format(":" * 2_000_000),
    "a name": "jobs: [{{module: L, job_id: 1, name: '{}'}}]\n".format("a" * 2_000_000),
    "a path": "ca_bundle: '{}'\n".format("a/" * 1_000_000),
}


@pytest.mark.parametrize("text", _LONG.values(), ids=list(_LONG))
@pytest.mark.timeout(30)
def test_long_value_is_refused_and_not_quoted_whole(problems: Callable[..., list[str]], text: str) -> None:
    """However it is written, no parser looks at all of it."""
    said = "\n".join(problems(_ACCOUNT + text))
    assert " is longer than 4096 characters: expected " in said
    assert len(said) < 1000


@pytest.mark.timeout(60)
def test_ten_thousand_jobs_are_read(load: Callable[..., Settings]) -> None:
    """With all that a job may have."""
    jobs = "".join(
        f"- {{account: acme, module: Leads, job_id: {i}, name: Job {i}, group: g, labels: {{team: x}}}}\n"
        for i in range(10_000)
    )
    settings = load(f"{_ACCOUNT}job_labels: [team]\njobs:\n{jobs}")
    assert [str(settings.jobs[i].key) for i in (0, 9_999)] == ["acme/Leads/0", "acme/Leads/9999"]
