"""What pictures with boxes hold, told before anything is trained on them."""

from __future__ import annotations

import itertools
import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from hubel.base.download import Progress
from hubel.base.names import listing
from hubel.base.numbers import counted
from hubel.data import ImageError
from hubel.data._marked import empty_line, odd_lines
from hubel.data._split import to_hold_out
from hubel.data._told import (
    MOST_CLASSES,
    note_lines,
    parts_note,
    problems_note,
    several,
    sizes_data,
    sizes_line,
    unreadable_data,
    unreadable_lines,
)
from hubel.data.boxes.load import THINGS, Checked, Seen, checked, usual_size
from hubel.data.sources.layout import Layout
from hubel.data.sources.listing import some
from hubel.view.words.finding import Finding
from hubel.view.words.result import Part
from hubel.view.words.tables import Table

if TYPE_CHECKING:
    from rich.console import RenderableType

_RARE = 10  # times fewer boxes than the commonest class has, from which it is said
_ALIKE = 0.9  # intersection over union from which two boxes are likely of one object
_LONG = 8  # times longer than wide, from which a box is named
_TINY = 4.0  # pixels of a side below which a box is named
_THIRDS = ("top left", "top", "top right", "left", "middle", "right", "bottom left", "bottom", "bottom right")


@dataclass(frozen=True, repr=False)
class BoxesDescription(Finding):
    """Pictures and their boxes.

    classes, ids: by name, and by number in the files. images: of each part; having: of each part, how many pictures
    show each class; boxes: of each part, how many each class has. sides: of each class, the side of a square as large
    as the boxes, in pixels, at the tenth, fiftieth and ninetieth per cent. places: the share of boxes whose middle lies
    in each ninth of the picture, row by row. crowding: objects a picture, at least, usually and at most, and the share
    of boxes that overlap another by a tenth of their union. sizes: how many pictures have each (height, width).
    suspicious: places of boxes by what is odd about them. unreadable: what cannot be used, with reasons.
    """

    name: str
    format: str
    classes: tuple[str, ...]
    ids: tuple[int, ...]
    images: Mapping[str, int]
    having: Mapping[str, tuple[int, ...]]
    boxes: Mapping[str, tuple[int, ...]]
    sides: Mapping[str, tuple[float, float, float]]
    places: tuple[float, ...]
    crowding: tuple[int, float, int, float]
    sizes: Mapping[tuple[int, int], int]
    suspicious: Mapping[str, tuple[str, ...]]
    unreadable: tuple[ImageError, ...]
    notes: tuple[str, ...]

    def shown(self) -> list[Part]:
        """How many pictures and boxes each class has, and what to look at."""
        images, boxes = sum(self.images.values()), sum(map(sum, self.boxes.values()))
        return [
            f"{self.name}: {counted(images, 'picture')}, {counted(boxes, 'box', 'boxes')} of "
            f"{counted(len(self.classes), 'class', 'classes')}",
            *self.tables(),
            *self.notes,
        ]

    def data(self) -> dict[str, object]:
        """All of it, of plain types, for JSON."""
        least, usual, most, touching = self.crowding
        return {
            "name": self.name,
            "task": "detection",
            "format": self.format,
            "images": dict(self.images),
            "classes": list(self.classes),
            "ids": list(self.ids),
            "images_having": {part: list(counts) for part, counts in self.having.items()},
            "boxes": {part: list(counts) for part, counts in self.boxes.items()},
            "sides": {name: list(sides) for name, sides in self.sides.items()},
            "places": dict(zip(_THIRDS, self.places, strict=True)),
            "objects_an_image": {"least": least, "median": usual, "most": most},
            "overlapping": touching,
            "sizes": sizes_data(self.sizes),
            "suspicious": {kind: list(places) for kind, places in self.suspicious.items()},
            "unreadable": unreadable_data(self.unreadable),
            "notes": list(self.notes),
        }

    to_dict = data

    def lines(self, width: int = 160) -> Iterator[RenderableType]:
        """The description, part by part."""
        from hubel.view.words.terminal import styled, table

        told = "[bold cyan]{}[/]: {} with {} of {} (detection), as {} has them"
        boxes = counted(sum(map(sum, self.boxes.values())), "box", "boxes")
        classes = counted(len(self.classes), "class", "classes")
        yield styled(told, self.name, counted(sum(self.images.values()), "picture"), boxes, classes, self.format)
        rows: list[tuple[object, ...]] = [
            (number, styled("[cyan]{}[/]", name), *(f"{count:,}" for count in counts), self._sides(name))
            for number, name, *counts in itertools.islice(self._rows(), MOST_CLASSES)
        ]
        left = len(self.classes) - MOST_CLASSES
        if left > 0:
            rows.append(("", f"and {left:,} more; --json lists all"))
        whole = ((f"{count:,}", f"{sum(self.boxes[part]):,}") for part, count in self.images.items())
        rows.append(("", "all", *itertools.chain(*whole)))
        heads = (head for part in self.images for head in (f"#{part}: pictures", "#boxes"))
        yield table("#number", "class", *heads, "#sides (10, 50, 90 %)", rows=rows)
        yield ""
        yield sizes_line(self.sizes)
        least, usual, most, touching = self.crowding
        yield f"objects    {several(least, usual, most)}; {touching:.0%} overlap another"
        yield f"places     {', '.join(f'{name} {share:.0%}' for name, share in zip(_THIRDS, self.places, strict=True))}"
        yield from unreadable_lines(self.unreadable, "unusable")
        yield from note_lines(self.notes)

    def tables(self) -> list[Table]:
        """How many pictures and boxes each class has in each part."""
        heads = [head for part in self.images for head in (f"#{part} pictures", f"#{part} boxes")]
        return [Table(("#number", "class", *heads), tuple(self._rows()), self.name)]

    def _rows(self) -> Iterator[tuple[Any, ...]]:
        for place, (name, number) in enumerate(zip(self.classes, self.ids, strict=True)):
            of_parts = ((self.having[part][place], self.boxes[part][place]) for part in self.images)
            yield (number, name, *itertools.chain(*of_parts))

    def _sides(self, name: str) -> str:
        return ", ".join(f"{side:.0f}" for side in self.sides[name]) if name in self.sides else ""


def describe(
    source: str | os.PathLike[str],
    *,
    workers: int | None = None,
    progress: Progress | None = None,
    **others: object,
) -> BoxesDescription:
    """Looks at every annotation and at the header of every picture, and tells what is there (see `load.load`).

    Raises DataError where labels and pictures do not match.
    """
    found = checked(source, Layout.of_parts(source, others, "pictures with boxes"), progress)
    kinds = found.annotations.classes
    place = {name: number for number, name in enumerate(kinds)}
    images = found.images
    having, boxes = {}, {}
    for part in images:
        own = [[place[box.name] for box in seen.marks] for seen in found.seen if seen.part == part]
        boxes[part] = _by_number(itertools.chain(*own), len(kinds))
        having[part] = _by_number(itertools.chain(*map(set, own)), len(kinds))
    suspicious = {**{kind: tuple(places) for kind, places in found.odd.items()}, **_suspicious(found.seen)}
    return BoxesDescription(
        os.fspath(source),
        found.annotations.format,
        tuple(kinds),
        tuple(kinds.values()),
        images,
        having,
        boxes,
        _sides(found.seen),
        _places(found.seen),
        _crowding(found.seen),
        dict(Counter(seen.size for seen in found.seen).most_common()),
        suspicious,
        tuple(found.problems),
        (*found.annotations.notes, *_notes(found, images, boxes), *odd_lines(suspicious, THINGS)),
    )


def _by_number(numbers: Iterator[int], size: int) -> tuple[int, ...]:
    counts: npt.NDArray[np.int64] = np.bincount(np.fromiter(numbers, np.int64), minlength=size)
    return tuple(counts.tolist())


def _sides(seen: Sequence[Seen]) -> dict[str, tuple[float, float, float]]:
    own: dict[str, list[float]] = {}
    for each in seen:
        for box in each.marks:
            area = (box.right - box.left) * each.size[1] * (box.bottom - box.top) * each.size[0]
            own.setdefault(box.name, []).append(area**0.5)
    return {name: _percentiles(sides) for name, sides in own.items()}


def _percentiles(sides: Sequence[float]) -> tuple[float, float, float]:
    low, middle, high = (round(float(side), 1) for side in np.percentile(sides, (10, 50, 90)))
    return low, middle, high


def _places(seen: Sequence[Seen]) -> tuple[float, ...]:
    counts = np.zeros(9)
    for each in seen:
        for box in each.marks:
            across, down = ((low + high) / 2 for low, high in ((box.left, box.right), (box.top, box.bottom)))
            counts[min(2, int(3 * down)) * 3 + min(2, int(3 * across))] += 1
    return tuple(round(float(share), 4) for share in counts / max(1, counts.sum()))


def _crowding(seen: Sequence[Seen]) -> tuple[int, float, int, float]:
    counts = [len(each.marks) for each in seen]
    touching = sum(int((overlaps(each) >= 0.1).any(1).sum()) for each in seen if len(each.marks) > 1)
    return min(counts), float(np.median(counts)), max(counts), round(touching / max(1, sum(counts)), 4)


def overlaps(seen: Seen) -> npt.NDArray[np.float64]:
    """Intersection over union of a picture's boxes with one another, 0 with themselves."""
    edges = np.array([box[1:5] for box in seen.marks], np.float64).reshape(-1, 4)
    low, high = np.maximum(edges[:, None, :2], edges[None, :, :2]), np.minimum(edges[:, None, 2:], edges[None, :, 2:])
    both = np.clip(high - low, 0, None).prod(2)
    areas = (edges[:, 2:] - edges[:, :2]).prod(1)
    found: npt.NDArray[np.float64] = both / (areas[:, None] + areas - both)
    np.fill_diagonal(found, 0)
    return found


def _suspicious(seen: Sequence[Seen]) -> dict[str, tuple[str, ...]]:
    """Boxes that stay as they are, and may be wrong."""
    found: dict[str, list[str]] = {}
    for each in seen:
        for box in each.marks:
            width, height = (box.right - box.left) * each.size[1], (box.bottom - box.top) * each.size[0]
            if min(width, height) < _TINY:
                found.setdefault(f"less than {_TINY:g} pixels wide or high", []).append(box.place)
            elif max(width, height) > _LONG * min(width, height):
                found.setdefault(f"more than {_LONG} times longer than wide", []).append(box.place)
            if width * height > 0.98 * each.size[0] * each.size[1]:
                found.setdefault("as large as the picture", []).append(box.place)
        if len(each.marks) > 1:
            for one, other in zip(*np.nonzero(np.triu(overlaps(each) > _ALIKE)), strict=True):
                first, second = each.marks[one], each.marks[other]
                same = first.name == second.name
                kind = "nearly the same as another" if same else "nearly the same as one of another class"
                found.setdefault(kind, []).append(second.place)
    return {kind: tuple(places) for kind, places in found.items()}


def _notes(found: Checked, images: Mapping[str, int], boxes: Mapping[str, Sequence[int]]) -> Iterator[str]:
    names = tuple(found.annotations.classes)
    yield from parts_note(images)
    for part, counts in boxes.items():
        absent = [name for name, count in zip(names, counts, strict=True) if not count]
        if absent:
            yield f"{part} has no box of {listing(absent, 5)}"
    counts = boxes.get("train", ())
    rare = [
        f"{name} ({count:,})" for name, count in zip(names, counts, strict=False) if 0 < count * _RARE <= max(counts)
    ]
    if rare:
        yield f"rare beside the commonest class ({max(counts):,} boxes): {some(rare, 5)}"
    yield from empty_line(found.seen, "object")
    yield from problems_note(len(found.problems), "file or line", "files or lines")
    height, width = usual_size([seen for seen in found.seen if seen.part == "train"] or found.seen)
    yield f"in training pictures become {height}×{width}, chosen by the size of small objects; --input says another"
    yield from to_hold_out(images, "picture")
