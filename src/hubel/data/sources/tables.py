"""A CSV file of image paths and labels."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

from hubel.base.errors import DataError
from hubel.data.sources.listing import FileItem, Item, Listing, make_listing, part_of

_PATH_COLUMNS = ("path", "file", "filename", "file_name", "filepath", "image", "image_path")
_LABEL_COLUMNS = ("label", "class", "class_name", "category", "target", "y")
_PART_COLUMNS = ("split", "set", "part", "subset")


def list_csv(path: Path) -> Listing:
    """The listing of a CSV file with a column of paths (relative to the file's folder), one of labels, and perhaps one
    of parts (train, val, test). Columns are found by their heads, such as path, label, split; without heads they are
    the first, the second and the third. Semicolons and tabs separate too.

    Raises ValueError, naming the line, where a row does not fit.
    """
    with open(path, newline="", encoding="utf-8-sig", errors="replace") as file:
        sample = file.readline()
        file.seek(0)
        delimiter = max(",;\t", key=sample.count)
        try:
            rows = [(number, row) for number, row in enumerate(csv.reader(file, delimiter=delimiter), 1) if row]
        except csv.Error as error:
            raise DataError(f"{path}: cannot be read as CSV ({error})") from None
    if not rows:
        raise DataError(f"{path}: expected rows of a path and a label, found none")
    heads = [head.strip().casefold() for head in rows[0][1]]
    where = _column(heads, _PATH_COLUMNS), _column(heads, _LABEL_COLUMNS), _column(heads, _PART_COLUMNS)
    if where[0] is not None and where[1] is not None:
        rows = rows[1:]
    else:
        where = (0, 1, 2 if all(len(row) > 2 and part_of(row[2].strip()) for _, row in rows) else None)
    return make_listing(str(path), [_entry(path, number, row, where) for number, row in rows])


def _column(heads: Sequence[str], known: Sequence[str]) -> int | None:
    return next((heads.index(name) for name in known if name in heads), None)


def _entry(
    path: Path, number: int, row: Sequence[str], where: tuple[int | None, int | None, int | None]
) -> tuple[str, str, Item]:
    image_column, label_column, part_column = where
    assert image_column is not None
    assert label_column is not None
    if len(row) <= max(column for column in where if column is not None):
        raise DataError(f"{path}, line {number}: expected a path and a label, received {row}")
    part = "train" if part_column is None else part_of(row[part_column].strip())
    if part is None:
        raise DataError(f"{path}, line {number}: expected train, val or test, received {row[part_column or 0]!r}")
    return part, row[label_column].strip(), FileItem(str(path.parent / row[image_column].strip()))
