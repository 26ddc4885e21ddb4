"""The console script, also as `python -m exporter`."""

import signal
import sys


def main() -> int:
    """Run the command that the arguments name and give its exit status."""
    # Until a command handles it, Ctrl-C ends the process as it ends most programs: at once, and without a traceback.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    from exporter.cli import main as run_command  # noqa: PLC0415 - these imports take most of a second

    return run_command(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
