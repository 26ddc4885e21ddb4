"""The real programs that tests run against."""

from collections.abc import Callable

Program = Callable[[str], str]

PACKAGES = {
    "amtool": "prometheus-alertmanager",
    "bash": "bash",
    "chromium": "chromium",
    "curl": "curl",
    "gcc": "gcc libc6-dev",
    "make": "make",
    "openssl": "openssl",
    "prometheus": "prometheus",
    "prometheus-alertmanager": "prometheus-alertmanager",
    "promtool": "prometheus",
    "setsid": "util-linux",
    "zsh": "zsh",
}
"""Debian's package of each program."""
