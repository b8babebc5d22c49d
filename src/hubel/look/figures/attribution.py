"""Maps of attributions beside their images, drawn."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from hubel.base.numbers import short_text
from hubel.look.attribution.result import Attributions, Map
from hubel.view.figures.scale import Scale
from hubel.view.figures.tiles import Section, Tile, TiledFigure

SIZE = 166.0  # three pairs of image and map in a line, and one on a telephone
_ROW, _GAP, _LEAST = 1200.0, 14.0, 100.0  # of a line, in which a sentence's words stand; a map's least side
_DRAWN = 372  # pixels of a picture's longer side at least, so that coarse maps lie smoothly over small images
_VEIL = (0.25, 0.7)  # how much of an overlay is the map's colour, where the map is zero and where it is most

Pixels = npt.NDArray[np.uint8]


def figure(found: Attributions, signed: bool | None = None, together: bool = True) -> TiledFigure:
    """Draw each image and beside it every class's map; coarse maps also over the image, those of a sentence's words so
    alone, each by its own scale.

    signed: whether blue and red show what speaks against and for a class, or light what matters. together: one scale
    for all maps, so that they can be compared; else each map has its own, written below it.
    """
    signed = found.signed if signed is None else signed
    together = together and not found.said
    common = scale_of(found, [each for of_image in found.maps for each in of_image], signed) if together else None
    sections = []
    classes = max(map(len, found.maps))
    if classes == 1:
        tiles = [tile for place in range(len(found.images)) for tile in _tiles(found, place, signed, common)]
        sections = [Section("", tuple(tiles), "", SIZE, common)]
    else:
        size = min(SIZE, max(_LEAST, _ROW / (1 + classes) - _GAP)) if found.said else SIZE
        for place, image in enumerate(found.images):
            last = common if place == len(found.images) - 1 else None
            title = image.name if len(found.images) > 1 else ""
            title = ": ".join(filter(None, (title, *found.said[place : place + 1])))
            sections.append(Section(title, tuple(_tiles(found, place, signed, common)), "", size, last))
    words = [_sentence(found.about), _drawing(found, signed, together), *_notes(found)]
    return TiledFigure(f"{found.method}: {found.network or 'network'}", " ".join(words), tuple(sections))


def scale_of(found: Attributions, maps: list[Map], signed: bool) -> Scale:
    """Return the scale that shows `found.share` of the numbers without cutting them off."""
    values = np.concatenate([np.abs(each.signed if signed else each.magnitude).ravel() for each in maps])
    values = values[np.isfinite(values)]
    limit = float(np.quantile(values, found.share)) if values.size else 0.0
    limit = limit or float(values.max(initial=0.0))
    return Scale.signed(limit) if signed else Scale.magnitude(0.0, limit)


def overlay(picture: Pixels, values: npt.NDArray[Any], scale: Scale) -> Pixels:
    """Lay a map's colours over an image in grey, both enlarged where they are small: the image in squares, the map
    smoothly (bilinear).
    """
    height, width = picture.shape[:2]
    factor = max(1, -(-_DRAWN // max(height, width)))
    size = width * factor, height * factor
    grey = Image.fromarray(picture[..., 0] if picture.shape[2] == 1 else picture).convert("L")
    ground = np.asarray(grey.resize(size, Image.Resampling.NEAREST), np.float64)[..., np.newaxis]
    numbers = Image.fromarray(np.asarray(values, np.float32))
    smooth = values.shape != (height, width)
    fine = np.asarray(numbers.resize(size, Image.Resampling.BILINEAR if smooth else Image.Resampling.NEAREST))
    share = np.nan_to_num(np.clip(np.abs(fine) / scale.high, 0, 1), nan=1.0) if scale.high > 0 else np.zeros_like(fine)
    veil = (_VEIL[0] + (_VEIL[1] - _VEIL[0]) * share)[..., np.newaxis]
    mixed: Pixels = np.rint(ground * (1 - veil) + scale.colours(fine) * veil).astype(np.uint8)
    return mixed


def _tiles(found: Attributions, place: int, signed: bool, common: Scale | None) -> list[Tile]:
    image = found.images[place]
    shape = "×".join(map(str, image.picture.shape))
    tiles = [Tile(image.seen, image.name, shape)]
    for each in found.maps[place]:
        scale = common or scale_of(found, [each], signed)
        values = each.signed if signed else each.magnitude
        caption = f"{each.class_name}, {each.told}"
        note = f"{found.score} {short_text(each.score)}"
        limits = f"{short_text(float(values.min()))} … {short_text(float(values.max()))}"
        rows = "×".join(map(str, values.shape))
        if found.said:
            drawn = overlay(image.seen, values, scale) if found.share == 1.0 else scale.colours(values)
            tiles.append(Tile(drawn, caption, f"{note}; {limits}"))
        elif found.share == 1.0:  # a map of places, not of pixels
            tiles.append(Tile(overlay(image.seen, values, scale), caption, note))
            tiles.append(Tile(scale.colours(values), rows, limits, hover=f"{caption}, the map itself"))
        else:
            tiles.append(Tile(scale.colours(values), caption, f"{note}; {limits}"))
    return tiles


def _drawing(found: Attributions, signed: bool, together: bool) -> str:
    against = ", and what speaks against it is left out (ReLU)" if found.layer else ""
    what = "Red speaks for it, blue against it" if signed else f"Light is much, dark is zero{against}"
    whose = "one scale for all maps" if together else "each map has a scale of its own, its numbers below it"
    ends = "" if found.share == 1.0 else f"; the {1 - found.share:.1%} of pixels beyond it are drawn as its ends"
    return f"{what}; {whose}{ends}."


def _notes(found: Attributions) -> list[str]:
    several = len(found.images) > 1 or max(map(len, found.maps)) > 1
    return [
        f"{each.image}, {each.class_name}: {note}." if several else _sentence(note)
        for of_image in found.maps
        for each in of_image
        for note in each.notes
    ]


def _sentence(words: str) -> str:
    return f"{words[:1].upper()}{words[1:].rstrip('.')}."
