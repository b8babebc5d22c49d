"""The optimizers a recipe can name, for a network's parameters in groups."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import nn

from hubel.nn import NetworkModule
from hubel.train.loop.optimizers import SGD, Adam, Muon, Optimizer
from hubel.train.recipe.freezing import depths
from hubel.train.recipe.recipe import Recipe


def make_optimizers(module: NetworkModule, recipe: Recipe) -> list[Optimizer]:
    """The optimizers that together update every trainable parameter of `module`: one, or two for muon.

    Each group's learning rate is scaled from `recipe.learning_rate` by its entry "scale".
    """
    trainable = [parameter for parameter in module.parameters() if parameter.requires_grad]
    kernels = [parameter for parameter in trainable if parameter.ndim > 1]
    others = [parameter for parameter in trainable if parameter.ndim <= 1]
    depth = depths(module) if recipe.layer_decay != 1 else dict.fromkeys(trainable, 0)

    def groups(kernels: list[nn.Parameter], others: list[nn.Parameter], scale: float = 1.0) -> list[dict[str, Any]]:
        found = []
        for number in sorted({depth[parameter] for parameter in (*kernels, *others)}, reverse=True):
            own = [[parameter for parameter in part if depth[parameter] == number] for part in (kernels, others)]
            found += _groups(own[0], own[1], recipe.weight_decay, scale * recipe.layer_decay**number)
        return found

    if recipe.optimizer == "muon":
        last = kernels[-1:]  # the classifier is no hidden layer: AdamW, as the method's author has it
        hidden, rest = groups(kernels[:-1], []), groups(last, others, 0.3)
        muon = [Muon(hidden, recipe.learning_rate, recipe.momentum)] if hidden else []
        return [*muon, *([_adamw(rest, recipe)] if rest else [])]
    all_groups = groups(kernels, others)
    if recipe.optimizer == "sgd":
        return [SGD(all_groups, recipe.learning_rate, recipe.momentum)]
    if recipe.optimizer == "adamw":
        return [_adamw(all_groups, recipe)]
    return [Adam(all_groups, recipe.learning_rate, (recipe.momentum, recipe.beta2))]


def set_rate(optimizers: Iterable[Optimizer], rate: float | torch.Tensor) -> None:
    """Give every group the learning rate `rate`, times its own scale."""
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            group["lr"] = rate * group.get("scale", 1.0)


def _groups(
    kernels: list[nn.Parameter], others: list[nn.Parameter], weight_decay: float, scale: float
) -> list[dict[str, Any]]:
    if weight_decay == 0:  # one group is one fused call
        kernels, others = kernels + others, []
    groups = [
        {"params": kernels, "weight_decay": weight_decay, "scale": scale},
        {"params": others, "weight_decay": 0.0, "scale": scale},
    ]
    return [group for group in groups if group["params"]]


def _adamw(groups: list[dict[str, Any]], recipe: Recipe) -> Optimizer:
    return Adam(groups, recipe.learning_rate, (recipe.momentum, recipe.beta2), decoupled=True)
