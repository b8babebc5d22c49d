"""How the package reads pictures: hubel's own functions, written out, so that they cannot differ."""

from __future__ import annotations

import inspect
from types import ModuleType

from hubel.base.versions import version_of
from hubel.data import Preprocessing
from hubel.data.decode import image, levels
from hubel.data.prepare import cut, framing, preprocessing

_BOTH: dict[ModuleType, tuple[str, ...]] = {
    levels: ("scaled", "in_strips", "strips"),
    image: ("upright", "is_deep", "eight_bits", "_grey_of_any_range"),
    framing: ("opaque",),
    preprocessing: ("cut_away",),
    cut: ("cut_words",),
}
_FRAMING = (
    *("ink_of", "_is_faint", "ink_as_drawn", "stretched", "is_framed", "framed", "ink_box", "_centre", "border"),
    *("_ground", "_reduced", "_thickness", "_paste"),
)
_HEAD = '''"""How pictures are read for this model: copied from hubel {version} (Apache-2.0), to answer as it does."""

from __future__ import annotations

import math
from collections import namedtuple

import numpy as np
from PIL import Image, ImageFilter, ImageOps

LEVELS = {levels}
CUT = {cut}
_AT_ONCE, _TURNED = {at_once}, {turned}
'''
_FRAME = """HEIGHT, WIDTH, CHANNELS, THINGS = {height}, {width}, {channels}, {ink!r}
FRAME = namedtuple("Frame", "box centre")({box}, {centre!r})
INK, _LARGE, _WORKING = {ink_level}, {large}, {working}
"""
_READ_ANY = '''
def read(source):
    """The picture in a file: upright, eight bits, opaque; uint8 rows×columns×3."""
    with Image.open(source) as image:
        image.load()
        return np.asarray(opaque(eight_bits(upright(image), LEVELS)).convert("RGB"))
'''
_READ_FRAMED = '''
def read(source):
    """The drawing in a file as the network sees it: uint8 HEIGHT×WIDTH×CHANNELS."""
    with Image.open(source) as image:
        image.load()
        grey = _framed(eight_bits(upright(image), LEVELS), FRAME, HEIGHT, WIDTH)
    grey = grey if THINGS == "light" else 255 - grey
    return np.repeat(grey[..., np.newaxis], CHANNELS, 2)
'''


def reading_program(preparation: Preprocessing) -> str:
    """A Python file whose `read(path)` gives what the model's file takes; it needs NumPy and Pillow."""
    frame = preparation.frame
    functions = [getattr(module, name) for module, names in _BOTH.items() for name in names]
    if frame is not None:
        functions += [getattr(framing, name) for name in _FRAMING] + [preprocessing._framed]
    parts = [
        _HEAD.format(
            version=version_of("hubel"),
            cut=cut.CUT,
            levels=preparation.levels,
            at_once=levels._AT_ONCE,
            turned=image._TURNED,
        )
    ]
    if frame is not None:
        parts.append(
            _FRAME.format(
                height=preparation.height,
                width=preparation.width,
                channels=preparation.channels,
                ink=preparation.ink,
                box=frame.box,
                centre=frame.centre,
                ink_level=framing.INK,
                large=framing._LARGE,
                working=framing._WORKING,
            )
        )
    parts += [f"\n{inspect.getsource(function)}" for function in functions]
    parts.append(_READ_ANY if frame is None else _READ_FRAMED)
    return "\n".join(parts)
