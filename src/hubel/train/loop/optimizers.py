"""Optimizers: PyTorch's own fused arithmetic, without what `torch.optim`'s classes bring along.

Making one of those classes, or calling its `step`, imports PyTorch's compiler: more than a second of every process,
as long as a small network takes to train. The kernels below them do not, and give the same bits.
"""

from __future__ import annotations

import abc
import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import nn
from torch.optim.sgd import sgd

EPSILON = 1e-8  # Adam's, as its paper has it


class Slot(NamedTuple):
    """A parameter with what its optimizer remembers of it, by name: nothing before its first step."""

    parameter: nn.Parameter
    state: dict[str, torch.Tensor]


class Optimizer(abc.ABC):
    """Changes parameters by their gradients.

    param_groups: each with "params", "lr" and "weight_decay", as PyTorch's optimizers have them; "lr" is a number, or a
        tensor of one on the parameters' device, which a recorded step reads anew each time.
    state: what is remembered of each parameter, by name.
    """

    def __init__(self, groups: Sequence[dict[str, Any]], rate: float) -> None:
        self.param_groups = [{"lr": rate, "weight_decay": 0.0, **group} for group in groups]
        # a tensor's hash is slow where a step takes three milliseconds, so steps go through lists
        self._parameters = [[Slot(parameter, {}) for parameter in group["params"]] for group in self.param_groups]

    @property
    def state(self) -> dict[torch.Tensor, dict[str, torch.Tensor]]:
        """What is remembered of each parameter; its entries may be changed."""
        return {each.parameter: each.state for group in self._parameters for each in group}

    @torch.no_grad()
    def step(self) -> None:
        """Update every parameter that has a gradient."""
        for group, entries in zip(self.param_groups, self._parameters, strict=True):
            parameters = [each for each in entries if each.parameter.grad is not None]
            for each in parameters:
                if not each.state:
                    each.state.update(self.start(each.parameter))
            if parameters:
                self.update(parameters, group["lr"], group["weight_decay"])

    def zero_grad(self) -> None:
        """Forget the gradients."""
        for group in self._parameters:
            for each in group:
                each.parameter.grad = None

    @abc.abstractmethod
    def start(self, parameter: nn.Parameter) -> dict[str, torch.Tensor]:
        """What is remembered of a parameter before its first step."""

    @abc.abstractmethod
    def update(self, parameters: list[Slot], rate: float | torch.Tensor, weight_decay: float) -> None:
        """Change parameters that have gradients, and what is remembered of them, in place."""


class Adam(Optimizer):
    """Adam (Kingma, Ba 2015); `decoupled` weight decay goes beside the gradient: AdamW (Loshchilov, Hutter 2019)."""

    def __init__(
        self,
        groups: Sequence[dict[str, Any]],
        rate: float,
        betas: tuple[float, float],
        decoupled: bool = False,
        epsilon: float = EPSILON,
    ) -> None:
        super().__init__(groups, rate)
        self.betas, self.decoupled, self.epsilon = betas, decoupled, epsilon

    def start(self, parameter: nn.Parameter) -> dict[str, torch.Tensor]:
        """Two moments of zero, in the parameter's layout, and a count of steps beside them."""
        return {
            "step": torch.zeros((), device=parameter.device),
            "exp_avg": torch.zeros_like(parameter),
            "exp_avg_sq": torch.zeros_like(parameter),
        }

    def update(self, parameters: list[Slot], rate: float | torch.Tensor, weight_decay: float) -> None:
        """One fused call."""
        lr: Any = rate
        steps = [each.state["step"] for each in parameters]
        torch._foreach_add_(steps, 1)
        fused = torch._fused_adamw_ if self.decoupled else torch._fused_adam_
        fused(
            _rows([each.parameter for each in parameters]),
            _rows(_gradients(parameters)),
            _rows([each.state["exp_avg"] for each in parameters]),
            _rows([each.state["exp_avg_sq"] for each in parameters]),
            [],
            steps,
            lr=lr,
            beta1=self.betas[0],
            beta2=self.betas[1],
            weight_decay=weight_decay,
            eps=self.epsilon,
            amsgrad=False,
            maximize=False,
        )


class SGD(Optimizer):
    """Stochastic gradient descent with Nesterov's momentum, or Polyak's (none where `momentum` is 0)."""

    def __init__(self, groups: Sequence[dict[str, Any]], rate: float, momentum: float, nesterov: bool = True) -> None:
        super().__init__(groups, rate)
        self.momentum, self.nesterov = momentum, nesterov and momentum > 0

    def start(self, parameter: nn.Parameter) -> dict[str, torch.Tensor]:
        """Nothing: the first gradient is the first momentum."""
        return {}

    def update(self, parameters: list[Slot], rate: float | torch.Tensor, weight_decay: float) -> None:
        """One fused call, for those with a momentum and those without apart."""
        lr: Any = rate
        for known in (True, False):
            chosen = [each for each in parameters if bool(each.state) is known]
            if not chosen:
                continue
            buffers: list[torch.Tensor | None] = [each.state.get("momentum_buffer") for each in chosen]
            sgd(
                [each.parameter for each in chosen],
                _gradients(chosen),
                buffers,
                fused=True,
                weight_decay=weight_decay,
                momentum=self.momentum,
                lr=lr,
                dampening=0.0,
                nesterov=self.nesterov,
                maximize=False,
            )
            for each, buffer in zip(chosen, buffers, strict=True):
                if self.momentum and buffer is not None:
                    each.state["momentum_buffer"] = buffer


class RMSprop(Optimizer):
    """Gradients divided by a moving average of their size (Hinton 2012, lecture 6), with momentum after it."""

    def __init__(
        self, groups: Sequence[dict[str, Any]], rate: float, rho: float, momentum: float = 0.0, epsilon: float = EPSILON
    ) -> None:
        super().__init__(groups, rate)
        self.rho, self.momentum, self.epsilon = rho, momentum, epsilon

    def start(self, parameter: nn.Parameter) -> dict[str, torch.Tensor]:
        """An average of zero, and a momentum of zero where there is one."""
        names = ("square_avg", "momentum_buffer") if self.momentum else ("square_avg",)
        return {name: torch.zeros_like(parameter) for name in names}

    def update(self, parameters: list[Slot], rate: float | torch.Tensor, weight_decay: float) -> None:
        """All at once."""
        gradients = _gradients(parameters)
        if weight_decay:
            weights: list[torch.Tensor] = [each.parameter for each in parameters]
            gradients = list(torch._foreach_add(gradients, weights, alpha=weight_decay))
        averages = [each.state["square_avg"] for each in parameters]
        torch._foreach_mul_(averages, self.rho)
        torch._foreach_addcmul_(averages, gradients, gradients, 1 - self.rho)
        sizes = torch._foreach_sqrt(averages)
        torch._foreach_add_(sizes, self.epsilon)
        if not self.momentum:
            torch._foreach_addcdiv_([each.parameter for each in parameters], gradients, sizes, -float(rate))
            return
        buffers = [each.state["momentum_buffer"] for each in parameters]
        torch._foreach_mul_(buffers, self.momentum)
        torch._foreach_addcdiv_(buffers, gradients, sizes)
        torch._foreach_add_([each.parameter for each in parameters], buffers, alpha=-float(rate))


class Muon(Optimizer):
    """Momentum orthogonalised by Newton and Schulz's iteration (Jordan 2024), for kernels of any rank.

    A convolution's kernel counts as a matrix of filters × (all the rest), which `torch.optim.Muon` does not take. The
    update is scaled by √max(1, rows / columns).
    """

    def __init__(self, groups: Sequence[dict[str, Any]], rate: float, momentum: float) -> None:
        super().__init__(groups, rate)
        self.momentum = momentum

    def start(self, parameter: nn.Parameter) -> dict[str, torch.Tensor]:
        """A momentum of zero."""
        return {"momentum_buffer": torch.zeros_like(parameter)}

    def update(self, parameters: list[Slot], rate: float | torch.Tensor, weight_decay: float) -> None:
        """One after another."""
        for each, gradient in zip(parameters, _gradients(parameters), strict=True):
            parameter, buffer = each.parameter, each.state["momentum_buffer"]
            buffer.lerp_(gradient, 1 - self.momentum)
            direction = gradient.lerp(buffer, self.momentum).flatten(1)
            change = orthogonalised(direction) * math.sqrt(max(1.0, direction.shape[0] / direction.shape[1]))
            parameter.mul_(1 - rate * weight_decay)
            parameter.sub_(change.reshape(parameter.shape) * rate)


def orthogonalised(matrix: torch.Tensor, iterations: int = 5) -> torch.Tensor:
    """The nearest matrix with all singular values about 1 (0.7 to 1.2), by a quintic Newton–Schulz iteration.

    Each step multiplies by a polynomial of the rows' products with one another, which these products can go through
    alone: of long rows, as kernels have, two fifths of the arithmetic.
    """
    wide = matrix.T if matrix.shape[0] > matrix.shape[1] else matrix
    wide = wide / (wide.norm() + 1e-7)
    square = wide @ wide.T
    factors = torch.eye(len(square), device=matrix.device, dtype=matrix.dtype)
    one = factors
    for number in range(iterations):
        factor = torch.addmm(square, square, square, beta=-4.7750, alpha=2.0315) + 3.4445 * one
        factors = factor @ factors if number else factor
        if number + 1 < iterations:
            square = factor @ square @ factor
    found = factors @ wide
    result: torch.Tensor = found.T if matrix.shape[0] > matrix.shape[1] else found
    return result


def _rows(tensors: Sequence[torch.Tensor]) -> list[torch.Tensor]:
    """The same memory, kernels in channels-last as contiguous: PyTorch's fused kernels copy a gradient that is not."""
    return [each if each.is_contiguous() or each.dim() != 4 else each.permute(0, 2, 3, 1) for each in tensors]


def _gradients(parameters: list[Slot]) -> list[torch.Tensor]:
    return [each.parameter.grad for each in parameters]  # type: ignore[misc]
