"""Many small images in one file, so that a page can hold hundreds of them and show each by itself."""

from __future__ import annotations

from dataclasses import dataclass, field
from io import BytesIO

import numpy as np
import numpy.typing as npt
from PIL import Image

from hubel.view.writers.markup import data_url

COLUMNS = 32
LONGEST = 64  # pixels of an image's longer side that a page keeps
_FEW_PIXELS = 40  # so many and fewer are enlarged as the squares they are

STYLE = """
.sprite{display:inline-block;background-image:var(--sheet);background-repeat:no-repeat;image-rendering:var(--how);
width:var(--w);height:calc(var(--w)*var(--form));background-size:calc(var(--w)*var(--columns)) auto;
background-position:calc(var(--w)*-1*var(--x)) calc(var(--w)*-1*var(--form)*var(--y))}
"""


@dataclass(frozen=True)
class Sprite:
    """Equal images in rows of at most 32. address: a data URI. width, height: of one, pixels."""

    address: str = field(repr=False)
    columns: int
    width: int
    height: int
    is_exact: bool

    @property
    def style(self) -> str:
        """What an element that holds `.sprite` elements must say; each of these says --x, --y (its place) and --w."""
        how = "pixelated" if max(self.width, self.height) <= _FEW_PIXELS or self.is_exact else "auto"
        return f"--sheet:url({self.address});--columns:{self.columns};--form:{self.height / self.width:g};--how:{how}"


def sprite(images: npt.NDArray[np.uint8], longest: int = LONGEST, quality: int = 85) -> Sprite:
    """Put images, uint8 N×H×W×C of one or three channels, on one sheet; larger ones than `longest` are shrunk.

    Grey sheets are PNG, and exact; coloured ones WebP of that `quality`, exact at 100.
    """
    count, height, width, channels = images.shape
    scale = min(1.0, longest / max(height, width))
    wide, tall = max(1, round(width * scale)), max(1, round(height * scale))
    columns = max(1, min(COLUMNS, count))
    sheet = Image.new("L" if channels == 1 else "RGB", (columns * wide, max(1, -(-count // columns)) * tall))
    for place, image in enumerate(images):
        picture = Image.fromarray(image[..., 0] if channels == 1 else image)
        if scale < 1:
            picture = picture.resize((wide, tall), Image.Resampling.BOX)
        sheet.paste(picture, (place % columns * wide, place // columns * tall))
    buffer = BytesIO()
    if channels == 1:
        sheet.save(buffer, "PNG", optimize=True)
    else:
        sheet.save(buffer, "WEBP", quality=quality, lossless=quality == 100)
    kind = "png" if channels == 1 else "webp"
    return Sprite(data_url(buffer.getvalue(), kind), columns, wide, tall, quality == 100)
