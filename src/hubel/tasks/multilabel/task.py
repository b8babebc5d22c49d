"""Label sets: their loss, counts, figures and answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import nn

from hubel.arch import Network, closing_function, ended
from hubel.base.errors import NetworkError, SettingError
from hubel.data import Augmentation, TargetsOf
from hubel.tasks import task
from hubel.tasks.multilabel.decoding import DECODING
from hubel.tasks.multilabel.metrics import Metrics, histogram, metrics
from hubel.tasks.multilabel.targets import LabelSets, label_sets
from hubel.tasks.rows import OfRows, Rows


@dataclass(frozen=True)
class Multilabel(OfRows):
    """The task of saying which labels an image has. classes: their names, in the order of the network's outputs."""

    classes: tuple[str, ...]
    name: ClassVar[str] = "multilabel"
    figures: ClassVar[tuple[task.Figure, ...]] = (
        task.Figure("mean_average_precision", "mean average precision"),
        task.Figure("f1", "F1 (macro)"),
        task.Figure("f1_micro", "F1 (micro)"),
        task.Figure("auc", "AUC"),
        task.Figure("label_accuracy", "labels right"),
    )
    running: ClassVar[tuple[task.Figure, ...]] = (task.Figure("label_accuracy", "labels right"),)
    noun: ClassVar[tuple[str, str]] = LabelSets.noun
    scores_classes: ClassVar[bool] = True
    note: ClassVar[str] = "At a probability of at least a half; average precision and AUC are of the order alone."
    targets: ClassVar[type[Rows]] = LabelSets
    read: ClassVar[TargetsOf] = staticmethod(label_sets)

    def output(self, shape: tuple[int, ...]) -> tuple[tuple[int, ...], str]:
        """A number a label."""
        return (len(self.classes),), f"'dense {len(self.classes)} sigmoid'"

    def outcome(self, scores: torch.Tensor) -> torch.Tensor:
        """The probability of each label."""
        return scores.sigmoid()

    def said(self, outcome: torch.Tensor) -> torch.Tensor:
        """Those of at least a half."""
        return outcome >= DECODING.enough

    def fitted(self, network: Network) -> Network:
        """Probabilities that do not share one whole: sigmoid for softmax."""
        return ended(network, "sigmoid")

    def check(self, network: Network, shape: tuple[int, int, int]) -> None:
        """As every task, and refuse an end that would have labels exclude each other, or bend their scores."""
        super().check(network, shape)
        if (end := closing_function(network)) not in ("sigmoid", "linear"):
            raise NetworkError(
                f"expected a network that ends with sigmoid, since an image may have several labels, received one that "
                f"ends with {end}; end it with {self.output(shape)[1]}"
            )

    def check_training(self, balance: str, augmentation: Augmentation) -> None:
        """Refuse what needs one class an image."""
        if balance == "sampling":
            raise SettingError(
                "recipe: expected balance 'none' or 'weights' with labels, of which an image has several"
            )

    def objective(
        self, network: nn.Module, label_smoothing: float = 0.0, class_weights: torch.Tensor | None = None
    ) -> Objective:
        """The network with binary cross-entropy."""
        return Objective(network, label_smoothing, class_weights)

    def on_the_way(self, outputs: torch.Tensor, targets: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """The share of labels that are right."""
        return (((outputs >= 0) == (targets > 0)).float().mean(),)

    def counts(self) -> _Counts:
        """Histograms of each label's scores, and the losses' sum."""
        return _Counts(self)

    def measured(self, counts: Sequence[torch.Tensor]) -> Metrics:
        """Each label's figures and their means."""
        return metrics(counts[0], counts[1], self.classes)

    def losses(self, outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """The mean binary cross-entropy of an image's labels."""
        return F.binary_cross_entropy_with_logits(outputs, targets.float(), reduction="none").mean(1)

    def suspects(self, said: npt.NDArray[np.float64], truth: npt.NDArray[Any]) -> list[tuple[int, int]]:
        """By confident learning, a label at a time (Northcutt, Jiang, Chuang 2021): images that are said to have it as
        surely as those that have it are on average, and have it not; and the other way round.
        """
        found: list[tuple[float, int, int]] = []
        for name in range(said.shape[1]):
            own, has = said[:, name], truth[:, name] > 0
            if not has.any() or has.all():
                continue
            extra = ~has & (own >= max(0.5, own[has].mean()))
            missed = has & (own <= min(0.5, own[~has].mean()))
            found += [(abs(own[index] - has[index]), index, name) for index in np.flatnonzero(extra | missed).tolist()]
        return [(index, name) for _, index, name in sorted(found, key=lambda each: (-each[0], each[1:]))]

    def row(self, values: Sequence[float], top: int = 3) -> task.Answer:
        """The labels of at least a half, and the likeliest ones."""
        return Labelled(self.classes, tuple(values), top)


@dataclass(frozen=True)
class Labelled(task.Answer):
    """The probability of every label of an image. enough: from which on it has one."""

    names: tuple[str, ...]
    probabilities: tuple[float, ...]
    top: int = 3
    enough: float = DECODING.enough

    def data(self) -> dict[str, Any]:
        """The labels it has, and the likeliest ones."""
        order = self._order()
        return {
            "labels": [name for name, p in order if p >= self.enough],
            "top": [{"class": name, "probability": round(p, 6)} for name, p in order[: self.top]],
        }

    def words(self) -> tuple[str, ...]:
        """The labels it has, their probabilities, and the likeliest others."""
        has = [(name, p) for name, p in self._order() if p >= self.enough]
        others = [(name, p) for name, p in self._order() if p < self.enough][: max(0, self.top - len(has))]
        shares = " ".join(f"{p:.1%}" for _, p in has)
        return ", ".join(name for name, _ in has) or "no label", shares, "  ".join(f"{n} {p:.1%}" for n, p in others)

    def row(self) -> dict[str, Any]:
        """The labels it has, and the probability of each."""
        each = {f"#probability of {name}": round(p, 6) for name, p in zip(self.names, self.probabilities, strict=True)}
        return {"labels": ";".join(self.data()["labels"]), **each}

    def above(self, threshold: float) -> Labelled:
        """The same, with another probability that is enough for a label."""
        return replace(self, enough=threshold)

    def _order(self) -> list[tuple[str, float]]:
        return sorted(zip(self.names, self.probabilities, strict=True), key=lambda pair: -pair[1])


class Objective(task.Objective):
    """The mean binary cross-entropy of all labels of all images, each label as often as it weighs. Smoothing moves
    targets that far towards a half. Targets: uint8, N×labels; of mixed images, as much of each as there is.
    """

    def __init__(
        self, network: nn.Module, label_smoothing: float = 0.0, class_weights: torch.Tensor | None = None
    ) -> None:
        super().__init__(network)
        self.label_smoothing = label_smoothing
        self.class_weights: torch.Tensor | None
        self.register_buffer("class_weights", class_weights, persistent=False)

    def loss(
        self, outputs: torch.Tensor, targets: torch.Tensor, others: torch.Tensor | None, share: torch.Tensor | None
    ) -> torch.Tensor:
        """The mean loss of logits, N×labels."""
        wanted, weights = targets.float(), self.class_weights
        if share is not None and others is not None:
            wanted = torch.lerp(others.float(), wanted, share[:, None])
        wanted = wanted + self.label_smoothing * (0.5 - wanted)
        return F.binary_cross_entropy_with_logits(outputs.float(), wanted, weight=weights)


class _Counts(task.Counts):
    """Histograms of logits (see `metrics.histogram`), and the sum of the images' losses, float64."""

    def __init__(self, wanted: Multilabel) -> None:
        self.wanted, labels = wanted, len(wanted.classes)
        self.found = histogram(torch.empty(0, labels), torch.empty(0, labels))
        self.total = torch.zeros((), dtype=torch.float64)

    def add(self, outputs: torch.Tensor, targets: torch.Tensor) -> None:
        """Count a batch."""
        self.found = self.found.to(outputs.device) + histogram(outputs, targets)
        self.total = self.total + self.wanted.losses(outputs, targets).double().sum()

    def tensors(self) -> tuple[torch.Tensor, ...]:
        """Histograms and total."""
        return self.found.cpu(), self.total.cpu()
