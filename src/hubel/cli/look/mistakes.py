"""`hubel look mistakes`: what a trained network gets wrong."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from hubel.base.errors import SettingError
from hubel.cli._finish import FIGURES, TABLES, Answer, add_output, finish
from hubel.cli._trained import add_labelled, labelled, open_model
from hubel.cli.look._common import add_run

HELP = "what a network takes for what, how sure it was, and labels that may be wrong"
DESCRIPTION = """Show what a trained network gets wrong: the confusion matrix (in HTML, a cell opens its images), the
errors it was surest of, how far its probabilities can be trusted, each class's figures, and labels that may be wrong.

Of masks, boxes and other answers it shows what their task tells of them: each class, and the worst with pictures.

Without DATA, on the test part of what it was trained on. Suspect labels are best looked for in images that the
network was not trained on."""
EXAMPLES = """  hubel look mistakes runs/lenet5-mnist -o mistakes.html
  hubel look mistakes runs/lenet5-mnist --cell 4,9 --cell 9,4 -o fours.png
  hubel look mistakes runs/photos my-photos/ --bad-images skip -o mistakes.html
  hubel look mistakes runs/photos my-photos/ -o mistakes.csv
  hubel look mistakes runs/lenet5-mnist --json | jq '.confident_errors[:3]'"""


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the command's arguments."""
    add_run(parser)
    add_labelled(parser)
    parser.add_argument(
        "--cell",
        action="append",
        default=[],
        metavar="IS,CALLED",
        help="show the images of one class that were taken for another (names or numbers); may be given several times",
    )
    add_output(parser, *dict.fromkeys((*FIGURES, *TABLES)), theme=True)


def run(arguments: Namespace) -> int:
    """Show the mistakes."""
    from hubel.look.errors.mistakes import Mistakes, mistakes

    model = open_model(arguments.run_or_model, arguments.device)
    cells = [_cell(text) for text in arguments.cell]
    part, dataset, notes = labelled(arguments, model)
    found = mistakes(model, dataset)
    name = model.network.title
    if not isinstance(found, Mistakes):
        if cells:
            raise SettingError(
                f"--cell is for classes that are taken for others, and this model says {model.task.noun[1]}"
            )
        told = {"part": part, **found.data(), "notes": list(notes)}
        return finish(arguments, Answer.of(found, data=lambda: told, figure=lambda: found.figure(name)))
    chosen = [(found.class_number(true), found.class_number(called)) for true, called in cells]
    data = {"part": part, **found.data(), "notes": list(notes)}
    if chosen:
        data["cells"] = [
            {
                "label": found.classes[true],
                "predicted": found.classes[called],
                "indices": found.cell(true, called).tolist(),
            }
            for true, called in chosen
        ]
    return finish(arguments, Answer.of(found, data=lambda: data, figure=lambda: found.figure(chosen, name)))


def _cell(text: str) -> tuple[str, str]:
    true, comma, called = text.partition(",")
    if not (true.strip() and comma and called.strip()):
        raise SettingError(f"expected --cell as IS,CALLED such as 4,9; received {text!r}")
    return true.strip(), called.strip()
