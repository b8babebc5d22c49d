"""The figures beside the loss, by Keras's names."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from hubel.model.losses import shaped

Metric = Callable[[Tensor, Tensor], Tensor]


def accuracy(outputs: Tensor, targets: Tensor) -> Tensor:
    """Return 1 for each right example: its likeliest class is the target's; of one output, its side of one half is."""
    if outputs.shape[1] == 1:
        return binary_accuracy(outputs, targets)
    wanted = shaped(targets, outputs).argmax(1) if targets.is_floating_point() else targets
    return (outputs.argmax(1) == wanted).float().reshape(len(outputs), -1).mean(1)


def binary_accuracy(outputs: Tensor, targets: Tensor) -> Tensor:
    """Return the share of an example's outputs that are on the right side of one half."""
    return ((outputs > 0.5) == (shaped(targets, outputs) > 0.5)).float().flatten(1).mean(1)


def mean_squared_error(outputs: Tensor, targets: Tensor) -> Tensor:
    """Return each example's mean square of differences."""
    return (outputs - shaped(targets, outputs)).square().flatten(1).mean(1)


def mean_absolute_error(outputs: Tensor, targets: Tensor) -> Tensor:
    """Return each example's mean size of differences."""
    return (outputs - shaped(targets, outputs)).abs().flatten(1).mean(1)


METRICS: dict[str, Metric] = {
    **dict.fromkeys(("acc", "accuracy", "categorical_accuracy", "sparse_categorical_accuracy"), accuracy),
    "binary_accuracy": binary_accuracy,
    **dict.fromkeys(("mse", "mean_squared_error"), mean_squared_error),
    **dict.fromkeys(("mae", "mean_absolute_error"), mean_absolute_error),
}
OF_CLASSES = (accuracy,)  # which need not know whether a closing softmax was left out
