"""The page as HTML."""

import re
from base64 import b64encode
from dataclasses import replace
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st
from reading import Reading
from samples import DEALS, FAILURE, LEADS, NOW, account, report, snapshot_of, tracked, upstream
from starlette.datastructures import Headers, QueryParams
from starlette.responses import PlainTextResponse

from exporter.model import CreditStatus, JobKey, JobSource, JobSpec, JobState, Snapshot, TrackedJob
from exporter.web.request import Request
from exporter.web.status.page import StatusPage
from exporter.web.status.templates import Templates

HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>"
PAGE = StatusPage("/metrics")


def read(snapshot: Snapshot, filters: dict[str, str] | None = None, now: float = NOW + 60) -> Reading:
    """Write a page and read it."""
    return Reading(PAGE.write(snapshot, filters or {}, now).decode())


def job(key: JobKey = LEADS, state: JobState = JobState.RUNNING, **spec: str) -> TrackedJob:
    """Give a job that was polled at `NOW`."""
    described = JobSpec(key, JobSource.CONFIG, name=spec.get("name", ""), group=spec.get("group", ""))
    return replace(tracked(), spec=described, report=report(state), reported_at=NOW, polled_at=NOW, next_poll_at=NOW)


def test_policy_allows_the_style_and_the_script_of_the_page() -> None:
    """The hashes in the header are those of what stands in the page, to the byte."""
    text = PAGE.write(snapshot_of(), {}, NOW).decode()
    policy = Templates("/metrics", "").headers["Content-Security-Policy"]
    for tag in ("style", "script"):
        [content] = re.findall(rf"<{tag}>(.*?)</{tag}>", text, re.DOTALL)
        digest = b64encode(sha256(content.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy


def test_page_needs_nothing_else() -> None:
    """No element loads anything, and the only links that leave the exporter are those to the documentation."""
    reading = read(snapshot_of(job()))
    assert [attributes["href"] for attributes in reading.named("link")] == [
        attributes["href"] for attributes in reading.named("link") if str(attributes["href"]).startswith("data:")
    ]
    assert not [tag for tag, attributes in reading.elements if "src" in attributes or "style" in attributes]
    assert {str(attributes["href"]) for attributes in reading.named("a")} == {
        "#main",
        "/",
        "/metrics",
        "/-/healthy",
        "/config",
        "https://github.com/zoho-mass-update-exporter/zoho-mass-update-exporter/blob/main/README.md",
        "/jobs/acme/Leads/3524033000006027001",
    }


def test_table_says_what_its_cells_are() -> None:
    """Caption and heads are marked as such, and every bar has its value as text too."""
    reading = read(snapshot_of(job(), job(DEALS)))
    assert "2 of 2 jobs; what needs attention stands first" in reading.texts
    scopes = [attributes["scope"] for attributes in reading.named("th")]
    assert scopes == ["col"] * 10 + ["row"] * 2
    bars = reading.named("progress")
    assert [bar["value"] for bar in bars] == ["64.0", "60.0", "60.0"]
    assert all(bar["aria-label"] for bar in bars)
    assert reading.texts.count("60 %") == 4


def test_row_has_all_that_is_known_of_a_job() -> None:
    """What the job's own fields say stands beside the words."""
    busy = replace(
        job(name="Reassign EMEA leads", group="spring"),
        report=report(updated=40_000, failed=300, not_updated=9_700, total=50_000),
        records_per_second=67.2,
    )
    reading = read(snapshot_of(busy))
    start = reading.texts.index("Reassign EMEA leads")
    assert reading.texts[start : start + 5] == [
        "Reassign EMEA leads",
        "acme / Leads /",
        "3524033000006027001",
        "spring",
        "from config",
    ]
    start = reading.texts.index("40,000")
    assert reading.texts[start : start + 6] == ["40,000", "300", "0.7 %", "9,700", "50,000", "67/s"]


def test_job_that_was_never_polled_has_dashes() -> None:
    """There is nothing to show yet, and the row says so."""
    reading = read(snapshot_of(tracked()))
    assert "Leads 3524033000006027001" in reading.texts
    start = reading.texts.index("Not polled yet")
    assert reading.texts[start + 2 : start + 9] == ["\N{EN DASH}"] * 7
    assert "blank" in str(reading.named("tbody")[0]["class"])


def test_ended_job_is_final() -> None:
    """Its data will not change any more."""
    ended = replace(job(state=JobState.COMPLETED), next_poll_at=None, finished_at=NOW)
    assert "1 min old , final" in " ".join(read(snapshot_of(ended)).texts)


@pytest.mark.parametrize(
    ("state", "acknowledged_at", "may_acknowledge", "actions"),
    [
        pytest.param(JobState.FAILED, None, True, [f"api/v1/jobs/{LEADS}/ack"], id="failed"),
        pytest.param(JobState.COMPLETED, None, True, [f"api/v1/jobs/{LEADS}/ack"], id="partly failed"),
        pytest.param(JobState.FAILED, NOW, True, [], id="acknowledged"),
        pytest.param(JobState.RUNNING, None, True, [], id="not ended"),
        pytest.param(JobState.FAILED, None, False, [], id="reader who may not"),
    ],
)
def test_form_acknowledges_an_end(
    state: JobState, acknowledged_at: float | None, actions: list[str], *, may_acknowledge: bool
) -> None:
    """A plain form, for readers with a password alone, while nobody has taken note of a bad end."""
    snapshot = snapshot_of(replace(job(state=state), acknowledged_at=acknowledged_at))
    page = Reading(PAGE.write(snapshot, {}, NOW, may_acknowledge=may_acknowledge).decode())
    assert [form["action"] for form in page.named("form") if form["method"] == "post"] == actions


@pytest.mark.parametrize(
    ("may_acknowledge", "words"),
    [
        pytest.param(True, "acknowledge it over https, or by ack", id="by plain HTTP"),
        pytest.param(False, "acknowledge it by ack", id="without a password"),
    ],
)
def test_browser_that_can_send_no_form_is_told_how_to_acknowledge(words: str, *, may_acknowledge: bool) -> None:
    """By plain HTTP a browser says of no form whose it is, so a button would be refused, as without a password."""
    snapshot = snapshot_of(job(state=JobState.FAILED))
    page = Reading(PAGE.write(snapshot, {}, NOW, may_acknowledge=may_acknowledge, by_form=False).decode())
    assert [form for form in page.named("form") if form["method"] == "post"] == []
    assert words in " ".join(page.texts)


def test_page_says_when_it_was_written() -> None:
    """For people by the clock, exactly for who points at it, and for programs."""
    reading = read(snapshot_of(), now=NOW)
    assert reading.named("time") == [{"datetime": "2026-09-21T14:13:20Z", "title": "2026-09-21 14:13:20 UTC"}]
    assert "14:13:20 UTC" in reading.texts


def test_title_tells_how_many_jobs_need_attention() -> None:
    """A reader with many tabs sees it."""
    assert "(1) Zoho mass updates" in read(snapshot_of(job(), job(DEALS, JobState.FAILED))).texts
    assert "Zoho mass updates" in read(snapshot_of(job())).texts


def test_overview_counts_all_jobs() -> None:
    """The overview is of everything, whatever is filtered."""
    reading = read(snapshot_of(job(), job(DEALS, JobState.FAILED)), {"module": "Leads"})
    start = reading.texts.index("need attention")
    assert reading.texts[start - 1 : start + 8] == [
        "1",
        "need attention",
        "1 failed",
        "1",
        "running well",
        "0",
        "waiting",
        "0",
        "completed in full",
    ]
    assert "1 of 2 jobs, filtered; what needs attention stands first" in reading.texts


@pytest.mark.parametrize(
    ("failures", "message", "told"),
    [
        pytest.param(
            1,
            "Zoho fell silent for 8 s",
            ["The last poll failed.", "timeout", "Zoho fell silent for 8 s.", "What to do: check the network."],
            id="once",
        ),
        pytest.param(
            2,
            "a timeout of 8 s",
            ["The last poll failed, 2 polls in a row.", "a timeout of 8 s.", "What to do: check the network."],
            id="again, and the message has the code",
        ),
    ],
)
def test_failure_stands_below_its_job(failures: int, message: str, told: list[str]) -> None:
    """The last error is there in words, with what to do."""
    failure = replace(FAILURE, message=message)
    reading = read(snapshot_of(replace(job(), failure=failure, failures_in_a_row=failures)))
    start = reading.texts.index(told[0])
    assert reading.texts[start : start + len(told)] == told


def test_times_of_a_report_and_a_poll() -> None:
    """Both are there in words and exactly; the exact one once where they are the same."""
    reading = read(snapshot_of(replace(job(), polled_at=NOW + 15)), now=NOW + 30)
    titles = [span.get("title") for span in reading.named("span")]
    assert {"30 s old", "15 s ago"} <= set(reading.texts)
    assert {"2026-09-21 14:13:20 UTC", "2026-09-21 14:13:35 UTC"} <= set(titles)
    assert "polled 15 s ago" in read(snapshot_of(job()), now=NOW + 15).texts


def test_page_without_jobs_tells_how_to_add_one() -> None:
    """The empty page is a beginning, with the account's own name in it."""
    reading = read(snapshot_of())
    assert "No jobs yet" in reading.texts
    assert any('{account: acme, module: Leads, job_id: "3524033000006027001"' in text for text in reading.texts)
    assert {"zoho-mass-update-exporter track Leads/3524033000006027001", "zoho-mass-update-exporter schedule"} <= set(
        reading.texts
    )
    assert reading.named("table") == []


def test_filter_that_matches_nothing_says_so() -> None:
    """An unknown value gives a sentence, names what was asked, and leads back."""
    reading = read(snapshot_of(job()), {"module": "Leadz", "state": "paused"})
    start = reading.texts.index("No job matches")
    assert reading.texts[start + 1 : start + 7] == [
        "Of 1 job, none has module “",
        "Leadz",
        "” and state “",
        "paused",
        "”.",
        "Show all jobs",
    ]


def test_notices_and_accounts_are_shown() -> None:
    """What is wrong with the scrapes, and an account without a budget."""
    idle = account(upstream(credit=CreditStatus(7, 7, None, 500)))
    reading = read(snapshot_of(job(), accounts=[idle]), now=NOW + 900)
    assert any("check that Prometheus scrapes this exporter" in text for text in reading.texts)
    assert "7, no limit" in reading.texts


def test_jobs_that_wait_for_their_account_are_counted() -> None:
    """With what holds it; one that Zoho knows to run needs no poll to go on."""
    held = account(upstream(is_circuit_open=True))
    reading = read(snapshot_of(tracked(DEALS), job(), accounts=[held]))
    start = reading.texts.index("waiting")
    assert reading.texts[start - 1 : start + 2] == [
        "1",
        "waiting",
        "1 held: Zoho asked to slow down, or gives no token",
    ]


@pytest.mark.parametrize(
    ("used", "budget", "values"),
    [
        pytest.param(640, 1000, [("64.0", "64 %")], id="usual"),
        pytest.param(1500, 1000, [("100.0", "150 %")], id="a budget that was lowered"),
        pytest.param(7, None, [], id="no budget"),
        pytest.param(0, 0, [], id="a budget of nothing"),
    ],
)
def test_bar_of_credits(used: int, budget: int | None, values: list[tuple[str, str]]) -> None:
    """It stays within its bounds, and is absent where there is nothing to compare with."""
    spending = account(upstream(credit=CreditStatus(used, used, budget, 500)))
    reading = read(snapshot_of(accounts=[spending]))
    assert [bar["value"] for bar in reading.named("progress")] == [value for value, _ in values]
    assert [text for text in reading.texts if text.endswith(" %")] == [text for _, text in values]
    assert "eu · production · v8" in reading.texts


def test_account_filter_leaves_its_account_alone() -> None:
    """Accounts that were not asked for are not shown."""
    reading = read(snapshot_of(job(), accounts=[account(), account(alias="beta")]), {"account": "beta"})
    heads = [text for text in reading.texts if text in {"acme", "beta"}]
    assert heads == ["beta", "acme", "beta", "beta"]  # the card, the two options, the sentence


def hostile_snapshot(text: str) -> Snapshot:
    """Give a snapshot that has a text wherever one can be."""
    answer = replace(report(JobState.UNKNOWN), undocumented_word=text)
    failure = replace(FAILURE, code=text, message=text, advice=text)
    spec = JobSpec(JobKey(text, text, text), JobSource.CONFIG, name=text, group=text)
    odd = replace(job(), spec=spec, report=answer, failure=failure)
    return snapshot_of(odd, accounts=[account(alias=text)])


@pytest.mark.parametrize("filters", [{}, dict.fromkeys(("account", "module", "group"), HOSTILE), {"state": HOSTILE}])
def test_hostile_text_stays_text(filters: dict[str, str]) -> None:
    """No name, word or filter can add an element or an attribute to the page."""
    expected = read(hostile_snapshot("x"), dict.fromkeys(filters, "x"))
    reading = read(hostile_snapshot(HOSTILE), filters)
    assert [(tag, set(attributes)) for tag, attributes in reading.elements] == [
        (tag, set(attributes)) for tag, attributes in expected.elements
    ]
    assert HOSTILE in reading.texts


def read_text(page: StatusPage, text: str) -> Reading:
    """Give a text to somebody in a browser and read the page that it becomes."""
    request = Request("GET", "/explain", Headers({"Accept": "text/html"}), QueryParams(), "http", "", 0.0)
    return Reading(bytes(page.readable(lambda _: PlainTextResponse(text), "Why")(request).body).decode())


def test_page_of_a_text_leads_back_behind_a_proxy_too() -> None:
    """Its links begin with the path under which the proxy shows the exporter."""
    links = {str(attributes["href"]) for attributes in read_text(StatusPage("/metrics", "/zoho"), "x").named("a")}
    assert {"/zoho/", "/zoho/metrics", "/zoho/-/healthy", "/zoho/config"} <= links
    assert [link for link in links if link.startswith("/") and not link.startswith("/zoho/")] == []


def test_hostile_lines_stay_text() -> None:
    """What a job's sentences hold is text on their page too."""
    reading = read_text(PAGE, f"{HOSTILE}\nWhat to do: {HOSTILE}\n")
    assert [text for text in reading.texts if "alert" in text] == [HOSTILE, f"What to do: {HOSTILE}"]
    assert reading.named("script") == []


@given(text=st.text(st.characters(codec=None), max_size=20))
def test_any_text_gives_a_page(text: str) -> None:
    """Whatever the settings or Zoho may say, the page is well-formed UTF-8."""
    assert read(hostile_snapshot(text), {"group": text}).named("main") == [{"id": "main"}]


def fleet_of(number: int, state: JobState = JobState.RUNNING) -> list[TrackedJob]:
    """Give so many jobs."""
    keys = [JobKey("production", "Leads", str(3524033000006027000 + each)) for each in range(number)]
    return [job(key, state, name="Reassign EMEA leads", group="spring") for key in keys]


class CountedName(str):
    """A name that counts how often it is written into a page."""

    __slots__ = ()
    written = 0

    def __html__(self) -> str:
        """Give it to a template."""
        type(self).written += 1
        return str(self)


def test_ten_thousand_jobs_make_a_page_of_a_hundred() -> None:
    """The largest fleet still loads on a phone: nothing is written of a job that is not shown."""
    jobs = [replace(one, spec=replace(one.spec, name=CountedName("Spring"))) for one in fleet_of(10_000)]
    page = PAGE.write(snapshot_of(*jobs), {}, NOW + 60, number=7)
    assert (page.count(b"<tbody"), CountedName.written) == (100, 100)
    assert len(page) < 130_000


def pages_of(reading: Reading) -> list[str]:
    """Give the addresses of other pages, as the first list of them has them."""
    links = [str(link["href"]) for link in reading.named("a") if "page=" in str(link["href"]) or "rel" in link]
    return links[: len(links) // 2]


@pytest.mark.parametrize(
    ("number", "told", "first", "links"),
    [
        pytest.param(1, "1 to 100 of 250 jobs", "7000", ["/?page=2", "/?page=3"], id="first"),
        pytest.param(2, "101 to 200 of 250 jobs", "7100", ["/", "/?page=3", "/?page=3"], id="middle"),
        pytest.param(3, "201 to 250 of 250 jobs", "7200", ["/?page=2"], id="last"),
        pytest.param(4, "201 to 250 of 250 jobs", "7200", ["/?page=2"], id="one that is gone"),
    ],
)
def test_jobs_come_in_pages(number: int, told: str, first: str, links: list[str]) -> None:
    """Each page says where it stands, and leads to the others by plain links, above the jobs and below them."""
    reading = Reading(PAGE.write(snapshot_of(*fleet_of(250)), {}, NOW, number=number).decode())
    assert f"{told}; what needs attention stands first" in reading.texts
    assert reading.texts.count(f"Page {min(number, 3)} of 3") == 2
    assert next(text for text in reading.texts if text.startswith("3524"))[-4:] == first
    assert pages_of(reading) == links


def test_pages_keep_what_is_filtered_by() -> None:
    """What was asked for stays from page to page, and all of it is counted."""
    jobs = [*fleet_of(150), job(DEALS)]
    reading = Reading(StatusPage("/metrics", "/zoho").write(snapshot_of(*jobs), {"group": "spring"}, NOW).decode())
    assert "1 to 100 of 150 jobs, filtered of 151; what needs attention stands first" in reading.texts
    assert pages_of(reading) == ["/zoho/?group=spring&page=2", "/zoho/?group=spring&page=2"]
    assert "151" in Reading(PAGE.write(snapshot_of(*jobs), {}, NOW).decode()).texts


def test_all_that_fits_on_one_page_has_no_others() -> None:
    """A hundred jobs need no links."""
    reading = read(snapshot_of(*fleet_of(100)))
    assert "100 of 100 jobs; what needs attention stands first" in reading.texts
    assert [nav["aria-label"] for nav in reading.named("nav")] == ["Exporter"]
