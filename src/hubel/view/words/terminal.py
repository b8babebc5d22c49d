"""What terminals are shown: words are words there too, and no name from a file moves the cursor or sets a colour."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable, Iterable
from string import Formatter
from typing import TYPE_CHECKING, Any, TypeVar

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.text import Text

from hubel.base.words import printable
from hubel.view.words.rows import Rows
from hubel.view.words.told import Styled

if TYPE_CHECKING:
    from hubel.base.download import Progress

PIPED_WIDTH = 160
QUIET = 9.0  # seconds without a line where no one looks
T = TypeVar("T")
_LONGEST = 400  # letters of a cell


class Terminal(Console):
    """rich's console for text that is data: without markup, highlighting and emoji, and with nothing hidden in it.

    What is to have a colour is `styled`.
    """

    def __init__(self, **settings: Any) -> None:
        super().__init__(**{"markup": False, "highlight": False, "emoji": False, **settings})

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """Render, with what is hidden shown."""
        if isinstance(renderable, str):  # before it is laid out
            renderable = printable(renderable, keep="\n\t")
        for segment in super().render(renderable, options):
            if segment.control or segment.text == "\n" or segment.text.isprintable():
                yield segment
            else:
                yield Segment(printable(segment.text, keep="\n\t"), segment.style)


def console(stderr: bool = False) -> Terminal:
    """A console as wide as the terminal; piped output is wide, so that nothing is folded."""
    stream = sys.stderr if stderr else sys.stdout
    width = None if stream.isatty() or "COLUMNS" in os.environ else PIPED_WIDTH
    return Terminal(stderr=stderr, width=width, soft_wrap=False)


def with_progress(what: str, work: Callable[[Progress], T]) -> T:
    """Return what `work` gives, with a line in the terminal of how far it is; elsewhere standard error gets one every
    ten seconds, also where `work` says nothing meanwhile.
    """
    screen = console(stderr=True)
    if screen.is_terminal:
        with screen.status(what) as status:
            return work(lambda *how: status.update(_how_far(*how)))
    now, over, began = [what], threading.Event(), time.monotonic()

    def tell() -> None:
        while not over.wait(QUIET):
            screen.print(f"{now[0]}, {time.monotonic() - began:.0f} s", soft_wrap=True)

    teller = threading.Thread(target=tell, name="progress", daemon=True)
    teller.start()
    try:
        return work(lambda *how: now.__setitem__(0, _how_far(*how)))
    finally:
        over.set()
        teller.join()


def _how_far(what: str, done: int, whole: int) -> str:
    return what + (f" {done:,}" if done or whole else "") + (f" of {whole:,}" if whole else "")


class _Filled(Formatter):
    def format_field(self, value: Any, specification: str) -> str:
        from rich.markup import escape

        return escape(printable(format(value, specification), keep="\n"))


def styled(template: str, *values: object, **named: object) -> Text:
    """Text with rich's markup in it, as in `styled("[bold]{}[/]: {:.1%}", name, share)`; values are only text."""
    return Text.from_markup(_Filled().vformat(template, values, named), emoji=False)


def _cut(cell: object) -> str:
    return printable(str(cell), "\n", _LONGEST)


def table(*titles: str, rows: Iterable[Iterable[object]] = (), gap: int = 2) -> Rows:
    """A table without lines, `gap` letters between columns; without titles it has no head.

    A title that starts with `#` is that of numbers, which stand at the right. Cells without end are cut; no word is
    broken where there is little room (see `Rows`).
    """
    cells = [
        [
            cell if isinstance(cell, Text) else cell.__rich__() if isinstance(cell, Styled) else Text(_cut(cell))
            for cell in row
        ]
        for row in rows
    ]
    return Rows(titles, cells, gap)
