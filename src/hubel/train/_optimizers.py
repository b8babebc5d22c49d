"""The optimizers a recipe can name, with the fastest implementation for the device."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import nn
from torch.optim import SGD, Adam, AdamW, Optimizer

from hubel.train._recipe import Recipe


def make_optimizers(module: nn.Module, recipe: Recipe) -> list[Optimizer]:
    """The optimizers that together update every trainable parameter of `module`: one, or two for muon.

    Each group's learning rate is scaled from `recipe.learning_rate` by its entry "scale".
    """
    trainable = [parameter for parameter in module.parameters() if parameter.requires_grad]
    kernels = [parameter for parameter in trainable if parameter.ndim > 1]
    others = [parameter for parameter in trainable if parameter.ndim <= 1]
    if recipe.optimizer == "muon":
        last = kernels[-1:]  # the classifier is no hidden layer: AdamW, as the method's author has it
        groups = _groups(last, others, recipe.weight_decay, scale=0.3)
        hidden = [Muon(kernels[:-1], recipe)] if kernels[:-1] else []
        return [*hidden, *([_adamw(groups, recipe)] if groups else [])]
    groups = _groups(kernels, others, recipe.weight_decay)
    if recipe.optimizer == "sgd":
        # Nesterov's momentum is only defined where there is some
        nesterov = recipe.momentum > 0
        return [SGD(groups, recipe.learning_rate, momentum=recipe.momentum, nesterov=nesterov, fused=_fuses(groups))]
    if recipe.optimizer == "adamw":
        return [_adamw(groups, recipe)]
    betas = (recipe.momentum, recipe.beta2)
    return [Adam(groups, recipe.learning_rate, betas=betas, fused=_fuses(groups))]


def set_rate(optimizers: Iterable[Optimizer], rate: float) -> None:
    """Give every group the learning rate `rate`, times its own scale."""
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            group["lr"] = rate * group.get("scale", 1.0)


def _groups(
    kernels: list[nn.Parameter], others: list[nn.Parameter], weight_decay: float, scale: float = 1.0
) -> list[dict[str, Any]]:
    if weight_decay == 0:  # one group is one fused call
        kernels, others = kernels + others, []
    groups = [
        {"params": kernels, "weight_decay": weight_decay, "scale": scale},
        {"params": others, "weight_decay": 0.0, "scale": scale},
    ]
    return [group for group in groups if group["params"]]


def _adamw(groups: list[dict[str, Any]], recipe: Recipe) -> Optimizer:
    return AdamW(groups, recipe.learning_rate, betas=(recipe.momentum, recipe.beta2), fused=_fuses(groups))


def _fuses(groups: list[dict[str, Any]]) -> bool:
    kinds = {parameter.device.type for group in groups for parameter in group["params"]}
    return kinds <= {"cpu", "cuda", "mps"}


class Muon(Optimizer):
    """Momentum orthogonalised by Newton and Schulz's iteration (Jordan 2024), for kernels of any rank.

    A convolution's kernel counts as a matrix of filters × (all the rest), which `torch.optim.Muon` does not take. The
    update is scaled by √max(1, rows / columns).
    """

    def __init__(self, parameters: list[nn.Parameter], recipe: Recipe) -> None:
        defaults = {"lr": recipe.learning_rate, "momentum": recipe.momentum, "weight_decay": recipe.weight_decay}
        super().__init__(parameters, defaults)

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        """Update every parameter that has a gradient."""
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None:
                    self._update(parameter, group)

    def _update(self, parameter: nn.Parameter, group: dict[str, Any]) -> None:
        state = self.state[parameter]
        if not state:
            state["momentum_buffer"] = torch.zeros_like(parameter)
        gradient, buffer = parameter.grad, state["momentum_buffer"]
        assert gradient is not None
        buffer.lerp_(gradient, 1 - group["momentum"])
        direction = gradient.lerp(buffer, group["momentum"]).flatten(1)
        update = orthogonalised(direction) * math.sqrt(max(1.0, direction.shape[0] / direction.shape[1]))
        parameter.mul_(1 - group["lr"] * group["weight_decay"])
        parameter.add_(update.reshape(parameter.shape), alpha=-group["lr"])


def orthogonalised(matrix: torch.Tensor, iterations: int = 5) -> torch.Tensor:
    """The nearest matrix with all singular values about 1 (0.7 to 1.2), by a quintic Newton–Schulz iteration."""
    wide = matrix.T if matrix.shape[0] > matrix.shape[1] else matrix
    wide = wide / (wide.norm() + 1e-7)
    for _ in range(iterations):
        square = wide @ wide.T
        wide = 3.4445 * wide + (-4.7750 * square + 2.0315 * square @ square) @ wide
    result: torch.Tensor = wide.T if matrix.shape[0] > matrix.shape[1] else wide
    return result
