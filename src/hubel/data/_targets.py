"""What is wanted of the images of a set, whatever the task: an abstract kind, and labels."""

from __future__ import annotations

import abc
import hashlib
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias

import numpy as np
import numpy.typing as npt

from hubel.base.errors import DataError
from hubel.data.feed.order import Order, Streams

if TYPE_CHECKING:
    import torch
    from typing_extensions import Self

    from hubel.data.feed.moves import Moves


class Targets(abc.ABC):
    """What a network should say of each image of a set.

    task: the name of the task of saying it. moves: whether they move with their image under augmentation. varied:
    whether they stay true of images that are changed as the rule of augmentation changes them. noun: what one of the
    classes is called, and many. stratum: what equal shares of are held out (see `strata`). apart: whether
    examples may be held out one by one, since none goes on where another ends. looked_up: whether examples are not
    shades, but whole numbers of things to look up.
    classes: the names of what is told apart, in order; none where nothing is.
    """

    task: ClassVar[str]
    moves: ClassVar[bool] = False
    varied: ClassVar[bool] = True
    noun: ClassVar[tuple[str, str]] = ("class", "classes")
    stratum: ClassVar[str] = "a class"
    apart: ClassVar[bool] = True
    looked_up: ClassVar[bool] = False
    classes: tuple[str, ...]

    @property
    @abc.abstractmethod
    def array(self) -> npt.NDArray[Any]:
        """All of them, one an image along the first axis; not to be written to."""

    @abc.abstractmethod
    def take(self, indices: npt.NDArray[np.int64]) -> Self:
        """Those at these positions, copied."""

    def renamed(self, classes: tuple[str, ...]) -> Self:
        """The same with other names of classes. Raises ValueError where there is another number of them."""
        if len(classes) != len(self.classes):
            raise DataError(f"expected {len(self.classes)} names of classes, received {len(classes)}")
        found: Self = replace(self, classes=classes)  # type: ignore[type-var]
        return found

    def aligned(self, classes: Sequence[str]) -> tuple[Self, tuple[str, ...]]:
        """The same in these classes, in their order, and what is to be said of it; by default as they are. Raises
        DataError where none of them is there.
        """
        return self, ()

    @abc.abstractmethod
    def check(self, images: tuple[int, ...]) -> None:
        """Raise ValueError where they do not fit images of this shape, N×H×W×C."""

    def check_training(self) -> None:
        """Raise DataError where nothing can be learned from them."""

    def check_measured(self) -> None:
        """Raise DataError where a model cannot be measured on so few."""

    def order(self, seed: int, size: int) -> Order | Streams:
        """In which order training sees them, in batches of `size`: shuffled anew in every epoch."""
        return Order(seed, len(self))

    def class_counts(self) -> npt.NDArray[np.int64]:
        """How often each class is wanted; nothing where there are none."""
        return np.zeros(0, np.int64)

    def told(self) -> tuple[str, ...]:
        """What is to be said of them, in sentences."""
        return ()

    def strata(self) -> tuple[npt.NDArray[np.int64], tuple[str, ...]]:
        """Groups of images of which equal shares are held out: each image's, int64, and their names; one of all."""
        return np.zeros(len(self), np.int64), ("the set",)

    def tensor(self) -> torch.Tensor:
        """All of them as a tensor on the processor that shares this memory."""
        import torch

        with warnings.catch_warnings():  # torch warns that the arrays are read-only; nothing writes to them
            warnings.filterwarnings("ignore", message=".*not writable", category=UserWarning)
            return torch.from_numpy(self.array)

    def moved(self, targets: torch.Tensor, moves: Moves) -> torch.Tensor:
        """A batch of them, moved as its images are: `moves` moves planes, points, boxes and pictures."""
        return targets

    def around(self, targets: torch.Tensor) -> torch.Tensor | None:
        """Where in a batch's images something lies that windows may be laid around: B×M×2 (x, y), shares of the width
        and height, NaN for nothing; by default nowhere.
        """
        return None

    def drawn(self, image: npt.NDArray[np.uint8], target: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
        """An image (uint8 H×W×C) with one of them drawn on it, uint8 H×W×3; by default as it is."""
        return image

    def empty(self) -> npt.NDArray[np.bool_]:
        """Which images have nothing of what is wanted on them; by default none is so."""
        return np.zeros(len(self), bool)

    def caption(self, target: npt.NDArray[Any]) -> str:
        """One of them in a word, for the margin of a sheet; nothing where it is drawn."""
        return ""

    def digest(self) -> str:
        """A SHA-256 of them all."""
        return hashlib.sha256(np.ascontiguousarray(self.array).data).hexdigest()

    def __len__(self) -> int:
        return len(self.array)


TargetsOf: TypeAlias = Callable[[npt.NDArray[np.int64], tuple[str, ...]], Targets]
"""What labels and the names of their classes come to."""


@dataclass(frozen=True, eq=False)
class Labels(Targets):
    """One class for each image. values: int64, N, each an index into `classes`."""

    values: npt.NDArray[np.int64]
    classes: tuple[str, ...]
    task: ClassVar[str] = "classification"

    @property
    def array(self) -> npt.NDArray[np.int64]:
        """The labels."""
        return self.values

    def take(self, indices: npt.NDArray[np.int64]) -> Labels:
        """Those at these positions, copied."""
        return replace(self, values=self.values[indices])

    def check(self, images: tuple[int, ...]) -> None:
        """Raise ValueError where there is not one label an image, or one names no class."""
        labels, classes = self.values, self.classes
        if labels.shape != images[:1] or labels.dtype != np.int64:
            raise DataError(
                f"expected {images[0]} labels as int64, one an image, received {labels.dtype} of shape {labels.shape}"
            )
        if len(labels) and not 0 <= int(labels.min()) <= int(labels.max()) < len(classes):
            raise DataError(
                f"expected labels from 0 to {len(classes) - 1} ({len(classes)} classes), received {labels.min()} to "
                f"{labels.max()}"
            )

    def caption(self, target: npt.NDArray[Any]) -> str:
        """The class."""
        return self.classes[int(target)]

    def check_training(self) -> None:
        """Refuse images of one class alone, of which nothing can be told apart."""
        there = np.unique(self.values)
        if len(self.classes) == 1 or len(there) == 1:
            alone = self.classes[int(there[0])] if len(there) else self.classes[0]
            raise DataError(
                f"expected images of at least two classes, received {len(self):,} of {alone!r} alone; each class has a "
                "folder or a label of its own"
            )

    def strata(self) -> tuple[npt.NDArray[np.int64], tuple[str, ...]]:
        """The classes."""
        return self.values, self.classes

    def class_counts(self) -> npt.NDArray[np.int64]:
        """How many images each class has."""
        return np.bincount(self.values, minlength=len(self.classes))
