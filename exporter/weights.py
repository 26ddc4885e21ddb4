"""What a client would rather have, by the weights that it gives. Source: RFC 9110, 12.4.2 Quality Values."""

import re
from collections.abc import Mapping

_WEIGHT = re.compile(r"0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?")
Parameters = Mapping[str, str]


def weighed(header: str) -> tuple[tuple[str, Parameters, float], ...]:
    """Give each thing that a header names, in lower case, with its parameters and its weight from 0 to 1.

    A weight that is none counts as 1, like one that is left out.
    """
    return tuple(map(_weighed, header.lower().split(",")))


def _weighed(named: str) -> tuple[str, Parameters, float]:
    thing, *pairs = named.split(";")
    parameters = {name.strip(): value.strip().strip('"') for name, _, value in (pair.partition("=") for pair in pairs)}
    weight = parameters.pop("q", "1")
    return thing.strip(), parameters, float(weight) if _WEIGHT.fullmatch(weight) else 1.0
