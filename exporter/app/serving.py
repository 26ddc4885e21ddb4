"""The serving exporter: its socket, its signals, and the thread that follows the configuration's files."""

import logging
import signal
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Thread, main_thread

from exporter import __version__
from exporter.app.application import GRACE_SECONDS, Application, Load
from exporter.files import Watch, read_secret_file
from exporter.redactor import Redactor
from exporter.settings import Settings, read_web_config, state_file
from exporter.state import SqliteStore
from exporter.web import BearerToken, Connections, Guard, WebConfig, WebOptions, WebServer, bind, create_gate

_log = logging.getLogger(__name__)

STOPPING = frozenset({signal.SIGTERM, signal.SIGINT})
_SERVER_ENDED = signal.SIGUSR1
LOOK_SECONDS = 2.0
"""How often the files of the configuration are looked at."""


@dataclass(frozen=True, slots=True)
class Source:
    """Where the settings come from: how to load them anew, and the files that are watched for a change."""

    load: Load
    files: tuple[Path, ...] = ()

    @classmethod
    def fixed(cls, settings: Settings) -> "Source":
        """Give settings that never change."""
        return cls(lambda: settings)


def serve(source: Source, *, redactor: Redactor | None = None, on_ready: Callable[[int], None] = lambda _: None) -> int:
    """Serve until SIGTERM or SIGINT; SIGHUP reloads. Must be called in the main thread.

    Args:
        source: where the settings come from.
        redactor: takes secrets out of what came from outside, the log's too.
        on_ready: called with the port once requests are answered.

    Returns:
        The exit status: 0 after a signal, 1 when the web server ended by itself.

    Raises:
        ConfigurationError: the settings, the listen address, the state file or the web-config file can't be used.
    """
    # Whatever the start waits for, a signal ends it; one that says reload waits until there is something to reload.
    for stopping in STOPPING:
        signal.signal(stopping, _leave)
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP})
    watch = Watch(lambda: source.files)
    settings = source.load()
    address, options = settings.web.listen_address, _web_options(settings)
    guard = guard_of(settings)
    with bind(address.host, address.port) as listener:
        store = SqliteStore(state_file(settings.state.path))
        # From here on threads are started, which inherit the mask: signals are taken by this thread alone, and by no
        # handler, which would run in the middle of anything.
        signal.pthread_sigmask(signal.SIG_BLOCK, {*STOPPING, _SERVER_ENDED})
        application = Application(settings, store, source.load, redactor=redactor, web_config_problems=guard.problems)
        server = WebServer(
            create_gate(options, application, guard),
            listener,
            on_exit=_wake_main_thread,
            grace_seconds=GRACE_SECONDS,
            connections=Connections.behind(guard, options.max_requests),
        )
        server.start()
        follower = Follower(application, watch)
        follower.start()
        _log.info("serving metrics", extra=_start_details(settings, server.port))
        on_ready(server.port)
        while (number := signal.sigwait({*STOPPING, signal.SIGHUP, _SERVER_ENDED})) == signal.SIGHUP:
            follower.wake()
        _log.info("stopping")
        application.hurry()
        server.stop()
        follower.stop()
        application.close()
    return 1 if number == _SERVER_ENDED else 0


def _leave(*_: object) -> None:
    raise SystemExit(0)


def _wake_main_thread() -> None:
    signal.pthread_kill(main_thread().ident or 0, _SERVER_ENDED)


class Follower:
    """Reloads when it is woken, and when the configuration's files change, in a thread of its own.

    Args:
        application: what reloads.
        watch: the configuration's own files; the job files come from the application's settings.
    """

    def __init__(self, application: Application, watch: Watch) -> None:
        self._application = application
        self._watch = watch
        self._job_files = Watch(application.job_files, is_news=True)
        self._wake = Event()
        self._is_stopped = False
        self._thread = Thread(target=self._run, name="configuration", daemon=True)

    def start(self) -> None:
        """Begin to follow."""
        self._thread.start()

    def wake(self) -> None:
        """Reload at once."""
        self._wake.set()

    def stop(self) -> None:
        """Begin no more reloads; one under way may be reading a file that never ends, and is not waited for."""
        self._is_stopped = True
        self._wake.set()

    def _run(self) -> None:
        while True:
            is_told = self._wake.wait(LOOK_SECONDS)
            self._wake.clear()
            if self._is_stopped:
                return
            try:
                self._look(is_told=is_told)
            except Exception:  # noqa: BLE001 - the edge of the thread: one bug must not end all later reloads
                _log.exception("a reload failed in a way nobody foresaw")

    def _look(self, *, is_told: bool) -> None:
        # Looked at before they are read: a change in between is then seen at the next look.
        has_changed, have_jobs_changed = self._watch.has_changed(), self._job_files.has_changed()
        if is_told or has_changed:
            self._application.reload()
        elif have_jobs_changed:
            self._application.reload_jobs()


def _start_details(settings: Settings, port: int) -> dict[str, object]:
    return {
        "version": __version__,
        "port": port,
        "path": settings.web.telemetry_path,
        "accounts": len(settings.accounts),
        "jobs": len(settings.jobs),
    }


def _web_options(settings: Settings) -> WebOptions:
    return WebOptions(
        telemetry_path=settings.web.telemetry_path,
        default_timeout_seconds=settings.scrape_timeout,
        timeout_offset_seconds=settings.scrape_timeout_offset,
        max_requests=settings.web.max_requests,
    )


def guard_of(settings: Settings) -> Guard:
    """Make what says who may come in.

    Raises:
        ConfigurationError: the web-config file or one that it names can't be used.
    """
    config_file, token_file = settings.web.config_file, settings.web.api_token_file
    return Guard(
        WebConfig(config_file, read_web_config) if config_file else None,
        BearerToken(token_file, read_secret_file) if token_file else None,
    )
