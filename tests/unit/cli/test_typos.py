"""What is said of words that no command takes."""

import pytest

from exporter.cli.typos import unknown_command, unknown_words

FLAGS = {
    "run": ("--config.file", "--web.listen-address", "--web.config.file", "--log.level"),
    "simulate": ("--web.listen-address", "--scenario.file"),
    "check": ("--config.file", "--web.config.file"),
}


@pytest.mark.parametrize(
    ("command", "words", "said"),
    [
        pytest.param(
            "run",
            ["--web.listen-adress=:1"],
            "unknown flag --web.listen-adress; did you mean --web.listen-address?",
            id="a letter",
        ),
        pytest.param(
            "run", ["-config.file=x"], "unknown flag -config.file; did you mean --config.file?", id="one dash"
        ),
        pytest.param(
            "run", ["--config-file", "x"], "unknown flag --config-file; did you mean --config.file?", id="no dot"
        ),
        pytest.param("run", ["--config=x"], "unknown flag --config; did you mean --config.file?", id="half of it"),
        pytest.param(
            "run",
            ["--listen-address=:1"],
            "unknown flag --listen-address; did you mean --web.listen-address?",
            id="without its room",
        ),
        pytest.param(
            "check",
            ["--client.secret=hush", "hush"],
            "unknown flag --client.secret; there are --config.file and --web.config.file",
            id="nothing like it: all there are, and no value",
        ),
        pytest.param(
            "check",
            ["--confg.file=x", "--web.cnfig.file=y"],
            "unknown flag --confg.file; did you mean --config.file?\n"
            "  unknown flag --web.cnfig.file; did you mean --web.config.file?",
            id="two",
        ),
        pytest.param(
            "simulate",
            ["--config.file=x"],
            "simulate has no flag --config.file; it is one of run and check",
            id="another command's",
        ),
        pytest.param(
            "run",
            ["check"],
            '"check" is a command: it comes first, and its flags after it',
            id="a command behind a flag",
        ),
        pytest.param(
            "check", ["zoho.yml"], 'unknown word "zoho.yml"; did you mean --config.file=zoho.yml?', id="a bare file"
        ),
        pytest.param(
            "simulate",
            ["night.yaml"],
            'unknown word "night.yaml"; did you mean --scenario.file=night.yaml?',
            id="a bare scenario",
        ),
        pytest.param(
            "run", [":2"], 'unknown word ":2"; flags alone are expected, each with its value', id="any other word"
        ),
    ],
)
def test_unknown_words_are_told_with_what_to_type(command: str, words: list[str], said: str) -> None:
    """What was probably meant is named, or else all that there is."""
    assert unknown_words(command, words, FLAGS) == said


@pytest.mark.parametrize(
    ("word", "said"),
    [
        pytest.param("chek", 'unknown command "chek"; did you mean check?', id="a letter"),
        pytest.param("start", 'unknown command "start"; there are run, simulate and check', id="nothing like it"),
        pytest.param(
            "zoho.yaml", 'unknown command "zoho.yaml"; did you mean --config.file=zoho.yaml?', id="a bare file"
        ),
    ],
)
def test_unknown_command_is_told_with_what_to_type(word: str, said: str) -> None:
    """A mistyped command, and a file where a command is expected."""
    assert unknown_command(word, FLAGS) == said


def test_a_word_too_many_is_told_where_words_are_taken() -> None:
    """A command that takes a word is not said to take flags alone."""
    said = unknown_words("check", ["b"], FLAGS, takes_words=True)
    assert said == 'unknown word "b"; no more words are expected'
