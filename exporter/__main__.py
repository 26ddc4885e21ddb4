"""The console script, also as `python -m exporter`."""

import sys

from exporter.cli import main as run_command


def main() -> int:
    """Run the command that the arguments name and give its exit status."""
    return run_command(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
