"""The update rules: PyTorch's own fused arithmetic, without what `torch.optim`'s classes bring along.

Making one of those classes, or calling its `step`, imports PyTorch's compiler: more than a second of every process,
as long as a small network takes to train. The functions below them (`torch.optim.adam.adam`) do not, and give the same
bits.
"""

from __future__ import annotations

import abc
import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import nn
from torch.optim.adam import adam
from torch.optim.sgd import sgd

EPSILON = 1e-8  # Adam's, as its paper has it


class Rule(abc.ABC):
    """Changes parameters by their gradients.

    param_groups: each with "params", "lr" and "weight_decay", as PyTorch's optimizers have them.
    state: what is remembered of each parameter, by name.
    """

    def __init__(self, groups: Sequence[dict[str, Any]], rate: float) -> None:
        self.param_groups = [{"lr": rate, "weight_decay": 0.0, **group} for group in groups]
        self.state: dict[torch.Tensor, dict[str, torch.Tensor]] = {}

    @torch.no_grad()
    def step(self) -> None:
        """Update every parameter that has a gradient."""
        for group in self.param_groups:
            parameters = [parameter for parameter in group["params"] if parameter.grad is not None]
            if parameters:
                gradients: list[torch.Tensor] = [parameter.grad for parameter in parameters]
                self.update(parameters, gradients, [self._remembered(each) for each in parameters], group)

    def clear(self) -> None:
        """Forget the gradients."""
        for group in self.param_groups:
            for parameter in group["params"]:
                parameter.grad = None

    @abc.abstractmethod
    def start(self, parameter: nn.Parameter) -> dict[str, torch.Tensor]:
        """What is remembered of a parameter before its first step."""

    @abc.abstractmethod
    def update(
        self,
        parameters: list[nn.Parameter],
        gradients: list[torch.Tensor],
        states: list[dict[str, torch.Tensor]],
        group: dict[str, Any],
    ) -> None:
        """Change a group's parameters and what is remembered of them, in place."""

    def _remembered(self, parameter: nn.Parameter) -> dict[str, torch.Tensor]:
        if parameter not in self.state:
            self.state[parameter] = self.start(parameter)
        return self.state[parameter]


class Adam(Rule):
    """Adam (Kingma, Ba 2015); `decoupled` weight decay goes beside the gradient: AdamW (Loshchilov, Hutter 2019)."""

    def __init__(
        self, groups: Sequence[dict[str, Any]], rate: float, betas: tuple[float, float], decoupled: bool = False
    ) -> None:
        super().__init__(groups, rate)
        self.betas, self.decoupled = betas, decoupled

    def start(self, parameter: nn.Parameter) -> dict[str, torch.Tensor]:
        """Two moments of nought, in the parameter's layout, and a count of steps beside them."""
        return {
            "step": torch.zeros((), device=parameter.device if _fuses([parameter]) else "cpu"),
            "exp_avg": torch.zeros_like(parameter),
            "exp_avg_sq": torch.zeros_like(parameter),
        }

    def update(
        self,
        parameters: list[nn.Parameter],
        gradients: list[torch.Tensor],
        states: list[dict[str, torch.Tensor]],
        group: dict[str, Any],
    ) -> None:
        """One fused call."""
        adam(
            parameters,  # type: ignore[arg-type]
            gradients,
            [state["exp_avg"] for state in states],
            [state["exp_avg_sq"] for state in states],
            [],
            [state["step"] for state in states],
            fused=_fuses(parameters),
            decoupled_weight_decay=self.decoupled,
            amsgrad=False,
            beta1=self.betas[0],
            beta2=self.betas[1],
            lr=group["lr"],
            weight_decay=group["weight_decay"],
            eps=EPSILON,
            maximize=False,
        )


class SGD(Rule):
    """Stochastic gradient descent with Nesterov's momentum (none where `momentum` is 0)."""

    def __init__(self, groups: Sequence[dict[str, Any]], rate: float, momentum: float) -> None:
        super().__init__(groups, rate)
        self.momentum = momentum

    def start(self, parameter: nn.Parameter) -> dict[str, torch.Tensor]:
        """Nothing: the first gradient is the first momentum."""
        return {}

    def update(
        self,
        parameters: list[nn.Parameter],
        gradients: list[torch.Tensor],
        states: list[dict[str, torch.Tensor]],
        group: dict[str, Any],
    ) -> None:
        """One fused call, for those with a momentum and those without apart."""
        for known in (True, False):
            chosen = [i for i, state in enumerate(states) if bool(state) is known]
            if not chosen:
                continue
            buffers: list[torch.Tensor | None] = [states[i].get("momentum_buffer") for i in chosen]
            sgd(
                [parameters[i] for i in chosen],
                [gradients[i] for i in chosen],
                buffers,
                fused=_fuses(parameters),
                weight_decay=group["weight_decay"],
                momentum=self.momentum,
                lr=group["lr"],
                dampening=0.0,
                nesterov=self.momentum > 0,
                maximize=False,
            )
            for i, buffer in zip(chosen, buffers, strict=True):
                if self.momentum and buffer is not None:
                    states[i]["momentum_buffer"] = buffer


class Muon(Rule):
    """Momentum orthogonalised by Newton and Schulz's iteration (Jordan 2024), for kernels of any rank.

    A convolution's kernel counts as a matrix of filters × (all the rest), which `torch.optim.Muon` does not take. The
    update is scaled by √max(1, rows / columns).
    """

    def __init__(self, groups: Sequence[dict[str, Any]], rate: float, momentum: float) -> None:
        super().__init__(groups, rate)
        self.momentum = momentum

    def start(self, parameter: nn.Parameter) -> dict[str, torch.Tensor]:
        """A momentum of nought."""
        return {"momentum_buffer": torch.zeros_like(parameter)}

    def update(
        self,
        parameters: list[nn.Parameter],
        gradients: list[torch.Tensor],
        states: list[dict[str, torch.Tensor]],
        group: dict[str, Any],
    ) -> None:
        """One after another."""
        for parameter, gradient, state in zip(parameters, gradients, states, strict=True):
            buffer = state["momentum_buffer"]
            buffer.lerp_(gradient, 1 - self.momentum)
            direction = gradient.lerp(buffer, self.momentum).flatten(1)
            change = orthogonalised(direction) * math.sqrt(max(1.0, direction.shape[0] / direction.shape[1]))
            parameter.mul_(1 - group["lr"] * group["weight_decay"])
            parameter.add_(change.reshape(parameter.shape), alpha=-group["lr"])


def orthogonalised(matrix: torch.Tensor, iterations: int = 5) -> torch.Tensor:
    """The nearest matrix with all singular values about 1 (0.7 to 1.2), by a quintic Newton–Schulz iteration."""
    wide = matrix.T if matrix.shape[0] > matrix.shape[1] else matrix
    wide = wide / (wide.norm() + 1e-7)
    for _ in range(iterations):
        square = wide @ wide.T
        wide = torch.addmm(wide, torch.addmm(square, square, square, beta=-4.7750, alpha=2.0315), wide, beta=3.4445)
    result: torch.Tensor = wide.T if matrix.shape[0] > matrix.shape[1] else wide
    return result


def _fuses(parameters: Sequence[nn.Parameter]) -> bool:
    return {parameter.device.type for parameter in parameters} <= {"cpu", "cuda", "mps"}
