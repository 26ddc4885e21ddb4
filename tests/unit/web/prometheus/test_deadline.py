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
        pytest.param("100000", 300.0, id="bounded"),
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
    headers = Headers({} if header is None else {"X-Prometheus-Scrape-Timeout-Seconds": header})
    assert WebOptions("/metrics", 10.0, 0.5, 40, "", Outside("", "", "")).granted_seconds(headers) == pytest.approx(
        seconds
    )
