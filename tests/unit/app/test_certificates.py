"""Certificates are read beside a start, and anew for a reload."""

import re
from pathlib import Path

import certifi
import pytest

from exporter.app.certificates import Certificates
from exporter.errors import ConfigurationError

PEMS = re.findall(r"-----BEGIN.*?END CERTIFICATE-----\n", Path(certifi.where()).read_text(encoding="utf-8"), re.DOTALL)


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    """Give a file with one authority."""
    file = tmp_path / "bundle.pem"
    file.write_text(PEMS[0])
    return file


def test_reload_reads_certificates_anew(bundle: Path) -> None:
    """What the start read is not for ever."""
    certificates = Certificates(bundle)
    assert len(certificates(bundle).get_ca_certs()) == 1
    bundle.write_text("".join(PEMS[:3]))
    assert [len(certificates(bundle).get_ca_certs()) for _ in range(2)] == [3, 3]


def test_another_bundle_than_expected_is_read(bundle: Path, tmp_path: Path) -> None:
    """The settings may have changed since they were looked at."""
    certificates, other = Certificates(bundle), tmp_path / "other.pem"
    other.write_text("".join(PEMS[:2]))
    assert [len(certificates(each).get_ca_certs()) for each in (other, bundle)] == [2, 1]


def test_unreadable_certificates_end_a_start(tmp_path: Path) -> None:
    """Whoever waits for them hears what reading them found."""
    certificates = Certificates(tmp_path / "none.pem")
    with pytest.raises(ConfigurationError, match=r"none\.pem can't be used as CA certificates"):
        certificates(tmp_path / "none.pem")
