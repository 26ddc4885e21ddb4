"""The status page in a real browser: Debian's chromium, without a window."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from fleet import Fleet, fleet
from journey import Exporter, every
from playwright.sync_api import Browser, BrowserContext, Dialog, Page, expect, sync_playwright
from processes import PATIENCE_SECONDS
from programs import Program
from samples import FAILURE, NOW, Clock, report, snapshot_of, tracked

from exporter.jobs.outcome import note_report
from exporter.model import JobKey, JobSource, JobSpec, JobState, Snapshot
from exporter.simulator import Simulator
from exporter.web.door import Gate, Route, WebServer, bind
from exporter.web.status import StatusPage

IMAGES = Path(__file__).parents[2] / "docs" / "images"
BROWSER_FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
LEADS, DEALS = "3524033000006027001", "3524033000006027002"
REFRESH_MS = 5_000
HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>"

UNREADABLE_TEXTS = """() => {
  const channels = (color) => color.match(/[\\d.]+/g).map(Number);
  const light = (color) => channels(color).slice(0, 3).map((value) => value / 255)
    .map((value) => value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4)
    .reduce((sum, value, index) => sum + value * [0.2126, 0.7152, 0.0722][index], 0);
  const ground = (element) => {
    const color = getComputedStyle(element).backgroundColor;
    const [, , , alpha = 1] = channels(color);
    return alpha > 0 || !element.parentElement ? color : ground(element.parentElement);
  };
  const ratio = (element) => {
    const [dark, bright] = [light(getComputedStyle(element).color), light(ground(element))].sort((a, b) => a - b);
    return (bright + 0.05) / (dark + 0.05);
  };
  const hasText = (element) => [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
  return [...document.querySelectorAll("body *")]
    .filter((element) => hasText(element) && element.checkVisibility() && ratio(element) < 4.5)
    .map((element) => `${element.textContent}: ${ratio(element).toFixed(2)}`);
}"""
"""The texts whose contrast is below what WCAG 2.2 asks for at level AA."""


@dataclass
class Watched:
    """A page in the browser, and what it complained of: errors, refusals of the policy, dialogs."""

    page: Page
    complaints: list[str] = field(default_factory=list)

    def listen(self) -> None:
        """Note every complaint from now on."""
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("dialog", self._close)

    def states(self) -> dict[str, str]:
        """Give the state of each job by its id, as the table shows it."""
        rows = self.page.locator("tbody").all()
        return {row.locator("th .id").inner_text(): row.locator(".state").inner_text() for row in rows}

    def _close(self, dialog: Dialog) -> None:
        self.complaints.append(f"a dialog: {dialog.message}")
        dialog.dismiss()


@pytest.fixture(scope="module")
def browser(program: Program) -> Iterator[Browser]:
    """Start the browser, for this module alone: playwright's event loop would be in the way of other tests'."""
    expect.set_options(timeout=PATIENCE_SECONDS * 1000)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program("chromium"), args=BROWSER_FLAGS)
        yield browser
        browser.close()


Open = Callable[..., Watched]


@pytest.fixture
def open_page(browser: Browser) -> Iterator[Open]:
    """Give a function that opens a page whose time stands still until a test lets it run."""
    contexts: list[BrowserContext] = []

    def start(url: str, *, with_clock: bool = True, **options: object) -> Watched:
        context = browser.new_context(**options)  # type: ignore[arg-type] # playwright's own options
        contexts.append(context)
        watched = Watched(context.new_page())
        watched.listen()
        if with_clock:
            watched.page.clock.install()
        watched.page.goto(url)
        return watched

    yield start
    for context in contexts:
        context.close()


@contextmanager
def served(snapshot: Callable[[], Snapshot], clock: Callable[[], float]) -> Iterator[str]:
    """Serve the pages of a snapshot, and give their URL."""
    exporter: Any = SimpleNamespace(snapshot=snapshot, now=clock, is_cut_off=lambda: False)
    page = StatusPage("/metrics")
    routes = [
        Route("GET", "/", partial(page.answer, exporter)),
        Route("GET", "/jobs/{account}/{module}/{job_id}", partial(page.answer_job, exporter)),
    ]
    server = WebServer(Gate(routes), bind("127.0.0.1", 0), on_exit=lambda: None)
    server.start()
    try:
        yield f"http://127.0.0.1:{server.port}/"
    finally:
        server.stop()


@pytest.fixture(scope="module")
def old_fleet() -> Iterator[Fleet]:
    """Give the demonstration's fleet after forty minutes."""
    with fleet() as running:
        running.live(2400)
        yield running


@pytest.fixture
def fleet_url(old_fleet: Fleet) -> Iterator[str]:
    """Serve the page of the fleet."""
    with served(old_fleet.application.snapshot, old_fleet.clock) as url:
        yield url


@pytest.fixture
def exporter(simulator: Simulator, start_exporter: Callable[..., Exporter]) -> Exporter:
    """Run an exporter, scraped once, that watches a running job and a scheduled one."""
    simulator.set_status("Leads", LEADS, "RUNNING", updated=30, total=50)
    simulator.set_status("Deals", DEALS, "SCHEDULED", total=50)
    exporter = start_exporter(jobs=f"Leads/{LEADS},Deals/{DEALS}", **every("200ms"))
    exporter.page()
    return exporter


def test_every_state_is_shown(fleet_url: str, open_page: Open) -> None:
    """The fleet has a job in each state; the one that failed stands first."""
    watched = open_page(fleet_url)
    assert watched.states() == {
        "3524033000006027002": "Failed",
        "3524033000006027009": "Unknown",
        "3524033000006027010": "Unknown",
        "3524033000006027003": "Running",
        "3524033000006027006": "Suspended",
        "3524033000006027007": "ARCHIVED",
        "3524033000006027001": "Running",
        "3524033000006027004": "Scheduled",
        "3524033000006027005": "Queued",
        "3524033000006027008": "Completed",
    }
    assert next(iter(watched.states())) == "3524033000006027002"
    assert watched.complaints == []


def test_page_updates_itself(exporter: Exporter, simulator: Simulator, open_page: Open) -> None:
    """A job that ends is shown as ended, without a reload, once a scrape has seen it."""
    watched = open_page(exporter.url)
    assert watched.states() == {LEADS: "Running", DEALS: "Scheduled"}
    simulator.set_status("Leads", LEADS, "FAILED", updated=48, failed=2, total=50)
    watched.page.evaluate("document.body.dataset.opened = 'before'")

    def scraped() -> None:
        exporter.page()
        watched.page.clock.run_for(REFRESH_MS)
        expect(watched.page.locator("tbody").first).to_contain_text("Failed", timeout=1_000)

    expect_soon(scraped)
    assert watched.page.locator("tbody").first.locator("td.u").inner_text() == "48"
    assert watched.page.title() == "(1) Zoho mass updates"
    assert watched.page.evaluate("document.body.dataset.opened") == "before"
    assert watched.complaints == []


def test_update_keeps_filters_focus_and_place(exporter: Exporter, simulator: Simulator, open_page: Open) -> None:
    """What the reader has set up stays when the table is new."""
    watched = open_page(f"{exporter.url}/?module=Leads", viewport={"width": 390, "height": 300})
    watched.page.locator("tbody a").focus()
    watched.page.evaluate("scrollTo(0, 350)")
    simulator.set_status("Leads", LEADS, "RUNNING", updated=40, total=50)

    def scraped() -> None:
        exporter.page()
        watched.page.clock.run_for(REFRESH_MS)
        expect(watched.page.locator("td.u")).to_have_text("40", timeout=1_000)

    expect_soon(scraped)
    assert list(watched.states()) == [LEADS]
    assert watched.page.evaluate("document.activeElement.textContent") == f"Leads {LEADS}"
    assert watched.page.evaluate("scrollY") == 350
    assert watched.page.locator("select[name=module]").input_value() == "Leads"


def expect_soon(attempt: Callable[[], None]) -> None:
    """Try again while an expectation fails: a job is polled at the scrape that finds it due, not at any."""
    for _ in range(29):
        try:
            return attempt()
        except AssertionError:
            continue
    return attempt()


def test_selected_text_is_not_disturbed(fleet_url: str, open_page: Open) -> None:
    """While the reader copies an id the table stands still, and the page says so."""
    watched = open_page(fleet_url)
    watched.page.evaluate("getSelection().selectAllChildren(document.querySelector('tbody .id'))")
    watched.page.clock.run_for(REFRESH_MS)
    expect(watched.page.get_by_role("status")).to_have_text("Not updated while text is selected.")
    assert watched.page.evaluate("getSelection().toString()") == "3524033000006027002"
    watched.page.evaluate("getSelection().removeAllRanges()")
    watched.page.clock.run_for(REFRESH_MS)
    expect(watched.page.get_by_role("status")).to_have_text("")


def test_hidden_page_asks_for_nothing(fleet_url: str, open_page: Open) -> None:
    """A tab in the background rests, and looks at once when it comes back."""
    watched = open_page(fleet_url)
    asked: list[str] = []
    watched.page.on("request", lambda request: asked.append(request.url))
    turn = "hidden => { Object.defineProperty(document, 'hidden', {value: hidden, configurable: true}); %s }"
    turn %= "document.dispatchEvent(new Event('visibilitychange'))"
    watched.page.evaluate(turn, True)
    watched.page.clock.run_for(60_000)
    assert asked == []
    with watched.page.expect_response(fleet_url):
        watched.page.evaluate(turn, False)
    assert asked == [fleet_url]


def test_lost_exporter_is_told(exporter: Exporter, open_page: Open) -> None:
    """What is shown stays, and the page says that it is older."""
    watched = open_page(exporter.url)
    exporter.running.stop()
    watched.page.clock.run_for(REFRESH_MS)
    expect(watched.page.get_by_role("status")).to_contain_text("The exporter could not be reached since")
    assert watched.states() == {LEADS: "Running", DEALS: "Scheduled"}


def test_page_works_without_javascript(fleet_url: str, open_page: Open) -> None:
    """The table is there, the form filters, and the page says what it can't do."""
    watched = open_page(fleet_url, with_clock=False, java_script_enabled=False)
    assert len(watched.states()) == 10
    expect(watched.page.locator("noscript p")).to_be_visible()
    watched.page.get_by_label("Module").select_option("Deals")
    watched.page.get_by_role("button", name="Filter").click()
    assert watched.states() == {DEALS: "Failed"}
    assert watched.page.get_by_label("Module").input_value() == "Deals"
    watched.page.get_by_role("link", name="Show all").click()
    assert len(watched.states()) == 10
    assert watched.complaints == []


def test_jobs_come_in_pages(open_page: Open) -> None:
    """On a small phone without JavaScript, by keyboard, by plain links that keep the filter."""
    jobs = [tracked(JobKey("acme", "Leads", str(number))) for number in range(1000, 1250)]
    screen = {"viewport": {"width": 360, "height": 640}, "color_scheme": "dark"}
    with served(lambda: snapshot_of(*jobs), Clock(NOW + 60)) as url:
        watched = open_page(f"{url}?module=Leads&page=2", with_clock=False, java_script_enabled=False, **screen)
        assert (min(watched.states()), len(watched.states())) == ("1100", 100)
        assert watched.page.evaluate("document.documentElement.scrollWidth") == 360
        assert watched.page.evaluate(UNREADABLE_TEXTS) == []
        watched.page.get_by_role("link", name="Next").first.focus()
        watched.page.keyboard.press("Enter")
        expect(watched.page.locator("caption")).to_contain_text("201 to 250 of 250 jobs, filtered of 250")
        assert watched.page.get_by_label("Module").input_value() == "Leads"
        watched.page.get_by_role("link", name="First").last.click()
        assert min(watched.states()) == "1000"
        assert watched.complaints == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_page_is_a_dead_end(exporter: Exporter, open_page: Open, scheme: str) -> None:
    """On a phone each page of text fits, can be read, and leads back to the jobs."""
    watched = open_page(exporter.url, viewport={"width": 390, "height": 844}, color_scheme=scheme)
    for link in ("Why it shows what it shows", "Health", "Configuration"):
        watched.page.get_by_role("link", name=LEADS).click()
        watched.page.get_by_role("link", name=link).click()
        check_that_text_leads_back(watched)
    assert watched.complaints == []
    watched.page.goto(f"{exporter.url}/jobs/acme/Leads/1")
    check_that_text_leads_back(watched)


def check_that_text_leads_back(watched: Watched) -> None:
    """Read a page of text on a phone, and go back to the jobs."""
    expect(watched.page.locator("section.text")).to_be_visible()
    assert watched.page.evaluate("document.documentElement.scrollWidth") == 390
    assert watched.page.evaluate(UNREADABLE_TEXTS) == []
    watched.page.get_by_role("link", name="All jobs").click()
    assert watched.states() == {LEADS: "Running", DEALS: "Scheduled"}


def test_keyboard_leads_to_a_job_and_through_its_page(fleet_url: str, open_page: Open) -> None:
    """Each stop is seen; the first one leaves out what is the same on every page."""
    watched = open_page(f"{fleet_url}?module=Leads")
    page = watched.page
    press_tab_until(page, f"jobs/acme/Leads/{LEADS}")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Records over time")).to_be_visible()
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="All jobs")).to_be_focused()
    page.keyboard.press("Tab")
    page.keyboard.press("Space")
    expect(page.get_by_role("columnheader", name="Processed")).to_be_visible()
    press_tab_until(page, "/explain?account=acme")
    assert watched.complaints == []


def press_tab_until(page: Page, address: str) -> None:
    """Go by keyboard to the link that has an address, with a frame around each stop."""
    for _ in range(20):
        page.keyboard.press("Tab")
        assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") != "none"
        if address in (page.evaluate("document.activeElement.getAttribute('href')") or ""):
            return
    pytest.fail(f"no link to {address} is reached")


def test_job_page_works_without_javascript(fleet_url: str, open_page: Open) -> None:
    """The chart, the timeline and every poll are there, and the page says what it can't do."""
    watched = open_page(fleet_url, with_clock=False, java_script_enabled=False)
    watched.page.get_by_role("link", name="Re-assign spring leads").click()
    expect(watched.page.get_by_role("img", name="Records processed: 0 at")).to_be_visible()
    expect(watched.page.locator("#story li").first).to_contain_text("Tracked")
    watched.page.get_by_text("Every poll that saw a change").click()
    assert watched.page.locator("#polls tr").count() > 10
    expect(watched.page.locator("noscript p")).to_be_visible()
    assert watched.complaints == []


def test_job_page_updates_itself(open_page: Open) -> None:
    """What is new comes without a reload, and what the reader has opened stays open."""
    clock, jobs = Clock(), [note_report(tracked(), report(updated=10), NOW)]
    with served(lambda: snapshot_of(*jobs), clock) as url:
        watched = open_page(f"{url}jobs/acme/Leads/{LEADS}")
        expect(watched.page.get_by_text("One poll has seen it so far")).to_be_visible()
        watched.page.get_by_text("Every poll that saw a change").click()
        clock.now += 15
        jobs[:] = [note_report(jobs[0], report(updated=50, not_updated=0), clock.now)]
        watched.page.clock.run_for(REFRESH_MS)
        expect(watched.page.get_by_role("img", name="50 at")).to_be_visible()
        expect(watched.page.get_by_role("cell", name="+40 in 15 s")).to_be_visible()
        jobs.clear()
        watched.page.clock.run_for(REFRESH_MS)
        expect(watched.page.get_by_role("status")).to_contain_text("it answered 404")


def test_job_page_prints_what_matters(fleet_url: str, open_page: Open) -> None:
    """Dark on white whatever the screen is, without what only a screen can do."""
    watched = open_page(f"{fleet_url}jobs/acme/Deals/{DEALS}", color_scheme="dark")
    watched.page.emulate_media(media="print", color_scheme="dark")
    expect(watched.page.get_by_role("navigation")).to_be_hidden()
    expect(watched.page.get_by_role("heading", name="Close stale deals")).to_be_visible()
    assert watched.page.evaluate("getComputedStyle(document.body).color") == "rgb(28, 36, 48)"
    assert watched.page.evaluate(UNREADABLE_TEXTS) == []


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        pytest.param("account=acme&state=running", [LEADS, "3524033000006027003"], id="account and state"),
        pytest.param("group=quarter-end", [DEALS, "3524033000006027004"], id="group"),
        pytest.param("state=attention&group=quarter-end", [DEALS], id="what needs attention"),
        pytest.param("module=Leadz", [], id="unknown module"),
        pytest.param("state=%00%3Cscript%3E&account=%F0%9F%92%A5", [], id="nonsense"),
    ],
)
def test_address_filters(fleet_url: str, open_page: Open, query: str, shown: list[str]) -> None:
    """A filtered page has an address of its own; values that no job has give a sentence."""
    watched = open_page(f"{fleet_url}?{query}")
    assert sorted(watched.states()) == shown
    assert watched.page.get_by_role("heading", name="No job matches").count() == (0 if shown else 1)
    assert watched.complaints == []


def snapshot_saying(text: str) -> Snapshot:
    """Give a job that has a text wherever the settings or Zoho may put one."""
    job = replace(
        tracked(),
        spec=JobSpec(JobKey("acme", "Leads", LEADS), JobSource.CONFIG, name=text, group=text),
        report=replace(report(JobState.UNKNOWN), undocumented_word=text),
        reported_at=NOW,
        polled_at=NOW,
        failure=replace(FAILURE, message=text, advice=text),
    )
    return snapshot_of(job)


def test_hostile_names_stay_text(open_page: Open) -> None:
    """Markup in a name, a group, Zoho's words or the address is shown as it is and runs nowhere."""
    with served(lambda: snapshot_saying(HOSTILE), Clock(NOW + 60)) as url:
        watched = open_page(url)
        assert watched.states() == {LEADS: HOSTILE}
        expect(watched.page.locator("tbody th bdi").first).to_have_text(HOSTILE)
        expect(watched.page.locator(".trouble")).to_contain_text(HOSTILE)
        watched.page.get_by_label("Group").select_option(HOSTILE)
        watched.page.get_by_role("button", name="Filter").click()
        watched.page.clock.run_for(REFRESH_MS)
        assert watched.states() == {LEADS: HOSTILE}
        assert watched.page.locator("main script, main img").count() == 0
        watched.page.get_by_role("link", name=HOSTILE).click()
        expect(watched.page.get_by_role("heading", name=HOSTILE)).to_be_visible()
        assert watched.page.locator("main script, main img").count() == 0
        assert watched.complaints == []


@pytest.mark.parametrize("width", [1280, 360])
def test_long_words_are_broken(open_page: Open, width: int) -> None:
    """A text without spaces pushes nothing off the screen."""
    with served(lambda: snapshot_saying("W" * 200), Clock(NOW + 60)) as url:
        watched = open_page(url, viewport={"width": width, "height": 800})
        assert watched.page.evaluate("document.documentElement.scrollWidth") == width
        watched.page.goto(f"{url}jobs/acme/Leads/{LEADS}")
        assert watched.page.evaluate("document.documentElement.scrollWidth") == width


@dataclass(frozen=True)
class Screen:
    """The size of a window, in pixels. One with a name has its picture in docs/images."""

    width: int
    height: int
    name: str = ""


@pytest.fixture
def keep_picture(request: pytest.FixtureRequest) -> Callable[[Page, str], None]:
    """Give a function that takes the picture of a page for docs/images, when a person has asked for pictures."""

    def keep(page: Page, name: str) -> None:
        if request.config.getoption("--write-screenshots"):
            page.screenshot(path=IMAGES / f"{name}.png")

    return keep


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(
    "screen",
    [
        pytest.param(Screen(1280, 880, "desktop"), id="desktop"),
        pytest.param(Screen(900, 900), id="tablet"),
        pytest.param(Screen(390, 844, "phone"), id="phone"),
        pytest.param(Screen(360, 640), id="small phone"),
    ],
)
def test_page_fits_the_screen(
    fleet_url: str, open_page: Open, keep_picture: Callable[[Page, str], None], scheme: str, screen: Screen
) -> None:
    """Nothing sticks out at the side, and every text has the contrast that WCAG asks for at level AA."""
    size = {"width": screen.width, "height": screen.height}
    watched = open_page(fleet_url, viewport=size, color_scheme=scheme)
    assert watched.page.evaluate("document.documentElement.scrollWidth") == screen.width
    assert watched.page.evaluate(UNREADABLE_TEXTS) == []
    if screen.name:
        keep_picture(watched.page, f"status-{screen.name}-{scheme}")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(
    "screen",
    [pytest.param(Screen(1280, 1000, "desktop"), id="desktop"), pytest.param(Screen(390, 844, "phone"), id="phone")],
)
def test_job_page_fits_the_screen(
    fleet_url: str, open_page: Open, keep_picture: Callable[[Page, str], None], scheme: str, screen: Screen
) -> None:
    """Whatever has become of the job; with every poll unfolded too."""
    watched = open_page(fleet_url, color_scheme=scheme)
    for address in [link.get_attribute("href") or "" for link in watched.page.locator("tbody th a").all()]:
        watched.page.set_viewport_size({"width": screen.width, "height": screen.height})
        watched.page.goto(f"{fleet_url}{address.removeprefix('/')}")
        if address.endswith(LEADS):
            keep_picture(watched.page, f"job-{screen.name}-{scheme}")
        watched.page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
        for width in (screen.width, 360):
            watched.page.set_viewport_size({"width": width, "height": screen.height})
            assert watched.page.evaluate("document.documentElement.scrollWidth") == width, address
        assert watched.page.evaluate(UNREADABLE_TEXTS) == []
    assert watched.complaints == []
