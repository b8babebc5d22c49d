"""Looking at a network without moving it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import torch
from torch import nn


@contextmanager
def still(module: nn.Module, seed: int | None = None) -> Iterator[None]:
    """Put a module into evaluation mode with weights that want no gradients, and allow gradients of anything else.

    Afterwards every part's mode, every weight's flag and the random state are as they were, whatever happened within.
    Within, the random state starts from `seed` where one is given.
    """
    modes = [(part, part.training) for part in module.modules()]
    wants = [(weight, weight.requires_grad) for weight in module.parameters()]
    devices = sorted({weight.device.index or 0 for weight, _ in wants if weight.device.type == "cuda"})
    with ExitStack() as stack:
        stack.enter_context(torch.random.fork_rng(devices=devices))
        stack.enter_context(torch.inference_mode(False))
        stack.enter_context(torch.enable_grad())
        try:
            module.eval()
            for weight, _ in wants:
                weight.requires_grad_(False)
            if seed is not None:
                torch.manual_seed(seed)
            yield
        finally:
            for part, mode in modes:  # one by one: a frozen normalisation rests while the rest trains
                part.training = mode
            for weight, wanted in wants:
                weight.requires_grad_(wanted)


def device_of(module: nn.Module) -> torch.device:
    """Where a module's weights lie."""
    weight = next(module.parameters(), None)
    return torch.device("cpu") if weight is None else weight.device
