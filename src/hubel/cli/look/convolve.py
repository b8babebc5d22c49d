"""`hubel look convolve`: a layer of a trained network at work on an image, or a kernel of one's own."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from typing import TYPE_CHECKING

from hubel.base.errors import SettingError
from hubel.cli._finish import FIGURES, Answer, add_output, finish
from hubel.cli._numbers import whole
from hubel.cli.convolve import (
    AS_TABLE,
    MOST_PRODUCTS,
    POOLS,
    is_image,
    is_table,
    number_argument,
    padding_argument,
    pool_argument,
    size_argument,
    source_of,
    walk_of,
)
from hubel.cli.look._choose import add_layer, place

if TYPE_CHECKING:
    from hubel.look.byhand.stepping import Stepping

HELP = "a filter at work: window, products, running sum, and the output growing, as a picture or a film"
DESCRIPTION = """Draw a convolution, a pooling or a dense layer at work: what the window sees, the kernel, the
products at one place, the running sum, bias and activation, and the output growing.

Either of a trained network (RUN IMAGE --layer conv1 --filter 3), or of an image and a kernel of one's own (IMAGE
KERNEL, or IMAGE --kernel edge; numbers in quotes do, too) or a pooling (--pool max). The file's ending says what is
written: a strip (.png, .svg), a film (.gif, .apng), a page that plays and has buttons for each step (.html), or the
output as a table (.csv, .md, .tex)."""
EXAMPLES = """  hubel look convolve runs/lenet5-mnist digit.png --layer conv1 --filter 3 -o conv1.html
  hubel look convolve runs/lenet5-mnist digit.png --layer pool1 --at 3,5 -o pool1.png
  hubel look convolve runs/lenet5-mnist digit.png --layer dense1 -o dense1.png
  hubel look convolve photo.jpg --kernel emboss --shrink 64 -o emboss.gif
  hubel look convolve '1 1 2 4 / 5 6 7 8 / 3 2 1 0 / 1 2 3 4' --pool max -o max.svg"""

ENDINGS = (*FIGURES, ".gif", ".apng")


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("given", metavar="RUN", help="a run or a model file; without one the image")
    parser.add_argument("image", nargs="?", metavar="IMAGE", help="an image, after a run; after an image the kernel")
    of_model = parser.add_argument_group("of a trained network")
    add_layer(of_model, "the first with a window")
    of_model.add_argument(
        "--filter", type=whole(0), metavar="N", help="which filter, or channel, from 0 (default: the strongest)"
    )
    own = parser.add_argument_group("of a kernel of one's own")
    own.add_argument("--kernel", metavar="K", help="a name (hubel convolve --list) or numbers such as '1 -1 / 1 0'")
    own.add_argument("--pool", type=pool_argument, choices=POOLS, help="pool instead")
    own.add_argument("--size", type=size_argument, metavar="N", help="the pooling window, 2 by default")
    own.add_argument("--stride", "--strides", type=size_argument, metavar="N", help="step between positions: 2 or 2x1")
    own.add_argument("--padding", type=padding_argument, default="valid", metavar="P", help="same, valid, 1 or 1x2")
    own.add_argument("--dilation", type=size_argument, metavar="N", help="distance between the kernel's places")
    own.add_argument("--bias", type=number_argument, metavar="B", help="add a number to every sum")
    own.add_argument("--activation", metavar="F", help="then apply relu, tanh …")
    own.add_argument("--flip", action="store_true", help="turn the kernel by 180° first")
    own.add_argument("--shrink", type=size_argument, metavar="N", help="shrink a picture to N rows and columns at most")
    parser.add_argument(
        "--at", "--step", type=place, metavar="ROW,COLUMN", help="the place that is shown (default: the strongest)"
    )
    add_output(parser, *ENDINGS, *AS_TABLE, theme=True)


def run(arguments: Namespace) -> int:
    """Show the steps."""
    if arguments.image is not None and not (arguments.kernel or arguments.pool) and is_image(arguments.given):
        arguments.kernel, arguments.image = arguments.image, None  # as `hubel convolve` has them
    found = _own(arguments) if arguments.kernel or arguments.pool else _of_model(arguments)
    answer = Answer.of(
        found,
        data=lambda: found.data(arguments.at),
        lines=lambda width: found.lines(width, arguments.at),
        figure=lambda: found.figure(arguments.at),
        tables=found.tables,
        content=None if is_table(arguments) else lambda ending, theme: found.written(ending, theme, place=arguments.at),
    )
    return finish(arguments, answer)


def _own(arguments: Namespace) -> Stepping:
    """Return the steps of a kernel or a pooling on an image, without a network."""
    from hubel.look.byhand.stepping import step_walk

    if arguments.image is not None:
        raise SettingError("expected an image alone with --kernel or --pool, received a run as well")
    if arguments.layer is not None or arguments.filter is not None:
        raise SettingError("expected --layer and --filter with a run, received --kernel or --pool, which need none")
    source = source_of(arguments.given, arguments.shrink)
    walk = walk_of(source.planes, arguments)
    if walk.products > MOST_PRODUCTS:
        raise SettingError(
            f"expected at most {MOST_PRODUCTS:,} products, received {walk.products:,}; --shrink makes a picture smaller"
        )
    what = source.picture or "numbers"
    return step_walk(walk, f"{what}, {arguments.kernel}" if arguments.kernel and arguments.kernel.isalpha() else what)


def _of_model(arguments: Namespace) -> Stepping:
    """Return the steps of a trained network's layer on an image."""
    from hubel.cli._trained import open_model
    from hubel.look.access.sample import sample
    from hubel.look.byhand.stepping import step_layer

    if arguments.image is None:
        raise SettingError("expected a run and an image, or an image with --kernel or --pool, received one name alone")
    unusable = ("size", "stride", "dilation", "bias", "activation", "flip", "shrink")
    for name in unusable:
        if getattr(arguments, name):
            raise SettingError(f"expected --{name} with --kernel or --pool; a trained layer has its own")
    model = open_model(arguments.given, arguments.device)
    return step_layer(model, sample(model, arguments.image), arguments.layer, arguments.filter)
