"""The address of a shared state: what is accepted, and refusals that never show a password."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.settings import parameters_of, parse_database_url

NO_URL = "is not a database's URL such as postgresql://zoho@db.example.com/zoho"
SECRET = "holds a password, and is shown: name its file by state.password_file"


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://zoho@db.example.com/zoho",
        "postgres://db.example.com:5432/zoho",
        "postgresql://zoho@one:5432,two:5433,[2001:db8::1]:5432/zoho?target_session_attrs=read-write",
        "postgresql:///zoho?host=/run/postgresql",
        "postgresql://%2Frun%2Fpostgresql/zoho",
        "postgresql:///?service=zoho",
        "postgresql://",
        "postgresql://zoho@[::1]/zoho?sslmode=verify-full&sslkey=/run/key.pem&passfile=/run/pgpass",
    ],
)
def test_address_is_taken_as_it_is(url: str) -> None:
    """Libpq reads it, and knows more of it than we do."""
    assert parse_database_url(url) == url


@pytest.mark.parametrize(
    ("url", "told"),
    [
        pytest.param("host=db dbname=zoho", NO_URL, id="key and value"),
        pytest.param("mysql://db/zoho", NO_URL, id="another database"),
        pytest.param("postgresql:zoho", NO_URL, id="no slashes"),
        pytest.param("postgresql://db:0/zoho", NO_URL, id="port 0"),
        pytest.param("postgresql://db:65536/zoho", NO_URL, id="port too high"),
        pytest.param("postgresql://db:hunter2/zoho", NO_URL, id="port no number"),
        pytest.param("postgresql://[::1/zoho", NO_URL, id="bracket"),
        pytest.param("postgresql://db/zoho#1", NO_URL, id="fragment"),
        pytest.param("postgresql://db/two words", NO_URL, id="space"),
        pytest.param("postgresql://db/zoho\n", NO_URL, id="line break"),
        pytest.param("", NO_URL, id="empty"),
        pytest.param("postgresql://zoho:hunter2@db/zoho", SECRET, id="password"),
        pytest.param("postgresql://zoho:@db/zoho", SECRET, id="empty password"),
        pytest.param("postgresql://zoho@db/zoho?password=hunter2", SECRET, id="password as a parameter"),
        pytest.param("postgresql://zoho@db/zoho?p%61ssword=hunter2", SECRET, id="password as a hidden parameter"),
        pytest.param("postgresql://zoho@db/zoho?sslpassword=hunter2", SECRET, id="password of a key"),
        pytest.param("postgresql://zoho@db/zoho?scram_client_key=hunter2", SECRET, id="key that stands for a password"),
        pytest.param("postgresql://zoho@hunter2@db/zoho", NO_URL, id="two signs"),
        pytest.param("postgresql://zoho:hunter/2@db/zoho", NO_URL, id="password with a slash"),
        pytest.param("postgresql://zoho:12?sslmode=hunter2@db/zoho", NO_URL, id="password with a question mark"),
    ],
)
def test_anything_else_is_refused(url: str, told: str) -> None:
    """In words of our own, which quote nothing of it."""
    with pytest.raises(ValueError, match=r"^(is|holds) ") as caught:
        parse_database_url(url)
    assert str(caught.value).startswith(told)
    assert "hunter" not in str(caught.value)


@given(st.text(st.characters(exclude_characters=":"), min_size=1))
def test_no_password_is_taken(password: str) -> None:
    """Whatever signs it has."""
    with pytest.raises(ValueError, match=r"^(is not a database's URL|holds a password)"):
        parse_database_url(f"postgresql://zoho:{password}@db/zoho")


def test_parameters_are_named() -> None:
    """Also one without a value."""
    assert parameters_of("postgresql:///?service=zoho&sslmode") == ["service", "sslmode"]
