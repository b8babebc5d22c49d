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
    from rich.markup import escape
    from rich.table import Table

    from hubel.cli._console import console

    screen = console()
    right = int(metrics.confusion.totals()[2].sum())
    name = dataset.name or part
    screen.print(
        f"[bold]{metrics.accuracy:.2%}[/] of {name} right ({right:,} of {len(dataset):,}), loss {metrics.loss:.4f}",
        highlight=False,
    )
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column("class")
    for title in ("images", "precision", "recall"):
        table.add_column(title, justify="right")
    table.add_column("most often taken for")
    worst = sorted(range(len(metrics.per_class)), key=lambda i: metrics.per_class[i].recall)
    shown = range(len(worst)) if len(worst) <= MOST_CLASSES else worst[:MOST_CLASSES]
    for i in shown:
        own = metrics.per_class[i]
        table.add_row(
            escape(own.name), f"{own.examples:,}", f"{own.precision:.2%}", f"{own.recall:.2%}", _mistakes(metrics, i)
        )
    screen.print(table, highlight=False)
    if len(worst) > MOST_CLASSES:
        screen.print(f"[dim]the {MOST_CLASSES} classes of least recall, of {len(worst)}; all of them: --json[/]")


def _mistakes(metrics: Metrics, i: int) -> str:
    wrong = [(count, j) for j, count in metrics.confusion.row(i) if j != i]
    return ", ".join(f"{metrics.per_class[j].name} ({count})" for count, j in sorted(wrong, reverse=True)[:3])
