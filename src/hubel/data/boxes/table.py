"""Tables with a box a line, under the headers that are customary, or RetinaNet's and AutoML's without any."""

from __future__ import annotations

import ast
import contextlib
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from hubel.base.errors import DataError
from hubel.data import SUFFIXES, ImageError
from hubel.data._marked import in_shares
from hubel.data.boxes.annotations import Annotated, Annotations, Box, glance, in_order
from hubel.data.sources.layout import Layout
from hubel.data.sources.part_folders import parts_of_files
from hubel.data.sources.pictures import Pictures, unmatched
from hubel.data.sources.tables.read import decoded, read_table, separated
from hubel.data.sources.tables.rows import RowParts, Rows, parts_of_rows

_WORDS = {
    "image": "filename file image imagename imageid imagepath path filepath imgname imgid img imagefile picture",
    "class": "class classname label labelname category categoryname name object classid classlabel target species",
    "left": "xmin x1 left bboxx1 minx xleft bboxxmin boxxmin",
    "top": "ymin y1 top bboxy1 miny ytop upper bboxymin boxymin",
    "right": "xmax x2 right bboxx2 maxx xright bboxxmax boxxmax",
    "bottom": "ymax y2 bottom bboxy2 maxy ybottom lower bboxymax boxymax",
    "x": "x bboxx boxx",
    "y": "y bboxy boxy",
    "across": "w boxwidth bboxwidth bboxw boxw bwidth objectwidth",
    "down": "h boxheight bboxheight bboxh boxh bheight objectheight",
    "middle": "xcenter xcentre centerx centrex cx bboxxcenter",
    "centre": "ycenter ycentre centery centrey cy bboxycenter",
    "box": "bbox box boundingbox",
    "width": "width imagewidth imgwidth",
    "height": "height imageheight imgheight",
}
_SEVERAL = 8  # lines by which it is told how their lists are meant
_AUTOML = ("TRAIN", "VALIDATE", "VALIDATION", "TEST", "UNASSIGNED")  # how lines of Google's tables begin
_MEANT = {word: name for name, words in _WORDS.items() for word in words.split()}


class _Columns(NamedTuple):
    """Where a table has what. edges: the columns of the four numbers, or of one list of them; kind: how they are
    meant, "edges", "sides" (left, top, width, height) or "middle".
    """

    image: int
    name: int | None
    edges: tuple[int, ...]
    kind: str
    size: tuple[int, int] | None

    def used(self) -> set[int]:
        """The positions of all of them."""
        return {self.image, *self.edges, *(self.size or ())} | ({self.name} if self.name is not None else set())


def files_of(root: Path) -> list[Path]:
    """The tables of boxes that a path is, or that lie in a folder, by their headers."""
    if root.is_file():
        return [root] if root.suffix.lower() in (".csv", ".tsv") and _columns_of(root) else []
    if not root.is_dir():
        return []
    found = [*sorted(root.glob("*.csv")), *sorted(root.glob("*/*.csv"))]
    return [path for path in found if path.is_file() and _columns_of(path)]


def recognises(root: Path) -> bool:
    """Whether there is a table of boxes."""
    return bool(
        files_of(root) if root.is_file() else root.is_dir() and any(map(_columns_of, glance(root, ".csv", deep=1)))
    )


def _columns_of(path: Path) -> _Columns | None:
    with open(path, "rb") as file:
        start = file.read(10_000)
    first = next((row for _, row in separated(decoded(start)[0]) if row), None)
    return _columns(first) if first else None


def _columns(head: Sequence[str]) -> _Columns | None:
    """What the columns mean; None where they are not of boxes."""
    at: dict[str, int] = {}
    for number, title in enumerate(head):
        meant = _MEANT.get(re.sub(r"[^a-z0-9]", "", title.casefold()))
        if meant:
            at.setdefault(meant, number)
    if "image" not in at:
        if len(head) >= 6 and Path(head[0]).suffix.lower() in SUFFIXES and all(map(_is_number_or_empty, head[1:5])):
            return _Columns(0, 5, (1, 2, 3, 4), "edges", None)  # RetinaNet's
        if len(head) >= 9 and head[0] in _AUTOML and Path(head[1]).suffix.lower() in SUFFIXES:
            return _Columns(1, 2, (3, 4, 7, 8), "edges", None)  # two corners of four, between which two may be told
        return None
    kinds = {
        "edges": ("left", "top", "right", "bottom"),
        "middle": ("middle", "centre", "across", "down"),
        "sides": ("x", "y", "across", "down"),
    }
    wide = {"across": at.get("width", -1), "down": at.get("height", -1)}  # of a box, where nothing else is
    for kind, names in kinds.items():
        places = [at.get(name, wide.get(name, -1)) for name in names]
        if min(places) >= 0:
            own = kind == "edges" or "across" in at
            size = (at["height"], at["width"]) if own and {"height", "width"} <= at.keys() else None
            return _Columns(at["image"], at.get("class"), tuple(places), kind, size)
    if {"left", "top"} <= at.keys() and min(at.get("across", wide["across"]), at.get("down", wide["down"])) >= 0:
        places = [at["left"], at["top"], at.get("across", wide["across"]), at.get("down", wide["down"])]
        return _Columns(at["image"], at.get("class"), tuple(places), "sides", None)
    if "box" in at:
        size = (at["height"], at["width"]) if {"height", "width"} <= at.keys() else None
        return _Columns(at["image"], at.get("class"), (at["box"],), "sides", size)
    return None


def _is_number_or_empty(word: str) -> bool:
    return re.fullmatch(r"\s*-?\d*\.?\d*(e-?\d+)?\s*", word) is not None


def read(root: Path, layout: Layout) -> Annotations:
    """All tables of boxes of a source. Parts are those that columns say, else the tables' names, else folders."""
    files = files_of(root)
    pictures = Pictures(root if root.is_dir() else root.parent, layout, tables=files)
    of_files, notes = parts_of_files(files, pictures.root, layout)
    found = Annotations("a table with a box a line", notes=notes)
    by_folders = False
    names: set[str] = set()
    lines = 0
    for path, own in of_files.items():
        by_picture: dict[str, Annotated] = {}
        parts: dict[str, str] = {}
        columns, rows, told = _rows(path, found, pictures.columns)
        for (number, row), said in zip(rows, told.parts, strict=True):
            lines += 1
            place = f"{path}:{number}"
            try:
                called = row[columns.image].strip()
                near = path.parent.relative_to(pictures.root).as_posix()
                picture = pictures.find(called, "" if near == "." else near, own)
                if picture is None:
                    raise ImageError(place, unmatched(called, pictures))
                box = _box(row, columns, place)
            except ImageError as error:
                found.problems.append(error)
                continue
            except IndexError:
                found.problems.append(
                    ImageError(place, f"expected as many cells as the header has, received {len(row)}")
                )
                continue
            each = by_picture.setdefault(picture, Annotated(picture, [], _size(row, columns)))
            if box is not None and said is not None:
                each.marks.append(box)
                names.add(box.name)
            by_folders |= not told.columns and not own
            elsewhere = own or pictures.part(picture)
            part = said if told.columns else elsewhere
            parts.setdefault(picture, "aside" if part is None else part or "train")
        for picture, each in by_picture.items():
            found.parts.setdefault(parts[picture], []).append(each)
        if columns.name is None:
            found.notes.append(f"{path.name} has no column of classes: all boxes are of one, 'object'")
        if _count_in_one_way(by_picture.values(), found.problems):
            found.notes.append(f"{path.name}: numbers from 0 to 1 are taken for shares of the picture")
    known = {each.path for own in found.parts.values() for each in own}
    found.parts.pop("aside", None)
    found.notes += pictures.folders.notes() if by_folders else []
    found.notes += pictures.notes(known, "table") if known else []
    found.classes = in_order(names)
    if lines and not known:
        raise DataError(f"{root}: expected pictures of the table's names, found none; the first: {found.problems[0]}")
    return found


def _count_in_one_way(pictures: Iterable[Annotated], problems: list[ImageError]) -> bool:
    """Take all boxes of a table for shares of their pictures or all for pixels, as most are; what is neither then goes
    to `problems`. Whether they are shares.
    """
    own = list(pictures)
    shares = in_shares([box[1:5] for each in own for box in each.marks])
    meant, other = ("shares of the picture", "pixels") if shares else ("pixels", "shares of the picture")
    for each in own:
        each.in_shares = shares
        wrong = [box for box in each.marks if (max(map(abs, box[1:5])) > 2 if shares else in_shares([box[1:5]]))]
        each.marks = [box for box in each.marks if box not in wrong]
        problems += [ImageError(box.place, f"expected {meant}, as on most lines, received {other}") for box in wrong]
    return shares


def _rows(path: Path, found: Annotations, layout: Layout | None) -> tuple[_Columns, Rows, RowParts]:
    """A table's columns, its rows under the head, and the part of each; notes go to `found`."""
    rows, read = read_table(path)
    columns = _columns(rows[0][1])
    assert columns is not None
    headed = Path(rows[0][1][columns.image]).suffix.lower() not in SUFFIXES
    heads, body = list(rows[0][1]), rows[1:]
    if not headed:
        heads, body = ["set" if columns.image and not place else "" for place in range(len(heads))], rows
    left = [number for number, head in enumerate(heads) if head and number not in columns.used()]
    told = parts_of_rows(path, heads, body, left, layout)
    said = [told.said, told.left_out] if told.columns else []
    found.notes += [f"{path.name}: {note}" for note in (*read, *said) if note]
    if len(columns.edges) == 1:
        edges = _lists_of_edges(body, columns)
        columns = columns._replace(kind="edges" if edges else columns.kind)
        meant = "left, top, right, bottom" if edges else "left, top, width, height"
        found.notes.append(f"{path.name}: the numbers of {heads[columns.edges[0]]} are taken for {meant}")
    return columns, body, told


def _size(row: Sequence[str], columns: _Columns) -> tuple[int, int] | None:
    if columns.size is None:
        return None
    try:
        height, width = (int(float(row[place])) for place in columns.size)
    except ValueError:
        return None
    return (height, width) if height > 0 and width > 0 else None


def _numbers(row: Sequence[str], columns: _Columns, place: str) -> tuple[float, float, float, float] | None:
    """The four numbers of a line, None where its cells are empty."""
    cells = [row[each].strip() for each in columns.edges]
    if len(cells) == 1 and cells[0]:
        try:
            listed = ast.literal_eval(cells[0]) if cells[0][0] in "[(" else cells[0].split()
            cells = [str(each) for each in listed]
        except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
            raise ImageError(place, f"expected a list of four numbers, received {cells[0][:60]!r}") from None
    if not any(cells):
        return None
    try:
        one, two, three, four = (float(cell) for cell in cells)
    except ValueError:
        raise ImageError(place, f"expected four numbers, received {', '.join(cells)[:60]!r}") from None
    return one, two, three, four


def _lists_of_edges(body: Rows, columns: _Columns) -> bool:
    """Whether lists of four numbers are left, top, right and bottom, and not left, top, width and height as COCO has
    them: on every one of several lines the last two are larger than the first two.
    """
    told = []
    for _, row in body:
        with contextlib.suppress(ImageError, IndexError):
            told.append(_numbers(row, columns, ""))
    own = [each for each in told if each is not None]
    return len(own) >= _SEVERAL and all(right > left and bottom > top for left, top, right, bottom in own)


def _box(row: Sequence[str], columns: _Columns, place: str) -> Box | None:
    """A line's box, as it is told; None where its cells are empty, which says that the picture shows nothing."""
    numbers = _numbers(row, columns, place)
    if numbers is None:
        return None
    one, two, three, four = numbers
    edges = {
        "edges": (one, two, three, four),
        "sides": (one, two, one + three, two + four),
        "middle": (one - three / 2, two - four / 2, one + three / 2, two + four / 2),
    }[columns.kind]
    name = row[columns.name].strip() if columns.name is not None else "object"
    if not name:
        raise ImageError(place, "expected a class, received none")
    return Box(name, *edges, place)
