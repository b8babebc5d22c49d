"""Where batches come from: arrays, a Keras `Sequence`, a generator, a DataLoader."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hubel.arch import Shape, shape_text
from hubel.base.errors import SettingError
from hubel.base.names import listing
from hubel.data.prepare.arrays import as_array
from hubel.model.losses import Loss
from hubel.model.networks.outputs import in_order


@dataclass(frozen=True, eq=False)
class Step:
    """One batch. inputs: one or several, float32 N×C×H×W (channels-last in memory), N×C×T or N×features; targets and
    weights (float32, N) of each output, None where there are none.
    """

    inputs: tuple[Tensor, ...]
    targets: tuple[Tensor | None, ...] = (None,)
    weights: tuple[Tensor | None, ...] = (None,)

    def __len__(self) -> int:
        """How many examples."""
        return len(self.inputs[0])

    def take(self, rows: Tensor) -> Step:
        """Return these examples."""
        inputs, *others = (
            tuple(None if each is None else each.index_select(0, rows) for each in part)
            for part in (self.inputs, self.targets, self.weights)
        )
        return Step(inputs, *others)  # type: ignore[arg-type]

    def ready(self) -> Step:
        """Return it with inputs as networks take them."""
        return Step(tuple(as_inputs(each) for each in self.inputs), self.targets, self.weights)


class Feed(Protocol):
    """A source of batches. `steps`: how many an epoch has, None where that shows only at its end."""

    steps: int | None

    def epoch(self) -> Iterator[Step]:
        """Give the batches of the next epoch."""


class Reader:
    """Makes tensors of what the user gives, for one network and loss; without `labelled` labels are left aside.

    inputs: the shape of each input by its name, None along an axis that may have any length, None altogether where any
    will do. outputs: the shapes of the network's outputs. losses: that of each output, by its name.
    classes: names of classes, in order, where labels are words. seen: is given the first inputs, once.
    """

    def __init__(
        self,
        inputs: Mapping[str, tuple[int | None, ...] | None],
        outputs: Callable[[tuple[Shape, ...]], Sequence[Shape]],
        losses: Mapping[str, Loss | None],
        class_weight: Mapping[Any, float] | None = None,
        labelled: bool = True,
        classes: Sequence[str] | None = None,
        seen: Callable[[NDArray[Any]], None] | None = None,
    ) -> None:
        self.shapes, self.outputs, self.losses, self.class_weight = inputs, outputs, losses, class_weight
        self.labelled, self.classes, self.seen = labelled, classes, seen
        if class_weight is not None and len(losses) > 1:
            raise SettingError(
                f"expected class_weight for one output, received it for {len(losses)}; sample_weight may be a "
                "list, or a dict by name"
            )

    def inputs(self, x: Any) -> tuple[Tensor, ...]:
        """Return N×H×W×C, N×T×C or N×features of each input, as they are. Raises ValueError where the network takes
        another shape, and for numbers that are none, with their place.
        """
        if len(self.shapes) == 1:
            return (self._input(self._alone(x), "x", next(iter(self.shapes.values()))),)
        given = in_order(x, list(self.shapes), "inputs")
        found = tuple(
            self._input(each, f"x[{name!r}]", shape)
            for each, (name, shape) in zip(given, self.shapes.items(), strict=True)
        )
        if len({len(each) for each in found}) > 1:
            raise SettingError(f"expected as many examples in each input, received {_counts(self.shapes, found)}")
        return found

    def _alone(self, x: Any) -> Any:
        """Return the one array of a dict or list of one."""
        if isinstance(x, dict) and len(x) == 1:
            return next(iter(x.values()))
        shape = next(iter(self.shapes.values()))
        holds = isinstance(x, (list, tuple)) and len(x) == 1 and shape and getattr(x[0], "ndim", 0) == len(shape) + 1
        return x[0] if holds else x

    def _input(self, x: Any, what: str, shape: tuple[int | None, ...] | None) -> Tensor:
        array = as_array(x, what)
        if shape is not None:
            array = fitting(array, shape, what)
        with np.errstate(over="ignore"):  # what float32 cannot hold is found to be infinite
            array = np.ascontiguousarray(array, None if array.dtype == np.uint8 else np.float32)
        check_finite(array, what)
        if self.seen is not None:
            self.seen(array)
            self.seen = None
        return torch.from_numpy(array)

    def examples(self, x: Any, y: Any = None, sample_weight: Any = None) -> Step:
        """Return inputs, targets and weights, equally many of each."""
        inputs = self.inputs(x)
        none = (None,) * len(self.losses)
        if not self.labelled or (y is None and not any(self.losses.values())):
            return Step(inputs, none, none)
        if y is None:
            raise SettingError("expected labels beside the images, received none")
        outputs = self.outputs(tuple(tuple(each.shape[1:]) for each in inputs))
        several = len(self.losses) > 1
        given = in_order(y, list(self.losses), "labels") if several else [y]
        weights = self._weights_given(sample_weight)
        targets, weighed = [], []
        for (name, loss), labels, own, shape in zip(self.losses.items(), given, weights, outputs, strict=True):
            found = self.labels(labels, f"y[{name!r}]" if several else "y")
            if len(inputs[0]) != len(found):
                raise SettingError(
                    f"expected as many labels as images, received {len(inputs[0])} images and {len(found)} labels"
                    + (f" of {name}" if several else "")
                )
            if loss is not None:
                loss.check(found, shape)
            whole = found.dtype.kind in "iu"
            targets.append(torch.from_numpy(np.ascontiguousarray(found, np.int64 if whole else np.float32)))
            weighed.append(self._weights(found, own))
        return Step(inputs, tuple(targets), tuple(weighed))

    def _weights_given(self, sample_weight: Any) -> list[Any]:
        """Return the weights for each output: one array counts for all."""
        if len(self.losses) > 1 and isinstance(sample_weight, (dict, list, tuple)):
            return in_order(sample_weight, list(self.losses), "sample_weight")
        return [sample_weight] * len(self.losses)

    def labels(self, y: Any, what: str = "y") -> NDArray[Any]:
        """Return labels as numbers: words become the places of their classes. Raises ValueError for words that are
        none of them, for NaN, and for what is no array.
        """
        if isinstance(y, dict) and len(y) == 1:
            y = next(iter(y.values()))
        array = as_array(y, what, words=True)
        _check_given(array)
        if array.dtype.kind in "UO":
            array = self._numbers_of(array)
        check_finite(array, what)
        return array.astype(np.float32) if array.dtype.kind == "b" else array

    def _numbers_of(self, words: NDArray[Any]) -> NDArray[np.int64]:
        if self.classes is None:
            raise SettingError(
                f"expected labels as numbers, received words such as {str(words.flat[0])!r}; fit with arrays takes "
                "words, and remembers the classes"
            )
        place = {name: number for number, name in enumerate(self.classes)}
        flat = [str(word) for word in words.reshape(-1)]
        unknown = next((word for word in flat if word not in place), None)
        if unknown is not None:
            raise SettingError(f"expected labels of {listing(self.classes, 12)}, received {unknown!r}")
        return np.array([place[word] for word in flat], np.int64)

    def _weights(self, labels: NDArray[Any], sample_weight: Any) -> Tensor | None:
        if sample_weight is not None:
            if self.class_weight is not None:
                raise SettingError("expected class_weight or sample_weight, received both; multiply them beforehand")
            weights = as_array(sample_weight, "sample_weight").astype(np.float32).reshape(-1)
            if len(weights) != len(labels):
                raise SettingError(f"expected a weight for each of {len(labels)} examples, received {len(weights)}")
            check_finite(weights, "sample_weight")
            return torch.from_numpy(np.ascontiguousarray(weights))
        if self.class_weight is None:
            return None
        classes = labels.argmax(-1) if labels.ndim > 1 and labels.shape[-1] > 1 else labels.reshape(-1).round()
        place = {name: number for number, name in enumerate(self.classes or ())}
        table = {int(place.get(name, name)): float(weight) for name, weight in self.class_weight.items()}
        return torch.tensor([table.get(int(one), 1.0) for one in classes], dtype=torch.float32)


def _counts(names: Iterable[str], arrays: Iterable[Tensor]) -> str:
    return ", ".join(f"{len(array)} of {name}" for name, array in zip(names, arrays, strict=True))


def fitting(array: NDArray[Any], shape: tuple[int | None, ...], what: str = "x") -> NDArray[Any]:
    """Return an array of this shape, a missing last axis of one put there."""
    if len(array.shape) == len(shape) and array.shape[1:] == shape[:-1] and shape[-1] == 1:
        array = array[..., None]
    fits = len(array.shape) == len(shape) + 1
    if not fits or any(own not in (None, got) for own, got in zip(shape, array.shape[1:], strict=True)):
        wanted = "×".join("any" if axis is None else str(axis) for axis in shape)
        raise SettingError(
            f"expected {'inputs' if what == 'x' else what} of N×{wanted}, received {shape_text(array.shape)}; reshape "
            f"them, or write the network for input_shape={array.shape[1:]}"
        )
    return array


def _check_given(labels: NDArray[Any]) -> None:
    """Raise ValueError where an example has no label."""
    flat = labels.reshape(-1) if labels.dtype.kind == "O" else ()
    missing = next((place for place, value in enumerate(flat) if value is None or value != value), None)
    if missing is not None:
        raise SettingError(f"expected a label for every example, received {flat[missing]} at {missing}")


def check_finite(array: NDArray[Any], what: str) -> None:
    """Raise ValueError where numbers are NaN or infinite, with how many and where the first is."""
    if array.dtype.kind != "f" or not array.size:
        return
    with np.errstate(over="ignore", invalid="ignore"):
        if np.isfinite(array.sum(dtype=np.float64)):
            return
    wrong = ~np.isfinite(array)
    if not wrong.any():
        return
    place = tuple(int(axis) for axis in np.argwhere(wrong)[0])
    word = "NaN" if np.isnan(array[place]) else "infinite"
    examples = int(wrong.reshape(len(array), -1).any(1).sum())
    raise SettingError(
        f"expected finite numbers in {what}, received {int(wrong.sum()):,} that are not, in {examples:,} of "
        f"{len(array):,} examples: {what}[{', '.join(map(str, place))}] is {word}; numpy.nan_to_num, or leaving these "
        "examples out, helps"
    )


class Arrays:
    """Batches of arrays in memory; the last one of an epoch may be smaller."""

    def __init__(self, examples: Step, batch_size: int, shuffle: bool) -> None:
        if batch_size < 1:
            raise SettingError(f"expected a batch_size of at least 1, received {batch_size}")
        self.examples, self.batch_size, self.shuffle = examples, batch_size, shuffle
        self.steps: int | None = math.ceil(len(examples) / batch_size)

    def epoch(self) -> Iterator[Step]:
        """Give all examples once, in a new order where they are to be shuffled."""
        count = len(self.examples)
        for rows in (torch.randperm(count) if self.shuffle else torch.arange(count)).split(self.batch_size):
            yield self.examples.take(rows).ready()


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
            yield self.reader.examples(*parts[:3]).ready()
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
            batch_size = max(1, math.ceil(len(examples) / steps)) if steps else usual
        feed = Arrays(examples, batch_size, shuffle)
    return Metered(feed, steps) if steps else feed


def is_stream(x: Any) -> bool:
    """Whether batches come from the user's own object rather than from an array."""
    if isinstance(x, (list, tuple, dict, memoryview)) or hasattr(x, "__array__"):
        return False
    return hasattr(x, "__iter__") or (hasattr(x, "__getitem__") and hasattr(x, "__len__"))


def as_inputs(batch: Tensor) -> Tensor:
    """Return a batch as the network takes it; N×H×W×C is channels-last in memory already."""
    batch = batch.float()
    return batch.movedim(-1, 1) if batch.dim() > 2 else batch


def _tell(source: Any, moment: str) -> None:
    if callable(getattr(source, moment, None)):
        getattr(source, moment)()
