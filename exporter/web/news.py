"""What is worth a line of the log: a condition once, not each of its repetitions, which anybody could cause."""

import time

QUIET_SECONDS = 60.0


class News:
    """Says whether a matter is new: it has not come up for a minute. For a few matters only."""

    def __init__(self) -> None:
        self._seen_at: dict[str, float] = {}

    def __call__(self, matter: str) -> bool:
        """Note the matter, and say whether it is new."""
        now = time.monotonic()
        before = self._seen_at.get(matter)
        self._seen_at[matter] = now
        return before is None or now - before > QUIET_SECONDS
