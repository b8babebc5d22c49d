"""What the attributions share on the command line: classes, scales, what is printed."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from hubel.base.errors import SettingError
from hubel.cli._finish import FIGURES, Answer, add_output, finish
from hubel.cli._numbers import whole
from hubel.cli._trained import open_model
from hubel.cli.look._choose import place
from hubel.cli.look._common import add_image, add_run, load_samples
from hubel.view.words.terminal import with_progress

if TYPE_CHECKING:
    from hubel.look.attribution import Attributions

MIB = 2**20


def add_shared(parser: ArgumentParser) -> None:
    """Add the model, the images, the classes, and how maps are drawn."""
    add_run(parser)
    add_image(parser, many=True)
    parser.add_argument(
        "--class",
        dest="classes",
        action="append",
        default=[],
        metavar="NAME",
        help="the class to ask for, by name or number (#281); several may be given (default: the likeliest; of a model "
        "that writes sentences each word that it says)",
    )
    parser.add_argument("--top", type=whole(), metavar="K", help="without --class: the K likeliest classes (default 1)")
    parser.add_argument(
        "--at",
        type=place,
        metavar="ROW,COLUMN",
        help="of a model that says something of every place: the pixel of the network's input to ask about, from 0 "
        "(default: the mean of all)",
    )
    signs = parser.add_mutually_exclusive_group()
    signs.add_argument("--signed", action="store_true", default=None, help="red speaks for the class, blue against it")
    signs.add_argument("--magnitude", dest="signed", action="store_false", help="light is much, without signs")
    parser.add_argument(
        "--own-scale", action="store_true", help="a scale for each map, its numbers below it (default: one for all)"
    )
    parser.add_argument(
        "--memory", type=whole(), default=512, metavar="MIB", help="what batches may take, in MiB (default 512)"
    )
    add_output(parser, *FIGURES, theme=True)


def add_baseline(parser: ArgumentParser, default: str) -> None:
    """Add what the image is compared with."""
    parser.add_argument(
        "--baseline", choices=("black", "white", "mean", "blur"), help=f"no image at all (default: {default})"
    )


def show(arguments: Namespace, method: Callable[..., Attributions], values: bool = False, **settings: Any) -> int:
    """Run a method on the images, write the picture, print a line for each map and what is to be known of it."""
    if arguments.memory < 1:
        raise SettingError(f"expected --memory of at least 1, received {arguments.memory}")
    model = open_model(arguments.run_or_model, arguments.device)
    images = load_samples(arguments, model)
    found = with_progress(
        "looking",
        lambda show: method(
            model,
            images,
            classes=arguments.classes,
            top=arguments.top,
            at=arguments.at,
            budget=arguments.memory * MIB,
            **settings,
        ),
    )
    answer = Answer.of(
        found,
        data=lambda: found.data(values),
        figure=lambda: found.figure(arguments.signed, not arguments.own_scale),
        notes=[f"{one.image}, {one.class_name}: {note}" for each in found.maps for one in each for note in one.notes],
    )
    return finish(arguments, answer)
