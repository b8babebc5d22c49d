"""The colours of numbers as tables of bytes, red, green and blue after each other.

They are mixed in OKLab (Ottosson, "A perceptual color space for image processing", 2020), and anchors are set by their
lightness, so that equal steps of a number are equal steps of lightness. Standard library only.
"""

from __future__ import annotations

from base64 import b64encode
from bisect import bisect_right
from collections.abc import Sequence
from functools import cache

STEPS = 256
_NEGATIVE = ("#f8f8f7", "#9cc4e4", "#3f83c0", "#0b2f66")
_POSITIVE = ("#f8f8f7", "#f2b196", "#cf4a35", "#5f0716")
_MAGNITUDE = ("#0c0726", "#47126f", "#8f2470", "#d14e53", "#f4934b", "#fcebb0")

Vector = Sequence[float]
_TO_CONES = (
    (0.4122214708, 0.5363325363, 0.0514459929),
    (0.2119034982, 0.6806995451, 0.1073969566),
    (0.0883024619, 0.2817188376, 0.6299787005),
)
_TO_LAB = (
    (0.2104542553, 0.7936177850, -0.0040720468),
    (1.9779984951, -2.4285922050, 0.4505937099),
    (0.0259040371, 0.7827717662, -0.8086757660),
)


@cache
def signed() -> bytes:
    """From blue over white, the colour in the middle, to red: STEPS + 1 colours."""
    below, above = _ramp(_NEGATIVE, STEPS // 2 + 1), _ramp(_POSITIVE, STEPS // 2 + 1)
    return bytes(level for colour in [*below[:0:-1], *above] for level in colour)


@cache
def magnitude() -> bytes:
    """From dark to light: STEPS colours."""
    return bytes(level for colour in _ramp(_MAGNITUDE, STEPS) for level in colour)


def ramps_for_pages() -> dict[str, str]:
    """Return both in base64."""
    return {"signed": b64encode(signed()).decode(), "magnitude": b64encode(magnitude()).decode()}


def _ramp(anchors: tuple[str, ...], steps: int) -> list[list[int]]:
    """Mix anchors, each placed by its lightness, into evenly lightening (or darkening) colours."""
    labs = [_lab([int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]) for colour in anchors]
    places = [(lab[0] - labs[0][0]) / (labs[-1][0] - labs[0][0]) for lab in labs]
    found = []
    for step in range(steps):
        wanted = step / (steps - 1)
        after = min(max(bisect_right(places, wanted), 1), len(places) - 1)
        share = (wanted - places[after - 1]) / (places[after] - places[after - 1])
        found.append(
            _levels([low + share * (high - low) for low, high in zip(*labs[after - 1 : after + 1], strict=True)])
        )
    return found


def _lab(rgb: Vector) -> list[float]:
    linear = [each / 12.92 if each <= 0.04045 else ((each + 0.055) / 1.055) ** 2.4 for each in rgb]
    return _times(_TO_LAB, [each ** (1 / 3) for each in _times(_TO_CONES, linear)])


def _levels(lab: Vector) -> list[int]:
    linear = _times(_inverse(_TO_CONES), [each**3 for each in _times(_inverse(_TO_LAB), lab)])
    within = [min(max(each, 0.0), 1.0) for each in linear]
    encoded = [each * 12.92 if each <= 0.0031308 else 1.055 * each ** (1 / 2.4) - 0.055 for each in within]
    return [round(each * 255) for each in encoded]


def _times(matrix: Sequence[Vector], vector: Vector) -> list[float]:
    return [sum(each * other for each, other in zip(row, vector, strict=True)) for row in matrix]


@cache
def _inverse(matrix: tuple[tuple[float, float, float], ...]) -> tuple[tuple[float, ...], ...]:
    """By cofactors."""
    a, b, c = matrix
    crosses = [_cross(b, c), _cross(c, a), _cross(a, b)]
    whole = sum(each * other for each, other in zip(a, crosses[0], strict=True))
    return tuple(tuple(cross[row] / whole for cross in crosses) for row in range(3))


def _cross(one: Vector, other: Vector) -> list[float]:
    return [one[i - 2] * other[i - 1] - one[i - 1] * other[i - 2] for i in range(3)]
