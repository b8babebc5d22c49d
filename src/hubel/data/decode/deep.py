"""Colour of more than eight bits a band: Pillow's modes have room for eight, so that such files are read twice, once
for the upper byte of each value and once for the lower.
"""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from hubel.data.decode.levels import Levels, scaled

FULL: Levels = (0.0, 65535.0)
_OTHER = {"B": "L", "L": "B", "N": "B"}  # which byte of a value Pillow takes for the upper one


def is_deep_colour(image: Image.Image) -> bool:
    """Whether this PNG or TIFF, opened and not read yet, has several bands of 16 bits."""
    return any(
        _raw(tile.args).rpartition(";")[0] in ("RGB", "RGBA") and ";16" in _raw(tile.args) for tile in _tiles(image)
    )


def is_misread(image: Image.Image) -> bool:
    """Whether this is a TIFF whose bands of 16 bits lie one after the other, of which Pillow makes something else."""
    tags: Any = getattr(image, "tag_v2", {})
    bits = tags.get(258, (8,))
    return bool(tags.get(284, 1) == 2 and max(bits) > 8)


def deep_colour(content: bytes, formats: tuple[str, ...]) -> npt.NDArray[np.uint16]:
    """The values, H×W×3 or H×W×4 with opacity. Raises what Pillow raises of damaged files."""
    upper, lower = (_read(content, formats, swapped).astype(np.uint16) for swapped in (False, True))
    return np.asarray(upper << 8 | lower, np.uint16)


def eight_bit_colour(values: npt.NDArray[np.uint16], levels: Levels | None) -> Image.Image:
    """The values in eight bits, by the levels; opacity by all that it may be."""
    colour = scaled(values[..., :3], levels or FULL)
    if values.shape[2] == 4:
        colour = np.concatenate([colour, scaled(values[..., 3:], FULL)], 2)
    return Image.fromarray(colour)


def _read(content: bytes, formats: tuple[str, ...], swapped: bool) -> npt.NDArray[np.uint8]:
    with Image.open(io.BytesIO(content), formats=formats) as image:
        if swapped:
            image.tile = [tile._replace(args=_swapped(tile.args)) for tile in _tiles(image)]
        image.load()
        return np.asarray(image)


def _tiles(image: Image.Image) -> list[Any]:
    return list(getattr(image, "tile", ()))


def _raw(args: Any) -> str:
    """How a decoder is told that values lie in the file: "RGB;16B"."""
    first = args[0] if isinstance(args, tuple) and args else args
    return first if isinstance(first, str) else ""


def _swapped(args: Any) -> Any:
    raw = _raw(args)
    other = raw[:-1] + _OTHER[raw[-1]]
    return (other, *args[1:]) if isinstance(args, tuple) else other
