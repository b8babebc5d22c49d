"""Where branches meet, and side exits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from hubel.nn.modules.own import Own
from hubel.nn.modules.running import before_probabilities, named, run


class Sum(nn.Module):
    """Run branches on the same input and add what they give.

    Each branch is given as named modules to run one after another; all of them are children of this one.
    """

    def __init__(self, branches: Sequence[Mapping[str, nn.Module]]) -> None:
        super().__init__()
        self.branches = [list(branch) for branch in branches]
        for branch in branches:
            named(self, branch)

    def outputs(self, input: Tensor) -> list[Tensor]:
        """Return each branch's output."""
        return [run([self._modules[name] for name in branch], input) for branch in self.branches]  # type: ignore[misc]

    def forward(self, input: Tensor) -> Tensor:
        """Add the branches' outputs, from the first to the last."""
        first, *others = self.outputs(input)
        for output in others:
            first = first + output
        return first


class Concat(Sum):
    """Run branches on the same input and put their channels side by side."""

    def forward(self, input: Tensor) -> Tensor:
        """Concatenate along the channels."""
        return torch.cat(self.outputs(input), 1)


class Product(Sum):
    """Run branches on the same input and multiply what they give, each spread along the axes that it lacks."""

    def forward(self, input: Tensor) -> Tensor:
        """Multiply the branches' outputs, from the first to the last; missing axes are places, after the channels."""
        outputs = self.outputs(input)
        axes = max(output.dim() for output in outputs)
        first, *others = (output.reshape(*output.shape, *[1] * (axes - output.dim())) for output in outputs)
        for output in others:
            first = first * output
        return first


class Auxiliary(nn.Sequential):
    """A side exit: hands its input on, and its own logits to the list that `collect` names, where one is set."""

    collect = Own[list[Tensor] | None](None)

    def __init__(self, modules: dict[str, nn.Module]) -> None:
        super().__init__()
        named(self, modules)

    def forward(self, input: Tensor) -> Tensor:
        """Pass the input on; run the exit's own modules only where somebody collects."""
        if self.collect is not None:
            self.collect.append(run(before_probabilities(self), input))
        return input
