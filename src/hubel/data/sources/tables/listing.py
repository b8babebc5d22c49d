"""A table of image paths and labels: which columns are what, and where the images are."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from hubel.base.errors import DataError
from hubel.base.names import did_you_mean
from hubel.data.sources.layout import Layout
from hubel.data.sources.listing import FileItem, Item, Listing, folded, make_listing, some
from hubel.data.sources.parts import words_of
from hubel.data.sources.tables.cells import all_flags, labels_of, number_in
from hubel.data.sources.tables.heads import names_images, names_labels
from hubel.data.sources.tables.places import Places, looks_like_image
from hubel.data.sources.tables.read import read_table
from hubel.data.sources.tables.rows import RowParts, Rows, cells_of, parts_of_rows


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
    rows, read = read_table(path)
    files = Places(path, layout)
    heads, body = _headed(rows, layout, files)
    columns = _columns(path, heads, body, layout, files)
    width = max(columns.image, *columns.label)
    for line, row in body:
        if any(row[len(heads) :]):
            raise DataError(
                f"{path}, line {line}: expected {len(heads)} cells, as in the first line, received {len(row)} "
                f"({list(row)}); a cell that holds the separator stands in quotes"
            )
        if len(row) <= width:
            alone = "; cells stand apart by commas, semicolons, tabs or |" if len(row) == 1 else ""
            raise DataError(f"{path}, line {line}: expected a path and a {layout.noun}, received {list(row)}{alone}")
    labels, told = labels_of(path, heads, body, columns.label, layout)
    found: list[tuple[str, str, Item]] = []
    for (_, row), label, part in zip(body, labels, columns.rows.parts, strict=True):
        if label is not None and part is not None:
            found.append((part, label, files.item(row[columns.image])))
    if not found:
        raise DataError(
            f"{path}: expected rows of a path and a {layout.noun}, found {len(body):,} rows without a "
            f"{layout.noun}" + (" or of no part" if any(part is None for part in columns.rows.parts) else "")
        )
    notes = [_said(heads, columns, layout), *filter(None, [columns.rows.left_out]), *told, *read]
    return make_listing(str(path), found, [*notes, *files.notes()])


def images_of_table(path: Path) -> list[FileItem]:
    """The images that a table names, whatever else it holds. Raises ValueError as `list_csv`."""
    files = Places(path, Layout())
    heads, body = _headed(read_table(path)[0], Layout(), files)
    numbered = heads == [str(number + 1) for number in range(len(heads))]
    column = _image_column(path, heads, body, numbered, files)
    return [files.item(cell) for cell in cells_of(body, column) if cell]


def _headed(rows: Rows, layout: Layout, files: Places) -> tuple[list[str], Rows]:
    """The heads and the rows under them; where there are no heads, columns are called by their numbers. The first row
    is heads where its words are, or where it names no image and the next one does.
    """
    first = rows[0][1]
    asked = [name for name in (layout.image_column, layout.label_column) if name]
    known = [names_images(head) or names_labels(head) for head in first]
    images = [number for number, cell in enumerate(first) if looks_like_image(cell)]
    later = rows[1][1] if len(rows) > 1 else []
    file_below = any(looks_like_image(cell) for cell in later)
    own = any(means and sum(first[n] in row[n : n + 1] for _, row in rows) == 1 for n, means in enumerate(known))
    written = rows[0][0] == 0  # of JSON
    below = not images and (file_below or own or (not any(map(files.has, first)) and any(map(files.has, later))))
    if written or any(name in first for name in asked) or below:
        return list(first), rows[1:]
    return [str(number + 1) for number in range(len(first))], rows


def _columns(path: Path, heads: list[str], body: Rows, layout: Layout, files: Places) -> _Columns:
    if not body:
        raise DataError(f"{path}: expected rows of a path and a label, found none")
    numbered = heads == [str(number + 1) for number in range(len(heads))]
    chosen = layout.image_column
    image = _asked(path, heads, chosen) if chosen else _image_column(path, heads, body, numbered, files)
    asked = _all_asked(path, heads, layout.label_column) or _known(heads, layout)
    left = [number for number in range(len(heads)) if number != image and number not in asked]
    rows = parts_of_rows(path, heads, body, left, layout, apart=bool(asked))
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


def _known(heads: Sequence[str], layout: Layout) -> tuple[int, ...]:
    """The columns that are called as a model's labels or numbers are, where all are there."""
    index = {folded(head): number for number, head in enumerate(heads)}
    names = [folded(name) for name in layout.known.split("\n") if name]
    return tuple(index[name] for name in names) if all(name in index for name in names) else ()


def _image_column(path: Path, heads: list[str], body: Rows, numbered: bool, files: Places) -> int:
    shares = [_share(body, number, looks_like_image) for number in range(len(heads))]
    best = max(range(len(heads)), key=lambda number: (shares[number], names_images(heads[number])))
    if shares[best] > 0.5 or numbered:
        return best
    named = [number for number, head in enumerate(heads) if names_images(head)]
    exact = [number for number in named if len(words_of(heads[number])) == 1]
    if named:
        return (exact or named)[0]
    if len(heads) > 1 and words_of(heads[0]) == ("id",):
        return 0
    there = next(
        (number for number in range(len(heads)) if number < len(body[0][1]) and files.has(body[0][1][number])), None
    )
    if there is not None:
        return there
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
    named = [number for number in left if not numbered and names_labels(heads[number])]
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


def _is_number(cell: str) -> bool:
    return number_in(cell) is not None
