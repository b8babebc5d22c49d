"""`hubel look maps`: the activations of every layer for an image, on one page."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from hubel.cli._finish import FIGURES, Answer, add_output, finish
from hubel.cli.look._choose import add_channels, add_layer, count
from hubel.cli.look._common import add_image, add_run, load_samples

HELP = "what every layer makes of an image: all activations on one page"
DESCRIPTION = """Show the activations of every layer for an image, or for several beside each other.

Each layer stands with its shape, its size rule and what one of its numbers sees. Of large layers the strongest
channels are shown, and how many there are is said; vectors are strips, short ones bars."""
EXAMPLES = """  hubel look maps runs/lenet5-mnist digit.png -o maps.html
  hubel look maps runs/lenet5-mnist three.png eight.png -o both.png
  hubel look maps resnet50.safetensors cat.jpg --layer stage2 --most 16 -o stage2.html
  hubel look maps runs/lenet5-mnist digit.png --layer conv2 --channels 0,3,8-11 -o conv2.svg"""


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the command's arguments."""
    add_run(parser)
    add_image(parser, many=True)
    add_layer(parser, "all")
    add_channels(parser, "the strongest")
    parser.add_argument("--most", type=count, metavar="N", help="how many channels of a layer (default: 16, or 8)")
    add_output(parser, *FIGURES, theme=True)


def run(arguments: Namespace) -> int:
    """Show the maps."""
    from hubel.cli._trained import open_model
    from hubel.look.inside.maps import maps

    model = open_model(arguments.run_or_model, arguments.device)
    prepared = load_samples(arguments, model)
    found = maps(model, prepared, arguments.layer, arguments.channels, arguments.most)
    return finish(arguments, Answer.of(found))
