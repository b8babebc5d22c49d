"""How a network came to be what it is: filters, maps and answers at every checkpoint of a run that was kept."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import torch

from hubel.arch import Row
from hubel.look.access.infer import probabilities_of
from hubel.look.access.record import record
from hubel.look.access.sample import Sample, sample
from hubel.look.inside.filters import filters
from hubel.nn import build
from hubel.tasks import Figure, LoadedModel, need_pictures
from hubel.tasks.decoding import decoding_of
from hubel.train import EpochMetrics, Moment, Run, moments
from hubel.view.words.finding import Drawn

Floats = npt.NDArray[np.float32]

MOST = 16  # channels that are followed
FEW = 4  # checkpoints below which it is said how to keep more


@dataclass(frozen=True, eq=False)
class Changes(Drawn):
    """A run over T moments: its start, where that can be made again, and its kept checkpoints.

    row: the layer that is followed. channels: which of its channels. on_pixels: whether it is given the image itself.
    steps, epochs: of each moment. weights: float32, T×channels×inputs×rows×columns.
    sample, maps, probabilities: the image that was shown, what the layer gave for it (float32, T×channels×H×W, or
    T×channels×1×1 of a vector) and the class probabilities (T×classes); None without an image, and probabilities of a
    model whose answers are no classes.
    moved: for each layer with weights, how far they had moved since the moment before, as a share of their own length
    (Euclidean); T-1 numbers each. metrics: all rows of the run's `metrics.csv`. primary: the
    figure of them that decides. problems: what could not be read.
    """

    drawn_by: ClassVar[str] = "hubel.look.figures.changes:figure"

    name: str
    row: Row
    classes: tuple[str, ...]
    channels: tuple[int, ...]
    on_pixels: bool
    steps: tuple[int, ...]
    epochs: tuple[float, ...]
    weights: Floats = field(repr=False)
    sample: Sample | None
    maps: Floats | None = field(repr=False)
    probabilities: Floats | None = field(repr=False)
    moved: dict[str, tuple[float, ...]] = field(repr=False)
    metrics: tuple[EpochMetrics, ...] = field(repr=False)
    primary: Figure
    problems: tuple[str, ...] = ()

    @property
    def advice(self) -> str:
        """How to keep more checkpoints, where few were kept; "" otherwise."""
        kept = sum(step > 0 for step in self.steps)
        if kept >= FEW:
            return ""
        found = "1 checkpoint of this run was" if kept == 1 else f"{kept} checkpoints of this run were"
        damaged = f" and {len(self.problems)} damaged" if self.problems else ""
        return (
            f"only {found} kept{damaged}; train with --set keep_checkpoints=1000 to keep one an epoch, and --set "
            "checkpoint_seconds=2 for more of them"
        )

    @property
    def outcome(self) -> str:
        """The layer, its moments, and what the image was taken for at first and at last."""
        words = f"{self.row.path} at {len(self.steps):,} moments, steps {self.steps[0]:,} to {self.steps[-1]:,}"
        if self.probabilities is not None and self.sample is not None:
            best = int(self.probabilities[-1].argmax())
            first, last = self.probabilities[0, best], self.probabilities[-1, best]
            words += f"; {self.sample.name} is {self.classes[best]}: {first:.1%} at first, {last:.1%} at last"
        return words

    def data(self) -> dict[str, Any]:
        """All figures as plain values, without weights and maps."""
        answers = None if self.probabilities is None else self.probabilities.round(6).tolist()
        return {
            "network": self.name,
            "layer": self.row.path,
            "channels": list(self.channels),
            "steps": list(self.steps),
            "epochs": list(self.epochs),
            "classes": list(self.classes),
            "probabilities": answers,
            "moved": {path: list(shares) for path, shares in self.moved.items()},
            "advice": self.advice,
            "problems": list(self.problems),
        }


def changes(run: Run, image: Any = None, layer: str | None = None, *, most: int = MOST, device: str = "cpu") -> Changes:
    """Follow a layer's filters over a run's checkpoints, of the first layer with weights where none is named, and with
    an image (a path, bytes, a Pillow image, an array) its maps and the probabilities too. device: where it computes.

    Raises RunError where the run has no whole checkpoint, KeyError (with the nearest) for a layer that is not there,
    ValueError for one without filters, ImageError for an image that cannot be read.
    """
    model = LoadedModel(run.network, build(run.network).eval(), run.preprocessing, run.task).to(device)
    if image is not None:
        need_pictures(model, "following an image")
    shown = None if image is None else sample(model, image)
    problems: list[str] = []
    followed = _Followed(model, shown, layer, most)
    for moment in moments(run, problems):
        followed.see(moment)
    return Changes(
        name=run.network.title,
        row=followed.row,
        classes=run.classes,
        channels=followed.channels,
        on_pixels=followed.on_pixels,
        steps=tuple(followed.steps),
        epochs=tuple(followed.epochs),
        weights=np.stack(followed.weights),
        sample=shown,
        maps=np.stack(followed.maps) if followed.maps else None,
        probabilities=np.stack(followed.answers) if followed.answers else None,
        moved={path: tuple(shares) for path, shares in followed.moved.items()},
        metrics=run.metrics,
        primary=run.task.primary,
        problems=tuple(problems),
    )


class _Followed:
    """What is kept of each moment: far less than its weights."""

    def __init__(self, model: LoadedModel, shown: Sample | None, layer: str | None, most: int) -> None:
        self.model, self.shown = model, shown
        first = filters(model, layer, most=most)
        self.row, self.channels, self.on_pixels = first.row, first.channels, first.on_pixels
        self.steps: list[int] = []
        self.epochs: list[float] = []
        self.weights: list[Floats] = []
        self.maps: list[Floats] = []
        self.answers: list[Floats] = []
        self.moved: dict[str, list[float]] = {}
        self._before: dict[str, torch.Tensor] = {}

    def see(self, moment: Moment) -> None:
        """Take down a moment."""
        self.model.module.load_state_dict(dict(moment.weights))
        self.steps.append(moment.step)
        self.epochs.append(moment.epoch)
        weights = filters(self.model, self.row.path, self.channels).weights
        assert weights is not None  # the layer was chosen among those that have some
        self.weights.append(weights)
        if self.shown is not None:
            output = record(self.model, self.shown.input).outputs[self.row.path][0, list(self.channels)]
            self.maps.append(output.reshape(len(self.channels), *(output.shape[1:] or (1, 1))).numpy())
            if decoding_of(self.model.task.name).names:
                self.answers.append(probabilities_of(self.model, self.shown.input)[0].numpy())
        self._measure()

    def _measure(self) -> None:
        now = _by_layer(self.model)
        for path, vector in now.items():
            if path in self._before:
                length = float(self._before[path].norm()) or 1.0
                self.moved.setdefault(path, []).append(float((vector - self._before[path]).norm()) / length)
        self._before = now


def _by_layer(model: LoadedModel) -> dict[str, torch.Tensor]:
    """Each layer's weights (biases, scales) as one vector, copied, under the layer's path."""
    parts: dict[str, list[torch.Tensor]] = {}
    for name, parameter in model.module.named_parameters():
        parts.setdefault(name.rpartition(".")[0], []).append(parameter.detach().flatten())
    return {path: torch.cat(vectors) for path, vectors in parts.items()}
