"""Lines of a finding for a terminal, as data; what draws them is imported when it does."""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from string import Formatter
from typing import Any, TypeAlias

from hubel.base.words import printable

Line: TypeAlias = "str | Any"
"""Words, or what rich renders: a `Styled`, `Columns`, or a renderable of its own."""


@dataclass(frozen=True, init=False)
class Styled:
    """Words in a template with rich's markup, as in `Styled("[bold]{}[/]: {:.1%}", name, share)`."""

    template: str
    values: tuple[object, ...]

    def __init__(self, template: str, *values: object) -> None:
        object.__setattr__(self, "template", template)
        object.__setattr__(self, "values", values)

    def __rich__(self) -> Any:
        return _terminal().styled(self.template, *self.values)

    def plain(self, width: int) -> str | None:
        """The words alone, where they are one line of at most so many letters; None for rich to lay them out."""
        words = _Seen().vformat(_MARKUP.sub("", self.template), self.values, {})
        return words if len(words) <= width and _is_narrow(words) else None


@dataclass(frozen=True)
class Columns:
    """A table without lines, `gap` letters between columns; a title that starts with `#` is that of numbers."""

    titles: Sequence[str]
    rows: Iterable[Sequence[object]]
    gap: int = 2

    def __rich__(self) -> Any:
        return _terminal().table(*self.titles, rows=self.rows, gap=self.gap)

    def plain(self, width: int) -> str | None:
        """The lines without colours, where each row is one of at most so many letters; None for rich to lay them out.

        As `hubel.view.words.rows.Rows` has them; rich is half of what a short command loads.
        """
        every: list[list[str | None]] = [[title.removeprefix("#") for title in self.titles]] if self.titles else []
        every += [[each.plain(width) if isinstance(each, Styled) else str(each) for each in row] for row in self.rows]
        if not all(cell is not None and len(cell) <= width and _is_narrow(cell) for row in every for cell in row):
            return None
        cells = [[cell.strip() for cell in row if cell is not None] for row in every]
        count = max(map(len, cells), default=0)
        wide = [max(len(row[place]) for row in cells if place < len(row)) for place in range(count)]
        if sum(wide) + self.gap * (count - 1) > width:
            return None
        right = [place < len(self.titles) and self.titles[place].startswith("#") for place in range(count)]
        lines = (
            (" " * self.gap)
            .join(each.rjust(wide[i]) if right[i] else each.ljust(wide[i]) for i, each in enumerate(row))
            .rstrip()
            for row in cells
        )
        return "\n".join(lines)


_MARKUP = re.compile(r"\[/?[a-z ]*\]")
# letters that may be wider than one place, or none: all but Latin, Greek, and signs of mathematics and of frames
_BEYOND = re.compile(r"[^ -~\u00a1-\u00ac\u00ae-\u02af\u0391-\u03c9\u2010-\u2027\u2030-\u205e\u2070-\u230b─-▟]")


def _is_narrow(words: str) -> bool:
    return not _BEYOND.search(words)


class _Seen(Formatter):
    def format_field(self, value: Any, specification: str) -> str:
        return printable(format(value, specification), keep="\n")


def _terminal() -> Any:
    return importlib.import_module("hubel.view.words.terminal")
