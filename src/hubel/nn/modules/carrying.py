"""What runs along steps and can go on where it stopped: a long sequence may come in pieces, or a step at a time.

A recurrent layer remembers its state; a causal convolution the steps that its next windows still see, which is the
queue by which WaveNet generates (Paine et al. 2016).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeAlias

from torch import Tensor, nn

from hubel.nn.modules.own import Own

Memory: TypeAlias = "tuple[Tensor, ...] | None"
"""What a module remembers: tensors with the batch first; None before the first step."""


class Carrying:
    """A module that remembers, within `carrying`: `memory` is what, and `carries` whether it does now."""

    carries = Own(False)
    memory = Own[Memory](None)

    def recalled(self, streams: int) -> Memory:
        """What is remembered of so many streams: the last ones, where fewer go on than there were."""
        return None if self.memory is None else tuple(each[len(each) - streams :] for each in self.memory)


@contextmanager
def carrying(module: nn.Module, begin: Sequence[Memory] | None = None) -> Iterator[Callable[[], list[Memory]]]:
    """Let the parts of a module go on with each call where the last one stopped, from `begin` on, or from nothing.

    Gives a function that tells what they remember now, for a later `begin`; no gradient goes back into earlier calls.
    Afterwards all is as it was.
    """
    parts = [each for each in module.modules() if isinstance(each, Carrying)]
    before = [(each.carries, each.memory) for each in parts]
    try:
        for each, memory in zip(parts, begin or [None] * len(parts), strict=True):
            each.carries, each.memory = True, memory
        yield lambda: [each.memory for each in parts]
    finally:
        for each, (carries, memory) in zip(parts, before, strict=True):
            each.carries, each.memory = carries, memory
