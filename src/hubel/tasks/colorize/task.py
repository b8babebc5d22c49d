"""Colours for grey pictures: their loss, counts, figures and answers (Zhang, Isola, Efros 2016)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from PIL import Image
from torch import nn

from hubel import data
from hubel.arch import Network
from hubel.base.errors import SettingError
from hubel.base.numbers import counted
from hubel.base.plain import as_number
from hubel.data import Augmentation, Dataset, Splits
from hubel.data.colours.lab import coloured, colourfulness, colours_of, greyed
from hubel.data.colours.load import grey_of, load
from hubel.data.colours.targets import Colours
from hubel.data.feed.device import constant
from hubel.tasks import task
from hubel.tasks.colorize.answer import Coloured
from hubel.tasks.colorize.bins import common, hue, spread, squares
from hubel.tasks.colorize.decoding import TEMPERATURE
from hubel.tasks.colorize.metrics import Metrics, Way
from hubel.tasks.decoding import views_of
from hubel.tasks.measure import called, evaluate, outputs_of, whole_of
from hubel.tasks.model import LoadedModel
from hubel.tasks.places import Places
from hubel.tasks.synthesis.distance import features, frechet, moments

_GREY = ("1", "L", "LA", "I", "I;16", "F")  # kinds of pixels
_SHOWN = 12  # pictures in a report
_SEEN = 144  # pixels of a side that a small one is shown in
_ROWS = 2**16  # pixels that are coloured at once, so that they stay in the cache
_NUMBERS = 8  # that are summed beside the moments of features


@dataclass(frozen=True)
class Colorize(Places):
    """The task of colouring grey pictures.

    middles, weights: of the squares of colours, a* and b* each, and how much a pixel of each counts. prior: the
    logarithm of each one's share, which is added to scores, so that these begin with what is common. mean: the training
    pictures' mean colour, to compare with.
    """

    middles: tuple[tuple[float, float], ...]
    weights: tuple[float, ...] = field(repr=False)
    prior: tuple[float, ...] = field(repr=False)
    mean: tuple[float, float]
    classes: tuple[str, ...] = ()
    views: int = field(default=1, compare=False)
    name: ClassVar[str] = "colorize"
    figures: ClassVar[tuple[task.Figure, ...]] = (
        task.Figure("ab_error", "a*b* error", "number", "lowest"),
        task.Figure("colourfulness", "of the true colourfulness"),
        task.Figure("distance", "Fréchet distance", "number", "lowest"),
    )
    draws: ClassVar[bool] = True
    scores_classes: ClassVar[bool] = True
    guesses: ClassVar[bool] = False
    targets_noun: ClassVar[str] = "colours"
    noun: ClassVar[tuple[str, str]] = ("colour", "colours")

    @classmethod
    def load(cls, source: str, **settings: Any) -> Splits:
        """Grey pictures and their colours; see `hubel.data.colours.load.load`."""
        return load(source, **settings)

    @classmethod
    def describe(cls, source: str, **settings: Any) -> data.Description:
        """What a set holds, whatever its pictures show."""
        found = data.describe(source, label_kind="none", fit="stretch", **settings)
        grey = sum(count for mode, count in found.modes.items() if mode in _GREY)
        told = f"{counted(grey, 'picture')} in grey, of which training leaves out what has no colour"
        return replace(found, notes=(*found.notes, *([told] if grey else [])))

    @classmethod
    def for_dataset(cls, dataset: Dataset) -> Colorize:
        """The task of saying this set's colours."""
        if not isinstance(dataset.targets, Colours):
            raise SettingError(f"{dataset.name}: expected colour pictures, received targets for {dataset.targets.task}")
        found = common(dataset)
        middles = tuple((float(a), float(b)) for a, b in squares().tolist())
        weights, prior = (tuple(round(float(each), 6) for each in own) for own in (found.weights, found.prior))
        return cls(middles, weights, prior, found.mean)

    def settings(self) -> dict[str, Any]:
        """The squares, their weights and shares, and the mean colour."""
        own = {"weights": list(self.weights), "prior": list(self.prior), "mean": list(self.mean)}
        return {"middles": [list(each) for each in self.middles], **own, **self.looks()}

    @classmethod
    def from_settings(cls, classes: tuple[str, ...], settings: Mapping[str, Any]) -> Colorize:
        """The task with these squares."""
        middles = tuple((as_number(a), as_number(b)) for a, b in settings["middles"])
        weights, prior = (tuple(map(as_number, settings[name])) for name in ("weights", "prior"))
        a, b = settings["mean"]
        known = all(abs(value) <= 200 for each in middles for value in each) and all(0 <= w < 1e9 for w in weights)
        if not middles or not len(weights) == len(prior) == len(middles) or not known:
            raise SettingError(
                f"expected a weight and a share for each of {len(middles)} squares of colours from -200 to 200"
            )
        return cls(middles, weights, prior, (as_number(a), as_number(b)), views=views_of(settings))

    def output(self, shape: tuple[int, ...]) -> tuple[tuple[int, ...], str]:
        """A number a square of colours for every few pixels."""
        grid = tuple(-(-side // self.finest(shape)) for side in shape[:2])
        return (*grid, len(self.middles)), f"'conv {len(self.middles)} 1x1' at the images' size or a fraction"

    def finest(self, shape: tuple[int, ...]) -> int:
        """Colours are seen less sharply than light."""
        return 2 if max(shape[:2]) <= 96 else 4

    def check(self, network: Network, shape: tuple[int, int, int]) -> None:
        """As every task, and refuse a network that looks at colours."""
        if len(network.input) == 3 and network.input[2] != 1:
            raise SettingError(
                f"expected a network that takes grey pictures ({shape[0]}x{shape[1]}x1), received one for "
                f"{'×'.join(map(str, network.input))}, which would be shown what it is to say"
            )
        super().check(network, shape)

    @classmethod
    def rules(cls, network: Network, training: Dataset) -> Mapping[str, Any]:
        """As of all such tasks, mirrored, and in larger batches of small pictures; light is left as it is."""
        rules = super().rules(network, training)
        height, width, _ = training.shape
        side, batch = max(height, width), min(len(training), 32 if max(height, width) <= 96 else 8)
        own = replace(Augmentation.parse(rules["augmentation"]), flip=True, colour=0.0)
        own = replace(own, zoom=1.2) if side > 96 else replace(own, zoom=1.0, shift=side // 8)
        return {**rules, "batch_size": batch, "augmentation": str(own), "clip_norm": 10.0}

    def check_training(self, balance: str, augmentation: Augmentation) -> None:
        """Refuse what needs classes, and what would change light and not colours."""
        if balance != "none":
            raise SettingError("recipe: expected balance 'none' with colours, whose rare ones weigh more already")
        if augmentation.cutout:
            raise SettingError("recipe: expected no cutout with colours, under which they would be asked for")
        super().check_training(balance, augmentation)

    def _middles(self, like: torch.Tensor) -> torch.Tensor:
        return constant(self.middles, like.device)

    def logits(self, scores: torch.Tensor) -> torch.Tensor:
        """Scores N×squares×h×w beside what is common."""
        return scores.float() + constant(self.prior, scores.device)[:, None, None]

    def outcome(self, scores: torch.Tensor) -> torch.Tensor:
        """How likely each square is."""
        return self.logits(scores).softmax(1)

    @property
    def scored(self) -> tuple[str, ...]:
        """The squares of colours, each by a word and its middle."""
        return tuple(f"{hue(a, b)} (a* {a + 0:g}, b* {b + 0:g})".replace("-", "−") for a, b in self.middles)

    def probabilities(self, logits: torch.Tensor) -> torch.Tensor:
        """Of the squares, of scores N×squares of an image or a place."""
        return self.outcome(logits[..., None, None])[..., 0, 0]

    def foremost(self, scores: torch.Tensor, most: int) -> list[list[int]]:
        """The likeliest squares, of scores N×squares beside what is common."""
        return super().foremost(self.probabilities(scores), most)

    def colours(self, scores: torch.Tensor, size: Sequence[int]) -> torch.Tensor:
        """a* and b*, N×2×rows×columns, of scores N×squares×h×w: of each place the mean of the likelier squares
        (annealed: between the likeliest alone and the mean of all), enlarged smoothly.
        """
        shares = (self.logits(scores) / TEMPERATURE).softmax(1)
        found = torch.einsum("nqhw,qc->nchw", shares, self._middles(scores))
        return F.interpolate(found, list(size), mode="bilinear", align_corners=False)

    def objective(
        self, network: nn.Module, label_smoothing: float = 0.0, class_weights: torch.Tensor | None = None
    ) -> Objective:
        """The network with the weighed cross-entropy of squares."""
        return Objective(network, self)

    def loss(self, scores: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """The mean cross-entropy of scores N×squares×h×w with the pictures' colours there, spread over the nearest
        squares and weighed by how rare the nearest is.
        """
        true = F.adaptive_avg_pool2d(colours_of(targets), (scores.shape[2], scores.shape[3]))
        which, shares = spread(true.permute(0, 2, 3, 1).reshape(-1, 2), self._middles(scores))
        told = self.logits(scores).log_softmax(1).permute(0, 2, 3, 1).reshape(-1, scores.shape[1])
        entropy = -(told.gather(1, which) * shares).sum(1)
        weights = constant(self.weights, scores.device)
        mean: torch.Tensor = (entropy * weights[which[:, 0]]).mean()
        return mean

    def counts(self) -> _Counts:
        """Sums of errors and colourfulness, and moments of features."""
        return _Counts(self)

    def measured(self, counts: Sequence[torch.Tensor]) -> Metrics:
        """Errors, colourfulness and distance, beside those of grey pictures and of one colour."""
        sums, *kinds = counts
        off, plain, one, pixels, vivid, truth, loss, images = (float(each) for each in sums)
        real, made, grey = kinds
        pixels, images = max(pixels, 1.0), max(images, 1.0)
        return Metrics(
            Way("coloured", off / pixels, vivid / images, frechet(real, made)),
            Way("grey", plain / pixels, 0.0, frechet(real, grey)),
            one / pixels,
            truth / images,
            loss / images,
            int(images),
        )

    def answer(self, model: LoadedModel, image: Any, top: int = 3) -> Coloured:
        """The picture in colour, of its own size and as light as it is everywhere."""
        picture = whole_of(model, image)
        whole = np.asarray(picture.convert("RGB") if isinstance(picture, Image.Image) else picture)
        whole = whole if whole.ndim == 3 else whole[..., np.newaxis]
        given = np.array(np.broadcast_to(whole[..., :3], (*whole.shape[:2], 3)))
        scores = outputs_of(model, model.preprocessing.prepare(picture)[np.newaxis])
        grey = grey_of(given)
        made = self.made(scores, grey[np.newaxis])[0]
        vivid, was = (float(colourfulness(torch.from_numpy(each[np.newaxis]))) for each in (made, given))
        return Coloured(given, grey, made, vivid, was)

    def made(self, scores: torch.Tensor, grey: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
        """Pictures uint8 N×H×W×3 of grey levels N×H×W and the network's scores."""
        height, width = grey.shape[1:]
        colours = self.colours(scores, (height, width))
        step = max(1, _ROWS // max(1, width * len(grey)))
        light = torch.from_numpy(grey)
        parts = [
            coloured(light[:, top : top + step], colours[:, :, top : top + step]) for top in range(0, height, step)
        ]
        return torch.cat(parts, 1).numpy()

    def sections(self, model: LoadedModel, dataset: Dataset) -> Sequence[task.Section]:
        """The figures, and pictures before and after, beside what they were."""
        found = evaluate(model, dataset)
        chosen = np.unique(np.linspace(0, len(dataset) - 1, _SHOWN).astype(np.int64))
        pictures = []
        for number in chosen.tolist():
            image, true = dataset.images[number], dataset.targets.array[number]
            scores = outputs_of(model, dataset.images[number : number + 1])
            made = self.made(scores, image[np.newaxis, ..., 0])[0]
            off = (colours_of(torch.from_numpy(np.stack([made, true]))).diff(dim=0)[0]).norm(dim=0).mean()
            times = max(1, _SEEN // max(image.shape[:2]))
            row = np.concatenate([np.repeat(image, 3, 2), made, true], 1).repeat(times, 0).repeat(times, 1)
            pictures.append((f"{called(dataset, number)}: {float(off):.1f} off in a*b*", row))
        told = (
            "Error: the mean distance from the true colour in the plane of a* and b*. Colourfulness: Hasler's and "
            "Süsstrunk's (2003). Distance: Fréchet's, in the features of a fixed network of two convolutions that is "
            "drawn at random."
        )
        note = f"{found.sentence(dataset.name or 'the pictures')}. {told}"
        return [
            task.Section("ways", "Beside grey, and one colour", note, found.table(4)),
            task.Section("coloured", "Before and after", "Grey, coloured, and as it was.", pictures=pictures),
        ]


class Objective(task.Objective):
    """The loss of colours. Targets: uint8 N×H×W×3, the pictures."""

    def __init__(self, network: nn.Module, kind: Colorize) -> None:
        super().__init__(network)
        self.kind = kind

    def loss(
        self, outputs: torch.Tensor, targets: torch.Tensor, others: torch.Tensor | None, share: torch.Tensor | None
    ) -> torch.Tensor:
        """The mean loss of outputs N×squares×h×w, at any grid."""
        return self.kind.loss(outputs, targets)


class _Counts(task.Counts):
    """Sums, float64: errors of the model, of grey, of one colour, over how many pixels; colourfulness of the model
    and of the truth, losses, over how many pictures. And moments of true, made and grey ones.
    """

    def __init__(self, kind: Colorize) -> None:
        self.kind = kind
        self.sums = torch.zeros(_NUMBERS, dtype=torch.float64)
        self.moments: list[torch.Tensor] = []

    def add(self, outputs: torch.Tensor, targets: torch.Tensor) -> None:
        """Count a batch's pictures."""
        kind, true = self.kind, colours_of(targets)
        said = kind.colours(outputs, targets.shape[1:3])
        grey = greyed(targets)
        mean = constant(kind.mean, true.device)[:, None, None].expand_as(true)
        made = coloured(grey, said)
        number = len(targets)
        found = [
            *((way - true).norm(dim=1).double().sum() for way in (said, torch.zeros_like(true), mean)),
            said.new_full((), true[:, 0].numel(), dtype=torch.float64),
            *(colourfulness(each).double().sum() for each in (made, targets)),
            kind.loss(outputs, targets).double() * number,
            said.new_full((), number, dtype=torch.float64),
        ]
        self.sums = self.sums.to(outputs.device) + torch.stack([each.double() for each in found])
        plain = grey[..., None].expand(*grey.shape, 3)
        own = [moments(features(each)) for each in (targets, made, plain)]
        self.moments = [old + new for old, new in zip(self.moments, own, strict=True)] if self.moments else own

    def tensors(self) -> tuple[torch.Tensor, ...]:
        """Sums, and moments."""
        return (self.sums.cpu(), *(each.cpu() for each in self.moments))
