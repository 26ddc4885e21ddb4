"""What was probably meant by words on the command line that no command takes. Pure: words in, a sentence out."""

import difflib
from collections.abc import Iterable, Mapping, Sequence

Flags = Mapping[str, Sequence[str]]
"""The flags of each command by its name, both in the order of `--help`."""

_FILES = ("--config.file", "--scenario.file")
_YAML = (".yaml", ".yml")


def unknown_command(word: str, flags: Flags) -> str:
    """Say that there is no such command, and what was probably meant; the first command is the default."""
    hint = _file(word, next(iter(flags.values()))) or _near(word, flags)
    return f'unknown command "{word}"; {hint or f"there are {_listed(flags)}"}'


def unknown_words(command: str, words: Sequence[str], flags: Flags, *, takes_words: bool = False) -> str:
    """Say which words a command does not take, and what was probably meant.

    Of a flag with its value the name alone is told: the value may be a secret.
    """
    # What stands behind an unknown flag is its value, as a rule.
    names = dict.fromkeys(word.partition("=")[0] for word in words if word.startswith("-"))
    if names:
        return "\n  ".join(_unknown_flag(command, name, flags) for name in names)
    if words[0] in flags:
        return f'"{words[0]}" is a command: it comes first, and its flags after it'
    rest = "no more words are expected" if takes_words else "flags alone are expected, each with its value"
    hint = _file(words[0], flags[command]) or rest
    return f'unknown word "{words[0]}"; {hint}'


def _unknown_flag(command: str, name: str, flags: Flags) -> str:
    owners = [owner for owner, own in flags.items() if name in own]
    if owners:
        return f"{command} has no flag {name}; it is one of {_listed(owners)}"
    hint = _near(f"--{name.lstrip('-')}", flags[command]) or f"there are {_listed(flags[command])}"
    return f"unknown flag {name}; {hint}"


def _near(word: str, words: Iterable[str]) -> str:
    near = difflib.get_close_matches(word, words, n=1)
    return f"did you mean {near[0]}?" if near else ""


def _file(word: str, flags: Sequence[str]) -> str:
    flag = next((flag for flag in _FILES if flag in flags), "")
    return f"did you mean {flag}={word}?" if flag and word.endswith(_YAML) else ""


def _listed(words: Iterable[str]) -> str:
    *others, final = words
    return f"{', '.join(others)} and {final}" if others else final
