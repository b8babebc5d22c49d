"""Plain tables of points: a line a picture (path, then x and y of each point), or a line a point."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from hubel.data import SUFFIXES, ImageError
from hubel.data.boxes.annotations import glance
from hubel.data.points.annotations import HIDDEN, SEEN, UNSEEN, Annotations, Point
from hubel.data.points.rows import Line, gathered, number_or_none, point_of
from hubel.data.sources.layout import Layout
from hubel.data.sources.part_folders import parts_of_files
from hubel.data.sources.pictures import Pictures
from hubel.data.sources.tables.read import decoded, read_table, separated
from hubel.data.sources.tables.rows import parts_of_rows

_WORDS = {
    "image": "filename file image imagename imageid imagepath path filepath imgname imgid img imagefile picture frame",
    "who": "individual instance animal person subject id track trackid instanceid personid animalid",
    "point": "point keypoint bodypart landmark joint part label name node marker pointname keypointname",
    "x": "x",
    "y": "y",
    "seen": "v visible visibility vis",
}
_MEANT = {word: meant for meant, words in _WORDS.items() for word in words.split()}
_OF_BOXES = frozenset(("min", "max", "center", "centre", "c", "bbox", "box", ""))  # an edge of a box has x or y alone
_SIZES = frozenset(("w", "h", "width", "height", "boxwidth", "boxheight", "bboxwidth", "bboxheight", "radius", "r"))
_AXES = {"x": "x", "y": "y", "v": "seen", "vis": "seen", "visible": "seen", "visibility": "seen"}
_AFTER = re.compile(r"(?i)(.*?)[ _.\-:/]?(x|y|v|vis|visible|visibility)$")
_BEFORE = re.compile(r"(?i)(x|y|v|vis|visible|visibility)[ _.\-:/]?(.+)$")


class _Columns(NamedTuple):
    """Where a table has what. points: of each by name, x, y and whether it is seen (-1: no column), or of a table with
    a line a point under the name "". point: the column of its name then.
    """

    image: int
    who: int | None
    point: int | None
    points: dict[str, tuple[int, int, int]]

    def used(self) -> set[int | None]:
        """The positions of all of them."""
        return {self.image, self.who, self.point, *itertools.chain(*self.points.values())}


def files_of(root: Path) -> list[Path]:
    """The tables of points that a path is, or that lie in a folder and the folders in it, by their headers."""
    if root.is_file():
        return [root] if root.suffix.lower() in (".csv", ".tsv") and _columns_of(root) else []
    paths = [*sorted(root.glob("*.csv")), *sorted(root.glob("*/*.csv"))] if root.is_dir() else []
    return [path for path in paths if path.is_file() and _columns_of(path)]


def recognises(root: Path) -> bool:
    """Whether there is a table of points."""
    if root.is_file():
        return bool(files_of(root))
    return root.is_dir() and any(map(_columns_of, glance(root, ".csv", deep=1)))


def _columns_of(path: Path) -> _Columns | None:
    with open(path, "rb") as file:
        start = file.read(65_536)
    rows = [row for _, row in separated(decoded(start)[0]) if any(row)][:2]
    return _columns(rows) if len(rows) == 2 else None


def _columns(rows: Sequence[Sequence[str]]) -> _Columns | None:
    """What the columns mean; None where they are not of points."""
    head = [title.strip() for title in rows[0]]
    plain = [re.sub(r"[^a-z0-9]", "", title.casefold()) for title in head]
    at = {meant: number for number, title in reversed(list(enumerate(plain))) if (meant := _MEANT.get(title))}
    if "image" not in at:
        if Path(rows[1][0]).suffix.lower() not in SUFFIXES:
            return None
        at["image"] = 0
    image, who = at["image"], at.get("who")
    if {"point", "x", "y"} <= at.keys() and not _SIZES & {*plain}:
        return _Columns(image, who, at["point"], {"": (at["x"], at["y"], at.get("seen", -1))})
    points = _wide(head, {image, who})
    if not points or (len(points) <= 2 and all(name.isdecimal() for name in points)):  # x1, y1, x2, y2: a box
        return None
    return _Columns(image, who, None, points)


def _wide(head: Sequence[str], taken: set[int | None]) -> dict[str, tuple[int, int, int]]:
    """Points by their names, of titles such as "nose_x", "nose y", "noseX", "x_nose"; none where a box is meant."""
    found: dict[str, dict[str, int]] = {}
    for number, title in enumerate(head):
        if number in taken:
            continue
        if match := _AFTER.match(title):
            name, axis = match[1], _AXES[match[2].casefold()]
        elif match := _BEFORE.match(title):
            name, axis = match[2], _AXES[match[1].casefold()]
        else:
            continue
        if re.sub(r"[^a-z0-9]", "", name.casefold()) not in _OF_BOXES:
            found.setdefault(name.strip(" _.-:/"), {}).setdefault(axis, number)
    return {name: (at["x"], at["y"], at.get("seen", -1)) for name, at in found.items() if {"x", "y"} <= at.keys()}


def read(root: Path, layout: Layout) -> Annotations:
    """All tables of points of a source. Coordinates are counted from the middle of the first pixel, or are shares.
    Parts are those that columns say, else the tables' names, else folders.
    """
    files = files_of(root)
    pictures = Pictures(root if root.is_dir() else root.parent, layout, tables=files)
    parts, notes = parts_of_files(files, pictures.root, layout)
    names: dict[str, None] = {}
    lines = [line for path, part in parts.items() for line in _lines(path, part, pictures.columns, names, notes)]
    found = gathered(pictures, "a table", tuple(names), lines)
    found.notes[:0] = notes
    return found


def _lines(
    path: Path, part: str, layout: Layout | None, names: dict[str, None], notes: list[str]
) -> Iterator[Line | ImageError]:
    rows, read = read_table(path)
    columns = _columns([row for _, row in rows[:2]])
    assert columns is not None
    heads, body = rows[0][1], rows[1:]
    left = [number for number, head in enumerate(heads) if head and number not in columns.used()]
    told = parts_of_rows(path, heads, body, left, layout)
    notes += [f"{path.name}: {note}" for note in (*read, *([told.said, told.left_out] if told.columns else [])) if note]
    for (number, row), said in zip(body, told.parts, strict=True):
        cells = [*row, *[""] * (len(heads) - len(row))]
        try:
            points = _points(cells, columns, f"{path}:{number}")
        except ImageError as error:
            yield error
            continue
        names.update(dict.fromkeys(points))
        own = "" if columns.point is not None else None  # lines of a picture are of one, unless they say of which
        who = own if columns.who is None else cells[columns.who]
        yield Line(path, number, cells[columns.image], who, points, said if told.columns else part)


def _points(row: Sequence[str], columns: _Columns, place: str) -> dict[str, Point]:
    found = {}
    for title, (x, y, seen) in columns.points.items():
        name = title if columns.point is None else row[columns.point].strip()
        if not name:
            raise ImageError(place, "expected the name of a point, received none")
        how = number_or_none(row[seen], f"{place}, {name}") if seen >= 0 else None
        if how is not None and how not in (UNSEEN, HIDDEN, SEEN):
            raise ImageError(f"{place}, {name}", f"expected 0 (unseen), 1 (hidden) or 2 (seen), received {how:g}")
        point = point_of(row[x], row[y], f"{place}, {name}")
        found[name] = (0.0, 0.0, UNSEEN) if how == UNSEEN else (*point[:2], int(how) if how and point[2] else point[2])
    return found
