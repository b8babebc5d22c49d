"""`hubel look unit`: one number of one layer, and the numbers that fed it."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from hubel.cli._finish import FIGURES, Answer, add_output, finish
from hubel.cli._numbers import whole
from hubel.cli.look._choose import add_layer, count, place_or_step
from hubel.cli.look._common import add_image, add_run, load_samples

HELP = "one number of one layer: what it sees, and the exact numbers that fed it"
DESCRIPTION = """Follow one number of a layer's output down to the pixels: its receptive field on the image, and layer
by layer the products, the bias, the running sum and the activation that gave the value PyTorch computed.

Where no layer is named it is the last one; where no place or channel is named, the largest number. At each layer the
strongest of the numbers that came in is followed down, or the N strongest (--expand N)."""
EXAMPLES = """  hubel look unit runs/lenet5-mnist digit.png
  hubel look unit runs/lenet5-mnist digit.png --layer conv2 --at 3,5 --channel 7 -o unit.html
  hubel look unit runs/lenet5-mnist digit.png --layer pool1 --terms 20
  hubel look unit runs/lstm-plays 'ROMEO: I' --layer lstm1 --at 7 --channel 12
  hubel look unit resnet50.safetensors cat.jpg --layer stage2 --json"""

MOST_TERMS = 6


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the command's arguments."""
    add_run(parser)
    add_image(parser)
    add_layer(parser, "the last one")
    parser.add_argument(
        "--at",
        type=place_or_step,
        metavar="ROW,COLUMN",
        help="the place in the layer's output, from 0, or of a text the step (default: the largest)",
    )
    parser.add_argument(
        "--channel",
        type=whole(0, 2**40),
        metavar="N",
        help="the channel, or the number of a vector, from 0 (default: the largest)",
    )
    parser.add_argument(
        "--expand", type=count, default=1, metavar="N", help="how many of each layer's strongest are followed"
    )
    parser.add_argument(
        "--terms",
        type=count,
        metavar="N",
        help=f"how many products are shown of many (default: {MOST_TERMS}; --json: all)",
    )
    add_output(parser, *FIGURES, theme=True)


def run(arguments: Namespace) -> int:
    """Show where the number comes from."""
    from hubel.cli._trained import open_model
    from hubel.look.unit import unit

    model = open_model(arguments.run_or_model, arguments.device)
    (sample,) = load_samples(arguments, model)
    found = unit(model, sample, arguments.layer, arguments.at, arguments.channel, arguments.expand)
    answer = Answer.of(
        found,
        data=lambda: found.data(arguments.terms),
        lines=lambda width: found.lines(width, arguments.terms or MOST_TERMS),
    )
    return finish(arguments, answer)
