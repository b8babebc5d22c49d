"""A contact sheet of what was asked for and what was found."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from hubel.data import ImageError, read_image
from hubel.view.figures.tiles import Section, Tile, TiledFigure

if TYPE_CHECKING:
    from hubel.look.retrieve.find import Alike, Found

SIZE = 112.0
_PIXELS = 224  # of a picture's longer side that are kept
_MISSING = 205  # grey of a file that has gone


def sheet(found: Alike) -> TiledFigure:
    """Draw what was found for each image that was asked for."""
    return figure([(Path(image).name, image) for image in found.asked], found.found)


def figure(asked: Sequence[tuple[str, Any]], found: Sequence[Sequence[Found]], subtitle: str = "") -> TiledFigure:
    """Set a line for each image that was asked for (its name and itself): that image, then what is most like it."""
    sections = []
    for (name, image), results in zip(asked, found, strict=True):
        picture = _picture(image)
        frame = (0.0, 0.0, float(picture.shape[0]), float(picture.shape[1]))
        tiles = [Tile(picture, "asked for", name, (frame,), name)]
        for one in results:
            words = f"{one.similarity:.3f}" + (", the same file" if one.same else "")
            tiles.append(Tile(_picture(one.path), words, one.path.name, (), "/".join(one.path.parts[-2:])))
        sections.append(Section(name if len(asked) > 1 else "", tuple(tiles), "", SIZE))
    title = f"Most like {asked[0][0]}" if len(asked) == 1 else f"Most like each of {len(asked)} images"
    return TiledFigure(
        title, subtitle or "the cosine of the network's penultimate features: 1 is alike", tuple(sections)
    )


def _picture(image: Any) -> npt.NDArray[np.uint8]:
    """The image in its own colours, on white, shrunk; grey where it cannot be read."""
    try:
        opened = image if isinstance(image, Image.Image) else read_image(image, at_least=(_PIXELS, _PIXELS))
    except (ImageError, OSError):
        return np.full((_PIXELS, _PIXELS, 3), _MISSING, np.uint8)
    if "A" in opened.getbands():
        ground = Image.new("RGBA", opened.size, "white")
        opened = Image.alpha_composite(ground, opened.convert("RGBA"))
    plain = opened.convert("RGB")
    plain.thumbnail((_PIXELS, _PIXELS), Image.Resampling.BOX)
    return np.asarray(plain)
