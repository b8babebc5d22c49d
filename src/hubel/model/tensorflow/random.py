"""What programs take of `tf.random`. Numbers are PyTorch's: the same seeds give others than TensorFlow's."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from hubel.model.ops import dtype_of


def generator(seed: Any) -> torch.Generator:
    """Return a generator of one number or of two."""
    numbers = [int(each) for each in torch.as_tensor(seed).reshape(-1)]
    made = torch.Generator()
    made.manual_seed(sum(number % 2**32 << 32 * place for place, number in enumerate(numbers[:2])) % 2**63)
    return made


def set_seed(seed: int) -> None:
    """Seed what is drawn."""
    torch.manual_seed(seed)


def uniform(
    shape: Any = (), minval: float = 0, maxval: float | None = None, dtype: Any = "float32", seed: Any = None
) -> Tensor:
    """Draw numbers from `minval` to below `maxval`, whole ones where the type is."""
    kind, wanted = dtype_of(dtype), tuple(int(side) for side in shape)
    draw = None if seed is None else generator(seed)
    if not kind.is_floating_point:
        return torch.randint(int(minval), int(maxval or 0), wanted, dtype=kind, generator=draw)
    high = 1.0 if maxval is None else float(maxval)
    return torch.rand(wanted, dtype=kind, generator=draw) * (high - minval) + minval


def normal(shape: Any, mean: float = 0.0, stddev: float = 1.0, dtype: Any = "float32", seed: Any = None) -> Tensor:
    """Draw numbers around `mean`."""
    draw = None if seed is None else generator(seed)
    return torch.randn(tuple(int(side) for side in shape), dtype=dtype_of(dtype), generator=draw) * stddev + mean


def split(seed: Any, num: int = 2, alg: Any = None) -> Tensor:
    """Return so many seeds of two numbers, made of one."""
    return torch.randint(2**31, (num, 2), generator=generator(seed))


class Generator:
    """Draws one after another."""

    def __init__(self, seed: int) -> None:
        self.generator = generator(seed)

    @classmethod
    def from_seed(cls, seed: int, alg: Any = None) -> Generator:
        """Return one that begins with a seed."""
        return cls(seed)

    def make_seeds(self, count: int = 1) -> Tensor:
        """Return 2 × count whole numbers, a column a seed."""
        return torch.randint(2**31, (2, count), generator=self.generator)

    def uniform(self, shape: Any, minval: float = 0.0, maxval: float = 1.0, **_: Any) -> Tensor:
        """Draw numbers from `minval` to below `maxval`."""
        return torch.rand(tuple(shape), generator=self.generator) * (maxval - minval) + minval


stateless_uniform, stateless_normal = uniform, normal
