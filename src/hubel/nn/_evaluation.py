"""A network in evaluation mode: as it predicts, and afterwards as it was."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn


@contextmanager
def evaluation_mode(module: nn.Module) -> Iterator[None]:
    """Put a module into evaluation mode; afterwards every part's mode is as it was, whatever happened within.

    Part by part, since a frozen normalisation may be in it while the others train.
    """
    active = [part for part in module.modules() if part.training]
    if active:
        module.eval()
    try:
        yield
    finally:
        for part in active:
            part.training = True


def device_of(module: nn.Module) -> torch.device:
    """Where a module's weights lie; the processor where it has none."""
    weight = next(module.parameters(), None)
    return torch.device("cpu") if weight is None else weight.device
