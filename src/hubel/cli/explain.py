"""`hubel explain`: every shape, parameter and cost of a network, with its formula."""

from __future__ import annotations

from argparse import SUPPRESS, ArgumentParser, Namespace
from typing import Any

from hubel.arch import Report, Row, analyse, report_data, row_data
from hubel.cli._edits import add_set, edited
from hubel.cli._finish import TABLES, Answer, add_output, finish
from hubel.cli._network import add_network, add_options, load_network

DESCRIPTION = """Work out every layer's shape, parameters, multiply-adds and receptive field, and show the arithmetic.

With LAYER, all formulas of that layer (or of all layers inside that part), with names and with values."""
EXAMPLES = """  hubel explain lenet5
  hubel explain alexnet conv2
  hubel explain resnet18 --input 32x32x3 --classes 10
  hubel explain '32x32x3: conv 8 5x5, maxpool 2, flatten, dense 10'
  hubel explain lenet5 --set conv2.kernel_size=3 --set conv2.padding=same
  hubel explain '7x7x1: conv 1 3x3/3' --strict
  hubel explain vgg16 --json | jq .macs
  hubel explain vgg16 -o vgg16.csv                also .md, .tex, .html, .txt, .json"""


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the command's arguments."""
    add_network(parser)
    parser.add_argument(
        "layer", nargs="?", metavar="LAYER", default=SUPPRESS, help="a layer's name, such as conv2 or stage1.block2"
    )
    parser.add_argument("--layer", metavar="LAYER", help=SUPPRESS)
    parser.add_argument("--strict", action="store_true", help="refuse windows that leave rows or columns uncovered")
    add_output(parser, *TABLES)
    add_set(parser)
    add_options(parser)


def run(arguments: Namespace) -> int:
    """Print a network's figures."""
    report = analyse(edited(load_network(arguments.network, arguments), arguments), strict=arguments.strict)
    rows = report.find(arguments.layer) if arguments.layer else ()
    answer = Answer(
        data=lambda: _data(report, rows),
        lines=lambda width: _terminal().layer_parts(rows) if rows else _terminal().network_parts(report, width),
        tables=lambda: [_terminal().formulas_table(rows) if rows else _terminal().layers_table(report)],
    )
    return finish(arguments, answer)


def _data(report: Report, rows: tuple[Row, ...]) -> Any:
    found = [row_data(row) for row in rows]
    return report_data(report) if not rows else found[0] if len(found) == 1 else found


def _terminal() -> Any:
    import hubel.draw.terminal

    return hubel.draw.terminal
