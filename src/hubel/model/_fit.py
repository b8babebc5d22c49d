"""The loops behind `fit`, `evaluate` and `predict`: over epochs and batches, with callbacks called at their moments."""

from __future__ import annotations

import math
import warnings
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hubel.base.errors import SettingError
from hubel.model._compiled import Compiled
from hubel.model._feed import Feed
from hubel.model._report import Report
from hubel.model.callbacks import CallbackList
from hubel.nn import NetworkModule

if TYPE_CHECKING:
    from hubel.model._sequential import Sequential


class Validation(NamedTuple):
    """What is measured after an epoch: after each `frequency`-th, or after those that are named (from 1)."""

    feed: Feed
    frequency: int | list[int]

    def is_due(self, epoch: int) -> bool:
        """Whether epoch `epoch`, from 0, is one of them."""
        if isinstance(self.frequency, int):
            return (epoch + 1) % self.frequency == 0
        return epoch + 1 in self.frequency


def split(arrays: tuple[Any, Any, Any], share: float) -> tuple[tuple[Any, Any, Any], tuple[Any, Any, Any]]:
    """Cut x, y and weights in two, the last `share` for validation, before anything is shuffled, as Keras does.

    Raises ValueError where one of the two would be empty.
    """
    count = len(arrays[0])
    at = math.floor(count * (1.0 - share))
    if not 0 < at < count:
        raise SettingError(
            f"expected a validation_split that leaves examples on both sides, received {share:g} of {count} examples: "
            f"{at} to train on and {count - at} to validate with"
        )
    first, last = (
        tuple(None if array is None else np.asarray(array)[part] for array in arrays)
        for part in (slice(0, at), slice(at, count))
    )
    return (first[0], first[1], first[2]), (last[0], last[1], last[2])


def train(
    model: Sequential,
    compiled: Compiled,
    feed: Feed,
    epochs: range,
    validation: Validation | None,
    callbacks: CallbackList,
    report: Report,
) -> None:
    """Train for these epochs, or until `model.stop_training`. Raises ValueError where the loss is no number."""
    optimizer = compiled.optimizer.start(model.module.parameters())
    figures: dict[str, float] = {}
    callbacks("on_train_begin")
    for epoch in epochs:
        callbacks("on_epoch_begin", epoch)
        sums, seen = _epoch(model, compiled, feed, optimizer, callbacks, report)
        if not seen:
            warnings.warn(
                f"the data ended before epoch {epoch + 1} of {epochs.stop}; a generator gives its batches once: give "
                "steps_per_epoch and let it go on for ever, or give a Sequence",
                stacklevel=3,
            )
            break
        figures = compiled.figures(sums, seen)
        if not math.isfinite(figures["loss"]):
            raise SettingError(f"the loss became {figures['loss']} in epoch {epoch + 1}; try a smaller learning rate")
        if validation is not None and validation.is_due(epoch):
            own = measure(model.module, compiled, validation.feed, callbacks)
            figures |= {f"val_{name}": value for name, value in own.items()}
        callbacks("on_epoch_end", epoch, figures)
        report.epoch_done(epoch, figures)
        if model.stop_training:
            break
    callbacks("on_train_end", figures)


def measure(module: NetworkModule, compiled: Compiled, feed: Feed, callbacks: CallbackList) -> dict[str, float]:
    """Return loss and metrics. Raises ValueError where the feed gives nothing."""
    module.eval()
    sums, seen = torch.zeros(1 + len(compiled.metrics)), 0
    callbacks("on_test_begin")
    with torch.inference_mode():
        for number, (inputs, targets, weights) in enumerate(feed.epoch()):
            assert targets is not None
            callbacks("on_test_batch_begin", number)
            sums, seen = sums + compiled.judge(module, inputs, targets, weights)[1], seen + len(inputs)
            if callbacks.callbacks:
                callbacks("on_test_batch_end", number, compiled.figures(sums, seen))
    if not seen:
        raise SettingError(
            "expected examples to measure on, received none; a generator gives its batches once: give steps and let it "
            "go on for ever, or give a Sequence"
        )
    figures = compiled.figures(sums, seen)
    callbacks("on_test_end", figures)
    return figures


def predicted(module: NetworkModule, feed: Feed, callbacks: CallbackList) -> NDArray[np.float32] | None:
    """Return the outputs for all batches, pictures as N×H×W×C; None where there are no examples."""
    module.eval()
    callbacks("on_predict_begin")
    found: list[Tensor] = []
    with torch.inference_mode():
        for number, step in enumerate(feed.epoch()):
            callbacks("on_predict_batch_begin", number)
            found.append(module(step.inputs))
            callbacks("on_predict_batch_end", number, {"outputs": found[-1]})
    callbacks("on_predict_end")
    outputs = torch.cat(found) if found else torch.empty(0)
    array: NDArray[np.float32] = (outputs.permute(0, 2, 3, 1) if outputs.dim() == 4 else outputs).numpy()
    return array if len(array) else None


def _epoch(
    model: Sequential,
    compiled: Compiled,
    feed: Feed,
    optimizer: torch.optim.Optimizer,
    callbacks: CallbackList,
    report: Report,
) -> tuple[Tensor, int]:
    module = model.module.train()
    sums, seen = torch.zeros(1 + len(compiled.metrics)), 0
    watched = len(callbacks.callbacks) > 1  # besides the history
    for number, (inputs, targets, weights) in enumerate(feed.epoch()):
        assert targets is not None
        if watched:
            callbacks("on_train_batch_begin", number)
        loss, own = compiled.judge(module, inputs, targets, weights)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        sums, seen = sums + own, seen + len(inputs)
        report.batch_done(seen, sums)
        if watched:
            callbacks("on_train_batch_end", number, compiled.figures(sums, seen))
            module.train()  # a callback may have evaluated
        if model.stop_training:
            break
    return sums, seen
