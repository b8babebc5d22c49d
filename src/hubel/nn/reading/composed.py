"""What is one call in PyTorch and several layers in the tree: blurs, gated halves, figures of channels, limits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import comb, prod
from typing import Any

import torch
from torch import Tensor, nn

import hubel.arch as arch
from hubel.arch import Layer, Product
from hubel.arch.ops.functions import FARTHEST
from hubel.base.errors import SettingError
from hubel.nn.modules import ChannelPadding
from hubel.nn.reading.functions import module_of
from hubel.nn.reading.graph import Step
from hubel.nn.reading.layers import layer_of
from hubel.nn.reading.lying import along_steps
from hubel.nn.reading.moves import argument, mean_of_places, window
from hubel.nn.reading.record import Call
from hubel.nn.reading.tensors import Tensors, Value

POOLS = {"mean": arch.AveragePooling2D, "amax": arch.MaxPooling2D, "max": arch.MaxPooling2D}
LIMITS = ("clamp", "clip", "hardtanh", "clamp_min", "clamp_max")


def composed(tensors: Tensors, call: Call, given: Tensor, constants: Sequence[Tensor]) -> bool:
    """Read a call as several layers; false for all others."""
    if constants:
        return len(constants) == 1 and call.what == "conv2d" and _blurred(tensors, call, given, constants[0])
    reads = (_gated, _over_channels, _limited, _softened, _padded_steps)
    return any(read(tensors, call, given) for read in reads)


def largest(tensors: Tensors, call: Call, given: Tensor) -> bool:
    """Read `x.max(1)`, which gives the largest of each place's channels, or of each channel's places or steps, and says
    which that was.
    """
    if call.what != "max" or len(call.output) != 2:
        return False
    if not _over_channels(tensors, call, given):
        value = tensors[given]
        alone = replace(call, what="amax", output=call.output[0])
        places = value.order in ("first", "last")
        layer = window(alone, given, value.order) if places else mean_of_places(alone, given, value.shape)
        if layer is None:
            return False
        tensors.add(call.output[0], Step(call.label, layer, (value.place,)))
    tensors.lose(call.output[1], ValueError(f"{call.label}: the tree has no layer for which number is the largest"))
    return True


def _blurred(tensors: Tensors, call: Call, given: Tensor, weight: Tensor) -> bool:
    """Read a fixed kernel of binomial numbers, the same for each channel: means of 2×2 places, again and again."""
    kernel = tensors.fixed(weight)
    names = ("weight", "bias", "stride", "padding", "dilation", "groups")
    _, bias, stride, padding, dilation, groups = (
        argument(call, place, name, default=1 if place in (3, 5, 6) else None)
        for place, name in enumerate(names, start=1)
    )
    if kernel is None or bias is not None or tensors[given].order != "first" or isinstance(padding, str):
        return False
    if groups != given.shape[1] or kernel.shape[:2] != (groups, 1) or not {dilation} <= {1, (1, 1)}:
        return False
    size = kernel.shape[-1]
    row = torch.tensor([comb(size - 1, place) for place in range(size)], dtype=torch.float64) / 2 ** (size - 1)
    if size < 2 or kernel.shape[-2] != size or not torch.allclose(kernel.double(), torch.outer(row, row), atol=1e-6):
        return False
    sides = padding if isinstance(padding, (tuple, list)) else (padding or 0,) * 2
    layers: list[Layer] = [arch.ZeroPadding2D(((sides[0],) * 2, (sides[1],) * 2))] if any(sides) else []
    steps = tuple(stride) if isinstance(stride, (tuple, list)) else (stride,) * 2
    layers += [arch.AveragePooling2D(2, 1 if left else steps) for left in reversed(range(size - 1))]
    _chain(tensors, call, call.output, tensors[given], layers, prod(call.output.shape[1:]) * size**2)
    return True


def _gated(tensors: Tensors, call: Call, given: Tensor) -> bool:
    """Read a gated linear unit: the first half of the channels times the sigmoid of the second."""
    if call.what != "glu" and not isinstance(call.what, nn.GLU):
        return False
    axis = call.what.dim if isinstance(call.what, nn.GLU) else argument(call, 1, "dim", default=-1)
    value = tensors[given]
    if value.order not in ("first", "last") or axis % given.dim() != _channels(value, given):
        return False
    half = value.shape[0] // 2
    shape = (*tensors.public(given)[:-1], half)
    first = len(tensors.steps)
    for number in range(2):
        selected = arch.SelectChannels(tuple(range(number * half, (number + 1) * half)))
        tensors.steps.append(Step(call.label, selected, (value.place,), shape=shape))
    tensors.steps.append(Step(call.label, arch.Activation("sigmoid"), (first + 1,), shape=shape))
    tensors.add(call.output, Step(call.label, Product, (first, first + 2), shape=shape), value.order)
    return True


def _over_channels(tensors: Tensors, call: Call, given: Tensor) -> bool:
    """Read the mean or the largest of each place's channels."""
    value, axis = tensors[given], argument(call, 1, "dim", "axis")
    axis = axis[0] if isinstance(axis, (tuple, list)) and len(axis) == 1 else axis
    if call.what not in POOLS or not isinstance(axis, int) or given.dim() != 4 or value.order not in ("first", "last"):
        return False
    if axis % 4 != _channels(value, given):
        return False
    layers = pooled_channels(str(call.what), (*value.shape[1:], value.shape[0]))
    output = call.output if isinstance(call.output, Tensor) else call.output[0]
    _chain(tensors, call, output, value, layers, order=value.order if output.dim() == 4 else "loose")
    return True


def _limited(tensors: Tensors, call: Call, given: Tensor) -> bool:
    """Read limits other than 0 and 6, or 0 alone."""
    low, high = _limits(call)
    value = tensors[given]
    if (low is None and high is None) or (low, high) in ((0, None), (0, 6)) or value.order not in ("first", "last"):
        return False
    layer = limited(low, high)
    if layer is not None:
        _chain(tensors, call, call.output, value, [layer])
    return layer is not None


def _softened(tensors: Tensors, call: Call, given: Tensor) -> bool:
    """Read softplus(x·beta)/beta, and the logarithm of a sigmoid, −softplus(−x)."""
    value, name = tensors[given], call.what if isinstance(call.what, str) else type(call.what).__name__
    if name in ("log_sigmoid", "logsigmoid", "LogSigmoid"):
        before, after = -1.0, -1.0
    elif name in ("softplus", "Softplus"):
        module = (
            call.what if isinstance(call.what, nn.Softplus) else module_of("softplus", call.inputs[1:], call.keywords)
        )
        before, after = float(module.beta), 1 / float(module.beta)  # type: ignore[union-attr, arg-type]
        if before == 1 or module.threshold != 20:  # type: ignore[union-attr]
            return False
    else:
        return False
    if value.order not in ("first", "last"):
        return False
    layers = [arch.Rescaling(before), arch.Activation("softplus"), arch.Rescaling(after)]
    _chain(tensors, call, call.output, value, layers)
    return True


def limited(low: float | None, high: float | None) -> arch.Clip | None:
    """Return the layer that keeps numbers within limits, of which there is at least one; None where none does."""
    try:
        return arch.Clip(-FARTHEST if low is None else float(low), FARTHEST if high is None else float(high))
    except SettingError:
        return None


def pooled_channels(kind: str, shape: arch.Shape) -> list[Layer]:
    """Return the layers that take the mean or the largest of each place's channels: a pool of a picture whose rows are
    the channels.
    """
    rows, columns, channels = shape
    pool = POOLS[kind]((channels, 1))
    return [arch.Reshape((channels, rows * columns, 1)), pool, arch.Reshape((rows, columns, 1))]


def _padded_steps(tensors: Tensors, call: Call, given: Tensor) -> bool:
    """Read what is put before and after a sequence: zeros, or the sequence mirrored, held or begun anew."""
    value, made = tensors[given], call.what
    if given.dim() != 3 or value.order != "first":
        return False
    if made == "pad":
        found = module_of(made, call.inputs[1:], {k: v for k, v in call.keywords.items() if k != "input"})
    elif isinstance(made, (nn.ConstantPad1d, nn.ZeroPad1d)):
        found = module_of("pad", (made.padding, "constant", made.value), {})
    else:
        mode = next((mode for kind, mode in MODES.items() if isinstance(made, kind)), None)
        found = None if mode is None else module_of("pad", (made.padding, mode), {})  # type: ignore[union-attr]
    if found is None or isinstance(found, ChannelPadding):
        return False
    steps, features = tensors.public(given)
    rows = type(found)((0, 0, *found.padding[:2]))  # type: ignore[index]
    padded = along_steps(layer_of(rows, (steps, 1, features)), (steps, features))
    tensors.add(call.output, Step(call.label, padded, (value.place,)))
    return True


MODES = {nn.ReflectionPad1d: "reflect", nn.ReplicationPad1d: "replicate", nn.CircularPad1d: "circular"}


def convolved_steps(layer: object, before: Step) -> tuple[arch.Conv1D, tuple[int, ...]] | None:
    """Return a convolution along steps with the zeros that were put around them before, and of what it is; None for
    other layers.
    """
    match before.what:
        case arch.Chain(nodes=(arch.Reshape(), arch.ZeroPadding2D(padding=(sides, (0, 0))), arch.Reshape())):
            if isinstance(layer, arch.Conv1D) and layer.padding == "valid":
                return replace(layer, padding=sides), before.inputs
    return None


def _limits(call: Call) -> tuple[float | None, float | None]:
    if isinstance(call.what, nn.Hardtanh):
        return call.what.min_val, call.what.max_val
    if call.what not in LIMITS:
        return None, None
    last = call.what == "clamp_max"
    low = None if last else argument(call, 1, "min", "min_val", default=-1.0 if call.what == "hardtanh" else None)
    high = argument(call, 1 if last else 2, "max", "max_val", default=1.0 if call.what == "hardtanh" else None)
    high = None if call.what == "clamp_min" else high
    plain = all(
        isinstance(limit, (int, float)) and abs(limit) < float("inf") for limit in (low, high) if limit is not None
    )
    return (low, high) if plain else (None, None)


def _channels(value: Value, given: Tensor) -> int:
    """Return which dimension is that of the channels."""
    return given.dim() - 1 if value.order == "last" else 1


def _chain(
    tensors: Tensors, call: Call, output: Tensor, value: Value, layers: Sequence[Any], beside: int = 0, order: str = ""
) -> None:
    """Put layers behind one another, the last of which gives the output."""
    place, shape = value.place, tensors.steps[value.place].shape
    for layer in layers:
        shape = layer.output_shape(shape)
        tensors.steps.append(Step(call.label, layer, (place,), shape=shape))
        place = len(tensors.steps) - 1
    last = tensors.steps.pop()
    made = Value(len(tensors.steps), (shape[-1], *shape[:-1]), order or value.order)
    tensors.set(output, made)
    tensors.steps.append(Step(last.name, last.what, last.inputs, shape=shape, beside=beside))
