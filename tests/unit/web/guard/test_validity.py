"""Until when certificates are valid."""

import ssl
import subprocess
from pathlib import Path

import pytest
from certificates import open_authority
from programs import Program

from exporter.web.guard.validity import Validity, validities

NOW = 1_700_000_000.0
DAY = 86_400.0
UNTIL = "2023-11-14 22:13 UTC"


@pytest.mark.parametrize(
    ("since", "until", "told"),
    [
        pytest.param(NOW, NOW + 7 * DAY, [], id="valid for a week"),
        pytest.param(NOW + 1, NOW + 90 * DAY, [f"is valid from {UNTIL} on only"], id="not yet"),
        pytest.param(NOW - DAY, NOW, [f"has expired: it was valid until {UNTIL}"], id="expired this moment"),
        pytest.param(NOW - DAY, NOW + 1, [f"expires soon, at {UNTIL}"], id="expires in a second"),
        pytest.param(NOW - DAY, NOW + 7 * DAY - 1, ["expires soon, at 2023-11-21 22:13 UTC"], id="in less than a week"),
    ],
)
def test_certificate_that_is_not_valid_for_long_is_told(since: float, until: float, told: list[str]) -> None:
    """With the moment, and the file that it stands in."""
    doubts = Validity("server.pem", since, until).doubts(NOW)
    assert list(map(str, doubts)) == [f"server.pem: holds a certificate that {text}" for text in told]


@pytest.mark.parametrize("days", [30, 20_000], ids=["years of two digits", "one of four"])
def test_times_are_those_of_openssl(program: Program, tmp_path: Path, days: int) -> None:
    """However it writes their years; of each certificate in a file."""
    made = open_authority(program("openssl"), tmp_path).issue("server", "IP:127.0.0.1", "-days", str(days))
    command = [program("openssl"), "x509", "-in", str(made.file), "-noout", "-startdate"]
    shown = subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
    since = ssl.cert_time_to_seconds(shown.removeprefix("notBefore="))
    text = f"a word before\n{made.file.read_text()}\r\n{made.file.read_text()}"
    assert list(validities("x", text)) == [Validity("x", since, since + days * DAY)] * 2


@pytest.mark.parametrize(
    ("der", "since", "until"),
    [
        pytest.param(
            b"\x30\x22\x18\x0f20600101000000Z\x18\x0f20600101000001Z", 2_840_140_800, 2_840_140_801, id="far ahead"
        ),
        pytest.param(b"\x30\x1e\x17\x0d991231235959Z\x17\x0d491231235959Z", 946_684_799, 2_524_607_999, id="long ago"),
    ],
)
def test_times_of_any_century_are_read(der: bytes, since: float, until: float) -> None:
    """Years of two digits are from 1950 to 2049."""
    assert list(validities("x", ssl.DER_cert_to_PEM_cert(der))) == [Validity("x", since, until)]


@pytest.mark.parametrize("inside", ["", "AAAA", "A", "\N{LATIN SMALL LETTER E WITH ACUTE}"])
def test_what_is_no_certificate_has_no_time(inside: str) -> None:
    """OpenSSL has refused it before; nothing is raised."""
    assert list(validities("x", f"-----BEGIN CERTIFICATE-----\n{inside}\n-----END CERTIFICATE-----")) == []
