"""From any image to a network's input: one description, measured on the training set, carried by the model.

Prediction, export and serving read it and nothing else, so that they cannot disagree with training.
"""

from __future__ import annotations

import dataclasses
import functools
import json
import math
import os
from collections.abc import Sequence
from numbers import Integral
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageChops

from hubel.base.errors import SettingError
from hubel.base.plain import MISREAD, as_number
from hubel.data._dataset import Dataset, Fit
from hubel.data.decode import sound
from hubel.data.decode.bands import read_bands
from hubel.data.decode.image import ImageError, eight_bits, read_image, upright
from hubel.data.decode.levels import Levels, scaled, words_of_levels
from hubel.data.feed.device import sent
from hubel.data.prepare.arrays import as_array
from hubel.data.prepare.framing import Frame, border, card_of, framed, ink_as_drawn, ink_of, is_framed, opaque
from hubel.data.prepare.measure import measure

if TYPE_CHECKING:
    import torch

Ink = Literal["light", "dark"]


@dataclasses.dataclass(frozen=True)
class Preprocessing:
    """How an image becomes a network's input.

    height, width, channels: of the input; one channel is grey (ITU-R 601), three are red, green, blue;
        other numbers are bands, which come as arrays alone.
    mean, std: of each channel, in units where 255 is 1; `normalise` takes off the one and divides by the other.
    fit: how another size is met: "crop" scales the shorter side and cuts the middle out, "pad" scales the longer side
        and fills with the ground, "stretch" scales both sides; "time" is of sounds, whose pictures are cut, or put into
        silence.
    ink: "light" where the training images show light things on an even dark ground, "dark" for the reverse; images
        the other way round are inverted. None for photographs, which are never inverted.
    frame: the size and place of the ink where the training images have one (as MNIST's have); None otherwise.
    levels: the values that become black and white in pixels of more than eight bits, as in the training images; None
        where those had eight.
    """

    height: int
    width: int
    channels: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    fit: Fit = "crop"
    ink: Ink | None = None
    frame: Frame | None = None
    levels: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        sizes = self.height, self.width, self.channels
        if not all(isinstance(size, Integral) and not isinstance(size, bool) for size in sizes):
            raise SettingError(f"expected height, width and channels as whole numbers, received {sizes}")
        if min(self.height, self.width) < 1 or self.channels < 1:
            raise SettingError(
                f"expected an input of at least 1×1 with a channel, received {self.height}×{self.width}×{self.channels}"
            )
        if (
            len(self.mean) != self.channels
            or len(self.std) != self.channels
            or not (all(map(math.isfinite, (*self.mean, *self.std))) and min(self.std) > 0)
        ):
            raise SettingError(
                f"expected {self.channels} means and as many positive standard deviations, finite, one a channel, "
                f"received mean {self.mean} and std {self.std}"
            )
        if self.fit not in get_args(Fit) or self.ink not in (None, *get_args(Ink)):
            raise SettingError(
                f"expected fit {' | '.join(get_args(Fit))} and ink light | dark | None, received "
                f"fit {self.fit!r} and ink {self.ink!r}"
            )
        if self.frame is not None and self.ink is None:
            raise SettingError("expected ink 'light' or 'dark' with a frame, since a frame is where the ink lies")
        if self.frame is not None and not self.frame.box <= max(sizes[:2]):
            raise SettingError(f"expected a frame's box of at most {max(sizes[:2])}, received {self.frame.box}")
        if self.levels is not None and not (all(map(math.isfinite, self.levels)) and self.levels[0] < self.levels[1]):
            raise SettingError(f"expected levels of black and white, one below the other, received {self.levels}")

    @classmethod
    def for_dataset(cls, dataset: Dataset) -> Preprocessing:
        """The preprocessing that makes images like those of this (training) set, found by measuring up to 4,096 of
        them (fewer of large ones), evenly spread: mean, deviation, whether things lie light on dark, and whether they
        are framed. Where the set's images were scaled when they were loaded, others are scaled the same way and no
        frame is looked for.
        """
        height, width, channels = dataset.shape
        if dataset.targets.looked_up:
            return cls(height, width, channels, (0.0,) * channels, (1 / 255,) * channels)  # as they are
        found = measure(dataset.images)
        if dataset.fit is not None or dataset.targets.moves:  # which lie where the images have them
            found = dataclasses.replace(found, frame=None)
        if channels not in (1, 3) or dataset.fit == "time":  # bands have no light and dark
            found = dataclasses.replace(found, frame=None, ink=None)
        return cls(
            height,
            width,
            channels,
            mean=found.mean,
            std=found.std,
            fit=dataset.fit or ("crop" if found.ink is None else "pad"),
            ink=found.ink,
            frame=found.frame,
            levels=dataset.levels,
        )

    def cut(self, height: int, width: int) -> float:
        """The share of an image of this size that the network is not shown."""
        return cut_away((height, width), (self.height, self.width)) if self.fit == "crop" and not self.frame else 0.0

    def prepare(self, image: Image.Image | str | os.PathLike[str] | bytes | npt.ArrayLike) -> npt.NDArray[np.uint8]:
        """The network's input, uint8, height×width×channels, for a path, a file's bytes, a Pillow image, or an array
        (H×W, H×W×1, H×W×3 or H×W×4; integers 0 to 255, floating point 0 to 1). One picture gives the same input in
        each of these forms; only its EXIF orientation is lost where it has become an array.

        Raises ImageError for a file that cannot be read, ValueError for an array that is not an image.
        """
        if self.channels not in (1, 3):
            return self._bands(image)
        if isinstance(image, (str, os.PathLike, bytes)):
            picture = read_image(image, levels=self.levels)
        elif isinstance(image, Image.Image):
            picture = eight_bits(upright(image), self.levels)
        else:
            picture = picture_of(as_array(image, "an image"), self.levels)
        picture = card_of(picture) if self.ink is not None else picture
        if self.frame is not None:
            grey = _framed(picture, self.frame, self.height, self.width)
            grey = grey if self.ink == "light" else 255 - grey
            return np.repeat(grey[..., np.newaxis], self.channels, axis=2)
        self.check_kind(picture, image)
        picture = opaque(picture)
        if self.fit == "time":
            return fit_image(picture, self.height, self.width, self.channels, self.fit)
        if self.ink is not None and _ground_is_light(picture) != (self.ink == "dark"):
            picture = ImageChops.invert(picture)
        ground = 0 if self.ink != "dark" else 255
        return fit_image(picture, self.height, self.width, self.channels, self.fit, ground)

    def check_kind(self, picture: Image.Image, given: Any) -> None:
        """Raise ImageError for a sound where images are wanted, and for an image's file where sounds are."""
        if (self.fit == "time") == (sound.MARK in picture.info) or not isinstance(given, (str, os.PathLike, bytes)):
            return
        place = "image" if isinstance(given, bytes) else os.fspath(given)
        have, want = ("an image", "sounds") if self.fit == "time" else ("a sound", "images")
        raise ImageError(place, f"is {have}, and the model was trained on {want}")

    def _bands(self, image: Any) -> npt.NDArray[np.uint8]:
        if isinstance(image, (str, os.PathLike, bytes)):
            image = read_bands(image)
        array: npt.NDArray[Any] = image if isinstance(image, np.ndarray) else np.zeros((0, 0, 0))
        if array.ndim != 3 or array.shape[2] != self.channels:
            received = f"an array of {array.shape}" if isinstance(image, np.ndarray) else type(image).__name__
            raise SettingError(f"expected an array H×W×{self.channels} or a TIFF, with all bands, received {received}")
        bands = [picture_of(array[..., number], self.levels) for number in range(self.channels)]
        return fit_bands(np.dstack([np.asarray(band) for band in bands]), self.height, self.width, self.fit)

    def normalise(self, images: torch.Tensor, dtype: torch.dtype | None = None) -> torch.Tensor:
        """uint8 images N×H×W×C, on any device, as the floating-point input N×C×H×W (channels-last in memory):
        (x / 255 - mean) / std. `dtype` is float32 where not said.
        """
        import torch

        kind = dtype or torch.float32
        count, height, width, channels = images.shape
        factor, offset = _affine(self.mean, self.std, width, images.device, kind)
        # row by row: broadcasting over three channels alone is five times as slow
        rows = images.reshape(count, height, width * channels).to(kind)
        torch.addcmul(offset, rows, factor, out=rows)
        return rows.view(count, height, width, channels).permute(0, 3, 1, 2)

    def to_json(self) -> str:
        """All of it as one JSON object; `from_json` is the inverse."""
        return json.dumps(dataclasses.asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Preprocessing:
        """The preprocessing that `to_json` wrote. Raises ValueError where fields are missing, unknown or wrong."""
        fields: dict[str, Any] = json.loads(text)
        try:
            frame = fields.pop("frame", None)
            mean, std = tuple(map(as_number, fields.pop("mean"))), tuple(map(as_number, fields.pop("std")))
            levels = fields.pop("levels", None)
            return cls(
                **fields,
                mean=mean,
                std=std,
                frame=None if frame is None else Frame(**frame),
                levels=None if levels is None else _pair(levels),
            )
        except MISREAD as error:
            raise SettingError(f"expected the fields of a Preprocessing, received {text[:200]} ({error})") from None

    def __str__(self) -> str:
        if set(self.mean) == {0.0} and set(self.std) == {1 / 255}:
            return f"{self.height * self.width * self.channels:,} whole numbers, as they are"
        kind = {1: "grey", 3: "colour"}.get(self.channels, f"with {self.channels} channels")
        parts = [f"{self.height}×{self.width} {kind}"]
        if self.frame is not None:
            parts.append(f"{self.ink} ink framed {self.frame.box} pixels long, centred by {self.frame.centre}")
        else:
            parts.append(
                {"crop": "cropped to the middle", "pad": "padded", "stretch": "stretched", "time": "sounds"}[self.fit]
            )
            if self.ink is not None:
                parts.append(f"{self.ink} on {'dark' if self.ink == 'light' else 'light'}")
        if self.levels is not None:
            parts.append(f"values {words_of_levels(self.levels)}")
        means, deviations = (" ".join(f"{x:.4f}" for x in values) for values in (self.mean, self.std))
        return ", ".join([*parts, f"mean {means}, deviation {deviations}"])


def _pair(values: Any) -> tuple[float, float]:
    first, second = map(as_number, values)
    return first, second


def cut_away(size: tuple[int, int], shape: Sequence[int]) -> float:
    """The share of an image of this height and width that is cut away where its middle becomes one of another form."""
    ratio = (size[1] / size[0]) / (shape[1] / shape[0])
    return 1 - min(ratio, 1 / ratio)


def fit_image(
    image: Image.Image, height: int, width: int, channels: int, fit: Fit = "crop", ground: int = 0
) -> npt.NDArray[np.uint8]:
    """The image as uint8, height×width×channels, scaled with antialiasing; an image of that size is not touched."""
    image, mode = opaque(image), "L" if channels == 1 else "RGB"
    image = image if image.mode == mode else image.convert(mode)
    if image.size != (width, height):
        image = _FITS[fit](image, height, width, ground)
    return np.asarray(image).reshape(height, width, channels)


def fit_bands(image: npt.NDArray[np.uint8], height: int, width: int, fit: Fit = "crop") -> npt.NDArray[np.uint8]:
    """As `fit_image`, for uint8 H×W×C of any number of channels, which stays."""
    if image.shape[:2] == (height, width):
        return image
    bands = [Image.fromarray(np.ascontiguousarray(image[..., number])) for number in range(image.shape[2])]
    return np.concatenate([fit_image(band, height, width, 1, fit) for band in bands], axis=2)


def _crop(image: Image.Image, height: int, width: int, ground: int) -> Image.Image:
    scale = max(height / image.height, width / image.width)
    middle = height / scale, width / scale
    top, left = max(0.0, (image.height - middle[0]) / 2), max(0.0, (image.width - middle[1]) / 2)
    box = (left, top, min(left + middle[1], image.width), min(top + middle[0], image.height))
    return image.resize((width, height), Image.Resampling.BILINEAR, box)


def covered(picture: tuple[int, int], size: tuple[int, int]) -> tuple[int, int]:
    """How many rows and columns of an image of `size` a picture (both height, width) takes that is padded. Counted in
    whole numbers, halves up, and so alike by every engine that a model is exported to.
    """
    (height, width), (rows, columns) = picture, size
    down, across = (2 * height * columns + width) // (2 * width), (2 * width * rows + height) // (2 * height)
    return max(1, min(rows, down)), max(1, min(columns, across))


def _pad(image: Image.Image, height: int, width: int, ground: int) -> Image.Image:
    rows, columns = covered((image.height, image.width), (height, width))
    canvas = Image.new(image.mode, (width, height), ground if image.mode == "L" else (ground,) * 3)
    small = image.resize((columns, rows), Image.Resampling.BILINEAR)
    canvas.paste(small, ((width - columns) // 2, (height - rows) // 2))
    return canvas


def _stretch(image: Image.Image, height: int, width: int, ground: int) -> Image.Image:
    return image.resize((width, height), Image.Resampling.BILINEAR)


def _in_time(image: Image.Image, height: int, width: int, ground: int) -> Image.Image:
    return sound.at_length(image, height, width)


_FITS = {"crop": _crop, "pad": _pad, "stretch": _stretch, "time": _in_time}


def _framed(picture: Image.Image, frame: Frame, height: int, width: int) -> npt.NDArray[np.uint8]:
    if picture.size == (width, height):
        ink = ink_as_drawn(picture)
        if is_framed(ink, frame):
            return ink
    return framed(ink_of(picture), frame, height, width)


def _ground_is_light(image: Image.Image) -> bool:
    grey = np.asarray(image if image.mode == "L" else image.convert("L"))
    values = np.sort(grey[border(grey)], kind="stable")  # for bytes a radix sort: quicker than np.median
    return int(values[(len(values) - 1) // 2]) + int(values[len(values) // 2]) >= 256


def picture_of(array: npt.NDArray[Any], levels: Levels | None = None) -> Image.Image:
    """An array H×W, H×W×1, H×W×3 or H×W×4 as a picture; integers 0 to 255, floating point 0 to 1."""
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[..., 0]
    if array.ndim not in (2, 3) or (array.ndim == 3 and array.shape[2] not in (3, 4)) or 0 in array.shape:
        raise SettingError(f"expected an image H×W, H×W×1, H×W×3 or H×W×4, received shape {array.shape}")
    if levels is not None and array.dtype != np.uint8:
        array = scaled(array, levels)
    elif array.dtype == np.bool_:
        array = array.astype(np.uint8) * 255
    elif array.dtype.kind == "f":
        if not (np.isfinite(array).all() and array.min() >= 0 and array.max() <= 1):
            raise SettingError("expected floating-point pixels from 0 to 1; divide by 255, or give integers")
        array = np.rint(array * 255).astype(np.uint8)
    elif array.dtype.kind not in "ui" or array.min() < 0 or array.max() > 255:
        raise SettingError(f"expected pixels from 0 to 255, received {array.dtype} {array.min()} to {array.max()}")
    return Image.fromarray(np.ascontiguousarray(array.astype(np.uint8)))


@functools.cache  # for good: recorded steps read them where they lie
def _affine(
    mean: tuple[float, ...], std: tuple[float, ...], width: int, device: torch.device, dtype: torch.dtype
) -> tuple[torch.Tensor, torch.Tensor]:
    import torch

    factor = torch.tensor([1 / (255 * s) for s in std], dtype=torch.float64)
    offset = torch.tensor([-m / s for m, s in zip(mean, std, strict=True)], dtype=torch.float64)
    return sent(factor.to(dtype), device).repeat(width), sent(offset.to(dtype), device).repeat(width)
