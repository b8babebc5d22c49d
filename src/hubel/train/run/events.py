"""What a training run tells whoever listens: plain values, in order, from the process that trains."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

from hubel.train.recipe.recipe import Recipe


@dataclasses.dataclass(frozen=True)
class Started:
    """Training begins, or goes on where it stopped. steps: of the whole run; step: those already done. trained: how
    many of the parameters are, where some are frozen or fixed.

    problems: what was found wrong on the way and got round, such as a damaged checkpoint.
    """

    directory: Path
    recipe: Recipe
    parameters: int
    trained: int
    examples: int
    step: int
    steps: int
    problems: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class Progress:
    """A few times a second. epoch: from 1; step: done of `steps` in the whole run; loss and accuracy (0 to 1): of the
    training images since the last such event; seconds_left: of training, at the present pace.
    """

    epoch: int
    epochs: int
    step: int
    steps: int
    loss: float
    accuracy: float
    images_per_second: float
    seconds_left: float


@dataclasses.dataclass(frozen=True)
class EpochMetrics:
    """An epoch is over; a row of `metrics.csv`. Accuracies are shares, 0 to 1; losses are mean cross-entropies.

    loss, accuracy: of the training images, on the way. evaluation_loss, evaluation_accuracy: afterwards, of the images
    that `evaluated` names ("validation" or "test"; "" and NaN where there are none). seconds: since the start.
    """

    epoch: int
    step: int
    learning_rate: float
    loss: float
    accuracy: float
    evaluated: str
    evaluation_loss: float
    evaluation_accuracy: float
    images_per_second: float
    seconds: float


@dataclasses.dataclass(frozen=True)
class Notice:
    """Something that one should know of; training goes on."""

    message: str


@dataclasses.dataclass(frozen=True)
class Finished:
    """The model is written. reason: why training ended ("the recipe's epochs are done", …)."""

    model: Path
    reason: str
    seconds: float


Event = Started | Progress | EpochMetrics | Notice | Finished
Listener = Callable[[Event], None]
