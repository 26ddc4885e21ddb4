"""A release, from its tag to its page: the workflow's steps run here, and what they do outside is written down."""

import json
import os
import re
import shutil
import sysconfig
import tarfile
from pathlib import Path

import pytest
from release import Version, read_tag
from workflows import DIGEST, ROOT, WorkflowRun, load

import exporter

CHART_DIGEST = "sha256:" + "2" * 64
REGISTRY = "registry.example/acme"
IMAGE = f"{REGISTRY}/zoho-mass-update-exporter"
CHART = Path("deploy/helm/zoho-mass-update-exporter")
PARTS = ("Makefile", "pyproject.toml", "README.md", "LICENSE", "CHANGELOG.md", "requirements", "scripts", "exporter")
"""What a release reads of the checkout, beside the chart."""
PROGRAMS = {
    "gh": """case $2 in
        list) cat "$HOME/releases.json";;
        create | upload)
            for word in "$@"; do case $word in
                --notes-file=*) cat "${word#*=}" >"$HOME/notes";;
                assets/*) echo "$word" >>"$HOME/page";;
            esac; done
            printf '[{"tagName": "%s", "isDraft": true}]' "$3" >"$HOME/releases.json";;
        esac""",
    "cosign": "",
    "docker": """case "$*" in *"imagetools inspect"*) printf '{"spdxVersion": "SPDX-2.3"}';; esac""",
    "helm": f"""case $1 in
        push) [ ! -e "$HOME/no-push" ] || {{ echo "Error: denied" >&2; exit 1; }}
            echo "Pushed: $3" >&2; echo "Digest: {CHART_DIGEST}" >&2;;
        *) exec "{Path(sysconfig.get_path("scripts")) / "helm"}" "$@";;
        esac""",
}
"""What stands in for the programs that reach outside: each writes its call down, and answers like the real one."""


def prepare(
    work: Path, tag: str = "v1.0.0", *, package: str = "1.0.0", chart: str = "1.0.0", registry: str = REGISTRY
) -> WorkflowRun:
    """Give the release of a tag, from a checkout with these versions."""
    checkout = _checkout(work / "checkout", package, chart)
    _write_programs(work / "programs")
    _write_programs(checkout / ".venv" / "bin", "helm")
    put_out(work)
    return WorkflowRun(
        load(ROOT / ".github" / "workflows" / "release.yml"),
        work,
        checkout,
        path=f"{work / 'programs'}:{os.environ['PATH']}",
        contexts={
            "github.ref_name": tag,
            "github.sha": "abc",
            "github.actor": "ada",
            "github.token": "token-of-github",
            "vars.REGISTRY": registry,
        },
    )


def put_out(work: Path, *tags: str) -> None:
    """Let GitHub know these releases."""
    (work / "releases.json").write_text(json.dumps([{"tagName": tag, "isDraft": False} for tag in tags]))


def _checkout(checkout: Path, package: str, chart: str) -> Path:
    """Give a checkout with an environment that needs no installing."""
    for name in (*PARTS, CHART):
        _copy(ROOT / name, checkout / name)
    _replace(checkout / "exporter" / "__init__.py", r'^__version__ = ".*"', f'__version__ = "{package}"')
    changes = f"## {package} - 2026-12-01\n\n- What this one brings.\n\n## 0.0.1"
    _replace(checkout / "CHANGELOG.md", r"^## Unreleased$", changes)
    _replace(checkout / CHART / "Chart.yaml", "^version: .*", f"version: {chart}")
    _replace(checkout / CHART / "Chart.yaml", "^appVersion: .*", f"appVersion: {package}")
    programs = checkout / ".venv" / "bin"
    programs.mkdir(parents=True)
    (programs / "hatchling").symlink_to(Path(sysconfig.get_path("scripts")) / "hatchling")
    for stamp in (".run-installed", ".dev-installed"):
        (checkout / ".venv" / stamp).touch()
    return checkout


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
    else:
        shutil.copy2(source, target)


def _replace(file: Path, pattern: str, new: str) -> None:
    text, count = re.subn(pattern, new, file.read_text(encoding="utf-8"), count=1, flags=re.MULTILINE)
    assert count == 1
    file.write_text(text, encoding="utf-8")


def _write_programs(directory: Path, *names: str) -> None:
    directory.mkdir(exist_ok=True)
    for name in names or PROGRAMS:
        program = directory / name
        program.write_text(f'#!/bin/sh\nset -e\nprintf "%s\\n" "{name} $*" >>"$LOG"\n{PROGRAMS[name]}\n')
        program.chmod(0o755)


def _index(log: list[str], pattern: str) -> int:
    """Give the place of the one line that has a pattern."""
    [found] = [index for index, line in enumerate(log) if re.search(pattern, line)]
    return found


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the directory of the finished release of 1.0.0."""
    return tmp_path_factory.mktemp("release")


@pytest.fixture(scope="module")
def run(work: Path) -> WorkflowRun:
    """Give the release of 1.0.0, finished; only to be looked at."""
    run = prepare(work)
    assert run.start() is None, run.words
    return run


def test_what_cannot_be_taken_back_comes_last(run: WorkflowRun) -> None:
    """Image and chart come before PyPI, which never forgets; `latest` and the page, which people follow, end it."""
    steps = [
        "docker/build-push-action",
        f"^cosign sign --yes {IMAGE}@{DIGEST}$",
        f"^helm push chart/zoho-mass-update-exporter-1.0.0.tgz oci://{REGISTRY}/charts$",
        f"^cosign sign --yes {REGISTRY}/charts/zoho-mass-update-exporter@{CHART_DIGEST}$",
        r"^gh release create v1\.0\.0 --draft",
        "pypa/gh-action-pypi-publish",
        f"^docker buildx imagetools create --tag={IMAGE}:latest {IMAGE}@{DIGEST}$",
        r"^gh release edit v1\.0\.0 --draft=false --prerelease=false --latest=true",
    ]
    places = [_index(run.log, step) for step in steps]
    assert places == sorted(places)
    assert places[-1] == len(run.log) - 1


def test_pypi_comes_after_image_and_chart(run: WorkflowRun) -> None:
    """When one of these fails, the version's number is not spent."""
    pypi = _index(run.log, "pypa/gh-action-pypi-publish")
    outside = {"cosign", "helm", "image:", "chart:"}
    assert {line.split()[0] for line in run.log[:pypi]} >= outside
    assert not {line.split()[0] for line in run.log[pypi:]} & outside


def test_image_is_pushed_without_the_tag_latest(run: WorkflowRun) -> None:
    """It has the version alone, and is logged in to by the registry's host alone."""
    assert f" tags={IMAGE}:1.0.0 " in run.log[_index(run.log, "docker/build-push-action")]
    logins = [line for line in run.log if "docker/login-action" in line]
    assert {line.partition(": ")[2] for line in logins} == {
        "docker/login-action registry=registry.example username=ada password=token-of-github"
    }


def test_page_has_the_files_of_the_release_and_no_other(run: WorkflowRun, work: Path) -> None:
    """Packages, bills of materials and chart: no build's record, and nothing that signs."""
    assert run.log
    assert {Path(line).name for line in (work / "page").read_text().split()} == {
        "zoho_mass_update_exporter-1.0.0.tar.gz",
        "zoho_mass_update_exporter-1.0.0-py3-none-any.whl",
        "zoho-mass-update-exporter-1.0.0.tgz",
        "zoho-mass-update-exporter-1.0.0-linux-amd64.spdx.json",
        "zoho-mass-update-exporter-1.0.0-linux-arm64.spdx.json",
    }


def test_page_says_what_the_changelog_says(run: WorkflowRun, work: Path) -> None:
    """Of this version alone."""
    assert run.log
    assert (work / "notes").read_text() == "- What this one brings."


def test_published_chart_runs_the_published_image(run: WorkflowRun, work: Path) -> None:
    """Whoever installs it without a value gets the image from the registry that it was pushed to."""
    assert run.log
    [package] = (work / "artifacts" / "chart").iterdir()
    with tarfile.open(package) as files:
        values = files.extractfile("zoho-mass-update-exporter/values.yaml")
        assert values is not None
        assert f"\n  repository: {IMAGE}\n" in values.read().decode()


def test_pre_release_never_becomes_the_latest(tmp_path: Path) -> None:
    """Neither the image's nor GitHub's; and its page says what it is."""
    run = prepare(tmp_path, "v1.0.0rc1", package="1.0.0rc1", chart="1.0.0-rc.1")
    assert run.start() is None, run.words
    assert f" tags={IMAGE}:1.0.0rc1 " in run.log[_index(run.log, "docker/build-push-action")]
    assert not [line for line in run.log if ":latest" in line]
    assert run.log[_index(run.log, "^gh release create")].startswith(
        "gh release create v1.0.0rc1 --draft --verify-tag --title=1.0.0rc1"
    )
    assert run.log[-1].startswith("gh release edit v1.0.0rc1 --draft=false --prerelease=true --latest=false")


def test_push_that_fails_ends_the_release_which_goes_on_from_there(tmp_path: Path) -> None:
    """No pipe loses the failure, and nothing follows; later the jobs run again, over what is there already."""
    run = prepare(tmp_path)
    (tmp_path / "no-push").touch()
    assert run.start() == "chart"
    assert "Error: denied" in run.words
    assert run.log[-1].startswith("helm push")
    (tmp_path / "no-push").unlink()
    for job in ("chart", "draft", "draft", "pypi", "publish"):
        assert run.run_job(job), run.words
    assert len([line for line in run.log if line.startswith("gh release create")]) == 1
    assert [line for line in run.log if "gh-action-pypi-publish" in line] == [
        "pypi: pypa/gh-action-pypi-publish skip-existing=true"
    ]


@pytest.mark.parametrize(
    ("tag", "package", "chart", "words"),
    [
        ("v1.0.0", "1.0.1", "1.0.0", "exporter/__init__.py: __version__ is 1.0.1, but the tag v1.0.0 asks for 1.0.0;"),
        ("v1.0.0", "1.0.0", "0.9.0", "Chart.yaml: version is 0.9.0, but the tag v1.0.0 asks for 1.0.0;"),
        ("v1.0.0", "1.0.1", "1.0.0", "Chart.yaml: appVersion is 1.0.1, but the tag v1.0.0 asks for 1.0.0;"),
        ("v1.0.0", "1.0.1", "1.0.0", "CHANGELOG.md: no heading '## 1.0.0' with lines below it;"),
        (
            "v1.0.0-rc.1",
            "1.0.0rc1",
            "1.0.0",
            "Chart.yaml: version is 1.0.0, but the tag v1.0.0-rc.1 asks for 1.0.0-rc.1;",
        ),
        ("v1.0", "1.0", "1.0.0", "The tag v1.0 names no version: write it like v1.2.3,"),
    ],
)
def test_versions_that_disagree_are_told_before_anything_is_made(
    tmp_path: Path, tag: str, package: str, chart: str, words: str
) -> None:
    """Package, chart and changelog have the tag's version: each that has another is named."""
    run = prepare(tmp_path, tag, package=package, chart=chart)
    assert run.start() == "check"
    assert words in run.words


@pytest.mark.parametrize(
    ("registry", "words"),
    [
        ("", "Set the repository's variable REGISTRY:"),
        ("registry.example/Acme", "REGISTRY is 'registry.example/Acme': write a host, or host/path, in small letters"),
        ("https://registry.example", "REGISTRY is 'https://registry.example': write a host"),
        ("registry.example/acme/", "REGISTRY is 'registry.example/acme/': write a host"),
    ],
)
def test_registry_that_takes_no_image_is_told_before_anything_is_made(
    tmp_path: Path, registry: str, words: str
) -> None:
    """No image's name can be made of it."""
    run = prepare(tmp_path, registry=registry)
    assert run.start() == "check"
    assert words in run.words


@pytest.mark.parametrize("out", ["v1.0.0rc1", "v1.0.0-rc.1"])
def test_version_that_is_out_stays_as_it_is(tmp_path: Path, out: str) -> None:
    """Nothing is pushed over it, whichever way its tag was written."""
    run = prepare(tmp_path, "v1.0.0-rc.1", package="1.0.0rc1", chart="1.0.0-rc.1")
    put_out(tmp_path, "v0.9.0", out)
    assert run.start() == "check"
    assert f"{out} is released already" in run.words


@pytest.mark.parametrize("job", ["image", "chart", "draft"])
def test_job_that_is_run_anew_changes_nothing_that_is_out(tmp_path: Path, job: str) -> None:
    """A person may run one job again, long after the release, by mistake."""
    run = prepare(tmp_path)
    put_out(tmp_path, "v1.0.0")
    assert not run.run_job(job)
    assert [line.split()[1] for line in run.log] == ["actions/checkout", "release"]


@pytest.mark.parametrize(
    ("out", "is_latest"),
    [
        (["v0.9.0", "v0.10.0"], True),
        (["v1.0.1"], False),
        (["v10.0.0"], False),
        (["v1.1.0-rc.1", "v2.0.0a1"], True),
        (["nightly"], True),
    ],
)
def test_latest_never_goes_back(tmp_path: Path, out: list[str], *, is_latest: bool) -> None:
    """A fix of an older line leaves it where it is; a pre-release that is out does not count."""
    run = prepare(tmp_path)
    put_out(tmp_path, *out)
    assert run.run_job("publish")
    assert len([line for line in run.log if ":latest" in line]) == is_latest
    assert f"--latest={'true' if is_latest else 'false'} " in run.log[-1]


@pytest.mark.parametrize(
    ("tag", "of_package", "of_chart"),
    [
        ("v1.0.0", "1.0.0", "1.0.0"),
        ("v1.20.300", "1.20.300", "1.20.300"),
        ("v1.0.0rc1", "1.0.0rc1", "1.0.0-rc.1"),
        ("v1.0.0-rc.1", "1.0.0rc1", "1.0.0-rc.1"),
        ("v1.0.0-rc1", "1.0.0rc1", "1.0.0-rc.1"),
        ("v1.0.0b2", "1.0.0b2", "1.0.0-beta.2"),
        ("v1.0.0-alpha.3", "1.0.0a3", "1.0.0-alpha.3"),
    ],
)
def test_tag_is_spelled_for_python_and_for_helm(tag: str, of_package: str, of_chart: str) -> None:
    """Each of them refuses the other's spelling of a pre-release."""
    version = read_tag(tag)
    assert isinstance(version, Version)
    assert (version.of_package, version.of_chart) == (of_package, of_chart)


@pytest.mark.parametrize(
    "tag",
    ["1.0.0", "v1", "v1.0", "v1.0.0.0", "v1.0.0rc", "v1.0.0.post1", "v1.0.0.dev1", "v1.0.0+1", "v1.0.0-1", "v01.0.0"],
)
def test_other_tags_name_no_version(tag: str) -> None:
    """What Python and Helm would not both read alike is not released."""
    assert read_tag(tag) is None


def test_versions_of_this_checkout_agree() -> None:
    """A release only needs its tag: the chart has the package's version, as Helm spells it."""
    lines = (ROOT / CHART / "Chart.yaml").read_text(encoding="utf-8").splitlines()
    version = read_tag(f"v{exporter.__version__}")
    assert version is not None
    assert f"version: {version.of_chart}" in lines
    assert f"appVersion: {version.of_package}" in lines
