"""The figures of segmentation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch

from hubel.data.masks.targets import Colour
from hubel.tasks.results import Measured, Table, percent


@dataclass(frozen=True)
class PixelClass:
    """One class's figures, None where the set has no pixel of it. iou: of the pixels that are so or were called so,
    those that are both; recall: of those that are so, those that were called so; dice: of both together, those that are
    both, counted twice; pixels: that are so.
    """

    name: str
    iou: float | None
    recall: float | None
    dice: float | None
    pixels: int


@dataclass(frozen=True, repr=False)
class Metrics(Measured):
    """How well a model draws masks. mean_iou, mean_dice: over the classes that the set has; void pixels count nowhere.
    confusion: how many pixels of each class (rows) were called each (columns).
    """

    mean_iou: float
    mean_dice: float
    pixel_accuracy: float
    loss: float
    per_class: tuple[PixelClass, ...]
    confusion: tuple[tuple[int, ...], ...]

    @property
    def absent(self) -> tuple[str, ...]:
        """The classes of which the set has no pixel."""
        return tuple(each.name for each in self.per_class if each.iou is None)

    @property
    def figures(self) -> Mapping[str, float]:
        """Mean IoU, mean Dice, pixel accuracy and loss."""
        return {name: getattr(self, name) for name in ("mean_iou", "mean_dice", "pixel_accuracy", "loss")}

    def data(self) -> dict[str, Any]:
        """All of it as plain values."""
        told = {"absent": list(self.absent), "per_class": [asdict(each) for each in self.per_class]}
        return {**self.figures, **told, "confusion": [list(row) for row in self.confusion]}

    def sentence(self, of: str) -> str:
        """Mean IoU, pixel accuracy and loss, and what is absent."""
        told = f"{self.mean_iou:.2%} mean IoU on {of}, {self.pixel_accuracy:.2%} of pixels right, loss {self.loss:.4f}"
        return told + (f"; {', '.join(self.absent)} absent, left out of the mean" if self.absent else "")

    def table(self, most: int, colours: tuple[Colour, ...] = ()) -> Table:
        """Each class; of more than `most`, those of least IoU."""
        order, note = list(range(len(self.per_class))), ""
        if len(order) > most:
            note = f"the {most} classes of least IoU, of {len(order)}; all of them: --json"
            order = sorted(order, key=lambda i: (self.per_class[i].iou is None, self.per_class[i].iou or 0.0))[:most]
        chosen = [self.per_class[i] for i in order]
        rows = [
            (each.name, f"{each.pixels:,}", *map(percent, (each.iou, each.dice, each.recall)), self._others(i))
            for i, each in zip(order, chosen, strict=True)
        ]
        shown = tuple(colours[i] for i in order) if colours else ()
        return Table(_TITLES, tuple(rows), note=note, colours=shown)

    def _others(self, i: int) -> str:
        """What pixels of a class were most often taken for, with the share of its pixels."""
        row = self.confusion[i]
        wrong = sorted(((count, j) for j, count in enumerate(row) if j != i and count), reverse=True)[:2]
        return ", ".join(f"{self.per_class[j].name} ({count / sum(row):.0%})" for count, j in wrong)


_TITLES = ("class", "#pixels", "#IoU", "#Dice", "#recall", "most often taken for")


def metrics(pairs: torch.Tensor, total: torch.Tensor, classes: tuple[str, ...]) -> Metrics:
    """The metrics of a whole set from its counts: of pixels of each class (rows) called each, and the losses' sum."""
    counts = pairs.numpy()
    right, true, called = counts.diagonal(), counts.sum(1), counts.sum(0)
    each = tuple(
        PixelClass(name, int(r) / int(t + c - r), int(r) / int(t), 2 * int(r) / int(t + c), int(t))
        if t
        else PixelClass(name, None, None, None, 0)
        for name, r, t, c in zip(classes, right, true, called, strict=True)
    )
    known = [(one.iou, one.dice) for one in each if one.iou is not None and one.dice is not None]
    iou, dice = np.array(known).mean(0).tolist() if known else (float("nan"), float("nan"))
    size = max(1, int(counts.sum()))
    rows = tuple(map(tuple, counts.tolist()))
    return Metrics(iou, dice, int(right.sum()) / size, float(total) / size, each, rows)
