"""Random numbers by Keras's names, from PyTorch's generator: `random.normal((2, 3))`."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

__all__ = ["SeedGenerator", "normal", "randint", "shuffle", "uniform"]


class SeedGenerator:
    """A seed whose numbers go on from call to call; PyTorch's own generator without one."""

    def __init__(self, seed: int | None = None, **_: Any) -> None:
        self.generator = None if seed is None else torch.Generator().manual_seed(seed)


def _generator(seed: Any) -> torch.Generator | None:
    if isinstance(seed, SeedGenerator):
        return seed.generator
    return None if seed is None else torch.Generator().manual_seed(int(seed))


def normal(shape: Any, mean: float = 0.0, stddev: float = 1.0, dtype: Any = None, seed: Any = None) -> Tensor:
    """Return normal numbers."""
    return torch.empty(tuple(shape)).normal_(mean, stddev, generator=_generator(seed))


def uniform(shape: Any, minval: float = 0.0, maxval: float = 1.0, dtype: Any = None, seed: Any = None) -> Tensor:
    """Return numbers evenly spread."""
    return torch.empty(tuple(shape)).uniform_(minval, maxval, generator=_generator(seed))


def randint(shape: Any, minval: int, maxval: int, dtype: Any = None, seed: Any = None) -> Tensor:
    """Return whole numbers below `maxval`."""
    return torch.randint(minval, maxval, tuple(shape), generator=_generator(seed))


def shuffle(x: Tensor, axis: int = 0, seed: Any = None) -> Tensor:
    """Return the entries along an axis in a new order."""
    return x.index_select(axis, torch.randperm(x.shape[axis], generator=_generator(seed)))
