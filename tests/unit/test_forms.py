"""What Zoho's values look like, and what a wrong one was meant to be."""

import pytest

from exporter.forms import (
    data_center_meant,
    doubtful,
    duration_meant,
    job_id_advice,
    misplaced,
    module_advice,
    nearest,
    number_advice,
    unquoted,
)
from exporter.model import DataCenter

_SPREADSHEET = "; a spreadsheet or a program made a number of it and lost its digits: take it from Zoho's answer again"
CLIENT_ID = "1000.ABCDEFGHIJKLMNOPQRSTUVWXYZ1234"
SECRET = "0123456789abcdef0123456789abcdef0123456789"
TOKEN = "1000.0123456789abcdef0123456789abcdef.0123456789abcdef0123456789abcdef"


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("com", "us"),
        (".com", "us"),
        ("com.au", "au"),
        ("zoho.com.cn", "cn"),
        ("crm.zoho.jp", "jp"),
        ("https://crm.zoho.eu/crm/org7/tab/Home/begin", "eu"),
        ("accounts.zohocloud.ca", "ca"),
        ("https://www.zohoapis.sa", "sa"),
        ("Europe", "eu"),
        ("EU", "eu"),
        ("usa", "us"),
        ("uae", "ae"),
        ("gb", "uk"),
        ("zoho.xyz", ""),
        ("notzoho.eu", ""),
        ("mars", ""),
        ("", ""),
    ],
)
def test_data_centre_is_guessed(text: str, meant: str) -> None:
    """By its domain, a host, an address or a country; never by half a word."""
    assert data_center_meant(text, DataCenter) == meant


@pytest.mark.parametrize(("text", "bare"), [('"a"', "a"), ("\u201ca\u201d", "a"), ('a"', 'a"'), ('"', '"')])
def test_quotes_around_are_taken_away(text: str, bare: str) -> None:
    """Also those that an office program makes; half a pair stays to be told of."""
    assert unquoted(text) == bare


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("client_id", CLIENT_ID, ""),
        ("client_secret", SECRET, ""),
        ("refresh_token", TOKEN, ""),
        ("client_id", SECRET, "looks like a client secret, not like a client id"),
        ("client_id", TOKEN, "looks like a token, not like a client id"),
        ("client_secret", CLIENT_ID, "looks like a client id, not like a client secret"),
        ("client_secret", TOKEN, "looks like a token, not like a client secret"),
        ("refresh_token", CLIENT_ID, "looks like a client id, not like a token"),
        ("refresh_token", SECRET, "looks like a client secret, not like a token"),
        ("client_id", f'"{CLIENT_ID}"', "stands in quotes"),
        ("client_id", f"{CLIENT_ID}'", "stands in quotes"),
        ("client_secret", "<secret>", "is a placeholder"),
        ("client_secret", "${SECRET}", "is a placeholder"),
        ("client_secret", "{{secret}}", "is a placeholder"),
        ("client_secret", "$SECRET", "is a placeholder"),
        ("refresh_token", f"Zoho-oauthtoken:{TOKEN}", "has a word in front of it"),
        ("refresh_token", f"refresh_token={TOKEN}", "has a word in front of it"),
        ("client_secret", "hunter2hunter2", ""),
    ],
)
def test_value_in_the_wrong_place_is_told_by_its_form(name: str, value: str, told: str) -> None:
    """And never shown."""
    said = misplaced(name, value)
    assert said.startswith(told) if told else said == ""
    assert value not in said


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("client_id", CLIENT_ID, ""),
        ("refresh_token", TOKEN, ""),
        ("client_secret", SECRET, ""),
        ("client_secret", "hunter2hunter2", ""),
        ("client_id", "1000.XXXX", "looks like a placeholder"),
        ("client_id", "1000.xxxxxxxxxxxx", "looks like a placeholder"),
        ("client_secret", "changeme", "looks like a placeholder"),
        ("client_secret", "your-client-secret", "looks like a placeholder"),
        ("client_secret", "...", "looks like a placeholder"),
        ("client_id", "ABC", "does not look like a client id of Zoho's"),
        ("refresh_token", "1000.abc", "does not look like a refresh token of Zoho's"),
    ],
)
def test_value_that_zoho_has_hardly_made_is_doubted(name: str, value: str, told: str) -> None:
    """A start goes on: what is known of Zoho's forms is what they were."""
    assert doubtful(name, value).startswith(told) if told else doubtful(name, value) == ""


@pytest.mark.parametrize(
    ("text", "advice"),
    [
        ("3524033000006027001.0", '; did you mean "3524033000006027001"?'),
        ("3524 0330 0000 6027 001", '; did you mean "3524033000006027001"?'),
        (f"{'1' * 33}.0", ""),
        (" ".join(["1" * 14] * 3), ""),
        ("-5", ""),
        ("Leads", ""),
        (
            "1e5",
            "; a spreadsheet or a program made a number of it and lost its digits: take it from Zoho's answer again",
        ),
    ],
)
def test_job_id_is_guessed_only_where_its_digits_are_there(text: str, advice: str) -> None:
    """A guess would be another job."""
    assert job_id_advice(text) == advice


@pytest.mark.parametrize(
    ("text", "advice"),
    [("sales-orders", "sales_orders"), (" Price Books ", "Price_Books"), ("Leads/", ""), ("1 Lead", "")],
)
def test_module_is_guessed_from_its_label(text: str, advice: str) -> None:
    """Zoho's API names have _ where a label has a space."""
    expected = f'; did you mean "{advice}"? Setup > APIs and SDKs lists the names' if advice else ""
    assert module_advice(text) == expected


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("2 weeks", "2w"),
        ("1h 30m", "1h30m"),
        ("90 Sec", "90s"),
        ("5MIN", "5m"),
        ("1.5h", ""),
        ("-7d", ""),
        ("soon", ""),
    ],
)
def test_duration_is_guessed(text: str, meant: str) -> None:
    """Words for units, spaces and capitals; nothing that would have to be calculated."""
    assert duration_meant(text) == meant


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("1,000", "1000"),
        ("1_000_000", "1000000"),
        ("10 000", "10000"),
        ("1.5", ""),
        ("-1", ""),
        ("1000", ""),
        ("1,00", ""),
        ("1 000 001", ""),
        ("0 999", ""),
    ],
)
def test_number_is_guessed(text: str, meant: str) -> None:
    """Separators of thousands alone, and no number that would be refused, too."""
    assert number_advice(text, 1000, 1_000_000) == (f'; did you mean "{meant}"?' if meant else "")


@pytest.mark.parametrize(
    ("word", "near"),
    [("id", "job_id"), ("job", "job_id"), ("jobid", "job_id"), ("job-id", "job_id"), ("zzz", ""), ("", "")],
)
def test_nearest_name_is_a_slip_or_a_part(word: str, near: str) -> None:
    """Its beginning or its last word."""
    assert nearest(word, ["module", "job_id", "name"]) == near
