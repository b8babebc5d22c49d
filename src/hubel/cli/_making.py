"""How models are asked, besides with examples: each task's options, and what a model makes without any."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hubel.base.errors import SettingError
from hubel.base.words import printable
from hubel.cli._numbers import real, whole
from hubel.cli._output import print_json, say
from hubel.tasks.asking import Asking, Option, all_asking, asking_of, check_options

if TYPE_CHECKING:
    from hubel.tasks import LoadedModel


def add_asking(parser: ArgumentParser, *names: str) -> None:
    """Add the options of all tasks, or those of these names; those of a name are one."""
    every = all_asking().values()
    options = {option.name: option for asking in every for option in asking.options}
    options = {name: options[name] for name in names} if names else options
    groups: dict[str, Any] = {}
    for name, option in options.items():
        helps = {asking.of: each.help for asking in every for each in asking.options if each.name == name}
        of = " and ".join(helps)
        if of not in groups:
            groups[of] = parser.add_argument_group(f"of {of}")
        group = groups[of]
        if option.kind == "flag":
            group.add_argument(f"--{name}", help=option.help, action="store_true", default=None)
        else:
            said = option.help
            if len(set(helps.values())) > 1:
                said = "; ".join(f"of {models}: {each}" for models, each in helps.items())
            group.add_argument(f"--{name}", help=said, metavar=option.metavar, type=_reader(option))


def _reader(option: Option) -> Callable[[str], Any]:
    match option.kind:
        case "whole":
            return whole(int(option.least), int(option.most))
        case "real":
            return real(option.least, option.most)
        case _:
            return str


def asked(arguments: Namespace, task: str) -> dict[str, Any]:
    """Return the options of tasks that were given. Raises SettingError for one that models of `task` do not have."""
    names = dict.fromkeys(option.name for asking in all_asking().values() for option in asking.options)
    given = {name: value for name in names if (value := getattr(arguments, name, None)) is not None}
    check_options(task, given, "--")
    return given


def make(model: LoadedModel, how: dict[str, Any], arguments: Namespace) -> int:
    """Print what a model makes without examples, as it comes, or write it."""
    from hubel.view.words.terminal import with_progress

    task = model.task
    asking = asking_of(task.name)
    if arguments.images:
        raise SettingError(
            f"expected {task.asked}, since this model {asking.makes}, received {arguments.images[0]!r}; hubel evaluate "
            "RUN DATA measures it on a set"
        )
    if arguments.threshold is not None or arguments.top is not None:
        raise SettingError(f"--top and --threshold are of images' classes, and this model {asking.makes}")
    place = _place(asking, arguments)
    made = with_progress(f"it {asking.makes}", lambda show: model.make(show, **how))
    files = {} if place is None else {"files": [str(file) for file in made.write(place)]}
    if arguments.json:
        print_json({**made.data(), **files})
    elif place is not None:
        words = f"{made.words()}: " if made.words() else "wrote "
        say(f"{words}{place}{'' if place.suffix else '/'}")
    else:
        for piece in made.pieces():
            sys.stdout.write(_shown(piece))
            sys.stdout.flush()
        sys.stdout.write("\n")
    return 0


def _place(asking: Asking, arguments: Namespace) -> Path | None:
    """Where it is written; None where it is printed."""
    place: Path | None = arguments.output or (Path(asking.usual) if asking.usual else None)
    if place is None or (place == Path("-") and not asking.usual):
        return None
    if place.suffix.lower() not in asking.endings and (place.suffix or place == Path("-") or not asking.folder):
        folder = ", or a folder" * asking.folder
        raise SettingError(
            f"expected -o with a file that ends with {', '.join(asking.endings)}{folder}, received {str(place)!r}"
        )
    return place


def _shown(text: str) -> str:
    """In a terminal nothing of a text moves the cursor or turns it round; in a pipe it is as it is."""
    return printable(text, keep="\n\t") if sys.stdout.isatty() else text
