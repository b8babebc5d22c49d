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
from hubel.tasks import LoadedModel

Pixels = npt.NDArray[np.uint8]


def opened(model: LoadedModel, image: Any, longest: int | None) -> Tensor:
    """Return an image's own pixels from 0 to 1, 1×C×H×W, in the model's channels, its longer side at most `longest`.

    Where the model's training images lie light on dark (or the reverse) and have a frame, the model's own preparation
    is used, since others are not like what it knows. Raises ImageError, ValueError as `Preprocessing.prepare`.
    """
    given = model.preprocessing
    if given.ink is not None or not isinstance(image, (str, os.PathLike, bytes, Image.Image)):
        pixels = given.prepare(image) if given.ink is not None else _array(image, given.channels)
        return as_numbers(pixels, device_of(model.module))
    picture = image if isinstance(image, Image.Image) else read_image(image)
    picture = picture.convert("L" if given.channels == 1 else "RGB")
    if longest is not None and max(picture.size) > longest:
        scale = longest / max(picture.size)
        size = max(1, round(picture.width * scale)), max(1, round(picture.height * scale))
        picture = picture.resize(size, Image.Resampling.LANCZOS)
    pixels = np.asarray(picture).reshape(picture.height, picture.width, given.channels)
    return as_numbers(pixels, device_of(model.module))


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
