"""Update rules that Keras has and `hubel train` has not, with Keras's numbers: epsilon stands elsewhere in others."""

from __future__ import annotations

import abc
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from hubel.train.loop.optimizers import Optimizer, Slot


class Rule(Optimizer):
    """A rule for one weight at a time. settings: the rule's own numbers, in Keras's order."""

    kept: tuple[str, ...] = ()  # what is remembered of each weight, zeros at first

    def __init__(self, groups: Sequence[dict[str, Any]], rate: float, *settings: float) -> None:
        super().__init__(groups, rate)
        self.settings = settings

    def start(self, parameter: nn.Parameter) -> dict[str, Tensor]:
        """Zeros, and a count of steps."""
        zeros = {name: torch.zeros_like(parameter) for name in self.kept}
        return {"step": torch.zeros((), dtype=torch.float64), **zeros}

    def update(self, parameters: list[Slot], rate: float | Tensor, weight_decay: float) -> None:
        """One after another."""
        for parameter, state in parameters:
            assert parameter.grad is not None
            state["step"] += 1
            parameter.sub_(self.change(parameter.grad, state, int(state["step"])) * rate)

    @abc.abstractmethod
    def change(self, gradient: Tensor, state: dict[str, Tensor], step: int) -> Tensor:
        """What is taken off a weight at a step, counted from 1, for a rate of 1."""


class Adagrad(Rule):
    """All squares so far."""

    kept = ("squares",)

    def start(self, parameter: nn.Parameter) -> dict[str, Tensor]:
        """The squares begin at a number of their own."""
        found = super().start(parameter)
        found["squares"] += self.settings[0]
        return found

    def change(self, gradient: Tensor, state: dict[str, Tensor], step: int) -> Tensor:
        """G / √(Σ g² + ε)."""
        return gradient / (state["squares"].addcmul_(gradient, gradient) + self.settings[1]).sqrt()


class Adadelta(Rule):
    """Moving averages of squared gradients and squared changes."""

    kept = ("gradients", "changes")

    def change(self, gradient: Tensor, state: dict[str, Tensor], step: int) -> Tensor:
        """G · √(E[Δ²] + ε) / √(E[g²] + ε)."""
        rho, epsilon = self.settings
        state["gradients"].lerp_(gradient.square(), 1 - rho)
        found = gradient * ((state["changes"] + epsilon) / (state["gradients"] + epsilon)).sqrt()
        state["changes"].lerp_(found.square(), 1 - rho)
        return found


class Adamax(Rule):
    """A moving average of gradients, and the largest of them, which decays."""

    kept = ("mean", "largest")

    def change(self, gradient: Tensor, state: dict[str, Tensor], step: int) -> Tensor:
        """M / ((1 − β₁ᵗ) (u + ε))."""
        one, two, epsilon = self.settings
        state["mean"].lerp_(gradient, 1 - one)
        state["largest"] = torch.maximum(state["largest"] * two, gradient.abs())
        return state["mean"] / ((1 - one**step) * (state["largest"] + epsilon))


class Nadam(Rule):
    """Adam whose momentum looks a step ahead, with a β₁ that grows."""

    kept = ("mean", "squares")

    def start(self, parameter: nn.Parameter) -> dict[str, Tensor]:
        """The product of all β₁ so far besides."""
        return {**super().start(parameter), "product": torch.ones((), dtype=torch.float64)}

    def change(self, gradient: Tensor, state: dict[str, Tensor], step: int) -> Tensor:
        """The mean as it will be, and the gradient, over √(v / (1 − β₂ᵗ)) + ε."""
        one, two, epsilon = self.settings
        now, later = (one * (1 - 0.5 * 0.96**at) for at in (step, step + 1))
        product = float(state["product"].mul_(now))
        state["mean"].lerp_(gradient, 1 - one)
        state["squares"].lerp_(gradient.square(), 1 - two)
        ahead = state["mean"] * (later / (1 - product * later)) + gradient * ((1 - now) / (1 - product))
        return ahead / ((state["squares"] / (1 - two**step)).sqrt() + epsilon)
