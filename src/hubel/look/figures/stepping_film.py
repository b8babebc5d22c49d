"""A window's way as a film: GIF or animated PNG, a frame a position."""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING

from PIL import Image as Pictures

from hubel.look.figures.stepping import (
    MOST_WRITTEN,
    blackboard,
    chosen_channels,
    clipped,
    input_scale,
    is_small,
    known_colours,
    products,
    units,
    window_box,
)
from hubel.view.figures.scale import Scale
from hubel.view.figures.tiles import Chart, Section, Tile, TiledFigure

if TYPE_CHECKING:
    from hubel.arch import Pair
    from hubel.look.byhand.stepping import Stepping

MOST_FRAMES = 48
MILLISECONDS = 350
LAST = 2500  # the last frame stays


def film_file(found: Stepping, ending: str, theme: str, place: Pair | None = None) -> bytes:
    """Return an animation, .gif or .apng; it goes through all places, whichever is asked for."""
    return film(found, "gif" if ending == ".gif" else "png", "light" if theme == "auto" else theme)


def film(found: Stepping, kind: str = "gif", theme: str = "light", most: int = MOST_FRAMES) -> bytes:
    """Return an animation of at most so many positions: kind "gif" or "png"."""
    frames = [_image(frame(found, place).png(theme)) for place in found.frames(most)]
    size = max(image.width for image in frames), max(image.height for image in frames)
    frames = [_padded(image, size) for image in frames]
    durations = [MILLISECONDS] * (len(frames) - 1) + [LAST]
    buffer = BytesIO()
    if kind == "gif":
        frames = [image.quantize(255, dither=Pictures.Dither.NONE) for image in frames]
    frames[0].save(buffer, kind.upper(), save_all=True, append_images=frames[1:], duration=durations, loop=0)
    return buffer.getvalue()


def frame(found: Stepping, place: Pair) -> TiledFigure:
    """Draw one position: the window, its products, and the output so far."""
    here = found.position(place)
    if found.is_dense:
        return TiledFigure(found.title, found.rules, (*products(found, here)[:1], units(found, here)), page=900.0)
    if is_small(found):
        board = blackboard(found, here, found.known(place), "")
        return TiledFigure(found.title, found.rules, (board, *products(found, here)[:1]), page=900.0)
    box = clipped(window_box(here), found.inputs.shape[1:])
    first = found.picture
    if first is None:
        shown = chosen_channels(found, found.position(found.strongest), 1)[0]
        first = input_scale(found).colours(found.inputs[shown])
    scale = Scale.of(found.output)
    output = Tile(
        known_colours(found, place, scale), "output so far", "", ((float(place[0]), float(place[1]), 1.0, 1.0),)
    )
    parts: list[Section | Chart] = [Section("", (Tile(first, "came in", "", (box,)), output), "", 220.0)]
    drawn = products(found, here)
    parts += drawn[:1] if here.values.shape[0] <= MOST_WRITTEN else [Section(drawn[0].title, (), found.words(here))]
    return TiledFigure(found.title, found.rules, tuple(parts), page=900.0)


def _image(png: bytes) -> Pictures.Image:
    with Pictures.open(BytesIO(png)) as image:
        found: Pictures.Image = image.convert("RGB")
    return found.resize((found.width // 2, found.height // 2), Pictures.Resampling.LANCZOS)


def _padded(image: Pictures.Image, size: tuple[int, int]) -> Pictures.Image:
    """Set a frame on a ground as large as the largest: all frames of a film have one size."""
    if image.size == size:
        return image
    canvas = Pictures.new("RGB", size, image.getpixel((0, 0)))
    canvas.paste(image, (0, 0))
    return canvas
