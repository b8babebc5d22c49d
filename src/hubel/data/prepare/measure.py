"""What a set of images looks like: its mean and deviation, what lies on what ground, and how it is framed."""

from __future__ import annotations

import dataclasses
from typing import Literal

import numpy as np
import numpy.typing as npt

from hubel.data.prepare.framing import INK, Frame

_FOR_MOMENTS, _FOR_FRAME = 4096, 1024
_PIXELS = 4096  # of an image that are enough for the moments
_EVEN = 16  # levels by which an even ground may differ from its median


@dataclasses.dataclass(frozen=True)
class Measured:
    """mean and std: of each channel, in units where 255 is 1. ink and frame: as in Preprocessing."""

    mean: tuple[float, ...]
    std: tuple[float, ...]
    ink: Literal["light", "dark"] | None
    frame: Frame | None


def measure(images: npt.NDArray[np.uint8]) -> Measured:
    """Measures images N×H×W×C: moments on up to 4,096 of them (and about 4,096 pixels of each), ground and frame on up
    to 1,024, evenly spread; on fewer of large ones.
    """
    mean, std = _moments(images)
    sample = images[:: max(1, -(-len(images) // enough(images, _FOR_FRAME)))]
    ink = _ground(sample)
    frame = None
    if ink is not None and len(sample) >= 8:
        grey = sample.max(axis=3) if ink == "light" else 255 - sample.min(axis=3)
        frame = _frame(grey)
    return Measured(mean, std, ink, frame)


def enough(images: npt.NDArray[np.uint8], most: int) -> int:
    """How many images to measure: up to `most`, but of large ones no more than 32 MiB, and 64 at least, since they may
    have to come from the disk.
    """
    return min(most, max(64, 2**25 // (images[:1].nbytes or 1)))


def _moments(images: npt.NDArray[np.uint8]) -> tuple[tuple[float, ...], tuple[float, ...]]:
    levels = np.arange(256) / 255
    pixels = images.shape[1] * images.shape[2]
    apart = max(1, round((pixels / _PIXELS) ** 0.5))  # of large images every second or third pixel tells as much
    step = max(1, -(-len(images) // enough(images, _FOR_MOMENTS)))
    counts = np.zeros((images.shape[3], 256), np.int64)
    for first in range(0, len(images), 64 * step):  # a few at a time: counting takes eight bytes a pixel
        some = images[first : first + 64 * step : step, ::apart, ::apart]
        for channel in range(images.shape[3]):
            counts[channel] += np.bincount(some[..., channel].reshape(-1), minlength=256)
    means, deviations = [], []
    for channel in range(images.shape[3]):
        share = counts[channel] / max(1, counts[channel].sum())
        mean = float(share @ levels)
        means.append(mean)
        deviations.append(float(np.sqrt(share @ (levels - mean) ** 2)) or 1.0)
    return tuple(means), tuple(deviations)


def _ground(images: npt.NDArray[np.uint8]) -> Literal["light", "dark"] | None:
    """Which ink lies on an even ground: nine tenths of the images have a border of which three quarters are one
    nearly black (or one nearly white) level.
    """
    ring = np.concatenate([images[:, 0], images[:, -1], images[:, 1:-1, 0], images[:, 1:-1, -1]], axis=1)
    dark = (ring <= _EVEN).all(axis=2).mean(axis=1) >= 0.75
    light = (ring >= 255 - _EVEN).all(axis=2).mean(axis=1) >= 0.75
    if dark.size and dark.mean() >= 0.9:
        return "light"
    if light.size and light.mean() >= 0.9:
        return "dark"
    return None


def _frame(ink: npt.NDArray[np.uint8]) -> Frame | None:
    """The frame that nine tenths of the images keep to within a pixel: one length of the longer side, one centre."""
    _, height, width = ink.shape
    ink = ink[ink.max(axis=(1, 2)) > INK]
    if not len(ink):
        return None
    rows, columns = ink.max(axis=2) > INK, ink.max(axis=1) > INK
    top, left = rows.argmax(axis=1), columns.argmax(axis=1)
    bottom, right = height - rows[:, ::-1].argmax(axis=1), width - columns[:, ::-1].argmax(axis=1)
    long = np.maximum(bottom - top, right - left)
    box = int(np.bincount(long).argmax())
    if (np.abs(long - box) <= 1).mean() < 0.9:
        return None
    mass = ink.astype(np.float64)
    total = mass.sum(axis=(1, 2))
    row = mass.sum(axis=2) @ np.arange(height) / total
    column = mass.sum(axis=1) @ np.arange(width) / total
    if ((np.abs(row - height / 2) <= 1) & (np.abs(column - width / 2) <= 1)).mean() >= 0.9:
        return Frame(box, "mass")
    middle = np.abs((top + bottom - height) / 2) <= 1, np.abs((left + right - width) / 2) <= 1
    return Frame(box, "box") if (middle[0] & middle[1]).mean() >= 0.9 else None
