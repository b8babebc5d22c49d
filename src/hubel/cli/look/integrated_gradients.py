"""`hubel look integrated-gradients`: what each pixel adds to a class's logit."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from hubel.cli._numbers import real, whole
from hubel.cli.look._attribution import add_baseline, add_shared, show

HELP = "what each pixel adds to a class's logit, all adding up to it"
DESCRIPTION = """Follow a class's logit from a baseline (no image) to the image and give each pixel its part of the
change (Sundararajan et al. 2017). The parts add up to the change; how nearly is printed, and steps are raised
until it is within --tolerance."""
EXAMPLES = """  hubel look integrated-gradients runs/lenet5-mnist digit.png -o gradients.png
  hubel look integrated-gradients runs/photos cat.jpg --baseline blur -o gradients.html
  hubel look integrated-gradients runs/photos cat.jpg --tolerance 0.001 --most-steps 1024 --memory 256"""


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the arguments."""
    add_shared(parser)
    add_baseline(parser, "the ground of drawings, black for photographs")
    parser.add_argument(
        "--tolerance",
        type=real(0, 1e6),
        default=0.02,
        metavar="SHARE",
        help="how far the sum may be off (default 0.02)",
    )
    parser.add_argument("--most-steps", type=whole(), default=128, metavar="N", help="where to stop (default 128)")


def run(arguments: Namespace) -> int:
    """Draw the maps."""
    from hubel.look.attribution import integrated_gradients

    return show(
        arguments,
        integrated_gradients,
        baseline=arguments.baseline,
        tolerance=arguments.tolerance,
        most_steps=arguments.most_steps,
    )
