"""How the package reads pictures or sounds: hubel's own functions, written out, so that they cannot differ."""

from __future__ import annotations

import inspect
from types import ModuleType

from hubel.base.versions import version_of
from hubel.data import Preprocessing
from hubel.data.decode import companding, image, levels, sound
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
    *("card_of", "_ground", "_reduced", "_thickness", "_paste"),
)
_HEAD = '''"""How files are read for this model: copied from hubel {version} (Apache-2.0), to answer as it does."""

from __future__ import annotations

import math
import threading
from collections import namedtuple

import numpy as np
from PIL import Image, ImageFilter, ImageOps

LEVELS = {levels}
CUT, SHAPE, CUTS = {cut}, {shape}, {cuts}
_AT_ONCE, _TURNED = {at_once}, {turned}
MAX_PIXELS = {max_pixels}
_ONE = threading.Lock()


def _opened(source):
    """A picture's file, of which no pixel is read yet. Raises OSError where it has too many."""
    with _ONE:  # Pillow's own limit warns of it, and ends at twice as many; it is the whole program's, and put back
        limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
        try:
            image = Image.open(source)
        finally:
            Image.MAX_IMAGE_PIXELS = limit
    if image.width * image.height > MAX_PIXELS:
        size = f"{{image.width}}×{{image.height}} = {{image.width * image.height:,}} pixels"
        raise OSError(f"has {{size}}, expected at most {{MAX_PIXELS:,}}; make it smaller")
    return image
'''
_FRAME = """HEIGHT, WIDTH, CHANNELS, THINGS = {height}, {width}, {channels}, {ink!r}
FRAME = namedtuple("Frame", "box centre")({box}, {centre!r})
INK, _LARGE, _WORKING = {ink_level}, {large}, {working}
"""
_READ_ANY = '''
def read(source):
    """The picture in a file: upright, eight bits, opaque; uint8 rows×columns×3."""
    with _opened(source) as image:
        image.load()
        return np.asarray(opaque(eight_bits(upright(image), LEVELS)).convert("RGB"))
'''
_READ_FRAMED = '''
def read(source):
    """The drawing in a file as the network sees it: uint8 HEIGHT×WIDTH×CHANNELS."""
    with _opened(source) as image:
        image.load()
        grey = _framed(card_of(eight_bits(upright(image), LEVELS)), FRAME, HEIGHT, WIDTH)
    grey = grey if THINGS == "light" else 255 - grey
    return np.repeat(grey[..., np.newaxis], CHANNELS, 2)
'''

_NOTE = '''
def note(path, picture):
    """That much of a picture is cut away, being of another form than the training's; "" where it is not."""
    share = cut_away(picture.shape[:2], SHAPE) if CUTS else 0
    return cut_words(share if share > CUT else 0)
'''
_HEARD: dict[ModuleType, tuple[str, ...]] = {
    companding: ("codes_of",),
    sound: (
        *(
            "Sound",
            "_share",
            "read_sound",
            "_wave",
            "_numbers",
            "_others",
            "resampled",
            "spectrogram",
            "waveform",
            "_heard",
        ),
        *("_mel_bands", "picture", "at_length"),
    ),
}
_NAMED = {  # what those name
    companding: ("CODES", "SILENCE", "_MU"),
    sound: (
        *("RATE", "BANDS", "HOP", "WINDOW", "POINTS", "DECIBELS", "SECONDS", "MARK", "_PCM", "_FLOAT", "_EXTENSIBLE"),
        *("_FULL", "_STREAMED", "_CLIPPED", "_PASSED"),
    ),
}
_EARS = '''"""How files are read for this model: copied from hubel {version} (Apache-2.0), to answer as it does."""

from __future__ import annotations

import functools
import io
import struct
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image

HEIGHT, WIDTH, CHANNELS = {height}, {width}, {channels}
{constants}
SettingError = ValueError
'''
_READ_SOUND = '''
def _content(source):
    return source.read() if hasattr(source, "read") else Path(source).read_bytes()


def read(source):
    """The sound in a file as the network sees it: uint8 HEIGHT×WIDTH×CHANNELS."""
    seen = np.asarray(at_length(picture(_content(source)), HEIGHT, WIDTH))
    return np.repeat(seen.reshape(HEIGHT, WIDTH, 1), CHANNELS, 2)


def note(path, picture):
    """How a sound is brought to what is heard, and what is wrong with it; "" where there is nothing to say."""
    return "; ".join(read_sound(_content(path)).notes(HEIGHT, WIDTH))
'''


def _hearing_program(preparation: Preprocessing) -> str:
    constants = [f"{name} = {getattr(module, name)!r}" for module, names in _NAMED.items() for name in names]
    head = _EARS.format(
        version=version_of("hubel"),
        height=preparation.height,
        width=preparation.width,
        channels=preparation.channels,
        constants="\n".join(constants),
    )
    functions = [inspect.getsource(getattr(module, name)) for module, names in _HEARD.items() for name in names]
    text = "\n\n".join([head, *functions, _READ_SOUND.lstrip()])
    return text.replace("'hubel[sound]'", "soundfile")


def reading_program(preparation: Preprocessing) -> str:
    """A Python file whose `read(path)` gives what the model's file takes, and `note(path, read)` what is to be said of
    it; it needs NumPy and Pillow.
    """
    if preparation.fit == "time":
        return _hearing_program(preparation)
    frame = preparation.frame
    functions = [getattr(module, name) for module, names in _BOTH.items() for name in names]
    if frame is not None:
        functions += [getattr(framing, name) for name in _FRAMING] + [preprocessing._framed]
    parts = [
        _HEAD.format(
            version=version_of("hubel"),
            cut=cut.CUT,
            shape=(preparation.height, preparation.width),
            cuts=preparation.fit == "crop" and frame is None,
            levels=preparation.levels,
            at_once=levels._AT_ONCE,
            turned=image._TURNED,
            max_pixels=image.MAX_PIXELS,
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
    parts += [_READ_ANY if frame is None else _READ_FRAMED, _NOTE]
    return "\n".join(parts)
