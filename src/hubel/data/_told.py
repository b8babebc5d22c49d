"""What descriptions of data say in a terminal, whatever the targets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from hubel.data.decode import sound

if TYPE_CHECKING:
    from rich.console import RenderableType

    from hubel.data.decode.image import ImageError

MOST_CLASSES = 30
MOST_FILES = 10
SOUND = "sound"  # in the place of a file's format


def sizes_line(sizes: Mapping[tuple[int, int], int]) -> str:
    """How many images have each (height, width)."""
    return f"sizes      {counted({f'{h}×{w}': n for (h, w), n in sizes.items()})}"


def files_lines(
    sizes: Mapping[tuple[int, int], int], modes: Mapping[str, int], formats: Mapping[str, int]
) -> Iterator[str]:
    """What files hold: of images their sizes, pixels and formats, of sounds how long they are and how recorded."""
    if set(formats) != {SOUND}:
        yield from (sizes_line(sizes), f"pixels     {counted(modes)}", f"formats    {counted(formats)}")
        return
    steps = [width for _, width in sizes]
    short, long = (found * sound.HOP / sound.RATE for found in (min(steps), max(steps)))
    yield f"lengths    {short:.2f} s" + (f" to {long:.2f} s" if long > short else "")
    yield f"recorded   {counted(modes)}"


def unreadable_lines(unreadable: Sequence[ImageError], word: str = "unreadable") -> Iterator[RenderableType]:
    """Each file that cannot be read, with its reason; `word` where files are missing or odd too."""
    from hubel.view.words.terminal import styled

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


def several(least: int, usual: float, most: int) -> str:
    """How many things pictures show: at least, usually, at most."""
    return f"{most:,} a picture" if least == most else f"{least:,} to {most:,} a picture, usually {usual:g}"


def parts_note(images: Mapping[str, int]) -> Iterator[str]:
    """How many pictures each part has, where there are others than one for training."""
    if any(part != "train" for part in images):
        yield f"parts: {', '.join(f'{part} ({count:,})' for part, count in images.items())}"


def problems_note(count: int, what: str, many: str) -> Iterator[str]:
    """What training does with so many that cannot be used, where there are such."""
    if count:
        are = f"1 {what} is" if count == 1 else f"{count:,} {many} are"
        yield f"{are} missing, wrong or unreadable: training stops at them, with --bad-images skip it leaves them out"


def sizes_data(sizes: Mapping[tuple[int, int], int]) -> list[dict[str, int]]:
    """How many images have each height and width, for JSON."""
    return [{"height": height, "width": width, "images": count} for (height, width), count in sizes.items()]


def unreadable_data(unreadable: Sequence[ImageError]) -> list[dict[str, str]]:
    """Files that cannot be used and why, for JSON."""
    return [{"path": error.path, "reason": error.reason} for error in unreadable]
