"""What a trained network gets wrong: which images, how sure it was, and whether the labels themselves are right."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F

from hubel.base.errors import SettingError
from hubel.base.names import listing
from hubel.data import Dataset
from hubel.look.access.infer import BATCH, check_fits, in_batches
from hubel.look.access.models import of_any_model
from hubel.look.errors.furthest import Furthest, furthest
from hubel.look.errors.shortcomings import Shortcomings, shortcomings
from hubel.tasks import Confusion, LoadedModel, confusion
from hubel.tasks.decoding import decoding_of
from hubel.tasks.results import share
from hubel.tasks.rows import OfRows
from hubel.view.words.finding import Drawn
from hubel.view.words.tables import Table

Floats = npt.NDArray[np.float64]
Indices = npt.NDArray[np.int64]

_COLUMNS = ("index", "path", "label", "predicted", "probability", "of_label")
_TOLD = 8  # pairs and errors in a terminal
_LISTED = 100  # images that `data` names


@dataclass(frozen=True, eq=False)
class Calibration:
    """How far probabilities can be taken at their word: a reliability diagram as numbers.

    edges: of the bins of the highest probability, 0 to 1; one more than there are bins.
    counts: images in each bin (low, high]. confidence: their mean highest probability. accuracy: the share of them that
    is right. Both are NaN in an empty bin.
    """

    edges: Floats
    counts: Indices
    confidence: Floats
    accuracy: Floats

    @property
    def error(self) -> float:
        """The expected calibration error, 0 to 1: |accuracy - confidence|, averaged over images (Naeini et al. 2015;
        Guo et al. 2017, equation 3). NaN without images.
        """
        filled = self.counts > 0
        if not filled.any():
            return float("nan")
        gaps = np.abs(self.accuracy[filled] - self.confidence[filled])
        return float(np.average(gaps, weights=self.counts[filled]))


@dataclass(frozen=True)
class ClassScores:
    """One class's figures, 0 to 1. precision: of what was taken for it, the share that is. recall: of what is, the
    share found. f1: their harmonic mean. Each is None where there is nothing to divide by. examples: images of this
    class; predicted: images that were taken for it.
    """

    name: str
    examples: int
    predicted: int
    precision: float | None
    recall: float | None
    f1: float | None


@dataclass(frozen=True, eq=False)
class Mistakes(Drawn):
    """A model's answers to a labelled set, from one pass over it, and what follows from them.

    dataset: the images (uint8 N×H×W×C), labels and names of the classes.
    probabilities: float32, N×classes; rows add up to 1.
    losses: each image's cross-entropy, nats, float64, N.
    """

    drawn_by: ClassVar[str] = "hubel.look.figures.mistakes:figure"

    dataset: Dataset
    probabilities: npt.NDArray[np.float32] = field(repr=False)
    losses: Floats = field(repr=False)

    @property
    def classes(self) -> tuple[str, ...]:
        """The names of the classes, in order."""
        return self.dataset.classes

    @property
    def labels(self) -> Indices:
        """What each image is said to be: N indices of classes."""
        return self.dataset.labels

    @cached_property
    def predicted(self) -> Indices:
        """The likeliest class of each image: int64, N."""
        likeliest: Indices = self.probabilities.argmax(1).astype(np.int64)
        return likeliest

    @cached_property
    def confidences(self) -> npt.NDArray[np.float32]:
        """The probability of the likeliest class of each image: float32, N."""
        highest: npt.NDArray[np.float32] = self.probabilities.max(1, initial=0)
        return highest

    @cached_property
    def pairs(self) -> Confusion:
        """What is taken for what, for any number of classes."""
        return confusion(torch.from_numpy(self.labels), torch.from_numpy(self.predicted), len(self.classes))

    @property
    def confusion(self) -> Indices:
        """confusion[true, predicted]: how many images; int64, classes×classes. Raises ValueError for more than 1,000
        classes, of which `pairs` has those that came.
        """
        return np.asarray(self.pairs.dense())

    @property
    def accuracy(self) -> float:
        """The share of images whose likeliest class is right; NaN without images."""
        return float((self.predicted == self.labels).mean()) if len(self.labels) else float("nan")

    @property
    def loss(self) -> float:
        """The mean cross-entropy, nats; NaN without images."""
        return float(self.losses.mean()) if len(self.losses) else float("nan")

    @property
    def outcome(self) -> str:
        """Accuracy, loss and calibration error."""
        size = len(self.labels)
        if not size:
            return "no images"
        right = int((self.predicted == self.labels).sum())
        return (
            f"{self.accuracy:.2%} of {self.dataset.name or 'the images'} right ({right:,} of {size:,}) · "
            f"loss {self.loss:.4f} · expected calibration error {self.calibration().error:.2%}"
        )

    def lines(self, width: int = 160) -> Iterator[str]:
        """What is most often taken for what, the surest errors, and how many labels may be wrong."""
        words = [
            f"{self.classes[true]} taken for {self.classes[called]} ({count:,})"
            for count, true, called in self.pairs.wrong()[:_TOLD]
        ]
        yield f"most often: {', '.join(words) or 'no mistakes'}"
        errors = ", ".join(
            f"{self.name_of(i)} ({self.classes[self.labels[i]]} taken for {self.classes[self.predicted[i]]}, "
            f"{self.confidences[i]:.1%})"
            for i in self.confident_errors(_TOLD)
        )
        if errors:
            yield f"surest errors: {errors}"
        yield f"labels that may be wrong: {len(self.label_suspects()):,}; see them with -o mistakes.html or .csv"

    def name_of(self, index: int) -> str:
        """What to call an image: the path that it came from, or its number."""
        paths = self.dataset.paths
        return paths[index] if paths else f"image {index}"

    def tables(self) -> list[Table]:
        """A row an image that is taken for another class, the surest first; and whether its own label may be wrong."""
        suspects = set(self.label_suspects().tolist())
        rows = []
        for index in self.confident_errors().tolist():
            said = self._answer(index)
            suspect = "yes" if index in suspects else ""
            rows.append((*(said.get(name, "") for name in _COLUMNS), suspect))
        heads = ("#index", "path", "label", "predicted", "#probability", "#of label", "label may be wrong")
        return [Table(heads, tuple(rows), self.outcome)]

    @cached_property
    def per_class(self) -> tuple[ClassScores, ...]:
        """Precision, recall and F1 of each class, in the classes' order."""
        examples, called, found = self.pairs.totals()
        return tuple(
            ClassScores(
                name,
                int(examples[i]),
                int(called[i]),
                share(found[i], called[i]),
                share(found[i], examples[i]),
                share(2 * found[i], called[i] + examples[i]),
            )
            for i, name in enumerate(self.classes)
        )

    def cell(self, true: int | str, predicted: int | str) -> Indices:
        """The images of one class that were taken for another (or for what they are), the surest first: indices, int64.

        Classes are given by name or number. Raises ValueError for one that there is not.
        """
        chosen = (self.labels == self.class_number(true)) & (self.predicted == self.class_number(predicted))
        return self._surest_first(np.flatnonzero(chosen))

    def confident_errors(self, most: int | None = None) -> Indices:
        """Images whose likeliest class is wrong, the surest first, at most so many: indices, int64."""
        return self._surest_first(np.flatnonzero(self.predicted != self.labels))[:most]

    def calibration(self, bins: int = 15) -> Calibration:
        """Confidence against accuracy in bins of equal width. Raises ValueError for fewer than one bin."""
        if bins < 1:
            raise SettingError(f"expected at least 1 bin, received {bins}")
        edges = np.linspace(0, 1, bins + 1)
        sure = self.confidences.astype(np.float64)
        places = np.clip(np.searchsorted(edges, sure, side="left") - 1, 0, bins - 1)  # bins are (low, high]
        counts = np.bincount(places, minlength=bins)
        right = np.bincount(places, self.predicted == self.labels, bins)
        with np.errstate(invalid="ignore"):
            return Calibration(edges, counts, np.bincount(places, sure, bins) / counts, right / counts)

    def label_suspects(self, most: int | None = None) -> Indices:
        """Images whose label is likely wrong, the likeliest first, at most so many: indices, int64. What each seems to
        be is its entry in `predicted`.

        Confident learning (Northcutt, Jiang, Chuang 2021): a class's threshold is the mean probability that images
        labelled so are given for it; an image counts for the likeliest class whose threshold it reaches, and is a
        suspect where that is not its label. Those the model gives their own label all the same are left out. The order
        is by how far the label's probability lies below the highest.

        The probabilities should be of images that the model was not trained on: those it has learnt by heart.
        """
        suspects = np.flatnonzero((self._confident_class() != self.labels) & (self.predicted != self.labels))
        own = self.probabilities[suspects, self.labels[suspects]]
        return suspects[np.argsort(own - self.confidences[suspects], kind="stable")][:most]

    def often_taken_for(self, true: int | str, most: int = 3) -> str:
        """What images of a class are most often taken for instead, with counts: "9 (12), 7 (3)"; "" where never."""
        own = self.class_number(true)
        wrong = sorted((-count, other) for other, count in self.pairs.row(own) if other != own)
        return ", ".join(f"{self.classes[other]} ({-count:,})" for count, other in wrong[:most])

    def data(self) -> dict[str, Any]:
        """All figures as plain values."""
        calibration = self.calibration()
        return {
            "images": len(self.labels),
            "accuracy": self.accuracy,
            "loss": self.loss,
            "calibration_error": calibration.error,
            "classes": [asdict(scores) for scores in self.per_class],
            "confusion": self.pairs.data(),
            "calibration": [
                {"low": low, "high": high, "images": count, "confidence": confidence, "accuracy": accuracy}
                for low, high, count, confidence, accuracy in zip(
                    calibration.edges[:-1].tolist(),
                    calibration.edges[1:].tolist(),
                    calibration.counts.tolist(),
                    calibration.confidence.tolist(),
                    calibration.accuracy.tolist(),
                    strict=True,
                )
                if count
            ],
            "confident_errors": [self._answer(i) for i in self.confident_errors(_LISTED)],
            "label_suspects": [self._answer(i) for i in self.label_suspects(_LISTED)],
        }

    def _answer(self, index: int) -> dict[str, Any]:
        true, called = int(self.labels[index]), int(self.predicted[index])
        return {
            "index": int(index),
            **({"path": self.dataset.paths[index]} if self.dataset.paths else {}),
            "label": self.classes[true],
            "predicted": self.classes[called],
            "probability": round(float(self.probabilities[index, called]), 6),
            "of_label": round(float(self.probabilities[index, true]), 6),
        }

    def _confident_class(self) -> Indices:
        """The likeliest class whose threshold an image reaches; its label where it reaches none."""
        size = len(self.classes)
        examples = np.bincount(self.labels, minlength=size)
        own = self.probabilities[np.arange(len(self.labels)), self.labels].astype(np.float64)
        # a class without examples has no threshold, and nothing counts for it
        sums = np.bincount(self.labels, own, size)
        thresholds = np.divide(sums, examples, out=np.full(size, np.inf), where=examples > 0)
        found: Indices = self.labels.copy()
        for start in range(0, len(found), BATCH):
            part = slice(start, start + BATCH)
            reached = np.where(self.probabilities[part] >= thresholds, self.probabilities[part], -1)
            found[part] = np.where(reached.max(1, initial=-1) >= 0, reached.argmax(1), found[part])
        return found

    def _surest_first(self, indices: Indices) -> Indices:
        return indices[np.argsort(-self.confidences[indices], kind="stable")]

    def class_number(self, given: int | str) -> int:
        """The number of a class given by its name or number. Raises ValueError where there is none."""
        if isinstance(given, str):
            if given in self.classes:
                return self.classes.index(given)
            if not (given.isascii() and given.isdecimal()):
                raise SettingError(f"expected a class, one of {listing(self.classes)}, received {given!r}")
            given = int(given)
        if not 0 <= given < len(self.classes):
            raise SettingError(f"expected a class from 0 to {len(self.classes) - 1}, received {given}")
        return given


@of_any_model
def mistakes(model: LoadedModel, dataset: Dataset) -> Mistakes | Furthest | Shortcomings:
    """The model's answers to a labelled set of images of its own size, from one pass over it; of a model that says
    labels or numbers, those furthest from right; of one for another task, what that shows of them.

    Raises ValueError where the set's classes are not the model's, in its order, or its images are of another size.
    """
    if isinstance(model.task, OfRows):
        return furthest(model, model.task, dataset)
    if not decoding_of(model.task.name).names:
        return shortcomings(model, dataset)
    return class_mistakes(model, dataset)


def class_mistakes(model: LoadedModel, dataset: Dataset) -> Mistakes:
    """As `mistakes`, of a model that names classes."""
    check_fits(model, dataset)
    images, labels = dataset.tensors()
    network: Any = model.module
    probabilities, losses = torch.empty(len(labels), len(model.classes)), torch.empty(len(labels), dtype=torch.float64)
    pieces = zip(probabilities.split(BATCH), losses.split(BATCH), labels.split(BATCH), strict=True)
    for scores, (own, loss, truth) in zip(in_batches(model, images, network.logits), pieces, strict=False):
        loss.copy_(F.cross_entropy(scores, truth, reduction="none"))
        own.copy_(scores.softmax(1))
    return Mistakes(dataset, probabilities.numpy(), losses.numpy())
