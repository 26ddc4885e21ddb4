"""`print`: what other programs need to be told, from the settings in force or the tables of commands."""

from argparse import Namespace
from importlib import import_module

_MODULES = {"scrape-config": "scrape_config", "completion": "completion"}


def execute(options: Namespace) -> int:
    """Print what is asked for."""
    return int(import_module(f"{__package__}.{_MODULES[options.what]}").execute(options))
