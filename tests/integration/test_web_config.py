"""Who may come in, as real clients see it: curl and Prometheus over TLS, with certificates and passwords."""

import re
import signal
import socket
import ssl
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import bcrypt
import pytest
import requests
from certificates import Authority, Identity, open_authority
from journey import Exporter, Prometheus
from processes import bare_environment, eventually, exporter_command
from programs import Program

from exporter.settings.web_config import read_web_config
from exporter.web.guard import WebConfig

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "web-config.md"
TLS = "tls_server_config: {{cert_file: server.pem, key_file: server.key{more}}}\n"
CLIENTS = ", client_ca_file: authority.pem, client_auth_type: "
STRICT = """\
http_server_config:
  headers:
    X-Frame-Options: sameorigin
tls_server_config:
  cert_file: server.pem
  key_file: server.key
  client_auth_type: RequireAndVerifyClientCert
  client_ca_file: authority.pem
  min_version: TLS13
"""
BROKEN = "the web-config file can't be used, the last good one stays in force"
WRONG_TLS, NO_ANSWER, CUT_OFF = 35, 52, 56
"""curl's exit codes: the handshake failed, nothing came back, the connection broke."""
REFUSED = {WRONG_TLS, NO_ANSWER, CUT_OFF}


@dataclass(frozen=True)
class Answer:
    """What curl says: its exit code, and the status of the answer."""

    code: int
    status: str


@pytest.fixture(scope="module")
def authority(program: Program, tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Make an authority."""
    return open_authority(program("openssl"), tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def server(authority: Authority) -> Identity:
    """Make the server's certificate."""
    return authority.issue("server")


@pytest.fixture(scope="module")
def client(authority: Authority) -> Identity:
    """Make a client's certificate that the server trusts."""
    return authority.issue("client", "DNS:prometheus.example.org")


@pytest.fixture
def web_config(authority: Authority, server: Identity, tmp_path: Path) -> Callable[[str], Path]:
    """Give a function that writes a web-config file beside the server's certificate and the authority's."""
    for file in (authority.identity.file, server.file, server.key):
        (tmp_path / file.name).write_bytes(file.read_bytes())

    def write(text: str) -> Path:
        new = tmp_path / "web.new"
        new.write_text(text, encoding="utf-8")
        return new.replace(tmp_path / "web.yml")

    return write


Start = Callable[[str], Exporter]


@pytest.fixture
def start(web_config: Callable[[str], Path], start_exporter: Callable[..., Exporter]) -> Start:
    """Give a function that starts an exporter with a web-config file."""
    return lambda text: start_exporter(web__config_file=str(web_config(text)))


Curl = Callable[..., Answer]


@pytest.fixture
def curl(program: Program, authority: Authority) -> Curl:
    """Give a function that asks an exporter over TLS, and trusts the authority."""

    def ask(exporter: Exporter, *options: str, path: str = "/metrics", scheme: str = "https") -> Answer:
        url = exporter.url.replace("http", scheme) + path
        trust = ("--cacert", str(authority.identity.file), "--output", "/dev/null", "--write-out", "%{http_code}")
        command = [program("curl"), "--silent", "--max-time", "30", *trust, *options, url]
        ended = subprocess.run(command, env=bare_environment(), capture_output=True, text=True, check=False)
        return Answer(ended.returncode, ended.stdout)

    return ask


OK = Answer(0, "200")


def shown(identity: Identity) -> tuple[str, ...]:
    """Give curl's options that show a certificate."""
    return ("--cert", str(identity.file), "--key", str(identity.key))


def hashed(password: str) -> str:
    """Hash a password for the file."""
    return bcrypt.hashpw(password.encode(), bcrypt.gensalt(4)).decode()


def test_tls_is_spoken_and_nothing_else(start: Start, curl: Curl) -> None:
    """Who trusts the authority reads the metrics; plain HTTP is told so."""
    exporter = start(TLS.format(more=""))
    assert curl(exporter) == OK
    assert curl(exporter, "--http2") == OK
    assert curl(exporter, "--tls-max", "1.2") == OK
    assert curl(exporter, scheme="http") == Answer(0, "400")


def test_command_that_asks_in_the_wrong_scheme_is_told_the_right_one(
    start: Start, start_exporter: Callable[..., Exporter]
) -> None:
    """With http:// to what speaks TLS, and with https:// to what does not."""
    secure, plain = start(TLS.format(more="")), start_exporter()
    asked = {
        secure.url: "it speaks TLS (HTTP 400): ask with https:// instead",
        plain.url.replace("http:", "https:"): "does not speak TLS: ask with http:// instead",
    }
    for url, told in asked.items():
        for words in (("jobs",), ("status", "acme/Leads/7"), ("history", "acme/Leads/7"), ("track", "acme/Leads/7")):
            command = exporter_command(*words, f"--exporter.url={url}")
            ended = subprocess.run(command, env=bare_environment(), capture_output=True, text=True, check=False)
            assert (ended.returncode > 0, ended.stdout) == (True, "")
            assert ended.stderr.endswith(f"{told}\n")


@pytest.mark.parametrize(
    ("more", "good", "bad"),
    [
        pytest.param(", min_version: TLS13", (), ("--tls-max", "1.2"), id="version too old"),
        pytest.param(", max_version: TLS12", (), ("--tlsv1.3",), id="version too new"),
        pytest.param(
            ", cipher_suites: [TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384]",
            ("--tls-max", "1.2", "--ciphers", "ECDHE-ECDSA-AES256-GCM-SHA384"),
            ("--tls-max", "1.2", "--ciphers", "ECDHE-ECDSA-AES128-GCM-SHA256"),
            id="suite",
        ),
        pytest.param(", curve_preferences: [CurveP384]", ("--curves", "P-384"), ("--curves", "X25519"), id="curve"),
    ],
)
def test_what_tls_may_be_is_kept_to(
    start: Start, curl: Curl, more: str, good: tuple[str, ...], bad: tuple[str, ...]
) -> None:
    """A client that can do no other is refused in the handshake."""
    exporter = start(TLS.format(more=more))
    assert curl(exporter, *good) == OK
    assert curl(exporter, *bad).code == WRONG_TLS


def test_certificate_of_the_client_is_required(
    start: Start, curl: Curl, client: Identity, authority: Authority, tmp_path: Path
) -> None:
    """None, and one of another authority, are refused; health checks are no exception."""
    exporter = start(TLS.format(more=f"{CLIENTS}RequireAndVerifyClientCert"))
    other = open_authority(authority.openssl, tmp_path, "stranger").issue("other")
    assert curl(exporter, *shown(client)) == OK
    assert curl(exporter).code in REFUSED
    assert curl(exporter, *shown(other)).code in REFUSED
    assert curl(exporter, path="/-/healthy").code in REFUSED


def test_certificate_of_the_client_is_verified_if_given(
    start: Start, curl: Curl, client: Identity, authority: Authority, tmp_path: Path
) -> None:
    """None will do, one of another authority will not."""
    exporter = start(TLS.format(more=f"{CLIENTS}VerifyClientCertIfGiven"))
    other = open_authority(authority.openssl, tmp_path, "stranger").issue("other")
    assert curl(exporter) == OK
    assert curl(exporter, *shown(client)) == OK
    assert curl(exporter, *shown(other)).code in REFUSED


def test_certificate_of_the_client_needs_an_allowed_name(
    start: Start, curl: Curl, client: Identity, authority: Authority
) -> None:
    """One of the same authority with another name is refused."""
    names = "RequireAndVerifyClientCert, client_allowed_sans: [prometheus.example.org]"
    exporter = start(TLS.format(more=CLIENTS + names))
    other = authority.issue("neighbour", "DNS:grafana.example.org")
    assert curl(exporter, *shown(client)) == OK
    assert curl(exporter, *shown(other)).code in REFUSED


def test_password_is_asked_for(start: Start, curl: Curl) -> None:
    """Over TLS, of everybody but of health checks."""
    exporter = start(f"{TLS.format(more='')}basic_auth_users: {{alice: {hashed('right')}}}")
    assert curl(exporter, "--user", "alice:right") == OK
    assert curl(exporter, "--user", "alice:wrong") == Answer(0, "401")
    assert curl(exporter) == Answer(0, "401")
    assert curl(exporter, path="/-/healthy") == OK


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("basic_auth_users: {}", id="neither"),
        pytest.param(TLS.format(more=""), id="TLS"),
        pytest.param(TLS.format(more=f"{CLIENTS}RequireAndVerifyClientCert"), id="client certificates"),
        pytest.param(f"basic_auth_users: {{alice: {hashed('right')}}}", id="password"),
    ],
)
def test_the_images_health_check_passes(start: Start, text: str) -> None:
    """Whatever the file asks for, and at whatever port."""
    assert health(start(text).url.removeprefix("http://")) == (0, "")


def test_the_images_health_check_fails_where_nobody_answers() -> None:
    """Neither a closed port nor a program that hangs is healthy."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        assert health(address) == (1, "")
    assert health(address) == (1, "")


def health(address: str) -> tuple[int, str]:
    """Give the exit status of the image's health check, and what it says, for an exporter at an address."""
    environment = bare_environment(ZOHO_WEB__LISTEN_ADDRESS=address)
    check = ROOT / "deploy" / "image" / "healthy.py"
    ended = subprocess.run([sys.executable, check], env=environment, capture_output=True, text=True, check=False)
    return ended.returncode, ended.stdout + ended.stderr


def test_changed_users_count_at_the_next_request(start: Start, curl: Curl, web_config: Callable[[str], Path]) -> None:
    """Without a restart the new password is asked for, and the old one is refused."""
    exporter = start(f"basic_auth_users: {{alice: {hashed('old')}}}")
    assert curl(exporter, "--user", "alice:old", scheme="http") == OK
    web_config(f"basic_auth_users: {{alice: {hashed('new')}}}")
    assert curl(exporter, "--user", "alice:new", scheme="http") == OK
    assert curl(exporter, "--user", "alice:old", scheme="http") == Answer(0, "401")


def test_tls_comes_with_a_restart(start: Start, curl: Curl, web_config: Callable[[str], Path]) -> None:
    """A file that is half written would cut off clients, or let them in; it is told and changes nothing."""
    exporter = start(f"basic_auth_users: {{alice: {hashed('right')}}}")
    web_config(f"{TLS.format(more='')}basic_auth_users: {{alice: {hashed('right')}}}")
    assert curl(exporter, "--user", "alice:right", scheme="http") == OK
    assert "TLS goes on or off at a start only" in str(exporter.running.log_event(BROKEN)["problems"])


def test_file_that_is_cut_off_anywhere_weakens_nothing(web_config: Callable[[str], Path]) -> None:
    """Wherever a disk is full or a write has stopped: TLS, passwords and the clients' certificates stay asked for."""
    whole = f"{STRICT}basic_auth_users:\n  alice: {hashed('a')}\n  bob: {hashed('b')}\n"
    file = web_config(whole)
    config = WebConfig(file, read_web_config)
    before = config.tls, config.access.headers
    for length in range(len(whole)):
        file.write_text(whole[:length], encoding="utf-8")
        config.look(lambda _: None)
        assert (config.tls, config.access.headers) == before, whole[:length]
        assert "alice" in config.access.users, whole[:length]


def test_renewed_certificate_is_shown_at_the_next_connection(
    start: Start, authority: Authority, server: Identity, tmp_path: Path
) -> None:
    """The certificate that clients see is the one that lies there."""
    exporter = start(TLS.format(more=""))
    host, _, port = exporter.url.removeprefix("http://").partition(":")
    assert ssl.get_server_certificate((host, int(port)), timeout=30) == _first_of(server.file)
    renewed = authority.issue("renewed")
    (tmp_path / "server.key").write_bytes(renewed.key.read_bytes())
    (tmp_path / "server.pem").write_bytes(renewed.file.read_bytes())
    assert ssl.get_server_certificate((host, int(port)), timeout=30) == _first_of(renewed.file)


def _first_of(file: Path) -> str:
    return ssl.DER_cert_to_PEM_cert(ssl.PEM_cert_to_DER_cert(file.read_text()))


def test_broken_file_keeps_the_last_good_one(start: Start, curl: Curl, web_config: Callable[[str], Path]) -> None:
    """One line of the log says what is wrong, without the hash."""
    exporter = start(f"basic_auth_users: {{alice: {hashed('right')}}}")
    secret = hashed("half")[:-4]
    web_config(f"basic_auth_users: {{alice: {secret}}}")
    for _ in range(2):
        assert curl(exporter, "--user", "alice:right", scheme="http") == OK
    assert "web.yml:1: basic_auth_users: is not a bcrypt hash" in str(exporter.running.log_event(BROKEN))
    assert "".join(exporter.running.stderr).count(BROKEN) == 1
    assert secret not in "".join(exporter.running.stderr)


def test_broken_file_is_a_failed_reload(start: Start, web_config: Callable[[str], Path]) -> None:
    """The answer to a reload, and the metric that alerts stand on, say so until the file is right again."""
    exporter = start("basic_auth_users: {}")
    name = "zoho_mass_update_exporter_config_last_reload_successful"
    assert f"{name} 1.0" in exporter.page()
    web_config("basic_auth_users: []")
    assert f"{name} 0.0" in exporter.page()
    answer = requests.post(f"{exporter.url}/-/reload", timeout=10)
    assert answer.status_code == 500
    assert "web.yml:1: basic_auth_users: expected a mapping" in answer.text
    web_config("")
    assert f"{name} 0.0" in exporter.page()
    web_config("basic_auth_users: {}")
    assert f"{name} 1.0" in exporter.page()


def test_token_of_the_api_needs_no_password_beside_it(
    web_config: Callable[[str], Path], start_exporter: Callable[..., Exporter], curl: Curl, tmp_path: Path
) -> None:
    """A request has room for one login; users come in by their passwords, to the API too."""
    (tmp_path / "token").write_text("swordfish")
    file = web_config(f"basic_auth_users: {{alice: {hashed('right')}}}")
    exporter = start_exporter(web__config_file=str(file), web__api_token_file=str(tmp_path / "token"))
    logins: dict[str, tuple[str, ...]] = {
        "token": ("--header", "Authorization: Bearer swordfish"),
        "password": ("--user", "alice:right"),
        "wrong token": ("--header", "Authorization: Bearer sword"),
        "token as password": ("--user", "alice:swordfish"),
        "none": (),
    }
    answers = {name: curl(exporter, *login, path="/api/v1/jobs", scheme="http") for name, login in logins.items()}
    assert {name for name, answer in answers.items() if answer == OK} == {"token", "password"}
    assert {name for name, answer in answers.items() if answer.status == "401"} == logins.keys() - {"token", "password"}
    elsewhere = {name: curl(exporter, *login, path="/config", scheme="http") for name, login in logins.items()}
    assert {name for name, answer in elsewhere.items() if answer == OK} == {"password"}


def test_stop_waits_for_no_silent_client(start: Start, curl: Curl) -> None:
    """One that has not begun its handshake is left at once."""
    exporter = start(TLS.format(more=""))
    host, _, port = exporter.url.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port)), timeout=30) as silent:
        assert curl(exporter) == OK
        assert exporter.running.stop() == 0
        assert silent.recv(1) == b""
    assert "graceful shutdown exceeded" not in "".join(exporter.running.stderr)


def test_check_tells_what_is_wrong_with_the_file(web_config: Callable[[str], Path], tmp_path: Path) -> None:
    """The certificates are read too, and the exit status says so."""
    file = web_config("tls_server_config: {cert_file: server.pem, key_file: gone.key}")
    account = {"ZOHO_CLIENT_ID": "1000.A", "ZOHO_CLIENT_SECRET": "s", "ZOHO_REFRESH_TOKEN": "r"}
    environment = bare_environment(**account, ZOHO_DATA_CENTER="us", ZOHO_JOBS="Leads/1")
    command = exporter_command("check", "--web.config.file=web.yml")
    ended = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert ended.returncode == 2
    assert 'web.yml: tls_server_config.key_file: "gone.key" does not exist' in ended.stderr
    file.write_text(TLS.format(more=""), encoding="utf-8")
    assert subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, check=False).returncode == 0


def _example(number: int) -> str:
    return PAGE.read_text(encoding="utf-8").split("```yaml\n")[number].split("```", maxsplit=1)[0]


def test_example_of_the_page_is_right(program: Program, web_config: Callable[[str], Path], tmp_path: Path) -> None:
    """Prometheus' own checker accepts it, and so do we."""
    (tmp_path / "clients.pem").write_bytes((tmp_path / "authority.pem").read_bytes())
    file = web_config(_example(1))
    command = [program("promtool"), "check", "web-config", str(file)]
    subprocess.run(command, check=True, capture_output=True)
    assert list(read_web_config(file).users) == ["prometheus"]


def test_prometheus_scrapes_as_the_page_says(
    start: Start,
    start_prometheus: Callable[..., Prometheus],
    authority: Authority,
    client: Identity,
    tmp_path: Path,
) -> None:
    """Over TLS, with its certificate and its password; with another password it is refused."""
    (tmp_path / "clients.pem").write_bytes((tmp_path / "authority.pem").read_bytes())
    exporter = start(re.sub(r"\$2y\S+", hashed("right"), _example(1)))
    (tmp_path / "password").write_text("right")
    paths = {
        "/etc/prometheus/zoho-exporter-password": tmp_path / "password",
        "/etc/prometheus/ca.pem": authority.identity.file,
        "/etc/prometheus/client.pem": client.file,
        "/etc/prometheus/client.key": client.key,
        "exporter:10042": exporter.url.removeprefix("http://"),
    }
    config = _example(2)
    for there, here in paths.items():
        assert there in config
        config = config.replace(there, str(here))
    wrong = config.partition("\n")[2].replace("zoho-mass-updates", "wrong").replace(f"{tmp_path}/password", "/dev/null")
    whole = f"global: {{scrape_interval: 1s, scrape_timeout: 1s}}\n{config}{wrong}"
    prometheus = start_prometheus(exporter, whole.replace("{", "{{").replace("}", "}}"))
    prometheus.wait_for('up{job="zoho-mass-updates"}', 1)
    prometheus.wait_for('up{job="wrong"}', 0)
    prometheus.wait_for("count(zoho_mass_update_exporter_build_info)", 1)


def test_certificate_that_expires_soon_is_told(authority: Authority, start: Start) -> None:
    """At the start, and again at each reload."""
    own = authority.issue("server", "IP:127.0.0.1", "-days", "3")
    exporter = start(f"tls_server_config: {{cert_file: {own.file}, key_file: {own.key}}}\n")
    for times in (1, 2):
        told = f"{times} lines that tell of the certificate"
        eventually(lambda: "".join(exporter.running.stderr).count("expires soon, at") == times, told)  # noqa: B023
        exporter.running.process.send_signal(signal.SIGHUP)
