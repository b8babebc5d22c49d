"""Looking at a network without moving it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import torch
from torch import nn

from hubel.nn import evaluation_mode


@contextmanager
def still(module: nn.Module, seed: int | None = None) -> Iterator[None]:
    """Put a module into evaluation mode with weights that want no gradients, and allow gradients of anything else.

    Afterwards every part's mode, every weight's flag and the random state are as they were, whatever happened within.
    Within, the random state starts from `seed` where one is given.
    """
    wanting = [weight for weight in module.parameters() if weight.requires_grad]
    devices = sorted({weight.device.index or 0 for weight in module.parameters() if weight.device.type == "cuda"})
    with ExitStack() as stack:
        stack.enter_context(torch.random.fork_rng(devices=devices))
        stack.enter_context(torch.inference_mode(False))
        stack.enter_context(torch.enable_grad())
        stack.enter_context(evaluation_mode(module))
        try:
            for weight in wanting:
                weight.requires_grad_(False)
            if seed is not None:
                torch.manual_seed(seed)
            yield
        finally:
            for weight in wanting:
                weight.requires_grad_(True)
