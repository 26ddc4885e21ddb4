"""`print completion`: what bash or zsh need to complete our commands and flags. Static text, from the tables."""

import sys
from argparse import Namespace
from collections.abc import Iterable, Iterator
from itertools import pairwise

from exporter.cli.command import PROGRAM, Command
from exporter.cli.flags import FLAGS, Flag

_FILES = ("FILE", "FROM", "TO")
"""Stand for the value of a flag or a word that may be a file's name."""
_FUNCTION = "_" + PROGRAM.replace("-", "_")
_ANYWHERE = ("--help",)
_FIRST = (*_ANYWHERE, "--version")


def execute(options: Namespace) -> int:
    """Print the completion of a shell."""
    from exporter.cli.commands import COMMANDS  # noqa: PLC0415 - the table names this module

    write = {"bash": _bash, "zsh": _zsh}[options.shell or "bash"]
    sys.stdout.write(write(COMMANDS))
    return 0


def _bash(commands: tuple[Command, ...]) -> str:
    """Write it for bash, which splits words at `=` and at `:`."""
    names = [command.name for command in commands]
    return f"""\
# shellcheck shell=bash
# Completion of {PROGRAM} for bash 4 and newer. To have it in each shell, add to ~/.bashrc:
#   source <({PROGRAM} print completion --shell=bash)
{_FUNCTION}() {{
    local command={names[0]} files="" flag="" sign="" words=""
    local current=${{COMP_WORDS[COMP_CWORD]}} before=${{COMP_WORDS[COMP_CWORD - 1]}}
    case ${{COMP_WORDS[1]}} in
        {" | ".join(names)}) ((COMP_CWORD > 1)) && command=${{COMP_WORDS[1]}} ;;
    esac
    case $before in
        =) flag=${{COMP_WORDS[COMP_CWORD - 2]}} ;;
        --*) flag=$before ;;
    esac
    [[ $before == "=" || $current == "=" ]] && sign="="
    [[ $current == "=" ]] && current=""
    [[ $flag == --* && $current != -* ]] || flag=""
    case "$command $flag" in
{_lines(_bash_values(commands))}
        *)
            [[ -z $sign ]] || return 0
            ((COMP_CWORD == 1)) && words="{" ".join((*names, *_FIRST))}"
            case $command in
{_lines(_bash_words(command) for command in commands)}
            esac
{_lines(_bash_files(commands))}
            ;;
    esac
    if [[ -n $files ]]; then
        compopt -o filenames
        mapfile -t COMPREPLY < <(compgen -f -- "$current")
        return 0
    fi
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
    [[ ${{#COMPREPLY[@]}} == 1 && ${{COMPREPLY[0]}} == *= ]] && compopt -o nospace
    return 0
}}
complete -F {_FUNCTION} {PROGRAM}
"""


def _bash_values(commands: tuple[Command, ...]) -> Iterator[str]:
    """Say what may follow each flag that has a value; the words to choose from may be other ones of another command."""
    flags = [
        (command.name, FLAGS[name].typed(name), FLAGS[name].value) for command in commands for name in command.flags
    ]
    choices: dict[tuple[str, ...], list[str]] = {}
    for command, flag, value in flags:
        if isinstance(value, tuple):
            choices.setdefault(value, []).append(f'"{command} {flag}"')
    for words, places in choices.items():
        yield f'        {" | ".join(places)}) words="{" ".join(words)}" ;;'
    valued = {f'*" {flag}"': value for _, flag, value in flags if isinstance(value, str)}
    files = " | ".join(flag for flag, value in valued.items() if value in _FILES)
    others = " | ".join(flag for flag, value in valued.items() if value not in _FILES)
    yield f"""\
        {files}) files=1 ;;
        {others}) return 0 ;;"""


def _bash_words(command: Command) -> str:
    choices = (word for name in command.words if isinstance(value := FLAGS[name].value, tuple) for word in value)
    flags = (FLAGS[name].typed(name) + ("" if FLAGS[name].value is True else "=") for name in command.flags)
    return f'                {command.name}) words+=" {" ".join((*choices, *flags, *_ANYWHERE))}" ;;'


def _bash_files(commands: tuple[Command, ...]) -> Iterator[str]:
    """Say behind which words of which commands files are named."""
    for command in commands:
        for before, value in pairwise(FLAGS[name].value for name in command.words):
            if isinstance(before, tuple) and value in _FILES:
                there = " | ".join(f'"{command.name} "*" {word} "*' for word in before)
                yield f"""\
            case "$command ${{COMP_WORDS[*]:1:COMP_CWORD-1}} " in
                {there}) [[ $current == -* ]] || files=1 ;;
            esac"""


def _zsh(commands: tuple[Command, ...]) -> str:
    """Write it for zsh, whose own functions do the rest."""
    names = (f"{command.name}:{_quoted(command.summary)}" for command in commands)
    return f"""\
#compdef {PROGRAM}
# Completion of {PROGRAM} for zsh. To have it in each shell, add to ~/.zshrc, below compinit:
#   source <({PROGRAM} print completion --shell=zsh)
{_FUNCTION}() {{
    local command={commands[0].name}
    local -a names=(
{_lines(f"        '{name}'" for name in names)}
    )
    if [[ ${{words[2]}} != -* ]]; then
        if ((CURRENT == 2)); then
            _describe command names
            return
        fi
        command=${{words[2]}}
        shift words
        ((CURRENT--))
    fi
    case $command in
{_lines(map(_zsh_arguments, commands))}
    esac
}}
if [[ ${{funcstack[1]}} == {_FUNCTION} ]]; then
    {_FUNCTION} "$@"
else
    compdef {_FUNCTION} {PROGRAM}
fi
"""


def _zsh_arguments(command: Command) -> str:
    words = (f":{name}:{_zsh_values(FLAGS[name])}" for name in command.words)
    flags = (_zsh_flag(name, _shown(command, name)) for name in command.flags)
    every = (*words, *flags, "--help[show what there is]")
    return (
        f"        {command.name})\n            _arguments "
        + " \\\n                ".join(f"'{one}'" for one in every)
        + (" ;;")
    )


def _zsh_flag(name: str, shown: str) -> str:
    flag = FLAGS[name]
    meaning = _quoted(shown).replace("[", r"\[").replace("]", r"\]")
    if flag.value is True:
        return f"{flag.typed(name)}[{meaning}]"
    return f"{'*' * flag.is_repeatable}{flag.typed(name)}=[{meaning}]:{flag.typed(name)[2:]}:{_zsh_values(flag)}"


def _zsh_values(flag: Flag) -> str:
    if isinstance(flag.value, tuple):
        return f"({' '.join(flag.value)})"
    return "_files" if flag.value in _FILES else " "


def _shown(command: Command, name: str) -> str:
    return FLAGS[name].help.format(command.defaults.get(name) or FLAGS[name].default)


def _quoted(text: str) -> str:
    """Write a text so that it may stand in single quotes."""
    return text.replace("'", r"'\''")


def _lines(lines: Iterable[str]) -> str:
    return "\n".join(lines)
