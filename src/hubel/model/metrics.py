"""The figures beside the loss, by Keras's names: each counts over the batches of an epoch."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, cast

import torch
from torch import Tensor

from hubel.base.errors import SettingError
from hubel.base.names import did_you_mean
from hubel.model import losses
from hubel.model.losses import _tensor, alike
from hubel.model.variables import Variable, started

_names: Counter[str] = Counter()


class Metric:
    """A figure that is counted over batches. One of your own has `update_state`, `result` and, where it keeps more than
    `add_weight` makes, `reset_state`.
    """

    best: ClassVar[str] = "highest"  # which end is good

    def __init__(self, name: str | None = None, dtype: Any = None) -> None:
        from hubel.model.layers.layer import snake_case

        self.name = name or unique(snake_case(type(self).__name__))
        self.variables: list[Variable] = []
        self._starts: list[Tensor] = []

    def add_weight(
        self, shape: Any = (), initializer: Any = "zeros", dtype: Any = None, name: str | None = None, **_: Any
    ) -> Variable:
        """Make a variable, which `reset_state` puts back."""
        if isinstance(shape, str):  # the older order: the name first
            shape, name = (), shape
        found = started(shape, initializer, False, name)
        self.variables.append(found)
        self._starts.append(found.detach().clone())
        return found

    add_variable = add_weight

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Count a batch."""
        raise NotImplementedError(f"{type(self).__name__} has no update_state(y_true, y_pred)")

    def result(self) -> Any:
        """Return the figure so far."""
        raise NotImplementedError(f"{type(self).__name__} has no result()")

    def reset_state(self) -> None:
        """Begin anew."""
        for variable, start in zip(self.variables, self._starts, strict=True):
            variable.assign(start)

    def __call__(self, *args: Any, **settings: Any) -> Any:
        """Count a batch, and return the figure so far."""
        self.update_state(*args, **settings)
        return self.result()

    def get_config(self) -> dict[str, Any]:
        """Return the settings by name."""
        return {"name": self.name}


def unique(name: str) -> str:
    """Return Keras's name for the next metric of a kind: precision, precision_1, …"""
    _names[name] += 1
    return name if _names[name] == 1 else f"{name}_{_names[name] - 1}"


class Mean(Metric):
    """The mean of numbers, weighted where weights are given."""

    def __init__(self, name: str | None = None, dtype: Any = None) -> None:
        super().__init__(name)
        self.total, self.count = torch.zeros(()), torch.zeros(())

    def update_state(self, values: Any, sample_weight: Any = None, *_: Any) -> None:  # type: ignore[override]
        """Add numbers."""
        numbers = _tensor(values).detach().float()
        if sample_weight is None:
            self.total, self.count = self.total + numbers.sum(), self.count + numbers.numel()
            return
        weights = _tensor(sample_weight).float()
        weights = weights.reshape(*weights.shape, *[1] * (numbers.dim() - weights.dim())).expand_as(numbers)
        self.total, self.count = self.total + (numbers * weights).sum(), self.count + weights.sum()

    def result(self) -> Tensor:
        """Return the mean."""
        return self.total / self.count if bool(self.count) else torch.zeros(())

    def reset_state(self) -> None:
        """Begin anew."""
        self.total, self.count = torch.zeros(()), torch.zeros(())


class Sum(Mean):
    """The sum of numbers."""

    def result(self) -> Tensor:
        """Return the sum."""
        return self.total


class MeanMetricWrapper(Mean):
    """The mean of a function of y_true and y_pred."""

    def __init__(self, fn: Callable[..., Any], name: str | None = None, dtype: Any = None, **settings: Any) -> None:
        super().__init__(name or str(getattr(fn, "__name__", "metric")))
        self.fn, self.settings = fn, settings

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:  # type: ignore[override]
        """Count a batch."""
        super().update_state(self.fn(_tensor(y_true), _tensor(y_pred), **self.settings), sample_weight)

    def get_config(self) -> dict[str, Any]:
        """Return name and settings."""
        return {"name": self.name, **self.settings}


def categorical_accuracy(y_true: Tensor, y_pred: Tensor) -> Tensor:
    """1 for each right example: its likeliest class is the target's."""
    labels = losses._labels(y_true, y_pred)
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
    labels = losses._labels(y_true, y_pred)
    wanted = y_true.argmax(-1) if labels is None else labels
    right = y_pred.gather(-1, wanted[..., None])
    return ((y_pred > right).sum(-1) < k).float()


sparse_top_k_categorical_accuracy = top_k_categorical_accuracy


def cosine_similarity(y_true: Tensor, y_pred: Tensor) -> Tensor:
    """The cosine between both."""
    return -losses.cosine_similarity(y_true, y_pred)


class _Thresholds(Metric):
    """What counts outputs above a threshold, of yes and no."""

    def __init__(
        self, thresholds: Any = None, top_k: int | None = None, class_id: int | None = None, name: str | None = None,
        dtype: Any = None,
    ) -> None:  # fmt: skip
        super().__init__(name)
        single = thresholds is None or isinstance(thresholds, (int, float))
        self.single, self.given = single, thresholds
        self.thresholds = torch.tensor([0.5 if thresholds is None else thresholds] if single else list(thresholds))
        self.top_k, self.class_id = top_k, class_id
        self.reset_state()

    def reset_state(self) -> None:
        """Begin anew."""
        zeros = torch.zeros(len(self.thresholds), dtype=torch.float64)
        self.hits, self.false_alarms, self.misses, self.rightly_none = (zeros.clone() for _ in range(4))

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Count a batch."""
        found = _tensor(y_pred).detach().float()
        truth = alike(_tensor(y_true), found)
        if self.top_k is not None:
            largest = found.topk(self.top_k, -1).indices
            found = torch.zeros_like(found).scatter_(-1, largest, found.gather(-1, largest))
        if self.class_id is not None:
            found, truth = found[..., self.class_id], truth[..., self.class_id]
        weights = torch.ones(())
        if sample_weight is not None:
            weights = _tensor(sample_weight).float()
            weights = weights.reshape(*weights.shape, *[1] * (found.dim() - weights.dim()))
        weights = weights.expand_as(found).reshape(-1).double()
        truth, found = truth.reshape(-1) > 0.5, found.reshape(-1)
        if self.top_k is not None:
            called = (found > 0).expand(len(self.thresholds), -1)
        else:
            called = found > self.thresholds[:, None]
        self.hits += ((called & truth) * weights).sum(1)
        self.false_alarms += ((called & ~truth) * weights).sum(1)
        self.misses += ((~called & truth) * weights).sum(1)
        self.rightly_none += ((~called & ~truth) * weights).sum(1)

    def _given(self, found: Tensor) -> Tensor:
        return found[0].float() if self.single else found.float()

    def get_config(self) -> dict[str, Any]:
        """Return the settings by name."""
        own = {"thresholds": self.given, "top_k": self.top_k, "class_id": self.class_id}
        return {"name": self.name, **{key: value for key, value in own.items() if value is not None}}


def _over(part: Tensor, whole: Tensor) -> Tensor:
    return torch.where(whole > 0, part / whole.clamp(min=1e-300), 0.0)


class Precision(_Thresholds):
    """Of what was called yes (above 0.5, or among the `top_k`), the share that is."""

    def result(self) -> Tensor:
        """Return the share."""
        return self._given(_over(self.hits, self.hits + self.false_alarms))


class Recall(_Thresholds):
    """Of what is yes, the share that was called so."""

    def result(self) -> Tensor:
        """Return the share."""
        return self._given(_over(self.hits, self.hits + self.misses))


class _Count(_Thresholds):
    which: ClassVar[str]

    def __init__(self, thresholds: Any = None, name: str | None = None, dtype: Any = None) -> None:
        super().__init__(thresholds, name=name)

    def result(self) -> Tensor:
        """Return the count."""
        return self._given(getattr(self, self.which))


class TruePositives(_Count):
    """How many were rightly called yes."""

    which = "hits"


class FalsePositives(_Count):
    """How many were wrongly called yes."""

    which, best = "false_alarms", "lowest"


class TrueNegatives(_Count):
    """How many were rightly called no."""

    which = "rightly_none"


class FalseNegatives(_Count):
    """How many were wrongly called no."""

    which, best = "misses", "lowest"


class AUC(_Thresholds):
    """The area under a curve over all thresholds: of hits over false alarms ("ROC"), of precision over recall ("PR"),
    by `num_thresholds` of them, as in Keras.
    """

    def __init__(
        self, num_thresholds: int = 200, curve: str = "ROC", summation_method: str = "interpolation",
        name: str | None = None, dtype: Any = None, thresholds: Sequence[float] | None = None,
        multi_label: bool = False, num_labels: int | None = None, label_weights: Any = None, from_logits: bool = False,
    ) -> None:  # fmt: skip
        if curve.upper() not in ("ROC", "PR") or summation_method != "interpolation" or label_weights is not None:
            raise SettingError(
                f"expected AUC of curve ROC or PR by interpolation, received {curve!r} by {summation_method!r}"
            )
        if multi_label:
            raise SettingError("expected AUC over all outputs together, received multi_label=True")
        if num_thresholds < 2:
            raise SettingError(f"expected num_thresholds of 2 or more, received {num_thresholds}")
        inner = sorted(thresholds) if thresholds else [i / (num_thresholds - 1) for i in range(1, num_thresholds - 1)]
        super().__init__([-losses.LEAST_PROBABILITY, *inner, 1 + losses.LEAST_PROBABILITY], name=name)
        self.curve, self.from_logits, self.num_thresholds = curve.upper(), from_logits, num_thresholds

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Count a batch."""
        found = _tensor(y_pred)
        super().update_state(y_true, found.sigmoid() if self.from_logits else found, sample_weight)

    def result(self) -> Tensor:
        """Return the area."""
        if self.curve == "PR":
            return self._precisions().float()
        rise = _over(self.hits, self.hits + self.misses)
        run = _over(self.false_alarms, self.false_alarms + self.rightly_none)
        return ((rise[:-1] + rise[1:]) / 2 * (run[:-1] - run[1:])).sum().float()

    def _precisions(self) -> Tensor:
        """Davis and Goadrich's interpolation (2006)."""
        hits, called = self.hits, self.hits + self.false_alarms
        lost, fewer = hits[:-1] - hits[1:], called[:-1] - called[1:]
        slope = _over(lost, fewer.clamp(min=0))
        intercept = hits[1:] - slope * called[1:]
        both = (called[:-1] > 0) & (called[1:] > 0)
        ratio = torch.where(both, _over(called[:-1], called[1:].clamp(min=0)), 1.0)
        rise = slope * (lost + intercept * ratio.log())
        return _over(rise, (self.hits[1:] + self.misses[1:]).clamp(min=0)).sum()

    def get_config(self) -> dict[str, Any]:
        """Return the settings by name."""
        own = {"num_thresholds": self.num_thresholds, "curve": self.curve, "from_logits": self.from_logits}
        return {"name": self.name, **own}


class F1Score(Metric):
    """2·precision·recall / (precision + recall) of each class, or their mean ("macro", "weighted", "micro")."""

    def __init__(
        self, average: str | None = None, threshold: float | None = None, name: str | None = "f1_score",
        dtype: Any = None,
    ) -> None:  # fmt: skip
        super().__init__(name)
        if average not in (None, "micro", "macro", "weighted"):
            raise SettingError(f"expected average of None, micro, macro, weighted, received {average!r}")
        self.average, self.threshold = average, threshold
        self.counts: Tensor | None = None

    def reset_state(self) -> None:
        """Begin anew."""
        self.counts = None

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Count a batch."""
        found = _tensor(y_pred).detach().float()
        truth = alike(_tensor(y_true), found) > 0.5
        if self.threshold is None:
            called = torch.zeros_like(found, dtype=torch.bool).scatter_(-1, found.argmax(-1, keepdim=True), True)
        else:
            called = found > self.threshold
        weights = torch.ones(len(found)) if sample_weight is None else _tensor(sample_weight).float().reshape(-1)
        axis = None if self.average == "micro" else 0
        parts = [called & truth, called & ~truth, ~called & truth]
        own = torch.stack([(part * weights[:, None]).sum(axis) for part in parts])
        self.counts = own if self.counts is None else self.counts + own

    def result(self) -> Tensor:
        """Return it."""
        if self.counts is None:
            return torch.zeros(())
        hits, alarms, misses = self.counts
        found: Tensor = _over(2 * hits, 2 * hits + alarms + misses)
        if self.average == "macro":
            return found.mean()
        if self.average == "weighted":
            weighted: Tensor = (found * (hits + misses)).sum() / (hits + misses).sum().clamp(min=1e-7)
            return weighted
        return found

    def get_config(self) -> dict[str, Any]:
        """Return the settings by name."""
        return {"name": self.name, "average": self.average, "threshold": self.threshold}


class RootMeanSquaredError(Mean):
    """The root of the mean square of the differences."""

    best = "lowest"

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:  # type: ignore[override]
        """Count a batch."""
        found = _tensor(y_pred)
        super().update_state((found - alike(_tensor(y_true), found)).square(), sample_weight)

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
MeanSquaredError = _metric("MeanSquaredError", losses.mean_squared_error, best="lowest")
MeanAbsoluteError = _metric("MeanAbsoluteError", losses.mean_absolute_error, best="lowest")
MeanAbsolutePercentageError = _metric(
    "MeanAbsolutePercentageError", losses.mean_absolute_percentage_error, best="lowest"
)
MeanSquaredLogarithmicError = _metric(
    "MeanSquaredLogarithmicError", losses.mean_squared_logarithmic_error, best="lowest"
)
_LOGITS: dict[str, Any] = {"from_logits": False, "label_smoothing": 0.0}
BinaryCrossentropy = _metric("BinaryCrossentropy", losses.binary_crossentropy, "", "lowest", **_LOGITS)
CategoricalCrossentropy = _metric("CategoricalCrossentropy", losses.categorical_crossentropy, "", "lowest", **_LOGITS)
SparseCategoricalCrossentropy = _metric(
    "SparseCategoricalCrossentropy",
    losses.categorical_crossentropy,
    "sparse_categorical_crossentropy",
    "lowest",
    **_LOGITS,
)
KLDivergence = _metric("KLDivergence", losses.kl_divergence, best="lowest")
Hinge = _metric("Hinge", losses.hinge, best="lowest")

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
    if isinstance(metric, type) and issubclass(metric, Metric):
        return metric()
    if isinstance(metric, Mapping) and metric.get("class_name") in BY_CLASS:
        config = {key: value for key, value in metric.get("config", {}).items() if key not in ("fn", "dtype")}
        made: Metric = BY_CLASS[metric["class_name"]](**config)
        return made
    if callable(metric):
        return MeanMetricWrapper(metric)
    name = str(metric)
    found = NAMED.get(name) or NAMED.get(name.lower()) or BY_CLASS.get(name)
    if found is None:
        hint = did_you_mean(name, [*NAMED, *BY_CLASS])
        raise SettingError(f"expected metrics of {', '.join(NAMED)}, or a function, received {metric!r}{hint}")
    if found is accuracy:
        return MeanMetricWrapper(accuracy, name)
    return cast(Metric, found(name=name))
