"""What descriptions of data say in a terminal, whatever the targets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import RenderableType

    from hubel.data.decode.image import ImageError

MOST_CLASSES = 30
MOST_FILES = 10


def sizes_line(sizes: Mapping[tuple[int, int], int]) -> str:
    """How many images have each (height, width)."""
    return f"sizes      {counted({f'{h}×{w}': n for (h, w), n in sizes.items()})}"


def unreadable_lines(unreadable: Sequence[ImageError], word: str = "unreadable") -> Iterator[RenderableType]:
    """Each file that cannot be read, with its reason; `word` where files are missing or odd too."""
    from hubel.view.terminal import styled

    for error in unreadable[:MOST_FILES]:
        yield styled("[red]{:10}[/] {}", word, error)
    if len(unreadable) > MOST_FILES:
        yield f"           and {len(unreadable) - MOST_FILES:,} more; --json lists all"


def note_lines(notes: Sequence[str]) -> Iterator[str]:
    """What to look at, a line each."""
    if notes:
        yield ""
    for note in notes:
        yield f"  • {note}"


def counted(numbers: Mapping[str, int]) -> str:
    """Names with their numbers, the first six."""
    shown = [f"{name} ({count:,})" for name, count in list(numbers.items())[:6]]
    return ", ".join(shown) + (f" and {len(numbers) - 6:,} more" if len(numbers) > 6 else "")
