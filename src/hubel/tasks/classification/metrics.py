"""The figures of classification."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import torch

from hubel.tasks.classification.confusion import Confusion
from hubel.tasks.results import Measured, Table, percent, share


@dataclass(frozen=True)
class ClassMetrics:
    """One class's figures. precision: of what was taken for it, the share that is, None where nothing was; recall: of
    what is, the share found, None where the set has no image of it.
    """

    name: str
    precision: float | None
    recall: float | None
    examples: int


@dataclass(frozen=True, repr=False)
class Metrics(Measured):
    """How well a model does on a set.

    accuracy: share of images whose likeliest class is right, 0 to 1. loss: mean cross-entropy, nats.
    confusion: confusion[true][predicted] is a count of images; see `Confusion`, which takes any number of classes.
    """

    accuracy: float
    loss: float
    per_class: tuple[ClassMetrics, ...]
    confusion: Confusion

    @property
    def figures(self) -> Mapping[str, float]:
        """Accuracy and loss."""
        return {"accuracy": self.accuracy, "loss": self.loss}

    def data(self) -> dict[str, Any]:
        """All of it as plain values; the confusion as `Confusion.data`."""
        per_class = [asdict(each) for each in self.per_class]
        return {**self.figures, "per_class": per_class, "confusion": self.confusion.data()}

    def sentence(self, of: str) -> str:
        """How many images are right."""
        right, images = int(self.confusion.totals()[2].sum()), int(self.confusion.counts.sum())
        return f"{self.accuracy:.2%} of {of} right ({right:,} of {images:,}), loss {self.loss:.4f}"

    def table(self, most: int) -> Table:
        """Each class, and what it is most often taken for; of more than `most`, those of least recall."""
        order = range(len(self.per_class))
        note = ""
        if len(order) > most:
            note = f"the {most} classes of least recall, of {len(order)}; all of them: --json"
            shown = sorted(order, key=lambda i: _least(self.per_class[i].recall))[:most]
        else:
            shown = list(order)
        rows = [(self.per_class[i], self._mistakes(i)) for i in shown]
        return Table(
            ("class", "#images", "#precision", "#recall", "most often taken for"),
            tuple(
                (own.name, f"{own.examples:,}", percent(own.precision), percent(own.recall), wrong)
                for own, wrong in rows
            ),
            note,
        )

    def _mistakes(self, i: int) -> str:
        wrong = [(count, j) for j, count in self.confusion.row(i) if j != i]
        return ", ".join(f"{self.per_class[j].name} ({count})" for count, j in sorted(wrong, reverse=True)[:3])


def metrics(confusion: torch.Tensor, total: torch.Tensor, classes: tuple[str, ...]) -> Metrics:
    """The metrics of a whole set from its counts: of pairs (int64, classes×classes), and the losses' sum."""
    counts = Confusion(confusion)
    examples, called, right = counts.totals()
    size = max(1, int(examples.sum()))
    per_class = tuple(
        ClassMetrics(name, share(right[i], called[i]), share(right[i], examples[i]), int(examples[i]))
        for i, name in enumerate(classes)
    )
    return Metrics(int(right.sum()) / size, float(total) / size, per_class, counts)


def _least(recall: float | None) -> tuple[bool, float]:
    return recall is None, recall or 0.0
