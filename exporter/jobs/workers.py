"""Threads that poll: a few for each account, none of which a stop has to wait for."""

from collections.abc import Callable
from concurrent.futures import Future
from queue import Empty, SimpleQueue
from threading import Lock, Thread
from typing import TypeAlias

_Task: TypeAlias = "tuple[Future[None], Callable[[], None]] | None"


class Workers:
    """Runs work, so much at once, in the order it comes. Thread-safe.

    The threads are daemons, begun when needed: those of `concurrent.futures` would hold up the interpreter's end.

    Args:
        name: of the threads.
        most: how many there may be.
    """

    def __init__(self, name: str, most: int) -> None:
        self._name = name
        self.most = most
        self._tasks: SimpleQueue[_Task] = SimpleQueue()
        self._lock = Lock()
        self._started = 0
        self._idle = 0

    def submit(self, work: Callable[[], None]) -> "Future[None]":
        """Run `work` as soon as a thread is free."""
        done: Future[None] = Future()
        with self._lock:
            self._tasks.put((done, work))
            if self._idle < self._tasks.qsize() and self._started < self.most:
                self._started += 1
                Thread(target=self._run, name=self._name, daemon=True).start()
        return done

    def close(self) -> None:
        """Begin no more work; what is under way goes on."""
        try:
            while task := self._tasks.get_nowait():
                task[0].cancel()
        except Empty:
            pass
        with self._lock:
            for _ in range(self._started):
                self._tasks.put(None)

    def _run(self) -> None:
        while task := self._next():
            done, work = task
            if not done.set_running_or_notify_cancel():
                continue
            try:
                work()
            except BaseException as error:  # noqa: BLE001 - the edge of the thread: whoever waits gets it
                done.set_exception(error)
            else:
                done.set_result(None)

    def _next(self) -> _Task:
        with self._lock:
            self._idle += 1
        task = self._tasks.get()
        with self._lock:
            self._idle -= 1
        return task
