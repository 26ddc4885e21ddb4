"""The console script, also as `python -m exporter`."""

import os
import signal
import sys

_SERVING = ("run", "demo")
"""Other commands end with the terminal that they run in."""


def main() -> int:
    """Run the command that the arguments name and give its exit status."""
    _open_closed()
    # Until a command handles it, Ctrl-C ends the process as it ends most programs: at once, and without a traceback.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    if os.getpid() == 1:  # the first process of a container does not hear what it does not handle
        for stopping in (signal.SIGTERM, signal.SIGINT):
            signal.signal(stopping, lambda number, _: os._exit(128 + number))
    if not sys.argv[1:] or sys.argv[1].startswith("-") or sys.argv[1] in _SERVING:
        # A signal that says reload waits until there is something to reload: by itself it would end a start.
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP})
    from exporter.cli import main as run_command  # noqa: PLC0415 - these imports take most of a second

    return run_command(sys.argv[1:])


def _open_closed() -> None:
    """Open to nobody what the shell has closed (`>&-`): a file of ours would stand there, and Python has `None`."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: PTH123, SIM115 - as Python's own


if __name__ == "__main__":
    sys.exit(main())
