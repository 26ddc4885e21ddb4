"""deploy/compose against the files that it mounts, the image, and the exporter's own settings."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
import yaml

from exporter.settings import Settings, load_settings

ROOT = Path(__file__).parents[2]
HERE = ROOT / "deploy" / "compose"
TEXT = (HERE / "compose.yaml").read_text(encoding="utf-8")
SERVICES: Mapping[str, dict[str, object]] = yaml.safe_load(TEXT)["services"]
DOTENV = dict(re.findall(r"^(\w+)=(.*)$", (HERE / ".env").read_text(encoding="utf-8"), re.MULTILINE))


def bind_mounts() -> Iterator[tuple[str, Path, str]]:
    """Give the service, source and target of everything that is mounted from the checkout."""
    for name, service in SERVICES.items():
        volumes = service.get("volumes", [])
        assert isinstance(volumes, list)
        for volume in volumes:
            source, target, *_ = volume.split(":")
            if source.startswith("."):
                yield name, (HERE / source).resolve(), target


def environment_of(name: str) -> dict[str, str]:
    """Give the variables that a service is started with."""
    environment = SERVICES[name].get("environment", {})
    assert isinstance(environment, dict)
    return {str(variable): str(value) for variable, value in environment.items()}


def settings_of(name: str, directory: Path) -> Settings:
    """Load the settings of an exporter; the secrets that its service is given are made up in a directory."""
    given = SERVICES[name]["secrets"]
    assert isinstance(given, list)
    for secret in given:
        (directory / secret).write_text("secret")
    text = (mounted("/etc/zoho-mass-update-exporter") / "zoho.yaml").read_text(encoding="utf-8")
    file = directory / "zoho.yaml"
    file.write_text(text.replace("/run/secrets", str(directory)))
    environ = {key: value.replace("/run/secrets", str(directory)) for key, value in environment_of(name).items()}
    return load_settings(file, environ=environ, dotenv_file=None, secrets_dir=directory)


def mounted(target: str) -> Path:
    """Give the path in the checkout that is mounted at a path of a container."""
    [source] = {source for _, source, mounted_at in bind_mounts() if mounted_at == target}
    return source


@pytest.mark.parametrize(
    ("target", "file"),
    [
        ("/etc/prometheus", "prometheus.yml"),
        ("/etc/prometheus", "rules.yml"),
        ("/etc/prometheus", "alerts.yml"),
        ("/etc/alertmanager/alertmanager.yml", ""),
        ("/etc/alertmanager/templates", "zoho.tmpl"),
        ("/etc/grafana/provisioning", "datasources"),
        ("/etc/grafana/provisioning", "dashboards"),
        ("/etc/zoho-mass-update-exporter", "zoho.yaml"),
    ],
)
def test_what_an_image_reads_is_mounted(target: str, file: str) -> None:
    """Each program finds its configuration where it looks for it."""
    assert (mounted(target) / file).exists()


def test_every_mounted_path_exists() -> None:
    """Docker would make an empty directory of a mistyped path."""
    assert [str(source) for _, source, _ in bind_mounts() if not source.exists()] == []


def test_dashboards_are_provided_from_their_mount() -> None:
    """Grafana's provider reads the directory that holds the dashboards."""
    [file] = (mounted("/etc/grafana/provisioning") / "dashboards").glob("*.y*ml")
    [provider] = yaml.safe_load(file.read_text(encoding="utf-8"))["providers"]
    assert list(mounted(provider["options"]["path"]).glob("*.json")) != []


def test_the_parts_find_each_other() -> None:
    """All share Prometheus' network, which publishes every port that one of them asks at localhost."""
    files = [mounted("/etc/prometheus") / "prometheus.yml"]
    files += (mounted("/etc/grafana/provisioning") / "datasources").glob("*.y*ml")
    asked = set(re.findall(r"\b[\w.-]+:\d{4,5}\b", "".join(file.read_text(encoding="utf-8") for file in files)))
    assert asked == {"localhost:9090", "localhost:9093", "localhost:10042", "localhost:10043"}
    networks = {name: service.get("network_mode") for name, service in SERVICES.items()}
    assert networks.pop("prometheus") is None
    assert set(networks.values()) == {"service:prometheus"}
    assert SERVICES["prometheus"]["ports"] == [f"127.0.0.1:{port}:{port}" for port in (9090, 9093, 3000, 10042, 10043)]


def test_every_variable_has_a_value() -> None:
    """Compose starts without a variable of the user's own."""
    assert set(re.findall(r"\$\{(\w+)\}", TEXT)) == DOTENV.keys() - {"COMPOSE_PROFILES"}


def test_the_first_profile_is_the_real_one() -> None:
    """`docker compose up` watches the user's own jobs."""
    assert DOTENV["COMPOSE_PROFILES"] == "zoho"


def test_the_configuration_loads(tmp_path: Path) -> None:
    """The configuration to fill in is right, once the secrets that it names are mounted."""
    settings = settings_of("exporter", tmp_path)
    assert [str(spec.key) for spec in settings.job_specs] == ["zoho/Leads/3524033000006027001"]
    assert settings.state.url is None


def test_two_exporters_share_the_database_that_is_made(tmp_path: Path) -> None:
    """Each listens for itself, both know the user, the database and the password that PostgreSQL is given."""
    made = environment_of("postgres")
    both = [settings_of(name, tmp_path) for name in ("exporter-a", "exporter-b")]
    assert [settings.web.listen_address.port for settings in both] == [10042, 10043]
    assert {settings.state.url for settings in both} == {
        f"postgresql://{made['POSTGRES_USER']}@localhost/{made['POSTGRES_DB']}"
    }
    [password] = {str(settings.state.password_file) for settings in both}
    assert password == made["POSTGRES_PASSWORD_FILE"].replace("/run/secrets", str(tmp_path))
    assert {name for name, service in SERVICES.items() if service.get("profiles") == ["replicas"]} == {
        "exporter-a",
        "exporter-b",
        "postgres",
    }
