"""A picture that is changed by gradients: from bytes to numbers and back, as one model sees them."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional

from hubel.base.errors import SettingError
from hubel.data import read_image
from hubel.nn import device_of
from hubel.tasks import LoadedModel, need_files

Pixels = npt.NDArray[np.uint8]


def need_colours(model: LoadedModel, verb: str) -> None:
    """Raise SettingError where a model takes no pictures from files, or none of one channel or three."""
    need_files(model, verb)
    if model.preprocessing.fit == "time":
        raise SettingError(f"{verb}: expected a model that takes images, received one that hears sounds")
    if (channels := model.preprocessing.channels) not in (1, 3):
        raise SettingError(f"{verb}: expected a model that takes images of 1 or 3 channels, received one of {channels}")


def opened(model: LoadedModel, image: Any, longest: int | None, most: int) -> Tensor:
    """Return an image's own pixels from 0 to 1, 1×C×H×W, in the model's channels, its longer side of `longest`; where
    that is not said its own, of a file at most `most`.

    Where the model's training images lie light on dark (or the reverse) and have a frame, the model's own preparation
    is used, since others are not like what it knows. Raises ImageError, ValueError as `Preprocessing.prepare`, and
    SettingError for a `longest` then.
    """
    given, device = model.preprocessing, device_of(model.module)
    if given.ink is not None:
        if longest not in (None, max(given.height, given.width)):
            raise SettingError(
                f"expected no longest side, received {longest}: this model frames what it is shown by its ink, in "
                f"{given.height}×{given.width} pixels; without an image a dream may be larger"
            )
        return as_numbers(given.prepare(image), device)
    if not isinstance(image, (str, os.PathLike, bytes, Image.Image)):
        numbers = as_numbers(_array(image, given.channels), device)
        height, width = _scaled((numbers.shape[2], numbers.shape[3]), longest)
        return resized(numbers, (height, width))
    picture = image if isinstance(image, Image.Image) else read_image(image)
    picture = picture.convert("L" if given.channels == 1 else "RGB")
    wanted = longest or (most if max(picture.size) > most else None)
    picture = picture.resize(_scaled(picture.size, wanted), Image.Resampling.LANCZOS)
    pixels = np.asarray(picture).reshape(picture.height, picture.width, given.channels)
    return as_numbers(pixels, device)


def _scaled(size: tuple[int, int], longest: int | None) -> tuple[int, int]:
    """A size whose longer side is `longest`, of the same shape; the same size where that is not said."""
    scale = 1.0 if longest is None else longest / max(size)
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


def as_numbers(pixels: Pixels, device: torch.device) -> Tensor:
    """Return uint8 H×W×C as numbers from 0 to 1, 1×C×H×W."""
    return torch.from_numpy(np.array(pixels)).to(device).permute(2, 0, 1)[None].float().contiguous() / 255


def as_pixels(picture: Tensor) -> Pixels:
    """Return numbers from 0 to 1, 1×C×H×W, as uint8 H×W×C."""
    pixels: Pixels = (picture.detach()[0].clamp(0, 1) * 255).round().byte().permute(1, 2, 0).cpu().numpy()
    return pixels


def normalised(model: LoadedModel, picture: Tensor) -> Tensor:
    """Return numbers from 0 to 1 as the network wants them; gradients flow."""
    given = model.preprocessing
    mean = picture.new_tensor(given.mean).view(1, -1, 1, 1)
    std = picture.new_tensor(given.std).view(1, -1, 1, 1)
    return (picture - mean) / std


def grey_noise(model: LoadedModel, size: tuple[int, int], seed: int, spread: float = 0.02) -> Tensor:
    """Return a picture to start from, 1×C×H×W: the training images' mean with a little noise."""
    given = model.preprocessing
    generator = torch.Generator().manual_seed(seed)
    noise = torch.randn(1, given.channels, *size, generator=generator) * spread
    mean = torch.tensor(given.mean).view(1, -1, 1, 1)
    return (mean + noise).clamp(0, 1).to(device_of(model.module))


def resized(picture: Tensor, size: tuple[int, int]) -> Tensor:
    """Return a picture in another size, bilinear."""
    if tuple(picture.shape[2:]) == size:
        return picture
    return functional.interpolate(picture, size, mode="bilinear", align_corners=False, antialias=True)


def roughness(picture: Tensor) -> Tensor:
    """Return the total variation: the mean absolute difference of neighbours, along rows plus along columns."""
    down = (picture[..., 1:, :] - picture[..., :-1, :]).abs().mean() if picture.shape[2] > 1 else picture.new_zeros(())
    along = (picture[..., 1:] - picture[..., :-1]).abs().mean() if picture.shape[3] > 1 else picture.new_zeros(())
    return down + along


def _array(image: Any, channels: int) -> Pixels:
    pixels = np.asarray(image)
    pixels = pixels[..., np.newaxis] if pixels.ndim == 2 else pixels
    if pixels.ndim != 3 or pixels.shape[2] != channels or pixels.dtype != np.uint8 or 0 in pixels.shape:
        raise SettingError(
            f"expected an image of uint8, height×width×{channels}, received {pixels.dtype} "
            f"{'×'.join(map(str, pixels.shape))}"
        )
    return pixels
