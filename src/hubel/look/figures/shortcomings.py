"""What a task shows of a model, on a page: its tables, and its pictures with what they show."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hubel.tasks.results import Section as Told
from hubel.tasks.results import Table
from hubel.view.figures.scene import Line, Mark, Text, shortened, text_width
from hubel.view.figures.tiles import Chart, Section, Tile, TiledFigure

if TYPE_CHECKING:
    from hubel.look.errors.shortcomings import Shortcomings

_GAP, _ROW = 22.0, 18.0
_WIDEST = 420.0  # of a column of words
_TALL, _WIDE = 380.0, 1180.0  # page pixels of a picture's longer side: usual, and of several side by side


def figure(found: Shortcomings, name: str = "") -> TiledFigure:
    """Set the page; `name` is the model's."""
    first, *rest = found.sections
    parts: list[Section | Chart] = []
    for each in (first, *rest):
        note = "" if each is first else each.note
        parts += [_table(each.title, note, each.table)] if each.table else []
        parts += _pictures(each, "" if each.table else note)
    return TiledFigure(f"Mistakes{f' of {name}' if name else ''}", first.note, tuple(parts))


def _pictures(each: Told, note: str) -> list[Section]:
    if not each.pictures:
        return []
    tiles = tuple(Tile(picture, told) for told, picture in each.pictures)
    wide = max(tile.picture.shape[1] / tile.picture.shape[0] for tile in tiles)
    title = "" if each.table else each.title
    most = max(max(tile.picture.shape[:2]) for tile in tiles)
    return [Section(title, tiles, note, min(_WIDE, most, _TALL * max(1.0, wide / 2)))]


def _table(title: str, note: str, table: Table) -> Chart:
    names = [name.lstrip("#") for name in table.titles]
    numbers = [name.startswith("#") for name in table.titles]
    cells = [[shortened(cell, "label", _WIDEST) for cell in row] for row in table.rows]
    columns = list(zip(names, *cells, strict=True))
    widths = [max(text_width(cell, "label") for cell in column) for column in columns]
    marks: list[Mark] = []
    left = 0.0
    for column, width, number in zip(columns, widths, numbers, strict=True):
        x, anchor = (left + width, "end") if number else (left, "start")
        marks.append(Text(x, 12, column[0], "subtitle", anchor))
        marks += [Text(x, 35 + _ROW * row, cell, "label", anchor) for row, cell in enumerate(column[1:])]
        left += width + _GAP
    marks.append(Line(((0, 19), (left - _GAP, 19)), "grid"))
    return Chart(title, tuple(marks), left - _GAP, 30 + _ROW * len(cells), note)
