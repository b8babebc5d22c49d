"""`hubel draw`: a network as a diagram, into an SVG, HTML or PNG file."""

from __future__ import annotations

import re
from argparse import ArgumentParser, Namespace
from pathlib import Path

from hubel.cli._edits import add_set, edited
from hubel.cli._finish import FIGURES, Answer, add_output, finish
from hubel.cli._network import add_network, add_options, load_network
from hubel.cli._numbers import real

DESCRIPTION = """Draw a network, with every layer's sizes and costs written in: as volumes where it is one chain (boxes
in perspective, with the window that each layer reads), else as blocks (branches side by side, repeats folded).

An HTML file also has the table of layers, and shows the formulas of the layer that one points at."""
EXAMPLES = """  hubel draw lenet5                            writes lenet5.svg, which follows light and dark
  hubel draw resnet152 -o resnet152.html       with the table and every formula
  hubel draw vgg16 -o vgg16.png --theme dark
  hubel draw unet -o unet.svg --page 390       for a narrow page
  hubel draw '28x28x1: conv 6 5x5 tanh, flatten, dense 10' -o mine.svg"""


def add_arguments(parser: ArgumentParser) -> None:
    """Add the arguments of the command."""
    from hubel.draw import PAGE, STYLES

    add_network(parser)
    parser.add_argument("--style", choices=STYLES, default="auto", help="how to draw it (default: what suits it)")
    parser.add_argument(
        "--page", type=real(100, 100_000), default=PAGE, metavar="PIXELS", help="the page's width (default: 1240)"
    )
    add_output(parser, *FIGURES, theme=True)
    add_set(parser)
    add_options(parser)


def run(arguments: Namespace) -> int:
    """Write the file."""
    from hubel.draw import figure

    network = edited(load_network(arguments.network, arguments), arguments)
    drawn = figure(network, arguments.style, arguments.theme, arguments.page)
    if arguments.output is None and not arguments.json:
        arguments.output = Path(f"{re.sub(r'[^A-Za-z0-9_]', '', network.name) or 'network'}.svg")
    data = {"style": drawn.style, "width": drawn.scene.width, "height": drawn.scene.height, "text": str(network)}
    told = f"{drawn.style}, {drawn.scene.width:.0f}×{drawn.scene.height:.0f}"
    return finish(arguments, Answer(lambda: data, figure=lambda: drawn, summary=told))
