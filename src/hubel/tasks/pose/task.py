"""Pose: its targets' loss, counts, figures and answers."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import torch

from hubel.arch import Network
from hubel.base.errors import SettingError
from hubel.base.plain import as_whole
from hubel.data import Augmentation, Dataset, Splits
from hubel.data.points.annotations import Pairs
from hubel.data.points.describe import PointsDescription, describe
from hubel.data.points.find import recognises
from hubel.data.points.load import load
from hubel.data.points.targets import (
    AREA,
    BOTTOM,
    FIRST,
    INDIVIDUAL,
    KIND,
    LEFT,
    Points,
)
from hubel.tasks import task
from hubel.tasks.decoding import THRESHOLD, views_of
from hubel.tasks.marks import CLIP, PIXELS, STEPS, Frames, Marks, mean_loss
from hubel.tasks.model import LoadedModel
from hubel.tasks.pose.answer import Posed
from hubel.tasks.pose.decode import Found, decode
from hubel.tasks.pose.decoding import shown
from hubel.tasks.pose.loss import channels_of, losses
from hubel.tasks.pose.metrics import Metrics, Picture, metrics
from hubel.tasks.pose.oks import MOST, Truth, sigmas_of
from hubel.tasks.pose.sections import sections

_MOST_FOUND = 300  # individuals of an image
_AROUND, _STEP, _LEAST = 1.7, 32, 96  # times an individual's size that a window is large, in steps, and at least
_WORTH = 1.4  # times larger than a window, from which images are seen through one
_FOCUS = 0.5  # of the windows lie around an individual; of fewer others, points are seen in what lies around
_ZOOM, _TURN = 1.2, 20.0  # times that images are enlarged or reduced in training, and degrees, at most


@dataclass(frozen=True)
class Pose(Marks[Found]):
    """The task of finding points.

    classes: the points' names. bones: which are joined when they are drawn. several: whether images may show more than
    one individual. most: how many are looked for in an image. pairs: which points are left and right of each other;
    None where older files do not say it.
    """

    classes: tuple[str, ...]
    bones: Pairs = field(default=(), compare=False)
    several: bool = False
    most: int = MOST
    pairs: Pairs | None = field(default=None, compare=False)
    views: int = field(default=1, compare=False)
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
    beside: ClassVar[tuple[task.Figure, ...]] = (task.Figure(THRESHOLD, "threshold"),)
    noun: ClassVar[tuple[str, str]] = Points.noun
    targets_noun: ClassVar[str] = "points"

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
        return cls(points.classes, points.bones, points.several, most, points.pairs)

    def settings(self) -> dict[str, Any]:
        """What is joined, whether there are several individuals, and how many are looked for."""
        own = {"bones": [list(bone) for bone in self.bones], "several": self.several, "most": self.most}
        pairs = {} if self.pairs is None else {"pairs": [list(pair) for pair in self.pairs]}
        return {**own, **pairs, **self.looks()}

    @classmethod
    def from_settings(cls, classes: tuple[str, ...], settings: Mapping[str, Any]) -> Pose:
        """The task with these points."""
        bones = tuple((as_whole(one), as_whole(other)) for one, other in settings["bones"])
        pairs = tuple((as_whole(left), as_whole(right)) for left, right in settings.get("pairs", ()))
        most, several = as_whole(settings["most"]), settings["several"]
        inside = all(0 <= place < len(classes) for each in (*bones, *pairs) for place in each)
        if not inside or not 1 <= most <= _MOST_FOUND or not isinstance(several, bool):
            raise SettingError(
                f"expected bones and pairs of {len(classes)} points, and 1 to {_MOST_FOUND} individuals an image"
            )
        known = pairs if "pairs" in settings else None
        return cls(classes, bones, several, most, known, views_of(settings))

    @property
    def sigmas(self) -> tuple[float, ...]:
        """Of each point, for the similarity of poses."""
        return sigmas_of(self.classes)

    def output(self, shape: tuple[int, ...]) -> tuple[tuple[int, ...], str]:
        """Places every few pixels: a number a point, two how far it is; of several individuals their middles too."""
        channels = channels_of(len(self.classes), self.several)
        grid = tuple(-(-side // self.finest(shape)) for side in shape[:2])
        what = f"'conv {channels} 1x1' (for each point how sure, how far across and down)"
        return (*grid, channels), f"{what} at the images' size or a fraction"

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
        batch = min(8, max(1, len(training)), max(2, PIXELS // pixels))
        epochs = float(max(4, min(1000, math.ceil(STEPS / max(1, len(training) // batch)))))
        return {**rules, "batch_size": batch, "augmentation": str(own), "epochs": epochs, "clip_norm": CLIP}

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

    @property
    def widths(self) -> tuple[int, int]:  # type: ignore[override]
        """As `told` and `there` have them."""
        return 1 + 3 * len(self.classes), 6 + 3 * len(self.classes)

    def losses(
        self, outputs: torch.Tensor, targets: torch.Tensor, class_weights: torch.Tensor | None = None
    ) -> torch.Tensor:
        """The loss a point (see `loss`). Targets: float32 N×(1 + individuals)×(7 + 3·points)."""
        return losses(outputs, targets, len(self.classes), self.several)

    def peaks(self, outputs: torch.Tensor) -> Found:
        """The individuals of each image."""
        return decode(outputs, len(self.classes), self.several, self.most)

    def told(self, found: Found, frames: Frames) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.float64]]:
        """Score and points of each individual."""
        scores = found.scores.double().cpu().numpy()
        points = frames.points(found.points.double().cpu().numpy())
        return scores > 0, np.concatenate([scores[..., None], points.reshape(*scores.shape, -1)], -1)

    def there(
        self, rows: npt.NDArray[np.float64], frames: Frames
    ) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.float64]]:
        """Kind, area, box and points of each individual."""
        points = frames.points(rows[..., FIRST:].reshape(*rows.shape[:2], -1, 3)).reshape(*rows.shape[:2], -1)
        boxes = frames.boxes(rows[..., LEFT : BOTTOM + 1])
        return rows[..., KIND] > 0, np.concatenate([rows[..., [KIND, AREA]], boxes, points], -1)

    def measured(self, counts: Sequence[torch.Tensor]) -> Metrics:
        """Errors, how many are near, similarity, and the loss."""
        said, there, total = (each.coalesce() if each.is_sparse else each for each in counts)
        pictures = _pictures(said, there, len(self.classes))
        return metrics(pictures, self.classes, self.sigmas, self.several, *mean_loss(total))

    def answer(self, model: LoadedModel, image: Any, top: int = 3) -> Posed:
        """The points of a picture, in its own pixels."""
        whole, outputs, frames = self.looked(model, image, "answered")
        found = self.peaks(outputs)
        points = frames.points(found.points[0].double().numpy())
        scores = found.scores[0].double().numpy()
        there = scores > 0
        return Posed(self.classes, self.bones, self.several, points[there], scores[there], whole, shown(model.summary))

    def sections(self, model: LoadedModel, dataset: Dataset) -> Sequence[task.Section]:
        """Each point's figures, images beside what is there and what is found, and the worst points."""
        return sections(self, model, dataset)


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
