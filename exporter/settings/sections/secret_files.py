"""Secrets that live in files of their own, as Docker and Kubernetes mount them: read, never quoted."""

from pathlib import Path

from exporter.files import read_text, refused

_MOST_BYTES = 64 * 1024


def read_secret_file(path: Path) -> str:
    """Give the secret in a file, without the white space around it. Reads the file anew at each call.

    Raises:
        ConfigurationError: with one problem, placed at the file, that says what is wrong with it.
    """
    text = read_text(path, _MOST_BYTES, expected="a secret alone")
    try:
        return refuse_unfit(text)
    except ValueError as error:
        message = str(error)
    # Raised out of the `except`: the error's frames hold the secret.
    raise refused(path, message)


def refuse_unfit(secret: str) -> str:
    """Give a secret stripped of the white space around it.

    Raises:
        ValueError: when it is empty or several words or lines.
    """
    secret = secret.strip()
    if not secret:
        raise ValueError("is empty")
    if not secret.isprintable() or " " in secret:
        raise ValueError("holds more than one word or line: expected the secret alone")
    return secret
