"""Layers that prepare numbers: scaled, normalised, resized, cropped, and in training changed at random."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import torch

import hubel.arch as arch
from hubel.arch import Node, Shape, ShapeError, shape_text
from hubel.base.errors import SettingError
from hubel.model.layers.arrays import as_tensor
from hubel.model.layers.layer import Layer
from hubel.model.layers.made import own_name
from hubel.model.layers.passed_over import ONE_SEED, unused


class Rescaling(Layer):
    """Multiply each number by `scale` and add `offset`."""

    takes_single_pictures = True

    masks = "passes"

    def __init__(self, scale: Any, offset: Any = 0.0, **settings: Any) -> None:
        super().__init__(**settings)
        if not all(isinstance(value, (int, float)) for value in (scale, offset)):
            raise SettingError(
                f"expected scale and offset of Rescaling as one number each, received {scale!r} and {offset!r}; "
                "Normalization(mean=…, variance=…) has one for each channel"
            )
        self.scale, self.offset = float(scale), float(offset)

    def make_node(self, shape: Shape) -> Node:
        """Return the product and sum."""
        return arch.Rescaling(self.scale, self.offset, name=own_name(self))

    def get_config(self) -> dict[str, Any]:
        """Return both."""
        return {**super().get_config(), "scale": self.scale, "offset": self.offset}


class Normalization(Layer):
    """Subtract each channel's mean and divide by its deviation: given, or measured by `adapt(data)`."""

    masks = "passes"

    def __init__(
        self, axis: Any = -1, mean: Any = None, variance: Any = None, invert: bool = False, **settings: Any
    ) -> None:
        super().__init__(**settings)
        if (mean is None) != (variance is None):
            raise SettingError("expected mean and variance of Normalization, or none of the two, received one")
        if invert or axis not in (-1, None, [-1], (-1,), [3], 3, 1, [1]):
            raise SettingError(f"expected axis=-1 or None without invert, received axis={axis} and invert={invert}")
        self.axis, self.given = axis, None if mean is None else (np.asarray(mean), np.asarray(variance))

    def adapt(self, data: Any, **_: Any) -> None:
        """Measure mean and variance of an array, or of the batches of a data set."""
        batches = [data] if hasattr(data, "shape") else (each[0] if isinstance(each, tuple) else each for each in data)
        count, total, squares = 0, np.zeros(1), np.zeros(1)
        for batch in batches:
            rows = np.asarray(batch, np.float64)
            rows = rows.reshape(-1, rows.shape[-1]) if self.axis is not None else rows.reshape(-1, 1)
            count, total, squares = count + len(rows), total + rows.sum(0), squares + np.square(rows).sum(0)
        mean = total / max(1, count)
        self.given = mean, squares / max(1, count) - mean**2
        if self.built:
            self._fill()

    def make_node(self, shape: Shape) -> Node:
        """Return the normalisation. Raises SettingError where nothing was measured."""
        if self.given is None:
            raise SettingError(f"{self.name}: expected adapt(data), or mean and variance, before the layer is used")
        return arch.Normalization(name=own_name(self))

    def _build(self, shape: Shape) -> Any:
        module = super()._build(shape)
        self._fill()
        return module

    def _fill(self) -> None:
        assert self.given is not None
        for weight, values in zip(self.weights, self.given, strict=True):
            array = np.broadcast_to(values.reshape(-1), weight.shape)
            weight.assign(array if weight.name == "moving_mean" else np.maximum(array, 1e-14))

    def get_config(self) -> dict[str, Any]:
        """Return what was measured."""
        mean, variance = (None, None) if self.given is None else (each.tolist() for each in self.given)
        return {**super().get_config(), "axis": self.axis, "mean": mean, "variance": variance}


class CenterCrop(Layer):
    """Keep the middle `height` × `width` of the picture."""

    takes_single_pictures = True

    def __init__(self, height: int, width: int, data_format: str | None = None, **settings: Any) -> None:
        super().__init__(**settings)
        self.size = (height, width)

    def make_node(self, shape: Shape) -> Node:
        """Return what is cut off. Raises ShapeError where the picture is smaller."""
        cut = [length - wanted for length, wanted in zip(shape, self.size, strict=False)]
        if min(cut) < 0:
            raise ShapeError(
                f"CenterCrop expected a picture of at least {self.size[0]}×{self.size[1]}, received {shape_text(shape)}"
            )
        rows, columns = ((each // 2, each - each // 2) for each in cut)
        return arch.Cropping2D((rows, columns), name=own_name(self))

    def get_config(self) -> dict[str, Any]:
        """Return the size."""
        return {**super().get_config(), "height": self.size[0], "width": self.size[1]}


class Resizing(Layer):
    """Bring pictures to `height` × `width`, mixed of four pixels ("bilinear", as Keras does) or the nearest.

    Before a network, on arrays of any size, or in one; trees have it, but for what is cut first.
    """

    takes_single_pictures = True

    def __init__(
        self,
        height: int,
        width: int,
        interpolation: str = "bilinear",
        crop_to_aspect_ratio: bool = False,
        data_format: str | None = None,
        **settings: Any,
    ) -> None:
        for name in ("pad_to_aspect_ratio", "antialias"):
            if settings.pop(name, False):
                raise SettingError(f"expected Resizing without {name}, received it")
        for name in ("fill_mode", "fill_value"):
            settings.pop(name, None)
        super().__init__(**settings)
        if interpolation not in ("bilinear", "nearest"):
            raise SettingError(f"expected interpolation bilinear or nearest, received {interpolation!r}")
        self.size, self.interpolation, self.crop = (height, width), interpolation, crop_to_aspect_ratio

    def call(self, inputs: Any) -> torch.Tensor:
        """Return the pictures in their new size: N×H×W×C, or one H×W×C."""
        array = as_tensor(inputs).float()
        single = array.dim() == 3
        pictures = (array[None] if single else array).movedim(-1, 1)
        if self.crop:
            pictures = _cut_to(pictures, self.size)
        more = {"align_corners": False} if self.interpolation == "bilinear" else {}
        found = torch.nn.functional.interpolate(pictures, self.size, mode=self.interpolation, **more).movedim(1, -1)
        return found[0] if single else found

    def run(self, inputs: Any, *_: Any, training: bool | None = None, **__: Any) -> torch.Tensor:
        """Return the same."""
        return self.call(inputs)

    def make_node(self, shape: Shape) -> Node:
        """Return the layer of this size, or where pictures are cut first a leaf that no text can name."""
        if shape[:2] == self.size:
            return arch.Identity(name=own_name(self))
        if len(shape) == 3 and not any(wanted % own for wanted, own in zip(self.size, shape, strict=False)):
            factors = (self.size[0] // shape[0], self.size[1] // shape[1])
            return arch.UpSampling2D(factors, self.interpolation, name=own_name(self))
        if len(shape) == 3 and not self.crop:
            return arch.Resizing(self.size, self.interpolation, name=own_name(self))
        return super().make_node(shape)

    def get_config(self) -> dict[str, Any]:
        """Return the size."""
        return {
            **super().get_config(),
            "height": self.size[0],
            "width": self.size[1],
            "interpolation": self.interpolation,
        }


def _cut_to(pictures: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
    """Cut the middle out whose sides are as `size`'s to each other."""
    height, width = pictures.shape[2:]
    rows, columns = min(height, int(width * size[0] / size[1])), min(width, int(height * size[1] / size[0]))
    top, left = (height - rows) // 2, (width - columns) // 2
    return pictures[:, :, top : top + rows, left : left + columns]


class _Random(Layer):
    takes_single_pictures = True
    trains_unasked = True
    limits: ClassVar[tuple[float, float]] = (-1.0, 1.0)

    def __init__(self, seed: int | None = None, data_format: str | None = None, **settings: Any) -> None:
        interpolation = settings.pop("interpolation", "bilinear")
        if interpolation != "bilinear":
            raise SettingError(f"expected interpolation='bilinear', received {interpolation!r}")
        for ignored in ("bounding_box_format",):
            settings.pop(ignored, None)
        super().__init__(**settings)
        if seed is not None:
            unused(self.name, "seed", seed, ONE_SEED)
        self.settings: dict[str, Any] = {}
        self.config: dict[str, Any] = {}

    def make_node(self, shape: Shape) -> Node:
        """Return the tree's layer of the same name."""
        kind: type[arch.Layer] = getattr(arch, type(self).__name__)
        return kind(name=own_name(self), **self.settings)

    def bounds(self, name: str, factor: Any, least: float | None = None) -> tuple[float, float]:
        """Return both ends of a range: a number is that far in both directions."""
        pair = isinstance(factor, (tuple, list)) and len(factor) == 2
        if not pair and not isinstance(factor, (int, float)):
            raise SettingError(f"expected {name} of {type(self).__name__} as a number or two, received {factor!r}")
        lower, upper = sorted(map(float, factor)) if pair else (-abs(float(factor)), abs(float(factor)))
        if lower < self.limits[0] or upper > self.limits[1]:
            raise SettingError(
                f"expected {name} of {type(self).__name__} from {self.limits[0]:g} to {self.limits[1]:g}, "
                f"received {factor!r}"
            )
        return lower, upper

    def get_config(self) -> dict[str, Any]:
        """Return what was given."""
        return {**super().get_config(), **self.config}


class RandomFlip(_Random):
    """Mirror each picture or not, in training."""

    def __init__(self, mode: str = "horizontal_and_vertical", seed: int | None = None, **settings: Any) -> None:
        super().__init__(seed, **settings)
        self.config = self.settings = {"mode": mode}
        arch.RandomFlip(mode)


class RandomRotation(_Random):
    """Turn each picture in training by up to `factor` of a full turn, in either direction, or between two factors."""

    def __init__(
        self, factor: Any, fill_mode: str = "reflect", interpolation: str = "bilinear", seed: int | None = None,
        fill_value: float = 0.0, **settings: Any,
    ) -> None:  # fmt: skip
        super().__init__(seed, interpolation=interpolation, **settings)
        lower, upper = self.bounds("factor", factor)
        self.config = {"factor": factor, "fill_mode": fill_mode, "fill_value": fill_value}
        self.settings = {"low": lower, "high": upper, "fill_mode": fill_mode, "fill_value": fill_value}
        arch.RandomRotation(**self.settings)


class _TwoWays(_Random):
    def __init__(
        self, height_factor: Any, width_factor: Any = None, fill_mode: str = "reflect",
        interpolation: str = "bilinear", seed: int | None = None, fill_value: float = 0.0, **settings: Any,
    ) -> None:  # fmt: skip
        super().__init__(seed, interpolation=interpolation, **settings)
        rows = self.bounds("height_factor", height_factor)
        columns = rows if width_factor is None else self.bounds("width_factor", width_factor)
        self.config = {"height_factor": height_factor, "width_factor": width_factor, "fill_mode": fill_mode}
        self.settings = dict(
            zip(("height_low", "height_high", "width_low", "width_high"), (*rows, *columns), strict=True)
        )
        self.settings |= {"fill_mode": fill_mode, "fill_value": fill_value}


class RandomZoom(_TwoWays):
    """Show more (positive) or less (negative) of each picture in training."""

    def __init__(self, height_factor: Any, width_factor: Any = None, *args: Any, **settings: Any) -> None:
        super().__init__(height_factor, width_factor, *args, **settings)
        self.settings["same"] = width_factor is None
        arch.RandomZoom(**self.settings)


class RandomTranslation(_TwoWays):
    """Move each picture in training, by shares of its height and width."""

    def __init__(self, height_factor: Any, width_factor: Any, *args: Any, **settings: Any) -> None:
        super().__init__(height_factor, width_factor, *args, **settings)
        arch.RandomTranslation(**self.settings)


class RandomContrast(_Random):
    """Draw each picture's shades away from their mean in training, times 1 − `factor` to 1 + `factor`."""

    limits = (0.0, 1.0)

    def __init__(self, factor: Any, value_range: Any = (0, 255), seed: int | None = None, **settings: Any) -> None:
        super().__init__(seed, **settings)
        lower, upper = self.bounds("factor", (factor, factor) if isinstance(factor, (int, float)) else factor)
        self.config = {"factor": factor, "value_range": tuple(value_range)}
        self.settings = {"low": lower, "high": upper, "least": float(value_range[0]), "most": float(value_range[1])}


class RandomBrightness(_Random):
    """Add to each picture's shades in training, up to `factor` of their range in either direction."""

    def __init__(self, factor: Any, value_range: Any = (0, 255), seed: int | None = None, **settings: Any) -> None:
        super().__init__(seed, **settings)
        lower, upper = self.bounds("factor", factor)
        self.config = {"factor": factor, "value_range": tuple(value_range)}
        self.settings = {"low": lower, "high": upper, "least": float(value_range[0]), "most": float(value_range[1])}
