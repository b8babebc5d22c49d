"""What tables of points have in common: lines that are of pictures, cells that are coordinates."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from hubel.base.errors import DataError
from hubel.data import ImageError
from hubel.data._marked import in_shares
from hubel.data.points.annotations import SEEN, UNSEEN, Annotated, Annotations, Individual, Point
from hubel.data.sources.listing import some
from hubel.data.sources.pictures import Pictures, unmatched

_MIDDLE = 0.5  # of the first pixel, from which coordinates are counted
_EMPTY = frozenset(("", "nan", "na", "n/a", "null", "none"))


class Line(NamedTuple):
    """A line of a table. called: its picture. who: the individual, or None where each line is of another. points: by
    their names. part: of its picture; "" where the picture's folders say it, None where it is of none.
    """

    path: Path
    number: int
    called: str
    who: str | None
    points: Mapping[str, Point]
    part: str | None = ""

    @property
    def place(self) -> str:
        """The file, the line, and the individual."""
        return f"{self.path}:{self.number}{f', {self.who}' if self.who else ''}"


def number_or_none(cell: str, place: str) -> float | None:
    """The number in a cell; None where it is empty. Raises ImageError for anything else."""
    if cell.strip().casefold() in _EMPTY:
        return None
    try:
        value = float(cell)
    except ValueError:
        value = math.inf
    if not math.isfinite(value) or abs(value) > 1e9:
        raise ImageError(place, f"expected a number, received {cell.strip()[:40]!r}")
    return value


def point_of(x: str, y: str, place: str, seen: int = SEEN) -> Point:
    """A point as two cells tell it. Raises ImageError where one of them is there alone."""
    across, down = (number_or_none(cell, place) for cell in (x, y))
    if across is None or down is None:
        if across is not down:
            raise ImageError(place, f"expected x and y, or neither, received {'y' if across is None else 'x'} alone")
        return 0.0, 0.0, UNSEEN
    return across, down, seen


def gathered(pictures: Pictures, kind: str, names: Sequence[str], lines: Iterable[Line | ImageError]) -> Annotations:
    """The pictures of these lines and their individuals. Raises DataError where no line's picture is there."""
    found = Annotations(kind, points=tuple(names))
    told: dict[str, dict[object, tuple[str, dict[str, Point]]]] = {}
    parts: dict[str, str] = {}
    number, by_folders = 0, False
    for number, line in enumerate(lines, 1):
        if isinstance(line, ImageError):
            found.problems.append(line)
            continue
        near = line.path.parent.relative_to(pictures.root).as_posix()
        picture = pictures.find(line.called, "" if near == "." else near, line.part)
        if picture is None:
            found.problems.append(ImageError(f"{line.path}:{line.number}", unmatched(line.called, pictures)))
            continue
        by_folders |= line.part == ""
        part = line.part or pictures.part(picture) if line.part is not None else None
        parts.setdefault(picture, "aside" if part is None else part or "train")
        there = told.setdefault(picture, {})
        place, points = there.setdefault(number if line.who is None else line.who, (line.place, {}))
        twice = [name for name in line.points if name in points]
        if twice:
            found.problems.append(ImageError(line.place, f"{some(twice, 3)} of {Path(picture).name} stands twice"))
        points.update((name, point) for name, point in line.points.items() if name not in points)
    if number and not told:
        raise DataError(
            f"{pictures.root}: expected pictures of the table's names, found none; the first: {found.problems[0]}"
        )
    points_told = (p for own in told.values() for _, points in own.values() for p in points.values())
    shares = in_shares([(x, y) for x, y, seen in points_told if seen])
    for picture, individuals in told.items():
        each = Annotated(picture, in_shares=shares)
        for place, points in individuals.values():
            whole = [points.get(name, (0.0, 0.0, UNSEEN)) for name in found.points]
            if any(seen for _, _, seen in whole):
                middle = 0.0 if shares else _MIDDLE
                moved = tuple((x + middle, y + middle, s) if s else (0.0, 0.0, UNSEEN) for x, y, s in whole)
                each.marks.append(Individual(moved, place))
        found.parts.setdefault(parts[picture], []).append(each)
    found.parts.pop("aside", None)
    found.notes += ["numbers from 0 to 1 are taken for shares of the picture"] if shares else []
    found.notes += pictures.folders.notes() if by_folders else []
    found.notes += pictures.notes(told, "table") if told else []
    return found
