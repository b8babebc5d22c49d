"""Where a model that says labels or numbers is furthest from right, and which of its targets may be wrong."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import torch

from hubel.data import Dataset
from hubel.look.access.infer import check_size
from hubel.tasks import LoadedModel, Measured, evaluate
from hubel.tasks.measure import outputs_of
from hubel.tasks.rows import OfRows
from hubel.view.words.finding import Drawn
from hubel.view.words.tables import Table

Indices = npt.NDArray[np.int64]

_TOLD = 8  # images in a terminal
_LISTED = 100  # images that `data` names


@dataclass(frozen=True, eq=False)
class Furthest(Drawn):
    """A model's answers to a set of images with labels or numbers, one forward pass.

    dataset: the images and what is true of them, N×names. task: what the model says. losses: float64, N. said: float64,
    N×names: probabilities of labels, or numbers in their own units. measured: the figures of the set.
    """

    drawn_by: ClassVar[str] = "hubel.look.figures.furthest:figure"

    dataset: Dataset
    task: OfRows
    losses: npt.NDArray[np.float64] = field(repr=False)
    said: npt.NDArray[np.float64] = field(repr=False)
    measured: Measured = field(repr=False)

    @property
    def outcome(self) -> str:
        """The figures of the set."""
        return self.measured.sentence(self.dataset.name or "the images")

    def order(self, most: int | None = None) -> Indices:
        """The images, the furthest from right first: indices, int64."""
        return np.argsort(-self.losses, kind="stable")[:most]

    def suspects(self) -> list[tuple[int, int]]:
        """Images and names whose target is likely wrong, by the task's rule, the likeliest first."""
        return self.task.suspects(self.said, self.dataset.targets.array)

    def words(self, index: int) -> tuple[str, str]:
        """What is true of an image, and what is said of it."""
        truth = self.dataset.targets.array[index].astype(np.float64).tolist()
        names = len(self.task.classes)
        is_, taken = (self.task.row(each, names).words() for each in (truth, self.said[index].tolist()))
        return is_[0], ", ".join(filter(None, taken[:2]))

    def suspicion(self, index: int, name: int) -> str:
        """In words, which target of an image may be wrong, and what is said in its place."""
        true, said = self.dataset.targets.array[index, name], self.said[index, name]
        return f"{self.task.classes[name]} is {true:.5g}, said {said:.4g}"

    def name_of(self, index: int) -> str:
        """What to call an image: the path that it came from, or its number."""
        return self.dataset.paths[index] if self.dataset.paths else f"image {index}"

    def lines(self, width: int = 160) -> Iterator[str]:
        """The images furthest from right, and how many targets may be wrong."""
        for index in self.order(_TOLD).tolist():
            true, said = self.words(index)
            yield f"{self.name_of(index)}: {true}; taken for {said}"
        yield f"{self.task.noun[1]} that may be wrong: {len(self.suspects()):,}; see them with -o mistakes.html or .csv"

    def tables(self) -> list[Table]:
        """A row an image, the furthest from right first: where and what it is, what is said, what may be wrong."""
        wrong: dict[int, list[str]] = {}
        for index, name in self.suspects():
            wrong.setdefault(index, []).append(self.task.classes[name])
        columns = [f"#{name}{end}" for name in self.task.classes for end in ("", " said")]
        rows = []
        for index in self.order().tolist():
            truth, said = self.dataset.targets.array[index].tolist(), self.said[index].tolist()
            pairs = [float(f"{value:.6g}") for pair in zip(truth, said, strict=True) for value in pair]
            path = self.dataset.paths[index] if self.dataset.paths else ""
            rows.append((index, path, *pairs, round(float(self.losses[index]), 6), ";".join(wrong.get(index, []))))
        heads = ("#index", "path", *columns, "#loss", f"{self.task.noun[1]} that may be wrong")
        return [Table(heads, tuple(rows), self.outcome)]

    def data(self) -> dict[str, Any]:
        """All figures as plain values."""
        return {
            "images": len(self.losses),
            **self.measured.data(),
            "furthest": [self._answer(index) for index in self.order(_LISTED).tolist()],
            "suspects": [
                {**self._answer(index), "name": self.task.classes[name]} for index, name in self.suspects()[:_LISTED]
            ],
        }

    def _answer(self, index: int) -> dict[str, Any]:
        truth = dict(zip(self.task.classes, self.dataset.targets.array[index].tolist(), strict=True))
        said = {name: float(f"{v:.6g}") for name, v in zip(self.task.classes, self.said[index].tolist(), strict=True)}
        path = {"path": self.dataset.paths[index]} if self.dataset.paths else {}
        return {"index": index, **path, "true": truth, "said": said, "loss": round(float(self.losses[index]), 6)}


def furthest(model: LoadedModel, task: OfRows, dataset: Dataset) -> Furthest:
    """The model's answers to a set of images of its own size, whose targets are of its names.

    Raises ValueError where they are not.
    """
    check_size(model, dataset)
    measured = evaluate(model, dataset)
    outputs, truth = outputs_of(model, dataset.images), torch.from_numpy(dataset.targets.array)
    losses = task.losses(outputs, truth).double().numpy()
    return Furthest(dataset, task, losses, task.outcome(outputs.double()).numpy(), measured)
