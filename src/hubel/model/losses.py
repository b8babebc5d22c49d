"""The losses by Keras's names. Each gives a number an example; their mean over the batch is what training lowers.

y_true and y_pred are PyTorch's tensors, the batch first and the channels last.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, ClassVar, cast

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from hubel.arch import shape_text
from hubel.base.errors import SettingError
from hubel.base.names import did_you_mean
from hubel.model.loss_functions import (
    LEAST_PROBABILITY,
    binary_crossentropy,
    binary_focal_crossentropy,
    categorical_crossentropy,
    categorical_focal_crossentropy,
    categorical_hinge,
    cosine_similarity,
    hinge,
    huber,
    kl_divergence,
    log_cosh,
    mean_absolute_error,
    mean_absolute_percentage_error,
    mean_squared_error,
    mean_squared_logarithmic_error,
    poisson,
    squared_hinge,
    tensor_of,
)
from hubel.model.loss_functions import sparse_categorical_crossentropy as sparse_categorical_crossentropy
from hubel.model.training.named import made

REDUCTIONS = ("sum_over_batch_size", "sum", "mean", "mean_with_sample_weight", "none", None)


class Loss:
    """What training lowers. One of your own has `call(y_true, y_pred)`, which gives a number an example.

    reduction: "sum_over_batch_size" (the mean, as in Keras), "sum", or None for the numbers themselves.
    """

    takes_logits: ClassVar[bool] = False
    from_logits: Any = False

    def __init__(
        self, name: str | None = None, reduction: str | None = "sum_over_batch_size", dtype: Any = None
    ) -> None:
        if reduction not in REDUCTIONS:
            raise SettingError(f"expected reduction of {', '.join(map(str, REDUCTIONS))}, received {reduction!r}")
        self.name, self.reduction = name or type(self).__name__, reduction

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """Return the loss of each example."""
        raise NotImplementedError(f"{type(self).__name__} has no call(y_true, y_pred)")

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Tensor:
        """Return the loss of a batch, weighted and reduced."""
        truth, found = tensor_of(y_true), tensor_of(y_pred)
        weights = None if sample_weight is None else tensor_of(sample_weight)
        return reduced(self.call(truth, found), weights, self.reduction)

    def check(self, y: NDArray[Any], outputs: tuple[int, ...]) -> None:
        """Raise ValueError where labels cannot be those of a network that gives numbers of this shape."""

    def on(self, y_true: Tensor, y_pred: Tensor, softmax_left: bool) -> Tensor:
        """Return the loss of each example; `softmax_left` says that y_pred stands before a closing softmax."""
        return self.call(y_true, y_pred)

    def get_config(self) -> dict[str, Any]:
        """Return the settings by name."""
        return dict(self.__dict__)


class FromFunction(Loss):
    """A function of y_true and y_pred, with its settings, as a loss."""

    def __init__(
        self, fn: Callable[..., Any], reduction: str | None = "sum_over_batch_size", name: str | None = None,
        dtype: Any = None, **settings: Any,
    ) -> None:  # fmt: skip
        super().__init__(name or str(getattr(fn, "__name__", "loss")), reduction)
        self.fn, self.settings = fn, settings

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """Call it."""
        found: Tensor = self.fn(y_true, y_pred, **self.settings)
        return found

    def get_config(self) -> dict[str, Any]:
        """Return settings, reduction and name."""
        return {**self.settings, "reduction": self.reduction, "name": self.name}


class _Alike(FromFunction):
    """One of the losses above, which compare truths with outputs number by number."""

    def check(self, y: NDArray[Any], outputs: tuple[int, ...]) -> None:
        """Raise ValueError where labels have neither a number for each output nor are whole numbers of classes."""
        rows = y.shape[1:]
        if not outputs or rows == outputs or math.prod(rows) == math.prod(outputs):
            return
        single = rows[:-1] if len(rows) == len(outputs) and rows[-1] == 1 else rows
        if single != outputs[:-1] or y.dtype.kind not in "iu":
            raise SettingError(
                f"expected labels of N×{shape_text(outputs)}, one number for each output, received "
                f"{shape_text(y.shape)} of {y.dtype}"
            )
        if y.size and not 0 <= y.min() <= y.max() < outputs[-1]:
            raise SettingError(f"expected labels from 0 to {outputs[-1] - 1}, received {y.min():g} to {y.max():g}")


def _loss(function: Callable[..., Tensor], name: str, doc: str = "", *order: str, **usual: Any) -> type[FromFunction]:
    """Return the class of a function: its settings with their defaults, which may be given by place."""

    def start(self: FromFunction, *args: Any, **given: Any) -> None:
        settings = {**usual, **dict(zip(order, args, strict=False)), **given}
        common = {key: settings.pop(key) for key in ("reduction", "name", "dtype") if key in settings}
        settings.pop("axis", None)
        for key in settings:
            if key not in usual:
                raise TypeError(f"{type(self).__name__} takes no argument {key!r}{did_you_mean(key, usual)}")
        own = {"name": function.__name__, **{k: v for k, v in common.items() if v is not None or k == "reduction"}}
        FromFunction.__init__(self, function, **own, **settings)

    body = {"__init__": start, "__doc__": doc or function.__doc__, "__module__": __name__}
    return type(name, (_Alike,), body)


class _Classes:
    """What losses of classes have in common: they take one-hot rows and whole numbers; logits are better for them."""

    takes_logits: ClassVar[bool] = True

    def check(self, y: NDArray[Any], outputs: tuple[int, ...]) -> None:
        """Raise ValueError for rows of another number of classes, and for labels out of range."""
        classes = outputs[-1]
        if y.ndim not in (len(outputs), len(outputs) + 1) or y.shape[1 : len(outputs)] != outputs[:-1]:
            raise SettingError(
                f"expected labels of N{''.join(f'×{axis}' for axis in outputs[:-1])}, or one-hot rows of "
                f"N×{shape_text(outputs)}, received {shape_text(y.shape)}"
            )
        if y.ndim == len(outputs) + 1 and y.shape[-1] not in (1, classes):
            raise SettingError(f"expected one-hot labels of {classes} classes, received {y.shape[-1]} columns")
        whole = y.ndim == len(outputs) or y.shape[-1] == 1
        if whole and y.size and not (0 <= y.min() <= y.max() < classes):
            raise SettingError(f"expected labels from 0 to {classes - 1}, received {y.min():g} to {y.max():g}")
        if whole and y.dtype.kind == "f" and not (y == np.round(y)).all():
            raise SettingError("expected labels as whole numbers or one-hot rows, received numbers between them")

    def on(self, y_true: Tensor, y_pred: Tensor, softmax_left: bool) -> Tensor:
        """Take the logits where a softmax was left out."""
        own: Any = self
        return categorical_crossentropy(
            y_true, y_pred, **{**own.settings, "from_logits": softmax_left or own.from_logits}
        )

    @property
    def from_logits(self) -> bool:
        """Whether outputs are no probabilities yet."""
        own: Any = self
        return bool(own.settings["from_logits"])


_LOGITS = {"from_logits": False, "label_smoothing": 0.0}


class CategoricalCrossentropy(_Classes, _loss(categorical_crossentropy, "_Crossentropy", "", *_LOGITS, **_LOGITS)):  # type: ignore[misc]
    """Cross-entropy of one-hot rows, of rows of probabilities, or of whole numbers; nats.

    from_logits: the network has no closing softmax. label_smoothing: the share of a target spread over all classes.
    """


class SparseCategoricalCrossentropy(CategoricalCrossentropy):
    """The same; Keras has two names for two forms of labels, and here each takes both."""

    def __init__(
        self, from_logits: bool = False, ignore_class: int | None = None, reduction: str | None = "sum_over_batch_size",
        axis: int = -1, name: str = "sparse_categorical_crossentropy", dtype: Any = None,
    ) -> None:  # fmt: skip
        if ignore_class is not None:
            raise SettingError(f"expected ignore_class=None, received {ignore_class}; give such examples a weight of 0")
        super().__init__(from_logits=from_logits, reduction=reduction, name=name)

    def get_config(self) -> dict[str, Any]:
        """Return the settings that Keras has here too."""
        return {name: value for name, value in super().get_config().items() if name != "label_smoothing"}


_FOCAL = {"alpha": 0.25, "gamma": 2.0, **_LOGITS}
BinaryCrossentropy = _loss(binary_crossentropy, "BinaryCrossentropy", "", *_LOGITS, **_LOGITS)
BinaryFocalCrossentropy = _loss(
    binary_focal_crossentropy, "BinaryFocalCrossentropy", "", apply_class_balancing=False, **_FOCAL
)
CategoricalFocalCrossentropy = _loss(categorical_focal_crossentropy, "CategoricalFocalCrossentropy", "", **_FOCAL)
MeanSquaredError = _loss(mean_squared_error, "MeanSquaredError")
MeanAbsoluteError = _loss(mean_absolute_error, "MeanAbsoluteError")
MeanAbsolutePercentageError = _loss(mean_absolute_percentage_error, "MeanAbsolutePercentageError")
MeanSquaredLogarithmicError = _loss(mean_squared_logarithmic_error, "MeanSquaredLogarithmicError")
Huber = _loss(huber, "Huber", "", "delta", delta=1.0)
LogCosh = _loss(log_cosh, "LogCosh")
KLDivergence = _loss(kl_divergence, "KLDivergence")
Poisson = _loss(poisson, "Poisson")
Hinge = _loss(hinge, "Hinge")
SquaredHinge = _loss(squared_hinge, "SquaredHinge")
CategoricalHinge = _loss(categorical_hinge, "CategoricalHinge")
CosineSimilarity = _loss(cosine_similarity, "CosineSimilarity")

NAMED: dict[str, Any] = {
    "categorical_crossentropy": CategoricalCrossentropy,
    "sparse_categorical_crossentropy": SparseCategoricalCrossentropy,
    "binary_crossentropy": BinaryCrossentropy,
    "bce": BinaryCrossentropy,
    "binary_focal_crossentropy": BinaryFocalCrossentropy,
    "categorical_focal_crossentropy": CategoricalFocalCrossentropy,
    "mean_squared_error": MeanSquaredError,
    "mse": MeanSquaredError,
    "mean_absolute_error": MeanAbsoluteError,
    "mae": MeanAbsoluteError,
    "mean_absolute_percentage_error": MeanAbsolutePercentageError,
    "mape": MeanAbsolutePercentageError,
    "mean_squared_logarithmic_error": MeanSquaredLogarithmicError,
    "msle": MeanSquaredLogarithmicError,
    "huber": Huber,
    "log_cosh": LogCosh,
    "kl_divergence": KLDivergence,
    "poisson": Poisson,
    "hinge": Hinge,
    "squared_hinge": SquaredHinge,
    "categorical_hinge": CategoricalHinge,
    "cosine_similarity": CosineSimilarity,
}
BY_CLASS = {kind.__name__: kind for kind in NAMED.values()}
__all__ = ["Loss", "get", *BY_CLASS, *(name for name in NAMED if name in globals())]  # noqa: PLE0604 (names)


def get(loss: Any) -> Loss:
    """Return the loss of a name, a function of (y_true, y_pred) as a loss, or what was given.

    Raises ValueError for a name that is not known, with those that are.
    """
    if isinstance(loss, Loss):
        return loss
    if callable(loss) and not isinstance(loss, type):
        known = {kind().fn: kind for kind in BY_CLASS.values() if kind is not SparseCategoricalCrossentropy}
        return known[loss]() if loss in known else FromFunction(loss)
    return cast(Loss, made(loss, Loss, "a loss", NAMED, besides=("fn", "axis", "dtype"), or_else=", or a function"))


def reduced(each: Tensor, weights: Tensor | None, reduction: str | None = "sum_over_batch_size") -> Tensor:
    """Return the loss of a batch from that of each example, as Keras reduces it: the weighted sum over how many there
    are ("sum_over_batch_size"), not over the sum of weights.
    """
    if weights is not None:
        weights = weights.to(each.dtype)
        if weights.dim() == each.dim() + 1 and weights.shape[-1] == 1:
            weights = weights[..., 0]
        each = each * weights.reshape(*weights.shape, *[1] * (each.dim() - weights.dim()))
    if reduction in ("none", None):
        return each
    if reduction == "sum":
        return each.sum()
    if reduction == "mean_with_sample_weight" and weights is not None:
        return each.sum() / weights.sum().clamp(min=LEAST_PROBABILITY)
    return each.mean()
