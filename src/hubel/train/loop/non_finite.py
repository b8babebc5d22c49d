"""When training goes wrong: which layer it was, and what would help."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import nn

from hubel.base.errors import TrainingError

_EXPLODED = 100.0  # times the loss of guessing, above which nothing is learned any more


class NotFiniteError(TrainingError, RuntimeError):
    """The loss became NaN or infinite, or exploded: at which step, in which layer, what is kept, what would help."""


def is_lost(loss: float, classes: int) -> bool:
    """Whether a loss is not finite, or more than 100 times that of guessing, ln(classes), where there are any."""
    return not math.isfinite(loss) or (classes > 0 and loss > _EXPLODED * max(1.0, math.log(classes)))


def first_non_finite(module: nn.Module, inputs: torch.Tensor) -> str:
    """The first layer whose output or weights are not finite for this batch, in words; where all are finite, the layer
    that gives the largest numbers. The buffers of `module` may change.
    """
    found: list[str] = []
    largest = (0.0, "")
    handles = []

    def look(name: str) -> Any:
        def hook(layer: nn.Module, _: Any, output: torch.Tensor) -> None:
            nonlocal largest
            weights = [key for key, value in layer.named_parameters(recurse=False) if not _finite(value)]
            if weights:
                found.append(f"the {weights[0]} of {name} is not finite")
            elif not _finite(output):
                found.append(f"the output of {name} is not finite, though its weights are")
            else:
                largest = max(largest, (float(output.abs().max()), name))

        return hook

    for name, layer in module.named_modules():
        if not list(layer.children()):
            handles.append(layer.register_forward_hook(look(name)))
    try:
        with torch.no_grad():
            network: Any = module
            network.logits(inputs)
    finally:
        for handle in handles:
            handle.remove()
    return found[0] if found else f"the largest numbers, {largest[0]:.3g}, come out of {largest[1]}"


def _finite(tensor: torch.Tensor) -> bool:
    return bool(torch.isfinite(tensor).all())
