"""A certificate and servers on loopback."""

import ssl
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from programs import Program
from unit.zoho.loopback import Behaviour, Certificate, Server, StartServer


@pytest.fixture(scope="session")
def certificate(program: Program, tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    """Make a certificate that nobody trusts."""
    folder = tmp_path_factory.mktemp("tls")
    made = Certificate(folder / "certificate.pem", tmp_path_factory.mktemp("key") / "key.pem", folder)
    key_options = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", str(made.key)]
    names = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
    openssl = program("openssl")
    command = [openssl, "req", "-x509", "-days", "2", *key_options, *names, "-out", str(made.file)]
    subprocess.run(command, check=True, capture_output=True)
    subprocess.run([openssl, "rehash", str(folder)], check=True, capture_output=True)
    return made


@pytest.fixture
def start_server() -> Iterator[StartServer]:
    """Give a function that starts a server: its behaviours, and `context` for TLS."""
    with ExitStack() as servers:

        def start(*behaviours: Behaviour, context: ssl.SSLContext | None = None) -> Server:
            return servers.enter_context(Server(behaviours, context))

        yield start
