"""Detection: its targets' loss, counts, figures and answers."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from torch import nn

from hubel import zoo
from hubel.arch import Network, analyse
from hubel.base.errors import SettingError
from hubel.data import Augmentation, Dataset, Splits
from hubel.data._marked import placed
from hubel.data.boxes.describe import BoxesDescription, describe
from hubel.data.boxes.find import recognises
from hubel.data.boxes.load import load
from hubel.data.boxes.targets import AREA, BOTTOM, CLASS, COLUMNS, CROWD, LEFT, NUMBER, ROWS, Boxes, sides
from hubel.tasks import task
from hubel.tasks.detection.answer import Detected
from hubel.tasks.detection.coco import MOST, Said, Truth, score
from hubel.tasks.detection.decode import Found, decode, peaks, settled
from hubel.tasks.detection.decoding import PRIOR
from hubel.tasks.detection.loss import losses
from hubel.tasks.detection.metrics import Metrics, metrics
from hubel.tasks.detection.sections import sections
from hubel.tasks.measure import outputs_of, whole_of
from hubel.tasks.model import LoadedModel
from hubel.tasks.places import Places

_LARGEST_SET = 2**24  # pictures, which are told apart by a number in single precision
_MOST_FOUND = 1000  # boxes of an image
_CELLS = 3  # of the grid that a small object's side is to have, at least
_STRIDES = (2, 4, 8)
_CLIP = 10.0  # of the gradient's norm, which is large where few objects lie among many places
_PIXELS = 2**20  # of a batch
_STEPS = 2000  # of training where nothing says how long
_ZOOM = 1.2  # times that images are enlarged or reduced in training, at most


@dataclass(frozen=True)
class Detection(Places):
    """The task of finding objects: their boxes and classes.

    ids: what each class is called in the data's files by number. usual: half an object's usual width and height, in
    shares of the image's. most: boxes that are looked for in an image. stride: pixels between the network's places.
    """

    classes: tuple[str, ...]
    ids: tuple[int, ...]
    usual: tuple[float, float]
    most: int = 100
    stride: int = 4
    name: ClassVar[str] = "detection"
    figures: ClassVar[tuple[task.Figure, ...]] = (
        task.Figure("map", "mAP (50:95)"),
        task.Figure("map50", "mAP 50"),
        task.Figure("map75", "mAP 75"),
    )
    draws: ClassVar[bool] = True
    targets_noun: ClassVar[str] = "boxes"
    guesses: ClassVar[bool] = False
    scores_classes: ClassVar[bool] = True

    @classmethod
    def recognises(cls, source: str) -> bool:
        """Whether there are boxes beside pictures."""
        return recognises(source)

    @classmethod
    def load(cls, source: str, **settings: Any) -> Splits:
        """Pictures and boxes; see `hubel.data.boxes.load.load`."""
        return load(source, **settings)

    @classmethod
    def describe(cls, source: str, **settings: Any) -> BoxesDescription:
        """Boxes, their sizes and places, and what is odd; see `hubel.data.boxes.describe.describe`."""
        return describe(source, **settings)

    @classmethod
    def for_dataset(cls, dataset: Dataset) -> Detection:
        """The task of finding this set's objects: half as large as usual, at most twice as many as an image has."""
        boxes = dataset.targets
        if not isinstance(boxes, Boxes):
            raise SettingError(f"{dataset.name or 'data set'}: expected boxes, received targets for {boxes.task}")
        own = sides(boxes.rows, (1, 1))
        usual = np.median(own, 0) / 2 if len(own) else np.array([0.1, 0.1])
        many = int((boxes.rows[:, 1:, CLASS] >= 0).sum(1).max(initial=0))
        most = min(_MOST_FOUND, max(MOST[-1], 2 * many))
        half = tuple(round(float(max(side, 1e-4)), 6) for side in usual)
        return cls(boxes.classes, boxes.ids, (half[0], half[1]), most, _stride(boxes, dataset.shape))

    def settings(self) -> dict[str, Any]:
        """Numbers of classes, usual size, and how many are looked for."""
        return {"ids": list(self.ids), "usual": list(self.usual), "most": self.most, "stride": self.stride}

    @classmethod
    def from_settings(cls, classes: tuple[str, ...], settings: Mapping[str, Any]) -> Detection:
        """The task with these classes."""
        ids = tuple(int(each) for each in settings["ids"])
        across, down = (float(side) for side in settings["usual"])
        most, stride = int(settings["most"]), int(settings["stride"])
        if len(ids) != len(classes) or not (0 < across < 2 > down > 0) or not 1 <= most <= _MOST_FOUND or stride < 1:
            raise SettingError(
                f"expected a number for each of {len(classes)} classes, a usual size above 0, and 1 to {_MOST_FOUND} "
                "boxes an image"
            )
        return cls(classes, ids, (across, down), most, stride)

    def output(self, shape: tuple[int, ...]) -> tuple[tuple[int, ...], str]:
        """Places every `stride` pixels: a number a class, and how far the four sides are."""
        channels = len(self.classes) + 4
        grid = tuple(-(-side // self.stride) for side in shape[:2])
        return (*grid, channels), f"'conv {channels} 1x1' at a half to a sixteenth of the images' size"

    def finest(self, shape: tuple[int, ...]) -> int:
        """As small objects want it."""
        return self.stride

    def fitted(self, network: Network) -> Network:
        """The network, or, of one that says something of the image as a whole, the U that is made of it."""
        if len(network.input) < 3 or len(analyse(network).output_shape) == 3:
            return network
        return zoo.dense(network, self.output(network.input)[0][2], self.stride)

    @classmethod
    def rules(cls, network: Network, training: Dataset) -> Mapping[str, Any]:
        """As of all such tasks, but images are seen whole, since distances are shares of what is seen, and nothing is
        mirrored in from outside, where no box would say that it is there.
        """
        rules = super().rules(network, training)
        height, width, _ = training.shape
        batch = min(int(rules["batch_size"]), max(2, _PIXELS // (height * width)))
        augmentation = replace(Augmentation.parse(rules["augmentation"]), window=0, zoom=_ZOOM, fill=0)
        epochs = float(max(4, min(500, math.ceil(_STEPS / max(1, len(training) // batch)))))
        own = {"batch_size": batch, "augmentation": str(augmentation), "epochs": epochs, "clip_norm": _CLIP}
        return {**rules, **own}

    def probabilities(self, logits: torch.Tensor) -> torch.Tensor:
        """That the middle of an object of each class lies there, each by itself."""
        return (logits[:, : len(self.classes)] + PRIOR).sigmoid()

    def outcome(self, scores: torch.Tensor) -> torch.Tensor:
        """What the network says, as it is."""
        return scores

    def check_training(self, balance: str, augmentation: Augmentation) -> None:
        """Refuse what needs one class an image, and what boxes cannot follow."""
        if balance != "none":
            raise SettingError("recipe: expected balance 'none' with boxes, whose images have several classes")
        if augmentation.window:
            raise SettingError(
                "recipe: expected an augmentation without a window for detection, whose distances are shares of what "
                f"is seen, received {augmentation}"
            )
        super().check_training(balance, augmentation)

    def objective(
        self, network: nn.Module, label_smoothing: float = 0.0, class_weights: torch.Tensor | None = None
    ) -> Objective:
        """The network with the loss of heat maps and boxes."""
        return Objective(network, len(self.classes), self.usual)

    def counts(self) -> _Counts:
        """All boxes that are found, and all that are there."""
        return _Counts(self)

    def measured(self, counts: Sequence[torch.Tensor]) -> Metrics:
        """COCO's figures, those of each class, and the loss."""
        said, there, total = counts
        truth, found = _truth(there.coalesce()), _said(said.coalesce())
        loss = float(total[0] / total[1]) if total[1] else float("nan")
        crowds = np.unique(truth.pictures * len(self.classes) + truth.classes, return_counts=True)[1]
        most = int(crowds.max(initial=0))
        return metrics(score(truth, found, len(self.classes)), self.classes, loss, int(total[1]), most)

    def answer(self, model: LoadedModel, image: Any, top: int = 3) -> Detected:
        """The objects of a picture, in its own pixels."""
        picture = whole_of(model, image, None)
        whole = np.asarray(picture.convert("RGB") if isinstance(picture, Image.Image) else picture)
        outputs = outputs_of(model, model.preprocessing.prepare(picture)[np.newaxis])
        found = decode(outputs, len(self.classes), self.usual, self.most)
        kind = model.preprocessing
        frame = placed((whole.shape[0], whole.shape[1]), (kind.height, kind.width), kind.fit)
        boxes = in_pixels(found.boxes[0].double().numpy(), np.array(frame), whole.shape[:2])
        kept = (found.scores[0].numpy() > 0) & (boxes[:, 2:] > boxes[:, :2]).all(1)
        scores, kinds = found.scores[0].numpy()[kept], found.classes[0].numpy()[kept]
        return Detected(self.classes, self.ids, boxes[kept], scores, kinds, whole)

    def sections(self, model: LoadedModel, dataset: Dataset) -> Sequence[task.Section]:
        """Each class's figures, curves, and images beside what is there and what is found, and the mistakes."""
        return sections(self, model, dataset)


def _stride(boxes: Boxes, shape: tuple[int, ...]) -> int:
    """Pixels between places: a third of the shorter side of objects at most, but for a quarter of each class."""
    kinds = boxes.rows[:, 1:, CLASS][boxes.rows[:, 1:, CLASS] >= 0]
    shorter = sides(boxes.rows, shape).min(1)
    small = min((float(np.percentile(shorter[kinds == kind], 25)) for kind in np.unique(kinds)), default=16.0)
    return max((stride for stride in _STRIDES if stride * _CELLS <= small), default=_STRIDES[0])


def in_pixels(
    boxes: npt.NDArray[np.float64], frames: npt.NDArray[np.float64], size: Sequence[Any]
) -> npt.NDArray[np.float64]:
    """Boxes …×4 in shares of an image, in pixels of the picture (height, width) that lies at `frames` in it (…×4), cut
    at its edges.
    """
    low, side = frames[..., [0, 1, 0, 1]], (frames[..., 2:] - frames[..., :2])[..., [0, 1, 0, 1]]
    whole = np.stack([size[1], size[0], size[1], size[0]], -1).astype(np.float64)
    found: npt.NDArray[np.float64] = np.clip((boxes - low) / side * whole, 0, whole)
    return found


class Objective(task.Objective):
    """The loss of heat maps and boxes (see `loss`). Targets: float32 N×(1 + boxes)×7."""

    def __init__(self, network: nn.Module, classes: int, usual: tuple[float, float]) -> None:
        super().__init__(network)
        self.classes, self.usual = classes, usual

    def loss(
        self, outputs: torch.Tensor, targets: torch.Tensor, others: torch.Tensor | None, share: torch.Tensor | None
    ) -> torch.Tensor:
        """The loss an object of outputs N×(classes + 4)×H×W, at any grid."""
        return losses(outputs, targets, self.classes, self.usual)


class _Counts(task.Counts):
    """Boxes by their picture's number and their place among its own: class, score, left, top, width, height that are
    found; class, crowd, area, left, top, width, height that are there; and the losses' sum, and of how many images.
    """

    def __init__(self, kind: Detection) -> None:
        self.kind = kind
        # kept where they are made: fetching them would mean waiting after each batch
        self.batches: list[tuple[torch.Tensor, Found, torch.Tensor]] = []

    def add(self, outputs: torch.Tensor, targets: torch.Tensor) -> None:
        """Count a batch's boxes."""
        kind = self.kind
        loss = losses(outputs, targets, len(kind.classes), kind.usual)
        self.batches.append((loss, peaks(outputs, len(kind.classes), kind.usual, kind.most), targets.clone()))

    def tensors(self) -> tuple[torch.Tensor, ...]:
        """By coordinates: what is found, and what is there; and the total."""
        said, there = [], []
        total = torch.zeros(2, dtype=torch.float64)
        for loss, found, targets in ((loss, settled(some), targets) for loss, some, targets in self.batches):
            total += torch.tensor([loss.item() * len(targets), len(targets)], dtype=torch.float64)
            rows = targets.double().cpu().numpy()
            head, own = rows[:, 0], rows[:, 1:]
            frames, size = head[:, None, :4], (head[:, None, ROWS], head[:, None, COLUMNS])
            numbers = head[:, NUMBER].astype(np.int64)
            boxes = _sides(in_pixels(found.boxes.double().cpu().numpy(), frames, size))
            scores, kinds = (each.double().cpu().numpy() for each in (found.scores, found.classes))
            said.append(kept(scores > 0, numbers, np.concatenate([np.stack([kinds, scores], -1), boxes], -1)))
            true = _sides(in_pixels(own[..., LEFT : BOTTOM + 1], frames, size))
            facts = np.concatenate([own[..., [CLASS, CROWD, AREA]], true], -1)
            there.append(kept(own[..., CLASS] >= 0, numbers, facts))
        return gathered(said, 6), gathered(there, 7), total


def _sides(boxes: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Left, top, width, height of left, top, right, bottom."""
    return np.concatenate([boxes[..., :2], boxes[..., 2:] - boxes[..., :2]], -1)


def kept(
    chosen: npt.NDArray[np.bool_], numbers: npt.NDArray[np.int64], values: npt.NDArray[np.float64]
) -> tuple[torch.Tensor, torch.Tensor]:
    """Those that are chosen, with their coordinates: their picture's number and their place in it."""
    picture, place = np.nonzero(chosen)
    return torch.from_numpy(np.stack([numbers[picture], place])), torch.from_numpy(values[chosen])


def gathered(parts: Sequence[tuple[torch.Tensor, torch.Tensor]], wide: int) -> torch.Tensor:
    """Values of so many numbers each by their coordinates, as one tensor that may be added to others."""
    indices = torch.cat([torch.zeros(2, 0, dtype=torch.int64), *(each for each, _ in parts)], 1)
    values = torch.cat([torch.zeros(0, wide, dtype=torch.float64), *(each for _, each in parts)])
    return torch.sparse_coo_tensor(
        indices, values, (_LARGEST_SET, _LARGEST_SET, wide), check_invariants=False
    ).coalesce()


def _said(found: torch.Tensor) -> Said:
    values = found.values().numpy()
    return Said(found.indices()[0].numpy(), values[:, 0].astype(np.int64), values[:, 2:6], values[:, 1])


def _truth(found: torch.Tensor) -> Truth:
    values = found.values().numpy()
    kinds = values[:, 0].astype(np.int64)
    return Truth(found.indices()[0].numpy(), kinds, values[:, 3:7], values[:, 1] > 0, values[:, 2])
