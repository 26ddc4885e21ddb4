"""From when on the words of docs/words.md hold of a job: the defaults of the settings of the same names.

Each number stands once in a dashboard, as the value of a variable.
"""

LIMITS = {
    "stalled_after": 30 * 60,
    "takes_too_long_after": 4 * 3_600,
    "waits_long_after": 60 * 60,
    "stale_after": 60 * 60,
}
"""Seconds, by the setting."""
