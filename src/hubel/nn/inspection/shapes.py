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

from hubel.nn.inspection import recurrent

aten = torch.ops.aten


def _like(input: Tensor) -> Tensor:
    """Return an empty tensor of the same shape and, where no numbers overlap or lie apart, the same strides."""
    if input.is_contiguous():
        return input.new_empty(input.shape)
    dense = 1
    for stride, size in sorted(zip(input.stride(), input.shape, strict=True)):
        if size > 1 and stride != dense:
            return input.new_empty(input.shape)
        dense *= size
    return input.new_empty_strided(input.shape, input.stride())


def _same(input: Any, *_: Any, **__: Any) -> Any:
    """An activation, or arithmetic with a plain number: as many numbers as came in, of the same type."""
    return _like(input) if isinstance(input, Tensor) and input.is_floating_point() else NotImplemented


def _itself(input: Tensor, *_: Any, **__: Any) -> Any:
    """An activation in place."""
    return input


def _along(input: Tensor, axis: int, *_: Any) -> Any:
    """A softmax along an axis, which PyTorch's rule without numbers forgets to look for."""
    if not -max(input.dim(), 1) <= axis < max(input.dim(), 1):
        raise IndexError(f"expected a dimension below {input.dim()}, received {axis}")
    return _same(input)


def _arithmetic(left: Any, right: Any, **_: Any) -> Any:
    """Two tensors, or a tensor and a plain number: the larger size in every dimension."""
    if not isinstance(left, Tensor) or not left.is_floating_point():
        return NotImplemented
    if not isinstance(right, Tensor):
        return NotImplemented if isinstance(right, complex) else _like(left)
    if left.dtype != right.dtype:
        return NotImplemented
    if left.shape == right.shape:
        return _like(left)
    try:
        shape = torch.broadcast_shapes(left.shape, right.shape)
    except RuntimeError:
        return NotImplemented
    return _like(left) if left.shape == shape else left.new_empty(shape)


def _mean(input: Tensor, axes: Any, keepdim: bool = False, **more: Any) -> Any:
    """A mean over axes, which then go, or keep a size of 1."""
    if more or not axes or not input.is_floating_point() or any(not -input.dim() <= a < input.dim() for a in axes):
        return NotImplemented
    gone = {axis % input.dim() for axis in axes}
    if keepdim:
        return input.new_empty([1 if i in gone else size for i, size in enumerate(input.shape)])
    return input.new_empty([size for i, size in enumerate(input.shape) if i not in gone])


def _concatenation(tensors: list[Tensor], axis: int = 0) -> Any:
    """Tensors side by side: sizes add up along the axis, and are equal in the others."""
    first, dimensions = tensors[0], tensors[0].dim()
    if not -dimensions <= axis < dimensions:
        return NotImplemented
    around = {(*t.shape[: axis % dimensions], *t.shape[axis % dimensions + 1 :], t.dim(), t.dtype) for t in tensors}
    if len(around) > 1 or first.numel() == 0:
        return NotImplemented
    shape = list(first.shape)
    shape[axis] = sum(tensor.shape[axis] for tensor in tensors)
    return _laid_out_as(first, shape)


def _laid_out_as(input: Tensor, shape: list[int]) -> Tensor:
    """Return an empty tensor of that shape, channels last in memory where the input is."""
    if input.dim() == 4 and not input.is_contiguous() and input.is_contiguous(memory_format=torch.channels_last):
        return torch.empty(shape, dtype=input.dtype, device=input.device, memory_format=torch.channels_last)
    return input.new_empty(shape)


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


def _convolution(
    input: Tensor, weight: Tensor, bias: Any, stride: Any, padding: Any, dilation: Any, transposed: bool, *more: Any
) -> Any:
    """Apply the size rule along each axis; PyTorch's own forgets to look at a transposed convolution's channels."""
    extra, groups = more
    wanted = weight.shape[0] if transposed else weight.shape[1] * groups
    if input.shape[1] != wanted:
        raise RuntimeError(f"expected {wanted} channels, received {input.shape[1]}")
    if input.dtype != weight.dtype or input.dim() != weight.dim() or weight.shape[0] % groups:
        return NotImplemented
    axes = input.dim() - 2
    each = zip(
        *(input.shape[2:], weight.shape[2:]),
        *(setting * axes if len(setting) == 1 else setting for setting in (stride, padding, dilation, extra)),
        strict=True,
    )
    if transposed:
        sizes = [(n - 1) * step - 2 * pad + gap * (k - 1) + more + 1 for n, k, step, pad, gap, more in each]
        channels = weight.shape[1] * groups
    else:
        sizes = [(n + 2 * pad - gap * (k - 1) - 1) // step + 1 for n, k, step, pad, gap, _ in each]
        channels = weight.shape[0]
    return NotImplemented if min(sizes) < 1 else _laid_out_as(input, [input.shape[0], channels, *sizes])


def _pooled(input: Tensor, kernel: Any, stride: Any, padding: Any, dilation: Any, ceil: bool) -> Any:
    """Apply the size rule of pooling; rounding up may add a window, unless it would start in the padding below."""
    if input.dim() != 4:
        return NotImplemented
    sizes = []
    settings = [
        setting * 2 if len(setting) == 1 else setting for setting in (kernel, stride or kernel, padding, dilation)
    ]
    for size, window, step, pad, gap in zip(input.shape[2:], *settings, strict=True):
        slack = size + 2 * pad - gap * (window - 1) - 1
        if slack < 0 or 2 * pad > window:
            return NotImplemented
        count, rest = divmod(slack, step)
        sizes.append(count + 1 + (ceil and rest > 0 and (count + 1) * step < size + pad))
    return _laid_out_as(input, [*input.shape[:2], *sizes])


def _max_pooling(
    input: Tensor, kernel: Any, stride: Any = (), padding: Any = (0,), dilation: Any = (1,), ceil: bool = False
) -> Any:
    """Pictures, and where in each window the largest number stood."""
    output = _pooled(input, kernel, list(stride), list(padding), list(dilation), ceil)
    if output is NotImplemented:
        return output
    return output, output.new_empty(output.shape, dtype=torch.int64)


def _average_pooling(
    input: Tensor, kernel: Any, stride: Any = (), padding: Any = (0,), ceil: bool = False, *_: Any
) -> Any:
    """Pictures."""
    return _pooled(input, kernel, list(stride), list(padding), [1], ceil)


def _adaptive_pooling(input: Tensor, size: Any) -> Any:
    """Pictures of the size that was asked for."""
    return _laid_out_as(input, [*input.shape[:2], *size]) if input.dim() == 4 else NotImplemented


def _batch_normalization(
    input: Tensor, weight: Any, bias: Any, mean: Any, variance: Any, training: bool, *_: Any
) -> Any:
    """Return the input's shape, and a mean and a deviation for each channel where they are worked out anew."""
    kind = input.dtype if weight is None else weight.dtype
    statistics = input.new_empty(input.shape[1] if training else 0, dtype=kind)
    return _like(input), statistics, statistics.new_empty(statistics.shape)


def _layer_normalization(input: Tensor, shape: list[int], weight: Any = None, *_: Any) -> Any:
    """Return the input's shape, and a mean and a deviation for each place."""
    if tuple(input.shape[-len(shape) :]) != tuple(shape):
        return NotImplemented
    kind = input.dtype if weight is None else weight.dtype
    statistics = input.new_empty((*input.shape[: -len(shape)], *[1] * len(shape)), dtype=kind)
    return input.new_empty(input.shape), statistics, statistics.new_empty(statistics.shape)


def _group_normalization(
    input: Tensor, weight: Any, bias: Any, number: int, channels: int, places: int, groups: int, *_: Any
) -> Any:
    """Return the input's shape, and a mean and a deviation for each group."""
    if input.numel() != prod((number, channels, places)) or channels % groups:
        return NotImplemented
    statistics = input.new_empty(number, groups, dtype=input.dtype if weight is None else weight.dtype)
    return _like(input), statistics, statistics.new_empty(statistics.shape)


def _grouped_product(left: Tensor, right: Tensor, offs: Any = None, bias: Any = None, out_dtype: Any = None) -> Any:
    """A product with a matrix for each group of rows (experts), for which PyTorch's rule wants 16 bits."""
    if left.shape[-1] != right.shape[-2] or offs is None:
        return NotImplemented
    shapes = {
        (2, 3): (left.shape[0], right.shape[-1]),
        (3, 2): (left.shape[-2], right.shape[-1]),
        (2, 2): (len(offs), left.shape[0], right.shape[-1]),
    }
    shape = shapes.get((left.dim(), right.dim()))
    return NotImplemented if shape is None else left.new_empty(shape, dtype=out_dtype or left.dtype)


def _fake_quantised(input: Tensor, *_: Any) -> Any:
    """The same numbers rounded, and which of them lie within the limits."""
    return _like(input), torch.empty_like(input, dtype=torch.bool)


RULES: dict[Any, Callable[..., Any]] = {
    aten.add.Tensor: _arithmetic,
    aten.sub.Tensor: _arithmetic,
    aten.mul.Tensor: _arithmetic,
    aten.div.Tensor: _arithmetic,
    aten.mean.dim: _mean,
    aten.cat.default: _concatenation,
    aten.mm.default: _product,
    aten.addmm.default: _shifted_product,
    aten._grouped_mm.default: _grouped_product,
    aten._softmax.default: _along,
    aten._log_softmax.default: _along,
    aten._safe_softmax.default: _along,
    aten.convolution.default: _convolution,
    aten.max_pool2d_with_indices.default: _max_pooling,
    aten.avg_pool2d.default: _average_pooling,
    aten._adaptive_avg_pool2d.default: _adaptive_pooling,
    aten.native_batch_norm.default: _batch_normalization,
    aten.native_layer_norm.default: _layer_normalization,
    aten.mkldnn_rnn_layer.default: recurrent.shapes,
    aten.native_group_norm.default: _group_normalization,
    aten._nested_tensor_from_mask_left_aligned.default: lambda *_: False,  # or encoders would leave padded steps out
}
FAKE = "fake_quantize_per_tensor_affine_cachemask fake_quantize_per_channel_affine_cachemask"
FAKE += " _fake_quantize_per_tensor_affine_cachemask_tensor_qparams"
RULES.update({getattr(aten, name).default: _fake_quantised for name in FAKE.split()})
SAME = "relu tanh sigmoid silu gelu elu mish softplus hardtanh hardswish hardsigmoid leaky_relu"
SAME += " abs neg exp log sqrt rsqrt clamp clamp_min clamp_max"
SAME += " _fake_quantize_learnable_per_tensor_affine _fake_quantize_learnable_per_channel_affine"
RULES.update({getattr(aten, name).default: _same for name in SAME.split()})
RULES.update({getattr(aten, name).Scalar: _same for name in ("add", "mul", "rsub")})
RULES[aten.pow.Tensor_Scalar] = _same
IN_PLACE = "relu_ tanh_ sigmoid_ silu_ elu_ mish_ hardtanh_ hardswish_ hardsigmoid_ leaky_relu_"
RULES.update({getattr(aten, name).default: _itself for name in IN_PLACE.split()})
