"""The order in which examples are seen: a pure function of seed, epoch and position, on every machine and version."""

from __future__ import annotations

import dataclasses
import functools
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    import torch


_GOLDEN = 0x9E3779B97F4A7C15  # 2^64 over the golden ratio: SplitMix64's step
_MASK = 2**64 - 1
_OF_A_CLASS = 0x62616C  # keeps the streams of classes apart from those of epochs


def mix(values: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """SplitMix64's output function (Steele, Lea, Flood 2014): a bijection of 64-bit numbers that scatters them."""
    with np.errstate(over="ignore"):
        values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        mixed: npt.NDArray[np.uint64] = values ^ (values >> np.uint64(31))
    return mixed


def key(*numbers: int) -> int:
    """One 64-bit number made of several (seed, epoch, what it is for), each of which changes it wholly."""
    state = 0
    for number in numbers:
        state = _mix_one(state + _GOLDEN + _mix_one(number))
    return state


def _mix_one(value: int) -> int:
    value &= _MASK
    value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9 & _MASK
    value = (value ^ (value >> 27)) * 0x94D049BB133111EB & _MASK
    return value ^ (value >> 31)


def scattered(positions: npt.NDArray[np.int64], key: int) -> npt.NDArray[np.uint64]:
    """Random 64-bit numbers, each a function of its position in the stream `key`."""
    with np.errstate(over="ignore"):
        return mix(positions.astype(np.uint64) * np.uint64(_GOLDEN) + np.uint64(key))


@dataclasses.dataclass(frozen=True)
class Order:
    """A shuffling of `size` examples that is new in every epoch and the same in every run with this `seed`."""

    seed: int
    size: int

    def epoch(self, number: int) -> torch.Tensor:
        """The order of epoch `number` (from 0): a permutation of 0 to size - 1, int64. Position p of the epoch sees
        example `epoch(number)[p]`, whatever the number of processes.
        """
        import torch

        # sorting random numbers shuffles; stable, so that even equal ones leave nothing to chance
        return torch.from_numpy(np.argsort(scattered(np.arange(self.size), key(self.seed, number)), kind="stable"))


@dataclasses.dataclass(frozen=True)
class Repeated:
    """An order in which each epoch is so many epochs of another."""

    order: Order | BalancedOrder
    times: int

    @property
    def size(self) -> int:
        """How many examples an epoch shows."""
        return self.order.size * self.times

    def epoch(self, number: int) -> torch.Tensor:
        """The order of epoch `number`: those of the other's, one after another."""
        import torch

        first = number * self.times
        return torch.cat([self.order.epoch(first + turn) for turn in range(self.times)])


@dataclasses.dataclass(frozen=True, eq=False)
class BalancedOrder:
    """An order in which rare classes come more often, a function of seed, epoch and position like `Order`.

    labels: int64, each example's class. power: a class's share of an epoch is as its size to the power 1 - `power`: 1
    gives all classes the same share, 0.5 is square-root sampling (Mahajan et al. 2018), 0 their own. Each class's
    examples are shuffled and gone through one after another, on into the next epoch, so that none comes twice before
    all have come once.
    """

    seed: int
    labels: npt.NDArray[np.int64]
    power: float = 1.0

    @property
    def size(self) -> int:
        """Positions of an epoch: as many as there are examples."""
        return len(self.labels)

    @functools.cached_property
    def _classes(self) -> list[npt.NDArray[np.int64]]:
        """The examples of each class that has some."""
        by_class = np.argsort(self.labels, kind="stable")
        return np.split(by_class, np.flatnonzero(np.diff(self.labels[by_class])) + 1)

    @functools.cached_property
    def draws(self) -> npt.NDArray[np.int64]:
        """How often each class that has examples comes in an epoch, in the classes' order."""
        wanted = np.array([len(examples) for examples in self._classes], np.float64) ** (1 - self.power)
        wanted *= self.size / wanted.sum()
        counts = np.floor(wanted).astype(np.int64)
        most_left = np.argsort(counts - wanted, kind="stable")  # the largest remainders make up what rounding took
        counts[most_left[: self.size - counts.sum()]] += 1
        return counts

    def epoch(self, number: int) -> torch.Tensor:
        """The examples of epoch `number` (from 0), int64: some several times, some not at all."""
        import torch

        drawn = [
            self._drawn(own, examples, number * int(count), int(count))
            for own, (examples, count) in enumerate(zip(self._classes, self.draws, strict=True))
        ]
        order = np.argsort(scattered(np.arange(self.size), key(self.seed, number)), kind="stable")
        return torch.from_numpy(np.concatenate(drawn)[order])

    def _drawn(self, own: int, examples: npt.NDArray[np.int64], first: int, count: int) -> npt.NDArray[np.int64]:
        """Draws `first` to `first + count` of a class, whose examples are shuffled anew each time round."""
        rounds = range(first // len(examples), -(-(first + count) // len(examples)))
        if not rounds:
            return examples[:0]
        places = np.arange(len(examples))
        shuffled = [
            examples[np.argsort(scattered(places, key(self.seed, own, each, _OF_A_CLASS)), kind="stable")]
            for each in rounds
        ]
        start = first - rounds.start * len(examples)
        return np.concatenate(shuffled)[start : start + count]


@dataclasses.dataclass(frozen=True)
class Streams:
    """An order in which examples that follow each other stand at the same place of batches that follow each other, so
    that what is remembered of one is there for the next.

    seed; size: how many examples; streams: of a batch. Each epoch begins at an example of its own, and at the end goes
    on with the first.
    """

    seed: int
    size: int
    streams: int

    def epoch(self, number: int) -> torch.Tensor:
        """The order of epoch `number` (from 0), int64, of all whole batches: position s·streams + b is the s-th example
        of stream b.
        """
        import torch

        steps = self.size // self.streams
        first = key(self.seed, number) % self.size
        places = np.arange(self.streams)[np.newaxis] * steps + np.arange(steps)[:, np.newaxis]
        return torch.from_numpy((places.ravel() + first) % self.size)


def batch(images: torch.Tensor, labels: torch.Tensor, indices: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The images (uint8, B×H×W×C) and labels (int64, B) at `indices`, taken on the device where the tensors lie."""
    return images.index_select(0, indices), labels.index_select(0, indices)
