"""The figures of label sets: each label's precision, recall, F1, average precision and AUC, and their means."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from hubel.tasks.results import Measured, Table, percent, share

_REACH = 16.0  # of logits that are told apart, on both sides of 0
_BINS = 4096  # even, so that a probability of a half is the edge of one


@dataclass(frozen=True)
class LabelMetrics:
    """One label's figures, at a probability of at least a half; None where there is nothing to divide by.

    precision: of the images that were said to have it, those that do; recall: of those that do, those of which it was
    said; f1: the harmonic mean of both. average_precision, auc: of the order that its probability puts the images in,
    whatever one takes for enough. examples: images that have it.
    """

    name: str
    precision: float | None
    recall: float | None
    f1: float | None
    average_precision: float | None
    auc: float | None
    examples: int

    def shares(self) -> tuple[float | None, ...]:
        """All but name and number."""
        return self.precision, self.recall, self.f1, self.average_precision, self.auc


@dataclass(frozen=True)
class Metrics(Measured):
    """How well a model tells which labels images have.

    macro: means over the labels that can be measured, all alike; micro: over all labels of all images at once. exact:
    the share of labels of images that are right.
    """

    per_label: tuple[LabelMetrics, ...]
    macro: Mapping[str, float]
    micro: Mapping[str, float]
    right: float
    loss: float
    images: int

    @property
    def figures(self) -> Mapping[str, float]:
        """The task's figures and the loss."""
        return {
            "mean_average_precision": self.macro["average_precision"],
            "f1": self.macro["f1"],
            "f1_micro": self.micro["f1"],
            "auc": self.macro["auc"],
            "label_accuracy": self.right,
            "loss": self.loss,
        }

    @property
    def absent(self) -> tuple[str, ...]:
        """The labels that no image of the set has."""
        return tuple(each.name for each in self.per_label if not each.examples)

    def data(self) -> dict[str, Any]:
        """All of it as plain values."""
        means = {"macro": dict(self.macro), "micro": dict(self.micro)}
        labels = [asdict(each) for each in self.per_label]
        return {**self.figures, **means, "absent": list(self.absent), "per_label": labels}

    def sentence(self, of: str) -> str:
        """Mean average precision, F1, and the labels that are nowhere."""
        average, f1 = percent(self.macro["average_precision"]), percent(self.macro["f1"])
        told = (
            f"{average} mean average precision on {of}, F1 {f1} "
            f"(micro {percent(self.micro['f1'])}), {percent(self.right)} of labels right, loss {self.loss:.4f}"
        )
        return told + (f"; no image has {', '.join(self.absent)}, left out of the means" if self.absent else "")

    def table(self, most: int) -> Table:
        """Each label; of more than `most`, those of least average precision."""
        rows, note = list(self.per_label), ""
        if len(rows) > most:
            note = f"the {most} labels of least average precision, of {len(rows)}; all of them: --json"
            rows = sorted(rows, key=lambda each: (each.average_precision is None, each.average_precision or 0.0))[:most]
        titles = ("label", "#images", "#precision", "#recall", "#F1", "#average precision", "#AUC")
        return Table(
            titles,
            tuple((each.name, f"{each.examples:,}", *map(percent, each.shares())) for each in rows),
            note,
        )


def places_of(logits: torch.Tensor) -> torch.Tensor:
    """The bin of each logit, int64: `_BINS` between ±`_REACH`, the upper half those of a probability of a half on."""
    scaled = (logits.double() / _REACH + 1) * (_BINS / 2)
    return scaled.floor().clamp(0, _BINS - 1).long()


def histogram(logits: torch.Tensor, flags: torch.Tensor) -> torch.Tensor:
    """How many images without and with each label have a logit in each bin: int64, labels×2×bins, for N×labels."""
    labels = logits.shape[1]
    rows = torch.arange(labels, device=logits.device) * 2 + flags.long()
    codes = rows * _BINS + places_of(logits)
    return codes.flatten().bincount(minlength=labels * 2 * _BINS).view(labels, 2, _BINS)


def metrics(counts: torch.Tensor, total: torch.Tensor, classes: Sequence[str]) -> Metrics:
    """The metrics of a set from its histograms, and the losses' sum over images (each the mean over labels).

    Logits nearer than 1/128 to one another count as equal, half of them on either side.
    """
    own = counts.numpy()
    per_label = tuple(_of_label(name, own[number, 0], own[number, 1]) for number, name in enumerate(classes))
    known = [each for each in per_label if each.examples]
    names = ("precision", "recall", "f1", "average_precision", "auc")
    macro = {name: _mean([getattr(each, name) for each in known]) for name in names}
    whole = _of_label("", own[:, 0].sum(0), own[:, 1].sum(0))
    micro = {name: _mean([getattr(whole, name)]) for name in names}
    said = own[:, :, _BINS // 2 :].sum((0, 2)), own[:, :, : _BINS // 2].sum((0, 2))
    images, all_labels = int(own[0].sum()) if len(own) else 0, max(1, int(own.sum()))
    right = float(said[0][1] + said[1][0]) / all_labels
    return Metrics(per_label, macro, micro, right, float(total) / max(1, images), images)


def _of_label(name: str, without: npt.NDArray[np.int64], having: npt.NDArray[np.int64]) -> LabelMetrics:
    half = _BINS // 2
    right, wrong = int(having[half:].sum()), int(without[half:].sum())
    positives, negatives = int(having.sum()), int(without.sum())
    precision, recall = share(right, right + wrong), share(right, positives)
    f1 = share(2 * right, right + wrong + positives) if positives else None
    found, false = np.cumsum(having[::-1]), np.cumsum(without[::-1])
    average, area = None, None
    if positives:
        average = float((having[::-1] * (found / np.maximum(1, found + false))).sum() / positives)
    if positives and negatives:
        below = negatives - false
        area = float((having[::-1] * (below + without[::-1] / 2)).sum() / (positives * negatives))
    return LabelMetrics(name, precision, recall, f1, average, area, positives)


def _mean(values: Sequence[float | None]) -> float:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else float("nan")
