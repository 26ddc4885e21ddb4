"""The serving exporter: its socket, its signals, and the thread that follows the configuration's files."""

import logging
import os
import signal
import socket
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import Future
from contextlib import ExitStack, suppress
from functools import partial
from importlib import import_module
from pathlib import Path
from threading import Event, Thread, Timer, get_ident
from typing import NoReturn

from exporter import __version__
from exporter.app.accounts import TlsContexts
from exporter.app.application import GRACE_SECONDS, Application, Load
from exporter.app.garbage import Garbage
from exporter.app.systemd import Service, doubts, passed_sockets
from exporter.defaults import MEMORY
from exporter.files import Watch, read_secret_file
from exporter.redactor import Redactor
from exporter.settings import Settings, StateSettings, parameters_of, state_file
from exporter.settings.web_config import read_web_config
from exporter.state import SqliteStore, Store, inspect_database
from exporter.waits import begin
from exporter.web.contract import Exporter
from exporter.web.door import Connections, WebServer, bind, prepared
from exporter.web.guard import BearerToken, Guard, WebConfig
from exporter.web.request import Outside
from exporter.web.routes import WebOptions, create_gate
from exporter.zoho.transport import tls_context

_log = logging.getLogger(__name__)

STOPPING = frozenset({signal.SIGTERM, signal.SIGINT})
_SERVER_ENDED, _STARTED = signal.SIGUSR1, signal.SIGUSR2
_PASSING = frozenset({signal.SIGHUP, signal.SIGALRM})
_EVERYWHERE = ("0.0.0.0", "::")  # noqa: S104 - words to compare, nothing listens
STOP_SECONDS = 8.0
"""Within which a stop is to be over: Docker kills after ten."""
LOOK_SECONDS = 2.0
"""How often the files of the configuration are looked at, and whether there is garbage to look for."""


def serve(
    load: Load,
    files: Collection[Path],
    redactor: Redactor,
    *,
    tls_context: TlsContexts = tls_context,
    on_ready: Callable[[int], None] = lambda _: None,
    is_for_show: bool = False,
) -> int:
    """Serve until SIGTERM or SIGINT; SIGHUP reloads. Must be called in the main thread.

    Args:
        load: gives the settings, anew for each reload.
        files: where the settings come from: watched for a change.
        redactor: takes secrets out of what came from outside, the log's too.
        tls_context: gives what verifies Zoho by a bundle of certificates.
        on_ready: called with the port once requests are answered.
        is_for_show: whether everybody may read the job API.

    Returns:
        The exit status: 0 after a signal, 1 when the web server ended by itself.

    Raises:
        ConfigurationError: the settings, the listen address, the state file or the web-config file can't be used.
    """
    # Until the server answers a signal ends the start at once; one that says reload waits until there is something to
    # reload. Later on signals are taken by this thread alone, and by no handler, which would run in the middle of
    # anything, or never where a disk hangs.
    for stopping in STOPPING:
        signal.signal(stopping, _leave)
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP, signal.SIGALRM, _SERVER_ENDED, _STARTED})
    watch = Watch(lambda: files)
    settings = load()
    service, options = Service(os.environ, os.getpid()), _web_options(settings)
    _warn(settings)
    guard = guard_of(settings, is_for_show=is_for_show)
    with ExitStack() as stack:
        listeners = [stack.enter_context(listener) for listener in _listeners(settings)]
        Garbage.put_off()
        tell, begun = partial(signal.pthread_kill, get_ident()), Future[Exporter]()
        server = WebServer(
            create_gate(options, begun, guard),
            *listeners,
            on_exit=partial(tell, _SERVER_ENDED),
            grace_seconds=GRACE_SECONDS,
            connections=Connections.behind(guard, options.max_requests),
        )
        signal.pthread_sigmask(signal.SIG_BLOCK, STOPPING)
        # Health is answered from here on; whoever asks for more waits until what is known is loaded.
        server.start()
        stack.callback(server.stop)
        stack.callback(begun.cancel)
        name = f"{socket.gethostname()}:{server.port}"

        def start() -> Application:
            try:
                return Application(
                    settings,
                    _open_store(settings.state, redactor),
                    load,
                    redactor=redactor,
                    web_config_problems=guard.problems,
                    web_config_warnings=guard.warnings,
                    tls_context=tls_context,
                    name=name,
                )
            finally:
                tell(_STARTED)

        started = begin(start, "the start")
        if (number := signal.sigwait({*STOPPING, _SERVER_ENDED, _STARTED})) != _STARTED:
            _log.info("stopping")
            begun.cancel()
            server.stop()
            return _close(started, 1 if number == _SERVER_ENDED else 0)
        application = started(None)
        begun.set_result(application)
        wake, over = Event(), Event()
        following = (application, watch, service, wake, over)
        Thread(target=_follow, args=following, name="configuration", daemon=True).start()
        # By then the first page is there; an upgrade under way or a failing disk may not leave it to be loaded later.
        later = Timer(LOOK_SECONDS, _load_what_polls_need)
        later.daemon = True
        later.start()
        service.watch(listeners[0], over)
        _log.info("serving metrics", extra=_start_details(settings, listeners, len(application.snapshot().jobs)))
        on_ready(server.port)
        if not service.tell("READY=1"):
            _log.warning("NOTIFY_SOCKET can't be reached: systemd does not hear that we are ready")
        number = _wait(wake, Garbage(lambda: server.is_quiet))
        _log.info("stopping")
        service.tell("STOPPING=1")
        _stop(application, server, over, wake)
    return 1 if number == _SERVER_ENDED else 0


def _load_what_polls_need() -> None:
    with suppress(ImportError, OSError):  # files may be short just now: the first poll tries again, and says so
        import_module("exporter.zoho.sender")


def _warn(settings: Settings) -> None:
    has_address = "listen_address" in settings.web.model_fields_set
    for doubt in doubts(os.environ, os.getpid(), is_used=settings.web.systemd_socket, has_address=has_address):
        _log.warning("%s", doubt.message, extra={"place": doubt.place})


def _leave(*_: object) -> NoReturn:
    """End at once: an exception would come in the middle of anything, and be lost in what may not raise one."""
    os._exit(0)


def _stop(application: Application, server: WebServer, *following: Event) -> None:
    """Finish what is under way, tell who follows the configuration, and close what is kept."""
    begun = time.monotonic()
    application.hurry()
    server.stop()
    # A reload under way may be reading a file that never ends, and is not waited for.
    for event in following:
        event.set()
    application.close(max(0.0, begun + GRACE_SECONDS - time.monotonic()), begun + STOP_SECONDS)


def _close(started: Callable[[float], Application], status: int) -> int:
    """Let a start come to its end, undo it and give the exit status; amid a start that hangs, end with that at once.

    Raises:
        ConfigurationError: it has failed.
    """
    try:
        started(GRACE_SECONDS).close()
    except TimeoutError:
        # The interpreter's own end would meet that thread amid a library, which may crash.
        logging.shutdown()
        os._exit(status)
    return status


def _wait(wake: Event, garbage: Garbage) -> int:
    """Give the signal that ends us; until it comes wake the reloads when they are asked for, and look for garbage."""
    signal.setitimer(signal.ITIMER_REAL, LOOK_SECONDS, LOOK_SECONDS)
    while (number := signal.sigwait({*STOPPING, signal.SIGHUP, _SERVER_ENDED, signal.SIGALRM})) in _PASSING:
        if number == signal.SIGHUP:
            wake.set()
        else:  # in this thread, for a process must not end in the middle of it
            garbage.look()
    signal.setitimer(signal.ITIMER_REAL, 0)
    return number


def _open_store(state: StateSettings, redactor: Redactor) -> Store:
    """Open what keeps the state.

    Raises:
        ConfigurationError: it is a file that can't be used, or a database that can't be asked.
    """
    if state.url is None:
        return SqliteStore(state_file(state.path))
    inspect_database(state.url, parameters_of(state.url))
    from exporter.state import PostgresStore  # noqa: PLC0415 - its driver is an extra, which few have

    file = state.password_file
    return PostgresStore(state.url, password=partial(_known, file, redactor) if file else None)


def _known(file: Path, redactor: Redactor) -> str:
    """Read a password that no line of the log is to show, whatever a server says."""
    password = read_secret_file(file)
    redactor.know(password)
    return password


def _port(listeners: Sequence[socket.socket]) -> int:
    names = [listener.getsockname() for listener in listeners]
    return next((name[1] for name in names if isinstance(name, tuple)), 0)


def _place_of(state: StateSettings) -> str:
    return (state.url or "").partition("?")[0] or str(state_file(state.path) or MEMORY)


def _listeners(settings: Settings) -> Iterator[socket.socket]:
    if settings.web.systemd_socket:
        yield from map(prepared, passed_sockets(os.environ, os.getpid()))
        return
    for host, port in settings.web.listen_address.each:
        yield bind(host, port)


def _follow(application: Application, watch: Watch, service: Service, wake: Event, over: Event) -> None:
    """Reload when woken and when the configuration's files change, until it is over."""
    job_files = Watch(application.job_files, is_news=True)
    while True:
        is_told = wake.wait(LOOK_SECONDS)
        wake.clear()
        if over.is_set():
            return
        try:
            # Looked at before they are read: a change in between is then seen at the next look.
            has_changed, have_jobs_changed = watch.has_changed(), job_files.has_changed()
            if is_told or has_changed:
                service.tell_reload(application.reload)
            elif have_jobs_changed:
                application.reload_jobs()
        except Exception:  # noqa: BLE001 - the edge of the thread: one bug must not end all later reloads
            _log.exception("a reload failed in a way nobody foresaw")


def _start_details(settings: Settings, listeners: Sequence[socket.socket], jobs: int) -> dict[str, object]:
    config_file = settings.web.config_file
    scheme = "https" if config_file and read_web_config(config_file).tls else "http"
    path = f"{settings.web.prefix}{settings.web.telemetry_path}"
    names = [listener.getsockname() for listener in listeners]
    return {
        "version": __version__,
        "url": ",".join(_url(name, scheme, path) for name in names),
        "state": _place_of(settings.state),
        "port": _port(listeners),
        "path": settings.web.telemetry_path,
        "accounts": len(settings.accounts),
        "jobs": jobs,
    }


def _url(name: object, scheme: str, path: str) -> str:
    """Say where a listening socket is asked; one in the file system by its own path."""
    if not isinstance(name, tuple):
        return f"unix:{name.decode(errors='replace') if isinstance(name, bytes) else name}"
    host, port = name[:2]
    shown = "localhost" if host in _EVERYWHERE else f"[{host}]" if ":" in host else host
    return f"{scheme}://{shown}:{port}{path}"


def _web_options(settings: Settings) -> WebOptions:
    return WebOptions(
        telemetry_path=settings.web.telemetry_path,
        default_timeout_seconds=settings.scrape_timeout,
        timeout_offset_seconds=settings.scrape_timeout_offset,
        max_requests=settings.web.max_requests,
        prefix=settings.web.prefix,
        outside=Outside(*settings.web.outside),
    )


def guard_of(settings: Settings, *, is_for_show: bool = False) -> Guard:
    """Make what says who may come in.

    Raises:
        ConfigurationError: the web-config file or one that it names can't be used.
    """
    config_file, token_file = settings.web.config_file, settings.web.api_token_file
    return Guard(
        WebConfig(config_file, read_web_config) if config_file else None,
        BearerToken(token_file, read_secret_file) if token_file else None,
        is_for_show=is_for_show,
    )
