"""`print scrape-config`: what Prometheus, or its operator, is to be told of an exporter with these settings."""

import sys
from argparse import Namespace
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from ssl import CERT_REQUIRED
from typing import Any

import yaml

from exporter.access import WebAccess
from exporter.app.inspection import inspect
from exporter.cli.given import sources_of
from exporter.settings import Settings
from exporter.settings.web_config import read_web_config

Parts = dict[str, Any]

_NAME = "zoho-mass-update-exporter"
_LABEL = "app.kubernetes.io/name"
_JOB, _JOB_OF_JOBS = "zoho-mass-updates", "zoho-mass-update-jobs"
_FOLDER = f"/etc/prometheus/{_NAME}"
"""Where Prometheus has what we have not: its password, its certificates."""
_INTERVAL, _TIMEOUT = "15s", "10s"
_WITHOUT_JOBS = {"collect[]": ["modules", "accounts", "exporter"]}
_EVERYWHERE = {"", "0.0.0.0", "::"}  # noqa: S104 - compared, not listened on


@dataclass(frozen=True, slots=True)
class Found:
    """Where an exporter is found, and what it asks of whoever comes."""

    target: str
    scheme: str
    prefix: str
    telemetry_path: str
    is_outside: bool
    """Whether it is found at the host of its external URL, where a proxy speaks for it."""
    is_sure: bool
    access: WebAccess

    @property
    def user(self) -> str:
        """Who may come in; empty where nobody is asked."""
        return min(self.access.users, default="")

    @property
    def is_own_tls(self) -> bool:
        """Whether the exporter itself speaks TLS, with a certificate that is likely its own."""
        return self.access.tls is not None and not self.is_outside

    @property
    def is_certificate_asked(self) -> bool:
        """Whether whoever comes must show a certificate."""
        tls = self.access.tls
        return self.is_own_tls and tls is not None and tls.client_certificates is CERT_REQUIRED


def execute(options: Namespace) -> int:
    """Print it; of secrets the names of files, or of a Kubernetes Secret's keys, alone."""
    where = found_at(inspect(sources_of(options)).settings())
    match options.kind:
        case "discovery":
            text = _head(where, _files(where)) + _yaml({"scrape_configs": [_jobs(where), _without_jobs(where)]})
        case "operator":
            text = _head(where, _keys(where)) + _yaml(_object(where))
        case _:
            text = _head(where, _files(where)) + _yaml({"scrape_configs": [_scrape(where)]})
    sys.stdout.write(text)
    return 0


def found_at(settings: Settings) -> Found:
    """Say where the exporter of these settings is found: at its external URL, or else where it listens."""
    web = settings.web
    access = read_web_config(web.config_file) if web.config_file else WebAccess()
    found = partial(Found, telemetry_path=web.telemetry_path, access=access)
    if web.outside.host:
        scheme, target, prefix = web.outside
        return found(target, scheme, prefix, is_outside=True, is_sure=True)
    host, port = web.listen_address.host, web.listen_address.port
    host = "localhost" if host in _EVERYWHERE else f"[{host}]" if ":" in host else host
    scheme = "https" if access.tls else "http"
    return found(f"{host}:{port}", scheme, web.prefix, is_outside=False, is_sure=not web.systemd_socket)


def _scrape(where: Found) -> Parts:
    return {
        "job_name": _JOB,
        "scrape_interval": _INTERVAL,
        "scrape_timeout": _TIMEOUT,
        "metrics_path": where.prefix + where.telemetry_path,
        **_let_in(where),
        "static_configs": [{"targets": [where.target]}],
    }


def _jobs(where: Found) -> Parts:
    url = f"{where.scheme}://{where.target}{where.prefix}/sd/jobs"
    listed = {name: part for name, part in _let_in(where).items() if name != "scheme"}
    return {"job_name": _JOB_OF_JOBS, **_let_in(where), "http_sd_configs": [{"url": url, **listed}]}


def _without_jobs(where: Found) -> Parts:
    """Give the second scrape, of what is not about one job: jobs are targets of their own."""
    scrape = _scrape(where)
    return {"job_name": scrape.pop("job_name"), "params": _WITHOUT_JOBS, **scrape}


def _let_in(where: Found) -> Parts:
    """Give what opens the door: scheme, password and certificates."""
    basic_auth = {"username": where.user, "password_file": f"{_FOLDER}/password"}
    tls = {"ca_file": f"{_FOLDER}/ca.pem"}
    if where.is_certificate_asked:
        tls |= {"cert_file": f"{_FOLDER}/client.pem", "key_file": f"{_FOLDER}/client.key"}
    return {
        "scheme": where.scheme,
        **({"basic_auth": basic_auth} if where.user else {}),
        **({"tls_config": tls} if where.is_own_tls else {}),
    }


def _object(where: Found) -> Parts:
    """Give an object of Prometheus Operator: for an address of its own, or for a service of the cluster."""
    version, kind, spec = _scrape_config(where) if where.is_outside else _service_monitor(where)
    return {
        "apiVersion": f"monitoring.coreos.com/{version}",
        "kind": kind,
        "metadata": {"name": _NAME, "labels": {_LABEL: _NAME}},
        "spec": spec,
    }


def _scrape_config(where: Found) -> tuple[str, str, Parts]:
    spec = {
        "jobName": _JOB,
        "scrapeInterval": _INTERVAL,
        "scrapeTimeout": _TIMEOUT,
        "metricsPath": where.prefix + where.telemetry_path,
        "scheme": where.scheme.upper(),  # earlier operators know no others
        **_let_in_by_keys(where),
        "staticConfigs": [{"targets": [where.target]}],
    }
    return "v1alpha1", "ScrapeConfig", spec


def _service_monitor(where: Found) -> tuple[str, str, Parts]:
    endpoint = {
        "port": "http",
        "interval": _INTERVAL,
        "scrapeTimeout": _TIMEOUT,
        "path": where.prefix + where.telemetry_path,
        "scheme": where.scheme,
        **_let_in_by_keys(where),
        "relabelings": [{"targetLabel": "job", "replacement": _JOB}],
    }
    return "v1", "ServiceMonitor", {"selector": {"matchLabels": {_LABEL: _NAME}}, "endpoints": [endpoint]}


def _let_in_by_keys(where: Found) -> Parts:
    def key(name: str) -> Parts:
        return {"name": f"{_NAME}-scrape", "key": name}

    tls: Parts = {"ca": {"secret": key("ca.pem")}}
    if where.is_certificate_asked:
        tls |= {"cert": {"secret": key("client.pem")}, "keySecret": key("client.key")}
    return {
        **({"basicAuth": {"username": key("username"), "password": key("password")}} if where.user else {}),
        **({"tlsConfig": tls} if where.is_own_tls else {}),
    }


def _head(where: Found, needed: Iterator[str]) -> str:
    """Say what is left to do."""
    unsure = [] if where.is_sure else ["systemd passes the socket on: see whether this is its address"]
    if where.target.endswith(":0"):
        unsure.append("port 0 is another one at each start: name one by --web.listen-address")
    if where.is_own_tls and where.target.startswith("localhost:"):
        unsure.append("localhost: write a name of the exporter that its certificate has")
    return "".join(f"# {line}\n" for line in (*unsure, *needed))


def _files(where: Found) -> Iterator[str]:
    if where.user:
        yield f"{_FOLDER}/password: the password of {where.user}, in a file that only Prometheus can read"
    if where.is_own_tls:
        yield f"{_FOLDER}/ca.pem: the certificate of whoever signed the exporter's; take the line out for a public one"
    if where.is_certificate_asked:
        yield f"{_FOLDER}/client.pem, client.key: Prometheus' own certificate, which the exporter asks for"


def _keys(where: Found) -> Iterator[str]:
    names = [
        *(["username", "password"] if where.user else []),
        *(["ca.pem"] if where.is_own_tls else []),
        *(["client.pem", "client.key"] if where.is_certificate_asked else []),
    ]
    if names:
        yield f"The Secret {_NAME}-scrape, in this object's namespace, has the keys {', '.join(names)}"


def _yaml(document: Parts) -> str:
    return str(yaml.safe_dump(document, sort_keys=False, width=120))
