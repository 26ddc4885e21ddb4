"""The real programs that tests run against."""

from collections.abc import Callable

Program = Callable[[str], str]

PACKAGES = {
    "bash": "bash",
    "chromium": "chromium",
    "curl": "curl",
    "make": "make",
    "openssl": "openssl",
    "prometheus": "prometheus",
    "promtool": "prometheus",
}
"""Debian's package of each program."""
