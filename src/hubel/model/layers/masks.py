"""Steps that are to be passed over: what makes them known, and what leaves them out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor

from hubel.model.layers.layer import Layer
from hubel.nn.modules.sequences import OverSteps


class Masking(Layer):
    """Pass over steps at which all features have one value: T×C → T×C, with zeros there."""

    masks = "makes"

    def __init__(self, mask_value: float = 0.0, **settings: Any) -> None:
        super().__init__(**settings)
        self.mask_value = mask_value

    def known_steps(self, inputs: Tensor) -> Tensor:
        """Return N×T, False at these steps."""
        return (inputs != self.mask_value).any(-1)

    def call(self, inputs: Tensor) -> Tensor:
        """Put zeros there."""
        return torch.where(self.known_steps(inputs).unsqueeze(-1), inputs, 0.0)

    def get_config(self) -> dict[str, Any]:
        """Return name and value."""
        return {**super().get_config(), "mask_value": self.mask_value}


def over_known(layer: Layer, run: Callable[[], Tensor], values: Tensor, known: Tensor) -> Tensor:
    """Return what a layer makes of N×T×C, passing over the steps at which `known` (N×T) is False."""
    parts = list(_along_steps(layer))
    if not parts:  # an average
        weights = known.unsqueeze(-1).to(values.dtype)
        return (values * weights).sum(1) / weights.sum(1)
    for part in parts:
        part.known, part.silent = known, layer.is_silent
    try:
        return run()
    finally:
        for part in parts:
            part.known, part.silent = None, False


def _along_steps(layer: Layer) -> Iterator[OverSteps]:
    for each in layer.inside():
        for module in each.modules_at_all():
            yield from (part for part in module.modules() if isinstance(part, OverSteps))
