"""Where a training stands, as a checkpoint's description says it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hubel.base.headers import reason
from hubel.base.plain import MISREAD, as_number, as_whole
from hubel.train.run.checkpoint import Checkpoint, CheckpointError
from hubel.train.run.events import EpochMetrics

_MOST_THREADS = 4096


@dataclass(frozen=True)
class Standing:
    """step: how many are done. seconds: how long that took. best_epoch: 0 where none was kept. threads: of PyTorch.
    history: the figures of every epoch.
    """

    step: int
    seconds: float
    best_epoch: int
    threads: int
    history: tuple[EpochMetrics, ...]

    @classmethod
    def of(cls, saved: Checkpoint) -> Standing:
        """Where a checkpoint stands. Raises CheckpointError where it says something else than hubel writes."""
        try:
            history = rows_of(saved.about)
            step, best, threads = (as_whole(saved.about[name]) for name in ("step", "best_epoch", "threads"))
            found = cls(step, as_number(saved.about["seconds"]), best, threads, history)
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
