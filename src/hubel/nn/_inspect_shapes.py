"""Shapes of the commonest operations, worked out here.

PyTorch has rules for all of them, but written in Python, and those for simple arithmetic load its compiler, which
takes a second. A rule here returns `NotImplemented` for anything out of the ordinary, and PyTorch's own then decides,
or says what is wrong.
"""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any

import torch
from torch import Tensor

aten = torch.ops.aten


def _same(input: Tensor, *_: Any, **more: Any) -> Any:
    """An activation: as many numbers as came in, of the same type."""
    if more or not input.is_floating_point():
        return NotImplemented
    return torch.empty_like(input)


def _named(input: Tensor, *_: Any, **__: Any) -> Any:
    """The same, for activations whose settings have names."""
    return _same(input)


def _along(input: Tensor, axis: int, *_: Any) -> Any:
    """A softmax along an axis, which PyTorch's rule without numbers forgets to look for."""
    if not -max(input.dim(), 1) <= axis < max(input.dim(), 1):
        raise IndexError(f"expected a dimension below {input.dim()}, received {axis}")
    return _same(input)


def _arithmetic(left: Any, right: Any, **_: Any) -> Any:
    """Two tensors, a number taken with each other: the larger size in every dimension."""
    if not (isinstance(left, Tensor) and isinstance(right, Tensor)):
        return NotImplemented
    if left.dtype != right.dtype or not left.is_floating_point():
        return NotImplemented
    if left.shape == right.shape:
        return torch.empty_like(left)
    try:
        shape = torch.broadcast_shapes(left.shape, right.shape)
    except RuntimeError:
        return NotImplemented
    return torch.empty_like(left) if left.shape == shape else left.new_empty(shape)


def _product(left: Tensor, right: Tensor, **_: Any) -> Any:
    """n×k by k×m gives n×m."""
    if left.dim() != 2 or right.dim() != 2 or left.shape[1] != right.shape[0] or left.dtype != right.dtype:
        return NotImplemented
    return left.new_empty(left.shape[0], right.shape[1])


def _shifted_product(bias: Tensor, left: Tensor, right: Tensor, **_: Any) -> Any:
    """A bias, and n×k by k×m."""
    if bias.dim() == 1 and right.dim() == 2 and bias.shape[0] not in (1, right.shape[1]):
        return NotImplemented
    return _product(left, right) if bias.dim() == 1 and bias.dtype == left.dtype else NotImplemented


def _checked_convolution(
    input: Tensor, weight: Tensor, bias: Any, stride: Any, padding: Any, dilation: Any, transposed: bool, *more: Any
) -> Any:
    """Leave the shape to PyTorch, whose rule without numbers forgets to look at a transposed convolution's channels."""
    groups = more[1]
    wanted = weight.shape[0] if transposed else weight.shape[1] * groups
    if input.shape[1] != wanted:
        raise RuntimeError(f"expected {wanted} channels, received {input.shape[1]}")
    return NotImplemented


def _batch_normalization(
    input: Tensor, weight: Any, bias: Any, mean: Any, variance: Any, training: bool, *_: Any
) -> Any:
    """The input's shape, and a mean and a deviation for each channel where they are worked out anew."""
    statistics = input.new_empty(input.shape[1] if training else 0)
    return torch.empty_like(input), statistics, torch.empty_like(statistics)


def _layer_normalization(input: Tensor, shape: list[int], *_: Any) -> Any:
    """The input's shape, and a mean and a deviation for each place."""
    if tuple(input.shape[-len(shape) :]) != tuple(shape):
        return NotImplemented
    statistics = input.new_empty((*input.shape[: -len(shape)], *[1] * len(shape)))
    return torch.empty_like(input, memory_format=torch.contiguous_format), statistics, torch.empty_like(statistics)


def _group_normalization(
    input: Tensor, weight: Any, bias: Any, number: int, channels: int, places: int, groups: int, *_: Any
) -> Any:
    """The input's shape, and a mean and a deviation for each group."""
    if input.numel() != prod((number, channels, places)) or channels % groups:
        return NotImplemented
    statistics = input.new_empty(number, groups)
    return torch.empty_like(input), statistics, torch.empty_like(statistics)


RULES: dict[Any, Callable[..., Any]] = {
    aten.relu.default: _same,
    aten.tanh.default: _same,
    aten.sigmoid.default: _same,
    aten.silu.default: _same,
    aten.hardswish.default: _same,
    aten.hardsigmoid.default: _same,
    aten.mish.default: _same,
    aten.hardtanh.default: _named,
    aten.gelu.default: _named,
    aten.elu.default: _named,
    aten.leaky_relu.default: _named,
    aten.softplus.default: _named,
    aten._softmax.default: _along,
    aten._log_softmax.default: _along,
    aten._safe_softmax.default: _along,
    aten.add.Tensor: _arithmetic,
    aten.sub.Tensor: _arithmetic,
    aten.mul.Tensor: _arithmetic,
    aten.div.Tensor: _arithmetic,
    aten.mm.default: _product,
    aten.addmm.default: _shifted_product,
    aten.convolution.default: _checked_convolution,
    aten.native_batch_norm.default: _batch_normalization,
    aten.native_layer_norm.default: _layer_normalization,
    aten.native_group_norm.default: _group_normalization,
}
