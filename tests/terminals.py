"""Commands in a terminal, as a person sees them."""

import os
import pty
import signal
import struct
import termios
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from fcntl import ioctl
from pathlib import Path
from subprocess import Popen
from threading import Thread

from processes import PATIENCE_SECONDS, eventually


@dataclass
class Terminal:
    """A command under way in a terminal of its own."""

    process: Popen[bytes]
    descriptor: int
    _seen: bytearray = field(default_factory=bytearray)

    @property
    def screen(self) -> str:
        """All that was written so far, orders to the terminal included."""
        return self._seen.decode(errors="replace")

    def read(self) -> None:
        """Collect what is written until its end."""
        try:
            while written := os.read(self.descriptor, 65_536):
                self._seen += written
        except OSError:
            pass  # Linux's way to say that nobody has the terminal open any more

    def shows(self, text: str) -> None:
        """Wait until a text stands there."""
        eventually(lambda: text in self.screen, f"the terminal does not show {text!r}: {self.screen[-2000:]!r}")

    def type(self, text: str) -> None:
        """Press keys; the character of code 3 is Ctrl-C."""
        os.write(self.descriptor, text.encode())

    def end(self) -> int:
        """Wait for the command to end, and give its exit status."""
        return self.process.wait(PATIENCE_SECONDS)


@contextmanager
def terminal(
    command: list[str], environment: Mapping[str, str], directory: Path, *, columns: int = 100, rows: int = 30
) -> Iterator[Terminal]:
    """Start a command in a terminal of a size, and end it with the block."""
    master, slave = pty.openpty()
    ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
    process = Popen(
        command,
        env={"TERM": "xterm-256color", **environment},
        cwd=directory,
        stdin=slave,
        stdout=slave,
        stderr=slave,
        start_new_session=True,
        preexec_fn=_take_terminal,  # noqa: PLW1509 - a Ctrl-C typed goes to whose terminal it is
    )
    os.close(slave)
    shown = Terminal(process, master)
    reader = Thread(target=shown.read, daemon=True)
    reader.start()
    try:
        yield shown
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
            process.wait()
        reader.join(PATIENCE_SECONDS)
        os.close(master)


def _take_terminal() -> None:
    """Make standard input the terminal whose Ctrl-C ends the process."""
    ioctl(0, termios.TIOCSCTTY, 0)
