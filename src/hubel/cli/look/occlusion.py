"""`hubel look occlusion`: how much a class's logit falls when a square is covered."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from hubel.cli._numbers import whole
from hubel.cli.look._attribution import add_baseline, add_shared, show

HELP = "how much a class's logit falls when a square of the image is covered"
DESCRIPTION = """Cover the image with a square, step by step, and see how much a class's logit falls (Zeiler and Fergus
2014). It needs no gradients, and takes a run of the network for each place of the square."""
EXAMPLES = """  hubel look occlusion runs/lenet5-mnist digit.png -o occlusion.png
  hubel look occlusion runs/photos cat.jpg --window 48 --stride 16 -o occlusion.png"""


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the arguments."""
    add_shared(parser)
    add_baseline(parser, "the ground of drawings, the mean colour for photographs")
    parser.add_argument(
        "--window", type=whole(), metavar="PIXELS", help="the square's side (default: a seventh of the image)"
    )
    parser.add_argument("--stride", type=whole(), metavar="PIXELS", help="the square's step (default: half its side)")


def run(arguments: Namespace) -> int:
    """Draw the maps."""
    from hubel.look.attribution import occlusion

    return show(arguments, occlusion, window=arguments.window, stride=arguments.stride, baseline=arguments.baseline)
