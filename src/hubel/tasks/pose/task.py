"""Pose: its targets' loss, counts, figures and answers."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
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
from hubel.data.points.annotations import Pairs
from hubel.data.points.describe import PointsDescription, describe
from hubel.data.points.find import recognises
from hubel.data.points.load import load
from hubel.data.points.targets import (
    AREA,
    BOTTOM,
    COLUMNS,
    FIRST,
    INDIVIDUAL,
    KIND,
    LEFT,
    NUMBER,
    ROWS,
    Points,
)
from hubel.tasks import task
from hubel.tasks.detection.task import gathered, in_pixels, kept
from hubel.tasks.measure import outputs_of, whole_of
from hubel.tasks.model import LoadedModel
from hubel.tasks.places import Places
from hubel.tasks.pose.answer import USUAL, Posed
from hubel.tasks.pose.decode import Found, decode
from hubel.tasks.pose.decoding import PRIOR
from hubel.tasks.pose.loss import channels_of, losses
from hubel.tasks.pose.metrics import Metrics, Picture, metrics
from hubel.tasks.pose.oks import MOST, Truth, sigmas_of
from hubel.tasks.pose.sections import sections

_MOST_FOUND = 300  # individuals of an image
_AROUND, _STEP, _LEAST = 1.7, 32, 96  # times an individual's size that a window is large, in steps, and at least
_WORTH = 1.4  # times larger than a window, from which images are seen through one
_FOCUS = 0.5  # of the windows lie around an individual; of fewer others, points are seen in what lies around
_ZOOM, _TURN = 1.2, 20.0  # times that images are enlarged or reduced in training, and degrees, at most
_PIXELS = 2**20  # of a batch
_STEPS = 2000  # of training where nothing says how long
_CLIP = 10.0  # of the gradient's norm


@dataclass(frozen=True)
class Pose(Places):
    """The task of finding points.

    classes: the points' names. bones: which are joined when they are drawn. several: whether images may show more than
    one individual. most: how many are looked for in an image.
    """

    classes: tuple[str, ...]
    bones: Pairs = field(default=(), compare=False)
    several: bool = False
    most: int = MOST
    name: ClassVar[str] = "pose"
    figures: ClassVar[tuple[task.Figure, ...]] = (
        task.Figure("oks", "similarity (OKS)"),
        task.Figure("error", "mean error in pixels", "number", "lowest"),
        task.Figure("median", "median error in pixels", "number", "lowest"),
        task.Figure("pck5", "within 5 pixels"),
        task.Figure("pck10", "within 10 pixels"),
        task.Figure("pck_tenth", "within a tenth of the individual"),
        task.Figure("ap", "AP of individuals (50:95)"),
        task.Figure("ap50", "AP of individuals 50"),
    )
    noun: ClassVar[tuple[str, str]] = Points.noun
    draws: ClassVar[bool] = True
    targets_noun: ClassVar[str] = "points"
    guesses: ClassVar[bool] = False
    scores_classes: ClassVar[bool] = True

    @classmethod
    def recognises(cls, source: str) -> bool:
        """Whether there are points beside pictures."""
        return recognises(source)

    @classmethod
    def load(cls, source: str, **settings: Any) -> Splits:
        """Pictures and points; see `hubel.data.points.load.load`."""
        return load(source, **settings)

    @classmethod
    def describe(cls, source: str, **settings: Any) -> PointsDescription:
        """Points, individuals, and what is odd; see `hubel.data.points.describe.describe`."""
        return describe(source, **settings)

    @classmethod
    def for_dataset(cls, dataset: Dataset) -> Pose:
        """The task of finding this set's points: at most twice as many individuals as an image has."""
        points = dataset.targets
        if not isinstance(points, Points):
            raise SettingError(f"{dataset.name or 'data set'}: expected points, received targets for {points.task}")
        many = int((points.rows[:, 1:, KIND] > 0).sum(1).max(initial=0))
        most = min(_MOST_FOUND, max(MOST, 2 * many)) if points.several else 1
        return cls(points.classes, points.bones, points.several, most)

    def settings(self) -> dict[str, Any]:
        """What is joined, whether there are several individuals, and how many are looked for."""
        return {"bones": [list(bone) for bone in self.bones], "several": self.several, "most": self.most}

    @classmethod
    def from_settings(cls, classes: tuple[str, ...], settings: Mapping[str, Any]) -> Pose:
        """The task with these points."""
        bones = tuple((int(one), int(other)) for one, other in settings["bones"])
        most, several = int(settings["most"]), settings["several"]
        inside = all(0 <= place < len(classes) for bone in bones for place in bone)
        if not inside or not 1 <= most <= _MOST_FOUND or not isinstance(several, bool):
            raise SettingError(
                f"expected bones between {len(classes)} points, and 1 to {_MOST_FOUND} individuals an image"
            )
        return cls(classes, bones, several, most)

    @property
    def sigmas(self) -> tuple[float, ...]:
        """Of each point, for the similarity of poses."""
        return sigmas_of(self.classes)

    def output(self, shape: tuple[int, ...]) -> tuple[tuple[int, ...], str]:
        """Places every few pixels: a number a point, two how far it is; of several individuals their middles too."""
        channels = channels_of(len(self.classes), self.several)
        grid = tuple(-(-side // self.finest(shape)) for side in shape[:2])
        return (*grid, channels), f"'conv {channels} 1x1' at the images' size or a fraction"

    def fitted(self, network: Network) -> Network:
        """The network, or, of one that says something of the image as a whole, the U that is made of it."""
        if len(network.input) < 3 or len(analyse(network).output_shape) == 3:
            return network
        return zoo.dense(network, self.output(network.input)[0][2], max(2, self.finest(network.input)))

    @classmethod
    def rules(cls, network: Network, training: Dataset) -> Mapping[str, Any]:
        """As of all such tasks, but images that are much larger than individuals are seen through windows around them;
        they are turned a little, and mirrored where points are called left and right or there is but one.
        """
        rules = super().rules(network, training)
        points, (height, width, _) = training.targets, training.shape
        sizes = points.sizes(training.shape) if isinstance(points, Points) else np.zeros(0)
        usual = float(np.median(sizes)) if len(sizes) else float(max(height, width))
        window = max(_LEAST, round(_AROUND * usual / _STEP) * _STEP)
        seen = window if max(height, width) >= _WORTH * window else 0
        own = replace(
            Augmentation.parse(rules["augmentation"]),
            flip=isinstance(points, Points) and (bool(points.pairs) or len(points.classes) == 1),
            window=seen,
            focus=_FOCUS if seen else 0.0,
            zoom=_ZOOM,
            rotate=_TURN,
            fill=0,
        )
        pixels = math.prod(own.size((height, width)))
        batch = min(8, max(1, len(training)), max(2, _PIXELS // pixels))
        epochs = float(max(4, min(1000, math.ceil(_STEPS / max(1, len(training) // batch)))))
        return {**rules, "batch_size": batch, "augmentation": str(own), "epochs": epochs, "clip_norm": _CLIP}

    def probabilities(self, logits: torch.Tensor) -> torch.Tensor:
        """That each point lies there, each by itself."""
        return (logits[:, : len(self.classes)] + PRIOR).sigmoid()

    def outcome(self, scores: torch.Tensor) -> torch.Tensor:
        """What the network says, as it is."""
        return scores

    def check_training(self, balance: str, augmentation: Augmentation) -> None:
        """Refuse what needs one class an image, and what points cannot follow."""
        if balance != "none":
            raise SettingError("recipe: expected balance 'none' with points, which images have all of")
        if augmentation.fill is None and augmentation:
            raise SettingError(
                f"recipe: expected an augmentation with fill 0 (or another level) for pose, received {augmentation}: "
                "what is mirrored in from outside would show individuals without their points"
            )
        super().check_training(balance, augmentation)

    def objective(
        self, network: nn.Module, label_smoothing: float = 0.0, class_weights: torch.Tensor | None = None
    ) -> Objective:
        """The network with the loss of heat maps and offsets."""
        return Objective(network, self)

    def counts(self) -> _Counts:
        """All individuals that are found, and all that are there."""
        return _Counts(self)

    def measured(self, counts: Sequence[torch.Tensor]) -> Metrics:
        """Errors, how many are near, similarity, and the loss."""
        said, there, total = (each.coalesce() if each.is_sparse else each for each in counts)
        loss = float(total[0] / total[1]) if total[1] else float("nan")
        return metrics(
            _pictures(said, there, len(self.classes)),
            self.classes,
            self.sigmas,
            self.several,
            USUAL,
            loss,
            int(total[1]),
        )

    def answer(self, model: LoadedModel, image: Any, top: int = 3) -> Posed:
        """The points of a picture, in its own pixels."""
        picture = whole_of(model, image)
        whole = np.asarray(picture.convert("RGB") if isinstance(picture, Image.Image) else picture)
        found = self.found(outputs_of(model, model.preprocessing.prepare(picture)[np.newaxis]))
        kind = model.preprocessing
        frame = placed((whole.shape[0], whole.shape[1]), (kind.height, kind.width), kind.fit)
        points = _in_pixels(found.points[0].double().numpy(), np.array(frame), whole.shape[:2])
        scores = found.scores[0].double().numpy()
        there = scores > 0
        return Posed(self.classes, self.bones, self.several, points[there], scores[there], whole)

    def found(self, outputs: torch.Tensor) -> Found:
        """The individuals of each image, of the network's outputs."""
        return decode(outputs, len(self.classes), self.several, self.most)

    def sections(self, model: LoadedModel, dataset: Dataset) -> Sequence[task.Section]:
        """Each point's figures, images beside what is there and what is found, and the worst points."""
        return sections(self, model, dataset)


def _in_pixels(
    points: npt.NDArray[np.float64], frames: npt.NDArray[np.float64], size: Sequence[Any]
) -> npt.NDArray[np.float64]:
    """Points …×P×3 in shares of an image, in pixels of the picture of this height and width, which lies at `frames` in
    it (…×4).
    """
    twice = np.concatenate([points[..., :2], points[..., :2]], -1)
    places = in_pixels(twice, frames[..., None, :], [np.asarray(side)[..., None] for side in size])
    return np.concatenate([places[..., :2], points[..., 2:]], -1)


class Objective(task.Objective):
    """The loss of heat maps and offsets (see `loss`). Targets: float32 N×(1 + individuals)×(7 + 3·points)."""

    def __init__(self, network: nn.Module, kind: Pose) -> None:
        super().__init__(network)
        self.kind = kind

    def loss(
        self, outputs: torch.Tensor, targets: torch.Tensor, others: torch.Tensor | None, share: torch.Tensor | None
    ) -> torch.Tensor:
        """The loss a point of outputs N×channels×H×W, at any grid."""
        return losses(outputs, targets, len(self.kind.classes), self.kind.several)


class _Counts(task.Counts):
    """Individuals by their picture's number and their place among its own: score and points that are found; kind, area,
    box and points that are there; and the losses' sum, and of how many images. Places are in pixels of the picture.
    """

    def __init__(self, kind: Pose) -> None:
        self.kind = kind
        # kept where they are made: fetching them would mean waiting after each batch
        self.batches: list[tuple[torch.Tensor, Found, torch.Tensor]] = []

    def add(self, outputs: torch.Tensor, targets: torch.Tensor) -> None:
        """Count a batch's points."""
        kind = self.kind
        loss = losses(outputs, targets, len(kind.classes), kind.several)
        self.batches.append((loss, kind.found(outputs), targets.clone()))

    def tensors(self) -> tuple[torch.Tensor, ...]:
        """By coordinates: what is found, and what is there; and the total."""
        said, there = [], []
        total = torch.zeros(2, dtype=torch.float64)
        points = len(self.kind.classes)
        for loss, found, targets in self.batches:
            total += torch.tensor([loss.item() * len(targets), len(targets)], dtype=torch.float64)
            rows = targets.double().cpu().numpy()
            head, own = rows[:, 0], rows[:, 1:]
            frames, size = head[:, None, :4], (head[:, None, ROWS], head[:, None, COLUMNS])
            numbers = head[:, NUMBER].astype(np.int64)
            scores = found.scores.double().cpu().numpy()
            places = _in_pixels(found.points.double().cpu().numpy(), frames, size)
            said.append(
                kept(scores > 0, numbers, np.concatenate([scores[..., None], places.reshape(*scores.shape, -1)], -1))
            )
            true = _in_pixels(own[..., FIRST:].reshape(*own.shape[:2], points, 3), frames, size)
            boxes = in_pixels(own[..., LEFT : BOTTOM + 1], frames, size)
            facts = np.concatenate([own[..., [KIND, AREA]], boxes, true.reshape(*own.shape[:2], -1)], -1)
            there.append(kept(own[..., KIND] > 0, numbers, facts))
        return gathered(said, 1 + 3 * points), gathered(there, 6 + 3 * points), total


def _pictures(said: torch.Tensor, there: torch.Tensor, points: int) -> list[Picture]:
    """What is there and what is said on each picture that has either."""
    found = []
    numbers = [each.indices()[0].numpy() for each in (said, there)]
    values = [each.values().numpy() for each in (said, there)]
    for number in np.unique(np.concatenate(numbers)).tolist():
        own, true = (each[place == number] for each, place in zip(values, numbers, strict=True))
        truth = Truth(true[:, 6:].reshape(-1, points, 3), true[:, 2:6], true[:, 1], true[:, 0] != INDIVIDUAL)
        found.append(Picture(truth, own[:, 1:].reshape(-1, points, 3), own[:, 0]))
    return found
