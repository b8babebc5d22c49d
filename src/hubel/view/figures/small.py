"""A figure in a terminal: its pictures by half blocks, two rows of pixels a line."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from PIL.Image import Image
    from rich.text import Text

    from hubel.view.figures.figure import Figure

TILE = 24  # letters that a picture in the terminal is wide
MOST_PARTS = 12


def small(figure: Figure, columns: int) -> Iterator[Text]:
    """Yield a figure of tiles for a terminal: a line of each part's pictures, as many as there is room for."""
    from rich.text import Text

    from hubel.view.figures.tiles import Section, TiledFigure

    if not isinstance(figure, TiledFigure):
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
