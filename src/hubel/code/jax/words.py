"""How Flax says each operation: what is called, and with what."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hubel.arch import Layer, ops
from hubel.arch.ops.functions import FUNCTIONS
from hubel.code._last import (
    Sides,
    UnsaidError,
    Windows,
    Words,
    cut_sides,
    each,
    one,
    order_matters,
    own_sides,
    responded,
    same_sides,
    sides,
)
from hubel.code._outline import Step

POSITIONAL: dict[str, tuple[str, ...]] = {
    "nnx.Conv": ("in_features", "out_features", "kernel_size"),
    "nnx.ConvTranspose": ("in_features", "out_features", "kernel_size"),
    "nnx.Linear": ("in_features", "out_features"),
    "nnx.BatchNorm": ("num_features",),
    "nnx.LayerNorm": ("num_features",),
    "nnx.GroupNorm": ("num_features", "num_groups"),
    "nnx.Dropout": ("rate",),
    "Scale": ("channels",),
    "PReLU": ("slopes",),
    "GlobalResponseNorm": ("channels",),
    "RadialBasis": ("in_features", "out_features"),
    "nnx.Embed": ("num_embeddings", "features"),
    "Recurrent": ("in_features", "units", "cell"),
    "LocallyConnected": ("in_features", "out_features", "output_size", "kernel_size"),
}
_NORM = {"epsilon": 1e-5, "use_bias": True, "use_scale": True}
DEFAULTS: dict[str, dict[str, Any]] = {
    "nnx.Conv": {"strides": 1, "padding": "SAME", "kernel_dilation": 1, "feature_group_count": 1, "use_bias": True},
    "nnx.ConvTranspose": {"strides": 1, "padding": "SAME", "kernel_dilation": 1, "use_bias": True},
    "nnx.Linear": {"use_bias": True},
    "nnx.BatchNorm": {**_NORM, "momentum": 0.99},
    "nnx.LayerNorm": {**_NORM, "epsilon": 1e-6},
    "nnx.GroupNorm": {**_NORM, "epsilon": 1e-6},
    "nnx.max_pool": {"padding": "VALID"},
    "nnx.avg_pool": {"padding": "VALID", "count_include_pad": True},
    "Scale": {"bias": True, "weight": True},
    "GlobalResponseNorm": {"epsilon": 1e-6},
    "Recurrent": {"activation": "tanh", "use_bias": True, "sequences": False, "backwards": False},
    "LocallyConnected": {"strides": 1, "padding": ((0, 0), (0, 0)), "use_bias": True},
}


def activation(name: str) -> Step:
    """Return the function that applies an activation, and the arguments that make it the same."""
    function = FUNCTIONS[name]
    return function.jax or f"nnx.{name}", function.jax_arguments


def _windowed(operation: Any, windows: Windows) -> dict[str, Any]:
    return {
        "in_features": operation.input[-1],
        "out_features": operation.output[-1],
        "kernel_size": each(windows, "kernel"),
        "strides": _one(each(windows, "stride")),
    }


def _convolution(operation: ops.WindowedSum, following: Sequence[Layer]) -> list[Step]:
    windows, padding = operation.windows, sides(operation.windows)
    same = padding == same_sides(windows)
    arguments = {
        **_windowed(operation, windows),
        "padding": "SAME" if same else "CAUSAL" if operation.is_causal else _padding(padding),
        "kernel_dilation": _one(each(windows, "dilation")),
        "feature_group_count": operation.groups,
    }
    return [("nnx.Conv", {**arguments, "use_bias": operation.bias is not None})]


def _local(operation: ops.LocalSum, following: Sequence[Layer]) -> list[Step]:
    if len(operation.windows) != 2:
        raise UnsaidError
    more = {"output_size": operation.output[:-1], "padding": sides(operation.windows)}
    arguments = {**_windowed(operation, operation.windows), **more}
    return [("LocallyConnected", {**arguments, "use_bias": operation.bias is not None})]


def _transposed(operation: ops.TransposedSum, following: Sequence[Layer]) -> list[Step]:
    """Say a transposed convolution: Flax pads the spread-out input, PyTorch and the tree cut the output."""
    if operation.groups > 1:
        raise UnsaidError(" with groups")
    padding, usual = [], []
    for window, (before, after) in zip(operation.windows, cut_sides(operation), strict=True):
        reach = window.extent - 1
        padding.append((reach - before, reach - after))
        total = reach + window.stride - 1
        first = reach if window.stride > reach else -(-total // 2)
        usual.append((first, total - first))
    arguments = {
        **_windowed(operation, operation.windows),
        "padding": "SAME" if padding == usual else tuple(padding),
        "kernel_dilation": _one(each(operation.windows, "dilation")),
    }
    return [("nnx.ConvTranspose", {**arguments, "use_bias": operation.bias is not None})]


def _one(value: tuple[int, ...]) -> int | tuple[int, ...]:
    return value[0] if len(set(value)) == 1 else value


def _padding(found: Sides) -> Any:
    numbers = {number for pair in found for number in pair}
    if numbers == {0}:
        return "VALID"
    return numbers.pop() if len(numbers) == 1 else found


def _dense(operation: ops.DenseSum, following: Sequence[Layer]) -> list[Step]:
    arguments = {"in_features": operation.input[-1], "out_features": operation.output[-1]}
    return [("nnx.Linear", {**arguments, "use_bias": operation.bias is not None})]


def _normalised(operation: ops.Normalise, following: Sequence[Layer]) -> list[Step]:
    learned = {"use_bias": operation.bias is not None, "use_scale": operation.weight is not None}
    own = {"num_features": operation.input[-1], "epsilon": operation.epsilon, **learned}
    if operation.over == "batch":
        return [("nnx.BatchNorm", {**own, "momentum": operation.momentum})]
    if operation.over == "place":
        return [("nnx.LayerNorm", own)]
    return [("nnx.GroupNorm", {"num_groups": operation.groups, **own})]


def _activated(operation: ops.Activate, following: Sequence[Layer]) -> list[Step]:
    name, arguments = activation(operation.function)
    usual = FUNCTIONS[operation.function].constants
    own = {constant: value for constant, value in operation.constants.items() if value != usual[constant]}
    return [(name, {**arguments, **own})]


def _span(operation: ops.Span, following: Sequence[Layer]) -> list[Step]:
    axes = tuple(range(1, len(operation.spans) + 1))
    if not operation.windows:
        if not operation.is_whole:
            name = "average" if operation.how == "mean" else "max"
            return [(f"adaptive_{name}_pool", {"output_size": tuple(map(len, operation.spans))})]
        keepdims = {"keepdims": True} if len(operation.output) == len(operation.input) else {}
        return [(f"jnp.{operation.how}", {"axis": axes if len(axes) > 1 else 1, **keepdims})]
    windows, padding, own = operation.windows, sides(operation.windows), own_sides(operation.windows)
    arguments: dict[str, Any] = {"window_shape": each(windows, "kernel"), "strides": each(windows, "stride")}
    if operation.how == "max":
        return [("nnx.max_pool", {**arguments, "padding": padding if any(map(any, padding)) else "VALID"})]
    counted = operation.counts_padding and any(map(any, own))
    if counted:  # rows that hang over in ceil mode count in no case
        padding = tuple((0, all[1] - one[1]) for all, one in zip(padding, own, strict=True))
    if any(map(any, padding)):
        arguments |= {"padding": padding, "count_include_pad": False}
    return [*([_around((*own, (0, 0)))] if counted else []), ("nnx.avg_pool", arguments)]


def _around(found: Sides) -> Step:
    return "jnp.pad", {"pad_width": ((0, 0), *found)}


def _viewed(operation: ops.View, following: Sequence[Layer]) -> list[Step]:
    if len(operation.output) > 1:
        return [("reshape_channels_first", {"shape": operation.output})]
    return [("flatten_channels_first" if order_matters(following, operation.input) else "flatten", {})]


def _padded(operation: ops.Pad, following: Sequence[Layer]) -> list[Step]:
    if operation.fill != "zeros":
        return [("jnp.pad", {"pad_width": ((0, 0), *operation.sides), "mode": operation.fill})]
    more = tuple((max(before, 0), max(after, 0)) for before, after in operation.sides)
    less = tuple((max(-before, 0), max(-after, 0)) for before, after in operation.sides[:-1])
    found = [_around(more)] if any(map(any, more)) else []
    return [*found, *([("crop", {"sides": less})] if any(map(any, less)) else [])]


def _enlarged(operation: ops.Upsample, following: Sequence[Layer]) -> list[Step]:
    if operation.aligned:
        raise UnsaidError(" with aligned")
    factors = operation.factors
    if factors is not None:
        return [("upsample", {"size": factors, "method": operation.interpolation})]
    if operation.interpolation == "nearest":
        taken = [(axis + 1, list(operation.nearest(axis))) for axis in range(len(operation.input) - 1)]
        return [("jnp.take", {"indices": indices, "axis": axis}) for axis, indices in taken]
    return [("resize", {"size": operation.output[:-1]})]


def _selected(operation: ops.Select, following: Sequence[Layer]) -> list[Step]:
    if operation.dealt:
        return [("channel_shuffle", {"groups": operation.dealt})]
    return [("select_channels", {"channels": list(operation.channels)})]


def _recurred(operation: ops.Recur, following: Sequence[Layer]) -> list[Step]:
    own = {"in_features": operation.input[-1], "units": operation.units, "cell": operation.cell}
    flags = {"sequences": operation.sequences, "backwards": operation.backwards}
    more = {"activation": operation.function, "use_bias": operation.bias is not None}
    return [("Recurrent", {**own, **more, **flags})]


def _unsaid(operation: ops.Write, following: Sequence[Layer]) -> list[Step]:
    raise UnsaidError(", which gives each step the word before")


def _dropped(operation: ops.Pass, following: Sequence[Layer]) -> list[Step]:
    if operation.changes:
        raise UnsaidError(", which changes pictures in training; change them before")
    over = {"broadcast_dims": tuple(range(1, len(operation.input)))} if operation.channels else {}
    return [("nnx.Dropout", {"rate": operation.rate, **over})] if operation.rate else []


WORDS: Words = {
    ops.WindowedSum: _convolution,
    ops.LocalSum: _local,
    ops.TransposedSum: _transposed,
    ops.DenseSum: _dense,
    ops.RadialSum: one(lambda op: ("RadialBasis", {"in_features": op.input[-1], "out_features": op.output[-1]})),
    ops.Span: _span,
    ops.Affine: one(
        lambda op: (
            "Scale",
            {"channels": op.input[-1], "bias": op.bias is not None, "weight": op.weight is not None},
        )
    ),
    ops.Normalise: _normalised,
    ops.Compete: one(lambda op: ("GlobalResponseNorm", {"channels": op.input[-1], "epsilon": op.epsilon})),
    ops.Respond: responded("local_response_norm"),
    ops.Activate: _activated,
    ops.View: _viewed,
    ops.Pad: _padded,
    ops.Upsample: _enlarged,
    ops.Slope: one(lambda op: ("PReLU", {"slopes": 1 if op.shared else op.input[-1]})),
    ops.Blocks: one(lambda op: ("pixel_shuffle" if op.how == "spread" else "pixel_unshuffle", {"factor": op.size})),
    ops.Select: _selected,
    ops.Pass: _dropped,
    ops.Embed: one(lambda op: ("nnx.Embed", {"num_embeddings": op.numbers, "features": op.output[-1]})),
    ops.Recur: _recurred,
    ops.Write: _unsaid,
}
