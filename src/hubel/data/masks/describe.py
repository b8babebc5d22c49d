"""What a folder of images and masks holds, told before anything is trained on it."""

from __future__ import annotations

import itertools
import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from hubel.base.download import Progress
from hubel.base.errors import DataError
from hubel.base.names import listing
from hubel.base.numbers import counted
from hubel.data import ImageError, read_image
from hubel.data.sources.layout import Layout
from hubel.data.sources.parts import PARTS
from hubel.view.words.finding import Finding
from hubel.view.words.result import Part
from hubel.view.words.tables import Table

if TYPE_CHECKING:
    from rich.console import RenderableType
from hubel.data._split import to_hold_out
from hubel.data._told import (
    MOST_CLASSES,
    note_lines,
    problems_note,
    sizes_data,
    sizes_line,
    unreadable_data,
    unreadable_lines,
)
from hubel.data.masks.classes import Classes, classes_of, notes_of, values_in
from hubel.data.masks.load import find, values_of
from hubel.data.masks.pairs import Pair, size_of


@dataclass(frozen=True, repr=False)
class MasksDescription(Finding):
    """A folder's images and masks.

    classes, values: what masks hold, by name and by value in the files (of colours, 24 bits). images: of each part;
    having: of each part, how many images have each class; pixels: of each part, how many pixels each class has; void:
    of each part, how many have none. sizes: how many images have each (height, width). unreadable: what is missing, of
    another size or kind, or cannot be read, with reasons. notes: what to look at, in sentences.
    """

    name: str
    classes: tuple[str, ...]
    values: tuple[int, ...]
    images: Mapping[str, int]
    having: Mapping[str, tuple[int, ...]]
    pixels: Mapping[str, tuple[int, ...]]
    void: Mapping[str, int]
    sizes: Mapping[tuple[int, int], int]
    unreadable: tuple[ImageError, ...]
    notes: tuple[str, ...]

    def shown(self) -> list[Part]:
        """How many images and pixels each class has, and what to look at."""
        images = sum(self.images.values())
        classes = counted(len(self.classes), "class", "classes")
        return [f"{self.name}: {counted(images, 'image')}, masks of {classes}", *self.tables(), *self.notes]

    def data(self) -> dict[str, object]:
        """All of it, of plain types, for JSON."""
        return {
            "name": self.name,
            "task": "segmentation",
            "images": dict(self.images),
            "classes": list(self.classes),
            "values": list(self.values),
            "images_having": {part: list(counts) for part, counts in self.having.items()},
            "pixels": {part: list(counts) for part, counts in self.pixels.items()},
            "void_pixels": dict(self.void),
            "sizes": sizes_data(self.sizes),
            "unreadable": unreadable_data(self.unreadable),
            "notes": list(self.notes),
        }

    to_dict = data

    def lines(self, width: int = 160) -> Iterator[RenderableType]:
        """The description, part by part."""
        from hubel.view.words.terminal import styled, table

        classes = counted(len(self.classes), "class", "classes")
        told = "[bold cyan]{}[/]: {} with masks of {} (segmentation)"
        yield styled(told, self.name, counted(sum(self.images.values()), "image"), classes)
        rows: list[tuple[object, ...]] = [
            (value, styled("[cyan]{}[/]", name), *(f"{count:,}" for count in counts))
            for value, name, *counts in itertools.islice(self._rows(), MOST_CLASSES)
        ]
        left = len(self.classes) - MOST_CLASSES
        if left > 0:
            rows.append(("", f"and {left:,} more; --json lists all"))
        void = (("", f"{self.void[part]:,}") for part in self.images)
        whole = ((f"{count:,}", f"{sum(self.pixels[part]) + self.void[part]:,}") for part, count in self.images.items())
        rows += [("", "no class", *itertools.chain(*void)), ("", "all", *itertools.chain(*whole))]
        heads = (head for part in self.images for head in (f"#{part}: images", "#pixels"))
        yield table("#value", "class", *heads, rows=rows)
        yield ""
        yield sizes_line(self.sizes)
        yield from unreadable_lines(self.unreadable, "unusable")
        yield from note_lines(self.notes)

    def tables(self) -> list[Table]:
        """How many images and pixels each class has in each part."""
        heads = [head for part in self.images for head in (f"#{part} images", f"#{part} pixels")]
        return [Table(("#value", "class", *heads), tuple(self._rows()), self.name)]

    def _rows(self) -> Iterator[tuple[str | int, ...]]:
        for place, (name, value) in enumerate(zip(self.classes, self.values, strict=True)):
            of_parts = ((self.having[part][place], self.pixels[part][place]) for part in self.images)
            yield (value if value < 1 << 24 else f"#{value & 0xFFFFFF:06x}", name, *itertools.chain(*of_parts))


class _Looked(NamedTuple):
    part: str
    size: tuple[int, int]
    values: Mapping[int, int]  # how many pixels have each


def describe(
    source: str | os.PathLike[str],
    *,
    void: int | None = None,
    workers: int | None = None,
    progress: Progress | None = None,
    **others: object,
) -> MasksDescription:
    """Looks at every image and mask of a folder (see `reading.load`), decoding each in full, and tells what is there.

    Raises ValueError where no image has a mask, and for masks of classes that there are not.
    """
    root = Path(source).expanduser()
    there = find(root, Layout.of_parts(source, others, "images with masks"))
    pairs, problems = there.parts, there.problems
    entries = [(part, pair) for part, own in pairs.items() for pair in own]
    seen: list[_Looked] = []
    with ThreadPoolExecutor(workers) as pool:
        for done, found in enumerate(pool.map(_look, entries), 1):
            if isinstance(found, ImageError):
                problems.append(found)
            else:
                seen.append(found)
            if progress is not None:
                progress("looking at images and masks", done, len(entries))
    if not seen:
        raise DataError(
            f"{source}: expected images with masks, found none" + (f"; the first: {problems[0]}" if problems else "")
        )
    table = classes_of(root, sum((Counter(each.values) for each in seen), Counter[int]()), void, there.named)
    images = {part: count for part in PARTS if (count := sum(each.part == part for each in seen))}
    first = {place: value for value, place in reversed(list(table.places.items()))}  # several values may mean one class
    having, pixels, empty = {}, {}, {}
    for part in images:
        own = np.array([_by_class(each.values, table) for each in seen if each.part == part], np.int64)
        having[part] = tuple((own[:, :-1] > 0).sum(0).tolist())
        *pixels_of, empty[part] = own.sum(0).tolist()
        pixels[part] = tuple(pixels_of)
    share = empty.get("train", 0) / max(1, empty.get("train", 0) + sum(pixels.get("train", ())))
    notes = [*there.notes, *notes_of(root, table, pairs, share), *_notes(table.classes, images, having, problems)]
    return MasksDescription(
        os.fspath(source),
        table.classes,
        tuple(first[place] for place in range(len(table.classes))),
        images,
        having,
        pixels,
        empty,
        dict(Counter(each.size for each in seen).most_common()),
        tuple(problems),
        tuple(notes),
    )


def _notes(
    classes: Sequence[str],
    images: Mapping[str, int],
    having: Mapping[str, Sequence[int]],
    problems: Sequence[ImageError],
) -> Iterator[str]:
    for part, counts in having.items():
        absent = [name for name, count in zip(classes, counts, strict=True) if not count]
        if absent:
            yield f"{part} has no pixel of {listing(absent, 5)}"
    yield from problems_note(len(problems), "file", "files")
    yield from to_hold_out(images, "image")


def _look(entry: tuple[str, Pair]) -> _Looked | ImageError:
    part, pair = entry
    size = size_of(pair)
    if isinstance(size, ImageError):
        return size
    try:
        mask = values_of(pair.mask)
        read_image(pair.image)
    except ImageError as error:
        return error
    return _Looked(part, size, values_in(mask))


def _by_class(values: Mapping[int, int], table: Classes) -> list[int]:
    """Pixels of each class, and last of none."""
    found = [0] * (len(table.classes) + 1)
    for value, count in values.items():
        found[table.places.get(value, -1)] += count
    return found
