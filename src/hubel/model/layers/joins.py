"""What joins tensors: `Add()([x, y])`, or `add([x, y])`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

import hubel.arch as arch
from hubel.arch import Shape, ShapeError, shape_text
from hubel.base.errors import SettingError
from hubel.model.layers.arrays import as_tensor
from hubel.model.layers.layer import Layer
from hubel.model.layers.preparing import Rescaling
from hubel.model.layers.tensor import KerasTensor


class _Join(Layer):
    def run(self, inputs: Any, *_: Any, training: bool | None = None, **__: Any) -> torch.Tensor:
        """Join arrays."""
        return self.joined([as_tensor(each) for each in inputs])

    def joined(self, arrays: list[torch.Tensor]) -> torch.Tensor:
        """Return what arrays become."""
        raise NotImplementedError


class Add(_Join):
    """The sum of tensors of equal shape: a residual connection."""

    joins = arch.Sum

    def joined(self, arrays: list[torch.Tensor]) -> torch.Tensor:
        """Add."""
        return torch.stack(arrays).sum(0)


class Multiply(_Join):
    """The product of tensors, one spread over the axes that it has one of: gates."""

    joins = arch.Product

    def joined(self, arrays: list[torch.Tensor]) -> torch.Tensor:
        """Multiply."""
        found = arrays[0]
        for array in arrays[1:]:
            found = found * array
        return found


class Concatenate(_Join):
    """Channels of tensors side by side. `axis` is the last one."""

    joins = arch.Concat

    def __init__(self, axis: int = -1, **settings: Any) -> None:
        super().__init__(**settings)
        self.axis = axis

    def shape_after(self, shapes: list[Shape]) -> Shape:
        """Return the shape. Raises ShapeError for another axis than the last."""
        if self.axis not in (-1, len(shapes[0])):
            raise ShapeError(
                f"{self.name}: expected axis=-1, the channels of {shape_text(shapes[0])}, received axis={self.axis}: a "
                "tree puts channels side by side"
            )
        return super().shape_after(shapes)

    def joined(self, arrays: list[torch.Tensor]) -> torch.Tensor:
        """Concatenate."""
        return torch.cat(arrays, self.axis)

    def get_config(self) -> dict[str, Any]:
        """Return the axis."""
        return {**super().get_config(), "axis": self.axis}


class Average(Add):
    """The mean of tensors of equal shape."""

    def __call__(self, inputs: Any, *more: Any, training: bool | None = None, **settings: Any) -> Any:
        """Add, and divide by how many there are."""
        found = super().__call__(inputs, *more, training=training, **settings)
        return Rescaling(1 / len(inputs))(found) if isinstance(found, KerasTensor) else found / len(inputs)


class Subtract(Add):
    """The first tensor less the second."""

    def __call__(self, inputs: Any, *more: Any, training: bool | None = None, **settings: Any) -> Any:
        """Add the second, times −1. Raises SettingError unless there are two."""
        if len(inputs) != 2:
            raise SettingError(f"expected two tensors to subtract, received {len(inputs)}")
        first, second = inputs
        second = Rescaling(-1.0)(second) if isinstance(second, KerasTensor) else -as_tensor(second)
        return super().__call__([first, second], *more, training=training, **settings)


def add(inputs: Sequence[Any], **settings: Any) -> Any:
    """Return the sum."""
    return Add(**settings)(inputs)


def multiply(inputs: Sequence[Any], **settings: Any) -> Any:
    """Return the product."""
    return Multiply(**settings)(inputs)


def concatenate(inputs: Sequence[Any], axis: int = -1, **settings: Any) -> Any:
    """Return the channels side by side."""
    return Concatenate(axis, **settings)(inputs)


def average(inputs: Sequence[Any], **settings: Any) -> Any:
    """Return the mean."""
    return Average(**settings)(inputs)


def subtract(inputs: Sequence[Any], **settings: Any) -> Any:
    """Return the difference."""
    return Subtract(**settings)(inputs)
