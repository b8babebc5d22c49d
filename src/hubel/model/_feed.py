"""Where batches come from: arrays, a Keras `Sequence`, a generator, a DataLoader."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hubel.arch import Network, analyse, shape_text
from hubel.base.errors import SettingError
from hubel.model.losses import Loss


class Step(NamedTuple):
    """One batch. inputs: float32 N×C×H×W (channels-last in memory) or N×features; weights: float32, N."""

    inputs: Tensor
    targets: Tensor | None = None
    weights: Tensor | None = None


class Feed(Protocol):
    """A source of batches. `steps`: how many an epoch has, None where that shows only at its end."""

    steps: int | None

    def epoch(self) -> Iterator[Step]:
        """Give the batches of the next epoch."""


class Reader:
    """Makes tensors of what the user gives, for one network and loss; without a loss labels are left aside."""

    def __init__(self, network: Network, loss: Loss | None, class_weight: Mapping[int, float] | None = None) -> None:
        self.shape, self.outputs = network.input, analyse(network).output_shape[-1]
        self.loss, self.class_weight = loss, class_weight

    def inputs(self, x: Any) -> Tensor:
        """Return N×H×W×C or N×features, as they are. Raises ValueError where the network takes another shape."""
        array = np.asarray(x)
        if array.shape[1:] == self.shape[:2] and len(self.shape) == 3 and self.shape[2] == 1:
            array = array[..., None]
        if array.shape[1:] != self.shape:
            raise SettingError(
                f"expected inputs of N×{shape_text(self.shape)}, received {shape_text(array.shape)}; reshape them, or "
                f"write the network for input_shape={array.shape[1:]}"
            )
        return torch.from_numpy(np.ascontiguousarray(array, None if array.dtype == np.uint8 else np.float32))

    def examples(self, x: Any, y: Any = None, sample_weight: Any = None) -> Step:
        """Return inputs, targets and weights, equally many of each."""
        inputs = self.inputs(x)
        if self.loss is None:
            return Step(inputs)
        if y is None:
            raise SettingError("expected labels beside the images, received none")
        labels = np.asarray(y)
        if len(inputs) != len(labels):
            raise SettingError(
                f"expected as many labels as images, received {len(inputs)} images and {len(labels)} labels"
            )
        return Step(inputs, self.loss.targets(labels, self.outputs), self._weights(labels, sample_weight))

    def _weights(self, labels: NDArray[Any], sample_weight: Any) -> Tensor | None:
        if sample_weight is not None:
            if self.class_weight is not None:
                raise SettingError("expected class_weight or sample_weight, received both; multiply them beforehand")
            weights = np.asarray(sample_weight, np.float32).reshape(-1)
            if len(weights) != len(labels):
                raise SettingError(f"expected a weight for each of {len(labels)} examples, received {len(weights)}")
            return torch.from_numpy(np.ascontiguousarray(weights))
        if self.class_weight is None:
            return None
        classes = labels.argmax(-1) if labels.ndim > 1 and labels.shape[-1] > 1 else labels.reshape(-1).round()
        table = {int(name): float(weight) for name, weight in self.class_weight.items()}
        return torch.tensor([table.get(int(one), 1.0) for one in classes], dtype=torch.float32)


class Arrays:
    """Batches of arrays in memory; the last one of an epoch may be smaller."""

    def __init__(self, examples: Step, batch_size: int, shuffle: bool) -> None:
        if batch_size < 1:
            raise SettingError(f"expected a batch_size of at least 1, received {batch_size}")
        self.examples, self.batch_size, self.shuffle = examples, batch_size, shuffle
        self.steps: int | None = math.ceil(len(examples.inputs) / batch_size)

    def epoch(self) -> Iterator[Step]:
        """Give all examples once, in a new order where they are to be shuffled."""
        inputs, targets, weights = self.examples
        count = len(inputs)
        for rows in (torch.randperm(count) if self.shuffle else torch.arange(count)).split(self.batch_size):
            yield Step(
                as_inputs(inputs.index_select(0, rows)),
                None if targets is None else targets.index_select(0, rows),
                None if weights is None else weights.index_select(0, rows),
            )


class Stream:
    """Batches that the user's own object makes: a Keras `Sequence` (by number, in a new order where they are to be
    shuffled), else anything that can be iterated over, each time from the start, or a generator, which is used up once.
    """

    def __init__(self, source: Any, reader: Reader, shuffle: bool) -> None:
        self.source, self.reader = source, reader
        self.by_number = hasattr(source, "__getitem__") and hasattr(source, "__len__")
        self.shuffle = shuffle and self.by_number
        self.steps: int | None = len(source) if hasattr(source, "__len__") else None

    def epoch(self) -> Iterator[Step]:
        """Give the source's batches, and tell it where the epoch begins and ends."""
        _tell(self.source, "on_epoch_begin")
        for given in self._given():
            parts = given if isinstance(given, (tuple, list)) else (given,)
            examples = self.reader.examples(*parts[:3])
            yield examples._replace(inputs=as_inputs(examples.inputs))
        _tell(self.source, "on_epoch_end")

    def _given(self) -> Iterator[Any]:
        if not self.by_number:
            yield from self.source
            return
        count = len(self.source)
        order = torch.randperm(count).tolist() if self.shuffle else range(count)
        for number in order:
            yield self.source[number]


class Metered:
    """So many steps an epoch of another feed, the next epoch going on where this one stopped; a feed of known length
    begins anew once it is used up, and a shorter one ends the epoch early, with a warning.
    """

    def __init__(self, feed: Feed, steps: int) -> None:
        self.feed = feed
        self.steps: int | None = steps
        self._running: Iterator[Step] | None = None
        self._seen = 0

    def epoch(self) -> Iterator[Step]:
        """Give the next `steps` batches."""
        for number in range(self.steps or 0):
            if self._running is None:
                self._running, self._seen = self.feed.epoch(), 0
            step = next(self._running, None)
            if step is None:
                warnings.warn(f"the data ended after {number} of an epoch's {self.steps} steps", stacklevel=2)
                self._running = None
                return
            self._seen += 1
            yield step
        if self.feed.steps is not None and self._seen >= self.feed.steps:
            self._running = None


def feed_of(
    reader: Reader,
    x: Any,
    y: Any = None,
    sample_weight: Any = None,
    *,
    batch_size: int | None = None,
    shuffle: bool = False,
    steps: int | None = None,
    usual: int = 32,
) -> Feed:
    """Return the feed for what `fit`, `evaluate` and `predict` are given.

    Raises ValueError where shapes or lengths disagree, or where a generator comes with labels beside it.
    """
    feed: Feed
    if is_stream(x):
        if y is not None or sample_weight is not None:
            raise SettingError("expected labels and weights inside what the generator gives, received them beside it")
        feed = Stream(x, reader, shuffle)
    else:
        examples = reader.examples(x, y, sample_weight)
        if batch_size is None:
            batch_size = max(1, math.ceil(len(examples.inputs) / steps)) if steps else usual
        feed = Arrays(examples, batch_size, shuffle)
    return Metered(feed, steps) if steps else feed


def is_stream(x: Any) -> bool:
    """Whether batches come from the user's own object rather than from an array."""
    if isinstance(x, (list, tuple)) or hasattr(x, "__array__"):
        return False
    return hasattr(x, "__iter__") or (hasattr(x, "__getitem__") and hasattr(x, "__len__"))


def as_inputs(batch: Tensor) -> Tensor:
    """Return a batch as the network takes it; N×H×W×C is channels-last in memory already."""
    batch = batch.float()
    return batch.movedim(-1, 1) if batch.dim() > 2 else batch


def _tell(source: Any, moment: str) -> None:
    if callable(getattr(source, moment, None)):
        getattr(source, moment)()
