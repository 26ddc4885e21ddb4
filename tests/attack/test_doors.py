"""Attacks on who may come in: a web-config file in pieces, odd paths, foreign pages, certificates."""

import itertools
import os
import ssl
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import bcrypt
import pytest
from attack.attacked import Attacked
from attack.conftest import API_TOKEN
from attack.peer import Call, Peer, Step, answer, error, head, report
from attack.visitors import Visitor, all_at_once, doorstep, login, meanwhile, status_of, trusting
from certificates import Authority, Identity, open_authority
from processes import eventually
from programs import Program

Start = Callable[..., Attacked]

PASSWORD = "the-right-password"
USER = login("prometheus", PASSWORD)
HASH = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()
USERS = f"basic_auth_users:\n  prometheus: {HASH}\n  grafana: {HASH}\n"
TLS = "tls_server_config:\n  cert_file: server.pem\n  key_file: server.key\n  min_version: TLS12\n"
HEADERS = "http_server_config:\n  headers:\n    Strict-Transport-Security: max-age=31536000\n"
RELOADED = "zoho_mass_update_exporter_config_last_reload_successful"

NO_WORD = {
    "empty": "",
    "blank": " \n\n",
    "comment": "# basic_auth_users:\n",
    "empty mapping": "{}\n",
    "document mark": "---\n",
    "null": "null\n",
    "users without value": "basic_auth_users:\n",
    "users null": "basic_auth_users: ~\n",
    "TLS without value": "tls_server_config:\n",
    "both without value": "tls_server_config:\nbasic_auth_users:\n",
    "empty list": "[]\n",
    "NUL bytes": "\0" * 200,
    "byte order mark": "\ufeff",
}
"""Web-config files that say nothing of who may come in."""

SAYS_LESS = {
    "cut after TLS": TLS,
    "cut after headers": TLS + HEADERS,
    "headers alone": HEADERS,
    "TLS and users without value": TLS + "basic_auth_users:\n",
    "two documents": "---\n---\n" + USERS,
    "a word": "basic_auth_users\n",
}
"""Further files that take passwords away without saying so, or that can't be read."""


@dataclass(frozen=True)
class House:
    """An exporter behind TLS and passwords, with its web-config file."""

    exporter: Attacked
    config: Path
    authority: Path

    @property
    def stranger(self) -> Visitor:
        """A client without a password."""
        return Visitor(self.exporter.port, trusting(self.authority))

    @property
    def friend(self) -> Visitor:
        """A client with the right password."""
        return replace(self.stranger, headers=USER)

    def in_place(self, text: str) -> None:
        """Rewrite the web-config file without a second file."""
        self.config.write_text(text, encoding="utf-8")

    def mend(self, text: str) -> None:
        """Put a file in the place of whatever stands there now."""
        if self.config.is_dir():
            self.config.rmdir()
        self.config.unlink(missing_ok=True)
        self.in_place(text)

    def reloaded(self) -> str:
        """Give the value of the reload metric."""
        page = self.friend.ask("/metrics?collect[]=exporter").text
        return next(line.split()[1] for line in page.splitlines() if line.startswith(f"{RELOADED} "))


@pytest.fixture(scope="module")
def authority(program: Program, tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Make an authority that signs for loopback."""
    return open_authority(program("openssl"), tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def identities(authority: Authority) -> tuple[Identity, Identity]:
    """Make the server's certificate and its renewal."""
    return authority.issue("server"), authority.issue("renewed")


@pytest.fixture
def config(tmp_path: Path, identities: tuple[Identity, Identity]) -> Path:
    """Give the place of a web-config file, with the server's certificate beside it."""
    install(tmp_path, identities[0])
    return tmp_path / "web.yml"


@pytest.fixture
def settle(start: Start, config: Path, authority: Authority) -> Callable[..., House]:
    """Give a function that starts an exporter with a web-config file, which may have another name than the usual."""

    def settled(text: str, name: str = "web.yml") -> House:
        file = config.with_name(name)
        file.write_text(text, encoding="utf-8")
        exporter = start(f"--web.config.file={file}", environment={"ZOHO_STATE__PATH": "memory"})
        return House(exporter, file, authority.identity.file)

    return settled


def install(folder: Path, identity: Identity) -> None:
    """Put a certificate and its key where the web-config file looks for them, each in one step."""
    for source, name in ((identity.file, "server.pem"), (identity.key, "server.key")):
        new = folder / f"{name}.new"
        new.write_bytes(source.read_bytes())
        new.replace(folder / name)


def keeps_shut(house: House) -> bool:
    """Say whether a stranger is asked for a password, over TLS, and a friend comes in."""
    return house.stranger.ask("/config").status == 401 and house.friend.ask("/config").status == 200


def test_a1_emptied_web_config_keeps_the_door_shut(settle: Callable[..., House]) -> None:
    """A file that no longer says who may come in changes nothing, which the metric, the log and a reload tell."""
    house = settle(TLS + HEADERS + USERS)
    assert keeps_shut(house)
    for name, text in {**NO_WORD, **SAYS_LESS}.items():
        house.in_place(text)
        assert keeps_shut(house), name
        assert house.friend.ask("/-/reload", "POST").status >= 400, name
        assert house.reloaded() == "0.0", name
        house.in_place(TLS + HEADERS + USERS)
        assert house.friend.ask("/-/reload", "POST").status == 200, name
        assert house.reloaded() == "1.0", name
    assert "web.yml" in house.exporter.log


def gone(path: Path) -> None:
    """Take a file away."""
    path.unlink()


def turned_into_directory(path: Path) -> None:
    """Put a directory in the place of a file."""
    path.unlink()
    path.mkdir()


def left_dangling(path: Path) -> None:
    """Put a link that leads nowhere in the place of a file."""
    path.unlink()
    path.symlink_to("nowhere")


def made_endless(path: Path) -> None:
    """Put a device without an end in the place of a file."""
    path.unlink()
    path.symlink_to("/dev/zero")


def nulled(path: Path) -> None:
    """Put a device that is always empty in the place of a file."""
    path.unlink()
    path.symlink_to(os.devnull)


VANISHED = [gone, turned_into_directory, left_dangling, made_endless, nulled]


def test_a1_vanished_web_config_keeps_the_door_shut(settle: Callable[..., House]) -> None:
    """A web-config file that is no file any more leaves passwords and TLS as they were, and a reload tells."""
    house = settle(TLS + USERS)
    for break_it in VANISHED:
        break_it(house.config)
        assert all(keeps_shut(house) for _ in range(5)), break_it
        assert house.friend.ask("/-/reload", "POST").status >= 400, break_it
        assert house.reloaded() == "0.0", break_it
        house.mend(TLS + USERS)
        assert house.friend.ask("/-/reload", "POST").status == 200, break_it
        assert house.reloaded() == "1.0", break_it


ORDERS = {"TLS first": TLS + USERS, "TLS last": USERS + TLS, "headers": HEADERS + USERS + TLS}
HOUSES_OF_EACH = 2
"""How many exporters share the prefixes of a file: each waits for every version to rest."""


def test_a1_no_prefix_lets_a_stranger_in(settle: Callable[..., House]) -> None:
    """However short a file is while it is written, a stranger is asked for a password, over TLS."""

    def let_in(name: str, first: int) -> list[str]:
        text = ORDERS[name]
        house = settle(text, f"{name}-{first}.yml")
        let_in = []
        for length in range(first, len(text), HOUSES_OF_EACH):
            house.in_place(text[:length])
            if house.stranger.ask("/config").status != 401:
                let_in.append(text[:length][-30:])
        house.in_place(text)
        return let_in if keeps_shut(house) else [*let_in, "the whole file"]

    parts = list(itertools.product(ORDERS, range(HOUSES_OF_EACH)))
    found = all_at_once([partial(let_in, *part) for part in parts])
    assert dict(zip(parts, found, strict=True)) == {part: [] for part in parts}


def test_a1_rewriting_in_place_lets_nobody_in(settle: Callable[..., House]) -> None:
    """While the file is rewritten in place each 10 ms, no stranger comes in and no friend is kept out."""
    text = TLS + HEADERS + USERS
    house = settle(text)
    pauses = itertools.cycle((0.0, 0.002, 0.006))
    seen: list[tuple[int, int]] = []

    def rewrite() -> None:
        with house.config.open("w", encoding="utf-8") as file:
            for part in (text[:90], text[90:200], text[200:]):
                time.sleep(next(pauses))
                file.write(part)
                file.flush()
        time.sleep(0.005)

    until = time.monotonic() + 5
    with meanwhile(rewrite), meanwhile(lambda: seen.append((401, house.stranger.ask("/metrics").status)), threads=2):
        while time.monotonic() < until:
            seen.append((200, house.friend.ask("/config").status))
    assert len(seen) > 50
    assert [pair for pair in seen if pair[0] != pair[1]] == []


def test_a1_explicit_word_opens_the_door(settle: Callable[..., House]) -> None:
    """An empty mapping of users that is written out ends the passwords; TLS stays until a restart."""
    house = settle(TLS + USERS)
    house.in_place(TLS + "basic_auth_users: {}\n")
    eventually(lambda: house.stranger.ask("/config").status == 200, "the explicit word is not heard")
    house.in_place(TLS + USERS)
    eventually(lambda: keeps_shut(house), "the door does not shut again")


def test_a1_tls_comes_only_with_a_restart(settle: Callable[..., House]) -> None:
    """A server that began without TLS goes on without it, with the passwords of the new file or of the old."""
    house = settle(USERS)
    house.in_place(TLS + USERS)
    plain = Visitor(house.exporter.port)
    assert [plain.ask("/config").status for _ in range(3)] == [401] * 3
    assert replace(plain, headers=USER).ask("/config").status == 200


def test_a1_start_without_a_word_is_refused(build: list[str], peer: Peer, tmp_path: Path) -> None:
    """A start with a file that says nothing ends with status 2, and tells what to write for an open door."""
    for number, text in enumerate(NO_WORD.values()):
        (tmp_path / f"web-{number}.yml").write_text(text, encoding="utf-8")
    step = doorstep(build, peer, tmp_path)
    files = [f"--web.config.file=web-{number}.yml" for number in range(len(NO_WORD))]
    with ThreadPoolExecutor(2) as pool:
        ends = list(pool.map(step.run, files))
    assert {name: end.status for name, end in zip(NO_WORD, ends, strict=True)} == dict.fromkeys(NO_WORD, 2)
    assert "basic_auth_users: {}" in ends[0].log


PATHS = ("/config", "/metrics", "/api/v1/jobs", "/api/v1/jobs/acme/Leads/1", "/sd/jobs", "/-/reload")
CODES = (
    "0a",
    "0d",
    "0d%0a",
    "00",
    "09",
    "0b",
    "1f",
    "7f",
    "20",
    "c2%85",
    "e2%80%a8",
    "e2%80%8b",
    "ff",
    "c0%af",
    "u000a",
)
ODD = (
    *(f"{{path}}%{code}" for code in CODES),
    *("{path}%0a?x=1", "{path}%0a%0a", "/%0a{path}", "{path}%0aX-Y:%20z", "{path}%250a", "{path}%", "{path}%zz"),
    *("{path}/", "/{path}", "/.{path}", "/x/..{path}", "/%2e{path}", "/x/%2e%2e{path}", "{path}/.", "{path}/%2e"),
    *(
        "{path};",
        "{path};x=y",
        "{path}%3b",
        "{path}%3fx=y",
        "{path}%23",
        "{path}%2f",
        "{path}\\",
        "\\{path}",
        "{path}%5c",
    ),
    *("{path}.html", "{path}*", "{upper}", "/-/healthy/..{path}", "/-/healthy%2f..{path}"),
    *("/-/healthy%0a{path}", "/-/healthy;{path}", "{path}%00/-/healthy", "{path}%3f/-/healthy", "{path}%0a/-/healthy"),
)
"""What a proxy that forbids a path does not take for that path."""


def odd(path: str) -> list[str]:
    """Give a path in all odd spellings."""
    return [text.format(path=path, upper=path.upper()) for text in ODD]


def test_a2_odd_paths_lead_nowhere(start: Start) -> None:
    """A path that is not exactly one of ours is refused, so that what a proxy forbids by its path stays forbidden."""
    visitor = Visitor(start(environment={"ZOHO_JOBS": "Leads/1"}).port)
    assert {path: knock(visitor, path, path) for path in PATHS} == dict.fromkeys(PATHS, 200)
    before = reload_time(visitor)
    statuses = {(path, target): knock(visitor, path, target) for path in PATHS for target in odd(path)}
    assert {target: status for target, status in statuses.items() if not 400 <= status < 500} == {}
    assert reload_time(visitor) == before


def test_a2_escaped_letters_lead_nowhere(start: Start) -> None:
    """A path whose plain letters are escaped is not exactly one of ours."""
    visitor = Visitor(start(environment={"ZOHO_JOBS": "Leads/1"}).port)
    escaped = [
        (path, f"{path[:at]}%{ord(path[at]):02x}{path[at + 1 :]}") for path in PATHS for at in (1, len(path) - 1)
    ]
    assert {target: knock(visitor, *target) for target in escaped} == dict.fromkeys(escaped, 404)


def knock(visitor: Visitor, path: str, target: str) -> int:
    """Ask for a spelling of a path, byte by byte as it stands, and give the status."""
    method = "POST" if path == "/-/reload" else "GET"
    headers = f"Host: exporter\r\nAuthorization: Bearer {API_TOKEN}\r\nContent-Length: 0\r\nConnection: close"
    return status_of(visitor.send(f"{method} {target} HTTP/1.1\r\n{headers}\r\n\r\n".encode()))


def reload_time(visitor: Visitor) -> str:
    """Give the sample that tells when the configuration was loaded."""
    name = "zoho_mass_update_exporter_config_last_reload_success_timestamp_seconds"
    page = visitor.ask("/metrics?collect[]=exporter").text
    return next(line for line in page.splitlines() if line.startswith(f"{name} "))


def test_a2_odd_paths_get_past_no_password(settle: Callable[..., House]) -> None:
    """Nothing but the exact health checks is answered without a password, however a path begins or ends."""
    house = settle(TLS + USERS)
    for target in ("/config", *odd("/config")):
        assert 400 <= knock(house.stranger, "/config", target) < 500, target


PROBE = "/probe?crm_module={module}&job_id={job_id}"
FOREIGN: list[dict[str, str]] = [
    {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image"},
    {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe"},
    {"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "cors"},
    {"Origin": "https://evil.example"},
    {"Origin": "null"},
    {"Origin": "http://127.0.0.1:1"},
    {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"},
]
OWN: list[dict[str, str]] = [
    {},
    {"Sec-Fetch-Site": "none", "Sec-Fetch-Mode": "navigate"},
    {"Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "cors"},
]


def test_a6_foreign_page_probes_nothing(start: Start, peer: Peer) -> None:
    """What a page of somebody else makes a browser ask costs no credit; Prometheus and a person's own browser may."""
    visitor = Visitor(start().port)
    for number, headers in enumerate(FOREIGN):
        for more in ("", "&debug=true"):
            refused = visitor.ask(PROBE.format(module="Leads", job_id=1000 + number) + more, headers=headers)
            assert 400 <= refused.status < 500, headers
    assert peer.calls == []
    for number, headers in enumerate(OWN):
        assert visitor.ask(PROBE.format(module="Leads", job_id=2000 + number), headers=headers).status == 200, headers
    assert len(peer.polls) == len(OWN)


def status(visitor: Visitor, path: str) -> int:
    """Ask for a path and give the status."""
    return visitor.ask(path).status


UNKNOWN = {
    "204": head("204 No Content"),
    "404": answer(error("NOT_FOUND"), "404 Not Found"),
    "400": answer(error("INVALID_DATA", details={"api_name": "job_id"}), "400 Bad Request"),
    "no data": answer({"data": []}),
}
"""Ways in which Zoho says that there is no such job."""


def unknown_but(known: set[str], shape: str) -> Callable[[Call], list[Step]]:
    """Give a script for a Zoho that knows some jobs only."""
    return lambda call: [answer(report(updated=1)) if call.job_id in known else UNKNOWN[shape]]


@pytest.mark.parametrize("exists", [False, True], ids=["unknown", "known"])
def test_a6_probes_spend_at_most_a_quarter(start: Start, peer: Peer, *, exists: bool) -> None:
    """However many ids are made up, and at once, most of the budget is left to the jobs that are watched."""
    if not exists:
        peer.status = unknown_but({"1"}, "204")
    environment = {"ZOHO_JOBS": "Leads/1", "ZOHO_DAILY_CREDIT_BUDGET": "40", "ZOHO_MAX_PROBED_JOBS": "1000"}
    exporter = start(environment=environment)
    visitor = Visitor(exporter.port)
    probes = [PROBE.format(module="Leads", job_id=job_id) for job_id in range(5000, 5080)]
    statuses = all_at_once([partial(status, visitor, path) for path in probes[:20]])
    statuses += [visitor.ask(path).status for path in probes]
    assert set(statuses) <= {200, 429, 503}
    assert 0 < sum(call.job_id != "1" for call in peer.polls) <= 10
    assert exporter.scrape().by_job("updated_records").get("1") == 1


@pytest.mark.parametrize("shape", UNKNOWN)
def test_a6_unknown_probed_jobs_cost_nothing_further(start: Start, peer: Peer, shape: str) -> None:
    """A job that only a probe asked for and Zoho does not know is polled when it is probed, never by a scrape."""
    peer.status = unknown_but({"1"}, shape)
    refusals = {"ZOHO_SCHEDULE__REFUSAL_SHORTEST": "0s", "ZOHO_SCHEDULE__REFUSAL_LONGEST": "0s"}
    exporter = start(environment={"ZOHO_JOBS": "Leads/1", **refusals})
    visitor = Visitor(exporter.port)
    for job_id in range(5000, 5010):
        assert visitor.ask(PROBE.format(module="Leads", job_id=job_id)).status == 200
    spent = len(peer.polls)
    for _ in range(4):
        exporter.scrape()
    assert peer.asked("1") >= 4
    assert len(peer.polls) - peer.asked("1") == spent
    visitor.ask(PROBE.format(module="Leads", job_id=5000))
    assert peer.asked("5000") == 2


def test_a6_made_up_modules_make_no_series(start: Start, peer: Peer) -> None:
    """Modules that somebody made up leave nothing on the page but, at most, what stands for each probed job."""
    shapes = list(UNKNOWN.values())
    peer.status = lambda call: [shapes[int(call.job_id) % len(shapes)] if call.module != "Leads" else answer(report())]
    exporter = start(environment={"ZOHO_JOBS": "Leads/1", "ZOHO_MAX_PROBED_JOBS": "20"})
    visitor = Visitor(exporter.port)
    probes = [PROBE.format(module=f"Made_Up_{number}", job_id=7000 + number) for number in range(120)]
    for number in range(0, 120, 20):
        all_at_once([partial(status, visitor, path) for path in probes[number : number + 20]])
    samples = exporter.scrape().samples
    made_up = [dict(labels) for _, labels in samples if dict(labels).get("module", "").startswith("Made_Up")]
    assert [labels for labels in made_up if "job_id" not in labels] == []
    assert len({labels["job_id"] for labels in made_up}) <= 20
    assert len(samples) < 1500


@pytest.mark.parametrize("shape", UNKNOWN)
def test_a6_unknown_jobs_make_room_for_new_probes(start: Start, peer: Peer, shape: str) -> None:
    """Made-up ids lock nobody out: the first to make room is a job that Zoho does not know, never one it knows."""
    peer.status = unknown_but({str(job_id) for job_id in range(100)}, shape)
    visitor = Visitor(start(environment={"ZOHO_MAX_PROBED_JOBS": "10"}).port)
    for job_id in (*range(5), *range(5000, 5030)):
        visitor.ask(PROBE.format(module="Leads", job_id=job_id))
    for job_id in (*range(5, 10), *range(5)):
        probed = visitor.ask(PROBE.format(module="Leads", job_id=job_id))
        assert probed.status == 200, job_id
        assert "zoho_mass_update_probe_success 1.0" in probed.text, job_id
    assert [peer.asked(str(job_id)) >= 1 for job_id in range(10)] == [True] * 10


BREAKS: dict[str, Callable[[Path], object]] = {
    "nonsense": lambda path: path.write_text("basic_auth_users: [\n"),
    "empty": lambda path: path.write_text(""),
    "unknown key": lambda path: path.write_text(TLS + USERS + "nobody_knows: 1\n"),
    "no such certificate": lambda path: path.write_text(TLS.replace("server.pem", "none.pem") + USERS),
    "gone": gone,
}


def test_a11_renewed_certificate_is_served_beside_a_broken_file(
    settle: Callable[..., House], identities: tuple[Identity, Identity]
) -> None:
    """A certificate that is renewed is served, whatever has become of the web-config file; the door stays shut."""
    house = settle(TLS + USERS)
    assert subject(house) == "server"
    renewals = itertools.cycle([(identities[1], "renewed"), (identities[0], "server")])
    for way, is_file_first in itertools.product(BREAKS, (True, False)):
        renewal, name = next(renewals)
        steps: list[Callable[[], object]] = [
            partial(BREAKS[way], house.config),
            partial(install, house.config.parent, renewal),
        ]
        for step in steps if is_file_first else reversed(steps):
            step()
            assert keeps_shut(house), way
        eventually(lambda name=name: subject(house) == name, f"{way}: the old certificate stays")  # type: ignore[misc]
        assert keeps_shut(house), way
        house.mend(TLS + USERS)
        assert house.friend.ask("/-/reload", "POST").status == 200, way


def test_a11_half_renewed_certificate_waits_for_its_key(
    settle: Callable[..., House], identities: tuple[Identity, Identity]
) -> None:
    """Beside a broken file a certificate without its key is not taken, and both are once the key is there."""
    house = settle(TLS + USERS)
    house.in_place("")
    folder = house.config.parent
    (folder / "server.pem").write_bytes(identities[1].file.read_bytes())
    assert keeps_shut(house)
    assert subject(house) == "server"
    (folder / "server.key").write_bytes(identities[1].key.read_bytes())
    eventually(lambda: subject(house) == "renewed", "the old certificate stays")
    house.in_place(TLS + USERS)
    assert keeps_shut(house)
    assert house.reloaded() == "1.0"


def subject(house: House) -> str:
    """Give the name in the certificate that a new connection is shown."""
    context = house.stranger.tls
    assert context is not None
    with house.stranger.connected() as connection:
        assert isinstance(connection, ssl.SSLSocket)
        certificate: dict[str, Any] = connection.getpeercert() or {}
    return str(dict(pair for (pair,) in certificate["subject"])["commonName"])
