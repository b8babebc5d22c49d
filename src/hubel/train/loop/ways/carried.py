"""Steps on sequences that are too long for one: what the network remembers at the end of a batch begins the next."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import ClassVar

import torch
from torch import nn

from hubel.arch import Network
from hubel.data import Batch, Dataset, Preprocessing
from hubel.nn.modules import Memory, carrying
from hubel.tasks import Task
from hubel.train.loop.ways.step import Ready, alone
from hubel.train.loop.ways.supervised import Supervised, normalised
from hubel.train.recipe.recipe import Recipe


class Carried(Supervised):
    """Down the gradient as `Supervised`, which stops at the beginning of a batch; what is remembered does not
    (truncated backpropagation through time, Williams, Peng 1990). Each epoch begins with nothing.

    The training set's order is one in which examples that follow each other stand at the same place of batches that
    follow each other (`hubel.data.Streams`).
    """

    name: ClassVar[str] = "carried"
    shared: ClassVar[bool] = False  # each would have to save what its own streams remember

    def __init__(
        self, network: Network, recipe: Recipe, task: Task, preprocessing: Preprocessing, training: Dataset
    ) -> None:
        super().__init__(network, recipe, task, preprocessing, training)
        size = min(recipe.batch_size, len(training))
        self.memory = Remembered(self.network, self._first(training, size))

    @property
    def modules(self) -> Mapping[str, nn.Module]:
        """The network, its moving average, and what is remembered."""
        return {**super().modules, "memory": self.memory}

    def __call__(self, batch: Batch, rate: float, number: int, ready: Ready = alone) -> torch.Tensor:
        """One step, of streams that begin anew with each epoch."""
        if int(batch.positions[0]) == 0:
            self.memory.forget()
        return super().__call__(batch, rate, number, ready)

    def _part(self, batch: Batch, share: float) -> torch.Tensor:
        """A part of a batch, which goes on with what was remembered of its own streams."""
        first = int(batch.positions[0]) % self.memory.size
        with self.memory.going_on(self.network, slice(first, first + len(batch.targets))):
            return super()._part(batch, share)

    def _first(self, training: Dataset, size: int) -> torch.Tensor:
        """Inputs of the network, as many as there are streams, of one step each."""
        images = torch.from_numpy(training.images[:1, :1].copy()).to(self.recipe.device)
        return normalised(images, self.preprocessing, self.recipe).expand(size, -1, -1, -1)


class Remembered(nn.Module):
    """What the parts of a network remember of each stream, as buffers that checkpoints hold."""

    def __init__(self, network: nn.Module, inputs: torch.Tensor) -> None:
        super().__init__()
        self.size = len(inputs)
        was = network.training
        with torch.no_grad(), carrying(network.eval()) as remembered:
            network(inputs.flatten(1))
            found = remembered()
        network.train(was)
        self._names: list[list[str]] = []
        for number, memory in enumerate(found):
            self._names.append([f"layer{number}_{which}" for which in range(len(memory or ()))])
            for name, tensor in zip(self._names[-1], memory or (), strict=True):
                self.register_buffer(name, torch.zeros_like(tensor, memory_format=torch.contiguous_format))

    def forget(self) -> None:
        """Begin all streams anew."""
        for buffer in self.buffers():
            buffer.zero_()

    @contextmanager
    def going_on(self, network: nn.Module, streams: slice) -> Iterator[None]:
        """Let a network go on with some of the streams, and keep what it remembers of them then."""
        own = [tuple(self.get_buffer(name)[streams] for name in names) for names in self._names]
        begin: Sequence[Memory] = [memory or None for memory in own]
        with carrying(network, begin) as remembered:
            yield
            with torch.no_grad():
                for kept, memory in zip(own, remembered(), strict=True):
                    for buffer, tensor in zip(kept, memory or (), strict=True):
                        buffer.copy_(tensor)
