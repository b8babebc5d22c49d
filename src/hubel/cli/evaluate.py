"""`hubel evaluate`: measure a trained run on a data set."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from typing import TYPE_CHECKING

from hubel.cli._output import print_json
from hubel.cli._trained import add_labelled, labelled, open_model

if TYPE_CHECKING:
    from hubel.tasks import Measured

DESCRIPTION = """Measure a run's model by its task's figures. Classification: accuracy, loss, precision and recall
of each class, and what it takes for what. Segmentation: mean IoU, pixel accuracy, and each class's IoU.

Without DATA, on the test part of what it was trained on."""
EXAMPLES = """  hubel evaluate runs/lenet5-mnist
  hubel evaluate runs/lenet5-mnist my-digits/
  hubel evaluate runs/lenet5-mnist --json | jq .accuracy"""

MOST_ROWS = 12


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("run_or_model", metavar="RUN", help="a run's directory, or a model file")
    add_labelled(parser)
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def run(arguments: Namespace) -> int:
    """Print a model's figures."""
    from hubel.tasks import evaluate

    model = open_model(arguments.run_or_model)
    part, dataset = labelled(arguments, model.network)
    metrics = evaluate(model, dataset)
    if arguments.json:
        print_json({"part": part, "images": len(dataset), **metrics.data()})
    else:
        _show(metrics, dataset.name or part)
    return 0


def _show(metrics: Measured, of: str) -> None:
    from hubel.view.terminal import console, styled, table

    screen, found = console(), metrics.table(MOST_ROWS)
    first, _, rest = metrics.sentence(of).partition(" ")
    screen.print(styled("[bold]{}[/] {}", first, rest))
    screen.print(table(*found.titles, rows=found.rows))
    if found.note:
        screen.print(found.note, style="dim")
