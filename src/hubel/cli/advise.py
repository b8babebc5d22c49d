"""`hubel advise`: what an expert would point at in a network."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from hubel.advise import advise
from hubel.cli._edits import add_set, edited
from hubel.cli._finish import TABLES, Answer, add_output, finish
from hubel.cli._network import add_network, add_options, load_network

DESCRIPTION = """Point at what an expert would: heavy dense layers, dear convolutions, receptive fields, useless biases.

Each remark has its figures, worked out by changing the network and analysing it anew. No remark: nothing was found."""
EXAMPLES = """  hubel advise vgg16_bn
  hubel advise '28x28x192: conv 32 5x5 same'
  hubel advise '32x32x3: conv 12 5x5, norm, relu, maxpool 3, flatten, dense 10' --json"""


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the command's arguments."""
    add_network(parser)
    add_output(parser, *TABLES)
    add_set(parser)
    add_options(parser)


def run(arguments: Namespace) -> int:
    """Print every remark."""
    network = edited(load_network(arguments.network, arguments), arguments)
    return finish(arguments, Answer.of(advise(network)))
