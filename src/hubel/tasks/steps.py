"""What tasks share that say one step after another: texts, recordings, sentences."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import torch
from torch import nn

from hubel.tasks import task

VOID = -1  # of a step at which nothing is wanted
OF_STEPS: Mapping[str, Any] = MappingProxyType(
    {
        "momentum": 0.9,
        "beta2": 0.99,
        "warmup": 0.1,
        "label_smoothing": 0.0,
        "augmentation": "none",
        "initializer": "pytorch",
        "clip_norm": 1.0,
        "ema": 0.0,
    }
)
"""What their recipes have in common."""


class Objective(task.Objective):
    """The mean cross-entropy of what each step says. Targets: whole numbers, N×steps, `VOID` where none is wanted."""

    def __init__(self, network: nn.Module, label_smoothing: float) -> None:
        super().__init__(network)
        self.label_smoothing = label_smoothing

    def loss(
        self, outputs: torch.Tensor, targets: torch.Tensor, others: torch.Tensor | None, share: torch.Tensor | None
    ) -> torch.Tensor:
        """The mean loss of outputs, N×symbols×steps."""
        scores, wanted = outputs.float(), targets.long()
        steps = scores.transpose(1, 2)
        if steps.is_contiguous():  # as they lie in memory: otherwise it takes twice as long
            scores, wanted = steps.flatten(0, 1), wanted.flatten()
        smoothing = self.label_smoothing
        return nn.functional.cross_entropy(scores, wanted, ignore_index=VOID, label_smoothing=smoothing)
