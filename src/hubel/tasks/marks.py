"""What tasks share that find marks, some or none to an image: boxes, points. They are told apart by maps of scores, one
for each class, and counted in the pixels of the pictures that images were made of.
"""

from __future__ import annotations

import abc
from collections.abc import Sequence
from typing import Any, ClassVar, Generic, NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from PIL import Image
from torch import nn

from hubel import zoo
from hubel.arch import Network, analyse
from hubel.data._marked import BOTTOM, COLUMNS, LEFT, NUMBER, ROWS, placed
from hubel.tasks import task
from hubel.tasks.decoding import PRIOR
from hubel.tasks.gathering import gathered, kept
from hubel.tasks.measure import outputs_of, whole_of
from hubel.tasks.model import LoadedModel
from hubel.tasks.places import Places
from hubel.view.figures.frames import coloured

PIXELS = 2**20  # of a batch
STEPS = 2000  # of training where nothing says how long
CLIP = 10.0  # of the gradient's norm, which is large where few objects lie among many places
_TRIED = np.arange(1, 100) / 100  # thresholds
Doubles = npt.NDArray[np.float64]
Found = TypeVar("Found")


class Frames(NamedTuple):
    """Where pictures lie in images (…×4: left, top, right, bottom in shares of these), and their height and width."""

    edges: Doubles
    size: Sequence[Any]

    def boxes(self, boxes: Doubles) -> Doubles:
        """Boxes …×4 in shares of an image, in pixels of its picture, cut at its edges."""
        low, side = self.edges[..., [0, 1, 0, 1]], (self.edges[..., 2:] - self.edges[..., :2])[..., [0, 1, 0, 1]]
        whole = np.stack([self.size[1], self.size[0], self.size[1], self.size[0]], -1).astype(np.float64)
        found: Doubles = np.clip((boxes - low) / side * whole, 0, whole)
        return found

    def points(self, points: Doubles) -> Doubles:
        """Points …×P×3 likewise; of each the third number is as it was."""
        twice = np.concatenate([points[..., :2], points[..., :2]], -1)
        places = Frames(self.edges[..., None, :], [np.asarray(side)[..., None] for side in self.size]).boxes(twice)
        return np.concatenate([places[..., :2], points[..., 2:]], -1)


class Marks(Places, Generic[Found]):
    """A task of finding marks, whose network gives maps: first a score for each class, of a mark of it at each place.

    widths: how many numbers tell of each that is found, and of each that is there.
    """

    draws: ClassVar[bool] = True
    guesses: ClassVar[bool] = False
    scores_classes: ClassVar[bool] = True
    widths: tuple[int, int]

    def fitted(self, network: Network) -> Network:
        """The network, or, of one that says something of the image as a whole, the U that is made of it."""
        if len(network.input) < 3 or len(analyse(network).output_shape) == 3:
            return network
        return zoo.dense(network, self.output(network.input)[0][2], max(2, self.finest(network.input)))

    def probabilities(self, logits: torch.Tensor) -> torch.Tensor:
        """That a mark of each class lies there, each by itself."""
        return (logits[:, : len(self.classes)] + PRIOR).sigmoid()

    def outcome(self, scores: torch.Tensor) -> torch.Tensor:
        """What the network says, as it is."""
        return scores

    @abc.abstractmethod
    def losses(
        self, outputs: torch.Tensor, targets: torch.Tensor, class_weights: torch.Tensor | None = None
    ) -> torch.Tensor:
        """The loss a mark of outputs N×channels×H×W, at any grid; targets: float32 N×(1 + marks)×numbers.
        class_weights: how much a mark of each class counts beside others, where the recipe says that.
        """

    @abc.abstractmethod
    def peaks(self, outputs: torch.Tensor) -> Found:
        """The marks of a batch's images, on its device; nothing is fetched from there."""

    @abc.abstractmethod
    def told(self, found: Found, frames: Frames) -> tuple[npt.NDArray[np.bool_], Doubles]:
        """Which of N×K marks are found, and what is to be counted of them, in pixels of their pictures: N×K×numbers."""

    @abc.abstractmethod
    def there(self, rows: Doubles, frames: Frames) -> tuple[npt.NDArray[np.bool_], Doubles]:
        """The same of the marks that targets tell, N×K×numbers."""

    def objective(
        self, network: nn.Module, label_smoothing: float = 0.0, class_weights: torch.Tensor | None = None
    ) -> task.Objective:
        """The network with the loss of its maps."""
        return _Objective(network, self, class_weights)

    def counts(self) -> task.Counts:
        """All marks that are found, and all that are there."""
        return _Counts(self)

    def looked(
        self, model: LoadedModel, image: Any, limit: str | None
    ) -> tuple[npt.NDArray[Any], torch.Tensor, Frames]:
        """A picture as it is, what the network says of it, and where it lies in what the network is shown."""
        picture = whole_of(model, image, limit)
        whole = np.asarray(picture.convert("RGB") if isinstance(picture, Image.Image) else picture)
        kind = model.preprocessing
        frame = placed((whole.shape[0], whole.shape[1]), (kind.height, kind.width), kind.fit)
        outputs = outputs_of(model, kind.prepare(picture)[np.newaxis])
        return whole, outputs, Frames(np.array(frame), whole.shape[:2])


class _Objective(task.Objective):
    """The loss of maps (see `Marks.losses`)."""

    class_weights: torch.Tensor | None

    def __init__(self, network: nn.Module, kind: Marks[Any], class_weights: torch.Tensor | None) -> None:
        super().__init__(network)
        self.kind = kind
        self.register_buffer("class_weights", class_weights, persistent=False)

    def loss(
        self, outputs: torch.Tensor, targets: torch.Tensor, others: torch.Tensor | None, share: torch.Tensor | None
    ) -> torch.Tensor:
        """The loss a mark."""
        return self.kind.losses(outputs, targets, self.class_weights)


class _Counts(task.Counts, Generic[Found]):
    """Marks by their picture's number and their place among its own: what is told of those that are found, and of those
    that are there; and the losses' sum, and of how many images.
    """

    def __init__(self, kind: Marks[Found]) -> None:
        self.kind = kind
        # kept where they are made: fetching them would mean waiting after each batch
        self.batches: list[tuple[torch.Tensor, Found, torch.Tensor]] = []

    def add(self, outputs: torch.Tensor, targets: torch.Tensor) -> None:
        """Count a batch's marks."""
        self.batches.append((self.kind.losses(outputs, targets), self.kind.peaks(outputs), targets.clone()))

    def tensors(self) -> tuple[torch.Tensor, ...]:
        """By coordinates: what is found, and what is there; and the total."""
        said, there = [], []
        total = torch.zeros(2, dtype=torch.float64)
        for loss, found, targets in self.batches:
            total += torch.tensor([loss.item() * len(targets), len(targets)], dtype=torch.float64)
            rows = targets.double().cpu().numpy()
            head = rows[:, 0]
            frames = Frames(head[:, None, LEFT : BOTTOM + 1], (head[:, None, ROWS], head[:, None, COLUMNS]))
            numbers = head[:, NUMBER].astype(np.int64)
            said.append(kept(*self.kind.told(found, frames), numbers))
            there.append(kept(*self.kind.there(rows[:, 1:], frames), numbers))
        return *(gathered(*each) for each in zip((said, there), self.kind.widths, strict=True)), total


def mean_loss(total: torch.Tensor) -> tuple[float, int]:
    """The mean of the losses, and of how many images, of the total that counts end with."""
    return float(total[0] / total[1]) if total[1] else float("nan"), int(total[1])


def focal(
    logits: torch.Tensor, heat: torch.Tensor, counted: torch.Tensor, weights: torch.Tensor | None = None
) -> torch.Tensor:
    """CenterNet's loss of maps N×C×H×W (Zhou et al. 2019): of cells with a peak how surely they are missed, of others
    that are counted, less near one, how surely not. weights: of the maps, C numbers; alike where there are none.
    """
    surely, peak = logits.sigmoid(), heat == 1
    missed = (1 - surely).square() * F.softplus(-logits)
    false = surely.square() * (1 - heat) ** 4 * F.softplus(logits)
    each = torch.where(peak, missed, false) * (counted | peak)
    return (each if weights is None else each * weights[:, None, None]).sum()


def highest(heat: torch.Tensor, most: int) -> tuple[torch.Tensor, torch.Tensor]:
    """How sure the surest peaks of maps N×C×H×W are, and where each is in all of an image's maps: N×K each."""
    _, own = F.max_pool2d(heat, 3, 1, 1, return_indices=True)  # of equal ones the first
    places = torch.arange(heat.shape[2] * heat.shape[3], device=heat.device).view(heat.shape[2:])
    flat = torch.where(own == places, heat, 0.0).flatten(1)
    scores, where = flat.topk(min(most, flat.shape[1]), 1)
    return scores, where


def neighbourhood(
    image: npt.NDArray[np.uint8], box: Sequence[float] | Doubles, high: int
) -> tuple[npt.NDArray[np.uint8], int, int, float]:
    """The part of an image H×W×C in a box (left, top, right, bottom), in colour and so many pixels high; where it
    begins, and how many times it is enlarged.
    """
    left, top = (max(0, int(box[axis])) for axis in (0, 1))
    right, bottom = (min(image.shape[1 - axis], int(np.ceil(box[axis + 2]))) for axis in (0, 1))
    part = coloured(image[top : max(bottom, top + 1), left : max(right, left + 1)])
    times = high / part.shape[0]
    size = (max(1, round(part.shape[1] * times)), high)
    large = Image.fromarray(np.ascontiguousarray(part)).resize(size, Image.Resampling.BICUBIC)
    return np.asarray(large), left, top, times


def best_from(kinds: Sequence[tuple[Doubles, npt.NDArray[np.bool_], int]]) -> float | None:
    """Of the probabilities 0.01 to 0.99, that from which the harmonic mean of precision and recall, averaged over
    kinds, is highest; in the middle of those that are as good, since other pictures' marks are a little surer or less
    sure. kinds: of each how sure what is said is, the surest first, whether it is right, and how many are there. None
    where nothing is right.
    """
    means, told = np.zeros(len(_TRIED)), False
    for sure, is_right, there in kinds:
        said = np.searchsorted(-sure, -_TRIED, "right")
        right = np.append(0, np.cumsum(is_right))[said]
        means += 2 * right / (said + there)
        told = told or bool(right.any())
    first = int(means.argmax())
    as_good = int(np.append(means[first:] < means[first] - 1e-9, True).argmax())
    return float(_TRIED[first + (as_good - 1) // 2]) if told else None
