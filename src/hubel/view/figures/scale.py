"""From numbers to colours: one scale a kind of number, even to the eye, the same in every picture.

Colours are mixed in OKLab (Ottosson 2020), and anchors are set by their lightness, so that equal steps of a number are
equal steps of lightness: from white to either end of a signed scale, from dark to light along a magnitude.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Literal

import numpy as np
import numpy.typing as npt

Kind = Literal["signed", "magnitude", "grey"]
Colours = npt.NDArray[np.uint8]

STEPS = 256
_NEGATIVE = ("#f8f8f7", "#9cc4e4", "#3f83c0", "#0b2f66")
_POSITIVE = ("#f8f8f7", "#f2b196", "#cf4a35", "#5f0716")
_MAGNITUDE = ("#0c0726", "#47126f", "#8f2470", "#d14e53", "#f4934b", "#fcebb0")
_HATCH = ((150, 150, 150), (205, 205, 205))  # where there is no number


@dataclass(frozen=True)
class Scale:
    """What a number looks like.

    kind: "signed" (blue below zero, white zero, red above), "magnitude" (dark to light) or "grey".
    low, high: the numbers at its ends; those beyond are drawn as the ends.
    """

    kind: Kind
    low: float
    high: float

    @classmethod
    def signed(cls, limit: float) -> Scale:
        """From -limit to limit, around a white zero."""
        return cls("signed", -abs(limit), abs(limit))

    @classmethod
    def magnitude(cls, low: float, high: float) -> Scale:
        """From dark to light."""
        return cls("magnitude", low, high)

    @classmethod
    def grey(cls, low: float = 0.0, high: float = 255.0) -> Scale:
        """From black to white."""
        return cls("grey", low, high)

    @classmethod
    def share(cls) -> Scale:
        """For shares from 0 to 1."""
        return cls("magnitude", 0.0, 1.0)

    @classmethod
    def of_signed(cls, values: npt.ArrayLike) -> Scale:
        """As wide as the largest of these numbers, either way."""
        found = _finite(values)
        return cls.signed(float(np.abs(found).max(initial=0.0)))

    @classmethod
    def of_magnitude(cls, values: npt.ArrayLike) -> Scale:
        """From zero (or the least, where that is less) to the largest of these numbers."""
        found = _finite(values)
        return cls.magnitude(float(found.min(initial=0.0)), float(found.max(initial=0.0)))

    @classmethod
    def of(cls, values: npt.ArrayLike) -> Scale:
        """A signed scale where any number is below zero, else a magnitude."""
        return cls.of_signed(values) if _finite(values).min(initial=0.0) < 0 else cls.of_magnitude(values)

    def colours(self, values: npt.ArrayLike) -> Colours:
        """Numbers of any shape as uint8 …×3. Infinite ones are the ends; what is no number is hatched in grey."""
        numbers = np.asarray(values, dtype=np.float64)
        width = self.high - self.low
        if width > 0:
            share = (np.nan_to_num(numbers, nan=self.low, posinf=self.high, neginf=self.low) - self.low) / width
        else:
            share = np.full(numbers.shape, 0.5 if self.kind == "signed" else 0.0)
        table = _TABLES[self.kind]()
        drawn = table[np.rint(np.clip(share, 0, 1) * (len(table) - 1)).astype(np.intp)]
        missing = np.isnan(numbers)
        if missing.any():
            drawn[missing] = np.array(_HATCH, np.uint8)[(np.indices(numbers.shape).sum(0) // 2 % 2)[missing]]
        return drawn

    def bar(self, width: int = 128, height: int = 1) -> Colours:
        """The scale itself, from left to right: height×width×3."""
        return np.repeat(self.colours(np.linspace(self.low, self.high, width))[np.newaxis], height, axis=0)

    @property
    def ticks(self) -> tuple[float, ...]:
        """The numbers to write at its bar: its ends, and zero where it is signed."""
        return (self.low, 0.0, self.high) if self.kind == "signed" else (self.low, self.high)


def _finite(values: npt.ArrayLike) -> npt.NDArray[np.float64]:
    found = np.asarray(values, dtype=np.float64)
    return found[np.isfinite(found)]


@cache
def _signed() -> Colours:
    below, above = _ramp(_NEGATIVE, STEPS // 2 + 1), _ramp(_POSITIVE, STEPS // 2 + 1)
    return np.concatenate([below[:0:-1], above])


@cache
def _magnitude() -> Colours:
    return _ramp(_MAGNITUDE, STEPS)


@cache
def _grey() -> Colours:
    return np.repeat(np.arange(STEPS, dtype=np.uint8)[:, np.newaxis], 3, axis=1)


_TABLES = {"signed": _signed, "magnitude": _magnitude, "grey": _grey}

# Ottosson, "A perceptual color space for image processing" (2020)
_TO_CONES = np.array(
    [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
)
_TO_LAB = np.array(
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ]
)


def _ramp(anchors: tuple[str, ...], steps: int) -> Colours:
    """Mix anchors, each placed by its lightness, into evenly lightening (or darkening) colours."""
    rgb = np.array([[int(colour[place : place + 2], 16) for place in (1, 3, 5)] for colour in anchors]) / 255
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    lab = np.cbrt(linear @ _TO_CONES.T) @ _TO_LAB.T
    places = (lab[:, 0] - lab[0, 0]) / (lab[-1, 0] - lab[0, 0])
    wanted = np.linspace(0, 1, steps)
    mixed = np.stack([np.interp(wanted, places, lab[:, axis]) for axis in range(3)], axis=1)
    back = ((mixed @ np.linalg.inv(_TO_LAB).T) ** 3) @ np.linalg.inv(_TO_CONES).T
    back = np.clip(back, 0, 1)
    encoded = np.where(back <= 0.0031308, back * 12.92, 1.055 * back ** (1 / 2.4) - 0.055)
    colours: Colours = np.rint(encoded * 255).astype(np.uint8)
    return colours
