"""The order in which examples are seen: a pure function of seed, epoch and position, on every machine and version."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    import torch


_GOLDEN = 0x9E3779B97F4A7C15  # 2^64 over the golden ratio: SplitMix64's step
_MASK = 2**64 - 1


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


def batch(images: torch.Tensor, labels: torch.Tensor, indices: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The images (uint8, B×H×W×C) and labels (int64, B) at `indices`, taken on the device where the tensors lie."""
    return images.index_select(0, indices), labels.index_select(0, indices)
