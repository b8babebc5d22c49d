"""A step on a GPU recorded once and replayed: one launch in place of some hundreds, which keep a processor busier than
the GPU where the network is small.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import TypeAlias

import torch

from hubel.data import Batch

Function: TypeAlias = Callable[[Batch], torch.Tensor]
Record: TypeAlias = Callable[[Callable[[], torch.Tensor]], Callable[[], torch.Tensor]]

WARM = 3  # calls before one is recorded, in which libraries choose their kernels and optimizers begin to remember


class Recorded:
    """A function of batches of one size that reads all else from the same tensors each time, and changes them in place.

    Its first calls run as they are, on a stream of their own, as PyTorch asks of what is to be recorded; then one call
    is recorded with a batch that stays, into which every later one is copied.
    """

    def __init__(self, function: Function, record: Record) -> None:
        """record: makes one call repeatable."""
        self.function, self.record = function, record
        self.calls = 0
        self._batch: Batch | None = None
        self._replay: Callable[[], torch.Tensor] | None = None

    def __call__(self, batch: Batch) -> torch.Tensor:
        """What the function returns for a batch."""
        self.calls += 1
        if self.calls <= WARM:
            return _aside(self.function, batch)
        if self._batch is None or self._replay is None:
            self._batch = kept = _each(batch, torch.clone)
            self._replay = self.record(lambda: self.function(kept))
        else:
            for own, new in zip(_tensors(self._batch), _tensors(batch), strict=True):
                own.copy_(new, non_blocking=True)
        return self._replay().clone()


def cuda_graph(function: Callable[[], torch.Tensor]) -> Callable[[], torch.Tensor]:
    """Record what a function starts on the GPU, without doing it; what is returned does it."""
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        found = function()

    def replay() -> torch.Tensor:
        graph.replay()
        return found

    return replay


RECORDERS: dict[str, Record] = {"cuda": cuda_graph}
"""How calls are recorded, by the kind of device; on others none are."""


def _aside(function: Function, batch: Batch) -> torch.Tensor:
    if batch.targets.device.type != "cuda":
        return function(batch)
    stream = torch.cuda.Stream(batch.targets.device)
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        found = function(batch)
    torch.cuda.current_stream().wait_stream(stream)
    return found


def _each(batch: Batch, change: Callable[[torch.Tensor], torch.Tensor]) -> Batch:
    values = {field.name: getattr(batch, field.name) for field in dataclasses.fields(batch)}
    return dataclasses.replace(batch, **{name: change(value) for name, value in values.items() if value is not None})


def _tensors(batch: Batch) -> list[torch.Tensor]:
    return [value for value in vars(batch).values() if value is not None]
