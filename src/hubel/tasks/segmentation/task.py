"""Segmentation: its loss, counts, figures and answers."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from PIL import Image
from torch import nn

from hubel.arch import Network
from hubel.base.errors import SettingError
from hubel.base.plain import as_whole
from hubel.data import Dataset, Splits
from hubel.data.masks.describe import MasksDescription, describe
from hubel.data.masks.load import is_source, load
from hubel.data.masks.targets import VOID, Colour, Masks, outlined, overlaid, region
from hubel.tasks import task
from hubel.tasks.decoding import views_of
from hubel.tasks.measure import called, evaluate, outputs_of, whole_of
from hubel.tasks.model import LoadedModel
from hubel.tasks.places import Places, enlarged, every_second, in_place, in_windows, middles
from hubel.tasks.segmentation.metrics import Metrics, metrics
from hubel.view.figures.frames import coloured

_ASKED, _WORST = 48, 4  # images that a report looks at, and the worst of them that it shows
_THIN = 4  # pixels across, of things for which every pixel has an answer; up to twice that, every second
_UNEQUAL = 4  # times as many pixels of one class as of another, from which classes are weighed
_FINEST = 1024  # pixels of a side up to which scores are enlarged, smoothly; beyond, the nearest pixel counts


@dataclass(frozen=True)
class Segmentation(Places):
    """The task of naming the class of every pixel. values, colours: as `Masks` has them. windows: whether pictures that
    are larger than the network takes are seen in their own scale, through windows; else they are brought to its size.
    """

    classes: tuple[str, ...]
    values: tuple[int, ...]
    colours: tuple[Colour, ...]
    windows: bool = field(default=False, compare=False)
    views: int = field(default=1, compare=False)
    name: ClassVar[str] = "segmentation"
    figures: ClassVar[tuple[task.Figure, ...]] = (
        task.Figure("mean_iou", "mean IoU"),
        task.Figure("mean_dice", "mean Dice"),
        task.Figure("pixel_accuracy", "pixel accuracy"),
    )
    running: ClassVar[tuple[task.Figure, ...]] = (task.Figure("pixel_accuracy", "pixel accuracy"),)
    draws: ClassVar[bool] = True
    scores_classes: ClassVar[bool] = True
    targets_noun: ClassVar[str] = "masks"

    @classmethod
    def recognises(cls, source: str) -> bool:
        """Whether there are masks beside images."""
        return is_source(source)

    @classmethod
    def load(cls, source: str, **settings: Any) -> Splits:
        """Images and masks; see `hubel.data.masks.load.load`."""
        return load(source, **settings)

    @classmethod
    def describe(cls, source: str, **settings: Any) -> MasksDescription:
        """Classes, pixels, sizes; see `hubel.data.masks.describe.describe`."""
        return describe(source, **settings)

    @classmethod
    def for_dataset(cls, dataset: Dataset) -> Segmentation:
        """The task of drawing this set's masks."""
        masks = dataset.targets
        if not isinstance(masks, Masks):
            raise SettingError(f"{dataset.name or 'data set'}: expected masks, received targets for {masks.task}")
        return cls(masks.classes, masks.values, masks.colours)

    def settings(self) -> dict[str, Any]:
        """What the classes are in files, and their colours."""
        return {"values": list(self.values), "colours": [list(colour) for colour in self.colours], **self.looks()}

    @classmethod
    def from_settings(cls, classes: tuple[str, ...], settings: Mapping[str, Any]) -> Segmentation:
        """The task with these classes."""
        values = tuple(map(as_whole, settings["values"]))
        colours = tuple((as_whole(r), as_whole(g), as_whole(b)) for r, g, b in settings["colours"])
        if not len(values) == len(colours) == len(classes) or not all(0 <= value < 256 for value in values):
            raise SettingError(f"expected a value from 0 to 255 and a colour for each of {len(classes)} classes")
        return cls(classes, values, colours, views=views_of(settings))

    def output(self, shape: tuple[int, ...]) -> tuple[tuple[int, ...], str]:
        """A number a class for every pixel."""
        return (
            *shape[:2],
            len(self.classes),
        ), f"'conv {len(self.classes)} 1x1 softmax' at the images' size or a fraction"

    def network(self, training: Dataset) -> task.Chosen:
        """As of all such tasks; finer at its end where things are small."""
        chosen, masks = super().network(training), training.targets
        width = masks.usual_width() if isinstance(masks, Masks) else 0.0
        stride = min(chosen.options["stride"], 1 if 0 < width < _THIN else 2 if 0 < width < 2 * _THIN else 4)
        size = "×".join(map(str, training.shape[:2]))
        why = f"{len(training):,} images of {size}, things about {width:g} pixels wide"
        return task.Chosen(chosen.word, {**chosen.options, "stride": stride}, why)

    @classmethod
    def rules(cls, network: Network, training: Dataset) -> Mapping[str, Any]:
        """As of all such tasks; classes weigh by the root of how rare they are, where some are."""
        counts = training.targets.class_counts()
        there = counts[counts > 0]
        rare = len(there) > 1 and there.max() > _UNEQUAL * there.min()
        return {**super().rules(network, training), **({"balance": "weights", "balance_power": 0.5} if rare else {})}

    def objective(
        self, network: nn.Module, label_smoothing: float = 0.0, class_weights: torch.Tensor | None = None
    ) -> Objective:
        """The network with cross-entropy of pixels."""
        return Objective(network, len(self.classes), label_smoothing, class_weights)

    def on_the_way(self, outputs: torch.Tensor, targets: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """The share of pixels that are right, in the middle of each place; void ones are left out."""
        wanted = middles(targets, outputs.shape[2:])
        return ((outputs.argmax(1) == wanted).sum() / (wanted != VOID).sum().clamp_min(1),)

    def counts(self) -> _Counts:
        """Of pairs of classes, and the losses' sum."""
        return _Counts(len(self.classes))

    def measured(self, counts: Sequence[torch.Tensor]) -> Metrics:
        """Mean IoU and Dice, pixel accuracy, loss, each class's figures, and what is taken for what."""
        return metrics(counts[0], counts[1], self.classes)

    def answer(self, model: LoadedModel, image: Any, top: int = 3) -> Segmented:
        """A mask of the image's own size."""
        picture = whole_of(model, image)
        whole = np.asarray(picture.convert("RGB") if isinstance(picture, Image.Image) else picture)
        height, width = whole.shape[:2]
        if self.windows and height >= model.preprocessing.height and width >= model.preprocessing.width:
            bands = [band.argmax(0).to(torch.uint8) for band in in_windows(model, np.asarray(picture))]
            return Segmented(self, torch.cat(bands).numpy(), whole, top)
        prepared = model.preprocessing.prepare(picture)
        scores = enlarged(outputs_of(model, prepared[np.newaxis]), prepared.shape[:2])
        place = region((height, width), tuple(scores.shape[2:]), model.preprocessing.fit)
        fine = [min(_FINEST, max(1, math.floor(side + 0.5))) for side in place[2:]]
        seen = F.interpolate(scores, fine, mode="bilinear", align_corners=False)[0].argmax(0).to(torch.uint8).numpy()
        return Segmented(self, in_place(seen, place, (height, width), VOID), whole, top)

    def sections(self, model: LoadedModel, dataset: Dataset) -> Sequence[task.Section]:
        """Each class's figures, and the images that it draws worst, one in between and the best."""
        found = evaluate(model, dataset)
        some = np.unique(np.linspace(0, len(dataset) - 1, _ASKED).astype(np.int64))
        order = sorted((self._drawn(model, dataset, int(number)) for number in some), key=lambda each: each[0])
        chosen = [*order[:_WORST], *order[_WORST :: max(1, (len(order) - _WORST) // 2)][-2:]]
        note = (
            f"{found.sentence(dataset.name or 'the images')}. IoU: of pixels that are so or were called so, those that "
            "are both; Dice counts these twice, others once. Recall: of those that are so, those that were called so."
        )
        told = f"of {len(some):,} images, {'all' if len(some) == len(dataset) else 'evenly spread'}, the worst first"
        return [
            task.Section("classes", "Each class", note, found.table(len(self.classes), self.colours)),
            task.Section("masks", "What it draws", f"{told}; wrong pixels are bright", pictures=[e[1] for e in chosen]),
        ]

    def _drawn(
        self, model: LoadedModel, dataset: Dataset, number: int
    ) -> tuple[float, tuple[str, npt.NDArray[np.uint8]]]:
        """The share of right pixels; side by side an image, its mask, what is drawn, what is wrong."""
        image, true = dataset.images[number], dataset.targets.array[number]
        scores = enlarged(outputs_of(model, dataset.images[number : number + 1]), image.shape[:2])
        mask = scores[0].argmax(0).to(torch.uint8).numpy()
        known = true != VOID
        right = float(((true == mask) & known).sum() / max(1, known.sum()))
        plain = coloured(image)
        wrong = np.where(((true != mask) & known)[..., None], 255, plain // 3).astype(np.uint8)
        panels = [plain, *(overlaid(image, each, self.colours) for each in (true, mask)), wrong]
        told = f"{called(dataset, number)}, its mask, what the model draws, what is wrong: {right:.1%} of pixels right"
        return right, (told, np.concatenate(panels, 1))


@dataclass(frozen=True, eq=False, repr=False)
class Segmented(task.Answer):
    """A class for every pixel of an image, uint8 H×W, 255 where the model did not look."""

    task: Segmentation
    mask: npt.NDArray[np.uint8]
    image: npt.NDArray[np.uint8]
    top: int

    def data(self) -> dict[str, Any]:
        """The image's size, and what share of its pixels each class has."""
        found = [{"class": name, "share": round(share, 6)} for name, share in self._shares()]
        return {"height": self.mask.shape[0], "width": self.mask.shape[1], "classes": found}

    def words(self) -> tuple[str, ...]:
        """The largest classes."""
        (name, share), *others = self._shares()[: self.top] or [("nothing", 0.0)]
        return name, f"{share:.1%}", "  ".join(f"{other} {part:.1%}" for other, part in others)

    def row(self) -> dict[str, Any]:
        """The image's size, and what share of its pixels each class has."""
        shares = dict(self._shares())
        cells = {f"#share of {name}": round(shares.get(name, 0.0), 6) for name in self.task.classes}
        return {"#height": self.mask.shape[0], "#width": self.mask.shape[1], **cells}

    def pictures(self) -> Mapping[str, npt.NDArray[np.uint8]]:
        """The mask in the files' values, the image under its colours, and the image with what borders on what."""
        values = np.full(256, max({*range(VOID + 1)}.difference(self.task.values)), np.uint8)  # unseen: 255, if free
        values[: len(self.task.values)] = self.task.values
        image = self.image if self.image.ndim == 3 else self.image[..., np.newaxis]
        shown = outlined(image, self.mask, self.task.colours), overlaid(image, self.mask, self.task.colours)
        return {"mask": values[self.mask], **dict(zip(("outline", "overlay"), shown, strict=True))}

    def _shares(self) -> list[tuple[str, float]]:
        counts = np.bincount(self.mask.ravel(), minlength=256)[: len(self.task.classes)] / self.mask.size
        order = [int(i) for i in np.argsort(-counts, kind="stable") if counts[i]]
        return [(self.task.classes[i], float(counts[i])) for i in order]


class Objective(task.Objective):
    """The mean cross-entropy of pixels that have a class, each as often as its class weighs. Targets: uint8 N×H×W."""

    def __init__(
        self, network: nn.Module, classes: int, label_smoothing: float = 0.0, class_weights: torch.Tensor | None = None
    ) -> None:
        super().__init__(network)
        self.label_smoothing = label_smoothing
        counted = torch.zeros(256)
        counted[:classes] = 1.0 if class_weights is None else class_weights
        self.register_buffer("counted", counted, persistent=False)  # how often a pixel of each value counts
        self.register_buffer("class_weights", class_weights, persistent=False)

    def loss(
        self, outputs: torch.Tensor, targets: torch.Tensor, others: torch.Tensor | None, share: torch.Tensor | None
    ) -> torch.Tensor:
        """The mean loss of outputs N×classes×h×w, enlarged to the masks' size; where they are coarser than pixels, to
        half of it, against every second pixel: nearly as much is learnt, and a step takes two thirds of the time.
        """
        if outputs.shape[2] < targets.shape[1]:
            targets = every_second(targets)
        wanted = targets.long()
        counted: Any = self.counted
        options: Any = {"weight": self.class_weights, "label_smoothing": self.label_smoothing}
        outputs = enlarged(outputs.float(), targets.shape[1:])
        total: torch.Tensor = F.cross_entropy(outputs, wanted, reduction="sum", ignore_index=VOID, **options)
        number: torch.Tensor = counted[wanted].sum().clamp_min(1e-9)
        return total / number


class _Counts(task.Counts):
    """How many pixels of each class (rows) were called each (columns), int64, and the cross-entropies' sum, float64."""

    def __init__(self, classes: int) -> None:
        self.classes = classes
        self.pairs = torch.zeros(classes * classes + 1, dtype=torch.int64)  # and void ones
        self.total = torch.zeros((), dtype=torch.float64)

    def add(self, outputs: torch.Tensor, targets: torch.Tensor) -> None:
        """Count a batch's pixels, void ones left out."""
        wanted, size = targets.long(), self.classes
        outputs = enlarged(outputs, targets.shape[1:])
        loss = F.cross_entropy(outputs, wanted, reduction="sum", ignore_index=VOID)
        self.total = self.total + loss.double()
        codes = torch.where(wanted == VOID, size * size, wanted * size + outputs.argmax(1))
        # stays on the device, and unlike `bincount` needs not wait for it
        self.pairs = self.pairs.to(codes.device)
        self.pairs.scatter_add_(
            0, codes.flatten(), torch.ones((), dtype=torch.int64, device=codes.device).expand(codes.numel())
        )

    def tensors(self) -> tuple[torch.Tensor, ...]:
        """Pairs and total."""
        return self.pairs[:-1].view(self.classes, self.classes).cpu(), self.total.cpu()
