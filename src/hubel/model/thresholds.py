"""Figures that count what is above thresholds: precision, recall, the area under a curve, F1."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor

from hubel.base.errors import SettingError
from hubel.model import loss_functions
from hubel.model.loss_functions import alike, tensor_of
from hubel.model.metric import Metric


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
        found = tensor_of(y_pred).detach().float()
        truth = alike(tensor_of(y_true), found)
        if self.top_k is not None:
            largest = found.topk(self.top_k, -1).indices
            found = torch.zeros_like(found).scatter_(-1, largest, found.gather(-1, largest))
        if self.class_id is not None:
            found, truth = found[..., self.class_id], truth[..., self.class_id]
        weights = torch.ones(())
        if sample_weight is not None:
            weights = tensor_of(sample_weight).float()
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
        super().__init__([-loss_functions.LEAST_PROBABILITY, *inner, 1 + loss_functions.LEAST_PROBABILITY], name=name)
        self.curve, self.from_logits, self.num_thresholds = curve.upper(), from_logits, num_thresholds

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Count a batch."""
        found = tensor_of(y_pred)
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
        found = tensor_of(y_pred).detach().float()
        truth = alike(tensor_of(y_true), found) > 0.5
        if self.threshold is None:
            called = torch.zeros_like(found, dtype=torch.bool).scatter_(-1, found.argmax(-1, keepdim=True), True)
        else:
            called = found > self.threshold
        weights = torch.ones(len(found)) if sample_weight is None else tensor_of(sample_weight).float().reshape(-1)
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
