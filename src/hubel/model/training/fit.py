"""What `fit`, `evaluate` and `predict` do with batches, with callbacks called at their moments."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from torch import nn

from hubel.base.errors import SettingError
from hubel.model.callbacks import CallbackList
from hubel.model.layers.arrays import last
from hubel.model.networks.graph import Assembled
from hubel.model.networks.outputs import shaped
from hubel.model.networks.wired import Wired
from hubel.model.training.compiled import Compiled
from hubel.model.training.feed import Feed, Step
from hubel.model.training.report import Report
from hubel.train.loop.epochs import Epochs
from hubel.train.loop.non_finite import first_non_finite

if TYPE_CHECKING:
    from hubel.model.training.trained import Trained


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
    count = len(next(iter(each_of(arrays[0]))))
    at = math.floor(count * (1.0 - share))
    if not 0 < at < count:
        raise SettingError(
            f"expected a validation_split that leaves examples on both sides, received {share:g} of {count} examples: "
            f"{at} to train on and {count - at} to validate with"
        )
    first, last = (tuple(_cut(array, part) for array in arrays) for part in (slice(0, at), slice(at, count)))
    return (first[0], first[1], first[2]), (last[0], last[1], last[2])


def each_of(given: Any) -> list[Any]:
    """The arrays in what is given for several inputs or outputs, or the one."""
    if isinstance(given, dict):
        return list(given.values())
    holds = isinstance(given, (list, tuple)) and any(hasattr(each, "shape") and each.shape for each in given)
    return list(given) if holds else [given]


def _cut(given: Any, part: slice) -> Any:
    if isinstance(given, dict):
        return {name: _cut(each, part) for name, each in given.items()}
    arrays = each_of(given)
    if given is None or arrays == [given]:
        return None if given is None else np.asarray(given)[part]
    return [np.asarray(each)[part] for each in arrays]


class Fit(Epochs[Step]):
    """`fit`: Keras's moments in the loop that all training has in common."""

    def __init__(
        self,
        model: Trained,
        compiled: Compiled,
        feed: Feed,
        validation: Validation | None,
        callbacks: CallbackList,
        report: Report,
    ) -> None:
        self.model, self.compiled, self.feed, self.validation = model, compiled, feed, validation
        self.callbacks, self.report = callbacks, report
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
        self.compiled.reset()
        self.total, self.seen, self.number = torch.zeros(()), 0, 0
        self.fresh = True
        return self.feed.epoch()

    def step(self, epoch: int, batch: Step) -> None:
        """Down the gradient of the compiled loss."""
        whole = self.model.whole_for(batch.inputs)
        if self.fresh:  # at the start, and after a callback that may have evaluated, or frozen something
            module = module_of(whole)
            self.model.set_mode(module, True)
            self.optimizer = self.compiled.optimizer.start(self.model.module_parameters(module))
            self.fresh = False
        if self.watched:
            self.callbacks("on_train_batch_begin", self.number)
        loss, own = self.compiled.judge(whole, batch, self.model.penalised, epoch == self.number == 0)
        self.optimizer.zero_grad()
        if loss.requires_grad:
            loss.backward()
            self.compiled.optimizer.follow()
            self.optimizer.step()
        self.total, self.seen, self.last = self.total + own, self.seen + len(batch), batch.inputs
        self.report.batch_done(self.seen, self.total)

    def goes_on(self, epoch: int) -> bool:
        """Tell the callbacks."""
        if self.watched:
            self.callbacks("on_train_batch_end", self.number, self.compiled.figures(self.total, self.seen))
            self.fresh = True
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
        self.figures = self.compiled.figures(self.total, self.seen)
        if not math.isfinite(self.figures["loss"]) and not self.model.stop_training:
            module: Any = module_of(self.model.whole_for(self.last))
            given: Any = self.last if isinstance(module, Wired) else self.last[0]
            where = first_non_finite(module, given)
            raise SettingError(
                f"the loss became {self.figures['loss']} in epoch {epoch + 1}: {where}; try a smaller learning rate"
            )
        if self.validation is not None and self.validation.is_due(epoch):
            own = measure(self.model, self.compiled, self.validation.feed, self.callbacks)
            self.figures |= {f"val_{name}": value for name, value in own.items()}
        self.callbacks("on_epoch_end", epoch, self.figures)
        self.report.epoch_done(epoch, self.figures)


def module_of(whole: Assembled | Wired) -> nn.Module:
    """Return what computes a model."""
    return whole if isinstance(whole, Wired) else whole.module


def measure(model: Trained, compiled: Compiled, feed: Feed, callbacks: CallbackList) -> dict[str, float]:
    """Return loss and metrics. Raises ValueError where the feed gives nothing."""
    total, seen = torch.zeros(()), 0
    compiled.reset()
    callbacks("on_test_begin")
    with torch.no_grad():
        for number, step in enumerate(feed.epoch()):
            callbacks("on_test_batch_begin", number)
            whole = model.whole_for(step.inputs)
            model.set_mode(module_of(whole), False)
            own = compiled.judge(whole, step, model.penalised)[1]
            total, seen = total + own, seen + len(step)
            if callbacks.callbacks:
                callbacks("on_test_batch_end", number, compiled.figures(total, seen))
    if not seen:
        raise SettingError(
            "expected examples to measure on, received none; a generator gives its batches once: give steps and let it "
            "go on for ever, or give a Sequence"
        )
    figures = compiled.figures(total, seen)
    callbacks("on_test_end", figures)
    return figures


def predicted(model: Trained, feed: Feed, callbacks: CallbackList) -> Any:
    """Return the outputs for all batches, pictures as N×H×W×C; None without examples."""
    callbacks("on_predict_begin")
    found: list[Any] = []
    with torch.no_grad():
        for number, step in enumerate(feed.epoch()):
            callbacks("on_predict_batch_begin", number)
            found.append(model.through([last(each) for each in step.inputs], False))
            callbacks("on_predict_batch_end", number, {"outputs": shaped(model.structure, found[-1])})
    callbacks("on_predict_end")
    if not found or not sum(len(each[0]) for each in found):
        return None
    return shaped(model.structure, [torch.cat(parts).numpy() for parts in zip(*found, strict=True)])
