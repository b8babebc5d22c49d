"""A table of image paths and labels: which columns are what, and where the images are."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from hubel.base.errors import DataError
from hubel.base.names import did_you_mean
from hubel.data.decode.image import SUFFIXES
from hubel.data.sources.layout import Layout
from hubel.data.sources.listing import FileItem, Item, Listing, folded, make_listing, some
from hubel.data.sources.parts import words_of
from hubel.data.sources.tables.cells import all_flags, labels_of, number_in
from hubel.data.sources.tables.rows import RowParts, Rows, cells_of, parts_of_rows

_IMAGES = (
    "path paths file files filename filenames filepath fname fn image images img imgs imagepath imgpath imagefile "
    "imagename imgname imageid imgid picture photo pic frame src source"
)
_LABELS = (
    "label labels class classes classname labelname category categories target targets y species breed tag tags "
    "diagnosis dx kind type name cls classid labelid"
)
_IMAGE_WORDS, _LABEL_WORDS = frozenset(_IMAGES.split()), frozenset(_LABELS.split())


class _Columns(NamedTuple):
    """Positions of columns, and what those say that tell the parts."""

    image: int
    label: tuple[int, ...]  # several where each class has a column of its own
    rows: RowParts


def list_csv(path: Path, layout: Layout) -> Listing:
    """The listing of a table with a column of image paths, one of labels, and perhaps one or more of parts.

    Columns are found by their heads ("filename", "species", "is_valid") and by what they hold. Commas, semicolons and
    tabs separate. Paths begin in the table's folder or in `layout.image_folder`; where they do not, images are looked
    for by name under it. Rows without a label are left out, which is said.

    Raises ValueError where columns or images cannot be told, naming what was found and how to say it.
    """
    rows = _read(path)
    heads, body = _headed(path, rows, layout)
    columns = _columns(path, heads, body, layout)
    width = max(columns.image, *columns.label)
    for line, row in body:
        if any(row[len(heads) :]):
            raise DataError(
                f"{path}, line {line}: expected {len(heads)} cells, as in the first line, received {len(row)} "
                f"({list(row)}); a cell that holds the separator stands in quotes"
            )
        if len(row) <= width:
            raise DataError(f"{path}, line {line}: expected a path and a {layout.noun}, received {list(row)}")
    labels, told = labels_of(path, heads, body, columns.label, layout)
    files = _Files(path, layout)
    found: list[tuple[str, str, Item]] = []
    for (_, row), label, part in zip(body, labels, columns.rows.parts, strict=True):
        if label is not None and part is not None:
            found.append((part, label, files.item(row[columns.image])))
    if not found:
        raise DataError(
            f"{path}: expected rows of a path and a {layout.noun}, found {len(body):,} rows without a "
            f"{layout.noun}" + (" or of no part" if any(part is None for part in columns.rows.parts) else "")
        )
    notes = [_said(heads, columns, layout), *filter(None, [columns.rows.left_out]), *told]
    return make_listing(str(path), found, [*notes, *files.notes()])


def images_of_table(path: Path) -> list[FileItem]:
    """The images that a table names, whatever else it holds. Raises ValueError as `list_csv`."""
    heads, body = _headed(path, _read(path), Layout())
    numbered = heads == [str(number + 1) for number in range(len(heads))]
    column, files = _image_column(path, heads, body, numbered), _Files(path, Layout())
    return [files.item(cell) for cell in cells_of(body, column) if cell]


def _read(path: Path) -> list[tuple[int, list[str]]]:
    content = path.read_bytes()
    wide = content[:2] in (b"\xff\xfe", b"\xfe\xff")  # as spreadsheets write "Unicode text"
    text = content.decode("utf-16" if wide else "utf-8-sig", "replace")
    said = re.match(r"sep=(.)\r?\n", text)  # as spreadsheets take it
    sample = text.partition("\n")[0]
    delimiter = said[1] if said else max(",;\t", key=sample.count)
    if not said and delimiter not in sample and " " in sample:
        delimiter = " "
    lines = io.StringIO(text[said.end() :] if said else text, newline="")
    try:
        rows = [(number, row) for number, row in enumerate(csv.reader(lines, delimiter=delimiter), 1) if any(row)]
    except csv.Error as error:
        raise DataError(f"{path}: cannot be read as CSV ({error})") from None
    if not rows:
        raise DataError(f"{path}: expected rows of a path and a label, found none")
    return [(number, [cell.strip() for cell in row]) for number, row in rows]


def _headed(path: Path, rows: Rows, layout: Layout) -> tuple[list[str], Rows]:
    """The heads and the rows under them; where there are no heads, columns are called by their numbers."""
    first = rows[0][1]
    asked = [name for name in (layout.image_column, layout.label_column) if name]
    known = [_means(head, _IMAGE_WORDS) or _means(head, _LABEL_WORDS) for head in first]
    images = [number for number, cell in enumerate(first) if _looks_like_image(cell)]
    later = rows[1][1] if len(rows) > 1 else []
    file_below = any(_looks_like_image(cell) for cell in later)
    own = any(means and sum(first[n] in row[n : n + 1] for _, row in rows) == 1 for n, means in enumerate(known))
    if any(name in first for name in asked) or (not images and (file_below or own)):
        return list(first), rows[1:]
    return [str(number + 1) for number in range(len(first))], rows


def _columns(path: Path, heads: list[str], body: Rows, layout: Layout) -> _Columns:
    if not body:
        raise DataError(f"{path}: expected rows of a path and a label, found none")
    numbered = heads == [str(number + 1) for number in range(len(heads))]
    image = (
        _asked(path, heads, layout.image_column) if layout.image_column else _image_column(path, heads, body, numbered)
    )
    asked = _all_asked(path, heads, layout.label_column)
    left = [number for number in range(len(heads)) if number != image and number not in asked]
    rows = parts_of_rows(path, heads, body, left, layout)
    left = [number for number in left if number not in rows.columns]
    label = asked or _label_columns(path, heads, body, left, numbered, layout)
    return _Columns(image, label, rows)


def _asked(path: Path, heads: Sequence[str], wanted: str) -> int:
    for same in (str, str.casefold):
        for number, head in enumerate(heads):
            if same(head) == same(wanted):
                return number
    raise DataError(f"{path}: expected a column {wanted!r}, found {some(heads, 12)}{did_you_mean(wanted, heads)}")


def _all_asked(path: Path, heads: Sequence[str], wanted: str) -> tuple[int, ...]:
    """The columns of one head, or of several with commas between."""
    if not wanted or any(head.casefold() == wanted.casefold() for head in heads) or "," not in wanted:
        return (_asked(path, heads, wanted),) if wanted else ()
    return tuple(dict.fromkeys(_asked(path, heads, name.strip()) for name in wanted.split(",") if name.strip()))


def _image_column(path: Path, heads: list[str], body: Rows, numbered: bool) -> int:
    shares = [_share(body, number, _looks_like_image) for number in range(len(heads))]
    best = max(range(len(heads)), key=lambda number: (shares[number], _means(heads[number], _IMAGE_WORDS)))
    if shares[best] > 0.5 or numbered:
        return best
    named = [number for number, head in enumerate(heads) if _means(head, _IMAGE_WORDS)]
    exact = [number for number in named if len(words_of(heads[number])) == 1]
    if named:
        return (exact or named)[0]
    if len(heads) > 1 and words_of(heads[0]) == ("id",):
        return 0
    raise DataError(
        f"{path}: expected a column of image files, found {some(heads, 12)}; say which: --image-column NAME"
    )


def _label_columns(
    path: Path, heads: list[str], body: Rows, left: Sequence[int], numbered: bool, layout: Layout
) -> tuple[int, ...]:
    if not left:
        raise DataError(f"{path}, line {body[0][0]}: expected a path and a {layout.noun}, received {list(body[0][1])}")
    if layout.label_kind == "numbers":  # words are none, whatever their head
        left = [number for number in left if _share(body, number, _is_number) > 0.5] or left
    named = [number for number in left if not numbered and _means(heads[number], _LABEL_WORDS)]
    named.sort(key=lambda number: len(words_of(heads[number])))  # "label" before "label_source"
    named.sort(key=lambda number: words_of(heads[number])[-1] in ("id", "classid", "labelid"))  # names before numbers
    flags = [] if numbered else [number for number in left if all_flags(body, number)]
    if len(flags) > 1 and (len(named) != 1 or named[0] in flags) and (layout.label_kind == "labels" or flags == left):
        return tuple(flags)
    if named and words_of(heads[named[0]])[0] not in ("name", "type", "kind"):
        return (named[0],)
    if len(left) == 1:
        return (left[0],)
    if numbered:  # a column that counts the rows is no label
        return (next((number for number in left if len(set(cells_of(body, number))) < len(body)), left[0]),)
    if named:
        return (named[0],)
    raise DataError(
        f"{path}: expected a column of {layout.noun}s, found {some((heads[number] for number in left), 12)} beside the "
        "images; say which: --label-column NAME"
    )


def _said(heads: Sequence[str], columns: _Columns, layout: Layout) -> str:
    names = [f"columns: images from {heads[columns.image]}"]
    if len(columns.label) > 1:
        kind = layout.label_kind.removesuffix("class") or "classes"
        names.append(f"{kind} are the columns {some((heads[number] for number in columns.label), 4)}")
    else:
        names.append(f"{layout.noun}s from {heads[columns.label[0]]}")
    names += [columns.rows.said] if columns.rows.said else []
    used = {columns.image, *columns.label, *columns.rows.columns}
    rest = [head or f"column {number + 1}" for number, head in enumerate(heads) if number not in used]
    return ", ".join([*names, *([f"not used: {some(rest, 6)}"] if rest else [])])


def _share(body: Rows, number: int, holds: object) -> float:
    assert callable(holds)
    return sum(bool(holds(cell)) for cell in cells_of(body, number)) / len(body)


def _looks_like_image(cell: str) -> bool:
    return Path(cell.replace("\\", "/")).suffix.lower() in SUFFIXES


def _is_number(cell: str) -> bool:
    return number_in(cell) is not None


def _means(head: str, words: frozenset[str]) -> bool:
    own = words_of(head)
    return bool(own) and ("".join(own) in words or any(word in words for word in own))


class _Files:
    """Where the images that a table names are: at their paths, or under its folder by name."""

    def __init__(self, table: Path, layout: Layout) -> None:
        own = Path(layout.image_folder).expanduser() if layout.image_folder else None
        self.roots = [table.parent] if own is None else [own] if own.is_absolute() else [own, table.parent / own]
        if own is not None and not any(root.is_dir() for root in self.roots):
            raise DataError(f"expected --image-folder as a folder, found none at {' or '.join(map(str, self.roots))}")
        self.table = table
        self.missing: list[str] = []
        self.several: list[tuple[str, list[Path]]] = []
        self.elsewhere: list[tuple[str, str]] = []
        self.count = 0
        self._names: dict[str, list[Path]] | None = None

    def item(self, cell: str) -> FileItem:
        """The image that a cell names; a file that is not there is told by whoever reads it."""
        self.count += 1
        given = cell.replace("\\", "/") if "\\" in cell and not Path(cell).exists() else cell
        direct = [root / given for root in self.roots]
        for path in direct:
            if path.is_file():
                return FileItem(str(path))
        near = self._by_name(given)
        if len(near) == 1:
            self.elsewhere.append((cell, str(near[0])))
            return FileItem(str(near[0]))
        if near:
            self.several.append((cell, near))
        else:
            self.missing.append(cell)
        return FileItem(str(direct[0]))

    def notes(self) -> list[str]:
        """What is to be said of where images were found. Raises ValueError where most were not."""
        looked = " and ".join(map(str, self.roots))
        several = [self._in_several_places()] if self.several else []
        if (len(self.missing) + len(self.several)) * 2 > self.count:
            gone = f"{len(self.missing):,} of {self.count:,} images are not there, such as "
            told = [*([f"{gone}{self.missing[0]!r}"] if self.missing else []), *several]
            raise DataError(
                f"{self.table}: {'; '.join(told)}; looked in {looked} and all folders below; say where the paths "
                "begin: --image-folder FOLDER"
            )
        found = []
        if self.elsewhere:
            cell, path = self.elsewhere[0]
            count = len(self.elsewhere)
            found.append(f"{count:,} image{'s' * (count > 1)} found by name, such as {cell} at {path}")
        if self.missing:
            count = len(self.missing)
            gone = "1 image is" if count == 1 else f"{count:,} images are"
            found.append(f"{gone} not there ({some(self.missing, 2)}), looked in {looked}")
        return [*found, *several]

    def _in_several_places(self) -> str:
        (cell, places), count = self.several[0], len(self.several)
        stand = "1 image stands" if count == 1 else f"{count:,} images stand"
        may = " or ".join(map(str, places[:3])) + " or another" * (len(places) > 3)
        return f"{stand} in several places, of which none is taken: {cell} may be {may}"

    def _by_name(self, given: str) -> list[Path]:
        """The images under the folders whose name, with or without its ending, and nearest folders agree best."""
        if self._names is None:
            self._names = {}
            for root in self.roots:
                for path in root.rglob("*"):
                    if path.suffix.lower() in SUFFIXES:
                        for key in {folded(path.name), folded(path.stem)}:
                            self._names.setdefault(key, []).append(path)
        parts = [folded(part) for part in given.split("/") if part not in ("", ".", "..")]
        stem = Path(parts[-1]).stem if parts and _looks_like_image(parts[-1]) else ""
        candidates = (self._names.get(parts[-1]) or self._names.get(stem) or []) if parts else []
        best = max((_agreement(path, parts) for path in candidates), default=0)
        return sorted(path for path in candidates if _agreement(path, parts) == best)


def _agreement(path: Path, parts: Sequence[str]) -> int:
    own = [folded(part) for part in path.parts]
    own[-1] = parts[-1]
    count = 0
    for one, other in zip(reversed(own), reversed(parts), strict=False):
        if one != other:
            break
        count += 1
    return count
