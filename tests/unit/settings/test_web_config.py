"""The web-config file: what it may say, and the exact words of each refusal."""

import re
import ssl
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import settings as trials
from hypothesis import strategies as st

from exporter.access import TlsServer, WebAccess
from exporter.errors import ConfigurationError
from exporter.settings.web_config import HttpSection, RateLimitSection, TlsSection, WebConfigFile, read_web_config

HASH = "$2y$10$It3z3gq3g361Uqzp36Dbnu4p1mL.PVjWzXZj870S.BGSVCiSR2R8y"
TLS = "tls_server_config:\n  cert_file: c.pem\n  key_file: k.pem\n"
_UNVERIFIED = (
    "is not possible: Python's TLS asks for a client's certificate only to verify it; use VerifyClientCertIfGiven or"
    " RequireAndVerifyClientCert with client_ca_file"
)
_INLINE = "is no text in PEM, which has a line that begins with -----BEGIN"
_NO_BURST = "rate_limit.burst: is 0, which lets in no request at all: write 1 or more, or set interval: 0"
_OF_TLS = (
    "cert_file, key_file, client_ca_file, client_auth_type, client_allowed_sans, min_version, max_version,"
    " cipher_suites, prefer_server_cipher_suites, curve_preferences, cert, key, client_ca"
)

_A_HEADER = (
    "is not a header that may be set here; known: Content-Security-Policy, X-Frame-Options, X-Content-Type-Options,"
    " X-XSS-Protection, Strict-Transport-Security"
)
_AT_TOP = "known: tls_server_config, http_server_config, basic_auth_users, rate_limit"

Read = Callable[[str], WebAccess]


@pytest.fixture
def read(tmp_path: Path) -> Read:
    """Give a function that reads a file's text."""

    def read_text(text: str) -> WebAccess:
        file = tmp_path / "web.yml"
        file.write_text(text, encoding="utf-8")
        return read_web_config(file)

    return read_text


@pytest.mark.parametrize("text", ["basic_auth_users: {}", "{http_server_config: {http2: no}}"])
def test_file_that_asks_for_nothing_keeps_nobody_out(read: Read, text: str) -> None:
    """Where it says so, or says something else."""
    assert read(text) == WebAccess()


@pytest.mark.parametrize(
    "text",
    ["", " \n", "# users\n", "\ufeff", "---\n", "--- # users\n...\n", "~", "null\n", "{}", "http_server_config: {}"],
)
def test_file_that_says_nothing_is_refused(read: Read, tmp_path: Path, text: str) -> None:
    """It may be a file that is being written, and was one that keeps somebody out."""
    with pytest.raises(ConfigurationError) as caught:
        read(text)
    advice = "write basic_auth_users: {} to ask nobody, or leave out --web.config.file"
    assert str(caught.value) == f"{tmp_path}/web.yml: says nothing of who may come in: {advice}"


def test_tls_is_of_version_1_2_or_newer_unless_more_is_said(read: Read, tmp_path: Path) -> None:
    """Certificate and key are enough; their paths start from the file's directory."""
    tls = read(TLS.replace("k.pem", "/keys/k.pem")).tls
    assert tls == TlsServer(cert_file=tmp_path / "c.pem", key_file=Path("/keys/k.pem"))
    assert (tls.min_version, tls.max_version) == (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3)
    assert (tls.client_certificates, tls.files) == (ssl.CERT_NONE, (tmp_path / "c.pem", Path("/keys/k.pem")))


def test_every_key_of_tls_is_understood(read: Read, tmp_path: Path) -> None:
    """Go's words become OpenSSL's."""
    text = (
        "  client_ca_file: ca.pem\n  client_auth_type: RequireAndVerifyClientCert\n"
        "  client_allowed_sans: [prometheus.example.org, 10.0.0.1]\n  min_version: TLS12\n  max_version: TLS12\n"
        "  cipher_suites: [TLS_AES_128_GCM_SHA256, TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256]\n"
        "  prefer_server_cipher_suites: false\n  curve_preferences: [CurveP384]\n"
    )
    assert read(TLS + text).tls == TlsServer(
        cert_file=tmp_path / "c.pem",
        key_file=tmp_path / "k.pem",
        client_ca_file=tmp_path / "ca.pem",
        client_certificates=ssl.CERT_REQUIRED,
        client_allowed_sans=("prometheus.example.org", "10.0.0.1"),
        max_version=ssl.TLSVersion.TLSv1_2,
        ciphers=("ECDHE-RSA-CHACHA20-POLY1305",),
        prefers_own_ciphers=False,
        curve="secp384r1",
    )


@pytest.mark.parametrize(
    ("text", "held"),
    [
        ("min_version: TLS10", "TLSv1_2"),
        ("min_version: TLS11", "TLSv1_2"),
        ("min_version: TLS13", "TLSv1_3"),
        ("curve_preferences: [X25519, CurveP384, CurveP256]", "secp384r1"),
        ("curve_preferences: [CurveP521, CurveP256]", "secp521r1"),
    ],
)
def test_what_is_not_possible_is_held_to_more_strictly(read: Read, text: str, held: str) -> None:
    """A file that a whole fleet shares does not keep us from serving, and is never taken to ask for less."""
    tls = read(f"{TLS}  {text}\n").tls
    assert tls is not None
    assert held in {tls.min_version.name, tls.curve}


def test_certificates_may_stand_in_the_file_itself(read: Read, tmp_path: Path) -> None:
    """As exporter-toolkit has it: a file that is named beside counts before what stands here, and no key is shown."""
    pem = "|\n    -----BEGIN X-----\n    {}\n    -----END X-----\n"
    inline = "".join(f"  {name}: {pem.format(name)}" for name in ("cert", "key", "client_ca"))
    text = f"tls_server_config:\n  cert_file: c.pem\n  client_auth_type: RequireAndVerifyClientCert\n{inline}"
    tls = read(text).tls
    assert tls is not None
    assert (tls.cert_file, tls.key_file, tls.files) == (tmp_path / "c.pem", None, (tmp_path / "c.pem",))
    assert (tls.key, tls.client_ca) == (
        "-----BEGIN X-----\nkey\n-----END X-----\n",
        "-----BEGIN X-----\nclient_ca\n-----END X-----\n",
    )
    assert tls.key not in repr(tls)


@pytest.mark.parametrize(
    ("limit", "interval_seconds", "burst"),
    [
        ("{interval: 1s, burst: 20}", 1.0, 20),
        ("{interval: 1m0.5s, burst: 1}", 60.5, 1),
        ("{interval: 250ms, burst: 1}", 0.25, 1),
        ("{interval: 1000000000, burst: 1}", 1.0, 1),
        ("{interval: 0, burst: 0}", 0.0, 0),
        ("{interval: 0s}", 0.0, 0),
        ("{burst: 5}", 0.0, 5),
    ],
)
def test_rate_limit_is_read_as_go_reads_it(read: Read, limit: str, interval_seconds: float, burst: int) -> None:
    """A number alone is nanoseconds; without an interval there is no limit."""
    access = read(f"basic_auth_users: {{}}\nrate_limit: {limit}\n")
    assert access.request_interval_seconds == pytest.approx(interval_seconds)
    assert access.request_burst == burst


def test_users_and_headers_are_read(read: Read) -> None:
    """Hashes come as they are and are in no repr; headers too."""
    access = read(
        f"basic_auth_users: {{alice: {HASH}}}\nhttp_server_config: {{headers: {{X-Frame-Options: SAMEORIGIN}}}}"
    )
    assert access.users == {"alice": HASH.encode()}
    assert access.headers == {"X-Frame-Options": "SAMEORIGIN"}
    assert HASH not in repr(access)


_NOBODY = "basic_auth_users: has no value: basic_auth_users: {} asks nobody"
_UNSAID = "has no value: write one, or leave out the key"
_REFUSALS = {
    "users without a value": ("basic_auth_users:", f"1: {_NOBODY}"),
    "TLS without a value": ("tls_server_config:", f"1: tls_server_config: {_UNSAID}"),
    "cut in TLS": (
        "tls_server_config:\n  cert_file:",
        "1: tls_server_config.key_file: is required",
        f"2: tls_server_config.cert_file: {_UNSAID}",
    ),
    "cut after a key of TLS": (f"{TLS}  client_auth_type:", f"4: tls_server_config.client_auth_type: {_UNSAID}"),
    "cut after TLS": (f"{TLS}basic_auth_users:", f"4: {_NOBODY}"),
    "cut in headers": ("http_server_config:\n  headers:", f"2: http_server_config.headers: {_UNSAID}"),
    "cut in a list": (
        f"{TLS}  cipher_suites:\n  -",
        "5: tls_server_config.cipher_suites[0]: expected a cipher suite that Go calls secure, got nothing",
    ),
    "null word": ("http_server_config: null", f"1: http_server_config: {_UNSAID}"),
    "unknown section": ("tls: {}", '1: tls: unknown key; did you mean "tls_server_config"?'),
    "misspelt section": ("basic_auth_user: {}", '1: basic_auth_user: unknown key; did you mean "basic_auth_users"?'),
    "misspelt key": (f"{TLS}  keyfile: x", '4: tls_server_config.keyfile: unknown key; did you mean "key_file"?'),
    "unknown key": (f"{TLS}  wibble: x", f"4: tls_server_config.wibble: unknown key; known: {_OF_TLS}"),
    "section is a list": (
        "tls_server_config: []",
        f"1: tls_server_config: expected a mapping of settings; known: {_OF_TLS}",
    ),
    "nothing of TLS": (
        "tls_server_config: {}",
        "1: tls_server_config.cert_file: is required",
        "1: tls_server_config.key_file: is required",
    ),
    "old TLS": (
        f"{TLS}  max_version: TLS10",
        "4: tls_server_config.max_version: TLS10 is too weak to be served: TLS12 is the oldest",
    ),
    "unknown TLS": (
        f"{TLS}  max_version: '1.3'",
        '4: tls_server_config.max_version: "1.3" is not one of TLS12, TLS13',
    ),
    "reversed TLS": (
        f"{TLS}  min_version: TLS13\n  max_version: TLS12",
        "5: tls_server_config.max_version: is older than min_version",
    ),
    "any certificate": (
        f"{TLS}  client_auth_type: RequireAnyClientCert",
        f"4: tls_server_config.client_auth_type: RequireAnyClientCert {_UNVERIFIED}",
    ),
    "unverified certificate": (
        f"{TLS}  client_auth_type: RequestClientCert",
        f"4: tls_server_config.client_auth_type: RequestClientCert {_UNVERIFIED}",
    ),
    "unknown client auth": (
        f"{TLS}  client_auth_type: NoClientCerts",
        (
            '4: tls_server_config.client_auth_type: "NoClientCerts" is not one of NoClientCert,'
            ' VerifyClientCertIfGiven, RequireAndVerifyClientCert; did you mean "NoClientCert"?'
        ),
    ),
    "authority nobody asks": (
        f"{TLS}  client_ca_file: ca.pem",
        "4: tls_server_config.client_ca_file: needs client_auth_type beside it, such as RequireAndVerifyClientCert",
    ),
    "no authority": (
        f"{TLS}  client_auth_type: VerifyClientCertIfGiven",
        "4: tls_server_config.client_auth_type: needs client_ca_file beside it: whose certificates are trusted",
    ),
    "names of optional certificates": (
        f"{TLS}  client_auth_type: VerifyClientCertIfGiven\n  client_ca_file: ca.pem\n  client_allowed_sans: [a]",
        "6: tls_server_config.client_allowed_sans: needs client_auth_type: RequireAndVerifyClientCert",
    ),
    "insecure suite": (
        f"{TLS}  cipher_suites: [TLS_RSA_WITH_RC4_128_SHA]",
        (
            '4: tls_server_config.cipher_suites[0]: "TLS_RSA_WITH_RC4_128_SHA" is not a cipher suite that Go calls'
            ' secure; did you mean "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA"?'
        ),
    ),
    "suites of TLS 1.3 alone": (
        f"{TLS}  cipher_suites: [TLS_AES_128_GCM_SHA256]",
        "4: tls_server_config.cipher_suites: names none of TLS 1.2: add one, or set min_version: TLS13",
    ),
    "suite is a list": (
        f"{TLS}  cipher_suites: [[a]]",
        "4: tls_server_config.cipher_suites[0]: expected a cipher suite that Go calls secure, not a list",
    ),
    "suites are a word": (
        f"{TLS}  cipher_suites: all",
        '4: tls_server_config.cipher_suites: expected a list: begin each entry with "- "',
    ),
    "unknown curve": (
        f"{TLS}  curve_preferences: [P256]",
        (
            '4: tls_server_config.curve_preferences[0]: "P256" is not one of CurveP256, CurveP384, CurveP521, X25519;'
            ' did you mean "CurveP256"?'
        ),
    ),
    "X25519": (
        f"{TLS}  curve_preferences: [X25519]",
        (
            "4: tls_server_config.curve_preferences: not all Pythons' TLS can be held to X25519: leave"
            " curve_preferences out, and it comes first"
        ),
    ),
    "no truth": (
        f"{TLS}  prefer_server_cipher_suites: maybe",
        '4: tls_server_config.prefer_server_cipher_suites: "maybe" is not true or false',
    ),
    "inline certificate": (f"{TLS}  cert: BEGIN", f"4: tls_server_config.cert: {_INLINE}"),
    "inline key": (f"{TLS}  key: BEGIN", f"4: tls_server_config.key: {_INLINE}"),
    "no interval": (
        "rate_limit:\n  interval: 1d",
        '2: rate_limit.interval: "1d" is not a duration as Go writes it, such as 100ms, 1.5s or 1h30m',
    ),
    "negative interval": (
        "rate_limit: {interval: -1s}",
        '1: rate_limit.interval: "-1s" is not a duration as Go writes it, such as 100ms, 1.5s or 1h30m',
    ),
    "negative burst": (
        "rate_limit: {burst: -1}",
        '1: rate_limit.burst: "-1" is not a whole number from 0 to 1000000',
    ),
    "no burst": (
        "rate_limit: {interval: 1s}",
        "1: rate_limit.burst: is required beside interval: how many requests may come at once",
    ),
    "a burst of none": ("rate_limit: {interval: 1s, burst: 0}", f"1: {_NO_BURST}"),
    "header and burst beside other mistakes": (
        "http_server_config: {headers: {X-Frame-Options: ALLOW, Foo: x}}\nrate_limit: {interval: 1s}\nfoo: 1",
        '1: http_server_config.headers.X-Frame-Options: may be deny or sameorigin, not "ALLOW"',
        f'1: http_server_config.headers.Foo: "Foo" {_A_HEADER}',
        "2: rate_limit.burst: is required beside interval: how many requests may come at once",
        f"3: foo: unknown key; {_AT_TOP}",
    ),
    "cut in the rate limit": ("rate_limit:\n  interval:", f"2: rate_limit.interval: {_UNSAID}"),
    "other header": (
        "http_server_config: {headers: {Server: x}}",
        (
            '1: http_server_config.headers.Server: "Server" is not a header that may be set here; known: Content'
            "-Security-Policy, X-Frame-Options, X-Content-Type-Options, X-XSS-Protection, Strict-Transport-Security"
        ),
    ),
    "misspelt header": (
        "http_server_config: {headers: {x-frame-option: x}}",
        (
            '1: http_server_config.headers.x-frame-option: "x-frame-option" is not a header that may be set here;'
            ' did you mean "X-Frame-Options"?'
        ),
    ),
    "value of a header": (
        "http_server_config: {headers: {X-Content-Type-Options: sniff}}",
        '1: http_server_config.headers.X-Content-Type-Options: may be nosniff, not "sniff"',
    ),
    "header of two lines": (
        'http_server_config: {headers: {X-XSS-Protection: "a\\nb"}}',
        '1: http_server_config.headers.X-XSS-Protection: "a\\nb" is not one line of ASCII characters',
    ),
    "plain password": (
        "basic_auth_users: {alice: hunter2hunter2}",
        ("1: basic_auth_users: is not a bcrypt hash, such as htpasswd -nB makes: $2y$, the cost, $ and 53 characters"),
    ),
    "no hash": ("basic_auth_users: {alice: }", "1: basic_auth_users: expected a bcrypt hash, got nothing"),
    "dear hash": (
        f"basic_auth_users: {{alice: {HASH.replace('$10$', '$17$')}}}",
        "1: basic_auth_users: has the cost 17: expected 4 to 16, at best 10 to 12",
    ),
    "user with a colon": (
        f"basic_auth_users: {{'al:ice': {HASH}}}",
        "1: basic_auth_users: a user's name is one word or more on one line, without a colon",
    ),
    "name and hash swapped": (
        f"basic_auth_users: {{{HASH}: ops}}",
        "1: basic_auth_users: a hash stands where a user's name belongs: write the name, a colon and the hash",
        "1: basic_auth_users: is not a bcrypt hash, such as htpasswd -nB makes: $2y$, the cost, $ and 53 characters",
    ),
    "name and password swapped": (
        f"basic_auth_users:\n  hunter2hunter2: ops\n  ops: {HASH}\n  hunter2hunter2: ops\n",
        "2: basic_auth_users: is not a bcrypt hash, such as htpasswd -nB makes: $2y$, the cost, $ and 53 characters",
        "4: basic_auth_users: duplicate key, first on line 2",
    ),
    "user and hash at the top": (f"{HASH}: ops", f"1: $2y$…: unknown key; {_AT_TOP}"),
    "long key, perhaps a secret": (
        f"{'hunter2' * 6}: ops\nrate_limit: {{{'hunter2' * 6}: 1}}",
        f"1: hunt…: unknown key; {_AT_TOP}",
        "2: rate_limit.hunt…: unknown key; known: interval, burst",
    ),
}


@pytest.mark.parametrize(
    ("text", "expected"), [(text, said) for text, *said in _REFUSALS.values()], ids=list(_REFUSALS)
)
def test_each_mistake_is_told_with_its_line(read: Read, text: str, expected: list[str], tmp_path: Path) -> None:
    """All at once, by line, with what to write instead; nothing secret is shown or kept."""
    with pytest.raises(ConfigurationError) as caught:
        read(text)
    assert [str(problem).removeprefix(f"{tmp_path}/web.yml:") for problem in caught.value.problems] == expected
    assert not any(secret in str(caught.value) for secret in ("hunter2", HASH[8:]))
    assert caught.value.__context__ is None


@pytest.mark.timeout(30)
@pytest.mark.parametrize(
    "text",
    [
        f"{TLS}  cipher_suites: [{'TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA25,' * 30_000}]\n",
        f"http_server_config: {{headers: {{{', '.join(f'X-Frame-Option{i}: deny' for i in range(20_000))}}}}}\n",
        f"basic_auth_users: {''.join(chr(10) + f' user{i}: x' for i in range(20_000))}\n",
    ],
    ids=["suites", "headers", "users"],
)
def test_so_many_problems_are_told_that_a_person_reads_them(read: Read, text: str) -> None:
    """What each wrong word may have been is looked for only where it is told."""
    with pytest.raises(ConfigurationError) as caught:
        read(text)
    assert len(caught.value.problems) == 101


def test_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    """As of every other file."""
    with pytest.raises(ConfigurationError, match=r"web\.yml: does not exist"):
        read_web_config(tmp_path / "web.yml")


def test_page_has_a_row_for_each_key_that_may_be_written() -> None:
    """docs/web-config.md knows every key, and invents none."""
    page = Path(__file__).parents[3] / "docs" / "web-config.md"
    table = page.read_text(encoding="utf-8").partition("\n## The keys\n")[2].partition("\n## ")[0]
    documented = {
        key.rpartition(".")[2]
        for column in re.findall(r"^\| (`.*?`) \|", table, re.MULTILINE)
        for key in re.findall(r"`([\w.]+)`", column)
    }
    sections = (TlsSection, HttpSection, RateLimitSection, WebConfigFile)
    known = {name for section in sections for name in section.model_fields}
    assert documented == known - {"tls_server_config", "http_server_config", "rate_limit"}


_WORDS = ("tls_server_config", "basic_auth_users", "http_server_config", "headers", "cipher_suites", "min_version")
_SIGNS = ("\n", "\n  ", ": ", "- ", "[", "]", "{", "}", "~", "''", "TLS13", "hunter2", "cert_file", "client_auth_type")


@trials(deadline=None)
@given(st.lists(st.sampled_from((*_WORDS, *_SIGNS)), max_size=30).map("".join))
def test_any_text_gives_access_or_our_error(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    """Nothing but these two outcomes, and nobody is let in by a file that does not say so."""
    file = tmp_path_factory.getbasetemp() / "any.yml"
    file.write_text(text, encoding="utf-8")
    try:
        access = read_web_config(file)
    except ConfigurationError:
        return
    assert access.tls or access.users or "basic_auth_users" in text or "http_server_config" in text
