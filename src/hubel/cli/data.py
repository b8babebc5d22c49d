"""`hubel data`: what a data set holds, before anything is trained on it."""

from __future__ import annotations

import itertools
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from hubel.base.errors import SettingError
from hubel.cli._finish import TABLES, Answer, add_output, finish, picture_argument
from hubel.cli._numbers import whole
from hubel.cli._trained import add_layout, layout

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table

    from hubel.data import Description
    from hubel.tasks.segmentation.describe import MasksDescription
    from hubel.view.tables import Table as Data

DESCRIPTION = """Look at every image of a data set and tell what is there: classes in their order, counts, sizes,
kinds of pixels, copies, files that cannot be read and why, imbalance; of images with masks, the pixels and images
of each class, and what is missing or odd. Nothing is changed.

DATA is a word (mnist, fashion-mnist, cifar10, …) or a path: a folder with a subfolder for each class,
an archive of one, tar shards, a CSV file, .npz, .npy, IDX."""
EXAMPLES = """  hubel data mnist
  hubel data photos/ --sheet photos.png
  hubel data mnist --augment auto --sheet augmented.png
  hubel data photos/ --json"""

MOST_CLASSES = 30
MOST_FILES = 10


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("data", metavar="DATA", help="a data set's name, or a path")
    parser.add_argument("--sheet", type=picture_argument, metavar="FILE", help="write a contact sheet, a row a class")
    parser.add_argument(
        "--augment",
        metavar="HOW",
        help="show augmented images on the sheet: auto (what the rule chooses), or 'shift 1, flip, crop 0.35, …'",
    )
    parser.add_argument(
        "--workers", type=whole(1, 1_000), metavar="N", help="images read at once (default: one a processor)"
    )
    parser.add_argument("--void", type=whole(0, 255), metavar="VALUE", help="of masks: what is no class, besides 255")
    add_output(parser, *TABLES)
    add_layout(parser)


def run(arguments: Namespace) -> int:
    """Describe the set, and write the sheet that was asked for."""
    from hubel.data import describe
    from hubel.tasks.segmentation.reading import recognises

    if recognises(arguments.data):
        return _run_masks(arguments)
    if arguments.void is not None:
        raise SettingError(f"{arguments.data}: --void is said of masks, and there are none")
    if arguments.augment is not None and arguments.sheet is None:
        raise SettingError("expected --sheet FILE with --augment: that is where augmented images are shown")
    with _Bar() as bar:
        described = describe(arguments.data, workers=arguments.workers, progress=bar, **layout(arguments))
        written = _write_sheet(arguments, described, bar) if arguments.sheet else None
    answer = Answer(
        data=described.to_dict,
        lines=lambda width: (*text(described), *([f"\n{written}"] if written else [])),
        tables=lambda: [_counts(described)],
    )
    return finish(arguments, answer)


def _run_masks(arguments: Namespace) -> int:
    """Describe a folder of images and masks."""
    from hubel.tasks.segmentation.describe import describe

    said = [name.replace("_", "-") for name in layout(arguments)]
    said += [name for name in ("sheet", "augment") if getattr(arguments, name) is not None]
    if said:
        words = ", ".join(f"--{name}" for name in said)
        raise SettingError(f"{arguments.data}: {words} cannot be said of images with masks")
    with _Bar() as bar:
        described = describe(arguments.data, void=arguments.void, workers=arguments.workers, progress=bar)
    answer = Answer(
        data=described.to_dict,
        lines=lambda width: _masks_text(described),
        tables=lambda: [_masks_table(described)],
    )
    return finish(arguments, answer)


def _masks_table(described: MasksDescription) -> Data:
    from hubel.view.tables import Table as Data

    heads = [head for part in described.images for head in (f"#{part} images", f"#{part} pixels")]
    return Data(("#value", "class", *heads), tuple(_masks_rows(described)), described.name)


def _masks_rows(described: MasksDescription) -> Iterator[tuple[str | int, ...]]:
    for place, (name, value) in enumerate(zip(described.classes, described.values, strict=True)):
        of_parts = ((described.having[part][place], described.pixels[part][place]) for part in described.images)
        yield (value if value < 1 << 24 else f"#{value & 0xFFFFFF:06x}", name, *itertools.chain(*of_parts))


def _masks_text(described: MasksDescription) -> Iterator[RenderableType]:
    from hubel.view.terminal import styled, table

    told = "[bold cyan]{}[/]: {:,} images with masks of {:,} classes (segmentation)"
    yield styled(told, described.name, sum(described.images.values()), len(described.classes))
    rows: list[tuple[object, ...]] = [
        (value, styled("[cyan]{}[/]", name), *(f"{count:,}" for count in counts))
        for value, name, *counts in itertools.islice(_masks_rows(described), MOST_CLASSES)
    ]
    left = len(described.classes) - MOST_CLASSES
    if left > 0:
        rows.append(("", f"and {left:,} more; --json lists all"))
    void = (("", f"{described.void[part]:,}") for part in described.images)
    whole = (
        (f"{count:,}", f"{sum(described.pixels[part]) + described.void[part]:,}")
        for part, count in described.images.items()
    )
    rows += [("", "no class", *itertools.chain(*void)), ("", "all", *itertools.chain(*whole))]
    heads = (head for part in described.images for head in (f"#{part}: images", "#pixels"))
    yield table("#value", "class", *heads, rows=rows)
    yield ""
    yield _sizes(described)
    yield from _unreadable(described)
    yield from _told(described)


def _counts(described: Description) -> Data:
    from hubel.view.tables import Table as Data

    parts = described.counts
    rows: list[tuple[str | int, ...]] = [
        (label, name, *(parts[part][label] for part in parts)) for label, name in enumerate(described.classes)
    ]
    return Data(("#label", "class", *(f"#{part}" for part in parts)), tuple(rows), described.name)


class _Bar:
    """A progress bar on the error stream, there only while something takes long and someone looks."""

    def __enter__(self) -> _Bar:
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

        from hubel.view.terminal import console

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


def _write_sheet(arguments: Namespace, described: Description, bar: _Bar) -> str:
    from hubel.cli._picture import save_picture
    from hubel.data import Augmentation, Preprocessing, augmented_sheet, load

    if arguments.augment is None:
        save_picture(described.sheet, arguments.sheet)
        return f"The contact sheet is in {arguments.sheet}."
    splits = load(arguments.data, bad_images="skip", progress=bar, **layout(arguments))
    if arguments.augment == "auto":
        augmentation = Augmentation.for_dataset(splits.train, Preprocessing.for_dataset(splits.train), 10)
    else:
        augmentation = Augmentation.parse(arguments.augment)
    save_picture(augmented_sheet(splits.train, augmentation), arguments.sheet)
    return f"Images augmented by {augmentation} are in {arguments.sheet}."


def text(described: Description) -> Iterator[RenderableType]:
    """Yield the description, part by part, for a terminal."""
    from hubel.view.terminal import styled

    kinds = "class" if len(described.classes) == 1 else "classes"
    told = "[bold cyan]{}[/]: {:,} images in {:,} {}"
    yield styled(told, described.name, described.images, len(described.classes), kinds)
    yield _classes(described)
    yield ""
    yield _sizes(described)
    yield f"pixels     {_counted(described.modes)}"
    yield f"formats    {_counted(described.formats)}"
    if described.preprocessing is not None:
        yield f"prepared   {described.preprocessing}"
        yield f"augmented  {described.augmentation}"
    yield from _unreadable(described)
    for group in described.duplicates[:MOST_FILES]:
        yield styled("[yellow]same[/]       {}", " = ".join([*group[:4], *(["…"] if len(group) > 4 else [])]))
    if len(described.duplicates) > MOST_FILES:
        yield f"           and {len(described.duplicates) - MOST_FILES:,} more groups; --json lists all"
    yield from _told(described)


def _sizes(described: Description | MasksDescription) -> str:
    return f"sizes      {_counted({f'{h}×{w}': n for (h, w), n in described.sizes.items()})}"


def _unreadable(described: Description | MasksDescription) -> Iterator[RenderableType]:
    from hubel.view.terminal import styled

    for error in described.unreadable[:MOST_FILES]:
        yield styled("[red]unreadable[/] {}", error)
    if len(described.unreadable) > MOST_FILES:
        yield f"           and {len(described.unreadable) - MOST_FILES:,} more; --json lists all"


def _told(described: Description | MasksDescription) -> Iterator[str]:
    if described.notes:
        yield ""
    for note in described.notes:
        yield f"  • {note}"


def _classes(described: Description) -> Table:
    from hubel.view.terminal import styled, table

    rows: list[list[object]] = [
        [str(label), styled("[cyan]{}[/]", name), *(f"{counts[label]:,}" for counts in described.counts.values())]
        for label, name in enumerate(described.classes[:MOST_CLASSES])
    ]
    left = len(described.classes) - MOST_CLASSES
    if left > 0:
        rest = (sum(counts[MOST_CLASSES:]) for counts in described.counts.values())
        rows.append(["", f"and {left:,} more", *(f"{count:,}" for count in rest)])
    rows.append(["", "all", *(f"{sum(counts):,}" for counts in described.counts.values())])
    return table("#label", "class", *(f"#{part}" for part in described.counts), rows=rows)


def _counted(numbers: Mapping[str, int]) -> str:
    shown = [f"{name} ({count:,})" for name, count in list(numbers.items())[:6]]
    return ", ".join(shown) + (f" and {len(numbers) - 6:,} more" if len(numbers) > 6 else "")
