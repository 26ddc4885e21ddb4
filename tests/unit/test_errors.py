"""The tree of errors."""

import inspect
import re
from http.client import IncompleteRead

import pytest

from exporter import errors
from exporter.errors import (
    ConfigurationError,
    DeadTokenError,
    ExporterError,
    HeldBackError,
    OutOfCreditsError,
    PassingError,
    PollError,
    Problem,
    RefusedError,
    ThrottledError,
    TokenRefusedError,
    kind_and_words,
)

NODE = re.compile(r"^(?P<indent>[ │├└─]*)(?P<name>[A-Z]\w+Error)\b", re.MULTILINE)
LEVEL = 4
"""How many characters of the drawing make one level."""


def drawn_tree() -> dict[str, str]:
    """Give each drawn class's parent, as the docstring draws it."""
    branch: list[str] = []
    parents: dict[str, str] = {}
    for node in NODE.finditer(errors.__doc__ or ""):
        depth = len(node["indent"]) // LEVEL
        branch[depth:] = [node["name"]]
        parents[node["name"]] = branch[depth - 1] if depth else "Exception"
    return parents


def defined_tree() -> dict[str, str]:
    """Give each defined class's parent."""
    members = inspect.getmembers(errors, inspect.isclass)
    return {
        name: member.__base__.__name__
        for name, member in members
        if issubclass(member, Exception) and member.__base__ and member.__module__ == errors.__name__
    }


def test_the_drawn_tree_is_the_defined_one() -> None:
    """The docstring names exactly the module's errors, each under its parent."""
    assert drawn_tree() == defined_tree()


def test_the_tree_is_the_known_one() -> None:
    """A new error is a new thing that a caller can do: it is noticed here."""
    assert defined_tree() == {
        "ExporterError": "Exception",
        "ConfigurationError": "ExporterError",
        "RegistrationError": "ExporterError",
        "DeclaredJobError": "RegistrationError",
        "LiveJobError": "RegistrationError",
        "SilentStoreError": "RegistrationError",
        "TooManyJobsError": "RegistrationError",
        "HeldBackError": "ExporterError",
        "NoPlaceError": "HeldBackError",
        "PollError": "ExporterError",
        "PassingError": "PollError",
        "ThrottledError": "PollError",
        "OutOfCreditsError": "ThrottledError",
        "RefusedError": "PollError",
        "UncertainError": "PollError",
        "DeadTokenError": "PollError",
        "TokenRefusedError": "PollError",
    }


@pytest.mark.parametrize(
    "kind", [PollError, PassingError, ThrottledError, OutOfCreditsError, RefusedError, DeadTokenError]
)
def test_a_poll_error_keeps_what_was_said(kind: type[PollError]) -> None:
    """Code, message, advice and pause are there for the metric, the log and the back-off."""
    error = kind("NOT_FOUND", "Zoho answered NOT_FOUND", advice="check the job id", retry_after_seconds=60.0)
    assert (error.code, error.message, str(error)) == (
        "NOT_FOUND",
        "Zoho answered NOT_FOUND",
        "Zoho answered NOT_FOUND",
    )
    assert (error.advice, error.retry_after_seconds) == ("check the job id", 60.0)


@pytest.mark.parametrize(
    "kind", [PollError, PassingError, ThrottledError, OutOfCreditsError, RefusedError, DeadTokenError]
)
def test_a_poll_error_needs_no_advice_and_no_pause(kind: type[PollError]) -> None:
    """What nobody said is empty or absent."""
    error = kind("timeout", "Zoho fell silent")
    assert (error.advice, error.retry_after_seconds) == ("", None)


def test_a_refused_token_has_one_code_and_its_reason() -> None:
    """All refusals of a token share a code; the reason is a label of its own."""
    error = TokenRefusedError("invalid_code", "refused", advice="make a new one", retry_at=1_790_000_900.0)
    assert (error.code, error.reason, error.retry_at) == ("token_refused", "invalid_code", 1_790_000_900.0)
    assert (error.message, error.advice) == ("refused", "make a new one")


def test_a_poll_that_was_held_back_is_no_failed_poll() -> None:
    """Nothing was sent, so nothing counts as an error of Zoho's."""
    error = HeldBackError("budget", "all 10 credits are spent")
    assert (error.reason, str(error)) == ("budget", "all 10 credits are spent")
    assert not isinstance(error, PollError)
    assert isinstance(error, ExporterError)


def test_a_configuration_error_names_every_problem() -> None:
    """All problems are told at once, each with its place."""
    problems = (Problem("zoho.yaml:3", "no such data centre"), Problem("ZOHO_JOBS", "expected Module/digits"))
    error = ConfigurationError(problems)
    assert error.problems == problems
    assert str(error) == "zoho.yaml:3: no such data centre\nZOHO_JOBS: expected Module/digits"


@pytest.mark.parametrize(
    ("error", "told"),
    [
        pytest.param(ConnectionError("HTTP 408"), "ConnectionError: HTTP 408", id="words"),
        pytest.param(
            IncompleteRead(b"{", 99), "IncompleteRead(1 bytes read, 99 more expected)", id="words with the kind"
        ),
        pytest.param(EOFError(), "EOFError", id="no words"),
        pytest.param(EOFError(" "), "EOFError", id="blank words"),
    ],
)
def test_an_error_of_somebody_elses_is_told_once(error: Exception, told: str) -> None:
    """By its kind and its words."""
    assert kind_and_words(error) == told
