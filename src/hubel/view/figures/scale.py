"""From numbers to colours: one scale a kind of number, even to the eye, the same in every picture."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Literal

import numpy as np
import numpy.typing as npt

from hubel.view.figures import ramps

Kind = Literal["signed", "magnitude", "grey"]
Colours = npt.NDArray[np.uint8]

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
        table = _table(self.kind)
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
def _table(kind: Kind) -> Colours:
    if kind == "grey":
        return np.repeat(np.arange(ramps.STEPS, dtype=np.uint8)[:, np.newaxis], 3, axis=1)
    found = ramps.signed() if kind == "signed" else ramps.magnitude()
    return np.frombuffer(found, np.uint8).reshape(-1, 3)
