"""What Prometheus and its operator are to be told, for each way in which the exporter may stand."""

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from certificates import open_authority
from chart import ROOT, only, render
from programs import Program

from exporter.cli import main

_ZOHO = """\
accounts:
  acme:
    data_center: eu
    client_id: 1000.ABC
    client_secret: hunter2hunter2
    refresh_token: 1000.0123456789abcdef0123456789abcdef.0123456789abcdef0123456789abcdef
jobs: [{module: Leads, job_id: "1"}]
"""
_HASH = "$2y$10$It3z3gq3g361Uqzp36Dbnu4p1mL.PVjWzXZj870S.BGSVCiSR2R8y"
_USERS = f"basic_auth_users: {{prometheus: {_HASH}, zoe: {_HASH}}}\n"
_TLS = "tls_server_config: {cert_file: server.pem, key_file: server.key}\n"
_MUTUAL = (
    "tls_server_config: {cert_file: server.pem, key_file: server.key, client_ca_file: authority.pem,"
    " client_auth_type: RequireAndVerifyClientCert}\n"
)
_FOLDER = "/etc/prometheus/zoho-mass-update-exporter"
_PASSWORD = {"username": "prometheus", "password_file": f"{_FOLDER}/password"}
_CA = {"ca_file": f"{_FOLDER}/ca.pem"}
_CERTIFICATE = {"cert_file": f"{_FOLDER}/client.pem", "key_file": f"{_FOLDER}/client.key"}

Printed = Callable[..., str]


@pytest.fixture(scope="module")
def folder(program: Program, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a directory with certificates and settings."""
    folder = tmp_path_factory.mktemp("exporter")
    open_authority(program("openssl"), folder).issue("server")
    (folder / "zoho.yaml").write_text(_ZOHO)
    (folder / "zoho.yaml").chmod(0o600)
    return folder


@pytest.fixture
def printed(folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Printed:
    """Give what prints the scrape configuration of a web-config file and flags."""
    monkeypatch.chdir(folder)
    monkeypatch.setenv("HOME", str(folder))

    def run(web_config: str, *flags: str) -> str:
        Path("web.yml").write_text(web_config or "basic_auth_users: {}\n")
        command = ["print", "scrape-config", "--config.file=zoho.yaml", "--web.config.file=web.yml", *flags]
        assert main(command) == 0
        return capsys.readouterr().out

    return run


_STANDS = {
    "as by default": ("", [], {"metrics_path": "/metrics", "scheme": "http", "target": "localhost:10042"}),
    "elsewhere": (
        "",
        ["--web.listen-address=10.0.0.7:9000", "--web.telemetry-path=/m"],
        {"metrics_path": "/m", "scheme": "http", "target": "10.0.0.7:9000"},
    ),
    "on IPv6": (
        "",
        ["--web.listen-address=[::1]:9000"],
        {"metrics_path": "/metrics", "scheme": "http", "target": "[::1]:9000"},
    ),
    "below a prefix": (
        "",
        ["--web.route-prefix=/zoho"],
        {"metrics_path": "/zoho/metrics", "scheme": "http", "target": "localhost:10042"},
    ),
    "behind a proxy": (
        _TLS + _USERS,
        ["--web.external-url=https://example.com/zoho", "--web.route-prefix=/"],
        {
            "metrics_path": "/zoho/metrics",
            "scheme": "https",
            "target": "example.com",
            "basic_auth": _PASSWORD,
        },
    ),
    "below the path of a URL without a host": (
        "",
        ["--web.external-url=/zoho"],
        {"metrics_path": "/zoho/metrics", "scheme": "http", "target": "localhost:10042"},
    ),
    "with passwords": (
        _USERS,
        [],
        {"metrics_path": "/metrics", "scheme": "http", "target": "localhost:10042", "basic_auth": _PASSWORD},
    ),
    "with TLS": (
        _TLS,
        [],
        {"metrics_path": "/metrics", "scheme": "https", "target": "localhost:10042", "tls_config": _CA},
    ),
    "with both, and certificates asked for": (
        _MUTUAL + _USERS,
        [],
        {
            "metrics_path": "/metrics",
            "scheme": "https",
            "target": "localhost:10042",
            "basic_auth": _PASSWORD,
            "tls_config": _CA | _CERTIFICATE,
        },
    ),
}


@pytest.mark.parametrize(("web_config", "flags", "expected"), _STANDS.values(), ids=list(_STANDS))
def test_exporter_is_scraped_where_it_stands(
    printed: Printed, web_config: str, flags: list[str], expected: dict[str, Any]
) -> None:
    """Scheme, path, address and what opens the door are those of the settings."""
    [scrape] = yaml.safe_load(printed(web_config, *flags))["scrape_configs"]
    target = expected.pop("target")
    intervals = {"scrape_interval": "15s", "scrape_timeout": "10s"}
    assert scrape == {
        "job_name": "zoho-mass-updates",
        **intervals,
        **expected,
        "static_configs": [{"targets": [target]}],
    }


def test_it_is_what_the_example_of_prometheus_has(printed: Printed) -> None:
    """Job and target are those of deploy/prometheus, which the rules and alerts name."""
    [example] = yaml.safe_load((ROOT / "deploy/prometheus/prometheus.yml").read_text())["scrape_configs"]
    [scrape] = yaml.safe_load(printed(""))["scrape_configs"]
    assert {name: scrape[name] for name in example} == example


def test_address_that_only_systemd_knows_is_doubted(printed: Printed) -> None:
    """What the settings say of it does not hold then."""
    text = printed("", "--web.systemd-socket")
    assert text.startswith("# systemd passes the socket on: see whether this is its address\nscrape_configs:\n")


def test_discovery_asks_for_jobs_and_for_the_rest(printed: Printed) -> None:
    """The list is asked for as its targets are, and the page without jobs beside it."""
    jobs, rest = yaml.safe_load(printed(_TLS + _USERS, "--kind=discovery"))["scrape_configs"]
    opened = {"basic_auth": _PASSWORD, "tls_config": _CA}
    assert jobs == {
        "job_name": "zoho-mass-update-jobs",
        "scheme": "https",
        **opened,
        "http_sd_configs": [{"url": "https://localhost:10042/sd/jobs", **opened}],
    }
    assert (rest["job_name"], rest["params"]) == (
        "zoho-mass-updates",
        {"collect[]": ["modules", "accounts", "exporter"]},
    )


@pytest.mark.parametrize("kind", ["static", "discovery"])
def test_prometheus_accepts_it(printed: Printed, program: Program, tmp_path: Path, kind: str) -> None:
    """The real promtool has no remark, whatever is asked of whoever comes; what is to be done stands above."""
    text = printed(_MUTUAL + _USERS, f"--kind={kind}")
    assert text.splitlines()[:4] == [
        "# localhost: write a name of the exporter that its certificate has",
        f"# {_FOLDER}/password: the password of prometheus, in a file that only Prometheus can read",
        f"# {_FOLDER}/ca.pem: the certificate of whoever signed the exporter's; take the line out for a public one",
        f"# {_FOLDER}/client.pem, client.key: Prometheus' own certificate, which the exporter asks for",
    ]
    assert "$2y$" not in text
    assert "&" not in text  # an anchor, which no person would write
    file = tmp_path / "prometheus.yml"
    file.write_text("global: {scrape_interval: 1m}\n" + text)
    command = [program("promtool"), "check", "config", "--syntax-only", str(file)]
    checked = subprocess.run(command, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stderr


def test_operator_is_told_what_the_chart_tells_it(printed: Printed) -> None:
    """A ServiceMonitor scrapes as that of the chart does."""
    monitor = yaml.safe_load(printed("", "--kind=operator"))
    chart = only(render("default", "--set=serviceMonitor.enabled=true"), "ServiceMonitor")
    [endpoint] = monitor["spec"]["endpoints"]
    [of_chart] = chart["spec"]["endpoints"]
    assert (monitor["apiVersion"], monitor["kind"]) == (chart["apiVersion"], "ServiceMonitor")
    assert endpoint == {"interval": "15s", "scrapeTimeout": "10s", **of_chart}
    labels = monitor["spec"]["selector"]["matchLabels"]
    assert labels.items() <= chart["spec"]["selector"]["matchLabels"].items()


def test_operator_takes_secrets_by_their_keys(printed: Printed) -> None:
    """Password and certificates are keys of a Secret, which is named above."""
    text = printed(_MUTUAL + _USERS, "--kind=operator")
    [endpoint] = yaml.safe_load(text)["spec"]["endpoints"]
    name = "zoho-mass-update-exporter-scrape"
    assert endpoint["basicAuth"] == {
        "username": {"name": name, "key": "username"},
        "password": {"name": name, "key": "password"},
    }
    assert endpoint["tlsConfig"] == {
        "ca": {"secret": {"name": name, "key": "ca.pem"}},
        "cert": {"secret": {"name": name, "key": "client.pem"}},
        "keySecret": {"name": name, "key": "client.key"},
    }
    keys = "username, password, ca.pem, client.pem, client.key"
    assert text.splitlines()[1] == f"# The Secret {name}, in this object's namespace, has the keys {keys}"


def test_operator_scrapes_outside_of_the_cluster(printed: Printed) -> None:
    """An exporter with an address of its own needs no Service."""
    config = yaml.safe_load(printed("", "--kind=operator", "--web.external-url=https://example.com/zoho"))
    assert (config["apiVersion"], config["kind"]) == ("monitoring.coreos.com/v1alpha1", "ScrapeConfig")
    assert config["spec"] == {
        "jobName": "zoho-mass-updates",
        "scrapeInterval": "15s",
        "scrapeTimeout": "10s",
        "metricsPath": "/zoho/metrics",
        "scheme": "HTTPS",
        "staticConfigs": [{"targets": ["example.com"]}],
    }


def test_port_that_is_another_one_at_each_start_is_told(printed: Printed) -> None:
    """Prometheus would find nobody there."""
    told = "# port 0 is another one at each start: name one by --web.listen-address\n"
    assert printed("", "--web.listen-address=:0").startswith(told)
