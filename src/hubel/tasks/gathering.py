"""What figures are made of, gathered over the batches of a set and over processes: sums, or what is said of pictures
and is there, by pictures' numbers.
"""

from __future__ import annotations

import abc
import functools
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
import torch

_LARGEST_SET = 2**24  # pictures, which are told apart by a number in single precision


class Counts(abc.ABC):
    """What figures are made of, gathered over the batches of a set."""

    @abc.abstractmethod
    def add(self, outputs: torch.Tensor, targets: torch.Tensor) -> None:
        """Count a batch's outputs (before a closing softmax or sigmoid, float32) against its targets, on one device."""

    @abc.abstractmethod
    def tensors(self) -> tuple[torch.Tensor, ...]:
        """The counts, on the processor, dense or by coordinates; those of the parts of a set may be added."""


class Sums(Counts):
    """Sums over a set, in double precision, of the numbers that `of(outputs, targets)` gives of a batch, in a row."""

    def __init__(self, of: Callable[[torch.Tensor, torch.Tensor], Sequence[torch.Tensor | int]]) -> None:
        self.of = of
        self.total = torch.zeros((), dtype=torch.float64)

    def add(self, outputs: torch.Tensor, targets: torch.Tensor) -> None:
        """Add a batch's numbers."""
        # summed where they are made: fetching them, or sending a number there, would mean waiting after each batch
        as_numbers = functools.partial(torch.full, (1,), dtype=torch.float64, device=outputs.device)
        found = self.of(outputs, targets)
        self.total = self.total + torch.cat(
            [each.double().view(-1) if isinstance(each, torch.Tensor) else as_numbers(each) for each in found]
        )

    def tensors(self) -> tuple[torch.Tensor, ...]:
        """The sums, one tensor."""
        return (self.total.cpu(),)


def kept(
    chosen: npt.NDArray[np.bool_], values: npt.NDArray[np.float64], numbers: npt.NDArray[np.int64]
) -> tuple[torch.Tensor, torch.Tensor]:
    """Those of N×K values that are chosen, with their coordinates: their picture's number and their place in it."""
    picture, place = np.nonzero(chosen)
    return torch.from_numpy(np.stack([numbers[picture], place])), torch.from_numpy(values[chosen])


def gathered(parts: Sequence[tuple[torch.Tensor, torch.Tensor]], wide: int) -> torch.Tensor:
    """Values of so many numbers each by their coordinates, as one tensor that may be added to others."""
    indices = torch.cat([torch.zeros(2, 0, dtype=torch.int64), *(each for each, _ in parts)], 1)
    values = torch.cat([torch.zeros(0, wide, dtype=torch.float64), *(each for _, each in parts)])
    return torch.sparse_coo_tensor(
        indices, values, (_LARGEST_SET, _LARGEST_SET, wide), check_invariants=False
    ).coalesce()
