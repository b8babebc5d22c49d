"""The losses by Keras's names. Each gives a number an example; their mean over the batch is what training lowers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from hubel.base.errors import SettingError

__all__ = [
    "BinaryCrossentropy",
    "CategoricalCrossentropy",
    "Loss",
    "MeanAbsoluteError",
    "MeanSquaredError",
    "SparseCategoricalCrossentropy",
    "get",
]

LEAST_PROBABILITY = 1e-7  # Keras's epsilon: logarithms are taken of nothing smaller


@dataclass(frozen=True)
class Loss:
    """What training lowers."""

    name: ClassVar[str] = ""
    takes_logits: ClassVar[bool] = False

    def targets(self, y: NDArray[Any], outputs: int) -> Tensor:
        """Return labels as the loss wants them, for a network of so many outputs. Raises ValueError for wrong ones."""
        return torch.from_numpy(np.ascontiguousarray(y, np.float32))

    def each(self, outputs: Tensor, targets: Tensor, logits: bool) -> Tensor:
        """Return the loss of each example, N; `logits` says that a closing softmax was left out."""
        raise NotImplementedError


@dataclass(frozen=True)
class CategoricalCrossentropy(Loss):
    """Cross-entropy of one-hot rows, of rows of probabilities, or of whole numbers; nats.

    from_logits: the network has no closing softmax. label_smoothing: the share of a target spread over all classes.
    """

    name: ClassVar[str] = "categorical_crossentropy"
    takes_logits: ClassVar[bool] = True
    from_logits: bool = False
    label_smoothing: float = 0.0

    def targets(self, y: NDArray[Any], outputs: int) -> Tensor:
        """Return whole numbers, N, or probabilities, N×classes, where rows are not one-hot."""
        if y.ndim == 2 and y.shape[1] not in (1, outputs):
            raise SettingError(f"expected one-hot labels of {outputs} classes, received {y.shape[1]} columns")
        if y.ndim == 2 and y.shape[1] > 1:
            labels = y.argmax(1)
            if not ((y[np.arange(len(y)), labels] == 1).all() and np.count_nonzero(y) == len(y)):
                return torch.from_numpy(np.ascontiguousarray(y, np.float32))
        else:
            labels = y.reshape(-1)
        if len(labels) and not 0 <= labels.min() <= labels.max() < outputs:
            raise SettingError(f"expected labels from 0 to {outputs - 1}, received {labels.min()} to {labels.max()}")
        return torch.from_numpy(labels.astype(np.int64))

    def each(self, outputs: Tensor, targets: Tensor, logits: bool) -> Tensor:
        """Return -log of the right class's probability."""
        smoothing = self.label_smoothing
        if logits or self.from_logits:
            return functional.cross_entropy(outputs, targets, reduction="none", label_smoothing=smoothing)
        # Keras takes what comes out for probabilities, and brings each row to a sum of 1
        shares = outputs / outputs.sum(1, keepdim=True)
        logarithms = shares.clamp(LEAST_PROBABILITY, 1 - LEAST_PROBABILITY).log()
        rows = targets if targets.is_floating_point() else functional.one_hot(targets, outputs.shape[1]).float()
        return -((rows * (1 - smoothing) + smoothing / outputs.shape[1]) * logarithms).sum(1)


@dataclass(frozen=True)
class SparseCategoricalCrossentropy(CategoricalCrossentropy):
    """The same; Keras has two names for two forms of labels, and here each takes both."""

    name: ClassVar[str] = "sparse_categorical_crossentropy"


@dataclass(frozen=True)
class BinaryCrossentropy(Loss):
    """Cross-entropy of yes and no (1 and 0), for outputs that end in a sigmoid; the mean over outputs, nats."""

    name: ClassVar[str] = "binary_crossentropy"
    from_logits: bool = False
    label_smoothing: float = 0.0

    def each(self, outputs: Tensor, targets: Tensor, logits: bool) -> Tensor:
        """Return the mean over an example's outputs."""
        wanted = shaped(targets, outputs) * (1 - self.label_smoothing) + self.label_smoothing / 2
        if self.from_logits:
            return _mean(functional.binary_cross_entropy_with_logits(outputs, wanted, reduction="none"))
        shares = outputs.clamp(LEAST_PROBABILITY, 1 - LEAST_PROBABILITY)
        return _mean(functional.binary_cross_entropy(shares, wanted, reduction="none"))


@dataclass(frozen=True)
class MeanSquaredError(Loss):
    """The mean square of the differences."""

    name: ClassVar[str] = "mean_squared_error"

    def each(self, outputs: Tensor, targets: Tensor, logits: bool) -> Tensor:
        """Return the mean over an example's outputs."""
        return _mean((outputs - shaped(targets, outputs)) ** 2)


@dataclass(frozen=True)
class MeanAbsoluteError(Loss):
    """The mean size of the differences."""

    name: ClassVar[str] = "mean_absolute_error"

    def each(self, outputs: Tensor, targets: Tensor, logits: bool) -> Tensor:
        """Return the mean over an example's outputs."""
        return _mean((outputs - shaped(targets, outputs)).abs())


NAMED: dict[str, type[Loss]] = {
    **{kind.name: kind for kind in (CategoricalCrossentropy, SparseCategoricalCrossentropy, BinaryCrossentropy)},
    **dict.fromkeys(("mse", "mean_squared_error"), MeanSquaredError),
    **dict.fromkeys(("mae", "mean_absolute_error"), MeanAbsoluteError),
}


def get(loss: str | Loss) -> Loss:
    """Return the loss of this name, or what was given. Raises ValueError for an unknown name."""
    if isinstance(loss, Loss):
        return loss
    if not isinstance(loss, str) or loss not in NAMED:
        raise SettingError(f"expected a loss of {', '.join(NAMED)}, received {loss!r}")
    return NAMED[loss]()


def shaped(targets: Tensor, outputs: Tensor) -> Tensor:
    """Return targets N×H×W×C or N×numbers in the form of a network's outputs, N×C×H×W or N×numbers."""
    if not targets.is_floating_point():
        return functional.one_hot(targets, outputs.shape[1]).float()
    return targets.movedim(-1, 1) if targets.dim() > 2 else targets.reshape(outputs.shape)


def _mean(each: Tensor) -> Tensor:
    return each.flatten(1).mean(1)
