"""What computes with tensors and is no layer of the tree: functions called on them, and joins that trees have not."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from hubel.base.errors import SettingError
from hubel.model.layers.layer import Layer
from hubel.model.layers.names import automatic_name
from hubel.model.layers.tensor import KerasTensor


class Operation(Layer):
    """A function of `hubel.model.ops`, called on tensors before there are numbers."""

    def __init__(self, word: str, function: Callable[..., Any], args: Any, settings: dict[str, Any]) -> None:
        super().__init__(name=automatic_name(word))
        self.word, self.function, self.args, self.settings = word, function, args, settings

    def call(self, inputs: Any) -> Any:
        """Call the function, with numbers in place of what stood for them."""
        waiting = iter(inputs if isinstance(inputs, list) else [inputs])

        def filled(given: Any) -> Any:
            if isinstance(given, KerasTensor):
                return next(waiting)
            return type(given)(map(filled, given)) if isinstance(given, (list, tuple)) else given

        args = [filled(each) for each in self.args]
        return self.function(*args, **{name: filled(each) for name, each in self.settings.items()})


def standing(args: Any) -> list[KerasTensor]:
    """Return the tensors without numbers yet, in values and in lists of them."""
    if isinstance(args, KerasTensor):
        return [args]
    return [found for each in args for found in standing(each)] if isinstance(args, (list, tuple)) else []


def symbolic(word: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that may be called on tensors that stand for numbers, too: what it gives then is another."""

    @functools.wraps(function)
    def either(*args: Any, **settings: Any) -> Any:
        given = standing([*args, *settings.values()])
        return Operation(word, function, args, settings).follow(given) if given else function(*args, **settings)

    return either


class _Pairwise(Layer):
    """A function of two tensors after another."""

    function: Callable[[Tensor, Tensor], Tensor]

    def call(self, inputs: list[Tensor]) -> Tensor:
        """Join all."""
        return functools.reduce(type(self).function, inputs)


class Maximum(_Pairwise):
    """The largest of tensors of equal shape, number by number."""

    function = staticmethod(torch.maximum)


class Minimum(_Pairwise):
    """The smallest of tensors of equal shape, number by number."""

    function = staticmethod(torch.minimum)


class Dot(Layer):
    """The sums of products along an axis of each of two tensors, counted with the batch; `normalize` gives cosines."""

    def __init__(self, axes: Any, normalize: bool = False, **settings: Any) -> None:
        super().__init__(**settings)
        self.axes, self.normalize = axes, normalize

    def call(self, inputs: list[Tensor]) -> Tensor:
        """Multiply and add. Raises SettingError where the axes' lengths differ."""
        one, other = inputs
        along = (self.axes, self.axes) if isinstance(self.axes, int) else tuple(self.axes)
        if one.shape[along[0]] != other.shape[along[1]]:
            lengths = f"{one.shape[along[0]]} and {other.shape[along[1]]}"
            raise SettingError(f"{self.name}: expected axes of equal length, received {lengths}")
        if self.normalize:
            one, other = (torch.nn.functional.normalize(x, dim=axis) for x, axis in zip(inputs, along, strict=True))
        one, other = one.movedim(along[0], -1), other.movedim(along[1], -1)
        found = torch.einsum("n...c,nkc->n...k", one, other.reshape(len(other), -1, other.shape[-1]))
        shape = (*one.shape[1:-1], *other.shape[1:-1]) or (1,)
        return found.reshape(len(one), *shape)

    def get_config(self) -> dict[str, Any]:
        """Return name, axes and whether they are cosines."""
        return {**super().get_config(), "axes": self.axes, "normalize": self.normalize}


class TimeDistributed(Layer):
    """A layer on each step by itself: T×… → T×…."""

    masks = "passes"

    def __init__(self, layer: Any, **settings: Any) -> None:
        super().__init__(**settings)
        if isinstance(layer, dict):
            from hubel.model.layers import deserialize

            layer = deserialize(layer)
        self.layer = layer

    def call(self, inputs: Tensor, training: bool = False) -> Tensor:
        """Take the steps for examples."""
        found: Any = self.layer(inputs.flatten(0, 1), training=training)
        each: Tensor = found.unflatten(0, inputs.shape[:2])
        return each

    def get_config(self) -> dict[str, Any]:
        """Return name and layer."""
        from hubel.model.layers import serialize

        return {**super().get_config(), "layer": serialize(self.layer)}


def maximum(inputs: Any, **settings: Any) -> Any:
    """Return the largest."""
    return Maximum(**settings)(inputs)


def minimum(inputs: Any, **settings: Any) -> Any:
    """Return the smallest."""
    return Minimum(**settings)(inputs)


def dot(inputs: Any, axes: Any = -1, **settings: Any) -> Any:
    """Return the sums of products."""
    return Dot(axes, **settings)(inputs)
