"""Examples that are made on the way: what Keras's programs take from `tf.data`, as arrays.

`image_dataset_from_directory` gives such a data set; `Dataset.from_tensor_slices` makes one of arrays. Whatever is
asked for (`map`, `batch`, `shuffle` …) gives another, and nothing happens before somebody goes over it.
"""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hubel.base.errors import DataError, SettingError
from hubel.base.names import listing
from hubel.data import Fit
from hubel.model.pictures import MODES, picture_of, pictures_in
from hubel.model.variables import Array

__all__ = ["AUTOTUNE", "Dataset", "image_dataset_from_directory"]

AUTOTUNE = -1


class Dataset:
    """Elements, one after the other, as often as one goes over them: arrays, or tuples and dicts of such.

    length: how many there are, None where nobody knows. class_names, file_paths, fit: of pictures in folders, how they
    were brought to their size ("stretch", "crop"); what is made of a data set has its class names and fit.
    """

    def __init__(self, start: Callable[[], Iterator[Any]], length: int | None = None) -> None:
        self._start, self._length = start, length
        self.class_names: list[str] | None = None
        self.file_paths: list[str] = []
        self.fit: Fit | None = None

    def __iter__(self) -> Iterator[Any]:
        return self._start()

    def __len__(self) -> int:
        if self._length is None:
            raise TypeError("nobody knows how long this data set is before its end")
        return self._length

    def __getattribute__(self, name: str) -> Any:
        if name == "__len__" and object.__getattribute__(self, "_length") is None:
            raise AttributeError(name)
        return object.__getattribute__(self, name)

    def cardinality(self) -> int:
        """Return how many elements there are; −2 where nobody knows."""
        return -2 if self._length is None else self._length

    @staticmethod
    def from_tensor_slices(tensors: Any) -> Dataset:
        """Return the rows of arrays, in the same tuples and dicts."""
        arrays = _mapped(_array, tensors)
        lengths = {len(each) for each in _flat(arrays)}
        if len(lengths) != 1:
            raise SettingError(f"expected arrays of one length, received {listing(sorted(lengths))}")
        count = lengths.pop()
        return Dataset(lambda: (_row(arrays, row) for row in range(count)), count)

    @staticmethod
    def from_generator(generator: Callable[[], Iterable[Any]], *_: Any, **__: Any) -> Dataset:
        """Return what a function's generator gives, called anew each time."""
        return Dataset(lambda: (_mapped(_array, each) for each in generator()))

    @staticmethod
    def range(*ends: int) -> Dataset:
        """Return whole numbers, as Python's range."""
        return Dataset(lambda: (_array(each) for each in range(*ends)), len(range(*ends)))

    @staticmethod
    def zip(*datasets: Any) -> Dataset:
        """Return the elements of several data sets side by side."""
        parts = datasets[0] if len(datasets) == 1 and isinstance(datasets[0], tuple) else datasets
        parts = tuple(Dataset.zip(*each) if isinstance(each, tuple) else each for each in parts)
        lengths = [each._length for each in parts]
        known = [length for length in lengths if length is not None]
        return Dataset(lambda: zip(*parts, strict=False), min(known) if len(known) == len(lengths) else None)

    def map(self, function: Callable[..., Any], num_parallel_calls: int | None = None, **_: Any) -> Dataset:
        """Return what a function makes of each element; the parts of a tuple are its arguments."""

        def made() -> Iterator[Any]:
            for element in self:
                with torch.no_grad():
                    found = function(*element) if isinstance(element, tuple) else function(element)
                yield _mapped(_array, found)

        return self._like(made, self._length)

    def batch(self, batch_size: int, drop_remainder: bool = False, **_: Any) -> Dataset:
        """Return so many elements at once, stacked; the last batch may be smaller."""
        if batch_size < 1:
            raise SettingError(f"expected a batch_size of at least 1, received {batch_size}")

        def made() -> Iterator[Any]:
            running = iter(self)
            while rows := list(itertools.islice(running, batch_size)):
                if len(rows) == batch_size or not drop_remainder:
                    yield _stacked(rows)

        count = self._length
        return self._like(
            made, None if count is None else count // batch_size if drop_remainder else math.ceil(count / batch_size)
        )

    def unbatch(self) -> Dataset:
        """Return the rows of batches one by one."""

        def made() -> Iterator[Any]:
            for element in self:
                for row in range(len(_flat(element)[0])):
                    yield _row(element, row)

        return self._like(made, None)

    def shuffle(
        self, buffer_size: int, seed: int | None = None, reshuffle_each_iteration: bool = True, **_: Any
    ) -> Dataset:
        """Return the elements in a new order each time: each is drawn from `buffer_size` that are at hand."""
        turns = itertools.count()

        def made() -> Iterator[Any]:
            turn = next(turns) if reshuffle_each_iteration else 0
            draw = random.Random(int(torch.randint(2**31, ())) if seed is None else f"{seed} {turn}")
            held: list[Any] = []
            for element in self:
                held.append(element)
                if len(held) >= max(1, buffer_size):
                    yield held.pop(draw.randrange(len(held)))
            draw.shuffle(held)
            yield from held

        return self._like(made, self._length)

    def cache(self, filename: str = "") -> Dataset:
        """Keep the elements in memory once all have been seen."""
        kept: list[Any] = []
        whole: list[bool] = []

        def made() -> Iterator[Any]:
            if whole:
                yield from kept
                return
            seen = []
            for element in self:
                seen.append(element)
                yield element
            kept[:] = seen
            whole.append(True)

        return self._like(made, self._length)

    def prefetch(self, buffer_size: int = AUTOTUNE, **_: Any) -> Dataset:
        """Return the same: elements are made as they are asked for."""
        return self

    def take(self, count: int) -> Dataset:
        """Return the first so many."""
        if count < 0:
            return self
        return self._like(
            lambda: itertools.islice(iter(self), count), None if self._length is None else min(count, self._length)
        )

    def skip(self, count: int) -> Dataset:
        """Return all but the first so many."""
        left = None if self._length is None else max(0, self._length - count)
        return self._like(lambda: itertools.islice(iter(self), count, None), left)

    def repeat(self, count: int | None = None) -> Dataset:
        """Return the elements again and again: so often, or without end."""

        def made() -> Iterator[Any]:
            for _ in itertools.count() if count is None or count < 0 else range(count):
                empty = True
                for element in self:
                    empty = False
                    yield element
                if empty:
                    return

        known = None if count is None or count < 0 or self._length is None else count * self._length
        return self._like(made, known)

    def filter(self, predicate: Callable[..., Any]) -> Dataset:
        """Return the elements for which a function says yes."""

        def made() -> Iterator[Any]:
            for element in self:
                if bool(predicate(*element) if isinstance(element, tuple) else predicate(element)):
                    yield element

        return self._like(made, None)

    def concatenate(self, dataset: Dataset) -> Dataset:
        """Return these elements, then another's."""
        lengths = self._length, dataset._length
        return self._like(
            lambda: itertools.chain(self, dataset),
            None if None in lengths else sum(lengths),  # type: ignore[arg-type]
        )

    def enumerate(self, start: int = 0) -> Dataset:
        """Return pairs of a number and an element."""
        return self._like(lambda: ((_array(n), each) for n, each in enumerate(self, start)), self._length)

    def as_numpy_iterator(self) -> Iterator[Any]:
        """Go over the elements as arrays."""
        return (_mapped(np.asarray, element) for element in self)

    def with_options(self, options: Any) -> Dataset:
        """Return the same."""
        return self

    def _like(self, start: Callable[[], Iterator[Any]], length: int | None) -> Dataset:
        found = Dataset(start, length)
        found.class_names, found.fit = self.class_names, self.fit
        return found


def _mapped(function: Callable[[Any], Any], element: Any) -> Any:
    if isinstance(element, (tuple, list)):
        return tuple(_mapped(function, each) for each in element)
    if isinstance(element, dict):
        return {name: _mapped(function, each) for name, each in element.items()}
    return function(element)


def _row(element: Any, row: int) -> Any:
    return _mapped(lambda array: array[row], element)


def _flat(element: Any) -> list[Any]:
    if isinstance(element, (tuple, list)):
        return [each for part in element for each in _flat(part)]
    return _flat(list(element.values())) if isinstance(element, dict) else [element]


def _array(value: Any) -> Any:
    """Return numbers as an array: real ones float32, as TensorFlow has them by default."""
    if isinstance(value, str):
        return value
    array = np.asarray(value.detach().cpu() if isinstance(value, Tensor) else value)
    if array.dtype == np.float64:
        array = array.astype(np.float32)
    return array.view(Array) if array.dtype.kind in "biuf" else array


def _stacked(rows: Sequence[Any]) -> Any:
    first = rows[0]
    if isinstance(first, tuple):
        return tuple(_stacked(parts) for parts in zip(*rows, strict=True))
    if isinstance(first, dict):
        return {name: _stacked([row[name] for row in rows]) for name in first}
    shapes = {tuple(getattr(row, "shape", ())) for row in rows}
    if len(shapes) > 1:
        raise SettingError(
            f"expected elements of one shape in a batch, received {listing(sorted(shapes), 4)}; resize them before "
            "batch: map(lambda x, y: (Resizing(height, width)(x), y))"
        )
    return np.stack(rows).view(Array) if isinstance(first, np.ndarray) else np.asarray(rows)


def image_dataset_from_directory(
    directory: str | Path,
    labels: Any = "inferred",
    label_mode: str | None = "int",
    class_names: Sequence[str] | None = None,
    color_mode: str = "rgb",
    batch_size: int | None = 32,
    image_size: tuple[int, int] = (256, 256),
    shuffle: bool = True,
    seed: int | None = None,
    validation_split: float | None = None,
    subset: str | None = None,
    interpolation: str = "bilinear",
    follow_links: bool = False,
    crop_to_aspect_ratio: bool = False,
    pad_to_aspect_ratio: bool = False,
    data_format: str | None = None,
    verbose: bool = True,
    **_: Any,
) -> Any:
    """Return the pictures of a folder, float32 N×height×width×channels from 0 to 255, with their labels, in batches.

    labels: "inferred" has a class for each folder, by their names; None has none; a list says them, in the order of
    the files' names. label_mode: "int", "categorical" (one-hot), "binary" (0 and 1 as N×1) or None. validation_split:
    the last share of the files, in the order that `seed` shuffles them into, is `subset` "validation", the rest
    "training"; "both" gives two data sets. `hubel.data.load` reads folders with far more care; this one reads as Keras.

    Raises DataError for a folder without pictures or with one that cannot be read, which is named.
    """
    root = Path(directory)
    if not root.is_dir():
        raise DataError(f"{root}: expected a folder, there is none")
    if label_mode not in ("int", "categorical", "binary", None):
        raise SettingError(f"expected label_mode of int, categorical, binary, None, received {label_mode!r}")
    if color_mode not in MODES or interpolation not in ("bilinear", "nearest", "bicubic") or pad_to_aspect_ratio:
        raise SettingError(
            f"expected color_mode of {', '.join(MODES)}, interpolation of bilinear, nearest, bicubic and no "
            f"pad_to_aspect_ratio, received {color_mode!r}, {interpolation!r} and {pad_to_aspect_ratio}"
        )
    if data_format not in (None, "channels_last"):
        raise SettingError(f"expected data_format='channels_last', received {data_format!r}")
    if (validation_split is None) != (subset is None) or subset not in (None, "training", "validation", "both"):
        raise SettingError(f"expected validation_split with subset training, validation or both, received {subset!r}")
    if validation_split is not None and not 0 < validation_split < 1:
        raise SettingError(f"expected validation_split between 0 and 1, received {validation_split}")
    if validation_split is not None and shuffle and seed is None:
        raise SettingError("expected a seed with validation_split, so that both parts are cut alike, received none")
    paths, numbers, names = pictures_in(root, labels, class_names, follow_links)
    if label_mode == "binary" and len(names) != 2:
        raise SettingError(f"expected two classes with label_mode='binary', received {len(names)}")
    if verbose:
        classes = f" belonging to {len(names)} classes" if labels is not None else ""
        print(f"Found {len(paths)} files{classes}.")
    order = np.arange(len(paths))
    if shuffle:
        np.random.RandomState(int(np.random.randint(1_000_000)) if seed is None else seed).shuffle(order)
    held = int((validation_split or 0) * len(paths))
    parts = {"training": order[: len(order) - held], "validation": order[len(order) - held :], None: order}
    if verbose and subset is not None:
        told = ["training", "validation"] if subset == "both" else [subset]
        print(" and ".join(f"{len(parts[part]):,} for {part}" for part in told))

    def made(rows: NDArray[np.int64]) -> Dataset:
        def read(row: int) -> Any:
            picture = picture_of(paths[row], color_mode, image_size, interpolation, crop_to_aspect_ratio)
            if labels is None or label_mode is None:
                return picture
            return picture, _label(numbers[row], label_mode, len(names))

        found = Dataset.from_tensor_slices(rows)
        if shuffle:
            found = found.shuffle(len(rows), seed)
        found = found.map(lambda row: read(int(row)))
        found = found if batch_size is None else found.batch(batch_size)
        found.class_names, found.file_paths = names or None, [str(paths[row]) for row in rows]
        found.fit = "crop" if crop_to_aspect_ratio else "stretch"
        return found

    return (made(parts["training"]), made(parts["validation"])) if subset == "both" else made(parts[subset])


def _label(number: int, mode: str, classes: int) -> Tensor:
    if mode == "categorical":
        return torch.nn.functional.one_hot(torch.tensor(number), classes).float()
    return torch.tensor([float(number)]) if mode == "binary" else torch.tensor(number)


class experimental:  # noqa: N801 (TensorFlow's name)
    """What stands in `tf.data.experimental`."""

    AUTOTUNE = AUTOTUNE

    @staticmethod
    def Counter(start: int = 0, step: int = 1) -> Dataset:  # noqa: N802
        """Return whole numbers without end."""
        return Dataset(lambda: (_array(number) for number in itertools.count(start, step)))

    @staticmethod
    def cardinality(dataset: Dataset) -> int:
        """Return how many elements there are; −2 where nobody knows."""
        return dataset.cardinality()
