"""`hubel look cam`: which places speak for a class, by Grad-CAM."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from hubel.cli.look._attribution import add_shared, show

HELP = "which places of an image speak for a class (Grad-CAM)"
DESCRIPTION = """Weigh a layer's maps by their mean gradients and lay the sum over the image: Grad-CAM (Selvaraju et al.
2017). The layer is picked for you, the last with maps, and named in the picture; --layer asks for another. Where a map
is blank or not a number, it says why."""
EXAMPLES = """  hubel look cam runs/lenet5-mnist digit.png -o cam.png
  hubel look cam runs/photos cat.jpg dog.jpg --class cat --class dog -o cam.html
  hubel look cam runs/photos cat.jpg --layer stage3 --signed -o cam.svg
  hubel look cam runs/photos cat.jpg --json | jq '.maps[0].signed'"""


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the arguments."""
    add_shared(parser)
    parser.add_argument(
        "--layer", metavar="NAME", help="a layer's path, such as conv2 or stage3.block2 (default: picked)"
    )


def run(arguments: Namespace) -> int:
    """Draw the maps."""
    from hubel.look.attribution import grad_cam

    return show(arguments, grad_cam, values=True, layer=arguments.layer)
