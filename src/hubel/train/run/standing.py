"""Where a training stands, as a checkpoint's description says it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any

from hubel.base.headers import reason
from hubel.base.plain import MISREAD, as_number, as_whole
from hubel.tasks import Figure
from hubel.train.recipe.recipe import Recipe
from hubel.train.run.checkpoint import Checkpoint, CheckpointError
from hubel.train.run.events import EpochMetrics
from hubel.train.run.found import Mirrored

_MOST_THREADS = 4096
_FADED = 0.01  # of the best validation figure, from which it is said that the last is worse


@dataclass(frozen=True)
class Standing:
    """step: how many are done. seconds: how long that took. best_epoch: 0 where none was kept. threads: of PyTorch.
    history: the figures of every epoch. mirrors: what came of mirroring in other ways; None where that was not tried.
    """

    step: int
    seconds: float
    best_epoch: int
    threads: int
    history: tuple[EpochMetrics, ...]
    mirrors: tuple[Mirrored, ...] | None = None

    @classmethod
    def of(cls, saved: Checkpoint) -> Standing:
        """Where a checkpoint stands. Raises CheckpointError where it says something else than hubel writes."""
        try:
            history = rows_of(saved.about)
            step, best, threads = (as_whole(saved.about[name]) for name in ("step", "best_epoch", "threads"))
            mirrors = tuple(map(Mirrored.of, saved.about["mirrors"])) if "mirrors" in saved.about else None
            found = cls(step, as_number(saved.about["seconds"]), best, threads, history, mirrors)
        except MISREAD as error:
            raise CheckpointError(
                f"the newest checkpoint does not say where training stands ({type(error).__name__}: {reason(error)})"
            ) from None
        if step < 0 or not 1 <= threads <= _MOST_THREADS or not 0 <= best <= len(history):
            raise CheckpointError(
                f"the newest checkpoint says what cannot be: step {step}, {threads} threads, of {len(history)} epochs "
                f"the best is number {best}"
            )
        return found


def rows_of(about: Mapping[str, Any]) -> tuple[EpochMetrics, ...]:
    """The figures of every epoch. Raises `MISREAD` for what is none."""
    return tuple(EpochMetrics.from_row(dict(row)) for row in about["history"])


def faded(history: Sequence[EpochMetrics], figure: Figure) -> tuple[int, float, float] | None:
    """Where a figure of the validation part was better before by more than a hundredth: the epoch where it was best,
    its value there, and the last.
    """
    rows = [row for row in history if row.evaluated == "validation"]
    values = [row.evaluation[figure.name] for row in rows]
    if not values:
        return None
    best, last = reduce(lambda one, other: other if figure.better(other, one) else one, values), values[-1]
    return (rows[values.index(best)].epoch, best, last) if abs(best - last) > _FADED * abs(best) else None


def kept_epoch(recipe: Recipe, figure: Figure, history: Sequence[EpochMetrics], best_epoch: int) -> int:
    """The epoch whose weights a model has, 0 where those are its last. figure: the task's first one. best_epoch: whose
    weights are kept beside the last.
    """
    return best_epoch if recipe.patience or (recipe.keep == "best" and faded(history, figure)) else 0
