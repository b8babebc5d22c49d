"""The figures beside the loss, by Keras's names: each counts over the batches of an epoch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from torch import Tensor

from hubel.base.names import did_you_mean
from hubel.model import loss_functions
from hubel.model.loss_functions import alike, tensor_of
from hubel.model.metric import Mean as Mean
from hubel.model.metric import MeanMetricWrapper as MeanMetricWrapper
from hubel.model.metric import Metric as Metric
from hubel.model.metric import Sum as Sum
from hubel.model.metric import unique
from hubel.model.thresholds import AUC as AUC
from hubel.model.thresholds import F1Score as F1Score
from hubel.model.thresholds import FalseNegatives as FalseNegatives
from hubel.model.thresholds import FalsePositives as FalsePositives
from hubel.model.thresholds import Precision as Precision
from hubel.model.thresholds import Recall as Recall
from hubel.model.thresholds import TrueNegatives as TrueNegatives
from hubel.model.thresholds import TruePositives as TruePositives
from hubel.model.training.named import made


def categorical_accuracy(y_true: Tensor, y_pred: Tensor) -> Tensor:
    """1 for each right example: its likeliest class is the target's."""
    labels = loss_functions.labels_of(y_true, y_pred)
    wanted = y_true.argmax(-1) if labels is None else labels
    return (y_pred.argmax(-1) == wanted).float()


sparse_categorical_accuracy = categorical_accuracy


def binary_accuracy(y_true: Tensor, y_pred: Tensor, threshold: float = 0.5) -> Tensor:
    """The share of an example's outputs that are on the right side of a threshold."""
    return ((y_pred > threshold) == (alike(y_true, y_pred) > threshold)).float().mean(-1)


def accuracy(y_true: Tensor, y_pred: Tensor) -> Tensor:
    """What "accuracy" means for these outputs: of one, its side of one half; else the likeliest class."""
    return (binary_accuracy if y_pred.shape[-1] == 1 else categorical_accuracy)(y_true, y_pred)


def exactly_equal(y_true: Tensor, y_pred: Tensor) -> Tensor:
    """1 where both are equal, as Keras's class `Accuracy` has it."""
    return (y_true == y_pred).float()


def top_k_categorical_accuracy(y_true: Tensor, y_pred: Tensor, k: int = 5) -> Tensor:
    """1 for each example whose class is among the `k` likeliest."""
    labels = loss_functions.labels_of(y_true, y_pred)
    wanted = y_true.argmax(-1) if labels is None else labels
    right = y_pred.gather(-1, wanted[..., None])
    return ((y_pred > right).sum(-1) < k).float()


sparse_top_k_categorical_accuracy = top_k_categorical_accuracy


def cosine_similarity(y_true: Tensor, y_pred: Tensor) -> Tensor:
    """The cosine between both."""
    return -loss_functions.cosine_similarity(y_true, y_pred)


class RootMeanSquaredError(Mean):
    """The root of the mean square of the differences."""

    best = "lowest"

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:  # type: ignore[override]
        """Count a batch."""
        found = tensor_of(y_pred)
        super().update_state((found - alike(tensor_of(y_true), found)).square(), sample_weight)

    def result(self) -> Tensor:
        """Return the root."""
        root: Tensor = super().result().sqrt()
        return root


def _metric(kind: str, function: Callable[..., Tensor], name: str = "", best: str = "highest", **usual: Any) -> Any:
    order = tuple(usual)

    def start(self: MeanMetricWrapper, *args: Any, **given: Any) -> None:
        places = (*order, "name", "dtype") if kind == "BinaryAccuracy" or "k" in usual else ("name", "dtype", *order)
        settings = {**usual, **dict(zip(places, args, strict=False)), **given}
        settings.pop("dtype", None)
        settings.pop("axis", None)
        own = settings.pop("name", None)
        for key in settings:
            if key not in usual:
                raise TypeError(f"{kind} takes no argument {key!r}{did_you_mean(key, usual)}")
        MeanMetricWrapper.__init__(self, function, own or unique(name or function.__name__), **settings)

    body = {"__init__": start, "__doc__": function.__doc__, "best": best, "__module__": __name__}
    return type(kind, (MeanMetricWrapper,), body)


Accuracy = _metric("Accuracy", exactly_equal, "accuracy")
BinaryAccuracy = _metric("BinaryAccuracy", binary_accuracy, name="binary_accuracy", threshold=0.5)
CategoricalAccuracy = _metric("CategoricalAccuracy", categorical_accuracy)
SparseCategoricalAccuracy = _metric("SparseCategoricalAccuracy", categorical_accuracy, "sparse_categorical_accuracy")
TopKCategoricalAccuracy = _metric("TopKCategoricalAccuracy", top_k_categorical_accuracy, k=5)
SparseTopKCategoricalAccuracy = _metric(
    "SparseTopKCategoricalAccuracy", top_k_categorical_accuracy, name="sparse_top_k_categorical_accuracy", k=5
)
CosineSimilarity = _metric("CosineSimilarity", cosine_similarity)
MeanSquaredError = _metric("MeanSquaredError", loss_functions.mean_squared_error, best="lowest")
MeanAbsoluteError = _metric("MeanAbsoluteError", loss_functions.mean_absolute_error, best="lowest")
MeanAbsolutePercentageError = _metric(
    "MeanAbsolutePercentageError", loss_functions.mean_absolute_percentage_error, best="lowest"
)
MeanSquaredLogarithmicError = _metric(
    "MeanSquaredLogarithmicError", loss_functions.mean_squared_logarithmic_error, best="lowest"
)
_LOGITS: dict[str, Any] = {"from_logits": False, "label_smoothing": 0.0}
BinaryCrossentropy = _metric("BinaryCrossentropy", loss_functions.binary_crossentropy, "", "lowest", **_LOGITS)
CategoricalCrossentropy = _metric(
    "CategoricalCrossentropy", loss_functions.categorical_crossentropy, "", "lowest", **_LOGITS
)
SparseCategoricalCrossentropy = _metric(
    "SparseCategoricalCrossentropy",
    loss_functions.categorical_crossentropy,
    "sparse_categorical_crossentropy",
    "lowest",
    **_LOGITS,
)
KLDivergence = _metric("KLDivergence", loss_functions.kl_divergence, best="lowest")
Hinge = _metric("Hinge", loss_functions.hinge, best="lowest")

BY_CLASS: dict[str, Any] = {
    name: kind for name, kind in [*globals().items()] if isinstance(kind, type) and issubclass(kind, Metric)
}
# the names that `compile` takes: the class, or for accuracy what the outputs say
NAMED: dict[str, Any] = {
    "acc": accuracy,
    "accuracy": accuracy,
    "binary_accuracy": BinaryAccuracy,
    "categorical_accuracy": CategoricalAccuracy,
    "sparse_categorical_accuracy": SparseCategoricalAccuracy,
    "top_k_categorical_accuracy": TopKCategoricalAccuracy,
    "sparse_top_k_categorical_accuracy": SparseTopKCategoricalAccuracy,
    "precision": Precision,
    "recall": Recall,
    "auc": AUC,
    "mse": MeanSquaredError,
    "mean_squared_error": MeanSquaredError,
    "mae": MeanAbsoluteError,
    "mean_absolute_error": MeanAbsoluteError,
    "mape": MeanAbsolutePercentageError,
    "mean_absolute_percentage_error": MeanAbsolutePercentageError,
    "root_mean_squared_error": RootMeanSquaredError,
    "cosine_similarity": CosineSimilarity,
    "binary_crossentropy": BinaryCrossentropy,
    "categorical_crossentropy": CategoricalCrossentropy,
    "sparse_categorical_crossentropy": SparseCategoricalCrossentropy,
    "kl_divergence": KLDivergence,
    "hinge": Hinge,
}
__all__ = ["get", *BY_CLASS]  # noqa: PLE0604 (names)


def get(metric: Any) -> Metric:
    """Return the metric of a name, a function of (y_true, y_pred) as a metric, or what was given.

    Raises ValueError for a name that is not known, with those that are.
    """
    if isinstance(metric, Metric):
        return metric
    if callable(metric) and not isinstance(metric, type):
        return MeanMetricWrapper(metric)
    if isinstance(metric, str) and (kind := NAMED.get(metric) or NAMED.get(metric.lower())):
        return MeanMetricWrapper(accuracy, metric) if kind is accuracy else cast(Metric, kind(name=metric))
    own = made(metric, Metric, "metrics", NAMED, BY_CLASS, besides=("fn", "dtype"), or_else=", or a function")
    return cast(Metric, own)
