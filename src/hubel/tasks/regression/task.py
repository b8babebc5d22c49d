"""Numbers: their loss, counts, figures and answers."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from types import MappingProxyType
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from hubel.arch import Network, closing_function, ended
from hubel.base.errors import NetworkError, SettingError
from hubel.base.plain import as_number
from hubel.data import Augmentation, TargetsOf
from hubel.data.feed.device import constant
from hubel.tasks import task
from hubel.tasks.regression.targets import Numbers, numbers
from hubel.tasks.rows import OfRows, Rows

_FAR = 5.0  # deviations from which a number may be wrong


@dataclass(frozen=True)
class Regression(OfRows):
    """The task of saying an image's numbers.

    classes: their names, in the order of the network's outputs. means, deviations: of the training images' numbers; the
    network's outputs are in deviations from the means, so that numbers of any size are learned alike.
    """

    classes: tuple[str, ...]
    means: tuple[float, ...]
    deviations: tuple[float, ...]
    name: ClassVar[str] = "regression"
    figures: ClassVar[tuple[task.Figure, ...]] = (
        task.Figure("r2", "R²", "number"),
        task.Figure("mae", "mean absolute error", "number", "lowest"),
        task.Figure("rmse", "root mean squared error", "number", "lowest"),
    )
    running: ClassVar[tuple[task.Figure, ...]] = (task.Figure("mae", "mean absolute error", "number", "lowest"),)
    noun: ClassVar[tuple[str, str]] = Numbers.noun
    score: ClassVar[str] = "output"
    shares: ClassVar[bool] = False
    scores_classes: ClassVar[bool] = True
    defaults: ClassVar[Mapping[str, Any]] = MappingProxyType({"label_smoothing": 0.0})

    note: ClassVar[str] = "R²: the share of the numbers' variance that is told; 0 is saying their mean each time."
    targets: ClassVar[type[Rows]] = Numbers
    read: ClassVar[TargetsOf] = staticmethod(numbers)

    @classmethod
    def of(cls, classes: tuple[str, ...], values: npt.NDArray[Any]) -> Regression:
        """The task of saying these numbers, scaled by their means and deviations."""
        values = values.astype(np.float64)
        spread = values.std(0) if len(values) else np.ones(len(classes))
        means = values.mean(0) if len(values) else np.zeros(len(classes))
        return cls(classes, tuple(means.tolist()), tuple(np.where(spread > 0, spread, 1.0).tolist()))

    def settings(self) -> dict[str, Any]:
        """What outputs are multiplied by, and what is added."""
        return {"means": list(self.means), "deviations": list(self.deviations)}

    @classmethod
    def from_settings(cls, classes: tuple[str, ...], settings: Mapping[str, Any]) -> Regression:
        """The task with these numbers."""
        means, deviations = (tuple(map(as_number, settings[name])) for name in ("means", "deviations"))
        if not len(means) == len(deviations) == len(classes) or not all(d > 0 and math.isfinite(d) for d in deviations):
            raise SettingError(f"expected a mean and a deviation above 0 for each of {len(classes)} numbers")
        return cls(classes, means, deviations)

    def output(self, shape: tuple[int, ...]) -> tuple[tuple[int, ...], str]:
        """An output a number."""
        return (len(self.classes),), f"'dense {len(self.classes)}'"

    def fitted(self, network: Network) -> Network:
        """Outputs without bounds: nothing for softmax."""
        return ended(network, "linear")

    def check(self, network: Network, shape: tuple[int, int, int]) -> None:
        """As every task, and refuse an end that bounds what can be said."""
        super().check(network, shape)
        if (end := closing_function(network)) != "linear":
            raise NetworkError(
                f"expected a network whose outputs have no bounds, since they are numbers, received one that ends with "
                f"{end}; end it with {self.output(shape)[1]}"
            )

    def check_training(self, balance: str, augmentation: Augmentation) -> None:
        """Refuse what needs classes."""
        if balance != "none":
            raise SettingError(
                f"recipe: expected balance 'none' with numbers, which are no classes, received {balance!r}"
            )

    def objective(
        self, network: nn.Module, label_smoothing: float = 0.0, class_weights: torch.Tensor | None = None
    ) -> Objective:
        """The network with the mean squared error."""
        if label_smoothing:
            raise SettingError("recipe: expected label_smoothing 0 with numbers, which are no shares of classes")
        return Objective(network, self)

    def on_the_way(self, outputs: torch.Tensor, targets: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """The mean absolute error, in the numbers' own units."""
        return ((self.outcome(outputs.float()) - targets).abs().mean(),)

    def scaled(self, targets: torch.Tensor) -> torch.Tensor:
        """Numbers in their own units, N×K, in deviations from the means."""
        return (targets - self._like(self.means, targets)) / self._like(self.deviations, targets)

    def outcome(self, scores: torch.Tensor) -> torch.Tensor:
        """The network's outputs, N×K, as numbers in their own units."""
        return scores * self._like(self.deviations, scores) + self._like(self.means, scores)

    @staticmethod
    def _like(numbers: tuple[float, ...], found: torch.Tensor) -> torch.Tensor:
        return constant(numbers, found.device, found.dtype)

    def counts(self) -> _Counts:
        """Sums of errors and of numbers."""
        return _Counts(self)

    def measured(self, counts: Sequence[torch.Tensor]) -> Metrics:
        """R² and errors of each number, and their means."""
        return metrics(counts[0], self)

    def losses(self, outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """The mean squared error of an image's scaled numbers."""
        return (outputs.float() - self.scaled(targets)).square().mean(1)

    def suspects(self, said: npt.NDArray[np.float64], truth: npt.NDArray[Any]) -> list[tuple[int, int]]:
        """Numbers that are further off than five deviations of the others, told by the median of distances."""
        off = np.abs(said - truth)
        usual = 1.4826 * np.median(off, 0) if len(off) else off.sum(0)
        times = off / np.where(usual > 0, usual, np.inf)
        order = np.argsort(-times, axis=None, kind="stable")[: int((times > _FAR).sum())]
        return [(index // off.shape[1], index % off.shape[1]) for index in order.tolist()]

    def said(self, outcome: torch.Tensor) -> torch.Tensor:
        """All of the numbers."""
        return torch.ones(len(outcome), dtype=torch.bool)

    def tell(self, outcome: float) -> str:
        """The number."""
        return f"{outcome:.5g}"

    def foremost(self, scores: torch.Tensor, most: int) -> list[list[int]]:
        """The first numbers of each image: they have no order besides their own."""
        return [list(range(most))] * len(scores)

    def row(self, values: Sequence[float], top: int = 3) -> task.Answer:
        """The numbers by their names."""
        return Measurement(dict(zip(self.classes, values, strict=True)))


@dataclass(frozen=True)
class Measurement(task.Answer):
    """The numbers of an image, by name."""

    numbers: Mapping[str, float]

    def data(self) -> dict[str, Any]:
        """The numbers."""
        return {"numbers": {name: float(f"{value:.7g}") for name, value in self.numbers.items()}}

    def words(self) -> tuple[str, ...]:
        """The numbers, with their names where they are several."""
        if len(self.numbers) == 1:
            return (f"{next(iter(self.numbers.values())):.5g}",)
        return (", ".join(f"{name} {value:.5g}" for name, value in self.numbers.items()),)

    def row(self) -> dict[str, Any]:
        """A cell a number."""
        return {f"#{name}": value for name, value in self.data()["numbers"].items()}


class Objective(task.Objective):
    """The mean squared error of scaled numbers; of mixed images, of as much of each as there is. Targets: float32,
    N×K.
    """

    def __init__(self, network: nn.Module, wanted: Regression) -> None:
        super().__init__(network)
        self.wanted = wanted

    def loss(
        self, outputs: torch.Tensor, targets: torch.Tensor, others: torch.Tensor | None, share: torch.Tensor | None
    ) -> torch.Tensor:
        """The mean loss of outputs, N×K."""
        if share is not None and others is not None:
            targets = torch.lerp(others, targets, share[:, None])
        return self.wanted.losses(outputs, targets).mean()


class _Counts(task.Counts):
    """For each number, float64, K×5: images, and the sums of scaled numbers, of their squares, of errors and of squared
    errors.
    """

    def __init__(self, wanted: Regression) -> None:
        self.wanted = wanted
        self.sums = torch.zeros(len(wanted.classes), 5, dtype=torch.float64)

    def add(self, outputs: torch.Tensor, targets: torch.Tensor) -> None:
        """Count a batch."""
        wanted = self.wanted.scaled(targets.double())
        errors = outputs.double() - wanted
        columns = torch.ones_like(wanted), wanted, wanted.square(), errors.abs(), errors.square()
        self.sums = self.sums.to(outputs.device) + torch.stack([column.sum(0) for column in columns], 1)

    def tensors(self) -> tuple[torch.Tensor, ...]:
        """The sums."""
        return (self.sums.cpu(),)


@dataclass(frozen=True)
class NumberMetrics:
    """One number's figures, in its own units. r2: 1 less the squared errors over the squared distances from the mean;
    None where all images have the same number, or there is one alone.
    """

    name: str
    r2: float | None
    mae: float
    rmse: float
    mean: float
    deviation: float


@dataclass(frozen=True)
class Metrics(task.Measured):
    """How well a model says numbers. r2, mae, rmse: the means over numbers (the latter in their own units each)."""

    per_number: tuple[NumberMetrics, ...]
    loss: float
    images: int

    @property
    def figures(self) -> Mapping[str, float]:
        """R², errors, and the loss."""
        known = [each.r2 for each in self.per_number if each.r2 is not None]
        return {
            "r2": sum(known) / len(known) if known else math.nan,
            "mae": sum(each.mae for each in self.per_number) / len(self.per_number),
            "rmse": sum(each.rmse for each in self.per_number) / len(self.per_number),
            "loss": self.loss,
        }

    def data(self) -> dict[str, Any]:
        """All of it as plain values."""
        return {**self.figures, "per_number": [asdict(each) for each in self.per_number]}

    def sentence(self, of: str) -> str:
        """R² and the mean absolute error."""
        found = self.figures
        r2 = "no" if math.isnan(found["r2"]) else f"{found['r2']:.4f}"
        told = f"{r2} R² on {of}, mean absolute error {found['mae']:.4g}, loss {self.loss:.4f}"
        same = [each.name for each in self.per_number if each.r2 is None]
        return told + (f"; {', '.join(same)} is the same everywhere, and has no R²" if same else "")

    def table(self, most: int) -> task.Table:
        """Each number; of more than `most`, those of least R²."""
        rows, note = list(self.per_number), ""
        if len(rows) > most:
            note = f"the {most} numbers of least R², of {len(rows)}; all of them: --json"
            rows = sorted(rows, key=lambda each: (each.r2 is None, each.r2 or 0.0))[:most]
        titles = ("number", "#R²", "#mean absolute error", "#root mean squared error", "#mean", "#deviation")
        cells = ((each.mae, each.rmse, each.mean, each.deviation) for each in rows)
        r2s = ("·" if each.r2 is None else f"{each.r2:.4f}" for each in rows)
        shown = (tuple(f"{value:.4g}" for value in row) for row in cells)
        return task.Table(
            titles, tuple((each.name, r2, *row) for each, r2, row in zip(rows, r2s, shown, strict=True)), note
        )


def metrics(sums: torch.Tensor, wanted: Regression) -> Metrics:
    """The metrics of a set from its sums (see `_Counts`)."""
    found, losses = [], 0.0
    for name, mean, scale, row in zip(wanted.classes, wanted.means, wanted.deviations, sums.tolist(), strict=True):
        images, total, squares, errors, squared = row
        size = max(1.0, images)
        spread = max(0.0, squares - total * total / size)
        r2 = 1 - squared / spread if images > 1 and spread > 1e-12 * size else None
        about = total / size * scale + mean, math.sqrt(spread / size) * scale
        found.append(NumberMetrics(name, r2, errors / size * scale, math.sqrt(squared / size) * scale, *about))
        losses += squared / size
    return Metrics(tuple(found), losses / max(1, len(found)), int(sums[0, 0]))
