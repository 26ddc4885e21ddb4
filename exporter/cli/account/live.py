"""`check --live`: Zoho asked whether token, scope, module, permission and job are right, at a credit for each job."""

import sys
import time
from argparse import Namespace
from collections import Counter
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from itertools import groupby
from typing import Any, NamedTuple

from rich.console import Console
from rich.table import Table
from rich.text import Text

from exporter.app.direct import Direct, Spent
from exporter.cli.ending import stoppable
from exporter.cli.given import start_logging
from exporter.cli.output import say, tell, visible
from exporter.errors import UNKNOWN_JOB
from exporter.model import JobKey, JobReport, PollFailure, TrackedJob
from exporter.redactor import Redactor
from exporter.settings import Settings
from exporter.words.phrases import counted

TOKEN, SCOPE, MODULE, PERMISSION, JOB = STAGES = ("token", "scope", "module", "permission", "job")
"""What Zoho looks at, in its order: whatever is refused, all before it was right."""
ANSWER = "answer"
"""What is wrong where a call came to nothing, and there is no job to tell it of."""
OK, WRONG, UNKNOWN = "ok", "wrong", "unknown"
_ODD = "odd"
"""How what was looked at and not understood is counted, beside what could not be looked at."""
_SIGNS = {OK: ("✓", "ok", "green"), WRONG: ("✗", "NO", "red"), UNKNOWN: ("?", "?", "yellow")}
"""How a result is shown: where the output is UTF-8, where it is not, and in colour."""
NO_SUCH_JOB = "1"
"""An id that Zoho gives no job: that it knows no such job tells that all before is right."""
ANY_MODULE = "Leads"
"""What is asked for where no job says a module."""
_NOT_ITS_MODULE = (
    "could not be looked at: no job is listed, and the token is not for this module. List a job, so that its module is "
    "looked at"
)
_HELD_BACK = "was not asked, or has not answered in time: where the credit_reserve is reached, one call an hour is made"

STAGE_OF = {
    **dict.fromkeys(
        ("token_refused", "INVALID_TOKEN", "AUTHENTICATION_FAILURE", "UNAUTHORIZED", "INVALID_HOST"), TOKEN
    ),
    "OAUTH_SCOPE_MISMATCH": SCOPE,
    **dict.fromkeys(
        ("INVALID_MODULE", "INVALID_URL_PATTERN", "NOT_SUPPORTED", "API_NOT_SUPPORTED", "FEATURE_NOT_SUPPORTED"), MODULE
    ),
    **dict.fromkeys(("NO_PERMISSION", "AUTHORIZATION_FAILED", "FORBIDDEN"), PERMISSION),
    **dict.fromkeys((UNKNOWN_JOB, "INVALID_DATA", "UNABLE_TO_PARSE_DATA_TYPE"), JOB),
}
"""What each refusal is about, by its code; all others are about the call itself."""
_IS = {True: "is", False: "are"}
"""By whether it is one."""
_UNREACHABLE = frozenset({"timeout", "connection", "tls", "deadline"})


@dataclass(frozen=True, slots=True)
class Check:
    """One thing looked at: of an account, of a module or of a job, whose names are empty where it is of none."""

    account: str
    module: str
    job_id: str
    check: str
    result: str
    message: str = ""

    @property
    def subject(self) -> str:
        """What it is of."""
        return "/".join(filter(None, (self.account, self.module, self.job_id)))


class _Look(NamedTuple):
    """What one call told: how many stages were passed, and what is wrong with the next one or with the call."""

    key: JobKey
    passed: int
    failure: PollFailure | None = None
    report: JobReport | None = None

    @property
    def is_last(self) -> bool:
        """Whether further calls of the account would tell nothing else."""
        failure = self.failure
        return failure is not None and (
            failure.is_account_wide or failure.code in _UNREACHABLE or STAGE_OF.get(failure.code) == TOKEN
        )

    def wrong_with(self, stage: str) -> str:
        """Say what is wrong with a stage; empty where nothing is known to be."""
        if self.failure is None or STAGE_OF.get(self.failure.code, JOB) != stage:
            return ""
        return ": ".join(filter(None, (self.failure.message, self.failure.advice)))


def tell_live(options: Namespace, settings: Settings, keys: Collection[JobKey]) -> int:
    """Tell a person what Zoho says of the configuration, and give the exit status.

    Raises:
        KeyboardInterrupt: it was ended before; what it took is told.
    """
    with _billed() as looking:
        results = Counter(map(_shown, _announced(options, settings, keys, looking)))
    sys.stdout.write(f"{_verdict(results)} Spent: {_costs(_spent(looking))}.\n")
    return int(WRONG in results)


def live_document(options: Namespace, settings: Settings, keys: Collection[JobKey]) -> dict[str, Any]:
    """Give the same as plain data.

    Raises:
        KeyboardInterrupt: as above.
    """
    with _billed() as looking:
        checks = list(_announced(options, settings, keys, looking))
    return {
        "is_right": all(check.result != WRONG for check in checks),
        "live": [asdict(check) for check in checks],
        "spent": asdict(_spent(looking)),
    }


@contextmanager
def _billed() -> Iterator[list[Direct]]:
    """Give a list for what looks, and have whatever ends the block before its end tell what that took."""
    looking: list[Direct] = []
    try:
        with stoppable():
            yield looking
    except KeyboardInterrupt:
        most = "up to " if any(direct.is_cut_off for direct in looking) else ""
        tell("", f"It was ended before all was looked at. Spent: {most}{_costs(_spent(looking))}.")
        raise


def _spent(looking: Collection[Direct]) -> Spent:
    return sum((direct.spent for direct in looking), Spent())


def _announced(
    options: Namespace, settings: Settings, keys: Collection[JobKey], looking: list[Direct]
) -> Iterator[Check]:
    """Say what it takes, and look; news of the exporter's own parts are left out where none were asked for."""
    sys.stdout.flush()
    most = _costs(most_spent(settings.accounts, keys))
    say(f"Asking Zoho takes up to {most}, and as much again where Zoho refuses an access token.")
    is_quiet = getattr(options, "log.level") is None
    return live_checks(settings, keys, start_logging(settings, "error" if is_quiet else ""), looking)


def _costs(spent: Spent) -> str:
    return f"{counted(spent.credits, 'API credit')} and {counted(spent.tokens, 'access token')}"


def _shown(check: Check) -> str:
    """Write a check's line, but for one that nothing is known of, not even why, and give how it counts."""
    if check.result == UNKNOWN and not check.message:
        return check.result
    sign, plain, colour = _SIGNS[check.result]
    console = Console(highlight=False)
    mark = sign if console.encoding.startswith("utf") else plain
    told = visible(f"{check.subject} {check.check}" + (f": {check.message}" if check.message else ""))
    if console.is_terminal:
        grid = Table.grid(padding=(0, 1))
        grid.add_row(Text(mark, colour), Text(told))
        console.print(grid)
    else:
        console.print(f"{mark} {told}", soft_wrap=True, markup=False)
    return _ODD if check.result == UNKNOWN and check.check == JOB else check.result


def _verdict(results: Counter[str]) -> str:
    if results[OK] == results.total():
        return "All is right."
    left = f", {results[UNKNOWN]} could not be looked at" if results[UNKNOWN] else ""
    if odd := results[_ODD]:
        left += f", {odd} {_IS[odd == 1]} not understood"
    if not results[WRONG]:
        return f"Nothing is wrong{left}."
    return f"{results[WRONG]} of {results.total()} {_IS[results[WRONG] == 1]} not right{left}."


def most_spent(aliases: Collection[str], keys: Collection[JobKey]) -> Spent:
    """Give the most that looks at all accounts take, but for a call made twice because a token had died."""
    idle = {*aliases} - {key.account for key in keys}
    return Spent(len(keys) + len(idle), len(aliases))


def live_checks(
    settings: Settings, keys: Collection[JobKey], redactor: Redactor, looking: list[Direct]
) -> Iterator[Check]:
    """Look at all accounts one after the other; what looks is added to `looking`."""
    for alias in sorted(settings.accounts):
        direct = Direct(settings, alias, redactor)
        looking.append(direct)
        own = sorted(key for key in keys if key.account == alias)
        checks = _account(direct, alias, own or [JobKey(alias, ANY_MODULE, NO_SUCH_JOB)])
        yield from checks if own else map(_of_a_guess, checks)


def _of_a_guess(check: Check) -> Check:
    """Give the check of a module that nobody has named: a token that is for others is not wrong."""
    is_for_others = check.check == SCOPE and check.result == WRONG
    return replace(check, result=UNKNOWN, message=_NOT_ITS_MODULE) if is_for_others else check


def _account(direct: Direct, alias: str, keys: list[JobKey]) -> Iterator[Check]:
    """Look until Zoho refuses the whole account, and tell what is known then."""
    looks: list[_Look] = []
    for _, group in groupby(keys, lambda key: key.module):
        if not (looks and looks[-1].is_last):
            looks += _module(direct, list(group))
    yield _joined(Check(alias, "", "", TOKEN, UNKNOWN), looks)
    for module, group in groupby(keys, lambda key: key.module):
        of_module = [look for look in looks if look.key.module == module]
        for stage in (SCOPE, MODULE, PERMISSION):
            yield _joined(Check(alias, module, "", stage, UNKNOWN), of_module)
        for key in (key for key in group if key.job_id != NO_SUCH_JOB):
            yield _joined(Check(*_names(key), JOB, UNKNOWN), [look for look in looks if look.key == key])
        for look in (look for look in of_module if look.key.job_id == NO_SUCH_JOB):
            if text := look.wrong_with(JOB):
                yield Check(alias, module, "", ANSWER, WRONG, text)


def _module(direct: Direct, keys: list[JobKey]) -> Iterator[_Look]:
    """Look at a module's jobs; where nothing was asked, as all is known from before, ask for what no job is."""
    begun_at, is_asked = time.time(), False
    for key in (*keys, JobKey(keys[0].account, keys[0].module, NO_SUCH_JOB)):
        if key.job_id == NO_SUCH_JOB and is_asked:
            return
        job = direct.look(key)
        is_new = job.polled_at is not None and job.polled_at >= begun_at
        is_asked = is_asked or is_new
        look = _told(key, job, is_new=is_new)
        yield look
        if look.is_last:
            return


def _told(key: JobKey, job: TrackedJob, *, is_new: bool) -> _Look:
    """Say what a job tells; a report from before tells nothing of what Zoho thinks now."""
    failure = job.failure
    if failure is None and job.report is None:
        failure = PollFailure("", _HELD_BACK, "", is_account_wide=True)
        return _Look(key, 0, failure)
    if failure is None:
        return _Look(key, len(STAGES) if is_new else 0, report=job.report)
    if not is_new:
        return _Look(key, 0, failure)
    stage = STAGE_OF.get(failure.code)
    is_as_asked = key.job_id == NO_SUCH_JOB and stage == JOB
    # Without a token nothing else is asked for.
    return _Look(key, STAGES.index(stage or SCOPE), None if is_as_asked else failure)


def _joined(check: Check, looks: Collection[_Look]) -> Check:
    """Give a check with what the looks tell of it."""
    if told := next(filter(None, (look.wrong_with(check.check) for look in looks)), ""):
        return replace(check, result=WRONG, message=told)
    if check.check == JOB:
        reports = [look.report for look in looks if look.report]
        return _reported(check, reports[0]) if reports else check
    is_passed = any(look.passed > STAGES.index(check.check) for look in looks)
    return replace(check, result=OK) if is_passed else check


def _reported(check: Check, report: JobReport) -> Check:
    """Give a job's check with its report; what the exporter can't read in that is nothing to tick."""
    word, counts = report.undocumented_word, (report.updated, report.failed, report.not_updated, report.total)
    state = f'the state "{word}", which Zoho does not document' if word else str(report.state)
    if None in counts:
        return replace(check, result=UNKNOWN, message=f"{state}; counts are missing, or no numbers of records")
    told = f"{state}, {report.updated:,} of {report.total:,} records updated"
    return replace(check, result=UNKNOWN if word else OK, message=told)


def _names(key: JobKey) -> tuple[str, str, str]:
    return key.account, key.module, key.job_id
