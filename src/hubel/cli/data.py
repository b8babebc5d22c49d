"""`hubel data`: what a data set holds, before anything is trained on it."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from hubel.base.files import replacing
from hubel.cli._finish import PICTURES, TABLES, Answer, add_output, finish, picture_argument
from hubel.cli._numbers import whole
from hubel.cli._trained import add_layout, add_validation, layout

if TYPE_CHECKING:
    from PIL.Image import Image

    from hubel.data import Augmentation, Dataset
    from hubel.tasks import Task

DESCRIPTION = """Look at every image of a data set and tell what is there: classes in their order, counts, sizes,
kinds of pixels, copies, files that cannot be read and why, imbalance; of images with masks, the pixels and images
of each class, and what is missing or odd. Nothing is changed.

DATA is a word (mnist, fashion-mnist, cifar10, …) or a path: a folder with a subfolder for each class,
an archive of one, tar shards, a CSV file, .npz, .npy, IDX."""
EXAMPLES = """  hubel data mnist
  hubel data photos/ --sheet photos.png
  hubel data streets/ --augment -o augmented.png
  hubel data photos/ --json"""


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("data", metavar="DATA", help="a data set's name, or a path")
    parser.add_argument(
        "--sheet",
        type=picture_argument,
        metavar="FILE",
        help="write a contact sheet, a row a class; -o with a picture does too",
    )
    parser.add_argument(
        "--augment",
        nargs="?",
        const="auto",
        metavar="HOW",
        help="write a sheet of augmented images with their masks, boxes or points (--sheet or -o FILE; default: "
        "augmented.png): auto (what the rule chooses; the default), or 'shift 1, flip, crop 0.35, …'",
    )
    parser.add_argument(
        "--workers", type=whole(1, 1_000), metavar="N", help="images read at once (default: one a processor)"
    )
    parser.add_argument("--void", type=whole(0, 255), metavar="VALUE", help="of masks: what is no class, besides 255")
    parser.add_argument(
        "--task",
        metavar="NAME",
        help="what is to be learned, where the data does not say it: multilabel, regression, colorize, synthesis",
    )
    add_validation(parser, "auto")
    add_output(parser, *TABLES, *PICTURES)
    add_layout(parser)


def run(arguments: Namespace) -> int:
    """Describe the set, and write the sheet that was asked for."""
    from hubel.tasks.registry import task_named, task_of_source

    kind, notes = (task_named(arguments.task), []) if arguments.task else task_of_source(arguments.data)
    settings = {} if arguments.validation == "auto" else {"validation": arguments.validation}
    settings |= layout(arguments) | ({} if arguments.void is None else {"void": arguments.void})
    if arguments.output is not None and arguments.output.suffix.lower() in PICTURES:
        arguments.sheet, arguments.output = arguments.output, None
    elif arguments.augment is not None and arguments.sheet is None:
        arguments.sheet = Path("augmented.png")
    with _Bar() as bar:
        described = kind.describe(arguments.data, workers=arguments.workers, progress=bar, **settings)
        written = _write_sheet(arguments, described, kind, bar)
    told = Answer.of(described, notes=notes)
    if written:
        told = replace(told, lines=lambda width: (*described.lines(width), f"\n{written}"))
    return finish(arguments, told)


class _Bar:
    """A progress bar on the error stream, there only while something takes long and someone looks."""

    def __enter__(self) -> _Bar:
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

        from hubel.view.words.terminal import console

        screen = console(stderr=True)
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
        self._bar = Progress(*columns, console=screen, transient=True, disable=not screen.is_terminal)
        self._bar.start()
        self._tasks: dict[str, int] = {}
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def __call__(self, what: str, done: int, total: int) -> None:
        from rich.progress import TaskID

        if what not in self._tasks:
            self._tasks[what] = self._bar.add_task(what, total=total or None)
        self._bar.update(TaskID(self._tasks[what]), completed=done, total=total or None)


def _save(sheet: Image, path: Path) -> None:
    with replacing(path) as unfinished:
        sheet.save(unfinished)


def _by_rule(train: Dataset) -> Augmentation:
    """What the rules of the data's task choose for training."""
    from hubel.data import Augmentation, Splits
    from hubel.train import choose
    from hubel.train._fitting import fitted_to

    return Augmentation.parse(choose(fitted_to(None, Splits(train), {}), train).augmentation)


def _write_sheet(arguments: Namespace, described: object, kind: type[Task], bar: _Bar) -> str:
    from hubel.data import Augmentation, Description, Preprocessing, augmented_sheet

    if arguments.sheet is None:
        return ""
    if arguments.augment is None and isinstance(described, Description):
        _save(described.sheet, arguments.sheet)
        return f"The contact sheet is in {arguments.sheet}."
    void = {} if arguments.void is None else {"void": arguments.void}
    train = kind.load(arguments.data, bad_images="skip", progress=bar, **layout(arguments), **void).train
    if arguments.augment == "auto" and train.targets.moves:
        augmentation = _by_rule(train)
    elif arguments.augment == "auto":
        augmentation = Augmentation.for_dataset(train, Preprocessing.for_dataset(train), 10)
    else:
        augmentation = Augmentation.parse(arguments.augment or "none")
    _save(augmented_sheet(train, augmentation), arguments.sheet)
    if not augmentation:
        return f"The contact sheet is in {arguments.sheet}."
    return f"Images augmented by {augmentation} are in {arguments.sheet}."
