"""From when on the words of docs/words.md hold of a job: the numbers of the recording rules and the alerts."""

STALLED_SECONDS = 30 * 60
"""RUNNING without progress for longer: stalled. The variable Stalled after chooses another time."""
TAKES_TOO_LONG_SECONDS = 4 * 3600
"""RUNNING for longer, whatever its progress: takes too long."""
UNKNOWN_SECONDS, UNKNOWN_FADES_SECONDS = 30 * 60, 60 * 60
"""UNKNOWN without a change for longer, though Zoho answers; a report older than the latter tells no state at all."""
WAITS_LONG_SECONDS = 60 * 60
"""SCHEDULED or QUEUED for longer: waits long."""
STALE_SECONDS = 75 * 60
"""Not ended and without a good report for longer: stale."""
