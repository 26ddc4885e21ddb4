"""What every implementation of the port keeps, be it alone or shared."""

from collections.abc import Callable
from dataclasses import replace
from threading import Barrier, Thread

import pytest
from houses import House
from samples import DEALS, FAILURE, LEADS, NOW, report

from exporter.errors import HeldBackError, NoPlaceError
from exporter.jobs.outcome import growth_of, note_failure, note_report
from exporter.model import (
    Growth,
    JobKey,
    JobReport,
    JobSource,
    JobSpec,
    JobState,
    KeptToken,
    Pause,
    Standing,
    TrackedJob,
)
from exporter.state import AccountState, Claim, Purse

DAY = 86_400.0
FREE = Purse(None)
STANDING = Standing(
    token=KeptToken("1000.secret", NOW + 3600, "https://www.zohoapis.com", "f1"),
    mints=(NOW - 1000, NOW),
    token_pause=Pause("invalid_code", "refused", "new token", NOW, NOW + 900, 2, "f1"),
    circuit=Pause("circuit", "Zoho asked the account to pause", "wait", NOW, NOW + 15, 1),
    credits_remaining=399,
    answered_at=NOW - 5,
)


def spec(key: JobKey = LEADS, source: JobSource = JobSource.CONFIG, name: str = "") -> JobSpec:
    """Say something of a job."""
    return JobSpec(key, source, name)


def claimed(account: AccountState, key: JobKey = LEADS, *, purse: Purse = FREE, is_probe: bool = False) -> Claim:
    """Claim a job for a minute."""
    return account.claim(key, purse, 60, is_probe=is_probe)


def reports(outcome: JobReport, at: float = NOW) -> Callable[[TrackedJob], tuple[TrackedJob, Growth]]:
    """Note a report."""

    def note(job: TrackedJob) -> tuple[TrackedJob, Growth]:
        after = note_report(job, outcome, at)
        return after, growth_of(job, after)

    return note


def fails(job: TrackedJob) -> tuple[TrackedJob, Growth]:
    """Note a failure."""
    return note_failure(job, FAILURE, NOW), Growth()


def land_in_vain(account: AccountState, claim: Claim) -> None:
    """Let a poll land whose claim is no longer good: nothing is different after it."""
    before = account.jobs(), account.totals(), account.used()
    assert account.land(claim, reports(report(JobState.FAILED, updated=999))) is None
    assert (account.jobs(), account.totals(), account.used()) == before


def poll(account: AccountState, outcome: JobReport, key: JobKey = LEADS) -> None:
    """Let a poll land."""
    assert account.land(claimed(account, key), reports(outcome)) is not None


def refused(account: AccountState, key: JobKey, purse: Purse, *, is_probe: bool = False) -> str:
    """Claim a job in vain, and give the reason."""
    with pytest.raises(HeldBackError) as caught:
        account.claim(key, purse, 60, is_probe=is_probe)
    return caught.value.reason


def spend(account: AccountState, calls: int, *, is_probe: bool = False) -> None:
    """Spend credits on polls that give nothing."""
    for _ in range(calls):
        account.release(claimed(account, is_probe=is_probe))


class TestJobs:
    """Who is tracked."""

    def test_account_is_always_the_same(self, house: House) -> None:
        """What one part of the house changes, another sees; one that nobody has changed is empty."""
        assert house.store.account("acme") is house.store.account("acme")
        assert (house.account.jobs(), house.account.totals(), house.account.retired()) == ({}, {}, frozenset())
        assert (house.account.standing, house.account.used(), house.account.job_count()) == (Standing(), 0, 0)

    def test_tracked_job_is_there(self, house: House) -> None:
        """It is seen first when it is tracked."""
        house.account.track(spec(), NOW + 5)
        assert house.account.get(LEADS) == TrackedJob(spec(), first_seen_at=NOW + 5)
        assert (set(house.account.jobs()), house.account.job_count()) == ({LEADS}, 1)
        assert house.account.get(DEALS) is None

    def test_tracking_again_keeps_what_is_known(self, house: House) -> None:
        """What is newly said counts, the report stays."""
        house.account.track(spec(), NOW)
        poll(house.account, report())
        house.account.track(spec(name="Spring"), NOW + 60)
        job = house.account.jobs()[LEADS]
        assert (job.spec.name, job.first_seen_at, job.report) == ("Spring", NOW, report())

    def test_what_is_given_is_a_copy(self, house: House) -> None:
        """A page that is being written does not change under the writer's hands."""
        house.account.track(spec(), NOW)
        jobs, totals, retired = house.account.jobs(), house.account.totals(), house.account.retired()
        poll(house.account, report())
        house.account.track(spec(DEALS), NOW)
        house.account.forget({LEADS}, retired=True)
        assert jobs == {LEADS: TrackedJob(spec(), first_seen_at=NOW)}
        assert (totals["Leads"].records, retired) == ({"updated": 0, "failed": 0}, frozenset())

    def test_job_is_changed_beside_its_polls(self, house: House) -> None:
        """A job that is not tracked is not brought back by it."""
        house.account.track(spec(), NOW)
        for key in (LEADS, DEALS):
            house.account.change(key, lambda job: replace(job, next_poll_at=NOW + 1))
        assert house.account.jobs() == {LEADS: TrackedJob(spec(), first_seen_at=NOW, next_poll_at=NOW + 1)}

    def test_job_is_forgotten(self, house: House) -> None:
        """Nothing of it is left, and it may be forgotten twice."""
        house.account.track(spec(), NOW)
        house.account.forget({LEADS, DEALS})
        house.account.forget({LEADS})
        assert (house.account.jobs(), house.account.retired()) == ({}, frozenset())

    def test_retired_job_is_remembered(self, house: House) -> None:
        """So that a configuration that still lists it does not bring it back."""
        house.account.track(spec(), NOW)
        house.account.forget({LEADS}, retired=True)
        assert (house.account.jobs(), house.account.retired()) == ({}, {LEADS})

    @pytest.mark.parametrize("lift", ["forgotten", "tracked"])
    def test_retirement_can_be_lifted(self, house: House, lift: str) -> None:
        """A job that is forgotten altogether or tracked again is not retired."""
        house.account.forget({LEADS, DEALS}, retired=True)
        if lift == "forgotten":
            house.account.forget({LEADS})
        else:
            house.account.track(spec(), NOW)
        assert house.account.retired() == {DEALS}

    def test_accounts_do_not_mix(self, house: House) -> None:
        """Each has its own jobs, totals, credits and standing."""
        other = house.store.account("beta")
        house.account.track(spec(), NOW)
        spend(house.account, 2)
        house.account.stand(lambda _: STANDING)
        assert (other.jobs(), other.totals(), other.used(), other.standing) == ({}, {}, 0, Standing())
        assert set(house.store.accounts()) == {"acme", "beta"}


class TestTotals:
    """Counters that outlive the jobs."""

    def test_module_is_counted_from_the_first_moment(self, house: House) -> None:
        """Its counters stand at 0 before the first poll."""
        house.account.track(spec(), NOW)
        totals = house.account.totals()["Leads"]
        assert totals.records == {"updated": 0, "failed": 0}
        assert totals.finished == {JobState.COMPLETED: 0, JobState.FAILED: 0}

    def test_module_of_a_probe_counts_once_zoho_knows_it(self, house: House) -> None:
        """A module that somebody made up leaves nothing behind."""
        house.account.track(spec(source=JobSource.PROBE), NOW)
        house.account.land(claimed(house.account), fails)
        assert house.account.totals() == {}
        poll(house.account, report(updated=7))
        assert house.account.totals()["Leads"].records == {"updated": 7, "failed": 0}

    def test_polls_add_to_the_totals(self, house: House) -> None:
        """Each of two jobs adds its own records once, and its end; the totals stay when the jobs have gone."""
        other = JobKey("acme", "Leads", "2")
        for key in (LEADS, other):
            house.account.track(spec(key), NOW)
            poll(house.account, report(updated=30, failed=1), key)
            poll(house.account, report(updated=5, failed=1), key)
            poll(house.account, report(JobState.COMPLETED, updated=31, failed=2), key)
        house.account.forget({LEADS, other})
        totals = house.account.totals()["Leads"]
        assert totals.records == {"updated": 62, "failed": 4}
        assert totals.finished == {JobState.COMPLETED: 2, JobState.FAILED: 0}
        assert sum(totals.durations[JobState.COMPLETED].counts) == 2

    def test_landing_gives_the_job_before_and_after(self, house: House) -> None:
        """Whoever lets it land can tell what changed."""
        house.account.track(spec(), NOW)
        before = house.account.get(LEADS)
        landed = house.account.land(claimed(house.account), reports(report()))
        assert landed == (before, house.account.get(LEADS))


class TestClaims:
    """The right to poll a job."""

    def test_second_claim_is_refused_until_the_first_is_released(self, house: House) -> None:
        """Two never poll a job at once, and the one refused pays nothing."""
        house.account.track(spec(), NOW)
        claim = claimed(house.account)
        assert refused(house.account, LEADS, FREE) == "circuit"
        assert house.account.used() == 1
        house.account.release(claim)
        house.account.release(claimed(house.account))

    def test_claims_of_other_jobs_are_given(self, house: House) -> None:
        """A claim holds one job alone, also one of the same id in another module or account."""
        claimed(house.account)
        claimed(house.account, JobKey("acme", "Deals", LEADS.job_id))
        claimed(house.store.account("beta"), JobKey("beta", "Leads", LEADS.job_id))
        assert house.account.used() == 2

    def test_landing_ends_the_claim(self, house: House) -> None:
        """The job may be polled again, and the same claim lands once only."""
        house.account.track(spec(), NOW)
        claim = claimed(house.account)
        assert house.account.land(claim, reports(report())) is not None
        land_in_vain(house.account, claim)
        claimed(house.account)

    def test_claim_expires(self, house: House) -> None:
        """A poller that died holds a job no longer than its lease."""
        house.account.track(spec(), NOW)
        claim = claimed(house.account)
        assert claim.expires_at == NOW + 60
        house.clock.now += 59.9
        assert refused(house.account, LEADS, FREE) == "circuit"
        house.clock.now += 0.1
        assert claimed(house.account).token != claim.token

    def test_late_answer_changes_nothing(self, house: House) -> None:
        """Who slept longer than its lease writes nothing over newer state, and ends nobody else's claim."""
        house.account.track(spec(), NOW)
        old = claimed(house.account)
        house.clock.now += 61
        new = claimed(house.account)
        land_in_vain(house.account, old)
        house.account.release(old)
        assert refused(house.account, LEADS, FREE) == "circuit"
        assert house.account.land(new, reports(report(updated=9))) is not None
        assert house.account.totals()["Leads"].records["updated"] == 9

    def test_answer_for_a_forgotten_job_changes_nothing(self, house: House) -> None:
        """It brings neither the job back nor counters."""
        house.account.track(spec(), NOW)
        claim = claimed(house.account)
        house.account.forget({LEADS})
        land_in_vain(house.account, claim)
        assert house.account.jobs() == {}

    def test_old_claim_does_not_hit_a_job_tracked_anew(self, house: House) -> None:
        """It is another job by the same name: free to be polled, and not told what the old one was."""
        house.account.track(spec(), NOW)
        old = claimed(house.account)
        house.account.forget({LEADS})
        house.account.track(spec(), NOW + 1)
        land_in_vain(house.account, old)
        new = claimed(house.account)
        house.account.give_back(old)
        house.account.release(old)
        assert house.account.land(new, reports(report())) is not None

    def test_claim_of_a_clock_set_back_does_not_last(self, house: House) -> None:
        """A clock corrected by a day must not keep a job from being polled for that day."""
        house.account.track(spec(), NOW)
        claimed(house.account)
        house.clock.now -= DAY
        claimed(house.account)

    def test_no_more_claims_hold_than_may_at_once(self, house: House) -> None:
        """One that is refused pays nothing; a place is free again when a poll ends, or its claim has expired."""
        purse, keys = Purse(None, at_once=2), [JobKey("acme", "Leads", str(number)) for number in range(5)]
        for key in keys:
            house.account.track(spec(key), NOW)
        ending = claimed(house.account, keys[0], purse=purse)
        house.account.claim(keys[1], purse, 60)
        assert refused(house.account, keys[2], purse) == "circuit"
        with pytest.raises(NoPlaceError):
            house.account.claim(keys[2], purse, 60)
        assert house.account.used() == 2
        assert house.account.land(ending, fails) is not None
        claimed(house.account, keys[2], purse=purse)
        assert refused(house.account, keys[3], purse) == "circuit"
        house.clock.now += 60
        claimed(house.account, keys[3], purse=purse)
        claimed(house.account, keys[4], purse=purse)

    def test_places_are_those_of_an_account(self, house: House) -> None:
        """Another one has its own."""
        purse = Purse(None, at_once=1)
        claimed(house.account, purse=purse)
        claimed(house.store.account("beta"), JobKey("beta", "Leads", "1"), purse=purse)
        assert refused(house.account, DEALS, purse) == "circuit"

    def test_one_of_many_gets_the_claim(self, house: House) -> None:
        """Eight that ask at the same moment get one claim, and one credit is booked."""
        got = together(8, lambda: claimed(house.account))
        assert sorted(got) == [False] * 7 + [True]
        assert house.account.used() == 1


def together(count: int, work: Callable[[], object]) -> list[bool]:
    """Do the same in many threads at the same moment, and say for each whether it was not held back."""
    start, got = Barrier(count), list[bool]()

    def run() -> None:
        start.wait(10)
        try:
            work()
        except HeldBackError:
            got.append(False)
        else:
            got.append(True)

    threads = [Thread(target=run) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    return got


class TestCredits:
    """What calls cost."""

    def test_each_claim_books_one(self, house: House) -> None:
        """It stays booked, whatever the poll gave."""
        house.account.track(spec(), NOW)
        poll(house.account, report())
        house.account.land(claimed(house.account), fails)
        house.account.release(claimed(house.account))
        assert house.account.used() == 3

    def test_limit_holds(self, house: House) -> None:
        """At the limit nothing is booked, and a refused job is free for whoever asks later."""
        purse = Purse(2)
        for key in (LEADS, DEALS):
            claimed(house.account, key, purse=purse)
        other = JobKey("acme", "Leads", "3")
        assert refused(house.account, other, purse) == "budget"
        assert house.account.used() == 2
        house.clock.now += 2 * DAY
        claimed(house.account, other, purse=purse)

    def test_nothing_goes_on_a_limit_of_nothing(self, house: House) -> None:
        """0 is a limit."""
        assert refused(house.account, LEADS, Purse(0)) == "budget"
        assert house.account.used() == 0

    def test_limit_holds_for_many_at_once(self, house: House) -> None:
        """Thirty threads with a limit of twenty get twenty."""
        keys = iter([JobKey("acme", "Leads", str(number)) for number in range(30)])
        got = together(30, lambda: claimed(house.account, next(keys), purse=Purse(20)))
        assert (sum(got), house.account.used()) == (20, 20)

    def test_further_call_books_another(self, house: House) -> None:
        """A call made again under the same claim costs another credit, within the same limit."""
        claim = claimed(house.account, purse=Purse(2))
        house.account.book(claim, Purse(2))
        assert house.account.used() == 2
        with pytest.raises(HeldBackError) as caught:
            house.account.book(claim, Purse(2))
        assert (caught.value.reason, house.account.used()) == ("budget", 2)

    def test_unsent_call_costs_nothing(self, house: House) -> None:
        """Its credit comes back once, and the one of an earlier call under the same claim stays."""
        house.account.track(spec(), NOW)
        claim = claimed(house.account)
        house.account.book(claim, FREE)
        house.account.give_back(claim)
        house.account.give_back(claim)
        assert house.account.used() == 1
        house.account.release(claim)
        assert house.account.used() == 1

    def test_what_a_claim_that_has_ended_gives_back_is_spent(self, house: House) -> None:
        """Its calls were made."""
        claim = claimed(house.account)
        house.account.release(claim)
        house.account.give_back(claim)
        assert house.account.used() == 1

    def test_credit_of_an_unsent_call_is_free_for_another(self, house: House) -> None:
        """What came back can be spent again."""
        claim = claimed(house.account, purse=Purse(1))
        house.account.give_back(claim)
        claimed(house.account, DEALS, purse=Purse(1))

    @pytest.mark.parametrize(
        ("seconds", "used"),
        [
            pytest.param(0.0, 3, id="now"),
            pytest.param(DAY - 1, 3, id="just within a day"),
            pytest.param(DAY, 3, id="a day after"),
            pytest.param(DAY + 39, 3, id="the last moment of its minute"),
            pytest.param(DAY + 40, 0, id="a day after the end of its minute"),
            pytest.param(30 * DAY, 0, id="a month after"),
        ],
    )
    def test_credits_come_back_after_a_day(self, house: House, seconds: float, used: int) -> None:
        """No window of 24 hours ever holds more than the limit, to the second."""
        assert NOW % 60 == 20
        spend(house.account, 3)
        house.clock.now += seconds
        assert house.account.used() == used

    @pytest.mark.parametrize("back", [0.1, 61.0, DAY, 30 * DAY])
    def test_clock_that_is_set_back_returns_no_credit(self, house: House, back: float) -> None:
        """Credits of what was the future count as spent now, and come back a day from now."""
        spend(house.account, 3)
        house.clock.now -= back
        assert house.account.used() == 3
        house.clock.now += DAY - 60
        assert house.account.used() == 3
        house.clock.now += 120
        assert house.account.used() == 0

    def test_credits_of_many_minutes_come_back_one_by_one(self, house: House) -> None:
        """Each with its own minute."""
        for _ in range(3):
            spend(house.account, 1)
            house.clock.now += 3600
        house.clock.now += DAY - 3 * 3600 + 40
        seen = []
        for _ in range(4):
            seen.append(house.account.used())
            house.clock.now += 3600
        assert seen == [2, 1, 0, 0]


class TestProbesShare:
    """Credits for jobs that only probes brought."""

    def test_share_holds_for_probes_alone(self, house: House) -> None:
        """Beyond their share probed jobs wait; others go on to the whole limit."""
        purse = Purse(8, for_probes=2)
        keys = [JobKey("acme", "Leads", str(number)) for number in range(9)]
        for key in keys[:2]:
            claimed(house.account, key, purse=purse, is_probe=True)
        assert refused(house.account, keys[2], purse, is_probe=True) == "budget"
        for key in keys[2:8]:
            claimed(house.account, key, purse=purse)
        assert refused(house.account, keys[8], purse) == "budget"
        assert (house.account.used(), house.account.used(by_probes=True)) == (8, 2)

    def test_probes_alone_have_it_all(self, house: House) -> None:
        """Without a share the limit is theirs too."""
        for number in range(3):
            claimed(house.account, JobKey("acme", "Leads", str(number)), purse=Purse(3), is_probe=True)
        assert refused(house.account, LEADS, Purse(3), is_probe=True) == "budget"

    def test_share_comes_back_with_its_credits(self, house: House) -> None:
        """One given back, and those of yesterday."""
        purse = Purse(8, for_probes=1)
        house.account.give_back(claimed(house.account, purse=purse, is_probe=True))
        assert house.account.used(by_probes=True) == 0
        claimed(house.account, DEALS, purse=purse, is_probe=True)
        house.clock.now += DAY + 60
        claimed(house.account, DEALS, purse=purse, is_probe=True)
        assert house.account.used(by_probes=True) == 1


class TestExpectedCalls:
    """Credits that are booked together before they are claimed."""

    def test_expected_calls_cost_nothing_by_themselves(self, house: House) -> None:
        """They show as spent when they are claimed, and not twice."""
        house.account.expect_calls(3, FREE)
        assert house.account.used() == 0
        spend(house.account, 2)
        assert house.account.used() == 2

    def test_what_was_not_claimed_comes_back(self, house: House) -> None:
        """A round that is over leaves nothing booked but what it spent."""
        house.account.expect_calls(5, Purse(5))
        spend(house.account, 2)
        house.account.rest()
        house.account.rest()
        assert house.account.used() == 2
        for number in range(3):
            claimed(house.account, JobKey("acme", "Leads", str(number)), purse=Purse(5))
        assert refused(house.account, DEALS, Purse(5)) == "budget"

    def test_more_may_come_than_were_expected(self, house: House) -> None:
        """Each further one books for itself."""
        house.account.expect_calls(1, FREE)
        spend(house.account, 4)
        house.account.rest()
        assert house.account.used() == 4

    def test_no_more_are_expected_than_there_are(self, house: House) -> None:
        """The limit holds also where hundreds are due."""
        house.account.expect_calls(300, Purse(2))
        for key in (LEADS, DEALS):
            claimed(house.account, key, purse=Purse(2))
        assert refused(house.account, JobKey("acme", "Leads", "3"), Purse(2)) == "budget"
        house.account.expect_calls(5, Purse(2))
        house.account.rest()
        assert house.account.used() == 2

    def test_two_scrapes_expect_together(self, house: House) -> None:
        """The second adds what the first has not asked for already."""
        house.account.expect_calls(3, Purse(4))
        house.account.expect_calls(2, Purse(4))
        house.account.expect_calls(4, Purse(4))
        spend(house.account, 4)
        assert house.account.used() == 4
        assert refused(house.account, LEADS, Purse(4)) == "budget"

    def test_call_counts_when_it_is_made(self, house: House) -> None:
        """One that is claimed an hour after it was expected comes back a day after it was claimed."""
        house.account.expect_calls(2, FREE)
        house.clock.now += 3600
        spend(house.account, 1)
        house.account.rest()
        house.clock.now += DAY - 60
        assert house.account.used() == 1
        house.clock.now += 120
        assert house.account.used() == 0

    @pytest.mark.parametrize("jump", [-30 * DAY, -DAY, -61.0, 61.0, DAY + 61, 30 * DAY])
    def test_clock_that_jumps_in_a_round_counts_each_call_once(self, house: House, jump: float) -> None:
        """Neither a sleep of the machine nor a corrected clock makes credits of nothing, or lets them vanish."""
        house.account.expect_calls(4, Purse(4))
        house.clock.now += jump
        assert house.account.used() == 0
        spend(house.account, 1)
        assert house.account.used() == 1
        spend(house.account, 1)
        house.account.rest()
        assert house.account.used() == 2
        for number in range(2):
            claimed(house.account, JobKey("acme", "Leads", str(number)), purse=Purse(4))
        assert refused(house.account, DEALS, Purse(4)) == "budget"

    def test_unsent_call_of_a_round_costs_nothing(self, house: House) -> None:
        """Its credit comes back like any other."""
        house.account.expect_calls(2, FREE)
        house.account.give_back(claimed(house.account))
        house.account.rest()
        assert house.account.used() == 0


class TestExpectedClaims:
    """Jobs that are about to be claimed, of which some may be claimed already."""

    def test_those_that_nobody_wants_come_back(self, house: House) -> None:
        """With their credits and their places; the others are claimed once."""
        house.account.track(spec(), NOW)
        purse = Purse(3, at_once=2)
        house.account.expect_claims([(LEADS, False), (DEALS, False)], 2, purse, 60)
        claim = claimed(house.account, purse=purse)
        assert refused(house.account, LEADS, purse) == "circuit"
        house.account.rest()
        assert house.account.used() == 1
        house.account.release(claimed(house.account, DEALS, purse=purse))
        assert house.account.land(claim, reports(report())) is not None
        assert house.account.used() == 2

    def test_those_that_come_along_are_claims(self, house: House) -> None:
        """Each that lands makes room for the next, within the credits."""
        keys, purse = [JobKey("acme", "Leads", str(number)) for number in range(4)], Purse(3, at_once=1)
        for key in keys:
            house.account.track(spec(key), NOW)
        house.account.expect_claims([(key, False) for key in keys], 1, purse, 60)
        for key in keys[:3]:
            assert house.account.land(claimed(house.account, key, purse=purse), reports(report())) is not None
        assert refused(house.account, keys[3], purse) == "budget"
        house.account.rest()
        assert house.account.used() == 3

    def test_probes_stay_within_their_share(self, house: House) -> None:
        """Also those that are claimed before they are wanted."""
        purse = Purse(9, for_probes=1)
        house.account.expect_claims([(LEADS, True), (DEALS, True)], 2, purse, 60)
        claimed(house.account, purse=purse, is_probe=True)
        assert refused(house.account, DEALS, purse, is_probe=True) == "budget"

    def test_what_can_wait_is_known_by_the_end(self, house: House) -> None:
        """In the order in which it was said."""
        assert house.account.stand(lambda _: Standing(credits_remaining=7), can_wait=True).credits_remaining == 7
        house.account.stand(lambda standing: replace(standing, answered_at=NOW), can_wait=True)
        house.account.stand(lambda standing: replace(standing, credits_remaining=2), can_wait=True)
        house.account.rest()
        assert house.account.standing == Standing(credits_remaining=2, answered_at=NOW)
        assert house.account.stand(lambda standing: standing) == house.account.standing


class TestStanding:
    """How the account stands with Zoho."""

    def test_standing_is_replaced(self, house: House) -> None:
        """Each change sees the last one, and gives what it made."""
        assert house.account.stand(lambda _: STANDING) == STANDING
        changed = house.account.stand(lambda standing: replace(standing, circuit=None))
        assert changed == house.account.standing == replace(STANDING, circuit=None)

    def test_no_change_is_lost(self, house: House) -> None:
        """Twenty at the same moment are all there."""
        together(
            20,
            lambda: house.account.stand(lambda standing: replace(standing, answered_at=standing.answered_at + 1)),
        )
        assert house.account.standing.answered_at == 20

    def test_mints_are_counted_within_their_window(self, house: House) -> None:
        """At the limit it is said when the next may be; nothing is counted for it."""
        assert [house.account.book_mint(2, 600) for _ in range(2)] == [None, None]
        house.clock.now += 100
        assert house.account.book_mint(2, 600) == NOW + 600
        house.clock.now = NOW + 599
        assert house.account.book_mint(2, 600) == NOW + 600
        house.clock.now = NOW + 600
        assert house.account.book_mint(2, 600) is None
        assert house.account.standing.mints == (NOW + 600,)

    def test_oldest_mint_is_the_first_to_make_room(self, house: House) -> None:
        """The next may be when the first is out of the window, not the last."""
        house.account.book_mint(2, 600)
        house.clock.now += 100
        house.account.book_mint(2, 600)
        assert house.account.book_mint(2, 600) == NOW + 600

    def test_mints_of_a_clock_set_back_count_as_made_now(self, house: House) -> None:
        """They neither vanish nor stand in the way for longer than the window."""
        for _ in range(2):
            house.account.book_mint(2, 600)
        house.clock.now -= DAY
        assert house.account.book_mint(2, 600) == NOW - DAY + 600
        house.clock.now += 600
        assert house.account.book_mint(2, 600) is None

    def test_many_at_once_stay_within_the_limit(self, house: House) -> None:
        """Ten of thirty that ask together may."""
        got = list[float | None]()
        together(30, lambda: got.append(house.account.book_mint(10, 600)))
        assert got.count(None) == 10
        assert len(house.account.standing.mints) == 10

    def test_mints_leave_the_rest_as_it_is(self, house: House) -> None:
        """The token and the pauses stay."""
        house.account.stand(lambda _: replace(STANDING, mints=()))
        house.account.book_mint(2, 600)
        assert house.account.standing == replace(STANDING, mints=(NOW,))


class TestTurn:
    """The right to ask for an access token."""

    def test_one_has_it_at_a_time(self, house: House) -> None:
        """Whoever is not patient goes without, and each time it is another one."""
        with house.account.turn(0, 60) as first, house.account.turn(0, 60) as other:
            assert first is not None
            assert other is None
        with house.account.turn(0, 60) as second:
            assert second not in {None, first}

    def test_each_account_has_its_own(self, house: House) -> None:
        """One account's refresh keeps no other one waiting."""
        with house.account.turn(0, 60), house.store.account("beta").turn(0, 60) as turn:
            assert turn is not None

    def test_it_ends_with_an_error(self, house: House) -> None:
        """A refresh that fails leaves the next one to try."""
        with pytest.raises(ZeroDivisionError), house.account.turn(0, 60):
            raise ZeroDivisionError
        with house.account.turn(0, 60) as turn:
            assert turn is not None

    def test_it_is_waited_for(self, house: House) -> None:
        """Who is patient comes after the first, and knows what that one has changed."""
        seen: list[Standing] = []

        def wait() -> None:
            with house.account.turn(10, 60) as turn:
                assert turn is not None
                seen.append(house.account.standing)

        with house.account.turn(0, 60) as turn:
            waiting = Thread(target=wait)
            waiting.start()
            house.account.stand(lambda _: STANDING, turn)
        waiting.join(10)
        assert seen == [STANDING]

    def test_whose_turn_is_over_changes_nothing(self, house: House) -> None:
        """A token that comes late takes no newer one's place."""
        with house.account.turn(0, 60) as turn:
            assert house.account.stand(lambda _: STANDING, turn) == STANDING
        late = house.account.stand(lambda standing: replace(standing, token=None), turn)
        assert late == house.account.standing == STANDING


def all_of(house: House) -> dict[str, object]:
    """Give all that is known of every account."""
    return {
        alias: (
            account.jobs(),
            account.retired(),
            account.totals(),
            account.used(),
            account.used(by_probes=True),
            account.standing,
        )
        for alias in sorted(house.store.accounts())
        for account in (house.store.account(alias),)
    }


class TestRestart:
    """What is kept."""

    def test_everything_is_the_same_after_a_restart(self, keeping: House) -> None:
        """Jobs with all that is known of them, tombstones, totals, credits, tokens and pauses, account by account."""
        for alias in ("acme", "beta"):
            account, keys = keeping.store.account(alias), [JobKey(alias, "Leads", str(number)) for number in range(4)]
            for key in keys:
                account.track(JobSpec(key, JobSource.FILE, "Spring", "campaign", {"team": "sales"}), NOW)
            for seconds in (0, 20, 40, 60):
                claim = account.claim(keys[0], FREE, 60)
                account.land(claim, reports(report(updated=seconds), NOW + seconds))
            account.land(claimed(account, keys[1]), fails)
            poll(account, report(JobState.COMPLETED, updated=None), keys[2])
            account.forget({keys[3]}, retired=True)
            spend(account, 2, is_probe=True)
            account.stand(lambda _: STANDING)
            keeping.clock.now += 61
        before = all_of(keeping)
        keeping.restart()
        assert all_of(keeping) == before
        assert keeping.store.health().errors["load"] == 0
        job = keeping.account.get(JobKey("acme", "Leads", "0"))
        assert job is not None
        assert job.records_per_second == 1.0

    def test_what_has_gone_stays_away(self, keeping: House) -> None:
        """Forgotten jobs, lifted tombstones, credits that came back."""
        keeping.account.track(spec(), NOW)
        keeping.account.forget({DEALS}, retired=True)
        spend(keeping.account, 1)
        keeping.restart()
        keeping.account.forget({LEADS, DEALS})
        keeping.clock.now += 2 * DAY
        spend(keeping.account, 1)
        keeping.restart()
        assert (keeping.account.jobs(), keeping.account.retired(), keeping.account.used()) == ({}, frozenset(), 1)

    def test_job_tracked_again_is_no_longer_retired(self, keeping: House) -> None:
        """Neither at once nor after a restart: the configuration may list it again."""
        keeping.account.forget({DEALS}, retired=True)
        keeping.account.track(spec(DEALS), NOW)
        keeping.restart()
        assert (set(keeping.account.jobs()), keeping.account.retired()) == ({DEALS}, frozenset())

    def test_counting_goes_on_where_it_was(self, keeping: House) -> None:
        """Counts that went back before a restart are not counted again after it."""
        keeping.account.track(spec(), NOW)
        poll(keeping.account, report(updated=30))
        poll(keeping.account, report(updated=5))
        keeping.restart()
        poll(keeping.account, report(updated=35))
        assert keeping.account.totals()["Leads"].records["updated"] == 35

    def test_stop_in_a_round_returns_what_nobody_claimed(self, keeping: House) -> None:
        """Calls that were announced and then not made, because the process ended, cost nothing after it."""
        keeping.account.expect_calls(5, Purse(5))
        spend(keeping.account, 2)
        keeping.restart()
        assert keeping.account.used() == 2

    def test_claims_do_not_outlive_the_only_poller(self, alone: House) -> None:
        """What was being polled at the end is free at once after a restart of a store that nobody shares."""
        alone.account.track(spec(), NOW)
        claimed(alone.account)
        alone.restart()
        claimed(alone.account)
        assert alone.account.used() == 2

    def test_clock_set_back_while_we_were_away(self, keeping: House) -> None:
        """Credits and mints of the future count as made now."""
        spend(keeping.account, 3, is_probe=True)
        keeping.account.book_mint(1, 600)
        keeping.clock.now -= DAY
        keeping.restart()
        assert (keeping.account.used(), keeping.account.used(by_probes=True)) == (3, 3)
        assert keeping.account.book_mint(1, 600) == NOW - DAY + 600


class TestHealth:
    """Whether it is kept."""

    def test_all_is_well_at_first(self, house: House) -> None:
        """Every operation is counted from 0, nothing is behind."""
        health = house.store.health()
        assert set(health.errors.values()) == {0}
        assert {"load", "save_job", "forget_jobs", "save_ledger", "renew"} <= set(health.errors)
        assert (health.behind_since, health.is_failing) == (None, False)

    def test_booked_credits_are_written_after_a_short_wait(self, house: House) -> None:
        """A crash then forgets none."""
        house.account.expect_calls(3, FREE)
        spend(house.account, 4)
        house.account.wait_written()
        assert house.account.unwritten() == 0

    def test_time_is_that_of_the_store(self, house: House) -> None:
        """What is due and spent is judged by one clock."""
        house.clock.now += 5
        house.store.refresh(0.0)
        assert house.store.now() == NOW + 5
