"""Classification: one class of a fixed list for every image. Its loss, its predictions, its metrics."""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from hubel.arch import Network
from hubel.base.errors import NetworkError, SettingError
from hubel.base.names import listing
from hubel.data import Dataset, Preprocessing
from hubel.nn import device_of, evaluation_mode
from hubel.tasks._confusion import Confusion, count_pairs
from hubel.tasks._cross_entropy import cross_entropy, shares
from hubel.tasks._model import LoadedModel

AUXILIARY_WEIGHT = 0.3  # of each side exit's loss, as in GoogLeNet (Szegedy et al. 2014, section 5)


@dataclasses.dataclass(frozen=True)
class Classification:
    """The task of naming the class of an image.

    classes: their names, in the order of the network's outputs.
    """

    classes: tuple[str, ...]

    def check(self, network: Network, shape: tuple[int, int, int]) -> None:
        """Raise ValueError where `network` does not take images of `shape` or does not give one number a class."""
        from hubel.arch import analyse

        if tuple(network.input) not in (shape, (shape[0] * shape[1] * shape[2],)):
            raise NetworkError(
                f"expected a network whose input is that of the images, {'×'.join(map(str, shape))}, received one for "
                f"{'×'.join(map(str, network.input))}; write the network with the input {'x'.join(map(str, shape))}"
            )
        output = tuple(analyse(network).output_shape)
        if output != (len(self.classes),):
            raise NetworkError(
                f"expected a network with {len(self.classes)} outputs, one a class, received one whose output is "
                f"{'×'.join(map(str, output))}; end it with 'dense {len(self.classes)} softmax'"
            )


class Targets(NamedTuple):
    """What the network should say of a batch: labels, int64, N. Of mixed images, `share` (float32, N) is of the class
    in `labels` and the rest of that in `other_labels`; both are None where images are not mixed.
    """

    labels: torch.Tensor
    other_labels: torch.Tensor | None = None
    share: torch.Tensor | None = None


class Objective(nn.Module):
    """A network together with its loss, so that what is copied to other processes or compiled is one module.

    Cross-entropy with label smoothing, the side exits' losses added with weight 0.3. Of mixed images it is the mean of
    each label's loss, as much of each as there is of its image.
    """

    def __init__(
        self, network: nn.Module, label_smoothing: float = 0.0, class_weights: torch.Tensor | None = None
    ) -> None:
        super().__init__()
        self.network = network
        self.label_smoothing = label_smoothing
        self.register_buffer("class_weights", class_weights, persistent=False)

    def forward(self, inputs: torch.Tensor, targets: Targets) -> tuple[torch.Tensor, torch.Tensor]:
        """The mean loss, and the logits, for inputs N×C×H×W."""
        network: Any = self.network
        logits, side = network.training_logits(inputs)
        loss = self._loss(logits, targets)
        for other in side:
            loss = loss + AUXILIARY_WEIGHT * self._loss(other, targets)
        return loss, logits.detach()

    def _loss(self, logits: torch.Tensor, targets: Targets) -> torch.Tensor:
        wanted, number = self._shares(logits, targets.labels)
        if targets.share is not None and targets.other_labels is not None:
            other, _ = self._shares(logits, targets.other_labels)
            wanted, number = torch.lerp(other, wanted, targets.share[:, None]), len(targets.labels)
        return cross_entropy(logits.float(), wanted / number)

    def _shares(self, logits: torch.Tensor, labels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor | int]:
        weights: Any = self.class_weights
        return shares(labels, logits.shape[1], self.label_smoothing, weights)


@dataclasses.dataclass(frozen=True)
class ClassMetrics:
    """One class's figures. precision: of what was called so, the share that is; recall: of what is, the share found."""

    name: str
    precision: float
    recall: float
    examples: int


@dataclasses.dataclass(frozen=True)
class Metrics:
    """How well a model does on a set.

    accuracy: share of images whose likeliest class is right, 0 to 1. loss: mean cross-entropy, nats.
    confusion: confusion[true][predicted] is a count of images; see `Confusion`, which takes any number of classes.
    """

    accuracy: float
    loss: float
    per_class: tuple[ClassMetrics, ...]
    confusion: Confusion

    def data(self) -> dict[str, Any]:
        """All of it as plain values; the confusion as `Confusion.data`."""
        return {
            "accuracy": self.accuracy,
            "loss": self.loss,
            "per_class": [dataclasses.asdict(each) for each in self.per_class],
            "confusion": self.confusion.data(),
        }


def predict(model: LoadedModel, images: Any, *, batch_size: int = 256) -> torch.Tensor:
    """The probability of each class for each image: float32, N×classes, rows that add up to 1.

    `images` is a uint8 array or tensor N×height×width×channels of the model's own size, or a sequence of paths, bytes,
    Pillow images or arrays, which are prepared first.
    """
    batch = _as_batch(model.preprocessing, images)
    found = torch.empty(len(batch), len(model.classes))
    with evaluation_mode(model.module), torch.inference_mode():
        for start in range(0, len(batch), batch_size):
            part = slice(start, start + batch_size)
            found[part] = _logits(model.module, model.preprocessing, batch[part]).softmax(1)
    return found


def evaluate(model: LoadedModel, dataset: Dataset, *, batch_size: int = 256) -> Metrics:
    """The model's figures on a labelled set of images of its own size.

    Raises ValueError where the set's classes are not the model's, in its order, or the images are of another size.
    """
    if dataset.classes != model.classes:
        raise SettingError(
            f"expected the model's classes in its order, {listing(model.classes, 12)}, received "
            f"{listing(dataset.classes, 12)} from {dataset.name or 'the data set'}"
        )
    shape = (model.preprocessing.height, model.preprocessing.width, model.preprocessing.channels)
    if dataset.shape != shape:
        raise SettingError(
            f"expected images of {shape}, received {dataset.shape} from {dataset.name or 'the data set'}"
        )
    images, labels = dataset.tensors()
    return measure(model.module, model.preprocessing, images, labels, model.classes, batch_size=batch_size)


def measure(
    module: nn.Module,
    preprocessing: Preprocessing,
    images: torch.Tensor,
    labels: torch.Tensor,
    classes: Sequence[str],
    *,
    batch_size: int = 256,
) -> Metrics:
    """As `evaluate`, on tensors: images uint8 N×H×W×C, labels int64 N. The module's mode is put back afterwards."""
    return figures(*count(module, preprocessing, images, labels, len(classes), batch_size=batch_size), classes)


def count(
    module: nn.Module,
    preprocessing: Preprocessing,
    images: torch.Tensor,
    labels: torch.Tensor,
    classes: int,
    *,
    batch_size: int = 256,
) -> tuple[torch.Tensor, torch.Tensor]:
    """What `figures` are made of, which may be added over parts of a set: how many images of each class (rows) were
    called each (columns), int64, by coordinates above 1,000 classes, and the cross-entropies' sum, float64; on the
    processor.
    """
    device = device_of(module)
    called: list[torch.Tensor] = []
    total = torch.zeros((), dtype=torch.float64)
    with evaluation_mode(module), torch.inference_mode():
        for start in range(0, len(images), batch_size):
            truth = labels[start : start + batch_size].to(device)
            logits = _logits(module, preprocessing, images[start : start + batch_size])
            total += F.cross_entropy(logits, truth, reduction="sum").double().cpu()
            called.append(logits.argmax(1).cpu())
    predicted = torch.cat(called) if called else labels.new_empty(0)
    return count_pairs(labels.cpu(), predicted, classes), total


def figures(confusion: torch.Tensor, total: torch.Tensor, classes: Sequence[str]) -> Metrics:
    """The metrics of a whole set from its counts."""
    counts = Confusion(confusion)
    examples, called, right = counts.totals()
    size = max(1, int(examples.sum()))
    per_class = tuple(
        ClassMetrics(name, _share(right[i], called[i]), _share(right[i], examples[i]), int(examples[i]))
        for i, name in enumerate(classes)
    )
    return Metrics(int(right.sum()) / size, float(total) / size, per_class, counts)


def _share(part: int, whole: int) -> float:
    return float(part) / float(whole) if whole else 0.0


def _logits(module: nn.Module, preprocessing: Preprocessing, images: torch.Tensor) -> torch.Tensor:
    network: Any = module
    logits: torch.Tensor = network.logits(preprocessing.normalise(images.to(device_of(module))))
    return logits.float()


def _as_batch(preprocessing: Preprocessing, images: Any) -> torch.Tensor:
    shape = (preprocessing.height, preprocessing.width, preprocessing.channels)
    if isinstance(images, (np.ndarray, torch.Tensor)):
        with warnings.catch_warnings():  # torch warns of read-only arrays; nothing writes to them
            warnings.filterwarnings("ignore", message=".*not writable", category=UserWarning)
            batch = torch.as_tensor(images)
        if batch.dtype == torch.uint8 and batch.ndim == 4 and tuple(batch.shape[1:]) == shape:
            return batch
        raise SettingError(
            f"expected uint8 images N×{'×'.join(map(str, shape))}, received {batch.dtype} of {tuple(batch.shape)}; "
            "give a list of images and each is brought to this size"
        )
    prepared = [preprocessing.prepare(image) for image in images]
    return torch.from_numpy(np.stack(prepared)) if prepared else torch.empty(0, *shape, dtype=torch.uint8)
