"""A run's past: its weights at every checkpoint that was kept, and those it started from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import torch
from torch import nn

from hubel.nn import build, own_randomness
from hubel.train.recipe.initialise import start_weights
from hubel.train.run.checkpoint import CHECKPOINTS, CheckpointError, CheckpointStore, weights_that_count
from hubel.train.run.run import Run
from hubel.train.run.settings import RunError


@dataclass(frozen=True, eq=False)
class Moment:
    """A run at one step. epoch: how many passes over the training images were done, with a fraction.

    weights: the `state_dict` of the network that counts (the moving average where there is one).
    """

    step: int
    epoch: float
    weights: Mapping[str, torch.Tensor] = field(repr=False)


def moments(run: Run, problems: list[str] | None = None) -> Iterator[Moment]:
    """The run's start, where it can be made again from the seed, and each kept checkpoint, in order, one at a time.

    Damaged checkpoints are left out and named in `problems`. Raises RunError where none is whole.
    """
    store = CheckpointStore(run.directory / CHECKPOINTS)
    examples = int(run.settings["data"]["examples"]["training"])
    each = max(1, examples // min(run.recipe.batch_size, examples))
    if not run.recipe.weights:  # else it started from a file, which may have changed since
        yield Moment(0, 0.0, _start(run))
    found = 0
    for step in store.steps():
        try:
            tensors = store.load(step).tensors
        except CheckpointError as error:
            if problems is not None:
                problems.append(str(error))
            continue
        found += 1
        yield Moment(step, step / each, weights_that_count(tensors))
    if not found:
        raise RunError(f"{run.directory}: expected checkpoints, found none that is whole")


def _start(run: Run) -> Mapping[str, torch.Tensor]:
    with own_randomness(run.recipe.seed):
        module: nn.Module = build(run.network)
        start_weights(module, run.recipe)
    return module.state_dict()
