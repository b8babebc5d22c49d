"""`hubel draw`: a network as a diagram, into an SVG, HTML or PNG file."""

from __future__ import annotations

import re
from argparse import ArgumentParser, Namespace
from pathlib import Path

from hubel.base.errors import SettingError
from hubel.cli._edits import add_set, edited
from hubel.cli._finish import FIGURES, Answer, add_output, finish
from hubel.cli._network import NoTreeError, add_network, add_options, load_network
from hubel.cli._numbers import real, whole

DESCRIPTION = """Draw a network, with every layer's sizes and costs written in: as volumes where it is one chain or a
U (boxes in perspective, with the window that each layer reads), else as blocks (branches side by side, repeats folded).

An HTML file also has the table of layers, and shows the formulas of the layer that one points at."""
EXAMPLES = """  hubel draw lenet5                            writes lenet5.svg, which follows light and dark
  hubel draw resnet152 -o resnet152.html       with the table and every formula
  hubel draw vgg16 -o vgg16.png --theme dark
  hubel draw unet -o unet.svg --page 390       for a narrow page
  hubel draw resnet50 -o resnet50.pdf --for slide
  hubel draw '28x28x1: conv 6 5x5 tanh, flatten, dense 10' -o mine.svg"""


def add_arguments(parser: ArgumentParser) -> None:
    """Add the arguments of the command."""
    from hubel.draw import FLOWS, PAGE, PAPERS, STYLES

    add_network(parser)
    parser.add_argument("--style", choices=STYLES, default="auto", help="how to draw it (default: what suits it)")
    parser.add_argument(
        "--page", type=real(100, 100_000), default=PAGE, metavar="PIXELS", help="the page's width (default: 1240)"
    )
    parser.add_argument(
        "--for",
        dest="purpose",
        choices=tuple(PAPERS),
        help="slide: 16:9, letters of at least 7 points; print: 17.8 cm wide, of at least 6; with fewer figures where "
        "that takes it",
    )
    parser.add_argument(
        "--flow",
        choices=FLOWS,
        help="of blocks: down, or across, from left to right (default: down; --for: what suits)",
    )
    parser.add_argument(
        "--detail",
        type=whole(0, 2),
        metavar="N",
        help="of blocks: 2, what layers do, give and cost; 1, without what they cost; 0, what they do (default: 2)",
    )
    add_output(parser, *FIGURES, theme=True)
    add_set(parser)
    add_options(parser)


def run(arguments: Namespace) -> int:
    """Write the file."""
    from hubel.draw import figure

    try:
        network = edited(load_network(arguments.network, arguments), arguments)
    except NoTreeError as error:
        if "hubel inspect draws" in error.why:
            raise
        raise SettingError(f"{error}; hubel inspect draws it (-o FILE.svg) as it runs") from None
    drawn = figure(
        network,
        arguments.style,
        arguments.theme,
        arguments.page,
        detail=arguments.detail,
        flow=arguments.flow,
        purpose=arguments.purpose,
    )
    if arguments.output is None and not arguments.json:
        arguments.output = Path(f"{re.sub(r'[^A-Za-z0-9_]', '', network.name) or 'network'}.svg")
    width, height = (drawn.scene.scale * side for side in (drawn.scene.width, drawn.scene.height))
    data = {"style": drawn.style, "width": width, "height": height, "text": str(network), "notes": drawn.notes}
    told = f"{drawn.style}, {width:.0f}×{height:.0f}"
    return finish(arguments, Answer(lambda: data, figure=lambda: drawn, summary=told, notes=drawn.notes))
