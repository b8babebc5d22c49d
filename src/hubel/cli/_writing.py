"""What a model of a language writes, as it comes."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from hubel.base.errors import SettingError
from hubel.base.files import write_atomically
from hubel.base.words import json_text, printable
from hubel.cli._finish import TEXTS
from hubel.cli._numbers import real, whole

if TYPE_CHECKING:
    from hubel.tasks import LoadedModel

_SETTINGS = ("prompt", "length", "temperature", "seed")


def add_writing(parser: ArgumentParser) -> None:
    """Add how a model of a language is asked to write."""
    group = parser.add_argument_group("of a model that writes")
    group.add_argument("--prompt", metavar="TEXT", help="what to go on from (default: the start of a line)")
    group.add_argument("--length", type=whole(0), metavar="N", help="how many symbols (default 500)")
    group.add_argument(
        "--temperature",
        type=real(0, 1000),
        metavar="T",
        help="below 1 the likelier symbols come more often, above 1 less; 0: always the likeliest (default 0.8)",
    )
    group.add_argument("--seed", type=whole(0), metavar="N", help="of what is drawn (default 0)")


def asked_to_write(arguments: Namespace) -> list[str]:
    """Return the options of writing that were given."""
    return [f"--{name}" for name in _SETTINGS if getattr(arguments, name) is not None]


def write(model: LoadedModel, arguments: Namespace) -> int:
    """Print what the model writes, symbol by symbol, or write it to a file."""
    from hubel.tasks.language.writing import write as written

    if arguments.images:
        raise SettingError(
            f"expected --prompt TEXT, since this model writes, received {arguments.images[0]!r}; hubel evaluate RUN "
            "TEXT measures it on a text"
        )
    if arguments.threshold or arguments.top != 3:
        raise SettingError("--top and --threshold are of images' classes, and this model writes")
    place: Path | None = arguments.output
    if place is not None and place != Path("-") and place.suffix.lower() not in TEXTS:
        raise SettingError(f"expected -o with a file that ends with {', '.join(TEXTS)}, received {str(place)!r}")
    how = {name: getattr(arguments, name) for name in _SETTINGS if getattr(arguments, name) is not None}
    pieces = written(model, **how)
    prompt = how.get("prompt", "")
    if arguments.json:
        sys.stdout.write(json_text({**how, "prompt": prompt, "text": "".join(pieces)}) + "\n")
    elif place is not None and place != Path("-"):
        write_atomically(place, prompt + "".join(pieces))
    else:
        sys.stdout.write(_shown(prompt))
        for piece in pieces:
            sys.stdout.write(_shown(piece))
            sys.stdout.flush()
        sys.stdout.write("\n")
    return 0


def _shown(text: str) -> str:
    """In a terminal nothing of a text moves the cursor or turns it round; in a pipe it is as it is."""
    return printable(text, keep="\n\t") if sys.stdout.isatty() else text
