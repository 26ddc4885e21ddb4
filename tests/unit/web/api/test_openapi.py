"""The OpenAPI document: it names what this exporter is configured with."""

from exporter.web.api.openapi import openapi_document


def body_schema(*accounts: str, job_labels: tuple[str, ...] = ()) -> dict[str, object]:
    """Give the schema of a job that may be registered."""
    components = openapi_document(accounts, job_labels)["components"]
    assert isinstance(components, dict)
    schema = components["schemas"]["JobBody"]
    assert isinstance(schema, dict)
    return schema


def test_only_account_may_be_left_out() -> None:
    """Where there is one account a body need not name it."""
    schema = body_schema("acme")
    assert schema["required"] == ["module", "job_id"]
    assert schema["properties"]["account"]["enum"] == ["acme", "", None]  # type: ignore[index]


def test_one_of_several_accounts_must_be_named() -> None:
    """Where there are several, a body says which."""
    schema = body_schema("globex", "acme")
    assert schema["required"] == ["account", "module", "job_id"]
    assert schema["properties"]["account"]["enum"] == ["acme", "globex"]  # type: ignore[index]
    assert "default" not in schema["properties"]["account"]  # type: ignore[index]


def test_allowed_labels_are_named() -> None:
    """A label that is not allowed is not in the contract."""
    labels = body_schema("acme", job_labels=("team",))["properties"]["labels"]  # type: ignore[index]
    assert set(labels["properties"]) == {"team"}
    assert labels["additionalProperties"] is False
