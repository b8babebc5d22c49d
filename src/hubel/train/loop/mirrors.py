"""Which mirrorings a set bears: measured on its validation part, by a network that has not seen any such."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch

from hubel.data import Augmentation, Moves, Targets
from hubel.tasks import Figure
from hubel.train.recipe.recipe import Recipe
from hubel.train.run.found import WAYS, Mirrored

_FROM, _UNTIL = 0.25, 0.5  # of all steps: enough is learned by then; nothing is tried any more
_EPOCHS = 12  # in fewer, images are new enough as they are
_LEARNED = 0.1  # of a share, from which it says something
_HELD = 0.9  # of the figure, which has to hold on mirrored images
_GROWN = 1.5  # times what a share lacks, at most: 89 of 98 % right is a tenth less, but five times the mistakes


def is_time(recipe: Recipe, done: int, steps: int, figure: Figure, value: float) -> bool:
    """Whether mirroring is to be tried now, after so many steps, with this value of the task's first figure."""
    if recipe.mirrors == "said" or recipe.epochs < _EPOCHS or not _FROM * steps <= done <= _UNTIL * steps:
        return False
    return not math.isnan(value) and (figure.kind != "share" or value >= _LEARNED)


def tried(
    recipe: Recipe, targets: Targets, done: int, figure: Figure, value: float, measured: Callable[[Mirror], float]
) -> tuple[Mirrored, ...]:
    """What comes of mirroring in each way that the recipe's augmentation lacks. value: of the figure, of images as they
    are. measured: gives that of images so mirrored, NaN where it is not known.
    """
    augmentation, found = Augmentation.parse(recipe.augmentation), list[Mirrored]()
    for way in (way for way in WAYS if not getattr(augmentation, way)):
        other = measured(Mirror(way, targets))
        if not math.isnan(other):
            found.append(Mirrored(way, done, figure.name, value, other, holds(figure, value, other)))
    return tuple(found)


def holds(figure: Figure, before: float, after: float) -> bool:
    """Whether a figure of mirrored images is nearly that of images as they are."""
    if figure.best == "lowest":
        return after * _HELD <= before
    lacks = figure.kind == "share" and 1 - after > _GROWN * (1 - before)
    return after >= _HELD * before and not lacks


class Mirror:
    """Mirrors a batch of images (uint8 N×H×W×C) and their targets in one way, as `Augmentation` calls it."""

    def __init__(self, way: str, targets: Targets) -> None:
        self.way, self.targets = way, targets

    def __call__(self, images: torch.Tensor, wanted: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Both, each on its device."""
        if self.targets.moves:
            wanted = self.targets.moved(wanted, self._moves(images, wanted.device))
        return self._moves(images, images.device).apply(images, None), wanted

    def _moves(self, images: torch.Tensor, device: torch.device) -> Moves:
        shape = images.shape[1], images.shape[2]
        below_half: Any = {self.way: torch.zeros(len(images), device=device)}
        return Moves(shape, shape, mirrors=True, **below_half)
