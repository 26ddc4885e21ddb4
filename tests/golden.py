"""Golden files: texts that are compared whole."""

from collections.abc import Callable
from pathlib import Path

GoldenCheck = Callable[[Path, str], None]
