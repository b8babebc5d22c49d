"""What is said of pictures and is there, gathered over the batches of a set and over processes by pictures' numbers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch

_LARGEST_SET = 2**24  # pictures, which are told apart by a number in single precision


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
