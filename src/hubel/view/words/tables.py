"""A table as data, and its writers: comma-separated values, Markdown, LaTeX, HTML and the terminal."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from hubel.base.words import printable
from hubel.view.writers.markup import Element, h

Cell: TypeAlias = "str | int | float | None"

_LATEX = str.maketrans(
    {letter: f"\\{letter}" for letter in "&%$#_{}"}
    | {"\\": "\\textbackslash{}", "~": "\\textasciitilde{}", "^": "\\textasciicircum{}", "\n": " "}
    | {"×": "$\\times$", "·": "$\\cdot$", "−": "$-$", "→": "$\\to$", "⌊": "$\\lfloor$", "⌋": "$\\rfloor$"}
    | {"⌈": "$\\lceil$", "⌉": "$\\rceil$", "≤": "$\\le$", "≥": "$\\ge$", "…": "\\dots{}"}
)

# what Markdown would read as markup: an underscore inside a word is none, an address with its colon would be a link
_MARKDOWN = re.compile(
    r"[\\`*\[\]<>&|~$!]|(?<![0-9A-Za-z])_|_(?![0-9A-Za-z])|(?<=[A-Za-z]):(?=//)|(?<=www)\.", re.IGNORECASE
)


def markdown_words(text: str) -> str:
    """Words as Markdown that shows them as they are: no markup, no links, one line."""
    return _MARKDOWN.sub(r"\\\g<0>", printable(text.replace("\n", " ")))


@dataclass(frozen=True)
class Table:
    """Rows under titles; a title that starts with `#` is that of a column of numbers. None is a cell without a value.

    title: what is said above it on a page. notes: what is said below it, where a file has room for words.
    """

    titles: tuple[str, ...]
    rows: Sequence[tuple[Cell, ...]]
    title: str = ""
    notes: tuple[str, ...] = ()

    def csv(self) -> str:
        """Comma-separated values with a line of titles (RFC 4180, but lines end as everywhere here).

        A text that a spreadsheet would take for a formula (= + - @ first) has an apostrophe before it.
        """
        text = io.StringIO(newline="")
        writer = csv.writer(text, lineterminator="\n")
        for row in (self._names, *self.rows):
            writer.writerow([_harmless(cell) if isinstance(cell, str) else cell for cell in row])
        return text.getvalue()

    def markdown(self) -> str:
        """A table as GitHub reads it, in which words are words: no markup, no links."""
        lines = [self._names, ["--:" if number else "---" for number in self._numbers], *self.written()]
        shown = [[*map(markdown_words, line)] for line in lines]
        notes = "".join(f"\n{markdown_words(note)}\n" for note in self.notes)
        return "".join(f"| {' | '.join(line)} |\n" for line in shown) + notes

    def latex(self) -> str:
        """A `tabular` with lines of the package booktabs."""
        head, *body = (
            " & ".join(printable(cell).translate(_LATEX) for cell in line) for line in (self._names, *self.written())
        )
        kinds = "".join("r" if number else "l" for number in self._numbers)
        rows = "".join(f"{line} \\\\\n" for line in body)
        notes = "".join(f"\n\\par {printable(note).translate(_LATEX)}\n" for note in self.notes)
        return (
            f"\\begin{{tabular}}{{{kinds}}}\n\\toprule\n{head} \\\\\n\\midrule\n{rows}\\bottomrule\n\\end{{tabular}}\n"
            f"{notes}"
        )

    def plain(self, gap: int = 2) -> str:
        """Columns of letters of one width, without colours."""
        lines = [*([self._names] if any(self._names) else []), *self.written()]
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        shown = [
            (" " * gap)
            .join(
                cell.rjust(width) if number else cell.ljust(width)
                for cell, width, number in zip(line, widths, self._numbers, strict=True)
            )
            .rstrip()
            for line in lines
        ]
        return "\n".join(shown)

    def html(self) -> Element:
        """A table for a page."""
        kinds = ["number" if number else None for number in self._numbers]
        head = [
            h("th", name, scope="col", class_=kind) if name else h("td")  # a head without words is none
            for name, kind in zip(self._names, kinds, strict=True)
        ]
        body = [
            h("tr", [h("td", cell, class_=kind) for cell, kind in zip(line, kinds, strict=True)])
            for line in self.written()
        ]
        about = h("caption", self.title) if self.title else None
        return h("table", about, h("thead", h("tr", head)) if any(self._names) else None, h("tbody", body))

    @property
    def _names(self) -> list[str]:
        return [title.removeprefix("#") for title in self.titles]

    @property
    def _numbers(self) -> list[bool]:
        return [title.startswith("#") for title in self.titles]

    def written(self) -> list[list[str]]:
        """The rows' cells as they are read."""
        return [[_cell(cell) for cell in row] for row in self.rows]


def _cell(cell: Cell) -> str:
    if cell is None:
        return ""
    if isinstance(cell, float):
        return f"{cell:.4g}".replace("-", "−")
    return f"{cell:,}".replace("-", "−") if isinstance(cell, int) else cell


def _harmless(text: str) -> str:
    shown = printable(text)
    return f"'{shown}" if shown[:1] in ("=", "+", "-", "@") else shown
