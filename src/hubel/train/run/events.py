"""What a training run tells whoever listens: plain values, in order, from the process that trains."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, ClassVar

from hubel.tasks import Task
from hubel.tasks.results import LOSS
from hubel.train.recipe.recipe import Recipe
from hubel.train.run.samples import Sample

_EVALUATION = "evaluation_"


class NamedFigures:
    """Figures that can be read as attributes too: `row.accuracy`, `row.evaluation_loss`."""

    __dataclass_fields__: ClassVar[dict[str, Any]]

    def named_figures(self) -> Mapping[str, Any]:
        """All of them by name."""
        raise NotImplementedError

    def __getattr__(self, name: str) -> Any:
        if not name.startswith("_") and name not in self.__dataclass_fields__:
            found = self.named_figures()
            if name in found:
                return found[name]
        raise AttributeError(f"{type(self).__name__} has no attribute {name!r}")


@dataclasses.dataclass(frozen=True)
class Started:
    """Training begins, or goes on where it stopped. steps: of the whole run; step: those already done. trained: how
    many of the parameters are, where some are frozen or fixed. example: what it is trained on, one and many.

    problems: what was found wrong on the way and got round, such as a damaged checkpoint.
    """

    directory: Path
    recipe: Recipe
    task: Task
    parameters: int
    trained: int
    examples: int
    step: int
    steps: int
    problems: tuple[str, ...] = ()
    example: tuple[str, str] = Task.example


@dataclasses.dataclass(frozen=True)
class Progress(NamedFigures):
    """A few times a second. epoch: from 1; step: done of `steps` in the whole run; figures: the loss and the task's, of
    the training images since the last such event; seconds_left: of training, at the present pace.
    """

    epoch: int
    epochs: int
    step: int
    steps: int
    figures: Mapping[str, float]
    images_per_second: float
    seconds_left: float

    def named_figures(self) -> Mapping[str, float]:
        """The figures, by their own names."""
        return self.figures


@dataclasses.dataclass(frozen=True)
class EpochMetrics(NamedFigures):
    """An epoch is over; a row of `metrics.csv`.

    training: the loss and the task's figures of the training images, on the way. evaluation: afterwards, of the images
    that `evaluated` names ("validation" or "test"; "" and NaN where there are none). seconds: since the start. In the
    file, and as attributes, figures have their own names, those of the evaluation with "evaluation_" before them.
    """

    epoch: int
    step: int
    learning_rate: float
    training: Mapping[str, float]
    evaluated: str
    evaluation: Mapping[str, float]
    images_per_second: float
    seconds: float

    def named_figures(self) -> Mapping[str, float]:
        """All figures, as the file names them."""
        return {**self.training, **{f"{_EVALUATION}{name}": value for name, value in self.evaluation.items()}}

    def to_row(self) -> dict[str, str | int | float]:
        """The columns of `metrics.csv`, in order."""
        fields = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        evaluation = {f"{_EVALUATION}{name}": value for name, value in fields.pop("evaluation").items()}
        columns: dict[str, str | int | float] = {}
        for name, value in fields.items():
            columns |= value if name == "training" else {name: value}
            columns |= evaluation if name == "evaluated" else {}
        return columns

    @classmethod
    def from_row(cls, columns: Mapping[str, Any]) -> EpochMetrics:
        """The row of a file, whatever figures it has. Raises KeyError for a missing column, and ValueError."""
        own = {field.name for field in dataclasses.fields(cls)} - {"training", "evaluation"}
        kinds: dict[str, Any] = {"epoch": int, "step": int, "evaluated": str}
        values: dict[str, Any] = {name: kinds.get(name, float)(columns[name]) for name in own}
        figures = {name: float(value) for name, value in columns.items() if name not in own}
        for name in (LOSS.name, f"{_EVALUATION}{LOSS.name}"):  # the loss comes first, however a file has them
            figures = {name: figures[name], **figures} if name in figures else figures
        training = {name: value for name, value in figures.items() if not name.startswith(_EVALUATION)}
        measured = {name.removeprefix(_EVALUATION): each for name, each in figures.items() if name not in training}
        return cls(training=training, evaluation=measured, **values)


@dataclasses.dataclass(frozen=True)
class Notice:
    """Something that one should know of; training goes on."""

    message: str


@dataclasses.dataclass(frozen=True)
class Finished:
    """The model is written. reason: why training ended ("the recipe's epochs are done", …)."""

    model: Path
    reason: str
    seconds: float


Event = Started | Progress | EpochMetrics | Sample | Notice | Finished
Listener = Callable[[Event], None]
