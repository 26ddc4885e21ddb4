"""The simulator as its users hold it: a small Zoho with a URL, methods that move it, and an account of its calls."""

import ssl
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from types import TracebackType
from typing import Self

from exporter.simulator.accounting import Call, Stats
from exporter.simulator.console import is_page, page
from exporter.simulator.control import control, is_control
from exporter.simulator.crm import SimulatedJob, Status
from exporter.simulator.faults import Fault
from exporter.simulator.gateway import Gateway
from exporter.simulator.scenario import Scenario
from exporter.simulator.transport import POLL_SECONDS, Exchange, Listener, Pause, Request, whole


class Simulator:
    """A simulated Zoho over real HTTP; a context manager that starts and stops it. Thread-safe.

    `clock` gives Unix seconds; jobs, tokens and credits follow it, pauses and stalls take real time. A stopped
    simulator can be started again: it keeps its port and everything it knows.
    """

    def __init__(
        self,
        scenario: Scenario,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        clock: Callable[[], float] = time.time,
        ssl_context: ssl.SSLContext | None = None,
    ) -> None:
        self.scenario = scenario
        self._address = (host, port)
        self._context = ssl_context
        self._gateway = Gateway(scenario, clock)
        self._listener: Listener | None = None
        self._thread: threading.Thread | None = None
        self._url = ""

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def url(self) -> str:
        """The base URL of both the accounts server and the API; empty before the first start."""
        return self._url

    @property
    def calls(self) -> tuple[Call, ...]:
        """The last calls of clients, oldest first; at most 1,000."""
        return self._gateway.calls

    def start(self) -> None:
        """Listen. Does nothing when it listens already.

        Raises:
            OSError: The address can't be had.
        """
        if self._listener is not None:
            return
        listener = Listener(self._address, self._serve, self._context)
        self._address = (self._address[0], int(listener.server_address[1]))
        self._url = listener.url
        self._listener = listener
        self._thread = threading.Thread(
            target=listener.serve_forever, kwargs={"poll_interval": POLL_SECONDS}, name="simulator", daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        """Stop listening and end every connection, stalled ones too. Does nothing when it does not listen."""
        if self._listener is None or self._thread is None:
            return
        self._listener.stop()
        self._thread.join()
        self._listener = self._thread = None

    def add_job(self, job: SimulatedJob) -> None:
        """Take in a job that begins now; one of the same module and id is replaced."""
        self._gateway.organisation.add_job(job)

    def set_status(
        self,
        module: str,
        job_id: str,
        state: str,
        *,
        updated: int = 0,
        failed: int = 0,
        not_updated: int | None = None,
        total: int,
    ) -> None:
        """Fix what a job says from now on; `not_updated` is what is left of the total unless given."""
        left = total - updated - failed if not_updated is None else not_updated
        status = Status(state, updated, failed, left, total)
        self._gateway.organisation.set_status(module, job_id, status)

    def add_fault(self, fault: Fault) -> int:
        """Put a fault in force and give its number; of several that match a request, the newest wins."""
        return self._gateway.faults.add(fault)

    def clear_faults(self) -> None:
        """Put every fault out of force, the scenario's own too, and end the connections that it stalls."""
        self._gateway.faults.clear()
        if self._listener is not None:
            self._listener.connections.release_stalled()

    def stats(self) -> Stats:
        """Give the counts since the start or the last reset."""
        return self._gateway.stats()

    def reset_stats(self) -> None:
        """Count anew; the rolling day's credits stay spent."""
        self._gateway.reset_stats()

    def _serve(self, request: Request) -> Exchange:
        if is_control(request):
            answer = control(request, self._gateway, self.clear_faults)
            return Exchange(whole(answer), lambda: None)
        if is_page(request):
            return Exchange(whole(page(request, self._gateway, self.scenario)), lambda: None)
        exchange = self._gateway.serve(request)
        if not self.scenario.latency_seconds:
            return exchange
        delivery = exchange.delivery
        steps = (Pause(self.scenario.latency_seconds), *delivery.steps)
        return Exchange(replace(delivery, steps=steps), exchange.release)
