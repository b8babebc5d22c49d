"""Weights that a model works out of its parameters whenever it runs: standardised, normalised, added up."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from hubel.nn.inspection.inspect import inspect


@dataclass(frozen=True, eq=False)
class Worked:
    """A weight of `size` numbers that a function makes of parameters, and of buffers beside them."""

    sources: tuple[Tensor, ...]
    how: Callable[..., Tensor]
    size: int
    beside: tuple[Tensor, ...] = ()

    def made(self, instead: Callable[[Tensor], Tensor] = lambda tensor: tensor) -> Tensor:
        """Work it out, of what stands in the parameters' place."""
        with torch.no_grad():
            found = self.how(*map(instead, (*self.sources, *self.beside)))
        return found.detach().requires_grad_(any(source.requires_grad for source in self.sources))

    def macs(self) -> int:
        """Count the multiply-adds of working it out."""
        return inspect(_Making(self.how), example=(*self.sources, *self.beside)).macs


class _Making(nn.Module):
    def __init__(self, how: Callable[..., Tensor]) -> None:
        super().__init__()
        self.how = [how]  # in a list, as a module in it is no part of this one

    def forward(self, *given: Tensor) -> Tensor:
        return self.how[0](*given)


def worked_on(weight: Tensor | Worked, function: Callable[[Tensor], Tensor], size: int | None = None) -> Worked:
    """Return a weight that a function makes of another one: of `size` numbers, or as many."""
    if not isinstance(weight, Worked):
        return Worked((weight,), function, size or weight.numel())
    how = weight.how
    return Worked(weight.sources, lambda *given: function(how(*given)), size or weight.size, weight.beside)


def made(weight: Tensor | Worked, instead: Callable[[Tensor], Tensor] = lambda tensor: tensor) -> Tensor:
    """Return a weight's numbers, of what stands in the place of the model's tensors."""
    return weight.made(instead) if isinstance(weight, Worked) else instead(weight)


def sources(weight: Any) -> tuple[Tensor, ...]:
    """Return the model's tensors that a weight is, or is made of."""
    return weight.sources if isinstance(weight, Worked) else (weight,)
