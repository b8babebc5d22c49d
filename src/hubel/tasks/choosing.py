"""The network for images of which each has an answer as a whole, where none is named."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hubel.data import Dataset


@dataclass(frozen=True)
class Chosen:
    """A network that was chosen by rule: a word of the zoo, options besides input and classes, and why, in words. Or a
    text form, and what it is called.
    """

    word: str
    options: Mapping[str, Any]
    why: str
    name: str = ""


_LEAST, _DRAWN, _TINY, _FEW = 24, 32, 48, 1000  # pixels of a side, and images, up to which smaller networks are chosen


def _ears(training: Dataset) -> Chosen:
    """Four convolutions with normalisation, and the mean over time of what they find at each pitch."""
    height, width, channels = training.shape
    blocks = ", ".join(f"conv {filters} 3x3 same, norm, relu, maxpool 2" for filters in (16, 32, 64))
    ends = ", ".join(
        ("conv 64 3x3 same, norm, relu", f"avgpool 1x{width // 8}, flatten, dense {len(training.classes)}")
    )
    text = f"{height}x{width}x{channels}: {blocks}, {ends} softmax"
    return Chosen(text, {}, f"{len(training):,} sounds of {height} bands and {width} steps", "ears")


def by_size(training: Dataset) -> Chosen:
    """The network for a set of images of which each has an answer as a whole; docs/training.md has the table."""
    (height, width, channels), number = training.shape, len(training)
    if training.fit == "time":
        return _ears(training)
    why = f"{number:,} images of {height}×{width}×{channels}"
    if min(height, width) < _LEAST:
        return Chosen("mlp", {"hidden": 256}, f"{why}, too small to be halved")
    if channels == 1 and max(height, width) <= _DRAWN:
        return Chosen("lenet5", {}, why)
    if max(height, width) <= _TINY:
        return Chosen("resnet20", {}, why)
    return Chosen("resnet10", {"width": 0.5 if number < _FEW else 1.0}, why)
