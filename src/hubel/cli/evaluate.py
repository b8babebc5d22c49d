"""`hubel evaluate`: measure a trained run on a data set."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from typing import TYPE_CHECKING

from hubel.cli._output import print_json
from hubel.cli._trained import add_labelled, labelled, open_model

if TYPE_CHECKING:
    from hubel.data import Dataset
    from hubel.tasks import Metrics

DESCRIPTION = """Measure a run's model: accuracy, loss, precision and recall of each class, and what it takes for what.

Without DATA, on the test part of what it was trained on."""
EXAMPLES = """  hubel evaluate runs/lenet5-mnist
  hubel evaluate runs/lenet5-mnist my-digits/
  hubel evaluate runs/lenet5-mnist --json | jq .accuracy"""

MOST_CLASSES = 12


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
        _show(part, dataset, metrics)
    return 0


def _show(part: str, dataset: Dataset, metrics: Metrics) -> None:
    from hubel.view.terminal import console, styled, table

    screen = console()
    right = int(metrics.confusion.totals()[2].sum())
    told = "[bold]{:.2%}[/] of {} right ({:,} of {:,}), loss {:.4f}"
    screen.print(styled(told, metrics.accuracy, dataset.name or part, right, len(dataset), metrics.loss))
    worst = sorted(range(len(metrics.per_class)), key=lambda i: metrics.per_class[i].recall)
    rows = []
    for i in range(len(worst)) if len(worst) <= MOST_CLASSES else worst[:MOST_CLASSES]:
        own = metrics.per_class[i]
        rows.append((own.name, f"{own.examples:,}", f"{own.precision:.2%}", f"{own.recall:.2%}", _mistakes(metrics, i)))
    screen.print(table("class", "#images", "#precision", "#recall", "most often taken for", rows=rows))
    if len(worst) > MOST_CLASSES:
        told = f"the {MOST_CLASSES} classes of least recall, of {len(worst)}; all of them: --json"
        screen.print(told, style="dim")


def _mistakes(metrics: Metrics, i: int) -> str:
    wrong = [(count, j) for j, count in metrics.confusion.row(i) if j != i]
    return ", ".join(f"{metrics.per_class[j].name} ({count})" for count, j in sorted(wrong, reverse=True)[:3])
