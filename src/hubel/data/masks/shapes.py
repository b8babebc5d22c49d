"""Masks as COCO's annotations have them: polygons, and runs of pixels, column after column (pycocotools' maskApi)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from hubel.base.errors import DataError

_FINE = 5  # steps a pixel in which edges are followed


class Shape(NamedTuple):
    """One object: its value, and its polygons (x, y, x, y …) or runs ({"size": …, "counts": …})."""

    value: int
    outline: Any


class Shapes(NamedTuple):
    """All objects of an image, to be drawn one over the other. name: what to call them in errors."""

    name: str
    height: int
    width: int
    objects: tuple[Shape, ...]

    def values(self) -> npt.NDArray[np.uint8]:
        """The mask, H×W: each pixel the value of the smallest object over it, 0 where there is none."""
        drawn = [(shape.value, mask_of(shape.outline, self.height, self.width)) for shape in self.objects]
        found = np.zeros((self.height, self.width), np.uint8)
        for value, inside in sorted(drawn, key=lambda each: -int(each[1].sum())):
            found[inside] = value
        return found


def mask_of(outline: Any, height: int, width: int) -> npt.NDArray[np.bool_]:
    """Where an object is, H×W. Raises DataError for what is neither polygons nor runs of this size."""
    if isinstance(outline, Mapping):
        return _of_runs(outline, height, width)
    found = np.zeros((height, width), bool)
    if not isinstance(outline, Sequence) or isinstance(outline, str):
        raise DataError(f"expected polygons or runs, received {type(outline).__name__}")
    for polygon in outline:
        points = np.asarray(polygon, np.float64) if _is_numbers(polygon) else np.zeros(1)
        if points.ndim != 1 or len(points) % 2 or len(points) < 6 or not np.isfinite(points).all():
            raise DataError("expected polygons of three points or more, as x, y, x, y …")
        found |= polygon_mask(points, height, width)
    return found


def _is_numbers(polygon: Any) -> bool:
    return isinstance(polygon, Sequence) and all(isinstance(each, (int, float)) for each in polygon)


def _of_runs(runs: Mapping[str, Any], height: int, width: int) -> npt.NDArray[np.bool_]:
    given, size = runs.get("counts"), runs.get("size", [height, width])
    counts = counts_of(given) if isinstance(given, (str, bytes)) else given
    if not isinstance(counts, list) or not all(isinstance(each, int) and each >= 0 for each in counts):
        raise DataError("expected runs of pixels as a list of whole numbers, or in COCO's compressed form")
    if size != [height, width] or sum(counts) != height * width:
        raise DataError(
            f"expected runs of {height}×{width} pixels, received {sum(counts):,} pixels of the size {str(size)[:60]}"
        )
    turns: npt.NDArray[np.bool_] = np.arange(len(counts)) % 2 == 1
    return np.asarray(np.repeat(turns, counts).reshape(width, height).T)


def counts_of(text: str | bytes) -> list[int]:
    """The lengths of runs in COCO's compressed text: five bits a letter, from the third on as differences. Raises
    DataError for a text that is none.
    """
    content = text.encode("ascii", "replace") if isinstance(text, str) else text
    found: list[int] = []
    place = 0
    while place < len(content):
        value, bits, more = 0, 0, True
        while more:
            if place >= len(content) or not 48 <= content[place] < 112:
                raise DataError("expected runs in COCO's compressed form, received another text")
            letter = content[place] - 48
            value |= (letter & 31) << bits
            more, place, bits = bool(letter & 32), place + 1, bits + 5
            if not more and letter & 16:
                value -= 1 << bits
        found.append(value + found[-2] if len(found) > 2 else value)
    return found


def polygon_mask(points: npt.NDArray[np.float64], height: int, width: int) -> npt.NDArray[np.bool_]:
    """Where a polygon (x, y, x, y …) is, H×W, to the pixel as pycocotools draws it: its edges are followed in fifths of
    a pixel, and each column is turned over where they cross it.
    """
    across = np.trunc(_FINE * points[0::2] + 0.5).astype(np.int64)
    down = np.trunc(_FINE * points[1::2] + 0.5).astype(np.int64)
    steps = [
        _line(int(x), int(y), int(to_x), int(to_y))
        for x, y, to_x, to_y in zip(across, down, np.roll(across, -1), np.roll(down, -1), strict=True)
    ]
    x, y = (np.concatenate([step[axis] for step in steps]) for axis in (0, 1))
    turned = np.flatnonzero(x[1:] != x[:-1]) + 1
    column = (np.where(x[turned] < x[turned - 1], x[turned], x[turned] - 1) + 0.5) / _FINE - 0.5
    row = (np.where(y[turned] < y[turned - 1], y[turned], y[turned - 1]) + 0.5) / _FINE - 0.5
    kept = (column == np.floor(column)) & (column >= 0) & (column <= width - 1)
    places = column[kept].astype(np.int64) * height + np.ceil(row[kept].clip(0, height)).astype(np.int64)
    turns = np.bincount(places, minlength=height * width + 1)[: height * width].cumsum()
    inside: npt.NDArray[np.bool_] = turns % 2 == 1
    return np.asarray(inside.reshape(width, height).T)


def _line(x: int, y: int, to_x: int, to_y: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """The points of a straight line, both ends with it, as Bresenham would have them."""
    wide, high = abs(to_x - x), abs(to_y - y)
    back = (wide >= high and x > to_x) or (wide < high and y > to_y)
    if back:
        x, to_x, y, to_y = to_x, x, to_y, y
    along = np.arange(max(wide, high) + 1)
    along = along[::-1] if back else along
    if wide >= high:
        slope = (to_y - y) / wide if wide else 0.0
        return along + x, np.trunc(y + slope * along + 0.5).astype(np.int64)
    slope = (to_x - x) / high
    return np.trunc(x + slope * along + 0.5).astype(np.int64), along + y
