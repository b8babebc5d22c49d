"""Masks: a class for every pixel, which moves with its image."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import numpy.typing as npt

from hubel.base.errors import DataError
from hubel.data import Fit, Targets
from hubel.view.figures.frames import coloured

if TYPE_CHECKING:
    import torch

    from hubel.data import Moves

VOID = 255  # in a mask, where there is no class

Colour = tuple[int, int, int]


@dataclass(frozen=True, eq=False)
class Masks(Targets):
    """A class for every pixel. masks: uint8, N×H×W, indices into `classes`, or 255 (void) where there is none.

    values: what each class is in the files, an index (or, of colours, its place). colours: to show classes in.
    """

    masks: npt.NDArray[np.uint8]
    classes: tuple[str, ...]
    values: tuple[int, ...]
    colours: tuple[Colour, ...]
    task: ClassVar[str] = "segmentation"
    moves: ClassVar[bool] = True

    @property
    def array(self) -> npt.NDArray[np.uint8]:
        """The masks."""
        return self.masks

    def take(self, indices: npt.NDArray[np.int64]) -> Masks:
        """Those at these positions, copied."""
        return replace(self, masks=self.masks[indices])

    def check(self, images: tuple[int, ...]) -> None:
        """Raise ValueError where there is not one mask an image, of its size, with classes that there are."""
        if self.masks.shape != images[:3] or self.masks.dtype != np.uint8:
            raise DataError(
                f"expected masks as uint8 of {images[:3]}, the images' size, received {self.masks.dtype} of "
                f"{self.masks.shape}"
            )
        there = sum((np.bincount(mask.ravel(), minlength=256) for mask in self.masks), np.zeros(256, np.int64))
        wrong = [value for value in np.flatnonzero(there).tolist() if len(self.classes) <= value != VOID]
        if wrong:
            raise DataError(f"expected classes from 0 to {len(self.classes) - 1} in masks, or 255, received {wrong}")

    def class_counts(self) -> npt.NDArray[np.int64]:
        """How many pixels each class has."""
        counts = sum((np.bincount(mask.ravel(), minlength=256) for mask in self.masks), np.zeros(256, np.int64))
        return np.asarray(counts[: len(self.classes)])

    def moved(self, targets: torch.Tensor, moves: Moves) -> torch.Tensor:
        """Masks moved as their images are, the nearest pixel's class; what comes in from outside is void."""
        return moves.planes(targets, VOID)

    def usual_width(self) -> float:
        """How many pixels things are wide, by up to 64 masks; see `usual_width`."""
        return usual_width(self.masks[:: max(1, len(self.masks) // 64)])

    def empty(self) -> npt.NDArray[np.bool_]:
        """Which images have one class alone."""
        known = (mask[mask != VOID] for mask in self.masks)
        return np.array([not own.size or bool((own == own[0]).all()) for own in known], bool)

    def drawn(self, image: npt.NDArray[np.uint8], target: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
        """An image under its classes' colours."""
        return overlaid(image, target, self.colours)


def usual_width(masks: Iterable[npt.NDArray[np.unsignedinteger]]) -> float:
    """How many pixels things are wide in masks of values H×W: half of their pixels lie in rows of one value that are no
    longer; the commonest value is what lies behind them, and 255 is nothing. 0 where there is one value alone.
    """
    lengths, of = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
    for mask in masks:
        rows = np.pad(mask.astype(np.int64), ((0, 0), (0, 1)), constant_values=-1).ravel()  # where each row ends
        ends = np.flatnonzero(np.diff(rows, append=-2)) + 1
        lengths.append(np.diff(ends, prepend=0))
        of.append(rows[ends - 1])
    runs, values = np.concatenate(lengths), np.concatenate(of)
    known = (values >= 0) & (values != VOID)
    runs, values = runs[known], values[known]
    if not len(runs):
        return 0.0
    there, place = np.unique(values, return_inverse=True)
    runs = np.sort(runs[values != there[np.bincount(place, runs).argmax()]])
    return float(runs[np.searchsorted(runs.cumsum(), runs.sum() / 2)]) if len(runs) else 0.0


_COVER = 0.55  # of the colour over an image
_BAND = 256  # rows that are drawn at a time


def overlaid(
    image: npt.NDArray[np.uint8], mask: npt.NDArray[np.uint8], colours: Sequence[Colour]
) -> npt.NDArray[np.uint8]:
    """An image (H×W×C) under its classes' colours, H×W×3; void is darkened."""
    table = np.zeros((256, 3), np.float32)
    table[: len(colours)] = colours
    found = np.empty((*mask.shape, 3), np.uint8)
    for row in range(0, len(mask), _BAND):  # of large pictures, numbers with fractions would fill the memory
        part = slice(row, row + _BAND)
        found[part] = np.rint((1 - _COVER) * coloured(image[part]) + _COVER * table[mask[part]])
    return found


def outlined(
    image: npt.NDArray[np.uint8], mask: npt.NDArray[np.uint8], colours: Sequence[Colour]
) -> npt.NDArray[np.uint8]:
    """An image (H×W×C) with lines in the classes' colours inside the edges between them, H×W×3; as thick as suits its
    size.
    """
    seen = np.array(coloured(image))
    edge = np.zeros(mask.shape, bool)
    for step in range(1, 1 + max(1, round(min(mask.shape) / 240))):
        edge[step:] |= mask[step:] != mask[:-step]
        edge[:-step] |= mask[step:] != mask[:-step]
        edge[:, step:] |= mask[:, step:] != mask[:, :-step]
        edge[:, :-step] |= mask[:, step:] != mask[:, :-step]
    table = np.zeros((256, 3), np.uint8)
    table[: len(colours)] = colours
    seen[edge] = table[mask[edge]]
    return seen


def region(image: tuple[int, int], size: tuple[int, ...], fit: Fit) -> tuple[float, float, float, float]:
    """Which part of an image (height, width) fills a size, as `fit_image` has it: top, left, rows, columns; it goes
    beyond the image where that is padded.
    """
    if fit == "stretch" or image == tuple(size):
        return 0.0, 0.0, float(image[0]), float(image[1])
    furthest = min if fit == "crop" else max
    rows, columns = furthest(image[0], size[0] * image[1] / size[1]), furthest(image[1], size[1] * image[0] / size[0])
    return (image[0] - rows) / 2, (image[1] - columns) / 2, rows, columns
