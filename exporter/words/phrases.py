"""Times, numbers and shares as a person reads them. Pure. Timestamps are Unix seconds, durations seconds."""

from datetime import UTC, datetime

_MINUTE, _HOUR, _DAY = 60, 3600, 86_400
_LAST_SECOND = 253_402_300_799
"""The end of the year 9999: a state file edited by hand may hold anything, and the page is shown all the same."""


def lasting(seconds: float) -> str:
    """Give a duration in at most two units, rounded down; a negative one is none."""
    whole = int(min(max(seconds, 0.0), _LAST_SECOND))
    if whole < _MINUTE:
        return f"{whole} s"
    days, hours, minutes = whole // _DAY, whole % _DAY // _HOUR, whole % _HOUR // _MINUTE
    units = ((days, "d"), (hours, "h")) if days else ((hours, "h"), (minutes, "min"))
    return " ".join(f"{count} {unit}" for count, unit in units if count)


def written(at: float, pattern: str) -> str:
    """Give a time in UTC as a pattern of `strftime` has it."""
    return datetime.fromtimestamp(min(max(at, 0.0), _LAST_SECOND), UTC).strftime(pattern)


def exact(at: float) -> str:
    """Give a time to the second, in UTC."""
    return written(at, "%Y-%m-%d %H:%M:%S UTC")


def ago(at: float, now: float) -> str:
    """Say how long ago something was."""
    return f"{lasting(now - at)} ago"


def ahead(at: float, now: float) -> str:
    """Say when something is expected; what should have been over by now is said to be late."""
    return f"in {lasting(at - now)}" if at >= now else f"{lasting(now - at)} late"


def number(count: int | None) -> str:
    """Give a count with separators, or a dash where there is none."""
    return "\N{EN DASH}" if count is None else f"{count:,}"


def counted(count: int, noun: str) -> str:
    """Give a count and its noun, which takes an s in the plural."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def share(part: int, whole: int) -> str:
    """Give a share in per cent, rounded down: 100 % means all of it, and 0 % nothing.

    In whole numbers throughout: a count may be too large for a float.
    """
    if part <= 0 or whole <= 0:
        return "0 %"
    permille = 1000 * part // whole
    if permille == 0:
        return "<0.1 %"
    return f"{permille // 10} %" if permille % 10 == 0 else f"{permille // 10}.{permille % 10} %"


def percent(part: int, whole: int) -> str:
    """Give the length of a bar, from 0.0 to 100.0; as exact as a share."""
    permille = 1000 * min(part, whole) // whole
    return f"{permille // 10}.{permille % 10}"


def pace(records_per_second: float) -> str:
    """Give a pace in the largest unit of time that makes it a number above 1."""
    units = ((1, "s"), (_MINUTE, "min"), (_HOUR, "h"))
    seconds, unit = next((pair for pair in units if records_per_second * pair[0] >= 1), units[-1])
    records = records_per_second * seconds
    return f"{records:,.0f}/{unit}" if records >= 10 else f"{records:.1f}/{unit}"  # noqa: PLR2004 - two digits are enough
