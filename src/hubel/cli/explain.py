"""`hubel explain`: every shape, parameter and cost of a network, with its formula."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from hubel.arch import analyse, report_data, row_data
from hubel.cli._edits import add_set, edited
from hubel.cli._network import add_network, add_options, load_network
from hubel.cli._output import print_json

DESCRIPTION = """Work out every layer's shape, parameters, multiply-adds and receptive field, and show the arithmetic.

With LAYER, all formulas of that layer (or of all layers inside that part), with names and with values."""
EXAMPLES = """  hubel explain lenet5
  hubel explain alexnet conv2
  hubel explain resnet18 --input 32x32x3 --classes 10
  hubel explain '32x32x3: conv 8 5x5, maxpool 2, flatten, dense 10'
  hubel explain lenet5 --set conv2.kernel_size=3 --set conv2.padding=same
  hubel explain '7x7x1: conv 1 3x3/3' --strict
  hubel explain vgg16 --json | jq .macs"""


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the command's arguments."""
    add_network(parser)
    parser.add_argument("layer", nargs="?", metavar="LAYER", help="a layer's name, such as conv2 or stage1.block2")
    parser.add_argument("--strict", action="store_true", help="refuse windows that leave rows or columns uncovered")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    add_set(parser)
    add_options(parser)


def run(arguments: Namespace) -> int:
    """Print a network's figures."""
    report = analyse(edited(load_network(arguments.network, arguments), arguments), strict=arguments.strict)
    rows = report.find(arguments.layer) if arguments.layer else ()
    if arguments.json:
        data = report_data(report) if not rows else [row_data(row) for row in rows]
        print_json(data[0] if isinstance(data, list) and len(data) == 1 else data)
        return 0
    from hubel.draw.terminal import layer_parts, network_parts
    from hubel.view.terminal import console

    screen = console()
    for part in layer_parts(rows) if rows else network_parts(report, screen.width):
        screen.print(part)
    return 0
