"""Grids of exact numbers: read from what people type, written as people read them.

>>> read_planes("1 −1 / 1/9 0.5")
(((1, -1), (Fraction(1, 9), Fraction(1, 2))),)
"""

from __future__ import annotations

import math
import numbers
import re
from collections.abc import Iterable, Sequence
from fractions import Fraction
from typing import TypeAlias

from hubel.base.errors import SettingError
from hubel.base.names import shortened
from hubel.base.numbers import Number as Number

Grid: TypeAlias = "tuple[tuple[Number, ...], ...]"
Planes: TypeAlias = "tuple[Grid, ...]"

LONGEST_TEXT = 20_000_000
_CHANNELS = re.compile(r"\||//|\n\s*\n|\]\s*\]\s*,?\s*\[\s*\[")
_DECIMAL = re.compile(r"(\d+),(?=\d)", re.ASCII)  # or the comma between two numbers
_NUMBER = re.compile(r"[+-]?(\d{1,40}(\.\d{0,40})?|\.\d{1,40})([eE][+-]?\d{1,2})?(/\d{1,40})?", re.ASCII)


def read_planes(text: str) -> Planes:
    """Read one grid of numbers for each channel.

    Rows are separated by ` / `, `;` or new lines, numbers by spaces or commas, channels by `|`, `//` or an empty line;
    brackets are allowed. Numbers are whole, decimal or fractions such as 1/9, and stay exact. Raises `ValueError` where
    something is no number, where rows or channels differ in size, where there is nothing, and where a comma may as
    well be a decimal's: `0,5 1,5`.
    """
    if len(text) > LONGEST_TEXT:
        raise SettingError(f"expected at most {LONGEST_TEXT:,} characters of numbers, received {len(text):,}")
    plain = re.sub("[−–]", "-", text).strip()
    if "[" not in plain and (found := re.search(r"\d+,\d+", plain, re.ASCII)) and _is_read(_DECIMAL.sub(r"\1.", plain)):
        comma = found[0]
        raise SettingError(
            f"expected a decimal point, or a blank after a comma between numbers, received {shortened(comma)!r}; "
            f"write {shortened(comma.replace(',', '.'))}, or {shortened(comma.replace(',', ', '))}"
        )
    return _read(plain)


def _is_read(plain: str) -> bool:
    try:
        return bool(_read(plain))
    except SettingError:
        return False


def _read(plain: str) -> Planes:
    parts = (re.sub(r"\]\s*,?", ";", part).replace("[", " ") for part in _CHANNELS.split(plain))
    planes = tuple(map(_read_grid, parts))
    sizes = [size_text(plane) for plane in planes]
    if len(set(sizes)) > 1:
        raise SettingError(f"expected channels of one size, received {', '.join(sizes)}")
    return planes


def _read_grid(text: str) -> Grid:
    rows = [row for row in map(str.split, _rows(text.replace(",", " "))) if row]
    if not rows:
        raise SettingError("expected a grid of numbers such as '1 0 / 0 1', received none")
    for number, row in enumerate(rows):
        if len(row) != len(rows[0]):
            tight = " (a row of fractions ends with ';')" if re.search(r"\d/\d", text) else ""
            raise SettingError(
                f"expected rows of equal length, received {len(rows[0])} numbers in row 0 and {len(row)} in row "
                f"{number}: {shortened(' '.join(row))!r}{tight}"
            )
    return tuple(tuple(map(read_number, row)) for row in rows)


def _rows(text: str) -> list[str]:
    # a slash between blanks ends a row, one between digits is a fraction's
    rows = re.split(r"(?:(?<=\s)|^)/|/(?=\s|$)|;|\n", text)
    if len(rows) == 1 and "/" in text:
        tight = text.split("/")
        if all(len(row.split()) > 1 for row in tight) or not all(map(_NUMBER.fullmatch, text.split())):
            return tight  # "1 0/0 1", "1/2/3": rows after all
    return rows


def read_number(text: str) -> Number:
    """Read `3`, `−1.5`, `2e3` or `1/9` exactly; raise `ValueError` for anything else."""
    plain = re.sub("[−–]", "-", text.strip())
    if not _NUMBER.fullmatch(plain):
        point = plain.replace(",", ".")
        remedy = f"; write {point.replace('-', '−')}" if _NUMBER.fullmatch(point) else ""
        if re.fullmatch(r"[^eE]+[eE][+-]?\d{3,}", plain, re.ASCII):
            remedy = ", whose exponent has more than two digits"
        raise SettingError(f"expected a number such as 3, −1.5 or 1/9, received {shortened(text)!r}{remedy}")
    above, _, below = plain.partition("/")
    if below and not int(below):
        raise SettingError(f"expected a fraction, received {text!r}, which divides by 0")
    return exact(Fraction(above) / int(below or 1))


def exact(value: object) -> Number:
    """Return a number as int or fraction: a float counts as the decimal that it prints as, 0.1 as 1/10."""
    if isinstance(value, int):
        return int(value)
    if isinstance(value, numbers.Rational):
        fraction = Fraction(int(value.numerator), int(value.denominator))
    else:
        given = float(value)  # type: ignore[arg-type]
        if not math.isfinite(given):
            raise SettingError(f"expected a finite number, received {given}")
        fraction = Fraction(repr(given))
    return fraction.numerator if fraction.denominator == 1 else fraction


def exact_grid(rows: Iterable[Iterable[object]]) -> Grid:
    """Return nested sequences of numbers (lists, arrays) as a grid; raise `ValueError` where rows differ in length."""
    grid = tuple(tuple(map(exact, row)) for row in rows)
    if not grid or not grid[0] or len({len(row) for row in grid}) > 1:
        raise SettingError(
            f"expected rows of equal length, received {', '.join(str(len(row)) for row in grid) or 'none'}"
        )
    return grid


def size_text(grid: Sequence[Sequence[object]]) -> str:
    """Write a grid's size: `4×5`."""
    return f"{len(grid)}×{len(grid[0])}"
