"""Data sets as Keras gives them: `(x_train, y_train), (x_test, y_test) = mnist.load_data()`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from hubel.base.errors import SettingError
from hubel.data import Dataset, load

__all__ = ["cifar10", "cifar100", "fashion_mnist", "load_data", "mnist"]

Part: TypeAlias = tuple[NDArray[np.uint8], NDArray[np.int64]]


@dataclass(frozen=True)
class Named:
    """A data set by Keras's name: `mnist.load_data()`."""

    name: str

    def load_data(self) -> tuple[Part, Part]:
        """Return (x_train, y_train), (x_test, y_test): uint8 images (grey ones N×height×width), whole numbers."""
        return load_data(self.name)


mnist, fashion_mnist, cifar10, cifar100 = map(Named, ("mnist", "fashion-mnist", "cifar10", "cifar100"))


def load_data(name: str) -> tuple[Part, Part]:
    """Return (x_train, y_train), (x_test, y_test) of a data set as Keras does: grey images without the channel axis."""
    splits = load(name)
    parts = list(_arrays(splits.train, splits.test))
    return parts[0], parts[1]


def _arrays(*parts: Dataset | None) -> Iterator[Part]:
    for part in parts:
        if part is None:
            raise SettingError("expected a data set with a training and a test part, received one without")
        images = np.asarray(part.images)
        yield (images[..., 0] if images.shape[3] == 1 else images), np.asarray(part.labels)
