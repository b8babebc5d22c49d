"""What `fit`, `evaluate` and `predict` do with batches, with callbacks called at their moments."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hubel.base.errors import SettingError
from hubel.model._compiled import Compiled
from hubel.model._feed import Feed, Step
from hubel.model._report import Report
from hubel.model.callbacks import CallbackList
from hubel.nn import NetworkModule
from hubel.train.loop.epochs import Epochs

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


class Fit(Epochs[Step]):
    """`fit`: Keras's moments in the loop that all training has in common."""

    def __init__(
        self,
        model: Sequential,
        compiled: Compiled,
        feed: Feed,
        validation: Validation | None,
        callbacks: CallbackList,
        report: Report,
    ) -> None:
        self.model, self.compiled, self.feed, self.validation = model, compiled, feed, validation
        self.callbacks, self.report = callbacks, report
        self.optimizer = compiled.optimizer.start(model.module.parameters())
        self.watched = len(callbacks.callbacks) > 1  # besides the history
        self.figures: dict[str, float] = {}
        self.ended = False

    def train(self, epochs: range) -> None:
        """Train for these epochs, or until `model.stop_training`. Raises ValueError where the loss is no number."""
        self.epochs = epochs
        self.callbacks("on_train_begin")
        self.through(epochs)
        self.callbacks("on_train_end", self.figures)

    def over(self, epoch: int | None) -> str:
        """Where the data has ended, or after the first epoch a callback says so."""
        asked = self.model.stop_training and epoch != self.epochs.start
        return "the data has ended" if self.ended else "asked to stop" if asked else ""

    def batches(self, epoch: int) -> Iterator[Step]:
        """The feed's."""
        self.callbacks("on_epoch_begin", epoch)
        self.model.module.train()
        self.sums, self.seen, self.number = torch.zeros(1 + len(self.compiled.metrics)), 0, 0
        return self.feed.epoch()

    def step(self, epoch: int, batch: Step) -> None:
        """Down the gradient of the compiled loss."""
        inputs, targets, weights = batch
        assert targets is not None
        if self.watched:
            self.callbacks("on_train_batch_begin", self.number)
        loss, own = self.compiled.judge(self.model.module, inputs, targets, weights)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        self.sums, self.seen = self.sums + own, self.seen + len(inputs)
        self.report.batch_done(self.seen, self.sums)

    def goes_on(self, epoch: int) -> bool:
        """Tell the callbacks."""
        if self.watched:
            self.callbacks("on_train_batch_end", self.number, self.compiled.figures(self.sums, self.seen))
            self.model.module.train()  # a callback may have evaluated
        self.number += 1
        return not self.model.stop_training

    def close(self, epoch: int) -> None:
        """Measure the validation part, and tell the callbacks."""
        if not self.seen:
            warnings.warn(
                f"the data ended before epoch {epoch + 1} of {self.epochs.stop}; a generator gives its batches once: "
                "give steps_per_epoch and let it go on for ever, or give a Sequence",
                stacklevel=5,
            )
            self.ended = True
            return
        self.figures = self.compiled.figures(self.sums, self.seen)
        if not math.isfinite(self.figures["loss"]):
            raise SettingError(
                f"the loss became {self.figures['loss']} in epoch {epoch + 1}; try a smaller learning rate"
            )
        if self.validation is not None and self.validation.is_due(epoch):
            own = measure(self.model.module, self.compiled, self.validation.feed, self.callbacks)
            self.figures |= {f"val_{name}": value for name, value in own.items()}
        self.callbacks("on_epoch_end", epoch, self.figures)
        self.report.epoch_done(epoch, self.figures)


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
    array: NDArray[np.float32] = (outputs.movedim(1, -1) if outputs.dim() > 2 else outputs).numpy()
    return array if len(array) else None
