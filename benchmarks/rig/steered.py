"""The exporter as it is, but for its standard input: the jobs of each line are due from then on.

So a benchmark says which jobs change. Everything else is the product's: the scrape that finds them due, the polls, how
they land, and what they change.
"""

import json
import sys
from threading import Thread
from typing import Any

from exporter.__main__ import main
from exporter.app import serving
from exporter.app.application import Application
from exporter.model import JobKey


class _Steered(Application):
    """An application that reads which jobs to make due, and says when they are."""

    def __init__(self, *arguments: Any, **keywords: Any) -> None:  # noqa: ANN401 - as its parent
        super().__init__(*arguments, **keywords)
        Thread(target=self._read, name="steering", daemon=True).start()

    def _read(self) -> None:
        for line in sys.stdin:
            for names in json.loads(line):
                self.make_due(JobKey(*names))
            sys.stdout.write("due\n")
            sys.stdout.flush()


if __name__ == "__main__":
    vars(serving)["Application"] = _Steered
    sys.exit(main())
