"""One account's access token, under a clock that the test moves."""

import logging
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field, replace
from threading import Barrier, Event

import pytest
from hypothesis import given
from hypothesis import strategies as st
from samples import DEALS, LEADS, NOW, Clock

from exporter.errors import (
    ConfigurationError,
    DeadTokenError,
    PassingError,
    PollError,
    Problem,
    RefusedError,
    TokenRefusedError,
)
from exporter.model import Credentials, JobKey, KeptToken, Pause, Standing, TokenStatus
from exporter.state import AccountState, SqliteStore
from exporter.zoho.oauth import PASSING_REFUSALS, REFUSALS
from exporter.zoho.tokens import TokenSource

CREDENTIALS = Credentials("1000.CLIENT", "client-secret-0a1b", "1000.refresh-2c3d")
NEW_CREDENTIALS = replace(CREDENTIALS, refresh_token="1000.refresh-new-4e5f")
UNREADABLE = ConfigurationError((Problem("/run/secrets/refresh_token", "permission denied"),))


def refusal(reason: str, message: str = "refused", seconds: float | None = None) -> PollError:
    """Give a refusal of the accounts host."""
    kind = PassingError if reason in PASSING_REFUSALS else RefusedError
    return kind(reason, message, advice=REFUSALS[reason], retry_after_seconds=seconds)


THROTTLED = refusal("access_denied", "Zoho refused to refresh the token: Access Denied (HTTP 400)")
GENERAL = refusal("general_error", "Zoho refused to refresh the token: general_error (HTTP 200)")
REVOKED = refusal("invalid_code", "Zoho refused to refresh the token: invalid_code (HTTP 200)")
TIMEOUT = PassingError("timeout", "no token: Zoho fell silent for 8 s", advice="check the network")
DEAD = DeadTokenError("INVALID_TOKEN", "Zoho answered INVALID_TOKEN invalid oauth token (HTTP 401)")
SECRETS = ("client-secret-0a1b", "refresh-2c3d", "refresh-new-4e5f", "1000.token")


@dataclass
class Scene:
    """A token source whose Zoho, secrets and clocks the test plays.

    `fault` is raised by the mint while it is set; a token lives for `lifetime` seconds.
    """

    fault: Exception | None = None
    secrets: Credentials | ConfigurationError = CREDENTIALS
    lifetime: float = 3600
    standing: Standing = field(default_factory=Standing)
    clock: Clock = field(default_factory=Clock)
    watch: Clock = field(default_factory=lambda: Clock(100.0))
    minted: list[tuple[float, Credentials]] = field(default_factory=list)
    deadlines: list[float] = field(default_factory=list)
    shared: AccountState | None = None

    def __post_init__(self) -> None:
        self.account = self.shared or SqliteStore(None, self.clock).account("acme")
        if not self.shared:
            self.account.stand(lambda _: self.standing)
        self.source = TokenSource(
            "acme",
            mint=self._mint,
            credentials=self._read_secrets,
            account=self.account,
            clock=self.clock,
            stopwatch=self.watch,
        )

    def token(self) -> KeptToken:
        """Ask for a token, with 8 s to wait for it."""
        return self.source.token(self.watch.now + 8)

    def refused(self) -> TokenRefusedError:
        """Ask for a token and give the refusal."""
        with pytest.raises(TokenRefusedError) as raised:
            self.token()
        return raised.value

    def try_to_get(self) -> bool:
        """Ask for a token and say whether there was one."""
        try:
            self.token()
        except TokenRefusedError:
            return False
        return True

    def replaced(self, token: KeptToken, key: JobKey = LEADS) -> KeptToken:
        """Ask for another token in place of one that Zoho did not accept for a job, in a call that is begun now."""
        self.source.reject(token, key, self.watch.now, DEAD, is_second=False)
        return self.token()

    def doubt(self, token: KeptToken, key: JobKey = LEADS, asked_at: float | None = None) -> PollError:
        """Say that Zoho did not accept a new token either, and give what the poll ends with."""
        with pytest.raises(PollError) as raised:
            self.source.reject(token, key, self.watch.now if asked_at is None else asked_at, DEAD, is_second=True)
        return raised.value

    def accept(self, key: JobKey = DEALS) -> KeptToken:
        """Let Zoho accept the token for a job, and give it; time goes on."""
        token = self.token()
        self.source.note_accepted(key, self.watch.now)
        self.watch.now += 1
        return token

    def poll_refused(self, key: JobKey = LEADS) -> PollError:
        """Poll a job that Zoho answers with INVALID_TOKEN, whatever the token, and give what it ends with."""
        self.watch.now += 1
        try:
            return self.doubt(self.replaced(self.token(), key), key)
        except PollError as error:
            return error

    def _mint(self, credentials: Credentials, deadline: float) -> KeptToken:
        self.minted.append((self.clock.now, credentials))
        self.deadlines.append(deadline)
        if self.fault:
            raise self.fault
        return KeptToken(
            f"1000.token-{len(self.minted)}", self.clock.now + self.lifetime, "https://www.zohoapis.com", ""
        )

    def _read_secrets(self) -> Credentials:
        if isinstance(self.secrets, ConfigurationError):
            raise self.secrets
        return self.secrets


@pytest.fixture
def scene() -> Scene:
    """Give a token source that was never asked."""
    return Scene()


def test_the_first_token_is_minted_with_the_credentials(scene: Scene) -> None:
    """A source that has no token asks Zoho for one."""
    assert scene.token().value == "1000.token-1"
    assert scene.minted == [(NOW, CREDENTIALS)]


def test_a_token_is_kept_until_a_minute_before_its_end(scene: Scene) -> None:
    """A token that is good for more than 60 s is used again."""
    first = scene.token()
    scene.clock.now = NOW + 3539.9
    assert scene.token() is first


def test_a_new_token_is_minted_a_minute_before_the_end(scene: Scene) -> None:
    """A token that is good for 60 s or less is not handed out."""
    scene.token()
    scene.clock.now = NOW + 3540
    assert scene.token().value == "1000.token-2"


def test_polls_that_need_a_token_at_once_share_one_refresh(scene: Scene) -> None:
    """Eight threads that start together cause one refresh."""
    barrier = Barrier(8)

    def ask() -> KeptToken:
        barrier.wait(30)
        return scene.token()

    with ThreadPoolExecutor(8) as pool:
        tokens = [future.result(30) for future in [pool.submit(ask) for _ in range(8)]]
    assert {token.value for token in tokens} == {"1000.token-1"}
    assert len(scene.minted) == 1


def test_polls_whose_token_died_at_once_share_one_new_token(scene: Scene) -> None:
    """Eight threads that find the same token dead cause one refresh."""
    dead = scene.token()
    barrier = Barrier(8)

    def replace_it() -> KeptToken:
        barrier.wait(30)
        return scene.replaced(dead)

    with ThreadPoolExecutor(8) as pool:
        tokens = [future.result(30) for future in [pool.submit(replace_it) for _ in range(8)]]
    assert {token.value for token in tokens} == {"1000.token-2"}
    assert len(scene.minted) == 2


def test_a_token_that_was_replaced_is_not_handed_out_again(scene: Scene) -> None:
    """A token that Zoho does not accept is replaced, also for a later process."""
    assert scene.replaced(scene.token()).value == "1000.token-2"
    assert scene.token().value == "1000.token-2"
    kept = scene.account.standing.token
    assert kept is not None
    assert kept.value == "1000.token-2"


def test_a_dead_token_without_a_successor_is_kept_by_nobody(scene: Scene) -> None:
    """Neither this process nor the next one uses a token that Zoho does not accept."""
    dead = scene.token()
    scene.fault = GENERAL
    with pytest.raises(TokenRefusedError):
        scene.replaced(dead)
    assert scene.account.standing.token is None
    assert not scene.source.status().is_valid


def test_a_dead_token_of_before_leaves_the_current_one_in_place(scene: Scene) -> None:
    """A slow poll that fails with the last token gets the new one."""
    old = scene.token()
    current = scene.replaced(old)
    assert scene.replaced(old, DEALS) is current
    assert scene.token() is current
    assert len(scene.minted) == 2


def test_a_token_is_kept_for_the_next_process() -> None:
    """A restart mints no token: the one in the ledger is used."""
    before = Scene()
    token = before.token()
    after = Scene(standing=before.account.standing)
    assert after.token() == token
    assert after.minted == []


@pytest.mark.parametrize(
    ("seconds_later", "secrets", "minted"),
    [
        pytest.param(3539, CREDENTIALS, 0, id="still-good"),
        pytest.param(3540, CREDENTIALS, 1, id="nearly-over"),
        pytest.param(0, NEW_CREDENTIALS, 1, id="other-credentials"),
    ],
)
def test_a_kept_token_is_used_only_while_good_and_for_its_credentials(
    seconds_later: float, secrets: Credentials, minted: int
) -> None:
    """A token of an earlier process counts while it lasts, and never for another client or user."""
    before = Scene()
    before.token()
    after = Scene(standing=before.account.standing, secrets=secrets, clock=Clock(NOW + seconds_later))
    after.token()
    assert len(after.minted) == minted


def test_secret_that_is_replaced_at_one_after_the_other_costs_one_token(scene: Scene) -> None:
    """Those who share an account take what each other asked for, with whichever secret; a rotation still counts."""
    other = Scene(clock=scene.clock, shared=scene.account)
    old = scene.token()
    assert other.token() == old
    other.secrets = NEW_CREDENTIALS
    other.source.recheck()
    new = other.token()
    for one in (scene, other, scene, other):
        assert one.token() == new
        one.source.recheck()
    scene.secrets = NEW_CREDENTIALS
    scene.source.recheck()
    assert scene.token() == new
    assert [by for _, by in scene.minted + other.minted] == [CREDENTIALS, NEW_CREDENTIALS]


def test_secret_of_before_asks_once_after_a_restart(scene: Scene) -> None:
    """Then both take its token, until that ends."""
    other = Scene(clock=scene.clock, shared=scene.account, secrets=NEW_CREDENTIALS)
    for one in (scene, other, scene, other, scene, other):
        one.token()
    assert [by for _, by in scene.minted + other.minted] == [CREDENTIALS, NEW_CREDENTIALS]
    scene.clock.now += 3600
    assert other.token() == scene.token()
    assert len(scene.minted + other.minted) == 3


def test_what_is_kept_of_the_credentials_is_no_secret(scene: Scene) -> None:
    """The ledger tells credentials apart without holding or showing them."""
    scene.token()
    kept = scene.account.standing.token
    assert isinstance(kept, KeptToken)
    assert not any(secret in f"{kept!r} {kept.fingerprint}" for secret in SECRETS)


@pytest.mark.parametrize(
    ("fault", "pauses"),
    [
        pytest.param(THROTTLED, [180, 360, 720, 900, 900], id="access-denied"),
        pytest.param(GENERAL, [15, 30, 60, 120, 240, 480, 600, 600], id="passing-refusal"),
        pytest.param(TIMEOUT, [15, 30, 60, 120, 240, 480, 600, 600], id="network"),
        pytest.param(REVOKED, [900, 1800, 3600, 7200, 14400, 21600, 21600], id="permanent"),
    ],
)
def test_a_refusal_is_followed_by_a_pause_that_doubles(fault: Exception, pauses: list[float]) -> None:
    """Each refusal in a row doubles the pause up to its kind's longest."""
    scene = Scene(fault=fault)
    seen = []
    for _ in pauses:
        retry_at = scene.refused().retry_at
        seen.append(retry_at - scene.clock.now)
        scene.clock.now = retry_at
    assert seen == pauses
    assert len(scene.minted) == len(pauses)


@pytest.mark.parametrize("fault", [THROTTLED, GENERAL, REVOKED, TIMEOUT], ids=["throttled", "general", "code", "time"])
def test_zoho_is_not_asked_during_a_pause(fault: Exception) -> None:
    """Until the pause is over, polls get the same refusal and Zoho hears nothing."""
    scene = Scene(fault=fault)
    first = scene.refused()
    scene.clock.now = first.retry_at - 0.1
    second = scene.refused()
    assert (second.reason, second.message, second.retry_at) == (first.reason, first.message, first.retry_at)
    assert second.advice == first.advice != ""
    assert scene.source.is_cooling_down()
    assert len(scene.minted) == 1


def test_another_reason_starts_its_own_pause(scene: Scene) -> None:
    """The pause doubles for one reason in a row, not across reasons."""
    scene.fault = THROTTLED
    scene.clock.now = scene.refused().retry_at
    scene.fault = GENERAL
    assert scene.refused().retry_at == scene.clock.now + 15


def test_a_success_ends_the_row_of_refusals(scene: Scene) -> None:
    """After a token was minted, the next refusal begins with the shortest pause."""
    scene.fault = GENERAL
    scene.clock.now = scene.refused().retry_at
    scene.fault = None
    token = scene.token()
    assert not scene.source.is_cooling_down()
    scene.fault = GENERAL
    with pytest.raises(TokenRefusedError) as raised:
        scene.replaced(token)
    assert raised.value.retry_at == scene.clock.now + 15


@pytest.mark.parametrize(("asked", "pause"), [(600.0, 600), (20.0, 180), (None, 180)])
def test_zohos_own_pause_wins_when_it_is_longer(scene: Scene, asked: float | None, pause: float) -> None:
    """`Retry-After` lengthens a pause and never shortens it."""
    scene.fault = refusal("access_denied", "Access Denied", asked)
    assert scene.refused().retry_at == NOW + pause


@pytest.mark.parametrize("fault", [THROTTLED, REVOKED], ids=["throttled", "permanent"])
def test_new_credentials_end_a_pause(scene: Scene, fault: Exception) -> None:
    """Whoever replaces a secret file is not made to wait."""
    scene.fault = fault
    scene.refused()
    scene.fault, scene.secrets = None, NEW_CREDENTIALS
    assert not scene.source.is_cooling_down()
    assert scene.token().value == "1000.token-2"
    assert scene.minted[-1] == (NOW, NEW_CREDENTIALS)


@pytest.mark.parametrize(
    ("fault", "is_cured"),
    [
        pytest.param(refusal("invalid_client"), True, id="data-centre"),
        pytest.param(TIMEOUT, True, id="network"),
        pytest.param(THROTTLED, False, id="throttled"),
        pytest.param(refusal("too_many_requests"), False, id="throttled-by-another-word"),
    ],
)
def test_other_settings_end_a_pause_that_they_may_have_cured(fault: Exception, *, is_cured: bool) -> None:
    """Whoever corrects the data centre is not made to wait for hours; Zoho's throttle heeds no setting."""
    scene = Scene(fault=fault)
    scene.refused()
    scene.source.recheck()
    assert scene.source.is_cooling_down() is not is_cured


@pytest.mark.parametrize(
    ("secrets", "token"),
    [
        pytest.param(CREDENTIALS, "1000.token-1", id="same"),
        pytest.param(NEW_CREDENTIALS, "1000.token-2", id="new"),
        pytest.param(UNREADABLE, "1000.token-1", id="unreadable"),
    ],
)
def test_other_settings_end_a_token_of_other_credentials(
    scene: Scene, secrets: Credentials | ConfigurationError, token: str
) -> None:
    """A good token is let go of only where new credentials are there to replace it."""
    scene.token()
    scene.secrets = secrets
    scene.source.recheck()
    assert scene.token().value == token


def test_what_was_accepted_with_other_credentials_spares_no_job(scene: Scene) -> None:
    """The first refusal of a new account's token has it replaced once, as ever."""
    scene.accept()
    scene.secrets = NEW_CREDENTIALS
    scene.source.recheck()
    assert scene.replaced(scene.token()).value == "1000.token-3"


def test_other_settings_end_the_pause_of_a_rejection(scene: Scene) -> None:
    """Whoever corrects the environment is not made to wait, and the row of rejections is over."""
    reject_next(scene)
    scene.doubt(scene.token())
    assert scene.source.is_cooling_down()
    scene.source.recheck()
    assert not scene.source.is_cooling_down()
    assert reject_next(scene) == 15


def test_unreadable_credentials_are_a_refusal_that_asks_nobody(scene: Scene) -> None:
    """Secret files that can't be read pause the account, and Zoho hears nothing."""
    scene.secrets = UNREADABLE
    error = scene.refused()
    assert (error.reason, error.code) == ("credentials_unreadable", "token_refused")
    assert error.retry_at == NOW + 15
    assert "/run/secrets/refresh_token: permission denied" in error.message
    assert scene.source.is_cooling_down()
    assert scene.minted == []


def test_unreadable_credentials_are_one_refusal_during_their_pause(scene: Scene) -> None:
    """Each further poll of the pause gets the same refusal and counts nothing."""
    scene.secrets = UNREADABLE
    assert scene.refused().retry_at == scene.refused().retry_at == NOW + 15
    assert scene.source.status().refresh_errors["credentials_unreadable"] == 1


def test_credentials_that_become_readable_end_the_pause(scene: Scene) -> None:
    """A repaired secret file is used at once."""
    scene.secrets = UNREADABLE
    scene.refused()
    scene.secrets = CREDENTIALS
    assert not scene.source.is_cooling_down()
    assert scene.token().value == "1000.token-1"


def test_credentials_that_become_unreadable_do_not_end_up_hidden_by_a_pause(scene: Scene) -> None:
    """During a pause of Zoho's, unreadable secret files are the newer reason and are told."""
    scene.fault = REVOKED
    scene.refused()
    scene.secrets = UNREADABLE
    assert scene.refused().reason == "credentials_unreadable"


def test_credentials_that_become_unreadable_keep_a_good_token(scene: Scene) -> None:
    """Secrets are read at a refresh alone; a good token goes on being used."""
    first = scene.token()
    scene.secrets = UNREADABLE
    assert scene.token() is first


def reject_next(scene: Scene) -> float:
    """Let Zoho's API refuse the next token, and give the seconds until one may be minted again."""
    assert scene.doubt(scene.token()) is DEAD
    retry_at = scene.refused().retry_at
    pause = retry_at - scene.clock.now
    scene.clock.now = retry_at
    return pause


def test_rejected_tokens_are_followed_by_a_pause_that_doubles(scene: Scene) -> None:
    """Where no token is accepted, ever fewer are minted: each one more ends somebody else's."""
    assert [reject_next(scene) for _ in range(7)] == [15, 30, 60, 120, 240, 480, 600]


def test_an_accepted_token_ends_the_row_of_rejections(scene: Scene) -> None:
    """A token that works makes the next rejection the first."""
    reject_next(scene)
    reject_next(scene)
    dead = scene.replaced(scene.accept(), DEALS)
    scene.doubt(dead, DEALS)
    assert not scene.source.is_cooling_down()
    scene.doubt(dead)
    assert scene.refused().retry_at == scene.clock.now + 15


def test_new_credentials_end_the_pause_of_a_rejection(scene: Scene) -> None:
    """Whoever gives the credentials of the right environment is not made to wait."""
    scene.doubt(scene.token())
    assert scene.source.is_cooling_down()
    scene.secrets = NEW_CREDENTIALS
    assert not scene.source.is_cooling_down()
    assert scene.token().value == "1000.token-2"


def test_a_rejected_token_is_not_shown_as_valid_and_is_no_failed_refresh(scene: Scene) -> None:
    """The refresh went well; what it gave is worth nothing, to the next process too."""
    scene.doubt(scene.token())
    status = scene.source.status()
    assert (status.is_valid, status.expires_at, sum(status.refresh_errors.values())) == (False, None, 0)
    assert scene.account.standing.token is None


def test_a_late_rejection_leaves_the_current_token_alone(scene: Scene) -> None:
    """A poll that was slow to be refused says nothing of a token that was minted since."""
    old = scene.token()
    current = scene.replaced(old)
    assert scene.doubt(old, DEALS) is DEAD
    assert scene.token() is current
    assert not scene.source.is_cooling_down()


def test_an_eleventh_token_in_ten_minutes_is_not_asked_for(scene: Scene) -> None:
    """Zoho grants 10 tokens in 10 minutes: our own governor refuses the next one and says until when."""
    token = scene.token()
    for _ in range(9):
        token = scene.replaced(token)
    with pytest.raises(TokenRefusedError):
        scene.replaced(token)
    error = scene.refused()
    assert error.reason == "mint_limit"
    assert error.message == "10 tokens were asked for within 10 minutes, which is Zoho's limit"
    assert error.retry_at == NOW + 600
    assert len(scene.minted) == 10
    assert scene.source.status().refreshes == 10


def test_a_token_is_asked_for_again_when_the_first_of_ten_is_ten_minutes_old(scene: Scene) -> None:
    """The limit is a rolling window."""
    token = scene.token()
    for _ in range(9):
        scene.clock.now += 10
        token = scene.replaced(token)
    with pytest.raises(TokenRefusedError):
        scene.replaced(token)
    scene.clock.now = NOW + 600
    assert scene.token().value == "1000.token-11"


def test_a_restart_does_not_forget_the_limit() -> None:
    """Mints of an earlier process count."""
    after = Scene(standing=Standing(mints=(NOW - 1,) * 10))
    assert after.refused().retry_at == NOW + 599
    assert after.minted == []


def test_a_clock_that_was_set_back_does_not_lift_the_limit() -> None:
    """Mints of the future count as made now, so that the limit holds and ends."""
    after = Scene(standing=Standing(mints=(NOW + 86_400,) * 10))
    assert after.refused().retry_at == NOW + 600


def test_mints_of_the_future_are_over_ten_minutes_later() -> None:
    """A clock that is set back by a day does not hold the limit for a day."""
    after = Scene(standing=Standing(mints=(NOW + 86_400,) * 10))
    after.clock.now = after.refused().retry_at
    assert after.token().value == "1000.token-1"


@pytest.mark.parametrize("fault", [THROTTLED, REVOKED], ids=["throttled", "permanent"])
def test_a_clock_that_is_set_back_ends_a_pause(fault: Exception) -> None:
    """Nobody knows how much of the pause is left, and Zoho is asked rather than left alone for the whole jump."""
    scene = Scene(fault=fault)
    scene.refused()
    scene.fault = None
    scene.clock.now = NOW - 86_400
    assert not scene.source.is_cooling_down()
    assert scene.token().value == "1000.token-2"


STEPS = st.lists(
    st.tuples(
        st.floats(0, 400) | st.sampled_from([0.0, 15.0, 59.9, 180.0, 599.9, 600.0]),
        st.sampled_from([None, THROTTLED, GENERAL, REVOKED, TIMEOUT, UNREADABLE]),
        st.booleans(),
        st.sampled_from([CREDENTIALS, NEW_CREDENTIALS]),
    ),
    max_size=60,
)


@given(steps=STEPS)
def test_no_ten_minutes_ever_see_more_than_ten_mints(
    steps: list[tuple[float, Exception | None, bool, Credentials]],
) -> None:
    """Whatever Zoho, the secrets and the polls do, the limit is never exceeded."""
    scene = Scene(lifetime=90)
    for seconds, fault, is_discarding, secrets in steps:
        scene.clock.now += seconds
        scene.fault = fault
        scene.secrets = fault if isinstance(fault, ConfigurationError) else secrets
        if scene.try_to_get() and is_discarding:
            with suppress(TokenRefusedError):
                scene.replaced(scene.token())
    times = [at for at, _ in scene.minted]
    assert all(later - earlier >= 600 for earlier, later in zip(times, times[10:], strict=False))


def test_status_of_a_source_that_was_never_asked(scene: Scene) -> None:
    """There is no token yet, and every reason stands at 0 from the first scrape."""
    assert scene.source.status() == TokenStatus(
        is_valid=False,
        expires_at=None,
        refreshes=0,
        refresh_errors={
            "invalid_client": 0,
            "invalid_client_secret": 0,
            "invalid_code": 0,
            "access_denied": 0,
            "general_error": 0,
            "too_many_requests": 0,
            "missing_org_info": 0,
            "invalid_redirect_uri": 0,
            "timeout": 0,
            "connection": 0,
            "tls": 0,
            "deadline": 0,
            "invalid_response": 0,
            "mint_limit": 0,
            "credentials_unreadable": 0,
            "other": 0,
        },
    )


@pytest.mark.parametrize(("seconds", "is_valid"), [(0, True), (3599, True), (3600, False)])
def test_status_tells_whether_the_token_is_valid_and_until_when(
    scene: Scene, seconds: float, *, is_valid: bool
) -> None:
    """A token is valid until its end, though it is not used in its last minute."""
    scene.token()
    scene.clock.now = NOW + seconds
    status = scene.source.status()
    assert (status.is_valid, status.expires_at, status.refreshes) == (is_valid, NOW + 3600, 1)


def test_status_counts_refreshes_and_their_errors(scene: Scene) -> None:
    """A refusal counts once under its reason, not once per poll that it holds back."""
    scene.fault = THROTTLED
    scene.refused()
    scene.refused()
    status = scene.source.status()
    assert status.refreshes == 1
    assert {reason: count for reason, count in status.refresh_errors.items() if count} == {"access_denied": 1}


def test_status_knows_the_token_of_before_a_restart(scene: Scene) -> None:
    """A kept token is held, before the first poll asks for it."""
    scene.token()
    restarted = Scene(standing=scene.account.standing)
    status = restarted.source.status()
    assert (status.is_valid, status.expires_at, status.refreshes) == (True, NOW + 3600, 0)


def test_status_forgets_a_token_of_other_credentials_once_a_new_one_is_refused(scene: Scene) -> None:
    """After a restart with wrong secrets, the metrics do not claim a valid token that no poll can use."""
    scene.token()
    restarted = Scene(standing=scene.account.standing, secrets=NEW_CREDENTIALS, fault=REVOKED)
    restarted.refused()
    status = restarted.source.status()
    assert (status.is_valid, status.expires_at) == (False, None)


@pytest.mark.parametrize("is_shared", [True, False])
def test_refused_credentials_that_are_to_be_tried_again_leave_half_of_the_tokens_to_others(*, is_shared: bool) -> None:
    """However often a person says so, or another secret comes; alone there are no others."""
    right = Scene()
    right.account.is_shared = is_shared
    assert right.try_to_get()
    for number in range(20):
        # Each as one that has just been started: it remembers nothing.
        secrets = replace(CREDENTIALS, refresh_token=f"1000.wrong-{number % 3}")
        wrong = Scene(fault=REVOKED, secrets=secrets, shared=right.account, clock=right.clock, minted=right.minted)
        wrong.source.recheck()
        wrong.refused()
    assert len(right.minted) == (5 if is_shared else 10)
    assert right.try_to_get() is is_shared
    right.clock.now += right.lifetime
    assert right.try_to_get()


class Silence:
    """An accounts host that a test lets answer: each mint waits for its turn, and ends as it says."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.watch = Clock(100.0)
        self.account = SqliteStore(None, self.clock).account("acme")
        self.secrets = CREDENTIALS
        self.is_minting, self.may_end = Event(), Event()
        self.fault: Exception | None = None
        self.mints = 0
        self.source = TokenSource(
            "acme",
            mint=self._mint,
            credentials=lambda: self.secrets,
            account=self.account,
            clock=self.clock,
            stopwatch=self.watch,
        )

    def _mint(self, credentials: Credentials, deadline: float) -> KeptToken:
        del credentials, deadline
        self.mints += 1
        value = f"1000.token-{self.mints}"
        self.is_minting.set()
        assert self.may_end.wait(30)
        if self.fault:
            raise self.fault
        return KeptToken(value, NOW + 3600, "", "")


@pytest.fixture
def silence() -> Iterator[Silence]:
    """Give a source whose first refresh hangs; at the end nothing does."""
    silence = Silence()
    yield silence
    silence.may_end.set()


def test_status_never_waits_for_a_refresh(silence: Silence) -> None:
    """While Zoho's accounts host is silent, the metrics and a reload are not, and all goes on afterwards."""
    with ThreadPoolExecutor(1) as pool:
        token = pool.submit(silence.source.token, 108.0)
        assert silence.is_minting.wait(30)
        silence.source.recheck()
        status, is_cooling_down = silence.source.status(), silence.source.is_cooling_down()
        silence.may_end.set()
        assert token.result(30).value == "1000.token-1"
    assert (status.is_valid, status.refreshes, is_cooling_down) == (False, 1, False)
    assert (silence.source.token(108.0).value, silence.mints) == ("1000.token-1", 1)


def test_whoever_waits_for_a_refresh_gives_up_at_its_own_deadline(silence: Silence) -> None:
    """A refresh that hangs holds nobody longer than it may wait, and asks for no second token."""
    with ThreadPoolExecutor(1) as pool:
        token = pool.submit(silence.source.token, 108.0)
        assert silence.is_minting.wait(30)
        for deadline in (100.0, 99.0, 100.001):
            with pytest.raises(PassingError, match="no access token came in time") as raised:
                silence.source.token(deadline)
            assert raised.value.code == "timeout"
        silence.may_end.set()
        assert token.result(30).value == "1000.token-1"
    assert (silence.source.token(100.0).value, silence.mints) == ("1000.token-1", 1)


def test_whoever_waits_gets_the_refusal(silence: Silence) -> None:
    """One refusal is told to all that wait for the same refresh, and counted once."""
    silence.fault = REVOKED
    with ThreadPoolExecutor(9) as pool:
        first = pool.submit(silence.source.token, 130.0)
        assert silence.is_minting.wait(30)
        others = [pool.submit(silence.source.token, 130.0) for _ in range(8)]
        silence.may_end.set()
        for waiting in (first, *others):
            assert isinstance(waiting.exception(30), TokenRefusedError)
    assert silence.source.status().refresh_errors["invalid_code"] == silence.mints == 1


def test_an_error_that_nobody_foresaw_leaves_the_next_refresh_to_try(silence: Silence) -> None:
    """A bug costs the polls that met it, not all that follow."""
    silence.may_end.set()
    silence.fault = ValueError("a bug")
    with pytest.raises(ValueError, match="a bug"):
        silence.source.token(108.0)
    silence.fault = None
    assert silence.source.token(108.0).value == "1000.token-2"


def test_a_token_of_credentials_of_before_is_not_used_after_a_reload(silence: Silence) -> None:
    """A refresh that was under way ends as it began, for those who waited for it alone."""
    with ThreadPoolExecutor(1) as pool:
        token = pool.submit(silence.source.token, 108.0)
        assert silence.is_minting.wait(30)
        silence.secrets = NEW_CREDENTIALS
        silence.source.recheck()
        silence.may_end.set()
        assert token.result(30).value == "1000.token-1"
    assert silence.source.token(108.0).value == "1000.token-2"


@pytest.mark.parametrize(
    ("fault", "is_pausing"), [(TIMEOUT, False), (REVOKED, False), (THROTTLED, True)], ids=["time", "code", "throttled"]
)
def test_a_refusal_of_settings_of_before_does_not_outlive_a_reload(
    silence: Silence, fault: Exception, *, is_pausing: bool
) -> None:
    """Whoever corrects the accounts host while a refresh hangs there is not made to wait; a throttle heeds nobody."""
    silence.fault = fault
    with ThreadPoolExecutor(1) as pool:
        token = pool.submit(silence.source.token, 108.0)
        assert silence.is_minting.wait(30)
        silence.source.recheck()
        silence.may_end.set()
        assert isinstance(token.exception(30), TokenRefusedError)
    assert silence.source.is_cooling_down() is is_pausing


def test_a_refresh_gets_the_deadline_of_who_asked(scene: Scene) -> None:
    """One limit holds the whole poll, its token included."""
    dead = scene.source.token(104.5)
    scene.source.reject(dead, LEADS, 100.0, DEAD, is_second=False)
    scene.source.token(107.0)
    assert scene.deadlines == [104.5, 107.0]


JOBS = tuple(JobKey("acme", "Contacts", str(number)) for number in range(5))
OWN_FAULT = (
    "Zoho refuses the access token for acme/Leads/3524033000006027001 alone, and accepts it for other jobs",
    "check the job's module and id, and what the token's user may see",
)


def test_a_job_whose_token_others_use_is_refused_without_a_new_token(scene: Scene) -> None:
    """Twice, and another call, begun in between, was answered with the token: it lives, and the job is at fault."""
    token = scene.accept()
    for _ in range(2):
        with pytest.raises(DeadTokenError, match="just accepted it for another job"):
            scene.source.reject(token, LEADS, 100.0, DEAD, is_second=False)
    scene.accept()
    with pytest.raises(RefusedError) as raised:
        scene.source.reject(token, LEADS, 101.0, DEAD, is_second=False)
    assert (raised.value.code, (raised.value.message, raised.value.advice)) == ("INVALID_TOKEN", OWN_FAULT)
    assert scene.token() is token
    assert len(scene.minted) == 1


def test_a_job_that_was_refused_once_has_the_token_replaced_where_no_other_speaks_for_it(scene: Scene) -> None:
    """It may have died after the call that was accepted; where a new one cures nothing, the job is at fault alone."""
    token = scene.accept()
    for key in (LEADS, JOBS[0]):
        with pytest.raises(DeadTokenError):
            scene.source.reject(token, key, 100.0, DEAD, is_second=False)
    scene.watch.now += 1
    second = scene.replaced(token)
    assert second is not token
    assert isinstance(scene.doubt(second), RefusedError)
    scene.accept(JOBS[0])
    assert (len(scene.minted), scene.source.is_cooling_down()) == (2, False)


def test_a_call_that_was_only_answered_later_proves_nothing(scene: Scene) -> None:
    """A slow answer to a call begun before the job's tells nothing of a token that died in between."""
    token = scene.token()
    slow, scene.watch.now = scene.watch.now, scene.watch.now + 1
    asked_at, scene.watch.now = scene.watch.now, scene.watch.now + 1
    scene.source.note_accepted(DEALS, slow)
    scene.source.reject(token, LEADS, asked_at, DEAD, is_second=False)
    assert scene.token().value == "1000.token-2"


def test_an_older_answer_takes_no_newer_one_back(scene: Scene) -> None:
    """The last call that was accepted counts, in whatever order the answers come."""
    token = scene.token()
    scene.source.note_accepted(DEALS, 102.0)
    scene.source.note_accepted(JOBS[0], 100.0)
    with pytest.raises(DeadTokenError):
        scene.source.reject(token, LEADS, 102.0, DEAD, is_second=False)
    assert scene.token() is token


def test_a_job_at_fault_costs_one_token(scene: Scene) -> None:
    """After that its refusals are known for its own, however long the others go on well."""
    scene.accept()
    errors = [scene.poll_refused()]
    for _ in range(50):
        scene.accept()
        errors.append(scene.poll_refused())
    assert {type(error) for error in errors} == {RefusedError}
    assert (len(scene.minted), scene.source.is_cooling_down()) == (2, False)


@pytest.mark.parametrize("lead", [0.0, -1.0], ids=["begun-together", "begun-before"])
def test_a_job_at_fault_that_is_answered_first_pauses_nobody(scene: Scene, lead: float) -> None:
    """Polls of one scrape: the faulty job's refusal comes before the others' answers with the same new token."""
    token = scene.token()
    asked_at = scene.watch.now
    second = scene.replaced(token)
    scene.source.note_accepted(DEALS, asked_at + lead)
    assert isinstance(scene.doubt(second, asked_at=asked_at), RefusedError)
    assert not scene.source.is_cooling_down()
    assert scene.accept() is second


def test_several_jobs_at_fault_pause_nobody(scene: Scene) -> None:
    """Where another call proves that the token before was alive, each of them is at fault, and they share one token."""
    scene.accept()
    asked_at = scene.watch.now
    scene.source.note_accepted(DEALS, asked_at)
    scene.watch.now += 1
    assert isinstance(scene.poll_refused(), RefusedError)
    second = scene.token()
    errors = [scene.doubt(second, key, asked_at) for key in JOBS]
    assert {type(error) for error in errors} == {RefusedError}
    assert (len(scene.minted), scene.source.is_cooling_down()) == (2, False)


def test_several_jobs_at_fault_cost_a_token_each(scene: Scene) -> None:
    """One after the other, beside jobs that go well: nobody pauses, and none is doubted twice."""
    for key in JOBS * 20:
        scene.accept()
        assert isinstance(scene.poll_refused(key), RefusedError)
    assert (len(scene.minted), scene.source.is_cooling_down()) == (6, False)


def test_a_job_at_fault_is_known_when_the_token_is_renewed(scene: Scene) -> None:
    """Also where it is the first to use the next hour's token, it costs no further one and pauses nobody."""
    scene.accept()
    scene.poll_refused()
    for _ in range(24):
        scene.accept()
        scene.clock.now += 3600
        assert isinstance(scene.poll_refused(), RefusedError)
    assert (len(scene.minted), scene.source.is_cooling_down()) == (26, False)


def test_a_job_that_others_proved_at_fault_is_known_when_the_token_is_renewed(scene: Scene) -> None:
    """Also where its first refusal cost no token."""
    token = scene.token()
    for refusal in (DeadTokenError, RefusedError):
        scene.source.note_accepted(DEALS, scene.watch.now)
        with pytest.raises(refusal):
            scene.replaced(token)
    scene.clock.now += 3600
    assert isinstance(scene.poll_refused(), RefusedError)
    assert (len(scene.minted), scene.source.is_cooling_down()) == (2, False)


def test_a_job_that_is_at_fault_from_now_on_is_known_by_the_token_before(scene: Scene) -> None:
    """It is the first to use the next hour's token: others were answered with the last one, and nobody pauses."""
    scene.accept()
    scene.clock.now += 3600
    assert isinstance(scene.poll_refused(), RefusedError)
    assert (len(scene.minted), scene.source.is_cooling_down()) == (3, False)


def test_what_was_accepted_before_a_pause_excuses_nobody(scene: Scene) -> None:
    """The account was found at fault: the next job that fares no better lengthens the pause at once."""
    scene.accept()
    for key in JOBS[:2]:
        scene.poll_refused(key)
    scene.clock.now = scene.refused().retry_at
    assert scene.poll_refused(JOBS[2]) is DEAD
    assert scene.refused().retry_at == scene.clock.now + 30


def test_what_was_accepted_before_a_pause_accuses_nobody(scene: Scene) -> None:
    """A job that was doubted before it is not told, on the strength of answers of before, that it alone is refused."""
    scene.accept()
    for key in JOBS[:2]:
        scene.poll_refused(key)
    scene.clock.now = scene.refused().retry_at
    assert scene.poll_refused(JOBS[0]) is DEAD


def test_a_job_at_fault_is_known_by_a_token_of_an_earlier_process() -> None:
    """Nothing was minted since the restart: what others are answered with the kept token counts."""
    before = Scene()
    before.token()
    scene = Scene(standing=before.account.standing)
    for _ in range(3):
        scene.accept()
        assert isinstance(scene.poll_refused(), RefusedError)
    assert len(scene.minted) == 1


def test_a_job_at_fault_that_is_polled_first_of_all_pauses_the_account_once(scene: Scene) -> None:
    """Nothing tells it from an account whose tokens are not accepted; once others are answered, it is known."""
    assert scene.poll_refused() is DEAD
    scene.clock.now = scene.refused().retry_at
    for _ in range(50):
        scene.accept()
        assert isinstance(scene.poll_refused(), RefusedError)
    assert (scene.clock.now, len(scene.minted), scene.source.is_cooling_down()) == (NOW + 15, 3, False)


def test_a_job_at_fault_that_is_answered_first_again_and_again_pauses_the_account_once(scene: Scene) -> None:
    """A token that only such a job tried is neither replaced nor held against the account, until it is old."""
    assert scene.poll_refused() is DEAD
    scene.clock.now = scene.refused().retry_at
    third = scene.token()
    for _ in range(10):
        assert scene.poll_refused() is DEAD
        assert scene.token() is third
    assert (len(scene.minted), scene.source.is_cooling_down()) == (3, False)
    scene.watch.now += 600
    assert scene.poll_refused() is DEAD
    assert scene.refused().retry_at == NOW + 45


def test_jobs_at_fault_that_are_answered_first_together_pause_the_account_once(scene: Scene) -> None:
    """Each was refused both tokens, whoever of them was the last to use the second one."""
    second = scene.replaced(scene.token())
    for key in JOBS:
        assert scene.doubt(second, key) is DEAD
    scene.clock.now = scene.refused().retry_at
    for key in JOBS:
        assert scene.poll_refused(key) is DEAD
    assert (len(scene.minted), scene.source.is_cooling_down()) == (3, False)


def test_an_account_of_which_nothing_was_accepted_yet_spares_one_job_for_each_pause(scene: Scene) -> None:
    """It may be a second job at fault; when a third fares no better, the account pauses for longer."""
    scene.poll_refused(JOBS[0])
    scene.clock.now = scene.refused().retry_at
    assert [scene.poll_refused(key) for key in JOBS[:2]] == [DEAD, DEAD]
    assert (len(scene.minted), scene.source.is_cooling_down()) == (3, False)
    assert scene.poll_refused(JOBS[2]) is DEAD
    assert (len(scene.minted), scene.refused().retry_at) == (4, scene.clock.now + 30)


def test_a_token_that_dies_is_replaced_for_all(scene: Scene) -> None:
    """Beside a job that is at fault itself, a dead token is told from it by the first other job, and cured."""
    scene.accept()
    scene.poll_refused()
    dead = scene.accept()
    assert isinstance(scene.poll_refused(), RefusedError)
    tokens = {scene.replaced(dead, key).value for key in JOBS}
    assert tokens == {"1000.token-3"}
    for key in JOBS:
        scene.accept(key)
    assert isinstance(scene.poll_refused(), RefusedError)
    assert (len(scene.minted), scene.source.is_cooling_down()) == (3, False)


@pytest.mark.parametrize("is_accepted_before", [True, False], ids=["accepted-before", "never-accepted"])
def test_two_jobs_that_are_refused_a_new_token_pause_the_account(scene: Scene, *, is_accepted_before: bool) -> None:
    """One may be at fault itself; when another fares no better, it is the account, and all the rest wait."""
    dead = scene.accept() if is_accepted_before else scene.token()
    second = scene.replaced(dead, JOBS[0])
    errors = [scene.doubt(second, key) for key in JOBS]
    expected = [RefusedError if is_accepted_before else DeadTokenError, *[DeadTokenError] * 4]
    assert [type(error) for error in errors] == expected
    assert (scene.refused().reason, scene.refused().retry_at) == ("rejected", NOW + 15)
    assert len(scene.minted) == 2


def test_the_only_job_is_not_left_with_a_dead_token(scene: Scene) -> None:
    """A job that was held to be at fault gets another token where nobody else tells that the one in use lives."""
    scene.accept(LEADS)
    assert isinstance(scene.poll_refused(), RefusedError)
    dead = scene.token()
    scene.watch.now += 599
    with pytest.raises(RefusedError):
        scene.replaced(dead)
    scene.watch.now += 1
    third = scene.replaced(dead)
    assert third.value == "1000.token-3"
    scene.source.note_accepted(LEADS, scene.watch.now)
    scene.watch.now += 1
    assert scene.replaced(third).value == "1000.token-4"


def test_a_job_that_is_accepted_is_no_longer_suspected(scene: Scene) -> None:
    """Its next refusal is a dead token's again."""
    scene.accept()
    scene.poll_refused()
    scene.accept()
    token = scene.accept(LEADS)
    scene.watch.now += 1
    assert scene.replaced(token).value == "1000.token-3"


def test_suspects_are_forgotten_beyond_a_thousand(scene: Scene) -> None:
    """Memory stays bounded; a job that is forgotten costs another token."""
    scene.accept()
    scene.poll_refused()
    token = scene.accept()
    scene.watch.now += 1
    for number in range(999):
        scene.doubt(token, JobKey("acme", "Tasks", str(number)))
    assert isinstance(scene.poll_refused(), RefusedError)
    assert len(scene.minted) == 2
    scene.doubt(token, JobKey("acme", "Tasks", "more"))
    scene.poll_refused()
    assert len(scene.minted) == 3


def test_pauses_outlive_a_restart(scene: Scene) -> None:
    """A new process neither asks during a pause nor begins the row anew."""
    scene.fault = REVOKED
    scene.clock.now = scene.refused().retry_at
    scene.refused()
    after = Scene(standing=scene.account.standing, clock=Clock(NOW + 901), fault=REVOKED)
    assert after.source.is_cooling_down()
    assert after.refused().retry_at == NOW + 2700
    assert after.minted == []
    after.clock.now = NOW + 2700
    assert after.refused().retry_at == NOW + 2700 + 3600


def test_a_pause_says_why_and_until_when(scene: Scene) -> None:
    """What is kept of a pause tells all that there is to tell, and no secret."""
    scene.fault = THROTTLED
    scene.refused()
    pause = scene.account.standing.token_pause
    assert pause is not None
    assert replace(pause, fingerprint="") == Pause(
        "access_denied",
        "Zoho refused to refresh the token: Access Denied (HTTP 400)",
        "too many tokens were asked for with this refresh token: see what else uses it; it passes within ten minutes",
        NOW,
        NOW + 180,
        1,
    )
    assert not any(secret in repr(pause) for secret in SECRETS)


@pytest.fixture
def warnings(caplog: pytest.LogCaptureFixture) -> Iterator[Callable[[], list[str]]]:
    """Give a function that gives the log lines so far, and check that none of them has a secret."""
    caplog.set_level(logging.DEBUG)

    def lines() -> list[str]:
        return [f"{record.levelname} {record.getMessage()}" for record in caplog.records]

    yield lines
    shown = " ".join(str(vars(record)) for record in caplog.records)
    assert not any(secret in shown for secret in SECRETS)


def test_a_repeated_refusal_is_one_warning(scene: Scene, warnings: Callable[[], list[str]]) -> None:
    """A refusal that lasts is logged once, and its end once."""
    scene.fault = REVOKED
    for _ in range(4):
        scene.clock.now = scene.refused().retry_at
        scene.refused()
        scene.clock.now += 100_000
    scene.fault = None
    scene.token()
    assert warnings() == [
        "WARNING Zoho refused to refresh the token: invalid_code (HTTP 200)",
        "INFO token refresh works again",
    ]


def test_a_row_of_rejections_is_one_warning(scene: Scene, warnings: Callable[[], list[str]]) -> None:
    """The log says when tokens cease to be accepted, not again at each of them."""
    reject_next(scene)
    reject_next(scene)
    scene.accept()
    assert warnings() == [
        "WARNING Zoho's API refused an access token that was just minted",
        "INFO access tokens are accepted again",
    ]


def test_an_accepted_token_is_no_news(scene: Scene, warnings: Callable[[], list[str]]) -> None:
    """The log tells of the end of a trouble, not that there was none."""
    scene.accept()
    scene.accept()
    assert warnings() == []


def test_each_change_of_reason_is_a_warning(scene: Scene, warnings: Callable[[], list[str]]) -> None:
    """Another reason, or the same one with other credentials, is news."""
    faults: list[tuple[Exception | None, Credentials | ConfigurationError]] = [
        (THROTTLED, CREDENTIALS),
        (TIMEOUT, CREDENTIALS),
        (None, UNREADABLE),
        (TIMEOUT, NEW_CREDENTIALS),
        (TIMEOUT, CREDENTIALS),
    ]
    for fault, secrets in faults:
        scene.fault, scene.secrets = fault, secrets
        scene.refused()
        scene.clock.now += 100_000
    assert warnings() == [
        "WARNING Zoho refused to refresh the token: Access Denied (HTTP 400)",
        "WARNING no token: Zoho fell silent for 8 s",
        "WARNING /run/secrets/refresh_token: permission denied",
        "WARNING no token: Zoho fell silent for 8 s",
        "WARNING no token: Zoho fell silent for 8 s",
    ]


def test_a_warning_names_account_reason_and_advice(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    """The line says whose token it is and what to do."""
    scene.fault = REVOKED
    scene.refused()
    fields: Mapping[str, object] = vars(caplog.records[0])
    assert (fields["account"], fields["reason"]) == ("acme", "invalid_code")
    assert "make a new one" in str(fields["advice"])


def test_a_refusal_shows_no_secret(scene: Scene) -> None:
    """Neither the error nor what caused it holds a secret."""
    scene.fault = RefusedError("other", "refused", advice="see Zoho's word")
    error = scene.refused()
    assert error.__cause__ is scene.fault
    assert not any(secret in f"{error!r} {error.__cause__!r} {error.advice}" for secret in SECRETS)
