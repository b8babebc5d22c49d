"""What pictures with points hold, told before anything is trained on them."""

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
from hubel.data.points.annotations import HIDDEN, SEEN, Pairs, paired, pairs_of
from hubel.data.points.load import THINGS, TWICE, Checked, Seen, bones_of, checked, joined, side, usual_size
from hubel.data.sources.layout import Layout
from hubel.view.words.finding import Finding
from hubel.view.words.result import Part
from hubel.view.words.tables import Table

if TYPE_CHECKING:
    from rich.console import RenderableType

_FAR = 2  # times further from the others than usual
_ENOUGH = 20  # individuals from which it can be told what is usual
_RARE = 10  # times fewer than the commonest point, from which it is said


@dataclass(frozen=True, repr=False)
class PointsDescription(Finding):
    """Pictures and the points on them.

    points: their names. pairs: which are left and right of each other, by names. bones: which are joined. images,
    individuals: of each part, how many. seen, hidden: of each part, how often each point is told so. sizes: how many
    pictures have each (height, width). sides: the longer side of individuals, in pixels, at the tenth, fiftieth and
    ninetieth per cent. crowding: individuals a picture, at least, usually and at most. suspicious: places by what is
    odd about them. unreadable: what cannot be used, with reasons.
    """

    name: str
    format: str
    points: tuple[str, ...]
    pairs: tuple[tuple[str, str], ...]
    bones: tuple[tuple[str, str], ...]
    images: Mapping[str, int]
    individuals: Mapping[str, int]
    seen: Mapping[str, tuple[int, ...]]
    hidden: Mapping[str, tuple[int, ...]]
    sizes: Mapping[tuple[int, int], int]
    sides: tuple[float, float, float]
    crowding: tuple[int, float, int]
    suspicious: Mapping[str, tuple[str, ...]]
    unreadable: tuple[ImageError, ...]
    notes: tuple[str, ...]

    def shown(self) -> list[Part]:
        """How many pictures and individuals there are, and how often each point is told."""
        return [self._outcome(), *self.tables(), *self.notes]

    def _outcome(self) -> str:
        images, individuals = sum(self.images.values()), sum(self.individuals.values())
        return (
            f"{self.name}: {counted(images, 'picture')} with {counted(individuals, 'individual')} of "
            f"{counted(len(self.points), 'point')}"
        )

    def data(self) -> dict[str, object]:
        """All of it, of plain types, for JSON."""
        least, usual, most = self.crowding
        return {
            "name": self.name,
            "task": "pose",
            "format": self.format,
            "points": list(self.points),
            "pairs": [list(pair) for pair in self.pairs],
            "bones": [list(pair) for pair in self.bones],
            "images": dict(self.images),
            "individuals": dict(self.individuals),
            "seen": {part: list(counts) for part, counts in self.seen.items()},
            "hidden": {part: list(counts) for part, counts in self.hidden.items()},
            "sides": list(self.sides),
            "individuals_an_image": {"least": least, "median": usual, "most": most},
            "sizes": sizes_data(self.sizes),
            "suspicious": {kind: list(places) for kind, places in self.suspicious.items()},
            "unreadable": unreadable_data(self.unreadable),
            "notes": list(self.notes),
        }

    to_dict = data

    def lines(self, width: int = 160) -> Iterator[RenderableType]:
        """The description, part by part."""
        from hubel.view.words.terminal import styled, table

        head, _, rest = self._outcome().partition(": ")
        yield styled("[bold cyan]{}[/]: {} (pose), as {} has them", head, rest, self.format)
        rows: list[tuple[object, ...]] = [
            (styled("[cyan]{}[/]", name), *(f"{count:,}" for count in counts))
            for name, *counts in itertools.islice(self._rows(), MOST_CLASSES)
        ]
        left = len(self.points) - MOST_CLASSES
        if left > 0:
            rows.append((f"and {left:,} more; --json lists all",))
        yield table("point", *self._heads(), rows=rows)
        yield ""
        yield sizes_line(self.sizes)
        least, usual, most = self.crowding
        sides = ", ".join(f"{side:.0f}" for side in self.sides)
        yield f"individuals  {several(least, usual, most)}; longer sides of {sides} pixels (10, 50, 90 %)"
        if self.bones:
            yield f"joined     {listing([f'{one}–{other}' for one, other in self.bones], 12)}"
        yield from unreadable_lines(self.unreadable, "unusable")
        yield from note_lines(self.notes)

    def tables(self) -> list[Table]:
        """How often each point is seen and hidden in each part."""
        return [Table(("point", *self._heads()), tuple(self._rows()), self.name)]

    def _heads(self) -> list[str]:
        return [f"#{part}{': ' if told else ''}{told}" for part in self.images for told in ("seen", "hidden")]

    def _rows(self) -> Iterator[tuple[Any, ...]]:
        for place, name in enumerate(self.points):
            of_parts = ((self.seen[part][place], self.hidden[part][place]) for part in self.images)
            yield (name, *itertools.chain(*of_parts))


def describe(
    source: str | os.PathLike[str],
    *,
    workers: int | None = None,
    progress: Progress | None = None,
    **others: object,
) -> PointsDescription:
    """Looks at every annotation and at the header of every picture, and tells what is there (see `load.load`).

    Raises DataError where labels and pictures do not match.
    """
    found = checked(source, Layout.of_parts(source, others, "pictures with points"), progress)
    names, bones = found.annotations.points, bones_of(found)
    images = found.images
    own = {part: [one for seen in found.seen if seen.part == part for one in seen.marks] for part in images}
    told = {
        part: np.array([[p[2] for p in one.points] for one in some] or [[0] * len(names)]) for part, some in own.items()
    }
    sides = [side(one, seen.size) for seen in found.seen for one in seen.marks]
    low, middle, high = (round(float(side), 1) for side in np.percentile(sides or [0.0], (10, 50, 90)))
    crowds = [len(seen.marks) for seen in found.seen] or [0]
    suspicious = {**{kind: tuple(places) for kind, places in found.odd.items()}, **_suspicious(found.seen, names)}
    return PointsDescription(
        os.fspath(source),
        found.annotations.format,
        names,
        tuple((names[left], names[right]) for left, right in pairs_of(names)),
        tuple((names[one], names[other]) for one, other in bones),
        images,
        {part: len(some) for part, some in own.items()},
        {part: tuple((each == SEEN).sum(0).tolist()) for part, each in told.items()},
        {part: tuple((each == HIDDEN).sum(0).tolist()) for part, each in told.items()},
        dict(Counter(seen.size for seen in found.seen).most_common()),
        (low, middle, high),
        (min(crowds), float(np.median(crowds)), max(crowds)),
        suspicious,
        tuple(found.problems),
        (*found.annotations.notes, *_notes(found, bones, images, told), *odd_lines(suspicious, THINGS)),
    )


def _suspicious(seen: Sequence[Seen], names: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Points that stay as they are, and may be wrong: at one place with another, or far from the others."""
    found: dict[str, list[str]] = {}
    places, points = [], []
    for each in seen:
        for one in each.marks:
            own = np.array(one.points, np.float64)
            own[own[:, 2] == 0] = np.nan
            own[:, :2] *= each.size[::-1]
            points.append(own[:, :2])
            places.append(one.place)
            same = (np.abs(own[:, None, :2] - own[None, :, :2]).max(2) < 1e-3) & ~np.eye(len(own), dtype=bool)
            if same.any():
                first, second = np.argwhere(same)[0]
                words = f"{one.place}: {names[first]} and {names[second]}"
                found.setdefault(TWICE, []).append(words)
    if len(points) >= _ENOUGH and len(names) > 2:
        for individual, number in np.argwhere(_far(np.stack(points))).tolist():
            words = f"{places[individual]}, {names[number]}"
            found.setdefault("much further from the other points than usual", []).append(words)
    return {kind: tuple(some) for kind, some in found.items()}


def _far(points: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
    """Which points N×P×2 lie much further from the others of their individual than they usually do, beside how far
    these are from each other: a small one of all distances, which one that is far away does not change.
    """
    apart = np.sqrt(((points[:, :, None] - points[:, None]) ** 2).sum(3))
    apart[:, np.arange(apart.shape[1]), np.arange(apart.shape[1])] = np.nan
    known = ~np.isnan(apart).all(2)
    size = np.nanquantile(np.where(known.any(1)[:, None, None], apart, 1.0), 0.2, axis=(1, 2), method="lower")
    middle = np.nanmedian(np.where(known[..., None], apart, 0.0), 2) / np.maximum(size, 1e-9)[:, None]
    told = [middle[own, number] for number, own in enumerate(known.T)]
    usual = np.array([np.median(own) if len(own) else np.inf for own in told])
    spread = np.array([np.median(np.abs(own - np.median(own))) if len(own) else 0.0 for own in told])
    return np.asarray(known & (middle > _FAR * usual) & (middle > usual + 6 * 1.4826 * spread))


def _notes(
    found: Checked, bones: Pairs, images: Mapping[str, int], told: Mapping[str, npt.NDArray[np.int64]]
) -> Iterator[str]:
    names = found.annotations.points
    yield paired(names, pairs_of(names))
    yield from joined(found, bones)
    yield from parts_note(images)
    for part, own in told.items():
        counts = (own > 0).sum(0)
        if absent := [name for name, count in zip(names, counts, strict=True) if not count]:
            yield f"{part} has no {listing(absent, 5)}"
        rare = [f"{name} ({n:,})" for name, n in zip(names, counts, strict=True) if 0 < n * _RARE <= counts.max()]
        if rare and part == "train":
            yield f"rare beside the commonest point ({counts.max():,}): {listing(rare, 5)}"
    yield from empty_line(found.seen, "point")
    yield from problems_note(len(found.problems), "file or line", "files or lines")
    height, width = usual_size([seen for seen in found.seen if seen.part == "train"] or found.seen)
    yield f"in training pictures become {height}×{width}, chosen by the size of small individuals; --input says another"
    yield from to_hold_out(images, "picture")
