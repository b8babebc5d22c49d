"""What tables of points have in common: lines that are of pictures, cells that are coordinates."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from hubel.base.errors import DataError
from hubel.base.files import read_bytes
from hubel.data import ImageError
from hubel.data.boxes.annotations import Pictures, unmatched
from hubel.data.points.annotations import SEEN, UNSEEN, Annotated, Annotations, Individual, Point
from hubel.data.sources.listing import some
from hubel.data.sources.parts import part_of

_MIDDLE = 0.5  # of the first pixel, from which coordinates are counted
_EMPTY = frozenset(("", "nan", "na", "n/a", "null", "none"))


class Line(NamedTuple):
    """A line of a table. called: its picture. who: the individual, or None where each line is of another. points: by
    their names.
    """

    path: Path
    number: int
    called: str
    who: str | None
    points: Mapping[str, Point]
    part: str | None = None

    @property
    def place(self) -> str:
        """The file, the line, and the individual."""
        return f"{self.path}:{self.number}{f', {self.who}' if self.who else ''}"


def rows_of(path: Path) -> list[tuple[int, list[str]]]:
    """A table's rows that are not empty, each with the number of its line."""
    lines = read_bytes(path, "annotations").decode("utf-8-sig", errors="replace").splitlines()
    reader = csv.reader(lines, delimiter=between(lines))
    return [(reader.line_num, row) for row in reader if any(map(str.strip, row))]


def between(lines: Sequence[str]) -> str:
    """What stands between cells."""
    return max(",;\t", key=lines[0].count) if lines else ","


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


def gathered(root: Path, kind: str, names: Sequence[str], lines: Iterable[Line | ImageError]) -> Annotations:
    """The pictures of these lines and their individuals. Raises DataError where no line's picture is there."""
    pictures = Pictures(root if root.is_dir() else root.parent)
    found = Annotations(kind, tuple(names), {})
    told: dict[str, dict[object, tuple[str, dict[str, Point]]]] = {}
    parts: dict[str, str] = {}
    number = 0
    for number, line in enumerate(lines, 1):
        if isinstance(line, ImageError):
            found.problems.append(line)
            continue
        near = line.path.parent.relative_to(pictures.root).as_posix()
        own = part_of(line.path.stem) or part_of(line.path.parent.name)
        picture = pictures.find(line.called, "" if near == "." else near, own)
        if picture is None:
            found.problems.append(ImageError(f"{line.path}:{line.number}", unmatched(line.called, pictures)))
            continue
        parts.setdefault(picture, line.part or own or pictures.part(picture) or "train")
        there = told.setdefault(picture, {})
        place, points = there.setdefault(number if line.who is None else line.who, (line.place, {}))
        twice = [name for name in line.points if name in points]
        if twice:
            found.problems.append(ImageError(line.place, f"{some(twice, 3)} of {Path(picture).name} stands twice"))
        points.update((name, point) for name, point in line.points.items() if name not in points)
    if number and not told:
        raise DataError(f"{root}: expected pictures of the table's names, found none; the first: {found.problems[0]}")
    shares = in_shares([p for own in told.values() for _, points in own.values() for p in points.values()])
    for picture, individuals in told.items():
        each = Annotated(picture, in_shares=shares)
        for place, points in individuals.values():
            whole = [points.get(name, (0.0, 0.0, UNSEEN)) for name in found.points]
            if any(seen for _, _, seen in whole):
                middle = 0.0 if shares else _MIDDLE
                moved = tuple((x + middle, y + middle, s) if s else (0.0, 0.0, UNSEEN) for x, y, s in whole)
                each.individuals.append(Individual(moved, place))
        found.parts.setdefault(parts[picture], []).append(each)
    if shares:
        found.notes.append("numbers from 0 to 1 are taken for shares of the picture")
    left = [path for path in pictures.paths if path not in told]
    if left:
        names_of = some((Path(path).name for path in left), 2)
        found.notes.append(f"left out: {len(left):,} pictures that no table names ({names_of})")
    return found


def in_shares(points: Sequence[Point]) -> bool:
    """Whether coordinates are shares of their pictures: all from 0 to 1, and some between."""
    own = [value for x, y, seen in points if seen for value in (x, y)]
    return bool(own) and all(0 <= value <= 1 for value in own) and any(value % 1 for value in own)
