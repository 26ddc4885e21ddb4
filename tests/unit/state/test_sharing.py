"""Two that share what they keep: what one has or did counts for the other, whatever either knows of it."""

import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from threading import Barrier, Thread

import pytest
from houses import House
from samples import DEALS, FAILURE, LEADS, NOW, report

from exporter.errors import HeldBackError
from exporter.jobs.outcome import growth_of, note_failure, note_report
from exporter.model import Growth, JobKey, JobReport, JobSource, JobSpec, JobState, KeptToken, TrackedJob
from exporter.state import AccountState, Claim, Purse
from exporter.state.port import Note

Pair = tuple[House, House]
DAY = 86_400.0
FREE = Purse(None)
TOKEN = KeptToken("1000.secret", NOW + 3600, "https://www.zohoapis.com", "f1")


def key(number: int) -> JobKey:
    """Name a job."""
    return JobKey("acme", "Leads", str(number))


def meet(*houses: House) -> None:
    """Let stores take up what the others wrote, as they do at each scrape."""
    for house in houses:
        house.store.refresh(time.monotonic() + 10)


def tracked(pair: Pair, *keys: JobKey) -> tuple[AccountState, AccountState]:
    """Let both know some jobs."""
    for one in keys:
        pair[0].account.track(JobSpec(one, JobSource.CONFIG), NOW)
    meet(*pair)
    return pair[0].account, pair[1].account


def notes(outcome: JobReport, at: float = NOW) -> Note:
    """Note a report."""

    def note(job: TrackedJob) -> tuple[TrackedJob, Growth]:
        after = note_report(job, outcome, at)
        return after, growth_of(job, after)

    return note


def fails(job: TrackedJob) -> tuple[TrackedJob, Growth]:
    """Note a failure."""
    return note_failure(job, FAILURE, NOW), Growth()


def refused(account: AccountState, one: JobKey, purse: Purse = FREE, *, is_probe: bool = False) -> str:
    """Claim a job in vain, and give the reason."""
    with pytest.raises(HeldBackError) as caught:
        account.claim(one, purse, 60, is_probe=is_probe)
    return caught.value.reason


def poll(account: AccountState, outcome: JobReport, one: JobKey = LEADS) -> None:
    """Poll a job."""
    assert account.land(account.claim(one, FREE, 60), notes(outcome)) is not None


def at_once(work: list[Callable[[], object]]) -> list[object]:
    """Do things at the same moment, and give what came of those that were not held back."""
    start, got = Barrier(len(work)), list[object]()

    def run(one: Callable[[], object]) -> None:
        start.wait(10)
        try:
            got.append(one())
        except HeldBackError:
            return

    threads = [Thread(target=run, args=(one,)) for one in work]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    return got


class TestClaims:
    """The right to poll a job."""

    def test_one_of_two_polls_a_job(self, pair: Pair) -> None:
        """The other is refused, and pays nothing."""
        first, second = tracked(pair, LEADS)
        claim = first.claim(LEADS, FREE, 60)
        assert refused(second, LEADS) == "circuit"
        first.release(claim)
        second.claim(LEADS, FREE, 60)
        meet(*pair)
        assert (first.used(), second.used()) == (2, 2)

    def test_one_of_many_at_two_polls_a_job(self, pair: Pair) -> None:
        """Eight at each that ask at the same moment get one claim, and one credit is booked."""
        accounts = tracked(pair, LEADS)
        got = at_once([lambda one=one: one.claim(LEADS, FREE, 60) for one in accounts * 8])  # type: ignore[misc]
        meet(*pair)
        assert (len(got), accounts[0].used(), accounts[1].used()) == (1, 1, 1)

    def test_job_that_another_has_just_polled_is_not_polled_again(self, pair: Pair) -> None:
        """Who decided on what is no longer so has to look again; it pays nothing, and knows the news by it."""
        first, second = tracked(pair, LEADS)
        poll(first, report(updated=7))
        assert refused(second, LEADS) == "circuit"
        assert second.jobs() == first.jobs()
        second.claim(LEADS, FREE, 60)
        meet(*pair)
        assert first.used() == 2

    def test_claim_of_one_that_died_expires(self, pair: Pair) -> None:
        """Another goes on with its job when its claim has run out, and not before."""
        first, second = tracked(pair, LEADS)
        first.claim(LEADS, FREE, 60)
        pair[0].close()
        pair[0].clock.now += 59.9
        assert refused(second, LEADS) == "circuit"
        pair[0].clock.now += 0.1
        poll(second, report())

    def test_claims_outlive_a_restart(self, pair: Pair) -> None:
        """Nobody knows whether the call of before it is still under way."""
        tracked(pair, LEADS)[0].claim(LEADS, FREE, 60)
        pair[0].restart()
        assert refused(pair[0].account, LEADS) == "circuit"

    def test_long_claim_is_not_taken_for_one_of_a_clock_set_back(self, pair: Pair) -> None:
        """Exporters with other limits, as while they are updated one by one, respect each other's claims."""
        first, second = tracked(pair, LEADS)
        first.claim(LEADS, FREE, 600)
        with pytest.raises(HeldBackError):
            second.claim(LEADS, FREE, 10)

    def test_late_answer_writes_nothing_over_a_newer_one(self, pair: Pair) -> None:
        """One that slept longer than its lease is told apart by its claim: neither the job nor the totals change."""
        first, second = tracked(pair, LEADS)
        late = first.claim(LEADS, FREE, 60)
        pair[0].clock.now += 61
        poll(second, report(updated=9))
        assert first.land(late, notes(report(JobState.FAILED, updated=5))) is None
        meet(*pair)
        assert first.jobs() == second.jobs()
        job = first.get(LEADS)
        assert job
        assert job.report == report(updated=9)
        assert first.totals()["Leads"].records["updated"] == 9

    def test_late_answer_during_the_next_poll_changes_nothing(self, pair: Pair) -> None:
        """And the next poll keeps its claim, whatever the late one lets go of."""
        first, second = tracked(pair, LEADS)
        late = first.claim(LEADS, FREE, 60)
        pair[0].clock.now += 61
        current = second.claim(LEADS, FREE, 60)
        assert first.land(late, notes(report(updated=5))) is None
        first.give_back(late)
        first.release(late)
        assert refused(first, LEADS) == "circuit"
        assert second.land(current, notes(report(updated=9))) is not None
        meet(*pair)
        assert second.used() == 2

    def test_late_further_call_is_not_made(self, pair: Pair) -> None:
        """Whose job another polls by now has nothing to ask any more."""
        first, second = tracked(pair, LEADS)
        late = first.claim(LEADS, FREE, 60)
        pair[0].clock.now += 61
        second.claim(LEADS, FREE, 60)
        with pytest.raises(HeldBackError) as caught:
            first.book(late, FREE)
        meet(*pair)
        assert (caught.value.reason, second.used()) == ("circuit", 2)

    def test_answer_for_a_job_that_came_back_meanwhile_changes_nothing(self, pair: Pair) -> None:
        """It is another job by the same name."""
        first, second = tracked(pair, LEADS)
        old = first.claim(LEADS, FREE, 60)
        second.forget([LEADS])
        second.track(JobSpec(LEADS, JobSource.API), NOW + 1)
        new = second.claim(LEADS, FREE, 60)
        assert first.land(old, notes(report(updated=5))) is None
        assert second.land(new, notes(report(updated=9))) is not None
        meet(*pair)
        assert first.jobs() == second.jobs()
        assert first.totals()["Leads"].records["updated"] == 9

    def test_calls_at_once_are_those_of_all(self, pair: Pair) -> None:
        """An account's limit holds across the two, and a place is free again when a poll ends or its claim expires."""
        purse, keys = Purse(None, at_once=3), [key(number) for number in range(6)]
        first, second = tracked(pair, *keys)
        ending = first.claim(keys[0], purse, 60)
        second.claim(keys[1], purse, 60)
        second.claim(keys[2], purse, 90)
        assert [refused(one, keys[3], purse) for one in (first, second)] == ["circuit"] * 2
        assert first.land(ending, notes(report())) is not None
        second.claim(keys[3], purse, 90)
        assert refused(first, keys[4], purse) == "circuit"
        pair[0].clock.now += 60
        first.claim(keys[4], purse, 60)
        assert refused(second, keys[5], purse) == "circuit"

    def test_calls_at_once_hold_for_many(self, pair: Pair) -> None:
        """Twenty that ask at the same moment get three places."""
        purse, keys = Purse(None, at_once=3), [key(number) for number in range(20)]
        accounts = tracked(pair, *keys)
        work = [lambda one=one: accounts[int(one.job_id) % 2].claim(one, purse, 60) for one in keys]
        got = at_once(list(work))
        assert len(got) == 3


class TestCredits:
    """What calls cost."""

    def test_limit_is_that_of_all(self, pair: Pair) -> None:
        """Thirty at two with a limit of twenty get twenty, and both know it."""
        keys = [key(number) for number in range(30)]
        accounts = tracked(pair, *keys)
        work = [lambda one=one: accounts[int(one.job_id) % 2].claim(one, Purse(20), 60) for one in keys]
        got = at_once(list(work))
        meet(*pair)
        assert (len(got), accounts[0].used(), accounts[1].used()) == (20, 20, 20)
        assert [refused(one, DEALS, Purse(20)) for one in accounts] == ["budget"] * 2

    def test_limit_holds_for_one_that_knows_nothing_of_the_others_calls(self, pair: Pair) -> None:
        """What is decided on is what is so, not what was at the last scrape."""
        first, second = tracked(pair, key(1), key(2))
        first.claim(key(1), Purse(1), 60)
        assert second.used() == 0
        assert refused(second, key(2), Purse(1)) == "budget"

    def test_share_of_probes_is_that_of_all(self, pair: Pair) -> None:
        """Beyond it probed jobs wait at either."""
        first, second = tracked(pair, key(1), key(2))
        first.claim(key(1), Purse(8, 1), 60, is_probe=True)
        assert refused(second, key(2), Purse(8, 1), is_probe=True) == "budget"
        second.claim(key(2), Purse(8, 1), 60)
        meet(*pair)
        assert (first.used(), first.used(by_probes=True)) == (2, 1)

    def test_credit_of_an_unsent_call_is_free_for_the_other(self, pair: Pair) -> None:
        """It comes back once."""
        first, second = tracked(pair, key(1), key(2))
        claim = first.claim(key(1), Purse(1), 60)
        first.give_back(claim)
        first.give_back(claim)
        second.claim(key(2), Purse(1), 60)
        assert refused(first, key(1), Purse(1)) == "circuit"
        meet(*pair)
        assert (first.used(), second.used()) == (1, 1)

    @pytest.mark.parametrize(("calls_meanwhile", "used"), [(0, 1), (1, 1)])
    def test_credits_that_were_back_when_a_clock_is_set_back_are_the_same_to_all(
        self, pair: Pair, calls_meanwhile: int, used: int
    ) -> None:
        """Whoever looked meanwhile: those that the database has let go of are back for good, others are not."""
        first, second = tracked(pair, key(1), key(2))
        first.claim(key(1), FREE, 60)
        meet(*pair)
        pair[0].clock.now += 86_400 + 61
        assert first.used() == 0
        for _ in range(calls_meanwhile):
            first.claim(key(2), FREE, 60)
        pair[0].clock.now -= 120
        meet(*pair)
        assert [one.used() for one in (first, second)] == [used, used]
        assert refused(second, key(1), Purse(used)) == "budget"
        second.claim(key(1), Purse(used + 1), 60)

    def test_credits_come_back_to_all(self, pair: Pair) -> None:
        """A day after the end of their minute, at both."""
        first, second = tracked(pair, LEADS)
        first.release(first.claim(LEADS, Purse(1), 60))
        meet(*pair)
        pair[0].clock.now += DAY + 60
        assert (first.used(), second.used()) == (0, 0)
        second.claim(LEADS, Purse(1), 60)


class TestTotals:
    """Counters that outlive the jobs."""

    def test_both_add(self, pair: Pair) -> None:
        """What each lets land counts once, in whatever order, and both tell the same."""
        keys = [key(number) for number in range(8)]
        accounts = tracked(pair, *keys)

        def run(one: JobKey) -> Claim:
            account = accounts[int(one.job_id) % 2]
            claim = account.claim(one, FREE, 60)
            assert account.land(claim, notes(report(updated=10), NOW)) is not None
            claim = account.claim(one, FREE, 60)
            assert account.land(claim, notes(report(JobState.COMPLETED, updated=30, failed=2), NOW + 90)) is not None
            return claim

        assert len(at_once([lambda one=one: run(one) for one in keys])) == 8  # type: ignore[misc]
        meet(*pair)
        totals = accounts[0].totals()["Leads"]
        assert accounts[0].totals() == accounts[1].totals()
        assert totals.records == {"updated": 240, "failed": 16}
        assert totals.finished == {JobState.COMPLETED: 8, JobState.FAILED: 0}
        assert totals.durations[JobState.COMPLETED].counts == (0, 8, *(0,) * 9)
        assert totals.durations[JobState.COMPLETED].total == 720.0

    def test_the_end_counts_once(self, pair: Pair) -> None:
        """Whoever knows nothing of it can't let the job end again."""
        first, second = tracked(pair, LEADS)
        poll(first, report(JobState.COMPLETED))
        assert refused(second, LEADS) == "circuit"
        assert second.totals()["Leads"].finished[JobState.COMPLETED] == 1


class TestJobs:
    """Who is tracked."""

    def test_what_one_does_the_other_knows_at_its_next_scrape(self, pair: Pair) -> None:
        """Jobs that came, were polled, acknowledged, retired and forgotten."""
        first, second = tracked(pair, LEADS, DEALS)
        poll(first, report(JobState.COMPLETED))
        first.change(LEADS, lambda job: replace(job, acknowledged_at=NOW))
        first.forget([DEALS], retired=True)
        first.track(JobSpec(key(1), JobSource.API, "Spring"), NOW + 5)
        second.changed()
        meet(*pair)
        assert second.changed() == {LEADS, DEALS, key(1)}
        assert (second.jobs(), second.retired()) == (first.jobs(), first.retired())
        assert (set(second.jobs()), second.retired()) == ({LEADS, key(1)}, {DEALS})
        first.forget([DEALS, key(1)])
        meet(*pair)
        assert (set(second.jobs()), second.retired()) == ({LEADS}, frozenset())

    def test_probe_takes_nothing_from_a_job_that_another_one_has_just_registered(self, pair: Pair) -> None:
        """It says that there is such a job, and nothing of it."""
        first, second = (house.account for house in pair)
        first.track(JobSpec(LEADS, JobSource.API, "Spring"), NOW)
        second.track(JobSpec(LEADS, JobSource.PROBE), NOW + 5)
        meet(*pair)
        assert first.get(LEADS) == second.get(LEADS) == TrackedJob(JobSpec(LEADS, JobSource.API, "Spring"), NOW)

    def test_what_one_lets_go_of_later_the_other_knows_after_its_next_scrape(self, pair: Pair) -> None:
        """And nothing is behind for that: it was to be so."""
        first, second = tracked(pair, LEADS, DEALS)
        first.forget([DEALS], retired=True, later=True)
        assert (set(first.jobs()), first.retired()) == ({LEADS}, {DEALS})
        assert pair[0].store.health().behind_since is None
        meet(*pair)
        assert (set(second.jobs()), second.retired()) == ({LEADS}, {DEALS})

    def test_nothing_new_changes_nothing(self, pair: Pair) -> None:
        """A scrape without news costs the page nothing."""
        tracked(pair, LEADS)
        second = pair[1].account
        second.changed()
        before = second.get(LEADS)
        meet(*pair)
        assert second.changed() == set()
        assert second.get(LEADS) is before

    def test_late_comer_knows_it_all(self, pair: Pair) -> None:
        """One that begins when all has been written."""
        first, _ = tracked(pair, LEADS, DEALS)
        poll(first, report())
        first.forget([DEALS], retired=True)
        first.book_mint(2, 600)
        pair[1].restart()
        late = pair[1].account
        assert (late.jobs(), late.retired(), late.totals()) == (first.jobs(), first.retired(), first.totals())
        assert (late.used(), late.standing) == (1, first.standing)

    def test_one_that_was_away_for_days_hears_of_jobs_that_left(self, pair: Pair) -> None:
        """Also when nothing tells of them any more."""
        first, second = tracked(pair, LEADS, DEALS)
        first.forget([LEADS])
        pair[0].clock.now += 3 * DAY
        first.track(JobSpec(key(1), JobSource.API), NOW)
        first.forget([key(1)])
        meet(*pair)
        assert set(second.jobs()) == {DEALS}

    def test_changes_of_both_stay(self, pair: Pair) -> None:
        """A poll that lands keeps what the other was told of the job meanwhile."""
        first, second = tracked(pair, LEADS)
        claim = first.claim(LEADS, FREE, 60)
        second.track(JobSpec(LEADS, JobSource.CONFIG, "Spring"), NOW)
        assert first.land(claim, notes(report(updated=7))) is not None
        meet(*pair)
        for account in (first, second):
            job = account.get(LEADS)
            assert job
            assert (job.spec.name, job.report) == ("Spring", report(updated=7))

    def test_failure_counts_once(self, pair: Pair) -> None:
        """Failures in a row are those of all exporters."""
        first, second = tracked(pair, LEADS)
        assert first.land(first.claim(LEADS, FREE, 60), fails) is not None
        meet(*pair)
        assert second.land(second.claim(LEADS, FREE, 60), fails) is not None
        job = second.get(LEADS)
        assert job
        assert job.failures_in_a_row == 2


class TestStanding:
    """How the account stands with Zoho."""

    def test_no_change_is_lost(self, pair: Pair) -> None:
        """Ten of each at the same moment are all there, at both."""
        accounts = tracked(pair)
        work = [
            lambda one=one: one.stand(lambda standing: replace(standing, answered_at=standing.answered_at + 1))
            for one in accounts * 10
        ]
        at_once(list(work))
        meet(*pair)
        assert [one.standing.answered_at for one in accounts] == [20, 20]

    def test_tokens_asked_for_are_those_of_all(self, pair: Pair) -> None:
        """Thirty at two with a limit of ten may ten times."""
        accounts = tracked(pair)
        got = at_once([lambda one=one: one.book_mint(10, 600) for one in accounts * 15])  # type: ignore[misc]
        meet(*pair)
        assert got.count(None) == 10
        assert [len(one.standing.mints) for one in accounts] == [10, 10]

    def test_one_asks_for_a_token_and_all_have_it(self, pair: Pair) -> None:
        """Whoever waited for the turn finds what the other has got, without a scrape in between."""
        first, second = tracked(pair)
        with first.turn(0, 60) as turn:
            with second.turn(0, 60) as other:
                assert other is None
            first.stand(lambda standing: replace(standing, token=TOKEN), turn)
        assert second.standing.token is None
        with second.turn(0, 60) as other:
            assert other not in {None, turn}
            assert second.standing.token == TOKEN

    def test_turn_is_waited_for(self, pair: Pair) -> None:
        """One that is patient gets it when the other has done."""
        first, second = tracked(pair)
        got: list[KeptToken | None] = []

        def wait() -> None:
            with second.turn(20, 60):
                got.append(second.standing.token)

        with first.turn(0, 60) as turn:
            waiting = Thread(target=wait)
            waiting.start()
            first.stand(lambda standing: replace(standing, token=TOKEN), turn)
        waiting.join(20)
        assert got == [TOKEN]

    def test_turn_of_one_that_died_expires(self, pair: Pair) -> None:
        """And when that one wakes up, its token does not take the place of the newer one."""
        first, second = tracked(pair)
        old = replace(TOKEN, value="1000.old")
        with first.turn(0, 60) as turn:
            pair[0].clock.now += 61
            with second.turn(0, 60) as other:
                second.stand(lambda standing: replace(standing, token=TOKEN), other)
            assert first.stand(lambda standing: replace(standing, token=old), turn).token == TOKEN
        meet(*pair)
        assert (first.standing.token, second.standing.token) == (TOKEN, TOKEN)


def test_what_is_said_again_is_no_news(pair: Pair) -> None:
    """An exporter that starts or reloads lists its jobs again: nobody is told of thousands that are as they were."""
    ours, theirs = tracked(pair, key(1), key(2))
    theirs.changed()
    for number in (1, 2):
        ours.track(JobSpec(key(number), JobSource.CONFIG), NOW + 60, later=True)
    meet(*pair, *pair)
    assert theirs.changed() == set()


def test_what_is_said_again_counts_though_it_has_gone_meanwhile(pair: Pair) -> None:
    """An exporter lists a job that another has let go of, of which it has not heard; or before that one did."""
    (house, _), (ours, theirs) = pair, tracked(pair, key(1), key(2))
    ours.track(JobSpec(key(2), JobSource.CONFIG), NOW, later=True)
    house.clock.now += 1
    theirs.forget([key(1), key(2)])
    house.clock.now += 1
    ours.track(JobSpec(key(1), JobSource.CONFIG), NOW, later=True)
    meet(*pair, *pair)
    assert ours.jobs().keys() == theirs.jobs().keys() == {key(1)}


def test_what_is_told_late_undoes_nothing_newer(pair: Pair) -> None:
    """One that was cut off lets go of a job that another has taken in anew meanwhile, or takes in one that has gone."""
    ours, theirs = tracked(pair, key(1), key(2))
    ours.forget([key(1)], later=True)
    ours.track(JobSpec(key(2), JobSource.CONFIG, name="Spring"), NOW, later=True)
    pair[0].clock.now += 1
    theirs.forget([key(1), key(2)])
    theirs.track(JobSpec(key(1), JobSource.API), NOW + 1)
    meet(*pair, *pair)
    assert ours.jobs().keys() == theirs.jobs().keys() == {key(1)}


def test_what_is_told_late_leaves_alone_what_another_has_changed_meanwhile(pair: Pair) -> None:
    """A name, or who has taken note of an end; whatever else has come of the job meanwhile is no hindrance."""
    ours, theirs = tracked(pair, key(1), key(2), key(3), key(4))
    for at in (NOW, None):
        ours.change(key(1), partial(replace, acknowledged_at=at), later=True)
    ours.track(JobSpec(key(2), JobSource.CONFIG, name="older"), NOW, later=True)
    for number in (3, 4):
        ours.change(key(number), partial(replace, acknowledged_at=NOW), later=True)
    pair[0].clock.now += 1
    theirs.change(key(1), partial(replace, acknowledged_at=NOW + 1))
    theirs.track(JobSpec(key(2), JobSource.CONFIG, name="newer"), NOW)
    theirs.change(key(3), partial(replace, polled_at=NOW + 1))
    theirs.forget([key(4)])
    theirs.track(JobSpec(key(4), JobSource.CONFIG), NOW + 1)
    meet(*pair, *pair)
    assert ours.jobs() == theirs.jobs()
    first, second, third, anew = (theirs.jobs()[key(number)] for number in (1, 2, 3, 4))
    assert (first.acknowledged_at, second.spec.name) == (NOW + 1, "newer")
    assert (third.acknowledged_at, third.polled_at) == (NOW, NOW + 1)
    assert (anew.acknowledged_at, anew.first_seen_at) == (None, NOW + 1)


def test_last_word_on_a_job_that_was_new_to_both_stands(pair: Pair) -> None:
    """By when it was said and not by when it was told; but what a configuration says stands over what was asked for."""
    (house, _), ours, theirs = pair, pair[0].account, pair[1].account
    said = {"spec.source", "spec.name"}
    ours.track(JobSpec(key(1), JobSource.API, name="older"), NOW, says=said, later=True)
    ours.track(JobSpec(key(3), JobSource.CONFIG, name="listed"), NOW, later=True)
    theirs.track(JobSpec(key(2), JobSource.API, name="older"), NOW, says=said)
    house.clock.now += 1
    for number in (1, 3):
        theirs.track(JobSpec(key(number), JobSource.API, name="newer"), house.clock.now, says=said)
    ours.track(JobSpec(key(2), JobSource.API, name="newer"), house.clock.now, says=said, later=True)
    meet(*pair, *pair)
    assert ours.jobs() == theirs.jobs()
    assert [theirs.jobs()[key(number)].spec.name for number in (1, 2, 3)] == ["newer", "newer", "listed"]


@pytest.mark.parametrize("is_ours_first", [True, False])
def test_last_word_on_each_part_of_a_job_stands(pair: Pair, *, is_ours_first: bool) -> None:
    """Whoever is connected first: what one said of its name undoes nothing that the other said of its group."""
    (house, _), ours, theirs = pair, pair[0].account, pair[1].account
    spec = JobSpec(key(1), JobSource.API)
    ours.track(spec, NOW)
    meet(*pair)
    ours.track(replace(spec, group="first"), NOW, says={"spec.group"}, later=True)
    house.clock.now += 1
    theirs.track(replace(spec, name="first", group="last"), NOW, says={"spec.name", "spec.group"}, later=True)
    house.clock.now += 1
    ours.track(replace(spec, name="last"), NOW, says={"spec.name"}, later=True)
    meet(*(pair if is_ours_first else reversed(pair)), *pair, *pair)
    assert ours.jobs() == theirs.jobs() == {key(1): TrackedJob(replace(spec, name="last", group="last"), NOW)}


def test_word_on_a_job_that_another_took_in_first_stands_unless_it_was_let_go_of_since(pair: Pair) -> None:
    """What was said of a job is no longer said of one that takes its place."""
    (house, _), ours, theirs = pair, pair[0].account, pair[1].account
    for number in (1, 2):
        spec = JobSpec(key(number), JobSource.API)
        ours.track(replace(spec, name="ours"), NOW, says={"spec.source", "spec.name"}, later=True)
        house.clock.now += 1
        theirs.track(spec, house.clock.now, says={"spec.source"})
    theirs.forget([key(2)])
    house.clock.now += 1
    theirs.track(JobSpec(key(2), JobSource.API), house.clock.now, says={"spec.source"})
    meet(*pair, *pair)
    assert ours.jobs() == theirs.jobs()
    assert [ours.jobs()[key(number)].spec.name for number in (1, 2)] == ["ours", ""]


def test_last_word_stands_though_the_clock_was_set_back_before_it(pair: Pair) -> None:
    """What is said of what was said before is newer than that, whatever a clock says: a word, and letting go."""
    (house, _), (ours, theirs) = pair, tracked(pair, key(1), key(2), key(3))
    ours.change(key(1), partial(replace, acknowledged_at=1.0), says={"acknowledged_at"}, later=True)
    for number in (2, 3):
        ours.track(
            JobSpec(key(number), JobSource.API, name="older"), NOW, says={"spec.source", "spec.name"}, later=True
        )
    house.clock.now += 1
    theirs.change(key(1), partial(replace, acknowledged_at=2.0), says={"acknowledged_at"})
    theirs.track(JobSpec(key(2), JobSource.API, name="newer"), NOW, says={"spec.source", "spec.name"})
    theirs.forget([key(3)])
    house.clock.now -= 40
    theirs.change(key(1), partial(replace, acknowledged_at=3.0), says={"acknowledged_at"})
    theirs.forget([key(2)])
    theirs.track(JobSpec(key(3), JobSource.API, name="newest"), NOW, says={"spec.source", "spec.name"})
    meet(*pair, *pair)
    assert ours.jobs() == theirs.jobs()
    assert {one: (job.acknowledged_at, job.spec.name) for one, job in theirs.jobs().items()} == {
        key(1): (3.0, ""),
        key(3): (None, "newest"),
    }


def test_what_is_told_late_counts_where_nothing_newer_is(pair: Pair) -> None:
    """It is only late."""
    ours, theirs = tracked(pair, key(1))
    ours.track(JobSpec(key(2), JobSource.API), NOW, later=True)
    ours.forget([key(1)], later=True)
    meet(*pair, *pair)
    assert ours.jobs().keys() == theirs.jobs().keys() == {key(2)}


def test_what_is_told_late_is_told_in_its_order(pair: Pair) -> None:
    """Whatever of it shares a trip."""
    ours, theirs = tracked(pair, key(1))
    for spec in (JobSpec(key(2), JobSource.CONFIG), JobSpec(key(3), JobSource.CONFIG)):
        ours.track(spec, NOW, later=True)
    ours.change(key(2), lambda job: replace(job, probed_at=NOW), later=True)
    ours.forget([key(2), key(3)], later=True)
    pair[0].clock.now += 5
    ours.track(JobSpec(key(2), JobSource.CONFIG, name="Spring"), NOW + 5, later=True)
    meet(*pair, *pair)
    assert ours.jobs() == theirs.jobs()
    assert ours.jobs().keys() == {key(1), key(2)}
    assert theirs.jobs()[key(2)] == TrackedJob(JobSpec(key(2), JobSource.CONFIG, name="Spring"), NOW + 5)


def test_job_that_is_let_go_of_before_it_was_told_of_stays_away(pair: Pair) -> None:
    """As by a reload before the first scrape: one is told after the other."""
    ours, theirs = tracked(pair, key(1))
    ours.track(JobSpec(key(2), JobSource.CONFIG), NOW, later=True)
    ours.forget([key(1), key(2)])
    assert not ours.jobs()
    meet(*pair, *pair)
    assert not ours.jobs()
    assert not theirs.jobs()
