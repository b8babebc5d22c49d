"""What tasks share whose targets are a row for each image, something of each name: labels, numbers."""

from __future__ import annotations

import abc
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import torch
from typing_extensions import Self

from hubel import data
from hubel.base.errors import DataError, SettingError
from hubel.data import Dataset, Description, Splits, Targets, TargetsOf
from hubel.data.sources.listing import folded
from hubel.tasks import task
from hubel.tasks.measure import called, evaluate, outputs_of, shown
from hubel.tasks.model import LoadedModel

_SHOWN = 12  # images in a report


@dataclass(frozen=True, eq=False)
class Rows(Targets):
    """A row for each image. values: N×names, of `kind`. classes: the names. called: what values are, in words.
    grouped: by what `strata` puts images together.
    """

    values: npt.NDArray[Any]
    classes: tuple[str, ...]
    kind: ClassVar[type[np.generic]]
    called: ClassVar[str]
    grouped: ClassVar[str]

    @property
    def array(self) -> npt.NDArray[Any]:
        """The rows."""
        return self.values

    def take(self, indices: npt.NDArray[np.int64]) -> Self:
        """Those at these positions, copied."""
        return replace(self, values=self.values[indices])

    def check(self, images: tuple[int, ...]) -> None:
        """Raise DataError where there is not one row an image."""
        wanted = (images[0], len(self.classes))
        if self.values.shape != wanted or self.values.dtype != self.kind or not self.classes:
            raise DataError(
                f"expected {self.called} as {np.dtype(self.kind)} of {wanted}, a row an image, received "
                f"{self.values.dtype} of {self.values.shape}"
            )

    def places(self, classes: Sequence[str]) -> list[int | None]:
        """Which column each of these names has; letters' case does not count."""
        index = {folded(name): number for number, name in enumerate(self.classes)}
        return [index.get(folded(name)) for name in classes]


class OfRows(task.Task):
    """A task of saying an image's row. targets: of which kind rows are. read: makes them of labels and their texts.
    note: what its figures are, for those who read a report.
    """

    targets: ClassVar[type[Rows]]
    read: ClassVar[TargetsOf]
    note: ClassVar[str]

    @classmethod
    def load(cls, source: str, **settings: Any) -> Splits:
        """Images with rows of a table, of folders' or files' names, or of an .npz; see `hubel.data.load`."""
        return data.load(source, targets=cls.read, label_kind=cls.noun[1], **settings)

    def reading(self) -> dict[str, Any]:
        """The names, by which columns of a table are known."""
        return {"known": "\n".join(self.classes)}

    @classmethod
    def describe(cls, source: str, **settings: Any) -> Description:
        """What a set holds, a line a name."""
        return data.describe(source, targets=cls.read, label_kind=cls.noun[1], **settings)

    @classmethod
    def for_dataset(cls, dataset: Dataset) -> Self:
        """The task of saying this set's rows."""
        if not isinstance(dataset.targets, cls.targets):
            raise SettingError(
                f"{dataset.name}: expected {cls.targets.called}, received targets for {dataset.targets.task}"
            )
        return cls.of(dataset.targets.classes, dataset.targets.values)

    @classmethod
    def of(cls, classes: tuple[str, ...], values: npt.NDArray[Any]) -> Self:
        """The task of saying these."""
        return cls.from_settings(classes, {})

    @abc.abstractmethod
    def losses(self, outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """How far outputs are from targets, both N×names: N."""

    @abc.abstractmethod
    def row(self, values: Sequence[float], top: int = 3) -> task.Answer:
        """What is said of an image, by the outcome of a network or by a target."""

    @abc.abstractmethod
    def suspects(self, said: npt.NDArray[np.float64], truth: npt.NDArray[Any]) -> list[tuple[int, int]]:
        """The images and the names whose targets are likely wrong, the likeliest first, of what is said and what is
        true, both N×names.
        """

    def answer(self, model: LoadedModel, image: Any, top: int = 3) -> task.Answer:
        """What is said of one image of any size."""
        return self.answers(model, model.preprocessing.prepare(image)[np.newaxis], top)[0]

    def answers(self, model: LoadedModel, prepared: npt.NDArray[np.uint8], top: int = 3) -> list[task.Answer]:
        """What is said of each image, in forward passes of up to 256 images."""
        return [self.row(each, top) for each in self.outcome(outputs_of(model, prepared).double()).tolist()]

    def sections(self, model: LoadedModel, dataset: Dataset) -> Sequence[task.Section]:
        """The figures of each name, and the images that are furthest from right."""
        found, truth = evaluate(model, dataset), torch.from_numpy(dataset.targets.array)
        outputs = outputs_of(model, dataset.images)
        losses, said = self.losses(outputs, truth), self.outcome(outputs)
        pictures = []
        for index in losses.topk(min(_SHOWN, len(losses))).indices.tolist():
            own, taken = (self.row(each[index].tolist(), len(self.classes)).words()[0] for each in (truth, said))
            pictures.append((f"{called(dataset, index)}: {own}; taken for {taken}", shown(dataset.images[index])))
        note = f"{found.sentence(dataset.name or 'the images')}. {self.note}"
        one, many = self.noun
        return [
            task.Section(many, f"Each {one}", note, found.table(len(self.classes))),
            task.Section("furthest", "Where it is furthest from right", pictures=pictures),
        ]
