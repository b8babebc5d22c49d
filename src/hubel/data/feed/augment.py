"""How training images are changed from epoch to epoch: a description, chosen by a rule, done on whole batches."""

from __future__ import annotations

import dataclasses
import math
import re
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from hubel.base.errors import SettingError
from hubel.data._dataset import Dataset
from hubel.data._targets import Labels
from hubel.data.feed.device import sent
from hubel.data.feed.moves import SEEN, Moves
from hubel.data.feed.order import key, scattered
from hubel.data.prepare.measure import enough
from hubel.data.prepare.preprocessing import Preprocessing

if TYPE_CHECKING:
    from collections.abc import Callable

    import torch

# a number a change, so that one switched on or off leaves the others' random numbers as they were
(_FLIP, _ROWS, _COLUMNS, _AREA, _ASPECT, _LEFT, _TOP, _TURN, _BRIGHT, _CONTRAST, _SATURATION) = range(11)
(_CUT_ROW, _CUT_COLUMN, _SHARE, _PARTNER, _OPERATION) = range(11, 16)
_ZOOM, _FOCUSED, _WHICH, _UPDOWN, _MARKED = 40, 41, 42, 43, 44  # after those of all operations
_WHOLE = 0.999  # of a box that is not cut, but for rounding
_INNER = 0.7  # of a window, in which the middle of what it is laid around lies
_STEP = 32  # pixels, of which windows are shorter than images
_SOUND_SHIFT = 4  # steps of 10 ms, and bands
_REPEATED, _MANY = 2, 24  # epochs from which small changes pay, and from which stronger ones do


@dataclasses.dataclass(frozen=True)
class Augmentation:
    """What may happen to a training image; all zero is nothing.

    shift: moved by up to this many whole pixels, in each direction.
    flip: mirrored left to right, every second time.
    updown: mirrored top to bottom, every second time.
    crop: shown by a part of at least this share of its area (0 < crop < 1), of a form from 3:4 to 4:3; 0 is off.
    window: seen through a window of at most so many pixels a side, anywhere in the image; 0 is the whole. A longer side
        is shortened by a multiple of 32, so that it is halved evenly where the image's own is, to 32 at least.
    zoom: enlarged or reduced up to so many times before that; 1 is off.
    focus: the share of windows that are laid around something that is wanted, where targets say where such lies.
    rotate: turned by up to this many degrees.
    colour: brightness, contrast and saturation changed by up to this share (0.2: from 0.8 to 1.2 times).
    operations: so many changes drawn from thirteen at `magnitude` 0 to 10, as RandAugment does (Cubuk et al. 2019).
    cutout: a square of this many pixels painted over.
    mixup: mixed with another image, the share drawn from Beta(mixup, mixup).
    fill: the level that comes in from outside; None mirrors the image there.
    seen: how much of a marked object's box an edge has to leave for the object to count. marked: of how many images
        such objects count, a share; of the others those alone count that no edge cuts.

    What happens to an image is a function of the seed, the epoch, and the image's position in the epoch: of nothing
    else, neither the batch's size nor the number of processes.
    """

    shift: int = 0
    flip: bool = False
    crop: float = 0.0
    window: int = 0
    zoom: float = 1.0
    focus: float = 0.0
    rotate: float = 0.0
    colour: float = 0.0
    operations: int = 0
    magnitude: float = 5.0
    cutout: int = 0
    mixup: float = 0.0
    fill: int | None = None
    updown: bool = False
    seen: float = SEEN
    marked: float = 1.0

    def __post_init__(self) -> None:
        ranges = {
            "shift": (0, 1000),
            "crop": (0, 1),
            "window": (0, 100_000),
            "zoom": (1, 8),
            "focus": (0, 1),
            "rotate": (0, 180),
            "colour": (0, 1),
            "operations": (0, 8),
            "magnitude": (0, 10),
            "cutout": (0, 10_000),
            "mixup": (0, 10),
            "fill": (0, 255),
            "seen": (0, 1),
            "marked": (0, 1),
        }
        for name, (low, high) in ranges.items():
            value = getattr(self, name)
            if value is not None and not low <= value <= high:
                raise SettingError(f"augmentation: expected {name} from {low} to {high}, received {value}")
        if self.crop and (self.window or self.zoom > 1):
            raise SettingError("augmentation: expected crop, or window and zoom, received both")

    def __bool__(self) -> bool:
        return dataclasses.replace(self, magnitude=5.0, fill=None, seen=SEEN, marked=1.0) != Augmentation()

    @classmethod
    def for_dataset(cls, dataset: Dataset, preprocessing: Preprocessing, epochs: float) -> Augmentation:
        """The rule.

        Drawn things in a frame centred by mass (digits) are shifted by a pixel in 28 where they are seen at least
        twice: with one epoch that changes nothing (99.09 % on MNIST either way), with two it gives a tenth of a per
        cent. Things whose frame is the image (Fashion-MNIST) are not shifted, which is measured to hurt. Photographs
        up to 64 pixels are shifted by an eighth; larger ones are cropped to at least 35 % of their area. Whether
        mirroring is right is measured: images are mirrored where the classes' mean images know their mirrored images
        as well. From 24 epochs on, photographs are changed in colour and partly painted over as well. Where targets may
        not be true of a changed image (numbers), nothing is changed. Sounds are moved by up to 4 steps and bands,
        and their waveforms by none.
        """
        if not dataset.targets.varied:
            return cls()
        if dataset.fit == "time":  # earlier or later, and a little higher or lower
            return cls(shift=_SOUND_SHIFT, fill=0) if dataset.shape[1] > 1 else cls()
        height, width, channels = dataset.shape
        side = min(height, width)
        photographs = preprocessing.ink is None
        flip = may_be_mirrored(dataset)
        if not photographs:
            framed = preprocessing.frame is not None and preprocessing.frame.centre == "box"
            ground = 0 if preprocessing.ink == "light" else 255
            moved = epochs >= _REPEATED and not framed
            drawn = cls(shift=max(1, round(side / 28)) if moved else 0, flip=flip, fill=ground)
            return drawn if drawn else cls()
        thorough = epochs >= _MANY
        return cls(
            shift=side // 8 if side <= 64 else 0,
            flip=flip,
            crop=0.35 if side > 64 else 0.0,
            colour=0.2 if thorough and channels == 3 else 0.0,
            cutout=side // 4 if thorough else 0,
        )

    @classmethod
    def parse(cls, text: str) -> Augmentation:
        """The augmentation in its text form, as `str` gives it: "shift 1, flip, cutout 8, fill 0"; or "none".

        Raises ValueError for what is no change.
        """
        values: dict[str, bool | int | float] = {}
        kinds = {field.name: str(field.type) for field in dataclasses.fields(cls)}
        for piece in filter(None, (piece.strip() for piece in text.split(","))):
            match = re.fullmatch(r"([a-z]+)(?:\s+([0-9.]+))?", piece)
            name, number = match.groups() if match else (piece, None)
            if name == "none" and text.strip() == "none":
                continue
            if name not in kinds or (number is None) != (kinds[name] == "bool") or name in values:
                known = ", ".join(f"{name} NUMBER" if kind != "bool" else name for name, kind in kinds.items())
                raise SettingError(f"augmentation: expected 'none' or some of {known}, received {piece!r}")
            try:
                values[name] = True if number is None else int(number) if "int" in kinds[name] else float(number)
            except ValueError:
                raise SettingError(f"augmentation: expected a number after {name}, received {number!r}") from None
        return cls(**values)  # type: ignore[arg-type]

    def __str__(self) -> str:
        if not self:
            return "none"
        pieces = []
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if field.type == "bool":
                pieces += [field.name] if value else []
            elif value is not None if field.name == "fill" else value != field.default:
                pieces.append(f"{field.name} {value:g}" if isinstance(value, float) else f"{field.name} {value}")
        return ", ".join(pieces)

    def partners(self, seed: int, epoch: int, positions: torch.Tensor, size: int) -> torch.Tensor:
        """For `mixup`: the positions in the epoch (of `size` examples) whose images are mixed in, int64."""
        import torch

        numbers = _numbers(seed, epoch, _PARTNER, positions.cpu().numpy())
        return torch.from_numpy(numbers * size).long().clamp_max(size - 1).to(positions.device)

    def shares(self, seed: int, epoch: int, positions: torch.Tensor, device: torch.device) -> torch.Tensor:
        """For `mixup`: how much of each image is its own, float32 from 0.5 to 1."""
        import torch

        from hubel.data.feed.transform import beta_quantiles

        numbers = torch.from_numpy(_numbers(seed, epoch, _SHARE, positions.cpu().numpy()))
        drawn = beta_quantiles(numbers, self.mixup)
        return sent(torch.maximum(drawn, 1 - drawn), device)

    def steps(self, seed: int, epoch: int, positions: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """For `shift`: how many pixels down and to the right, int64 from 0 to 2·shift; `shift` is not at all."""
        import torch

        numbers = [_numbers(seed, epoch, stream, positions.cpu().numpy()) for stream in (_ROWS, _COLUMNS)]
        down, right = ((each.astype(np.float64) * (2 * self.shift + 1)).astype(np.int64) for each in numbers)
        return torch.from_numpy(down), torch.from_numpy(right)

    def apply(
        self,
        images: torch.Tensor,
        seed: int,
        epoch: int,
        positions: torch.Tensor,
        around: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """The images (uint8 B×H×W×C, on any device) changed, all but mixed; `positions` (int64, B) are theirs in the
        epoch, `around` as `moves` has it. The input is not written to.
        """
        import torch

        from hubel.data.feed import transform

        where = positions.cpu().numpy()

        def number(stream: int) -> torch.Tensor:
            return sent(torch.from_numpy(_numbers(seed, epoch, stream, where)), images.device)

        images = self.moves(images.shape, seed, epoch, positions, images.device, around).apply(images, self.fill)
        if self.colour:
            factors = [
                transform.uniform(number(stream), 1 - self.colour, 1 + self.colour)
                for stream in (_BRIGHT, _CONTRAST, _SATURATION)
            ]
            images = transform.recoloured(images, *factors)
        for turn in range(self.operations):
            which, how = number(_OPERATION + 2 * turn), number(_OPERATION + 2 * turn + 1)
            images = transform.random_operation(images, which, how, self.magnitude, self.fill)
        if self.cutout:
            paint = 127 if self.fill is None else self.fill
            images = transform.cut_out(images, number(_CUT_ROW), number(_CUT_COLUMN), self.cutout, paint)
        return images

    def moves(
        self,
        shape: tuple[int, ...],
        seed: int,
        epoch: int,
        positions: torch.Tensor,
        device: torch.device,
        around: torch.Tensor | None = None,
    ) -> Moves:
        """Where `apply` moves the pixels of images of `shape` (B×H×W×C) by shift, flip, updown, crop and rotate.

        around: B×M×2, where in each image something lies that windows may be laid around, in shares of its width and
        height; NaN for nothing.
        """
        import torch

        from hubel.data.feed import transform

        where = positions.cpu().numpy()

        def number(stream: int) -> torch.Tensor:
            return sent(torch.from_numpy(_numbers(seed, epoch, stream, where)), device)

        steps = None
        if self.shift:
            down, right = self.steps(seed, epoch, positions)
            steps = sent(down, device), sent(right, device)
        size = self.size((shape[1], shape[2]))
        viewed = self.crop or self.rotate or self.zoom > 1 or size != tuple(shape[1:3])
        seen: float | torch.Tensor = self.seen
        if self.marked < 1:
            seen = torch.where(number(_MARKED) < self.marked, self.seen, _WHOLE)[:, None]
        flip, updown = number(_FLIP) if self.flip else None, number(_UPDOWN) if self.updown else None
        views = self._views(shape, size, number) if viewed else None
        if views is not None and around is not None and self.focus and self.window:
            views[:, :, 2] = self._laid(sent(around, device), views, (flip, updown), number)
        whole = views is not None and not self.rotate
        if views is not None and whole:
            views = transform.whole_pixels(views, (shape[1], shape[2]))
        return Moves((shape[1], shape[2]), size, self.shift, steps, flip, updown, views, self.fill is None, whole, seen)

    def size(self, shape: tuple[int, int]) -> tuple[int, int]:
        """Height and width of what is seen of images of this height and width."""
        rows, columns = (
            side - _STEP * max(0, min(-(-(side - self.window) // _STEP), side // _STEP - 1)) if self.window else side
            for side in shape
        )
        return rows, columns

    def passes(self, shape: tuple[int, int]) -> int:
        """How often an epoch shows each image of this height and width: as often as its windows show all its pixels."""
        return max(1, round(math.prod(shape) / math.prod(self.size(shape))))

    def _views(
        self, shape: tuple[int, ...], size: tuple[int, int], number: Callable[[int], torch.Tensor]
    ) -> torch.Tensor:
        import torch

        from hubel.data.feed import transform

        turns = number(_TURN)
        zero = torch.zeros_like(turns)
        scale, move = torch.ones(shape[0], 2, device=turns.device), torch.stack([zero, zero], 1)
        if self.crop:
            area = transform.uniform(number(_AREA), self.crop, 1.0)
            form = transform.uniform(number(_ASPECT), -math.log(4 / 3), math.log(4 / 3)).exp().sqrt()
            scale = torch.stack([area.sqrt() * form, area.sqrt() / form], 1).clamp_max(1.0)
            place = torch.stack([number(_LEFT), number(_TOP)], 1)
            move = (2 * place - 1) * (1 - scale)
        elif self.zoom > 1 or size != tuple(shape[1:3]):
            times = transform.uniform(number(_ZOOM), -math.log(self.zoom), math.log(self.zoom)).exp()
            scale = torch.stack([size[1] / shape[2] / times, size[0] / shape[1] / times], 1)
            place = torch.stack([number(_LEFT), number(_TOP)], 1)
            move = (2 * place - 1) * (1 - scale)
        turn = transform.uniform(turns, -1, 1) * math.radians(self.rotate)
        aspect = shape[2] / shape[1]
        return transform.matrices(turn=turn, shear=torch.zeros_like(move), scale=scale, move=move, aspect=aspect)

    def _laid(
        self,
        around: torch.Tensor,
        views: torch.Tensor,
        mirrored: tuple[torch.Tensor | None, torch.Tensor | None],
        number: Callable[[int], torch.Tensor],
    ) -> torch.Tensor:
        """Where the middles of views (affine maps) lie once so many of them are laid around one of the places."""
        import torch

        known = ~around.isnan().any(2)
        several = known.sum(1)
        order = known.long().cumsum(1) - 1  # of each place among those that there are
        chosen = known & (order == (number(_WHICH) * several).long()[:, None])
        place = torch.where(chosen[..., None], around, 0.0).sum(1).to(views.dtype) * 2 - 1
        for axis, drawn in enumerate(mirrored):
            if drawn is not None:
                place[:, axis] = torch.where(drawn < 0.5, -place[:, axis], place[:, axis])
        half = views[:, :, :2].square().sum(2).sqrt()
        away = _INNER * half * (2 * torch.stack([number(_LEFT), number(_TOP)], 1) - 1)
        room = (1 - half).clamp_min(0)
        laid = torch.maximum(torch.minimum(place - away, room), -room)
        focused = (number(_FOCUSED) < self.focus) & (several > 0)
        return torch.where(focused[:, None], laid, views[:, :, 2])


def may_be_mirrored(dataset: Dataset, most: int = 2000) -> bool:
    """Whether images still look like their classes when mirrored left to right: the nearest class mean names mirrored
    images right at least 95 % as often as the images themselves. Digits do not, faces and animals do.
    """
    chosen = np.argsort(scattered(np.arange(len(dataset)), 0))[
        : enough(dataset.images, most)
    ]  # at random: labels may alternate
    if not isinstance(dataset.targets, Labels):  # nothing tells; what lies in photographs may be mirrored
        return bool(dataset.shape[2] == 3)
    labels = dataset.labels[chosen]
    if len(chosen) < 8 or len(np.unique(labels[::2])) < 2:
        return False
    rows, columns = (max(1, side // 32) for side in dataset.shape[:2])
    small = dataset.images[chosen, ::rows, ::columns].astype(np.float32).mean(axis=3)
    known, tried = small[::2], small[1::2]
    present = np.unique(labels[::2])
    means = np.stack([known[labels[::2] == label].mean(axis=0).reshape(-1) for label in present])

    def right(pictures: npt.NDArray[np.float32]) -> float:
        flat = pictures.reshape(len(pictures), -1)
        distances = (means**2).sum(axis=1) - 2 * flat @ means.T
        return float((present[distances.argmin(axis=1)] == labels[1::2]).mean())

    return right(tried[:, :, ::-1]) >= 0.95 * right(tried)


def _numbers(seed: int, epoch: int, stream: int, positions: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
    """Uniform numbers in [0, 1), each a function of seed, epoch, stream and its position."""
    numbers = scattered(positions, key(seed, epoch, 1, stream))
    upper: npt.NDArray[np.float32] = (numbers >> np.uint64(40)).astype(np.float32)
    scaled: npt.NDArray[np.float32] = upper / np.float32(2**24)
    return scaled
