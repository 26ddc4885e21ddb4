"""Which faults a request meets."""

from exporter.simulator.faults import Endpoint, Fault, FaultBook, FaultKind, Met


def test_the_newest_fault_of_a_sort_wins_until_it_is_used_up() -> None:
    """Then the older one is met again."""
    old, new = Fault(FaultKind.EMPTY), Fault(FaultKind.ERROR, times=2)
    book = FaultBook((old,))
    assert book.add(new) == 2
    met = [book.meet(Endpoint.STATUS, "Leads", "1") for _ in range(3)]
    assert [each.kinds for each in met] == [("error",), ("error",), ("empty",)]


def test_a_request_meets_a_fault_of_each_sort() -> None:
    """One makes its answer and one makes it travel; each counts its own times."""
    book = FaultBook((Fault(FaultKind.EMPTY), Fault(FaultKind.RESET, times=1)))
    met = [book.meet(Endpoint.STATUS, "Leads", "1") for _ in range(2)]
    assert met == [Met(Fault(FaultKind.EMPTY), Fault(FaultKind.RESET, times=1)), Met(Fault(FaultKind.EMPTY))]


def test_cleared_faults_are_met_no_more() -> None:
    """Also those from the start."""
    book = FaultBook((Fault(FaultKind.EMPTY),))
    book.clear()
    assert book.meet(Endpoint.STATUS, "Leads", "1") == Met()
