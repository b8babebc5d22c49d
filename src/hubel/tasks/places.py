"""What tasks share that say something of every place of an image: networks, sizes and recipes for them, by rule."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F

from hubel import zoo
from hubel.arch import Network, Report, analyse, ops
from hubel.base.errors import SettingError
from hubel.data import Augmentation, Dataset
from hubel.tasks import task
from hubel.tasks.decoding import VIEWS, Exchange, exchange_of
from hubel.tasks.measure import outputs_of
from hubel.tasks.model import LoadedModel

_COARSEST = 64  # pixels of a place, at most
_WINDOW = 288  # pixels of a side from which training looks through windows
_STEPS = 2000  # of training where nothing says how long
_RATE, _NUMBERS = 0.003, 2300  # of AdamW, and the numbers of the longest sum, from which it is less
_MANY = 24  # times that each image is seen from which changes of colour pay


def _plain_rate(report: Report) -> float:
    """AdamW's, where nothing is normalised. Each of its steps moves a sum by the rate times as many numbers as it has,
    however small the gradient (Yang & Hu 2021): at 0.003 a U-Net of full width, whose sums have 9,216, explodes.
    """
    sums = [row for row in report.rows if isinstance(row.operation, ops.WindowedSum | ops.DenseSum)]
    longest = max((row.cost.macs // math.prod(row.output_shape) for row in sums), default=1)
    return float(f"{_RATE * min(1.0, _NUMBERS / max(1, longest)):.1g}")


class Places(task.Task):
    """A task whose answer is a picture of numbers: ⌈H/stride⌉×⌈W/stride⌉×C of an image of H×W."""

    about_places: ClassVar[bool] = True
    own_size: ClassVar[bool] = True
    reads_like: ClassVar[bool] = False
    views: int

    def looks(self) -> dict[str, Any]:
        """The setting that says how often an image is looked at, where that is not once."""
        return {} if self.views == 1 else {VIEWS: self.views}

    @property
    def exchange(self) -> Exchange | None:
        """By `views`: what of a mirrored image's outputs is what."""
        return exchange_of(self.name, self.classes, self.settings())

    def fits(self, output: tuple[int, ...], shape: tuple[int, ...]) -> bool:
        """Whether the output has all channels, at the image's size or at one that many times coarser."""
        return len(output) == 3 and output[2] == self.output(shape)[0][2] and stride_of(output, shape) is not None

    def fitted(self, network: Network) -> Network:
        """The network, or, of one that says something of the image as a whole, the U that is made of it."""
        if len(network.input) < 3 or len(analyse(network).output_shape) == 3:
            return network
        strides = [stride for stride in (4, 2, 8) if stride <= self.finest(network.input)] or [2]
        return zoo.dense(network, self.output(network.input)[0][2], strides[0])

    def finest(self, shape: tuple[int, ...]) -> int:
        """How many pixels of an image of this shape a place may have."""
        return 1 if max(shape[:2]) <= 64 else 2 if max(shape[:2]) <= 160 else 4

    def network(self, training: Dataset) -> task.Chosen:
        """A small U of residual blocks; of small images finer at its end."""
        shape, number = training.shape, len(training)
        stride = self.finest(shape)
        width = 1.0 if number >= 100 else 0.5
        why = f"{number:,} images of {shape[0]}×{shape[1]}; an answer for every {stride}×{stride} pixels"
        return task.Chosen("dense-resnet10", {"stride": stride, "width": width}, why)

    @classmethod
    def rules(cls, network: Network, training: Dataset) -> Mapping[str, Any]:
        """Muon, or AdamW where nothing is normalised, by one cycle in small batches, their moving average, and images
        seen through windows that are moved, mirrored and enlarged where they are large; as many epochs as make 2,000
        steps.
        """
        height, width, channels = training.shape
        size = max(1, len(training))
        batch = min(8 if max(height, width) > 96 else 16, size)
        augmentation = Augmentation(
            flip=channels == 3,
            window=_WINDOW - 32 if max(height, width) > _WINDOW else 0,
            zoom=1.5,
            colour=0.3 if channels == 3 else 0.0,
        )
        report = analyse(network)
        normalised = any(isinstance(row.operation, ops.Normalise) for row in report.rows)
        steps = max(1, size * augmentation.passes((height, width)) // batch)  # an epoch
        return {
            "batch_size": batch,
            # in the same 90 s 56.7 % mean IoU on CamVid's validation part, AdamW 43.6; its steps are as long however
            # small a gradient is, which only normalisation makes harmless
            "optimizer": "muon" if normalised else "adamw",
            "learning_rate": 0.02 if normalised else _plain_rate(report),
            "momentum": 0.9,
            "beta2": 0.99,
            "weight_decay": 0.01,
            "warmup": 0.1,
            "ema": 0.99,
            "label_smoothing": 0.0,
            "keep": "best",  # few pictures are learnt by heart in the end
            "augmentation": str(augmentation),
            "mirrors": "measured",
            "views": 0,
            "epochs": float(max(4, min(500, math.ceil(_STEPS / steps)))),
        }

    @classmethod
    def varied(cls, augmentation: str, epochs: float) -> str:
        """Without changes of colour where each image is seen a few times: they cost two to eight points then."""
        if epochs >= _MANY:
            return augmentation
        return str(replace(Augmentation.parse(augmentation), colour=0.0))

    def check_training(self, balance: str, augmentation: Augmentation) -> None:
        """Refuse what needs one class an image, or moves images in ways that cannot be followed."""
        if balance == "sampling":
            raise SettingError(
                f"recipe: expected balance 'none' or 'weights' with {self.targets_noun}, whose images have several "
                "classes"
            )
        if augmentation.mixup or augmentation.operations:
            raise SettingError(
                f"recipe: expected an augmentation that {self.targets_noun} can follow (shift, flip, updown, crop, "
                f"window, zoom, rotate, colour, cutout), received {augmentation}"
            )

    targets_noun: ClassVar[str] = "targets"


def in_windows(model: LoadedModel, picture: npt.NDArray[np.uint8]) -> Iterator[torch.Tensor]:
    """Probabilities of a picture (H×W or H×W×C) seen in its own scale, C×rows×W, from its first rows to its last:
    through windows of the network's size that overlap by half, each counted most in its middle and least at its edges,
    so that no seam is left. However large the picture is, no more than the rows of one row of windows are in memory.
    """
    rows, columns = model.preprocessing.height, model.preprocessing.width
    height, width = picture.shape[:2]
    down, right = ((1 - (2 * torch.arange(side) + 1 - side).abs() / side).clamp_min(0.05) for side in (rows, columns))
    weight, tops = down[:, None] * right, _starts(height, rows)
    found = torch.zeros(1, 0, width)  # sums of what windows say, and, last, of how much they count
    for top, following in zip(tops, [*tops[1:], height], strict=True):
        for left in _starts(width, columns):
            seen = model.preprocessing.prepare(picture[top : top + rows, left : left + columns])
            scores = enlarged(outputs_of(model, seen[np.newaxis]), (rows, columns))
            own = torch.cat([model.task.outcome(scores)[0], torch.ones(1, rows, columns)]) * weight
            if found.shape[1] < rows:
                found = F.pad(found.expand(len(own), -1, -1), (0, 0, 0, rows - found.shape[1]))
            found[:, :, left : left + columns] += own
        done, found = found.split([following - top, rows - following + top], 1)
        yield done[:-1] / done[-1]


def _starts(whole: int, part: int) -> list[int]:
    """Where windows begin that cover a side, each beginning in the one before."""
    number = max(1, math.ceil(2 * (whole - part) / part) + 1) if whole > part else 1
    return np.linspace(0, whole - part, number).round().astype(int).tolist() if number > 1 else [0]


def stride_of(output: tuple[int, ...], shape: tuple[int, ...]) -> int | None:
    """How many pixels of an image a place of the output has, on each side; None where they do not fit."""
    return next((s for s in range(1, _COARSEST + 1) if output[:2] == (-(-shape[0] // s), -(-shape[1] // s))), None)


def middles(targets: torch.Tensor, size: tuple[int, ...]) -> torch.Tensor:
    """What lies in the middle of each place: targets of pixels N×H×W as ones of places N×h×w."""
    if targets.shape[1:] == size:
        return targets
    rows, columns = (
        ((torch.arange(few, device=targets.device) + 0.5) * many / few).long()
        for few, many in zip(size, targets.shape[1:], strict=True)
    )
    return targets[:, rows[:, None], columns]


def every_second(targets: torch.Tensor) -> torch.Tensor:
    """Targets of every second row and column, N×⌈H/2⌉×⌈W/2⌉: of one image the first of two, of the next the second, so
    that on the mean nothing is moved.
    """
    found = targets[:, ::2, ::2].clone()
    rows, columns = targets.shape[1] // 2, targets.shape[2] // 2
    found[1::2, :rows, :columns] = targets[1::2, 1::2, 1::2]
    return found


def in_place(
    found: npt.NDArray[Any], place: tuple[float, float, float, float], size: tuple[int, int], otherwise: int
) -> npt.NDArray[Any]:
    """A picture h×w or h×w×C where it belongs in a larger one H×W: the nearest pixel counts. place: the row and column
    where it begins, its rows and columns. otherwise: what stands where it does not reach.
    """
    picture = np.full((*size, *found.shape[2:]), otherwise, found.dtype)
    where = [
        np.floor((np.arange(side) + 0.5 - start) * few / many).astype(np.int64)
        for side, start, few, many in zip(size, place[:2], found.shape, place[2:], strict=False)
    ]
    inside = [(each >= 0) & (each < few) for each, few in zip(where, found.shape, strict=False)]
    picture[np.ix_(*inside)] = found[np.ix_(*(each[there] for each, there in zip(where, inside, strict=True)))]
    return picture


def enlarged(scores: torch.Tensor, size: tuple[int, ...]) -> torch.Tensor:
    """Numbers of places N×C×h×w as ones of pixels N×C×H×W, smoothly; as they are where there are as many."""
    if scores.shape[2:] == size:
        return scores
    return F.interpolate(scores, tuple(size), mode="bilinear", align_corners=False)
