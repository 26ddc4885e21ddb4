"""What a warm poll makes the processor do, counted: calls of functions, in the threads that poll and in the scrape."""

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from types import CodeType, FrameType

from journey import SettingsFor, every
from samples import Clock, within

from exporter.app.application import Application
from exporter.simulator import Simulator
from exporter.state import SqliteStore

DUE, ENDED = 20, 400
MOST_CALLS = 1250
"""Of functions of Python and C, for each poll: 1,040 here, and twice as many when each request was prepared anew."""
FIRST_ID = 3524033000006027000


@dataclass
class Work:
    """The functions that were called, by those who poll and by the scrape; `None` for one of C."""

    polling: list[CodeType | None] = field(default_factory=list)
    scraping: list[CodeType | None] = field(default_factory=list)

    def count(self, module: str, function: str) -> int:
        """Count the calls of a function while polling."""
        return sum(
            code is not None and (code.co_name, code.co_filename.endswith(module)) == (function, True)
            for code in self.polling
        )


@contextmanager
def watched() -> Iterator[Work]:
    """Count what this thread calls, and those threads for polls that begin meanwhile."""
    work = Work()

    def into(calls: list[CodeType | None]) -> Callable[[FrameType, str, object], None]:
        def note(frame: FrameType, event: str, _: object) -> None:
            if event in {"call", "c_call"}:
                calls.append(frame.f_code if event == "call" else None)

        return note

    def begin(*_: object) -> None:
        is_polling = threading.current_thread().name.startswith("poll-")
        sys.setprofile(into(work.polling) if is_polling else None)

    threading.setprofile(begin)
    sys.setprofile(into(work.scraping))
    try:
        yield work
    finally:
        sys.setprofile(None)
        threading.setprofile(None)


def work_of_a_warm_scrape(simulator: Simulator, settings_for: SettingsFor, ended: int) -> Work:
    """Scrape three times and watch the last one: some jobs are due each time, and so many more have ended."""
    ids = [str(FIRST_ID + number) for number in range(DUE + ended)]
    for place, job_id in enumerate(ids):
        simulator.set_status("Leads", job_id, "RUNNING" if place < DUE else "COMPLETED", updated=30, total=50)
    jobs = ",".join(f"Leads/{job_id}" for job_id in ids)
    options = {"max_concurrency": "1", "daily_credit_budget": "unlimited", **every("15s")}
    clock, settings = Clock(), settings_for(simulator, jobs=jobs, **options)
    with closing(Application(settings, SqliteStore(None), clock=clock)) as exporter:
        for _ in range(2):
            exporter.scrape(within(30))
            clock.now += 15
        for job_id in ids[:DUE]:
            simulator.set_status("Leads", job_id, "RUNNING", updated=35, total=50)
        before = simulator.stats().crm_calls
        with watched() as work:
            exporter.scrape(within(30))
        assert simulator.stats().crm_calls - before == DUE
    return work


def test_warm_poll_does_what_it_needs_and_no_more(simulator: Simulator, settings_for: SettingsFor) -> None:
    """No request is prepared anew, no address read again, and a job that has ended costs neither polls nor scrape."""
    alone, among = (work_of_a_warm_scrape(simulator, settings_for, ended) for ended in (0, ENDED))
    for work in (alone, among):
        assert work.count("refresh.py", "_poll") == DUE
        assert work.count("models.py", "prepare") == 0
        assert work.count("url.py", "parse_url") == 0
        assert len(work.polling) / DUE < MOST_CALLS
    assert abs(len(among.scraping) - len(alone.scraping)) < ENDED


def test_what_late_polls_changed_is_written_before_the_next_page_is_asked_for(
    simulator: Simulator, settings_for: SettingsFor
) -> None:
    """Lines and compressed blocks, as the last page was asked for."""
    ids = [str(FIRST_ID + number) for number in range(DUE)]
    for job_id in ids:
        simulator.set_status("Leads", job_id, "RUNNING", updated=30, total=50)
    jobs = ",".join(f"Leads/{job_id}" for job_id in ids)
    clock, settings = Clock(), settings_for(simulator, jobs=jobs, max_concurrency="5", **every("15s"))
    with closing(Application(settings, SqliteStore(None), clock=clock)) as exporter:
        exporter.scrape(within(30)).content.gzip()
        clock.now += 15
        for job_id in ids:
            simulator.set_status("Leads", job_id, "RUNNING", updated=35, total=50)
        exporter.scrape(within(0)).content.gzip()
        while polling := [one for one in threading.enumerate() if one.name.startswith("poll-")]:
            polling[0].join(30)  # it may have begun others
        with watched() as work:
            page = exporter.scrape(within(30))
        lines = [line for line in page.body.splitlines() if line.startswith(b"zoho_mass_update_job_updated_records{")]
        assert [line.rpartition(b" ")[2] for line in lines] == [b"35.0"] * DUE
        assert [code.co_name for code in work.scraping if code and code.co_name == "single"] == []
        assert "packed" in page.content.stretches[0].found_out()
