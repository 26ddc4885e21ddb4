"""The page as Prometheus reads it."""

import re
import subprocess
from collections import Counter
from pathlib import Path

import pytest
from golden import GoldenCheck
from programs import Program
from prometheus_client import CollectorRegistry
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from exporter.metrics.families import SCRAPED, Family, Group, table
from exporter.metrics.page import PROCESS, Pages
from exporter.model import Distribution, Page, Snapshot

GOLDEN = Path(__file__).parent / "golden"
OPENMETRICS = "application/openmetrics-text; version=1.0.0"
PROMETHEUS_ACCEPTS = (
    "application/openmetrics-text;version=1.0.0;q=0.5,application/openmetrics-text;version=0.0.1;q=0.4,"
    "text/plain;version=0.0.4;q=0.3,*/*;q=0.2"
)
CODES = ("NOT_FOUND", "timeout", "other")


def page_of(snapshot: Snapshot, accept: str) -> Page:
    """Write the page of the table alone, so that it is the same on every machine."""
    return Pages(table(("team",), CODES), CollectorRegistry()).write(snapshot, accept, SCRAPED)


@pytest.mark.parametrize(
    ("accept", "file"),
    [pytest.param("", "metrics.txt", id="text"), pytest.param(OPENMETRICS, "metrics.openmetrics", id="openmetrics")],
)
def test_page_is_the_golden_one(snapshot: Snapshot, check_golden: GoldenCheck, accept: str, file: str) -> None:
    """The whole page, byte for byte."""
    check_golden(GOLDEN / file, page_of(snapshot, accept).body.decode())


def test_promtool_has_no_remark(snapshot: Snapshot, program: Program) -> None:
    """The real promtool accepts every name, type and help."""
    page = page_of(snapshot, "").body
    check = subprocess.run([program("promtool"), "check", "metrics"], input=page, capture_output=True, check=False)
    assert (check.returncode, check.stdout, check.stderr) == (0, b"", b"")


def test_both_formats_say_the_same(snapshot: Snapshot) -> None:
    """The official parsers read the same samples from both, each series once."""
    text = parse_text(page_of(snapshot, "").body.decode())
    openmetrics = parse_openmetrics(page_of(snapshot, OPENMETRICS).body.decode())
    samples = [
        [(s.name, s.labels, s.value) for family in families for s in family.samples] for families in (text, openmetrics)
    ]
    assert samples[0] == samples[1]
    series = Counter((name, tuple(sorted(labels.items()))) for name, labels, _ in samples[0])
    assert [one for one, count in series.items() if count > 1] == []


def test_hostile_name_comes_back_as_it_was(snapshot: Snapshot) -> None:
    """Quotes, backslashes and line ends in a job's name survive the format."""
    families = parse_text(page_of(snapshot, "").body.decode())
    [info] = [family for family in families if family.name == "zoho_mass_update_job_info"]
    names = {sample.labels["job_id"]: sample.labels["job_name"] for sample in info.samples}
    assert names["3524033000006027001"] == 'Reassign "EMEA" \\ leads\nnow <script>'


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [
        pytest.param("", "text/plain; version=0.0.4; charset=utf-8", id="nothing asked"),
        pytest.param("*/*", "text/plain; version=0.0.4; charset=utf-8", id="curl"),
        pytest.param(PROMETHEUS_ACCEPTS, "application/openmetrics-text; version=1.0.0; charset=utf-8", id="prometheus"),
        pytest.param(
            "Application/OpenMetrics-Text", "application/openmetrics-text; version=1.0.0; charset=utf-8", id="case"
        ),
        pytest.param("application/openmetrics-text;q=0", "text/plain; version=0.0.4; charset=utf-8", id="refused by q"),
        pytest.param(
            "application/openmetrics-text; version=1.0.0; x=\x00; escaping=evil",
            "application/openmetrics-text; version=1.0.0; charset=utf-8",
            id="odd parameters never reach the answer",
        ),
        pytest.param(";;,,=;q=", "text/plain; version=0.0.4; charset=utf-8", id="garbage"),
    ],
)
def test_format_follows_the_accept_header(snapshot: Snapshot, accept: str, content_type: str) -> None:
    """OpenMetrics where it is asked for, the text format for everyone else."""
    assert page_of(snapshot, accept).content_type == content_type


_OPEN, _CLASSIC = "application/openmetrics-text", "text/plain"


@pytest.mark.parametrize(
    ("accept", "media_type"),
    [
        pytest.param("text/plain;version=0.0.4;q=0.5,application/openmetrics-text;version=1.0.0;q=0.4", _CLASSIC),
        pytest.param("text/plain;version=0.0.4;q=0.4,application/openmetrics-text;version=1.0.0;q=0.5", _OPEN),
        pytest.param("application/openmetrics-text;q=0.0", _CLASSIC),
        pytest.param("application/openmetrics-text;version=1.0.0;q=0,*/*;q=0.1", _CLASSIC),
        pytest.param("application/openmetrics-text, text/plain", _OPEN),
        pytest.param("text/plain, application/openmetrics-text", _OPEN),
        pytest.param("text/plain;q=0, */*;q=0.1", _OPEN),
        pytest.param("application/*, text/plain;q=0.9", _OPEN),
        pytest.param("text/*;q=0.2, application/*;q=0.1", _CLASSIC),
        pytest.param("application/openmetrics-text;q=0.2, */*;q=0.9", _CLASSIC),
        pytest.param("application/openmetrics-text;version=0.0.1;q=0.5,text/plain;q=0.4", _OPEN),
        pytest.param("application/openmetrics-text;version=1.0.0;q=0,application/openmetrics-text;q=1", _CLASSIC),
        pytest.param("text/plain;version=1.0.0;q=0.6,text/plain;version=0.0.4;q=0.2,*/*;q=0.5", _OPEN),
        pytest.param("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", _CLASSIC),
        pytest.param("application/json", _CLASSIC),
        pytest.param("application/openmetrics-text;version=0.0.1", _OPEN),
        pytest.param("application/openmetrics-text;version=2.0.0", _CLASSIC),
        pytest.param("application/openmetrics-text;version=2.0.0,application/openmetrics-text;q=0.1", _OPEN),
        pytest.param("application/openmetrics-text;q=0,text/plain;q=0", _CLASSIC),
    ],
)
def test_format_is_the_one_that_is_wanted_most(snapshot: Snapshot, accept: str, media_type: str) -> None:
    """By the weight of what names it most exactly; a page there is always."""
    assert page_of(snapshot, accept).content_type.partition(";")[0] == media_type


def test_openmetrics_tells_units(snapshot: Snapshot) -> None:
    """Of each family whose name ends in one, as the standard wants it; those of the process too."""
    page = Pages(table((), CODES), PROCESS).write(snapshot, OPENMETRICS, SCRAPED).body.decode()
    units = dict(re.findall(r"^# UNIT (\S+) (\S+)$", page, re.MULTILINE))
    named = re.findall(r"^# TYPE (\S+_(seconds|bytes)) ", page, re.MULTILINE)
    assert units == dict(named)
    assert units["process_resident_memory_bytes"] == "bytes"
    assert units["zoho_mass_update_job_duration_seconds"] == "seconds"
    assert "# UNIT" not in Pages(table((), CODES), PROCESS).write(snapshot, "", SCRAPED).body.decode()


def test_families_of_the_process_may_be_left_out(snapshot: Snapshot) -> None:
    """Those alone: what the exporter says of itself stays."""
    page = Pages(table((), CODES), None).write(snapshot, "", SCRAPED).body.decode()
    assert re.findall(r"^# TYPE (?:process|python)_", page, re.MULTILINE) == []
    assert "\nzoho_mass_update_exporter_build_info{" in page


def test_empty_exporter_still_gives_a_page(snapshot: Snapshot) -> None:
    """Without accounts and jobs the exporter's own families are there."""
    page = page_of(Snapshot((), (), snapshot.exporter), OPENMETRICS).body.decode()
    assert 'zoho_mass_update_exporter_build_info{python_version="3.11.2",version="1.2.3"} 1.0' in page
    assert page.endswith("# EOF\n")


def test_process_families_follow(snapshot: Snapshot) -> None:
    """The process's own memory and the interpreter's collections are on the page."""
    page = Pages(table((), CODES), PROCESS).write(snapshot, "", SCRAPED).body.decode()
    assert "\nprocess_resident_memory_bytes " in page
    assert "\npython_gc_collections_total{" in page


@pytest.mark.parametrize(
    ("is_histogram", "value", "message"),
    [
        pytest.param(False, Distribution.empty((1.0,)), "m is a gauge, and its row gives a Dist", id="distribution"),
        pytest.param(True, 1.0, "m is a histogram, and its row gives a float", id="number"),
    ],
)
def test_row_of_the_wrong_type_is_refused(
    snapshot: Snapshot,
    is_histogram: bool,  # noqa: FBT001 - a case
    value: float | Distribution,
    message: str,
) -> None:
    """A row whose function does not fit its type is found by its first test, not by Prometheus."""
    family: Family[object] = Family("m", "M.", lambda _: value, is_histogram=is_histogram)
    group: Group[object] = Group("exporter", (), lambda _: [((), None)], (family,))
    with pytest.raises(TypeError, match=message):
        Pages((*table((), CODES), group), None).write(snapshot, "", SCRAPED)
