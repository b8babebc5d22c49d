"""`hubel advise`: what an expert would point at in a network."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from hubel.advise import Advice, advise
from hubel.cli._edits import add_set, edited
from hubel.cli._finish import TABLES, Answer, add_output, finish
from hubel.cli._network import add_network, add_options, load_network

if TYPE_CHECKING:
    from rich.console import RenderableType

    from hubel.view.tables import Table

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
    found = advise(network)
    answer = Answer(
        data=lambda: {"name": network.name, "text": str(network), "advice": [_data(advice) for advice in found]},
        lines=lambda width: _lines(found),
        tables=lambda: [_table(found)],
    )
    return finish(arguments, answer)


def _table(found: Sequence[Advice]) -> Table:
    from hubel.view.tables import Table

    rows = tuple((advice.rule, advice.finding, advice.remedy) for advice in found)
    return Table(("rule", "finding", "remedy"), rows, "advice")


def _lines(found: Sequence[Advice]) -> Iterator[RenderableType]:
    from hubel.view.terminal import styled

    for advice in found:
        yield styled("[bold]{}[/]  {}", advice.rule, advice.finding)
        yield f"  → {advice.remedy}"
    if not found:
        yield "nothing to point at"


def _data(advice: Advice) -> dict[str, object]:
    return {
        "rule": advice.rule,
        "layers": list(advice.paths),
        "finding": advice.finding,
        "remedy": advice.remedy,
        "figures": dict(advice.figures),
        "changed": str(advice.network) if advice.network is not None else None,
    }
