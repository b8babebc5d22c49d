"""What dreams and style transfers share on the command line: progress, files, frames."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from hubel.base.errors import SettingError
from hubel.cli._finish import Answer, add_output, finish
from hubel.cli._numbers import SEEDS, whole
from hubel.view.words.terminal import with_progress

if TYPE_CHECKING:
    from hubel.look.made.dream import Dream
    from hubel.look.made.style import Stylised

T = TypeVar("T")
ENDINGS = (".png", ".jpg", ".jpeg", ".webp", ".gif", ".apng", ".svg", ".html")
MOVING = (".gif", ".apng")


def add_files(parser: ArgumentParser, longest: int) -> None:
    """Add where the picture and its frames go, its size and the seed."""
    add_output(parser, *ENDINGS)
    parser.add_argument("--frames", metavar="DIR", type=Path, help="write the picture after each step, as numbered PNG")
    parser.add_argument(
        "--longest",
        type=whole(),
        metavar="PIXELS",
        help=f"the picture's longer side (default: its own, at most {longest}; of noise the network's, at least 224)",
    )
    parser.add_argument("--seed", type=whole(0, SEEDS), default=0, help="of what is drawn at random (default 0)")


def check_files(arguments: Namespace) -> bool:
    """Refuse what could not be written before the work is done; return whether frames must be kept."""
    output = arguments.output
    if arguments.longest is not None and not 16 <= arguments.longest <= 4096:
        raise SettingError(f"expected --longest from 16 to 4096 pixels, received {arguments.longest}")
    return arguments.frames is not None or (output is not None and output.suffix.lower() in MOVING)


def shown(what: str, work: Callable[[Callable[[int, int, float], None]], T]) -> T:
    """Return what `work` gives, which tells step, steps and the number that changes: how far it is, as elsewhere."""
    return with_progress(what, lambda show: work(lambda step, of, value: show(f"{what}, {value:.4g}: step", step, of)))


def finish_made(arguments: Namespace, made: Dream | Stylised) -> int:
    """Write what was asked for, and tell what was made."""
    from hubel.view.figures.frames import save_frames, times_larger

    notes, times = [], times_larger(made.picture)
    if times > 1 and arguments.output is not None:
        notes.append(f"{made.picture.shape[0]}×{made.picture.shape[1]} pixels, written {times} times as large")
    if arguments.frames is not None:
        notes.append(f"wrote {len(save_frames(arguments.frames, made.frames))} frames to {arguments.frames}")
    return finish(arguments, Answer.of(made, content=made.written, notes=notes))
