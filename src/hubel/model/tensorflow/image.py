"""What programs take of `tf.image`: pictures H×W×C, or N×H×W×C, turned, cut and changed in light and colour."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from hubel.base.errors import SettingError
from hubel.model.ops import convert_to_tensor
from hubel.model.tensorflow.random import generator, uniform

GREY = (0.2989, 0.587, 0.114)  # of red, green and blue, as TensorFlow weighs them


def flip_left_right(image: Any) -> Tensor:
    """Mirror left and right."""
    return convert_to_tensor(image).flip(-2)


def flip_up_down(image: Any) -> Tensor:
    """Mirror top and bottom."""
    return convert_to_tensor(image).flip(-3)


def rot90(image: Any, k: int = 1) -> Tensor:
    """Turn against the clock by k quarters."""
    return torch.rot90(convert_to_tensor(image), k, (-3, -2))


def transpose(image: Any) -> Tensor:
    """Exchange rows and columns."""
    return convert_to_tensor(image).transpose(-3, -2)


def rgb_to_grayscale(images: Any) -> Tensor:
    """Return the light of colours, one channel."""
    given = convert_to_tensor(images)
    found = (_in_unit(given) * torch.tensor(GREY)).sum(-1, keepdim=True)
    return _back(found, given)


def grayscale_to_rgb(images: Any) -> Tensor:
    """Return grey three times."""
    return convert_to_tensor(images).repeat_interleave(3, -1)


def adjust_brightness(image: Any, delta: float) -> Tensor:
    """Add to all numbers, in units where the type's largest (1 of real numbers) is 1."""
    given = convert_to_tensor(image)
    return _back(_in_unit(given) + float(delta), given)


def adjust_contrast(images: Any, contrast_factor: float) -> Tensor:
    """Spread each channel's numbers around their mean."""
    given = convert_to_tensor(images)
    unit = _in_unit(given)
    mean = unit.mean((-3, -2), keepdim=True)
    return _back((unit - mean) * float(contrast_factor) + mean, given)


def adjust_saturation(image: Any, saturation_factor: float) -> Tensor:
    """Multiply the saturation (of hue, saturation, value), up to 1."""
    given = convert_to_tensor(image)
    unit = _in_unit(given)
    most, least = unit.amax(-1, keepdim=True), unit.amin(-1, keepdim=True)
    range_ = most - least
    factor = torch.clamp(float(saturation_factor) * torch.ones_like(range_), max=torch.finfo(unit.dtype).max)
    factor = torch.where(range_ > 0, torch.minimum(factor, most / range_.clamp_min(1e-12)), factor)
    return _back(most - (most - unit) * factor, given)


def adjust_gamma(image: Any, gamma: float = 1, gain: float = 1) -> Tensor:
    """Return gain · image^gamma."""
    given = convert_to_tensor(image)
    return _back(_in_unit(given) ** gamma * gain, given)


def central_crop(image: Any, central_fraction: float) -> Tensor:
    """Cut out the middle, so much of each side."""
    if not 0 < central_fraction <= 1:
        raise SettingError(f"expected central_fraction above 0 and up to 1, received {central_fraction}")
    given = convert_to_tensor(image)
    top, left = (int((side - side * central_fraction) / 2) for side in given.shape[-3:-1])
    height, width = given.shape[-3:-1]
    return given[..., top : height - top, left : width - left, :]


def crop_to_bounding_box(
    image: Any, offset_height: int, offset_width: int, target_height: int, target_width: int
) -> Tensor:
    """Cut out so many rows and columns from there on."""
    given = convert_to_tensor(image)
    height, width = given.shape[-3:-1]
    if (
        min(offset_height, offset_width) < 0
        or offset_height + target_height > height
        or offset_width + target_width > width
    ):
        raise SettingError(
            f"expected a box inside of {height}×{width}, received {target_height}×{target_width} from "
            f"({offset_height}, {offset_width}) on"
        )
    return given[..., offset_height : offset_height + target_height, offset_width : offset_width + target_width, :]


def resize(
    images: Any,
    size: Any,
    method: str = "bilinear",
    preserve_aspect_ratio: bool = False,
    antialias: bool = False,
    **_: Any,
) -> Tensor:
    """Scale to height × width; real numbers come out."""
    from hubel.model.layers import Resizing

    height, width = (int(side) for side in size)
    if preserve_aspect_ratio or antialias or method not in ("bilinear", "nearest"):
        raise SettingError(
            "expected method bilinear or nearest, without preserve_aspect_ratio and antialias, received "
            f"{method!r}, {preserve_aspect_ratio} and {antialias}"
        )
    found: Tensor = Resizing(height, width, interpolation=method).run(convert_to_tensor(images).float())
    return found


def resize_with_crop_or_pad(image: Any, target_height: int, target_width: int) -> Tensor:
    """Cut the middle out, or put zeros around it."""
    given = convert_to_tensor(image)
    for axis, wanted in ((-3, int(target_height)), (-2, int(target_width))):
        there = given.shape[axis]
        given = given.narrow(axis, (max(there - wanted, 0)) // 2, min(there, wanted))
        before = max(wanted - there, 0) // 2
        after = max(wanted - there, 0) - before
        sides = [0, 0] * (-axis - 1) + [before, after]
        given = torch.nn.functional.pad(given, sides)
    return given


def stateless_random_brightness(image: Any, max_delta: float, seed: Any) -> Tensor:
    """Add what is drawn from −max_delta to max_delta."""
    return adjust_brightness(image, uniform((), -max_delta, max_delta, seed=seed).item())


def stateless_random_contrast(image: Any, lower: float, upper: float, seed: Any) -> Tensor:
    """Spread by what is drawn from `lower` to `upper`."""
    return adjust_contrast(image, uniform((), lower, upper, seed=seed).item())


def stateless_random_saturation(image: Any, lower: float, upper: float, seed: Any = None) -> Tensor:
    """Saturate by what is drawn from `lower` to `upper`."""
    return adjust_saturation(image, uniform((), lower, upper, seed=seed).item())


def stateless_random_flip_left_right(image: Any, seed: Any) -> Tensor:
    """Mirror left and right, or not."""
    return flip_left_right(image) if uniform((), seed=seed) < 0.5 else convert_to_tensor(image)


def stateless_random_crop(value: Any, size: Any, seed: Any) -> Tensor:
    """Cut out a part of that size, along every axis."""
    given, draw = convert_to_tensor(value), generator(seed)
    for axis, (there, wanted) in enumerate(zip(given.shape, map(int, size), strict=True)):
        if wanted > there:
            raise SettingError(f"expected a size of at most {tuple(given.shape)}, received {tuple(map(int, size))}")
        start = int(torch.randint(there - wanted + 1, (), generator=draw))
        given = given.narrow(axis, start, wanted)
    return given


def random_brightness(image: Any, max_delta: float, seed: Any = None) -> Tensor:
    """Add what is drawn from −max_delta to max_delta."""
    return adjust_brightness(image, uniform((), -max_delta, max_delta, seed=seed).item())


def random_contrast(image: Any, lower: float, upper: float, seed: Any = None) -> Tensor:
    """Spread by what is drawn from `lower` to `upper`."""
    return adjust_contrast(image, uniform((), lower, upper, seed=seed).item())


def random_flip_left_right(image: Any, seed: Any = None) -> Tensor:
    """Mirror left and right, or not."""
    return flip_left_right(image) if uniform((), seed=seed) < 0.5 else convert_to_tensor(image)


def convert_image_dtype(image: Any, dtype: Any, saturate: bool = False) -> Tensor:
    """Return another type's numbers for the same light: real ones from 0 to 1."""
    from hubel.model.ops import dtype_of

    given, kind = convert_to_tensor(image), dtype_of(dtype)
    unit = _in_unit(given)
    if kind.is_floating_point:
        return unit.to(kind)
    most = torch.iinfo(kind).max
    return (unit * (most + 0.5)).clamp(0, most).to(kind)


def _in_unit(image: Tensor) -> Tensor:
    """Return real numbers, in units where the type's largest is 1."""
    return image if image.is_floating_point() else image.float() / torch.iinfo(image.dtype).max


def _back(unit: Tensor, like: Tensor) -> Tensor:
    if like.is_floating_point():
        return unit
    most = torch.iinfo(like.dtype).max
    return (unit * (most + 0.5)).clamp(0, most).to(like.dtype)
