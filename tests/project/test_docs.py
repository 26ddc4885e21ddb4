"""The documentation against the code, and against itself."""

import re
from pathlib import Path

import pytest
from played import PlayedExporter, there
from samples import web_options

from exporter.web.routes import create_routes
from exporter.web.status import StatusPage

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    page.relative_to(ROOT)
    for page in (
        *ROOT.glob("*.md"),
        *ROOT.glob("docs/**/*.md"),
        *ROOT.glob("deploy/**/*.md"),
        *ROOT.glob("grafana/*.md"),
    )
)
QUERIES = re.compile(r"(/explain|/probe)\?([^`\s\"]+)")
"""The pages of one job, with what asks for it."""


def routes() -> dict[str, set[str]]:
    """Give the methods of every path, without those that HTTP adds."""
    methods: dict[str, set[str]] = {}
    for route in create_routes(web_options(), there(PlayedExporter()), StatusPage("/metrics")):
        methods.setdefault(route.path, set()).add(route.method)
    return methods


def test_every_endpoint_is_documented() -> None:
    """The table of docs/http.md has each path that is answered, and no other."""
    page = (ROOT / "docs" / "http.md").read_text(encoding="utf-8")
    documented = {path.partition("?")[0] for path in re.findall(r"^\| `(/[^`]*)` \|", page, re.MULTILINE)}
    assert documented == set(routes())


def test_documented_methods_are_answered() -> None:
    """A row that names methods names all that its path has beside GET."""
    page = (ROOT / "docs" / "http.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| `(/[^`?]*)[^`]*` \| (.*) \|$", page, re.MULTILINE))
    named = {path: set(re.findall(r"`(GET|POST|DELETE)`", text)) or {"GET"} for path, text in rows.items()}
    assert named == routes()


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_addresses_have_parameters_that_are_documented(page: Path) -> None:
    """Whoever copies an address of the exporter from a page gets an answer."""
    table = (ROOT / "docs" / "http.md").read_text(encoding="utf-8")
    known = {path: set(parameters(query)) for path, query in QUERIES.findall(table)}
    text = (ROOT / page).read_text(encoding="utf-8")
    assert [path for path, query in QUERIES.findall(text) if not set(parameters(query)) <= known[path]] == []


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_no_command_has_a_secret_among_its_arguments(page: Path) -> None:
    """Every user of a machine sees them; the shell's own printf has none that are seen."""
    text = re.sub(r"\\\n\s*", "", (ROOT / page).read_text(encoding="utf-8"))
    told = r"\b(?:curl|wget)\b[^|;\n]*?(?:[Aa]uthorization:|[ \"]-u[ =]|--user[ =]|--password[ =])[^|;\n]*"
    assert re.findall(told, text) == []


def parameters(query: str) -> list[str]:
    """Give the names of the parameters of an address."""
    return re.findall(r"(?:^|&)([a-z_]+)=", query)


def anchors(page: Path) -> set[str]:
    """Give the anchors that a page's headings make."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading).strip().lower().replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_links_lead_somewhere(page: Path) -> None:
    """Every file and heading that a page links to is there."""
    text = re.sub(r"```.*?```", "", (ROOT / page).read_text(encoding="utf-8"), flags=re.DOTALL)
    broken = []
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if "://" in target or target.startswith("mailto:"):
            continue
        name, _, anchor = target.partition("#")
        file = (ROOT / page).parent / name if name else ROOT / page
        if not file.exists() or (anchor and anchor not in anchors(file)):
            broken.append(target)
    assert broken == []


def test_every_picture_is_shown_and_asks_nobody_for_anything() -> None:
    """None is left over, and whoever reads a page is known to no other site by it."""
    text = "".join((ROOT / page).read_text(encoding="utf-8") for page in PAGES)
    images = ROOT / "docs" / "images"
    assert {image.name for image in images.iterdir()} - set(re.findall(r"images/([\w.-]+)", text)) == set()
    drawn = "".join(image.read_text(encoding="utf-8") for image in images.glob("*.svg"))
    assert set(re.findall(r"https?://(?!127\.)[^\s\"<&]+", drawn)) == {"http://www.w3.org/2000/svg"}
    assert drawn.count("url(") == drawn.count("url(#")


def test_every_verb_of_make_is_documented() -> None:
    """CONTRIBUTING.md has a row for each verb that `make help` lists, and for no other."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (`make .*?`) \|", (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8"), re.MULTILINE)
    documented = set(re.findall(r"`make ([a-z-]+)`", " ".join(rows)))
    assert documented == set(re.findall(r"^([a-z-]+):.*## ", makefile, re.MULTILINE)) - {"help"}


def test_every_page_is_in_the_index() -> None:
    """Whoever opens docs/ finds each page from there."""
    index = (ROOT / "docs" / "README.md").read_text(encoding="utf-8")
    assert {page.name for page in (ROOT / "docs").glob("*.md")} - set(re.findall(r"\]\(([\w-]+\.md)\)", index)) == {
        "README.md"
    }


def test_addresses_that_the_program_tells_lead_somewhere() -> None:
    """What is printed or linked is a page of the repository, with its heading."""
    files = (*ROOT.glob("exporter/**/*.py"), *ROOT.glob("exporter/**/*.html"))
    text = "".join(file.read_text(encoding="utf-8") for file in files)
    told = re.findall(r"(?:\{DOCS_URL\}|\{\{ docs_url \}\})/([\w./-]+?)(?:#([\w-]+))?[\"\s]", text)
    assert {"README.md", "docs/README.md", "docs/simulator.md"} <= {page for page, _ in told}
    assert [page for page, anchor in told if anchor and anchor not in anchors(ROOT / page)] == []
    assert [page for page, _ in told if not (ROOT / page).exists()] == []
