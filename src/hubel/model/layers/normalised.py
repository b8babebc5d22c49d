"""Modules as Keras computes where PyTorch does not: batch normalisation's running variance, and batches of one."""

from __future__ import annotations

from typing import TypeVar

import torch
from torch import Tensor, nn

from hubel.nn import step_first

ModuleT = TypeVar("ModuleT", bound=nn.Module)


class _Normalised(nn.modules.batchnorm._BatchNorm):
    """In training Keras keeps the batch's own variance, PyTorch that of the population, n / (n − 1) of it; and where a
    channel has one number alone, Keras gives the shift, PyTorch refuses.
    """

    def forward(self, input: Tensor) -> Tensor:
        """Normalise by the batch in training, else by what was kept: N×C×…"""
        if not self.training or self.running_mean is None or self.running_var is None:
            return torch.batch_norm(
                input, self.weight, self.bias, self.running_mean, self.running_var, False, 0.0, self.eps, False
            )
        found, mean, deviation = torch.native_batch_norm(input, self.weight, self.bias, None, None, True, 0.0, self.eps)
        momentum = 0.1 if self.momentum is None else self.momentum
        with torch.no_grad():
            self.running_mean.lerp_(mean.detach(), momentum)
            self.running_var.lerp_(deviation.detach().pow(-2).sub_(self.eps).clamp_(min=0), momentum)
        return found


class Normalised1d(_Normalised, nn.BatchNorm1d):
    """Of N×C or N×C×T."""


class Normalised2d(_Normalised, nn.BatchNorm2d):
    """Of N×C×H×W."""


_KINDS: dict[type[nn.Module], type[nn.Module]] = {nn.BatchNorm1d: Normalised1d, nn.BatchNorm2d: Normalised2d}


def as_keras(module: ModuleT) -> ModuleT:
    """Make a module compute as Keras does, in place, and return it."""
    for part in module.modules():
        kind = _KINDS.get(type(part))
        if kind is not None:
            part.__class__ = kind
    if not any(each.is_meta for each in module.parameters()):
        step_first(module)
    return module
