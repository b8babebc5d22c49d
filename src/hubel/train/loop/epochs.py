"""The loop over epochs and batches, which everything that trains has in common."""

from __future__ import annotations

import abc
from collections.abc import Iterable
from typing import Generic, TypeVar

from hubel.nn import drawing

Batch = TypeVar("Batch")


class Epochs(abc.ABC, Generic[Batch]):
    """Goes over epochs and their batches; what happens in between is told by the methods below."""

    def through(self, epochs: Iterable[int]) -> str:
        """Go through these epochs (from 0), and say why it ended: "" where all are done."""
        for epoch in epochs:
            reason = self.over(epoch)
            if reason:
                return reason
            for batch in self.batches(epoch):
                with drawing:
                    self.step(epoch, batch)
                if not self.goes_on(epoch):
                    break
            self.close(epoch)
        return self.over(None)

    @abc.abstractmethod
    def over(self, epoch: int | None) -> str:
        """Why no more is to be done before this epoch, or after all (None); "" to go on."""

    @abc.abstractmethod
    def batches(self, epoch: int) -> Iterable[Batch]:
        """What is left of an epoch."""

    @abc.abstractmethod
    def step(self, epoch: int, batch: Batch) -> None:
        """Change the weights."""

    @abc.abstractmethod
    def goes_on(self, epoch: int) -> bool:
        """Whether the epoch goes on after a step; what is done between two is done here."""

    @abc.abstractmethod
    def close(self, epoch: int) -> None:
        """End an epoch: measure, tell, keep."""
