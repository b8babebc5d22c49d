"""`hubel advise`: what an expert would point at in a network."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from hubel.advise import Advice, advise
from hubel.cli._edits import add_set, edited
from hubel.cli._network import add_network, add_options, load_network
from hubel.cli._output import print_json

DESCRIPTION = """Point at what an expert would: heavy dense layers, dear convolutions, receptive fields, useless biases.

Each remark has its figures, worked out by changing the network and analysing it anew. No remark: nothing was found."""
EXAMPLES = """  hubel advise vgg16_bn
  hubel advise '28x28x192: conv 32 5x5 same'
  hubel advise '32x32x3: conv 12 5x5, norm, relu, maxpool 3, flatten, dense 10' --json"""


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the command's arguments."""
    add_network(parser)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    add_set(parser)
    add_options(parser)


def run(arguments: Namespace) -> int:
    """Print every remark."""
    network = edited(load_network(arguments.network, arguments), arguments)
    found = advise(network)
    if arguments.json:
        data = {"name": network.name, "text": str(network), "advice": [_data(advice) for advice in found]}
        print_json(data)
        return 0
    from hubel.view.terminal import console, styled

    screen = console()
    for advice in found:
        screen.print(styled("[bold]{}[/]  {}", advice.rule, advice.finding))
        screen.print(f"  → {advice.remedy}")
    if not found:
        screen.print("nothing to point at")
    return 0


def _data(advice: Advice) -> dict[str, object]:
    return {
        "rule": advice.rule,
        "layers": list(advice.paths),
        "finding": advice.finding,
        "remedy": advice.remedy,
        "figures": dict(advice.figures),
        "changed": str(advice.network) if advice.network is not None else None,
    }
