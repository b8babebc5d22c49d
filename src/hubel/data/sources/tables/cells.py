"""What the label columns of a table say of each row: a class, several labels, or numbers.

A label is a text. Where a row has several, or numbers, it is JSON: `["cat", "dog"]`, `{"cat": 1, "dog": 0}`,
`{"age": 3.5}`, which `several` reads again.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from hubel.base.errors import DataError
from hubel.data.sources.layout import Layout
from hubel.data.sources.listing import some
from hubel.data.sources.tables.heads import names_labels, names_numbers, names_several
from hubel.data.sources.tables.rows import FLAGS, NOT_GIVEN, Rows

_SEPARATORS = (";", "|", ",", "/", "+", "&", " and ", " ")
_MAY_BE_NOTHING = frozenset(
    ("none", "na", "n.a.", "-", "--", ".", "?", "unknown", "missing", "unlabelled", "unlabeled")
)
_CLASSES = 30  # different whole numbers up to which they are taken for the numbers of classes
_AS_CLASS = "--label-kind class takes every different value for a class"
_NUMBER = re.compile(r"[-+]?(\d+([.,]\d*)?|[.,]\d+)([eE][-+]?\d+)?")
_GROUPED = re.compile(r"[-+]?\d{1,3}(,\d{3})+(\.\d*)?")  # 1,234.5
_UNITS = "mm|cm|m|km|mg|g|kg|ml|l|s|ms|h|yrs?|years?|px|usd|eur"
_MEASURED = re.compile(rf"[$€£¥]\s?[-+\d.,]+|[-+\d.,]+\s?([%‰°€£$]|{_UNITS})|\d{{4}}-\d\d-\d\d.*", re.IGNORECASE)


class Labelled(NamedTuple):
    """Each row's label, None where it has none; and what is to be said of it."""

    labels: Sequence[str | None]
    notes: tuple[str, ...] = ()


def labels_of(path: Path, heads: Sequence[str], body: Rows, columns: Sequence[int], layout: Layout) -> Labelled:
    """The labels that these columns say, of the kind that `layout.label_kind` names.

    Raises DataError where cells hold several labels, or numbers that are no classes', and nothing says so.
    """
    if layout.label_kind == "numbers":
        return _numbers(path, heads, body, columns)
    if layout.label_kind == "labels":
        return _flags(path, heads, body, columns) if len(columns) > 1 else _lists(heads[columns[0]], body, columns[0])
    if len(columns) > 1:
        return _one_of(path, heads, body, columns)
    (column,) = columns
    cells = [None if row[column].casefold() in NOT_GIVEN else row[column] for _, row in body]
    given = [cell for cell in cells if cell is not None]
    if given and all(re.fullmatch(r"-?\d+\.0+", cell) for cell in given):  # numbers that pandas wrote beside gaps
        cells = [None if cell is None else cell.partition(".")[0] for cell in cells]
        given = [cell for cell in cells if cell is not None]
    notes = _left_out(cells, "a label")
    if layout.label_kind != "class":
        notes += _ask(path, heads[column], given)
    return Labelled(cells, (*notes, *_may_be_nothing(given)))


def several(label: str) -> Mapping[str, Any] | Sequence[str] | str:
    """What a label says: flags or numbers by name, several labels, or the plain text that it is."""
    if label[:1] not in ("{", "["):
        return label
    try:
        found: Mapping[str, Any] | Sequence[str] = json.loads(label)
    except ValueError:
        return label
    return found


def all_flags(body: Rows, number: int) -> bool:
    """Whether a column holds yes and no alone."""
    return all(number < len(row) and row[number].casefold() in FLAGS for _, row in body)


def number_in(text: str) -> float | None:
    """The number that a cell holds, with a point or a comma; None where it holds none."""
    return float(text.replace(",", ".")) if _NUMBER.fullmatch(text) else None


def separator_of(cells: Sequence[str]) -> str:
    """What stands between several labels in a cell; "" where each has one. A space only where all words that it parts
    stand in other cells too.
    """
    different = set(cells)
    for sign in _SEPARATORS:
        lists = [cell for cell in different if sign in cell.strip(sign)]
        pieces = Counter(piece.strip() for cell in different for piece in cell.split(sign))
        if lists and (
            sign not in (" ", " and ") or all(pieces[piece.strip()] > 1 for cell in lists for piece in cell.split(sign))
        ):
            return sign
    return ""


def _left_out(labels: Sequence[str | None], what: str) -> tuple[str, ...]:
    count = sum(label is None for label in labels)
    return (f"left out: {count:,} row{'s' * (count > 1)} without {what}",) if count else ()


def _one_of(path: Path, heads: Sequence[str], body: Rows, columns: Sequence[int]) -> Labelled:
    named = some((heads[number] for number in columns), 4)
    flags = all(all_flags(body, number) for number in columns)
    if flags and all(sum(FLAGS[row[number].casefold()] for number in columns) == 1 for _, row in body):
        chosen = (next(number for number in columns if FLAGS[row[number].casefold()]) for _, row in body)
        return Labelled([heads[number] for number in chosen])
    said = (
        "say of every image which of several labels it has: --task multilabel learns them"
        if flags
        else "are several columns: --task regression learns their numbers, --task multilabel their yes and no"
    )
    raise DataError(f"{path}: {named} {said}; one class an image needs one column, --label-column NAME")


def _flags(path: Path, heads: Sequence[str], body: Rows, columns: Sequence[int]) -> Labelled:
    for number in columns:
        if not all_flags(body, number):
            line, wrong = next((line, row[number]) for line, row in body if row[number].casefold() not in FLAGS)
            raise DataError(f"{path}, line {line}: expected yes or no (1 or 0) for {heads[number]}, received {wrong!r}")
    flags = ({heads[number]: int(FLAGS[row[number].casefold()]) for number in columns} for _, row in body)
    return Labelled([json.dumps(each, ensure_ascii=False) for each in flags])


def _lists(head: str, body: Rows, column: int) -> Labelled:
    cells = [None if row[column].casefold() in NOT_GIVEN - {""} else _unquoted(row[column]) for _, row in body]
    sign = separator_of([cell for cell in cells if cell])
    found = [None if cell is None else json.dumps(_pieces(cell, sign), ensure_ascii=False) for cell in cells]
    empty = sum(cell == "" for cell in cells)
    notes = [f"labels in {head} stand apart by {sign!r}" if sign else f"{head} holds one label a row"]
    notes += [f"{empty:,} row{'s' * (empty > 1)} with an empty {head} have none of the labels"] if empty else []
    return Labelled(found, (*notes, *_left_out(found, "a label")))


def _pieces(cell: str, sign: str) -> list[str]:
    pieces = cell.split(sign) if sign else [cell]
    return list(dict.fromkeys(filter(None, (piece.strip().strip("'\"").strip() for piece in pieces))))


def _unquoted(cell: str) -> str:
    """A cell without the brackets that Python's lists are written with."""
    return cell[1:-1].strip() if cell[:1] + cell[-1:] in ("[]", "()", "{}") else cell


def _numbers(path: Path, heads: Sequence[str], body: Rows, columns: Sequence[int]) -> Labelled:
    found: list[str | None] = []
    read = [_read(path, heads[number], [row[number] for _, row in body]) for number in columns]
    for (line, row), values in zip(body, zip(*read, strict=True), strict=True):
        missing = [row[number] for number, value in zip(columns, values, strict=True) if value is None]
        if any(cell.casefold() not in NOT_GIVEN for cell in missing):
            wrong = next(
                number
                for number, value in zip(columns, values, strict=True)
                if value is None and row[number].casefold() not in NOT_GIVEN
            )
            raise DataError(
                f"{path}, line {line}: expected a number in {heads[wrong]}, received {row[wrong]!r}; --label-column "
                "names the columns of numbers"
            )
        named = {heads[number]: value for number, value in zip(columns, values, strict=True)}
        found.append(None if missing else json.dumps(named, ensure_ascii=False))
    return Labelled(found, _left_out(found, "a number" if len(columns) == 1 else "all its numbers"))


def _read(path: Path, head: str, cells: Sequence[str]) -> list[float | None]:
    """The numbers of a column, whose commas are points ("1,5") or stand between thousands ("1,234.5").

    Raises DataError where they may be either.
    """
    commas = [cell for cell in cells if "," in cell]
    grouped = bool(commas) and all(_GROUPED.fullmatch(cell) for cell in commas)
    if grouped and not any("." in cell or cell.count(",") > 1 for cell in cells):
        first = commas[0]
        raise DataError(
            f"{path}: {head} holds {first!r}, which may be {first.replace(',', '')} or {first.replace(',', '.')}; "
            "write numbers with a point, and with nothing between thousands"
        )
    return [number_in(cell.replace(",", "") if grouped else cell) for cell in cells]


def _may_be_nothing(given: Sequence[str]) -> list[str]:
    odd = Counter(cell for cell in given if cell.casefold() in _MAY_BE_NOTHING)
    if not odd or len(odd) == len(set(given)):
        return []
    shown = some((f"{cell} ({count:,})" for cell, count in odd.items()), 4)
    return [f"taken for classes: {shown}; where these say that nothing is known, leave their cells empty"]


def _ask(path: Path, head: str, given: Sequence[str]) -> tuple[str, ...]:
    """Raise DataError for a column that may be numbers to learn, or hold several labels in a cell; what is to be said
    of numbers that are taken for classes.
    """
    different = set(given)
    numbers = [number for number in map(number_in, different) if number is not None]
    if different and len(numbers) == len(different):
        return _as_classes(path, head, given, numbers)
    if different and all(map(_MEASURED.fullmatch, different)):
        raise DataError(
            f"{path}: {head} holds {some(sorted(different))}, which are no names; say what they are: plain numbers are "
            f"for --task regression, {_AS_CLASS}"
        )
    for sign in _SEPARATORS:
        lists = [cell for cell in different if sign in cell.strip(sign)]
        pieces = Counter(piece.strip() for cell in different for piece in cell.split(sign))
        parted = [pieces[piece.strip()] > 1 for cell in lists for piece in cell.split(sign)]
        strict = sign in (" ", "/", "+", "&", " and ") and not names_several(head)
        written = [cell for cell in different if _unquoted(cell) != cell]
        often = all(parted) if strict else sign in (";", "|") or 2 * sum(parted) >= len(parted)
        if 2 * len(written) > len(different) or (lists and often):
            raise DataError(
                f"{path}: {head} holds several labels in a cell ({(lists or written)[0]!r}); say what they are: "
                f"--task multilabel learns which labels an image has, {_AS_CLASS}"
            )
    return ()


def _as_classes(path: Path, head: str, given: Sequence[str], numbers: Sequence[float]) -> tuple[str, ...]:
    """What is to be said of whole numbers that are taken for classes. Raises DataError where they may be measured."""
    different = set(given)
    known = names_labels(head) or head.isdecimal()
    few = len(different) <= _CLASSES or sorted(numbers) == [*range(len(different))]
    whole = all(re.fullmatch(r"\d+", cell) for cell in different)
    measured = names_numbers(head) or (not known and 2 * len(different) > len(given))
    span = f"{len(different):,} different numbers from {min(numbers):g} to {max(numbers):g}"
    if not whole or not few or measured:
        raise DataError(
            f"{path}: {head} holds {span}; say what they are: --task regression learns the numbers, {_AS_CLASS}"
        )
    return (f"{head} holds {span}, each taken for a class; --task regression learns numbers",) if not known else ()
