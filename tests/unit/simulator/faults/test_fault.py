"""What a fault is about."""

import pytest

from exporter.simulator.faults import CONTENT, TRANSPORT, Endpoint, Fault, FaultKind


def test_every_kind_is_one_row_of_one_table() -> None:
    """A kind without a row would silently do nothing."""
    assert set(CONTENT) | set(TRANSPORT) == set(FaultKind)
    assert not set(CONTENT) & set(TRANSPORT)


@pytest.mark.parametrize(
    ("fault", "meets"),
    [
        (Fault(FaultKind.RESET), True),
        (Fault(FaultKind.RESET, endpoint=Endpoint.STATUS), True),
        (Fault(FaultKind.RESET, endpoint=Endpoint.TOKEN), False),
        (Fault(FaultKind.RESET, module="Leads"), True),
        (Fault(FaultKind.RESET, module="Deals"), False),
        (Fault(FaultKind.RESET, module="Leads", job_id="1"), True),
        (Fault(FaultKind.RESET, job_id="2"), False),
    ],
    ids=["any", "endpoint", "other-endpoint", "module", "other-module", "job", "other-job"],
)
def test_a_fault_meets_what_it_names(fault: Fault, meets: bool) -> None:  # noqa: FBT001 - a table's expected value
    """What a fault does not name matches anything."""
    assert fault.matches(Endpoint.STATUS, "Leads", "1") is meets


def test_a_fault_of_the_api_does_not_meet_the_token_endpoint_unasked() -> None:
    """`error` without an endpoint is about the API."""
    assert not Fault(FaultKind.ERROR).matches(Endpoint.TOKEN, None, None)
    assert Fault(FaultKind.ERROR, endpoint=Endpoint.TOKEN).matches(Endpoint.TOKEN, None, None)


def test_words_of_the_request_are_echoed_in_texts_alone() -> None:
    """In lists and mappings too; a kind is no text."""
    fault = Fault(FaultKind.ERROR, message="{token}!", details={"a": ["{token}", 1]}, values=("{other}",))
    assert fault.echoing({"token": "t", "error": "x"}) == Fault(
        FaultKind.ERROR, message="t!", details={"a": ["t", 1]}, values=("{other}",)
    )
