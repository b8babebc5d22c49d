"""A network in evaluation mode: as it predicts, and afterwards as it was."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager

import torch
from torch import nn

from hubel.base.forks import fresh_in_child
from hubel.nn._randomness import own_randomness

_changing = threading.Lock()
_held: Counter[int] = Counter()  # how many are in each part that is to train again, by its id: several threads may be
fresh_in_child(_changing)


@contextmanager
def evaluation_mode(module: nn.Module) -> Iterator[None]:
    """Put a module into evaluation mode; afterwards every part's mode is as it was, whatever happened within.

    Part by part, since a frozen normalisation may be in it while the others train. Of several threads that are in at
    one time, the last one out puts the mode back.
    """
    with _changing:
        parts = [part for part in module.modules() if part.training or id(part) in _held]
        _held.update(map(id, parts))
        if parts:
            _evaluate(module, parts)
    try:
        yield
    finally:
        with _changing:
            _held.subtract(map(id, parts))
            for part in parts:
                if not _held[id(part)]:
                    del _held[id(part)]
                    part.training = True


def _evaluate(module: nn.Module, parts: Iterable[nn.Module]) -> None:
    try:
        module.eval()
    except NotImplementedError:  # of torch.export's modules, whose graph knows no modes
        for part in parts:
            part.training = False


@contextmanager
def input_gradients(module: nn.Module, seed: int | None = None) -> Iterator[None]:
    """Put a module into evaluation mode with weights that want no gradients, and allow gradients of anything else.

    Afterwards every part's mode, every weight's flag and the random state are as they were, whatever happened within.
    Within, the random state starts from `seed` where one is given.
    """
    devices = sorted({weight.device.index or 0 for weight in module.parameters() if weight.device.type == "cuda"})
    with ExitStack() as stack:
        stack.enter_context(own_randomness(seed, devices))
        stack.enter_context(torch.inference_mode(False))
        stack.enter_context(torch.enable_grad())
        stack.enter_context(evaluation_mode(module))
        wanting = [weight for weight in module.parameters() if weight.requires_grad]
        try:
            for weight in wanting:
                weight.requires_grad_(False)
            yield
        finally:
            for weight in wanting:
                weight.requires_grad_(True)


def device_of(module: nn.Module) -> torch.device:
    """Where a module's weights lie; the processor where it has none."""
    weight = next(module.parameters(), None)
    return torch.device("cpu") if weight is None else weight.device
