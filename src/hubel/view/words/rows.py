"""A table in a terminal, in which no word is broken: its columns give way between words, or each row becomes lines."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from rich.console import Console, ConsoleOptions, RenderResult
from rich.text import Text

# what a line may end after: a space, and in names the dot or slash between two words
_PIECES = re.compile(r"\s+|\S+?(?:(?<=\w)[./](?=[A-Za-z])|(?=\s)|$)")


class Rows:
    """Rows of cells under titles, `gap` letters between columns; a title that begins with # is that of numbers.

    Where there is too little room, columns of words become narrower, the widest first; where that is not enough, a row
    is its first cell and below it the others with their titles.
    """

    def __init__(self, titles: Sequence[str], rows: Sequence[Sequence[Text]], gap: int) -> None:
        self.titles, self.rows, self.gap = titles, rows, gap

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Lay the rows out in the width that there is."""
        yield from self.lines(options.max_width)

    def lines(self, width: int) -> Iterator[Text]:
        """The lines of the table in so many columns of letters."""
        count = max((len(row) for row in self.rows), default=len(self.titles))
        numbers = [place < len(self.titles) and self.titles[place].startswith("#") for place in range(count)]
        heads = [Text(title.removeprefix("#"), "dim") for title in self.titles]
        every = [*([heads] if self.titles else []), *self.rows]
        for gap in dict.fromkeys((self.gap, min(self.gap, 2), 1)):
            widths = _widths(every, numbers, width - gap * (count - 1))
            if widths is not None:
                yield from (line for row in every for line in _beside(row, widths, numbers, gap))
                return
        for row in self.rows:
            yield from _below(row, heads, width)


def _widths(rows: Sequence[Sequence[Text]], numbers: list[bool], room: int) -> list[int] | None:
    """The columns' widths within `room` letters; None where words would have to be broken."""
    columns = [[row[place] for row in rows if place < len(row)] for place in range(len(numbers))]
    widths = [max((_longest(cell.plain.split("\n")) for cell in column), default=0) for column in columns]
    least = [
        width if number else max((_longest(_pieces(cell.plain)) for cell in column), default=0)
        for column, width, number in zip(columns, widths, numbers, strict=True)
    ]
    least = [width if width <= room else max(1, room // 2) for width in least]  # no terminal has room for such a word
    if sum(least) > room:
        return None
    while sum(widths) > room:
        place = max((i for i in range(len(widths)) if widths[i] > least[i]), key=lambda i: widths[i])
        widths[place] -= 1
    return widths


def _longest(parts: Sequence[str]) -> int:
    return max((Text(part.strip()).cell_len for part in parts), default=0)


def _pieces(text: str) -> list[str]:
    return _PIECES.findall(text)


def _beside(row: Sequence[Text], widths: list[int], numbers: list[bool], gap: int) -> Iterator[Text]:
    cells = [folded(cell, width) for cell, width in zip(row, widths, strict=False)]
    for number in range(max((len(lines) for lines in cells), default=0)):
        line = Text()
        for place, lines in enumerate(cells):
            part = lines[number] if number < len(lines) else Text()
            room = " " * (widths[place] - part.cell_len)
            line.append_text(Text.assemble(room, part) if numbers[place] else Text.assemble(part, room))
            line.append(" " * gap)
        line.rstrip()
        yield line


def _below(row: Sequence[Text], heads: Sequence[Text], width: int) -> Iterator[Text]:
    first, *others = row
    yield from folded(first, width)
    parts = [
        Text.assemble(head, " " * bool(head.plain), cell)
        for head, cell in zip([*heads[1:], *[Text()] * len(others)], others, strict=False)
        if cell.plain.strip() not in ("", "·")
    ]
    line = Text()
    for part in parts:
        if line.plain and line.cell_len + part.cell_len + 2 > width - 2:
            yield Text.assemble("  ", line)
            line = Text()
        pieces = folded(part, width - 2)
        for piece in pieces[:-1]:
            yield Text.assemble("  ", piece)
        line = Text.assemble(line, "  " * bool(line.plain), pieces[-1])
    if line.plain:
        yield Text.assemble("  ", line)


def folded(cell: Text, width: int) -> list[Text]:
    """A cell in lines of at most `width` letters, broken between words; a word that is longer is broken."""
    lines: list[Text] = []
    for paragraph in cell.split("\n", allow_blank=True):
        start = at = 0
        for piece in _pieces(paragraph.plain):
            end = at + len(piece)
            while paragraph[start:end].cell_len > width and piece.strip():
                stop = at if at > start else start + max(1, width)
                lines.append(_trimmed(paragraph[start:stop]))
                start = at = stop
            at = end
        lines.append(_trimmed(paragraph[start:]))
    return lines


def _trimmed(text: Text) -> Text:
    found = text.copy()
    found.rstrip()
    return found[len(found.plain) - len(found.plain.lstrip()) :]
