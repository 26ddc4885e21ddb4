"""How long a scrape may take: what Prometheus says in its header, less an offset."""

import math

from starlette.datastructures import Headers

HEADER = "X-Prometheus-Scrape-Timeout-Seconds"
_LONGEST_SECONDS = 300.0


def granted_seconds(headers: Headers, *, default_seconds: float, offset_seconds: float) -> float:
    """Give the seconds that a request has; the default where the header is absent or makes no sense.

    At least half of what Prometheus grants is used, however large the offset.
    """
    try:
        granted = float(headers.get(HEADER, ""))
    except ValueError:
        return default_seconds
    if not 0 < granted < math.inf:
        return default_seconds
    return min(max(granted - offset_seconds, granted / 2), _LONGEST_SECONDS)
