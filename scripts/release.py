"""The steps of a release that are more than one command; .github/workflows/release.yml runs them, one a job.

Takes only Python's own library, so that it starts on a bare runner. All that a step needs to know comes in the
variables that GitHub and the workflow set; each can run twice.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from shutil import copytree

NAME = "zoho-mass-update-exporter"
CHART = Path("deploy/helm") / NAME
PLATFORMS = ("linux/amd64", "linux/arm64")
_NUMBER = r"(0|[1-9]\d*)"
_TAG = re.compile(rf"v{_NUMBER}\.{_NUMBER}\.{_NUMBER}(?:-?(a|b|rc|alpha|beta)\.?{_NUMBER})?", re.ASCII)
_SHORT = {"alpha": "a", "beta": "b"}
_LONG = {"a": "alpha", "b": "beta"}
_REPOSITORY = re.compile(rf"^(  repository: ){NAME}$", re.MULTILINE)
_REGISTRY = re.compile(r"[a-z0-9.-]+(:\d+)?(/[a-z0-9]+([._-]+[a-z0-9]+)*)*")


@dataclass(frozen=True, slots=True)
class Version:
    """What a tag names, in the spellings of those who read it."""

    numbers: tuple[int, int, int]
    stage: str = ""
    """`a`, `b` or `rc`; empty for a release that is none of these."""
    count: str = ""

    @property
    def of_package(self) -> str:
        """Python's spelling, which the exporter says of itself and its image is tagged with: 1.0.0rc1."""
        return f"{self._base}{self.stage}{self.count}"

    @property
    def of_chart(self) -> str:
        """The spelling of semantic versions, which Helm insists on: 1.0.0-rc.1."""
        return f"{self._base}-{_LONG.get(self.stage, self.stage)}.{self.count}" if self.stage else self._base

    @property
    def is_prerelease(self) -> bool:
        """Whether it is to be tried, and not what a user gets who asks for the latest."""
        return bool(self.stage)

    @property
    def _base(self) -> str:
        return ".".join(map(str, self.numbers))


def read_tag(tag: str) -> Version | None:
    """Read a tag such as v1.0.0, v1.0.0rc1 or v1.0.0-rc.1; none, if it is no release's."""
    found = _TAG.fullmatch(tag)
    if not found:
        return None
    major, minor, patch, stage, count = found.groups(default="")
    return Version((int(major), int(minor), int(patch)), _SHORT.get(stage, stage), count)


def check() -> None:
    """Hold the tag against all that names a version, before anything is made; give what the jobs go on with."""
    version = _version()
    if problems := [*_disagreements(version), *_missing_settings(), *_already_out(version)]:
        sys.exit("\n".join(problems))
    registry = os.environ["REGISTRY"]
    outputs = {
        "version": version.of_package,
        "host": registry.partition("/")[0],
        "image": f"{registry}/{NAME}",
        "charts": f"{registry}/charts",
    }
    sys.stdout.writelines(f"{name}={value}\n" for name, value in outputs.items())


def bill_of_materials() -> None:
    """Take each platform's list of what is in the image, in SPDX, out of the registry."""
    directory = Path("sbom")
    directory.mkdir(exist_ok=True)
    for platform in PLATFORMS:
        template = f'{{{{ json (index .SBOM "{platform}").SPDX }}}}'
        found = _run("docker", "buildx", "imagetools", "inspect", _image_by_digest(), "--format", template)
        if "spdxVersion" not in (json.loads(found) or {}):
            sys.exit(f"The registry has no bill of materials of {_image_by_digest()} for {platform}")
        (directory / _sbom_name(_version(), platform)).write_text(found, encoding="utf-8")


def chart() -> None:
    """Package the chart for the image that was pushed, push it, and sign what was pushed."""
    package = _package_chart(_version(), os.environ["IMAGE"])
    said = _run("helm", "push", package, f"oci://{os.environ['CHARTS']}", with_errors=True)
    digest = re.search(r"^Digest: (sha256:[0-9a-f]{64})$", said, re.MULTILINE)
    if not digest:
        sys.exit(f"helm push has not said which digest the chart has:\n{said}")
    _run("cosign", "sign", "--yes", f"{os.environ['CHARTS']}/{NAME}@{digest[1]}")


def draft() -> None:
    """Make the release's page, which nobody sees yet, with all files on it."""
    tag, version = _tag(), _version()
    assets = sorted(Path("assets").iterdir())
    _refuse_other_files({path.name for path in assets}, version)
    if tag not in {release["tagName"] for release in _releases()}:
        _create_page(tag, version)
    _gh("upload", tag, "--clobber", *assets)


def _create_page(tag: str, version: Version) -> None:
    with tempfile.NamedTemporaryFile("w", encoding="utf-8", suffix=".md") as notes:
        notes.write(_notes(version))
        notes.flush()
        words = [
            f"--title={version.of_package}",
            f"--notes-file={notes.name}",
            _flag("prerelease", version.is_prerelease),
        ]
        _gh("create", tag, "--draft", "--verify-tag", *words)


def publish() -> None:
    """Let the tag `latest` follow where this is the newest release, and show the page: the last step of all."""
    version = _version()
    is_latest = _is_newest(version)
    if is_latest:
        _run("docker", "buildx", "imagetools", "create", f"--tag={os.environ['IMAGE']}:latest", _image_by_digest())
    _gh("edit", _tag(), "--draft=false", _flag("prerelease", version.is_prerelease), _flag("latest", is_latest))


def _disagreements(version: Version) -> Iterator[str]:
    places = {
        "__version__": (Path("exporter/__init__.py"), r'^__version__ = "(.+)"$', version.of_package),
        "version": (CHART / "Chart.yaml", r"^version: (.+)$", version.of_chart),
        "appVersion": (CHART / "Chart.yaml", r"^appVersion: (.+)$", version.of_package),
    }
    for name, (file, pattern, wanted) in places.items():
        found = re.search(pattern, file.read_text(encoding="utf-8"), re.MULTILINE)
        said = found[1].strip("\"'") if found else "missing"
        if said != wanted:
            yield f"{file}: {name} is {said}, but the tag {_tag()} asks for {wanted}; change it, and tag that commit"
    if not _notes(version):
        yield f"CHANGELOG.md: no heading '## {version.of_package}' with lines below it; the release's page shows them"


def _missing_settings() -> Iterator[str]:
    registry = os.environ.get("REGISTRY", "")
    if not registry:
        yield "Set the repository's variable REGISTRY: the host of a container registry, and a path if it wants one"
    elif not _REGISTRY.fullmatch(registry):
        yield f"The repository's variable REGISTRY is {registry!r}: write a host, or host/path, in small letters"


def _already_out(version: Version) -> Iterator[str]:
    for release in _releases():
        tag = str(release["tagName"])
        if not release["isDraft"] and read_tag(tag) == version:
            yield f"{tag} is released already, and stays as it is; a change takes the next version"


def _notes(version: Version) -> str:
    """Give the changelog's lines of a version; a pre-release may go with those that are not released yet."""
    chapters = re.split(r"^## ", Path("CHANGELOG.md").read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]
    by_name = {lines.split()[0]: lines.partition("\n")[2].strip() for lines in chapters}
    return by_name.get(version.of_package) or (by_name.get("Unreleased", "") if version.is_prerelease else "")


def _package_chart(version: Version, image: str) -> Path:
    with tempfile.TemporaryDirectory() as work:
        source = copytree(CHART, Path(work) / NAME)
        values = source / "values.yaml"
        text, count = _REPOSITORY.subn(rf"\g<1>{image}", values.read_text(encoding="utf-8"))
        if count != 1:
            sys.exit(f"{CHART}/values.yaml has {count} lines '  repository: {NAME}' instead of one")
        values.write_text(text, encoding="utf-8")
        _run("helm", "package", source, "--destination=chart")
    package = Path("chart") / f"{NAME}-{version.of_chart}.tgz"
    _refuse_other_images(package, f"{image}:{version.of_package}")
    return package


def _refuse_other_images(package: Path, image: str) -> None:
    rendered = _run("helm", "template", "release", package, "--set=demo=true")
    found = set(re.findall(r"^ *(?:- )?image: \"?([^\"\s]+)", rendered, re.MULTILINE))
    if found != {image}:
        sys.exit(f"The chart {package} would run {', '.join(sorted(found)) or 'no image'} instead of {image}")


def _refuse_other_files(found: set[str], version: Version) -> None:
    """A file that is missing would be missed by somebody, and one too many could say what it should not."""
    stem = f"zoho_mass_update_exporter-{version.of_package}"
    wanted = {f"{stem}.tar.gz", f"{stem}-py3-none-any.whl", f"{NAME}-{version.of_chart}.tgz"}
    wanted |= {_sbom_name(version, platform) for platform in PLATFORMS}
    if found != wanted:
        sys.exit(f"Missing among the release's files: {sorted(wanted - found)}; too many: {sorted(found - wanted)}")


def _sbom_name(version: Version, platform: str) -> str:
    return f"{NAME}-{version.of_package}-{platform.replace('/', '-')}.spdx.json"


def _is_newest(version: Version) -> bool:
    out = (read_tag(str(release["tagName"])) for release in _releases() if not release["isDraft"])
    stable = [other.numbers for other in out if other and not other.is_prerelease]
    return not version.is_prerelease and version.numbers >= max(stable, default=version.numbers)


def _releases() -> list[dict[str, object]]:
    # list, because view fails alike when there is no such release and when GitHub does not answer.
    found: list[dict[str, object]] = json.loads(_gh("list", "--limit=1000", "--json=tagName,isDraft"))
    return found


def _gh(verb: str, *arguments: str | Path) -> str:
    return _run("gh", "release", verb, *arguments, f"--repo={os.environ['GITHUB_REPOSITORY']}")


def _run(*command: str | Path, with_errors: bool = False) -> str:
    """Run a program, whose failure ends the step; give what it prints."""
    sys.stderr.write(f"+ {' '.join(map(str, command))}\n")
    sys.stderr.flush()
    errors = subprocess.STDOUT if with_errors else None
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=errors, text=True, check=False)
    if done.returncode:
        sys.exit(f"{done.stdout}{command[0]} failed with status {done.returncode}")
    return done.stdout


def _version() -> Version:
    version = read_tag(_tag())
    if version is None:
        sys.exit(f"The tag {_tag()} names no version: write it like v1.2.3, or v1.2.3-rc.1 for a pre-release")
    return version


def _tag() -> str:
    return os.environ["GITHUB_REF_NAME"]


def _image_by_digest() -> str:
    return f"{os.environ['IMAGE']}@{os.environ['DIGEST']}"


def _flag(name: str, value: bool) -> str:  # noqa: FBT001
    return f"--{name}={'true' if value else 'false'}"


_STEPS: dict[str, Callable[[], None]] = {
    "check": check,
    "sbom": bill_of_materials,
    "chart": chart,
    "draft": draft,
    "publish": publish,
}

if __name__ == "__main__":
    _STEPS[sys.argv[1]]()
