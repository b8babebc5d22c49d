"""Pixels of more than eight bits: which of their values are black and white, decided once for a whole set."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import numpy as np
import numpy.typing as npt

Levels = tuple[float, float]
"""The values that become 0 and 255."""

_AT_ONCE = 2**20  # values
_TAIL = 0.1  # percent of an image's values at each end that are not looked at: hot and dead pixels


def usual_levels(images: Iterable[npt.NDArray[np.generic]]) -> Levels | None:
    """The levels for a set with these images in it; None where no image has a finite value.

    Floating point that keeps within 0 to 1, or within 0 to 255, and fills a quarter of it has those levels. Whole
    numbers have 0 and the largest number of so many bits, 4095 for pictures of 12 bits, unless they begin far above 0.
    Others have the range that is found, from 0 where it begins near that.
    """
    lows, highs, whole = [], [], True
    for image in images:
        values = image[np.isfinite(image)] if image.dtype.kind == "f" else image.reshape(-1)
        if not values.size:
            continue
        low, high = np.percentile(values, [_TAIL, 100 - _TAIL], method="nearest").astype(float)
        lows.append(low)
        highs.append(high)
        whole = whole and image.dtype.kind in "iub"
    if not lows:
        return None
    low, high = min(lows), max(highs)
    if 0 <= low <= high / 4:
        low = 0.0
        if whole:
            return low, float(2 ** max(1, int(high)).bit_length() - 1)
        high = next((full for full in (1.0, 255.0) if full / 4 < high <= full), high)
    return (low, high) if high > low else (low, low + 1.0)


def scaled(values: npt.NDArray[np.generic], levels: Levels) -> npt.NDArray[np.uint8]:
    """The values as bytes: the levels become 0 and 255, what lies outside the nearer one, and what is no number 0."""
    low, high = levels

    def bytes_of(numbers: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        return np.rint(np.clip((numbers - low) * (255.0 / (high - low)), 0, 255))

    return in_strips(values, bytes_of, nan=low, above=high, below=low)


def in_strips(
    values: npt.NDArray[np.generic],
    bytes_of: Callable[[npt.NDArray[np.float64]], npt.NDArray[np.float64]],
    nan: float = 0.0,
    above: float = 0.0,
    below: float = 0.0,
) -> npt.NDArray[np.uint8]:
    """Make bytes of an image's values some rows at a time, since they take eight times as much on the way."""
    found = np.empty(values.shape, np.uint8)
    for rows in strips(values):
        numbers = np.nan_to_num(values[rows].astype(np.float64), nan=nan, posinf=above, neginf=below)
        found[rows] = bytes_of(numbers)
    return found


def strips(values: npt.NDArray[np.generic]) -> Iterator[slice]:
    """An array's rows, about a million values at a time."""
    step = max(1, _AT_ONCE // max(1, values[:1].size))
    return (slice(start, start + step) for start in range(0, len(values), step))


def words_of_levels(levels: Levels) -> str:
    """The levels as they are told."""
    return f"{levels[0]:g} to {levels[1]:g}"
