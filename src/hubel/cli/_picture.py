"""Pictures as grids of grey levels: read, written, and drawn in the terminal by half blocks."""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hubel.base.files import replacing
from hubel.base.numbers import rounded_text
from hubel.look.byhand.grids import Grid, Number

if TYPE_CHECKING:
    from PIL.Image import Image
    from rich.text import Text

    from hubel.arch import Pair
    from hubel.view.figure import Figure


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


def save_picture(image: Image, path: Path) -> None:
    """Write an image, whole or not at all, in the form that the file's ending names."""
    with replacing(path) as unfinished:
        image.save(unfinished)


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


def coloured_half_blocks(image: Image) -> list[Text]:
    """Draw an RGB image, a letter a pixel's width, two rows of pixels a line."""
    from rich.text import Text

    lines = []
    for above in range(0, image.height, 2):
        line = Text(no_wrap=True)
        for across in range(image.width):
            upper, lower = (
                image.getpixel((across, row)) if row < image.height else (0, 0, 0) for row in (above, above + 1)
            )
            line.append("▀", f"rgb{upper} on rgb{lower}".replace(" ", "").replace(")on", ") on "))
        lines.append(line)
    return lines


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


TILE = 24  # letters that a picture in the terminal is wide
MOST_PARTS = 12


def small(figure: Figure, columns: int) -> Iterator[Text]:
    """Yield a plate for a terminal: a line of each part's pictures, as many as there is room for."""
    from rich.text import Text

    from hubel.view.plate import Plate, Section

    if not isinstance(figure, Plate):
        return
    shown = [part for part in figure.sections if isinstance(part, Section) and part.tiles]
    yield Text(f"{figure.title}  {figure.subtitle}", "bold")
    for part in shown[:MOST_PARTS]:
        yield Text(f"\n{part.title}  {part.note}".rstrip(), "dim")
        strip = _strip([tile.picture for tile in part.tiles[: max(1, columns // (TILE + 1))]])
        yield from coloured_half_blocks(strip)
    if len(shown) > MOST_PARTS:
        yield Text(f"\n… and {len(shown) - MOST_PARTS} more", "dim")
    yield Text("\nthe whole page, sharp: -o FILE.png, .svg or .html", "dim")


def _strip(pictures: list[Any]) -> Any:
    """Set pictures side by side, each as wide as `TILE` letters."""
    from PIL import Image

    images = [Image.fromarray(picture[..., 0] if picture.shape[2:] == (1,) else picture) for picture in pictures]
    scales = [TILE / max(image.size) for image in images]
    sizes = [
        (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
        for image, scale in zip(images, scales, strict=True)
    ]
    canvas = Image.new("RGB", (len(images) * (TILE + 1) - 1, max(height for _, height in sizes)))
    for place, (image, size, scale) in enumerate(zip(images, sizes, scales, strict=True)):
        how = Image.Resampling.NEAREST if scale > 1 else Image.Resampling.BOX
        canvas.paste(image.convert("RGB").resize(size, how), (place * (TILE + 1), 0))
    return canvas
