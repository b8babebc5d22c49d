"""`hubel look saliency`: how steeply a class's logit changes with each pixel."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from hubel.cli._numbers import SEEDS, real, whole
from hubel.cli.look._attribution import add_shared, show

HELP = "how steeply a class's logit changes with each pixel (its gradient)"
DESCRIPTION = """Draw the gradient of a class's logit by every pixel (Simonyan et al. 2014). It is noisy by nature:
--samples 25 takes the mean over noisy copies of the image (SmoothGrad, Smilkov et al. 2017)."""
EXAMPLES = """  hubel look saliency runs/lenet5-mnist digit.png -o saliency.png
  hubel look saliency runs/photos cat.jpg --samples 25 -o saliency.png
  hubel look saliency runs/photos cat.jpg --signed --class cat -o saliency.html"""


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the arguments."""
    add_shared(parser)
    parser.add_argument(
        "--samples", type=whole(1, 100_000), default=1, metavar="N", help="noisy copies to take the mean of (default 1)"
    )
    parser.add_argument(
        "--noise",
        type=real(0, 1e6),
        default=0.15,
        metavar="SHARE",
        help="their deviation, of the input's range (default 0.15)",
    )
    parser.add_argument("--seed", type=whole(0, SEEDS), default=0, help="of the noise (default 0)")


def run(arguments: Namespace) -> int:
    """Draw the maps."""
    from hubel.look.attribution import saliency

    return show(arguments, saliency, samples=arguments.samples, noise=arguments.noise, seed=arguments.seed)
