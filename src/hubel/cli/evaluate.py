"""`hubel evaluate`: measure a trained run on a data set."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from hubel.base.errors import SettingError
from hubel.cli._finish import TABLES, Answer, add_output, finish
from hubel.cli._trained import add_engine, add_labelled, answering, check_order, labelled

if TYPE_CHECKING:
    from rich.console import RenderableType

    from hubel.tasks import Measured
    from hubel.view.words.tables import Table

DESCRIPTION = """Measure a run's model by its task's figures. Classification: accuracy, loss, precision and recall
of each class, and what it takes for what. Segmentation: mean IoU, pixel accuracy, and each class's IoU. Of several
labels: average precision, F1, AUC; of numbers: R² and errors. Of objects: COCO's average precisions and recalls, and
with -o FILE.png the curves of precision over recall. Of games: points, beside those of random play.

Without DATA, on the test part of what it was trained on."""
EXAMPLES = """  hubel evaluate runs/lenet5-mnist
  hubel evaluate runs/lenet5-mnist my-digits/
  hubel evaluate runs/lenet5-mnist --json | jq .accuracy"""

MOST_ROWS = 12
DRAWN = (".svg", ".png", ".pdf")


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument(
        "run_or_model", metavar="RUN", help="a run's directory, a model file, or an exported .onnx or package"
    )
    add_labelled(parser)
    add_engine(parser, "auto")
    add_output(parser, *TABLES, *DRAWN)


def run(arguments: Namespace) -> int:
    """Print a model's figures."""
    from hubel.tasks import evaluate
    from hubel.view.words.terminal import with_progress

    check_order("evaluate", arguments.run_or_model, arguments.data)
    opened = answering(arguments, many=True, whole=True)
    model: Any = opened.model
    part, dataset, notes = labelled(arguments, model)
    metrics = with_progress(model.task.measures(len(dataset)), lambda show: evaluate(model, dataset))
    said = {"engine": opened.engine, "notes": list(notes)}
    answer = Answer(
        data=lambda: {"part": part, "images": len(dataset), **metrics.data(), **said},
        lines=lambda width: _lines(metrics, dataset.name or part),
        tables=lambda: [_table(metrics, dataset.name or part)],
        content=(lambda ending, theme: _drawn(metrics, model.task.name, ending)) if _is_drawn(arguments) else None,
    )
    return finish(arguments, answer)


def _is_drawn(arguments: Namespace) -> bool:
    return arguments.output is not None and arguments.output.suffix.lower() in DRAWN


def _drawn(metrics: Measured, task: str, ending: str) -> bytes | str:
    drawing = metrics.drawing()
    if drawing is None:
        raise SettingError(f"figures of {task} are not drawn; -o FILE{TABLES[0]} holds them")
    return drawing.written(ending)


def _lines(metrics: Measured, of: str) -> Iterator[RenderableType]:
    from hubel.view.words.terminal import styled, table

    found = metrics.table(MOST_ROWS)
    first, _, rest = metrics.sentence(of).partition(" ")
    yield styled("[bold]{}[/] {}", first, rest)
    yield table(*found.titles, rows=found.rows)
    if found.note:
        yield styled("[dim]{}[/]", found.note)


def _table(metrics: Measured, of: str) -> Table:
    from hubel.view.words.tables import Table

    found = metrics.table(10**9)
    return Table(tuple(found.titles), tuple(map(tuple, found.rows)), metrics.sentence(of))
