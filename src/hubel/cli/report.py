"""`hubel report`: a run as one page that works offline."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from functools import partial
from typing import TYPE_CHECKING

from hubel.cli._finish import Answer, finish, output_file
from hubel.cli._output import tell
from hubel.cli._trained import add_device, add_labelled, check_order, computing_device, read, reading

if TYPE_CHECKING:
    from hubel.data import Dataset
    from hubel.train import Run

DESCRIPTION = """Write a run as one HTML file that works offline: the network, how training went, what is taken for what
with the images and the model's probabilities, and for small networks the model itself, running in the page.

Training writes it too. Without DATA, the model is measured on the test part of what it was trained on."""
EXAMPLES = """  hubel report runs/lenet5-mnist
  hubel report runs/lenet5-mnist --open
  hubel report runs/photos more-photos/ -o more.html"""


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("run_directory", metavar="RUN", help="a run's directory")
    add_labelled(parser)
    parser.add_argument(
        "-o",
        "--output",
        type=partial(output_file, (".html", ".htm")),
        metavar="FILE",
        help="where the page goes, .html (default: report.html in the run)",
    )
    parser.add_argument(
        "--judge",
        metavar="RUN",
        help="of pictures that are made: the classifier that counts their classes (default: one beside RUN, trained on "
        "the same data)",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON value: where the page lies")
    parser.add_argument("--open", action="store_true", help="open it in the browser")
    add_device(parser)


def run(arguments: Namespace) -> int:
    """Write the page, and say where it lies."""
    from hubel.report import REPORT, report_page
    from hubel.train import Run
    from hubel.view.words.terminal import with_progress

    check_order("report", arguments.run_directory, arguments.data)
    done = Run.open(arguments.run_directory)
    dataset, training = _parts(arguments, done)
    device = computing_device(arguments.device)
    page = with_progress(
        f"{done.task.measures(len(dataset or ()))}, and writing the report",
        lambda show: report_page(done, dataset, device, training=training, judge=arguments.judge),
    )
    path = arguments.output = arguments.output or done.directory / REPORT
    told = {"report": str(path), "bytes": len(page.encode())}
    finish(arguments, Answer(lambda: told, content=lambda ending, theme: page))
    if arguments.open:
        import webbrowser

        webbrowser.open(path.resolve().as_uri())
    return 0


def _parts(arguments: Namespace, done: Run) -> tuple[Dataset | None, Dataset | None]:
    """The part of DATA to measure on, by default of the run's own data, which then also says what was trained on; None
    where that cannot be read. Raises SettingError where there is no such part.
    """
    from hubel.data import align
    from hubel.report import own_splits
    from hubel.view.words.terminal import console

    if arguments.data is not None:
        asked = {**done.task.reading(), **reading(arguments, done.task.images_of(done.network))}
        splits = read(**{"task": done.task.name, **asked})
        dataset, notes = align(splits.part(arguments.part)[1], done.classes)
        for note in notes:
            tell(note)
        return dataset, None
    try:
        splits = own_splits(done)
    except (OSError, ValueError, LookupError) as error:
        again = f"hubel report {arguments.run_directory} DATA"
        console(stderr=True).print(
            f"the report has no images, which cannot be read ({error}); with them: {again}",
            markup=False,
            soft_wrap=True,
        )
        return None, None
    return splits.part(arguments.part)[1], splits.train
