"""How long a scrape may take."""

import pytest
from starlette.datastructures import Headers

from exporter.web.request import Outside
from exporter.web.routes import WebOptions


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        pytest.param("15", 14.5, id="less the offset"),
        pytest.param("10.000000", 9.5, id="as Prometheus writes it"),
        pytest.param("0.6", 0.3, id="at least half of a short one"),
        pytest.param("1e9", 60.0, id="bounded"),
        pytest.param(None, 10.0, id="absent"),
        pytest.param("", 10.0, id="empty"),
        pytest.param("soon", 10.0, id="no number"),
        pytest.param("0", 10.0, id="zero"),
        pytest.param("-3", 10.0, id="negative"),
        pytest.param("nan", 10.0, id="not a number"),
        pytest.param("inf", 10.0, id="infinite"),
    ],
)
def test_deadline_follows_the_header(header: str | None, seconds: float) -> None:
    """Prometheus' own time-out less the offset, or the default where it makes no sense."""
    assert granted(header) == pytest.approx(seconds)


@pytest.mark.parametrize(("header", "seconds"), [("100000", 120.0), ("90", 89.5), (None, 120.0)])
def test_operator_may_grant_more_than_a_minute(header: str | None, seconds: float) -> None:
    """What `scrape_timeout` says bounds the header where it is longer."""
    assert granted(header, default_seconds=120.0) == pytest.approx(seconds)


def granted(header: str | None, default_seconds: float = 10.0) -> float:
    """Give the seconds that a request has whose header says so."""
    headers = Headers({} if header is None else {"X-Prometheus-Scrape-Timeout-Seconds": header})
    return WebOptions("/metrics", default_seconds, 0.5, 40, "", Outside("", "", "")).granted_seconds(headers)
