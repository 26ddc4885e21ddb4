"""The weights in a header of content negotiation."""

import pytest

from exporter.weights import weighed


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        pytest.param("gzip", [("gzip", {}, 1.0)], id="without"),
        pytest.param("GZIP;Q=0.5", [("gzip", {}, 0.5)], id="case"),
        pytest.param(" gzip ; q = 0.001 , br ", [("gzip", {}, 0.001), ("br", {}, 1.0)], id="spaces"),
        pytest.param("a/b;version=1.0.0;q=0", [("a/b", {"version": "1.0.0"}, 0.0)], id="parameter"),
        pytest.param('a/b;version="1";q=0.0', [("a/b", {"version": "1"}, 0.0)], id="quotes"),
        pytest.param("a;q=1.000,b;q=0.,c;q=1.", [("a", {}, 1.0), ("b", {}, 0.0), ("c", {}, 1.0)], id="whole"),
        pytest.param(
            "a;q=nan,b;q=-1,c;q=2,d;q=,e;q=0.0001,f;q=1e3", [(name, {}, 1.0) for name in "abcdef"], id="none of them"
        ),
        pytest.param("", [("", {}, 1.0)], id="nothing"),
    ],
)
def test_things_are_given_with_their_weights(header: str, expected: list[tuple[str, dict[str, str], float]]) -> None:
    """As RFC 9110 has them; what is no weight is taken for none."""
    assert [(thing, dict(parameters), weight) for thing, parameters, weight in weighed(header)] == expected
