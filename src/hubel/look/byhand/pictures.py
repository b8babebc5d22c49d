"""Pictures as grids of grey levels: read, written, and drawn in the terminal by half blocks."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

from hubel.base.numbers import rounded_text
from hubel.look.byhand.grids import Grid, Number

if TYPE_CHECKING:
    from rich.text import Text

    from hubel.arch import Pair


def read_picture(path: Path, shrink: Pair | None = None) -> Grid:
    """Return an image file's grey levels, 0 black to 255 white, shrunk to fit into `shrink` (rows, columns) if given.

    Raises `ImageError` (a `ValueError`) where the file is no image.
    """
    from PIL import Image

    from hubel.data import read_image

    image = read_image(path, at_least=shrink)
    if image.mode in ("LA", "RGBA"):  # what shows through is taken for white
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image.convert("RGBA"))
    grey = image.convert("L")
    if shrink:
        grey.thumbnail((shrink[1], shrink[0]), Image.Resampling.BOX)
    width, levels = grey.width, grey.tobytes()
    return tuple(tuple(levels[start : start + width]) for start in range(0, len(levels), width))


def picture_file(grid: Grid, ending: str) -> bytes:
    """A grid as a file of a grey picture: as it is from 0 to 255, else its lowest number black, its highest white."""
    from PIL import Image

    levels, _ = grey_levels(grid)
    image = Image.frombytes("L", (len(grid[0]), len(grid)), bytes(level for row in levels for level in row))
    file = BytesIO()
    image.save(file, Image.registered_extensions()[ending])
    return file.getvalue()


def grey_levels(grid: Grid) -> tuple[list[list[int]], str]:
    """Return grey levels from 0 to 255, and in words how they were got where numbers lie outside of that."""
    low, high = min(map(min, grid)), max(map(max, grid))
    if low >= 0 and 1 < high <= 255:
        return [[round(value) for value in row] for row in grid], ""
    levels = [[_scaled(value, low, high) for value in row] for row in grid]
    return levels, f"{rounded_text(low)} black, {rounded_text(high)} white"


def _scaled(value: Number, low: Number, high: Number) -> int:
    return round(255 * (float(value) - float(low)) / (float(high) - float(low))) if high > low else 0


def half_blocks(grid: Grid, columns: int, lines: int) -> list[Text]:
    """Draw a grid in at most so many columns and lines of the terminal, two rows of pixels a line."""
    from rich.text import Text

    levels = _shrunk(grey_levels(grid)[0], max(1, -(-len(grid[0]) // columns), -(-len(grid) // (2 * lines))))
    if len(levels) % 2:
        levels.append([0] * len(levels[0]))
    drawn = []
    for above, below in zip(levels[::2], levels[1::2], strict=True):
        line = Text(no_wrap=True)
        for upper, lower in zip(above, below, strict=True):
            line.append("▀", f"rgb({upper},{upper},{upper}) on rgb({lower},{lower},{lower})")
        drawn.append(line)
    return drawn


def _shrunk(levels: list[list[int]], factor: int) -> list[list[int]]:
    """Average squares of `factor` pixels."""
    if factor == 1:
        return [list(row) for row in levels]
    shrunk = []
    for top in range(0, len(levels), factor):
        band = levels[top : top + factor]
        row = []
        for left in range(0, len(levels[0]), factor):
            square = [level for line in band for level in line[left : left + factor]]
            row.append(sum(square) // len(square))
        shrunk.append(row)
    return shrunk
