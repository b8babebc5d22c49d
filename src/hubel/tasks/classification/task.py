"""Classification: one class of a fixed list for every image. Its loss, its counts, its answers."""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import nn

from hubel.base.errors import SettingError
from hubel.data import Description, Preprocessing, Splits, describe, image_files, load
from hubel.data.prepare.arrays import as_array
from hubel.nn import evaluation_mode
from hubel.tasks import task
from hubel.tasks.answer import Named
from hubel.tasks.classification.confusion import count_codes
from hubel.tasks.classification.metrics import Metrics, metrics
from hubel.tasks.cross_entropy import cross_entropy, shares
from hubel.tasks.model import LoadedModel
from hubel.tasks.outputs import outputs


@dataclass(frozen=True)
class Classification(task.Task):
    """The task of naming the class of an image.

    classes: their names, in the order of the network's outputs.
    """

    classes: tuple[str, ...]
    name: ClassVar[str] = "classification"
    figures: ClassVar[tuple[task.Figure, ...]] = (task.Figure("accuracy", "accuracy"),)
    running: ClassVar[tuple[task.Figure, ...]] = (task.Figure("accuracy", "accuracy"),)
    scores_classes: ClassVar[bool] = True

    def headline(self, figures: Mapping[str, float], of: str) -> str:
        """How many images are right."""
        return f"{figures['accuracy']:.2%} of {of} right"

    @classmethod
    def load(cls, source: str, **settings: Any) -> Splits:
        """Images with labels; see `hubel.data.load`."""
        return load(source, **settings)

    @classmethod
    def describe(cls, source: str, *, void: int | None = None, **settings: Any) -> Description:
        """Classes, counts, sizes, copies; see `hubel.data.describe`."""
        if void is not None:
            raise SettingError(f"{source}: --void is said of masks, and there are none")
        return describe(source, **settings)

    def output(self, shape: tuple[int, ...]) -> tuple[tuple[int, ...], str]:
        """A number a class."""
        return (len(self.classes),), f"'dense {len(self.classes)} softmax'"

    def objective(
        self, network: nn.Module, label_smoothing: float = 0.0, class_weights: torch.Tensor | None = None
    ) -> Objective:
        """The network with cross-entropy."""
        return Objective(network, label_smoothing, class_weights)

    def on_the_way(self, outputs: torch.Tensor, targets: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """The share of right answers."""
        return ((outputs.argmax(1) == targets).sum() / len(targets),)

    def counts(self) -> _Counts:
        """Of pairs of classes, and the losses' sum."""
        return _Counts(len(self.classes))

    def measured(self, counts: Sequence[torch.Tensor]) -> Metrics:
        """Accuracy, loss, precision and recall of each class, and what it is taken for."""
        return metrics(counts[0], counts[1], self.classes)

    def answer(self, model: LoadedModel, image: Any, top: int = 3) -> task.Answer:
        """The likeliest classes with their probabilities."""
        return self.answers(model, model.preprocessing.prepare(image)[np.newaxis], top)[0]

    def answers(self, model: LoadedModel, prepared: npt.NDArray[np.uint8], top: int = 3) -> list[task.Answer]:
        """The likeliest classes of each image, in one forward pass of up to 256 images."""
        best = predict(model, prepared).topk(min(top, len(self.classes)))
        rows = zip(best.indices.tolist(), best.values.tolist(), strict=True)
        return [Named(tuple((self.classes[i], p) for i, p in zip(*row, strict=True))) for row in rows]


class Objective(task.Objective):
    """Cross-entropy with label smoothing. Of mixed images it is the mean of each label's loss, as much of each as
    there is of its image. Targets are labels, int64, N.
    """

    def __init__(
        self, network: nn.Module, label_smoothing: float = 0.0, class_weights: torch.Tensor | None = None
    ) -> None:
        super().__init__(network)
        self.label_smoothing = label_smoothing
        self.register_buffer("class_weights", class_weights, persistent=False)

    def loss(
        self, outputs: torch.Tensor, targets: torch.Tensor, others: torch.Tensor | None, share: torch.Tensor | None
    ) -> torch.Tensor:
        """The mean loss of logits, N×classes."""
        wanted, number = self._shares(outputs, targets)
        if share is not None and others is not None:
            other, _ = self._shares(outputs, others)
            wanted, number = torch.lerp(other, wanted, share[:, None]), len(targets)
        return cross_entropy(outputs.float(), wanted / number)

    def _shares(self, logits: torch.Tensor, labels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor | int]:
        weights: Any = self.class_weights
        return shares(labels, logits.shape[1], self.label_smoothing, weights)


class _Counts(task.Counts):
    """How many images of each class (rows) were taken for each (columns), int64, by coordinates above 1,000 classes;
    and the cross-entropies' sum, float64.
    """

    def __init__(self, classes: int) -> None:
        self.classes = classes
        # both come to be on the outputs' device, and stay there: fetching them after each batch means waiting for it
        self.codes: list[torch.Tensor] = []
        self.total = torch.zeros((), dtype=torch.float64)

    def add(self, outputs: torch.Tensor, targets: torch.Tensor) -> None:
        """Count a batch."""
        self.total = self.total + F.cross_entropy(outputs, targets, reduction="sum").double()
        self.codes.append(targets * self.classes + outputs.argmax(1))

    def tensors(self) -> tuple[torch.Tensor, ...]:
        """Pairs and total."""
        codes = torch.cat(self.codes).cpu() if self.codes else torch.empty(0, dtype=torch.int64)
        return count_codes(codes, self.classes), self.total.cpu()


def predict(model: LoadedModel, images: Any, *, batch_size: int = 256) -> torch.Tensor:
    """What the task answers for each image, as numbers, float32: of classes the probabilities, N×classes, rows that add
    up to 1; of labels the probability of each; of numbers these (see `Task.outcome`).

    `images` is a uint8 array or tensor N×height×width×channels of the model's own size, or a sequence of paths, bytes,
    Pillow images or arrays, which are prepared first; or one path: a folder, a pattern or a list of images, or an image
    (see `hubel.data.image_files`).
    """
    if isinstance(images, (str, os.PathLike)):
        images = image_files(images)
    batch = _as_batch(model.preprocessing, images)
    found = [torch.empty(0, len(model.classes))] if not len(batch) else []
    with evaluation_mode(model.module), torch.inference_mode():
        for start in range(0, len(batch), batch_size):
            scores = outputs(model.module, model.preprocessing, batch[start : start + batch_size])
            found.append(model.task.outcome(scores).float().cpu())
    return torch.cat(found)


def _as_batch(preprocessing: Preprocessing, images: Any) -> torch.Tensor:
    shape = (preprocessing.height, preprocessing.width, preprocessing.channels)
    if not hasattr(images, "__iter__") or hasattr(images, "__array__") or isinstance(images, memoryview):
        if not isinstance(images, torch.Tensor) or images.dtype != torch.uint8:
            images = as_array(images, "images")
        with warnings.catch_warnings():  # torch warns of read-only arrays; nothing writes to them
            warnings.filterwarnings("ignore", message=".*not writable", category=UserWarning)
            batch = torch.as_tensor(np.ascontiguousarray(images) if isinstance(images, np.ndarray) else images)
        if batch.dtype == torch.uint8 and batch.ndim == 4 and tuple(batch.shape[1:]) == shape:
            return batch
        raise SettingError(
            f"expected uint8 images N×{'×'.join(map(str, shape))}, received {batch.dtype} of {tuple(batch.shape)}; "
            "give a list of images and each is brought to this size"
        )
    prepared = [preprocessing.prepare(image) for image in images]
    return torch.from_numpy(np.stack(prepared)) if prepared else torch.empty(0, *shape, dtype=torch.uint8)
