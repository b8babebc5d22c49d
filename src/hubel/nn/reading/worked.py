"""Weights that a model works out of its parameters whenever it runs: standardised, normalised, added up."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor


@dataclass(frozen=True, eq=False)
class Worked:
    """A weight of `size` numbers that a function makes of parameters."""

    sources: tuple[Tensor, ...]
    how: Callable[..., Tensor]
    size: int

    def made(self, instead: Callable[[Tensor], Tensor] = lambda tensor: tensor) -> Tensor:
        """Work it out, of what stands in the parameters' place."""
        with torch.no_grad():
            found = self.how(*map(instead, self.sources))
        return found.detach().requires_grad_(any(source.requires_grad for source in self.sources))


def made(weight: Tensor | Worked, instead: Callable[[Tensor], Tensor] = lambda tensor: tensor) -> Tensor:
    """Return a weight's numbers, of what stands in the place of the model's tensors."""
    return weight.made(instead) if isinstance(weight, Worked) else instead(weight)


def sources(weight: Any) -> tuple[Tensor, ...]:
    """Return the model's tensors that a weight is, or is made of."""
    return weight.sources if isinstance(weight, Worked) else (weight,)
