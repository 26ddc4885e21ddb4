"""The table of Zoho's errors."""

import pytest

from exporter.errors import PollError
from exporter.zoho.codes import ERROR_CODES, LABEL_VALUES, OUR_CODES, ErrorCode, find_error_code


def row_name(row: ErrorCode) -> str:
    """Name a row in a test's id."""
    return f"{row.code}-{row.message[:12]}".strip("-")


ROWS = pytest.mark.parametrize("row", ERROR_CODES, ids=row_name)


@ROWS
def test_every_row_says_what_to_do(row: ErrorCode) -> None:
    """A failure without advice is of no use to the operator."""
    assert row.advice.strip() == row.advice != ""


@ROWS
def test_every_code_is_upper_case_as_the_lookup_expects(row: ErrorCode) -> None:
    """Zoho's codes are compared in upper case, ours are lower case: the two can't collide."""
    assert row.code == row.code.upper()


@ROWS
def test_every_row_names_a_known_source(row: ErrorCode) -> None:
    """Each row can be looked up where it comes from."""
    assert row.source in {"page", "spec", "status codes", "change log", "SDK", "seen"}


@ROWS
def test_every_row_raises_a_poll_error(row: ErrorCode) -> None:
    """Each row has an outcome that a caller knows, none the bare base class."""
    assert issubclass(row.raises, PollError)
    assert row.raises is not PollError


def test_every_label_value_stands_once() -> None:
    """A label value that stood twice would be a duplicate series on the page."""
    assert len(set(LABEL_VALUES)) == len(LABEL_VALUES)


def test_the_labels_are_zohos_codes_and_ours() -> None:
    """The set of label values is bounded and known."""
    assert set(LABEL_VALUES) == {
        "NOT_FOUND",
        "MANDATORY_NOT_FOUND",
        "INVALID_URL_PATTERN",
        "OAUTH_SCOPE_MISMATCH",
        "NO_PERMISSION",
        "INTERNAL_ERROR",
        "INVALID_REQUEST_METHOD",
        "AUTHORIZATION_FAILED",
        "INVALID_MODULE",
        "INVALID_DATA",
        "UNABLE_TO_PARSE_DATA_TYPE",
        "REQUIRED_PARAM_MISSING",
        "INTERNAL_SERVER_ERROR",
        "INVALID_TOKEN",
        "AUTHENTICATION_FAILURE",
        "UNAUTHORIZED",
        "FORBIDDEN",
        "BAD_REQUEST",
        "API_NOT_SUPPORTED",
        "TOO_MANY_REQUESTS",
        "RATE_LIMIT_EXCEEDED",
        "URL_ROLLING_THROTTLES_LIMIT_EXCEEDED",
        "INVALID_HOST",
        "LIMIT_EXCEEDED",
        "LIMIT_REACHED",
        "FEATURE_NOT_SUPPORTED",
        "NOT_SUPPORTED",
        "timeout",
        "connection",
        "tls",
        "invalid_response",
        "token_refused",
        "deadline",
        "other",
    }


@pytest.mark.parametrize("code", OUR_CODES)
def test_our_own_codes_are_lower_case(code: str) -> None:
    """Our codes can be told from Zoho's at a glance."""
    assert code == code.lower()


def test_the_page_has_its_ten_errors() -> None:
    """All ten entries of "Possible Errors" are rows, in the page's order."""
    assert [(row.code, row.message) for row in ERROR_CODES if row.source == "page"] == [
        ("NOT_FOUND", ""),
        ("MANDATORY_NOT_FOUND", ""),
        ("INVALID_URL_PATTERN", ""),
        ("OAUTH_SCOPE_MISMATCH", ""),
        ("NO_PERMISSION", ""),
        ("INTERNAL_ERROR", ""),
        ("INVALID_REQUEST_METHOD", ""),
        ("AUTHORIZATION_FAILED", ""),
        ("INVALID_MODULE", "The module name given seems to be invalid"),
        ("INVALID_MODULE", "The given module is not supported in API"),
    ]


@pytest.mark.parametrize(
    ("message", "advice"),
    [
        ("the module name given seems to be invalid", "no such module"),
        ("THE GIVEN MODULE IS NOT SUPPORTED IN API", "this module (such as Documents or Projects)"),
        ("a message of tomorrow", "no such module"),
        ("", "no such module"),
    ],
)
def test_the_message_tells_two_rows_of_one_code_apart(message: str, advice: str) -> None:
    """The row with Zoho's message comes first, else the first row of the code."""
    row = find_error_code("INVALID_MODULE", message)
    assert row is not None
    assert row.advice.startswith(advice)


@pytest.mark.parametrize(
    ("message", "advice"),
    [
        ("the given module is not supported for this api", "Zoho has no mass updates of this module"),
        ("The given module is not supported for this API.", "Zoho has no mass updates of this module"),
        ("Scheduled Mass Operation feature is not available in your edition", "the organisation's Zoho CRM edition"),
        ("", "Zoho has no mass updates of this module"),
    ],
)
def test_what_is_not_supported_is_the_module_or_the_edition(message: str, advice: str) -> None:
    """Zoho's message tells which of the two to look at."""
    row = find_error_code("NOT_SUPPORTED", message)
    assert row is not None
    assert row.advice.startswith(advice)


@pytest.mark.parametrize(
    ("alias", "code"),
    [
        ("NO_DATA", "NOT_FOUND"),
        ("NO_CONTENT", "NOT_FOUND"),
        ("RESOURCE_NOT_FOUND", "NOT_FOUND"),
        ("AUTHENTICATION_FAILED", "AUTHENTICATION_FAILURE"),
    ],
)
def test_another_word_for_the_same_makes_no_label(alias: str, code: str) -> None:
    """What means the same is counted as the same."""
    row = find_error_code(alias, "")
    assert row is not None
    assert (row.code, alias in LABEL_VALUES) == (code, False)


def test_a_wrong_host_says_what_to_set() -> None:
    """Zoho answers so where an organisation lives elsewhere."""
    row = find_error_code("INVALID_HOST", "")
    assert row is not None
    assert "data_center" in row.advice


@pytest.mark.parametrize("code", ["", "SOMETHING_NEW", "not_found", "timeout", "other"])
def test_a_code_that_is_not_zohos_has_no_row(code: str) -> None:
    """Only documented codes, spelt as in the table, are found."""
    assert find_error_code(code, "") is None
