"""`hubel completion SHELL`: what completes commands, options and names in a shell."""

from __future__ import annotations

from argparse import Action, ArgumentParser, Namespace
from collections.abc import Iterator
from dataclasses import dataclass

from hubel.cli._output import say

DESCRIPTION = """Print what completes hubel's commands, options and names in bash, zsh or fish."""
EXAMPLES = """  source <(hubel completion bash)
  hubel completion bash > ~/.local/share/bash-completion/completions/hubel
  hubel completion zsh > ~/.zfunc/_hubel      # a folder of fpath
  hubel completion fish > ~/.config/fish/completions/hubel.fish"""


@dataclass(frozen=True)
class Verb:
    """A command: its words after `hubel`, what its options take, and what its own words may be.

    options: of every name, the values it takes: None for none, an empty tuple for anything, files too.
    names: what may stand by its place, besides files.
    """

    words: tuple[str, ...]
    help: str
    options: dict[str, tuple[str, ...] | None]
    told: dict[str, str]
    names: tuple[str, ...]


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("shell", metavar="SHELL", choices=tuple(_SHELLS), help="bash, zsh or fish")


def run(arguments: Namespace) -> int:
    """Print a shell's script."""
    say(_SHELLS[arguments.shell](tuple(verbs())))
    return 0


def verbs() -> Iterator[Verb]:
    """All commands, as their parsers have them."""
    from hubel.cli import COMMANDS, parser_of

    for name, parser in parser_of(COMMANDS).commands().items():
        inner = parser.commands()
        if inner:
            yield Verb((name,), COMMANDS[name], {}, {}, tuple(inner))
        parsers = {(name, what): each for what, each in inner.items()} if inner else {(name,): parser}
        for words, each in parsers.items():
            options = {flag: _values(action) for action in each.options() for flag in action.option_strings}
            told = {flag: action.help or "" for action in each.options() for flag in action.option_strings}
            names = tuple(dict.fromkeys(one for action in each.words() for one in _names(action)))
            yield Verb(words, COMMANDS[name], options, told, names)


def _values(action: Action) -> tuple[str, ...] | None:
    if action.nargs == 0:
        return None
    return tuple(map(str, action.choices or ()))


def _names(action: Action) -> tuple[str, ...]:
    from hubel import zoo

    if action.choices:
        return tuple(map(str, action.choices))
    words = str(action.metavar).split()
    if "NET" in words or "NAME" in words:
        return zoo.names()
    return ("mnist",) if "DATA" in words else ("index",) if words == ["RUN", "IMAGE"] else ()


def _bash(verbs: tuple[Verb, ...]) -> str:
    names = " ".join(dict.fromkeys(verb.words[0] for verb in verbs))
    deep = " ".join(verb.words[0] for verb in verbs if len(verb.words) == 1 and not verb.options)
    choices, options, words = [], [], []
    for verb in verbs:
        key = " ".join(verb.words)
        options.append(f'        "{key}") options="{" ".join(verb.options)}" ;;')
        words.append(f'        "{key}") names="{" ".join(verb.names)}" ;;')
        for flag, values in verb.options.items():
            if values:
                choices.append(f'        "{key} {flag}") values="{" ".join(values)}" ;;')
            elif values is not None:
                choices.append(f'        "{key} {flag}") files=1 ;;')
    return _BASH.format(
        names=names, deep=deep, choices="\n".join(choices), options="\n".join(options), words="\n".join(words)
    )


_BASH = """# completion of hubel in bash; `hubel completion bash` writes it
_hubel() {{
    local word="${{COMP_WORDS[COMP_CWORD]}}" before="${{COMP_WORDS[COMP_CWORD-1]}}"
    local verb="${{COMP_WORDS[1]}}" values="" files="" options="" names=""
    COMPREPLY=()
    [ "$before" = = ] && before="${{COMP_WORDS[COMP_CWORD-2]}}"
    [ "$word" = = ] && word="" # --option=, cut at its sign
    if [ "$COMP_CWORD" -eq 1 ] || {{ [ "$COMP_CWORD" -eq 2 ] && [ "$verb" = help ]; }}; then
        COMPREPLY=($(compgen -W "{names} help --help --version" -- "$word"))
        return
    fi
    case " {deep} " in
        *" $verb "*) [ "$COMP_CWORD" -gt 2 ] && verb="$verb ${{COMP_WORDS[2]}}" ;;
    esac
    case "$verb $before" in
{choices}
    esac
    if [ -n "$values" ]; then
        COMPREPLY=($(compgen -W "$values" -- "$word"))
        return
    fi
    if [ -n "$files" ]; then
        COMPREPLY=($(compgen -f -- "$word"))
        compopt -o filenames 2> /dev/null
        return
    fi
    case "$verb" in
{options}
    esac
    case "$verb" in
{words}
    esac
    case "$word" in
        -*) COMPREPLY=($(compgen -W "$options" -- "$word")) ;;
        *)
            COMPREPLY=($(compgen -W "$names" -- "$word") $(compgen -f -- "$word"))
            compopt -o filenames 2> /dev/null
            ;;
    esac
}}
complete -F _hubel hubel"""


def _zsh(verbs: tuple[Verb, ...]) -> str:
    return (
        "#compdef hubel\n# completion of hubel in zsh, which runs that of bash; `hubel completion zsh` writes it\n"
        "autoload -U +X bashcompinit && bashcompinit\n" + _bash(verbs)
    )


def _fish(verbs: tuple[Verb, ...]) -> str:
    lines = ["# completion of hubel in fish; `hubel completion fish` writes it", "complete -c hubel -f"]
    for verb in verbs:
        first, *second = verb.words
        if not second:
            lines.append(f"complete -c hubel -n __fish_use_subcommand -a {first} -d {_quoted(verb.help)}")
        seen = "; and ".join(f"__fish_seen_subcommand_from {word}" for word in verb.words)
        here = f"complete -c hubel -n {_quoted(seen)}"
        if verb.names or verb.options:
            lines.append(f"{here} {'-F ' if verb.options else ''}-a {_quoted(' '.join(verb.names))}")
        for flag, values in verb.options.items():
            name = f"-l {flag[2:]}" if flag.startswith("--") else f"-s {flag[1:]}"
            takes = "" if values is None else f" -x -a {_quoted(' '.join(values))}" if values else " -r"
            lines.append(f"{here} {name}{takes} -d {_quoted(verb.told[flag])}")
    return "\n".join(lines)


def _quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


_SHELLS = {"bash": _bash, "zsh": _zsh, "fish": _fish}
