"""Detection: its targets' loss, counts, figures and answers."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import torch

from hubel import zoo
from hubel.arch import Network, analyse
from hubel.base.errors import SettingError
from hubel.base.plain import as_number, as_whole
from hubel.data import Augmentation, Dataset, Splits
from hubel.data.boxes.describe import BoxesDescription, describe
from hubel.data.boxes.find import recognises
from hubel.data.boxes.load import load
from hubel.data.boxes.targets import AREA, BOTTOM, CLASS, CROWD, LEFT, Boxes, at_edges, sides
from hubel.data.feed.moves import SEEN
from hubel.tasks import task
from hubel.tasks.decoding import THRESHOLD, views_of
from hubel.tasks.detection.answer import Detected
from hubel.tasks.detection.coco import MOST, Said, Truth, score
from hubel.tasks.detection.decode import Found, decode, peaks, settled
from hubel.tasks.detection.decoding import shown
from hubel.tasks.detection.loss import losses
from hubel.tasks.detection.metrics import Metrics, metrics
from hubel.tasks.detection.sections import sections
from hubel.tasks.marks import CLIP, PIXELS, STEPS, Frames, Marks, mean_loss
from hubel.tasks.model import LoadedModel

_MOST_FOUND = 1000  # boxes of an image
_CELLS = 3  # of the grid that a small object's side is to have, at least
_STRIDES = (2, 4, 8)
_DEEPEST, _SEEN = 3, 1.5  # halvings more at most; how large a part of the image a place sees, in sides of large objects
_DECAY = 0.1  # of weights in Muon's steps: few pictures are seen so often that they would be learnt by heart
_ZOOM = 1.2  # times that images are enlarged or reduced in training, at most


@dataclass(frozen=True)
class Detection(Marks[Found]):
    """The task of finding objects: their boxes and classes.

    ids: what each class is called in the data's files by number. usual: half an object's usual width and height, in
    shares of the image's. most: boxes that are looked for in an image. stride: pixels between the network's places.
    """

    classes: tuple[str, ...]
    ids: tuple[int, ...]
    usual: tuple[float, float]
    most: int = 100
    stride: int = 4
    views: int = field(default=1, compare=False)
    name: ClassVar[str] = "detection"
    figures: ClassVar[tuple[task.Figure, ...]] = (
        task.Figure("map", "mAP (50:95)"),
        task.Figure("map50", "mAP 50"),
        task.Figure("map75", "mAP 75"),
    )
    beside: ClassVar[tuple[task.Figure, ...]] = (task.Figure(THRESHOLD, "threshold"),)
    targets_noun: ClassVar[str] = "boxes"
    widths = 6, 7

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
        own = {"ids": list(self.ids), "usual": list(self.usual), "most": self.most, "stride": self.stride}
        return {**own, **self.looks()}

    @classmethod
    def from_settings(cls, classes: tuple[str, ...], settings: Mapping[str, Any]) -> Detection:
        """The task with these classes."""
        ids = tuple(map(as_whole, settings["ids"]))
        across, down = map(as_number, settings["usual"])
        most, stride = as_whole(settings["most"]), as_whole(settings["stride"])
        if len(ids) != len(classes) or not (0 < across < 2 > down > 0) or not 1 <= most <= _MOST_FOUND or stride < 1:
            raise SettingError(
                f"expected a number for each of {len(classes)} classes, a usual size above 0, and 1 to {_MOST_FOUND} "
                "boxes an image"
            )
        return cls(classes, ids, (across, down), most, stride, views_of(settings))

    def output(self, shape: tuple[int, ...]) -> tuple[tuple[int, ...], str]:
        """Places every `stride` pixels: a number a class, and how far the four sides are."""
        channels = len(self.classes) + 4
        grid = tuple(-(-side // self.stride) for side in shape[:2])
        what = f"'conv {channels} 1x1' (a number for each of {len(self.classes)} classes, 4 for the sides)"
        return (*grid, channels), f"{what} at a half to a sixteenth of the images' size"

    def finest(self, shape: tuple[int, ...]) -> int:
        """As small objects want it."""
        return self.stride

    def network(self, training: Dataset) -> task.Chosen:
        """As of all such tasks; of large objects with as many halvings more as let places in their middle part see all
        of three quarters of the class of the largest.
        """
        chosen, boxes = super().network(training), training.targets
        largest = _largest(boxes, training.shape) if isinstance(boxes, Boxes) else 0.0
        for deeper in range(1, _DEEPEST + 1):
            found = zoo.network(chosen.word, input=training.shape, **chosen.options)
            if min(analyse(found).field.size) >= _SEEN * largest:
                break
            why = f"{chosen.why.partition('; deeper')[0]}; deeper by {deeper} for objects of {largest:.0f} pixels"
            chosen = task.Chosen(chosen.word, {**chosen.options, "deeper": deeper}, why)
        return chosen

    @classmethod
    def rules(cls, network: Network, training: Dataset) -> Mapping[str, Any]:
        """As of all such tasks, but images are seen whole, since distances are shares of what is seen, and nothing is
        mirrored in from outside, where no box would say that it is there.
        """
        rules = super().rules(network, training)
        height, width, _ = training.shape
        batch = min(int(rules["batch_size"]), max(2, PIXELS // (height * width)))
        boxes = training.targets
        seen, marked = at_edges(boxes.rows) if isinstance(boxes, Boxes) else (SEEN, 1.0)
        augmentation = replace(
            Augmentation.parse(rules["augmentation"]), window=0, zoom=_ZOOM, fill=0, seen=seen, marked=marked
        )
        epochs = float(max(4, min(500, math.ceil(STEPS / max(1, len(training) // batch)))))
        own = {"batch_size": batch, "augmentation": str(augmentation), "epochs": epochs, "clip_norm": CLIP}
        return {**rules, **own, **({"weight_decay": _DECAY} if rules["optimizer"] == "muon" else {})}

    def check_training(self, balance: str, augmentation: Augmentation) -> None:
        """Refuse what needs one class an image, and what boxes cannot follow."""
        if augmentation.window:
            raise SettingError(
                "recipe: expected an augmentation without a window for detection, whose distances are shares of what "
                f"is seen, received {augmentation}"
            )
        super().check_training(balance, augmentation)

    def losses(
        self, outputs: torch.Tensor, targets: torch.Tensor, class_weights: torch.Tensor | None = None
    ) -> torch.Tensor:
        """The loss an object of outputs N×(classes + 4)×H×W (see `loss`). Targets: float32 N×(1 + boxes)×7."""
        return losses(outputs, targets, len(self.classes), self.usual, class_weights)

    def peaks(self, outputs: torch.Tensor) -> Found:
        """The surest boxes, of which some may stand twice."""
        return peaks(outputs, len(self.classes), self.usual, self.most)

    def told(self, found: Found, frames: Frames) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.float64]]:
        """Class, score, left, top, width and height of each box."""
        found = settled(found)
        scores, kinds = (each.double().cpu().numpy() for each in (found.scores, found.classes))
        boxes = _sides(frames.boxes(found.boxes.double().cpu().numpy()))
        return scores > 0, np.concatenate([np.stack([kinds, scores], -1), boxes], -1)

    def there(
        self, rows: npt.NDArray[np.float64], frames: Frames
    ) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.float64]]:
        """Class, crowd, area, left, top, width and height of each object."""
        boxes = _sides(frames.boxes(rows[..., LEFT : BOTTOM + 1]))
        return rows[..., CLASS] >= 0, np.concatenate([rows[..., [CLASS, CROWD, AREA]], boxes], -1)

    def measured(self, counts: Sequence[torch.Tensor]) -> Metrics:
        """COCO's figures, those of each class, and the loss."""
        said, there, total = counts
        truth, found = _truth(there.coalesce()), _said(said.coalesce())
        crowds = np.unique(truth.pictures * len(self.classes) + truth.classes, return_counts=True)[1]
        most = int(crowds.max(initial=0))
        return metrics(score(truth, found, len(self.classes)), self.classes, *mean_loss(total), most)

    def answer(self, model: LoadedModel, image: Any, top: int = 3) -> Detected:
        """The objects of a picture, in its own pixels."""
        whole, outputs, frames = self.looked(model, image, None)
        found = decode(outputs, len(self.classes), self.usual, self.most)
        boxes = frames.boxes(found.boxes[0].double().numpy())
        kept = (found.scores[0].numpy() > 0) & (boxes[:, 2:] > boxes[:, :2]).all(1)
        scores, kinds = found.scores[0].numpy()[kept], found.classes[0].numpy()[kept]
        return Detected(self.classes, self.ids, boxes[kept], scores, kinds, whole, shown(model.summary))

    def sections(self, model: LoadedModel, dataset: Dataset) -> Sequence[task.Section]:
        """Each class's figures, curves, and images beside what is there and what is found, and the mistakes."""
        return sections(self, model, dataset)


def _stride(boxes: Boxes, shape: tuple[int, ...]) -> int:
    """Pixels between places: a third of the shorter side of objects at most, but for a quarter of each class."""
    kinds = boxes.rows[:, 1:, CLASS][boxes.rows[:, 1:, CLASS] >= 0]
    shorter = sides(boxes.rows, shape).min(1)
    small = min((float(np.percentile(shorter[kinds == kind], 25)) for kind in np.unique(kinds)), default=16.0)
    return max((stride for stride in _STRIDES if stride * _CELLS <= small), default=_STRIDES[0])


def _largest(boxes: Boxes, shape: tuple[int, ...]) -> float:
    """Pixels of the longer side of large objects: a quarter of the class of the largest is larger."""
    kinds = boxes.rows[:, 1:, CLASS][boxes.rows[:, 1:, CLASS] >= 0]
    longer = sides(boxes.rows, shape).max(1)
    return max((float(np.percentile(longer[kinds == kind], 75)) for kind in np.unique(kinds)), default=0.0)


def _sides(boxes: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Left, top, width, height of left, top, right, bottom."""
    return np.concatenate([boxes[..., :2], boxes[..., 2:] - boxes[..., :2]], -1)


def _said(found: torch.Tensor) -> Said:
    values = found.values().numpy()
    return Said(found.indices()[0].numpy(), values[:, 0].astype(np.int64), values[:, 2:6], values[:, 1])


def _truth(found: torch.Tensor) -> Truth:
    values = found.values().numpy()
    kinds = values[:, 0].astype(np.int64)
    return Truth(found.indices()[0].numpy(), kinds, values[:, 3:7], values[:, 1] > 0, values[:, 2])
