"""How Keras says each operation: what is called, and with what."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hubel.arch import Layer, ops
from hubel.arch.ops.functions import FUNCTIONS
from hubel.code._last import (
    Sides,
    UnsaidError,
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


def _each_rank(name: str, value: Any, after: str = "") -> dict[str, Any]:
    return {f"layers.{name}{rank}D{after}": value for rank in (1, 2)}


POSITIONAL: dict[str, tuple[str, ...]] = {
    **_each_rank("Conv", ("filters", "kernel_size")),
    **_each_rank("DepthwiseConv", ("kernel_size",)),
    "layers.Embedding": ("input_dim", "output_dim"),
    **{f"layers.{cell}": ("units",) for cell in ("SimpleRNN", "LSTM", "GRU")},
    **_each_rank("MaxPooling", ("pool_size",)),
    **_each_rank("AveragePooling", ("pool_size",)),
    **_each_rank("AdaptiveAveragePooling", ("output_size",)),
    **_each_rank("AdaptiveMaxPooling", ("output_size",)),
    **_each_rank("ZeroPadding", ("padding",)),
    **_each_rank("Cropping", ("cropping",)),
    **_each_rank("UpSampling", ("size",)),
    **_each_rank("Conv", ("filters", "kernel_size"), "Transpose"),
    "layers.Dense": ("units",),
    "layers.GroupNormalization": ("groups",),
    "layers.Activation": ("activation",),
    "layers.Dropout": ("rate",),
    "layers.SpatialDropout1D": ("rate",),
    "layers.SpatialDropout2D": ("rate",),
    "layers.Permute": ("dims",),
    "layers.Reshape": ("target_shape",),
    "ops.pad": ("pad_width",),
    "ops.take": ("indices",),
    "RadialBasis": ("units",),
    "LocallyConnected2D": ("filters", "kernel_size"),
    "channel_shuffle": ("groups",),
    "pixel_shuffle": ("factor",),
    "pixel_unshuffle": ("factor",),
    "layers.ELU": ("alpha",),
    "layers.Rescaling": ("scale",),
    "ops.celu": ("alpha",),
}
_WEIGHTS = {"strides": 1, "padding": "valid", "activation": None, "use_bias": True}
_NORM = {"epsilon": 1e-3, "center": True, "scale": True}
_STEPS = {"activation": "tanh", "use_bias": True, "return_sequences": False, "go_backwards": False}
_POOL = {"strides": None, "padding": "valid"}
DEFAULTS: dict[str, dict[str, Any]] = {
    **_each_rank("Conv", {**_WEIGHTS, "dilation_rate": 1, "groups": 1}),
    **_each_rank("DepthwiseConv", {**_WEIGHTS, "depth_multiplier": 1, "dilation_rate": 1}),
    **_each_rank("Conv", {**_WEIGHTS, "dilation_rate": 1}, "Transpose"),
    "layers.Dense": {"activation": None, "use_bias": True},
    "layers.BatchNormalization": {**_NORM, "momentum": 0.99},
    "layers.LayerNormalization": _NORM,
    "layers.GroupNormalization": _NORM,
    **{f"layers.{cell}": _STEPS for cell in ("SimpleRNN", "LSTM", "GRU")},
    **_each_rank("MaxPooling", _POOL),
    **_each_rank("AveragePooling", _POOL),
    **_each_rank("GlobalAveragePooling", {"keepdims": False}),
    **_each_rank("GlobalMaxPooling", {"keepdims": False}),
    "layers.UpSampling2D": {"interpolation": "nearest"},
    "Scale": {"use_bias": True, "use_weight": True},
    "GlobalResponseNormalization": {"epsilon": 1e-6},
    "layers.Rescaling": {"offset": 0.0},
    "layers.PReLU": {"shared_axes": None},
    "LocallyConnected2D": {"strides": 1, "padding": ((0, 0), (0, 0)), "use_bias": True},
}


def _convolution(operation: ops.WindowedSum, following: Sequence[Layer]) -> list[Step]:
    windows, rank = operation.windows, len(operation.windows)
    kernel, stride, dilation = (each(windows, name) for name in ("kernel", "stride", "dilation"))
    if max(stride) > 1 and max(dilation) > 1:
        raise UnsaidError(" with strides and dilation_rate both")
    padding = sides(windows)
    same, empty = padding == same_sides(windows), not any(map(any, padding))
    depthwise = operation.is_depthwise and len(set(stride)) == 1
    own = {"kernel_size": kernel, "strides": stride, "padding": "same" if same and not empty else "valid"}
    if operation.is_causal and not same and not depthwise:
        own, padding, empty = {**own, "padding": "causal"}, (), True
    learned = {"activation": None, "use_bias": operation.bias is not None}
    pad: list[Step] = [] if same or empty else [(f"layers.ZeroPadding{rank}D", {"padding": padding})]
    if depthwise:
        multiplier = operation.output[-1] // operation.input[-1]
        more = {"dilation_rate": dilation, "depth_multiplier": multiplier}
        return [*pad, (f"layers.DepthwiseConv{rank}D", {**own, **more, **learned})]
    more = {"dilation_rate": dilation, "groups": operation.groups}
    return [*pad, (f"layers.Conv{rank}D", {"filters": operation.output[-1], **own, **more, **learned})]


def _local(operation: ops.LocalSum, following: Sequence[Layer]) -> list[Step]:
    if len(operation.windows) != 2:
        raise UnsaidError
    arguments = {"filters": operation.output[-1], "kernel_size": each(operation.windows, "kernel")}
    arguments |= {"strides": each(operation.windows, "stride"), "padding": sides(operation.windows)}
    return [("LocallyConnected2D", {**arguments, "use_bias": operation.bias is not None})]


def _transposed(operation: ops.TransposedSum, following: Sequence[Layer]) -> list[Step]:
    """Say a transposed convolution: Keras's own "same", or all of it, cut."""
    windows, cut = operation.windows, cut_sides(operation)
    if operation.groups > 1:
        raise UnsaidError(" with groups")
    if any(window.dilation > 1 or window.kernel < window.stride for window in windows):
        raise UnsaidError(" with dilation_rate, or with strides larger than kernel_size")
    usual = [(window.kernel - window.stride) // 2 for window in windows]
    same = cut == tuple((first, w.kernel - w.stride - first) for first, w in zip(usual, windows, strict=True))
    if not same and any(after < 0 for _, after in cut):
        raise UnsaidError(" with output_padding larger than padding")
    same = same and any(map(any, cut))
    found: list[Step] = [
        (
            f"layers.Conv{len(windows)}DTranspose",
            {
                "filters": operation.output[-1],
                "kernel_size": each(windows, "kernel"),
                "strides": each(windows, "stride"),
                "padding": "same" if same else "valid",
                "activation": None,
                "use_bias": operation.bias is not None,
            },
        )
    ]
    if not same and any(map(any, cut)):
        found.append((f"layers.Cropping{len(windows)}D", {"cropping": cut}))
    return found


def _span(operation: ops.Span, following: Sequence[Layer]) -> list[Step]:
    rank, kind = len(operation.spans), "Average" if operation.how == "mean" else "Max"
    if operation.windows:
        return _windowed_pooling(operation, f"layers.{kind}Pooling{rank}D")
    if operation.is_whole:
        keepdims = len(operation.output) == len(operation.input)
        return [(f"layers.Global{kind}Pooling{rank}D", {"keepdims": keepdims})]
    bins = tuple(map(len, operation.spans))
    sizes = list(zip(operation.input, bins, strict=False))
    if any(length % count for length, count in sizes):
        return [(f"layers.Adaptive{kind}Pooling{rank}D", {"output_size": bins})]
    return [(f"layers.{kind}Pooling{rank}D", {"pool_size": tuple(length // count for length, count in sizes)})]


def _windowed_pooling(operation: ops.Span, target: str) -> list[Step]:
    windows, padding, own = operation.windows, sides(operation.windows), own_sides(operation.windows)
    size, stride = each(windows, "kernel"), each(windows, "stride")
    arguments = {"pool_size": size, "strides": None if stride == size else stride}
    counted = operation.counts_padding and any(map(any, own))
    if not any(map(any, padding)):
        return [(target, arguments)]
    if padding == same_sides(windows) and not counted:
        return [(target, {**arguments, "padding": "same"})]
    if operation.how == "max":
        return [_around(padding, float("-inf")), (target, arguments)]
    found: list[Step] = [(f"layers.ZeroPadding{len(windows)}D", {"padding": own})] if counted else []
    if counted:  # rows that hang over in ceil mode count in no case
        padding = tuple((0, all[1] - one[1]) for all, one in zip(padding, own, strict=True))
    if not any(map(any, padding)):
        return [*found, (target, arguments)]
    return [*found, ("padded_average_pooling", {"pool_size": size, "strides": stride, "padding": padding})]


def _around(padding: Sides, value: float) -> Step:
    return "ops.pad", {"pad_width": ((0, 0), *padding, (0, 0)), "constant_values": value}


def _normalised(operation: ops.Normalise, following: Sequence[Layer]) -> list[Step]:
    own = {"epsilon": operation.epsilon, "center": operation.bias is not None, "scale": operation.weight is not None}
    if operation.over == "batch":
        return [("layers.BatchNormalization", {**own, "momentum": operation.momentum})]
    if operation.over == "place":
        return [("layers.LayerNormalization", own)]
    return [("layers.GroupNormalization", {"groups": operation.groups, **own})]


def _activated(operation: ops.Activate, following: Sequence[Layer]) -> list[Step]:
    function = FUNCTIONS[operation.function]
    if function.constants:
        return [(function.keras or f"layers.{function.torch}", dict(operation.constants))]
    if "." in function.keras:
        return [(function.keras, {})]
    return [("layers.Activation", {"activation": function.keras or operation.function})]


def _viewed(operation: ops.View, following: Sequence[Layer]) -> list[Step]:
    """Numbers go channel after channel, as in PyTorch and in the tree."""
    given, made = operation.input, operation.output
    first: list[Step] = [("layers.Permute", {"dims": (len(given), *range(1, len(given)))})] if len(given) > 1 else []
    if len(made) == 1:
        return [*(first if order_matters(following, given) else []), ("layers.Flatten", {})]
    back = {"dims": (*range(2, len(made) + 1), 1)}
    return [*first, ("layers.Reshape", {"target_shape": (made[-1], *made[:-1])}), ("layers.Permute", back)]


def _padded(operation: ops.Pad, following: Sequence[Layer]) -> list[Step]:
    *places, channels = operation.sides
    rank = len(places)
    if operation.fill == "reflect":
        return [("ops.pad", {"pad_width": ((0, 0), *operation.sides), "mode": "reflect"})]
    if operation.fill in ("edge", "wrap"):
        taken = [(axis, list(operation.sources(axis - 1))) for axis in range(1, rank + 1) if any(places[axis - 1])]
        return [("ops.take", {"indices": indices, "axis": axis}) for axis, indices in taken]
    if any(channels) or not places:
        return [("ops.pad", {"pad_width": ((0, 0), *operation.sides)})]
    more = tuple((max(before, 0), max(after, 0)) for before, after in places)
    less = tuple((max(-before, 0), max(-after, 0)) for before, after in places)
    found: list[Step] = [(f"layers.ZeroPadding{rank}D", {"padding": more})] if any(map(any, more)) else []
    return [*found, *([(f"layers.Cropping{rank}D", {"cropping": less})] if any(map(any, less)) else [])]


def _enlarged(operation: ops.Upsample, following: Sequence[Layer]) -> list[Step]:
    if operation.aligned:
        raise UnsaidError(" with aligned")
    factors, (*sizes, _) = operation.factors, operation.output
    if factors is not None:
        more = {"interpolation": operation.interpolation} if len(factors) == 2 else {}
        return [(f"layers.UpSampling{len(factors)}D", {"size": factors, **more})]
    if operation.interpolation == "nearest":
        taken = [(axis + 1, list(operation.nearest(axis))) for axis in range(len(sizes))]
        return [("ops.take", {"indices": indices, "axis": axis}) for axis, indices in taken]
    return [("layers.Resizing", {"height": sizes[0], "width": sizes[1]})]


def _selected(operation: ops.Select, following: Sequence[Layer]) -> list[Step]:
    if operation.dealt and len(operation.input) == 3:
        return [("channel_shuffle", {"groups": operation.dealt})]
    return [("ops.take", {"indices": list(operation.channels), "axis": -1})]


def _bent(operation: ops.Slope, following: Sequence[Layer]) -> list[Step]:
    shared = (*range(1, len(operation.input)), *([len(operation.input)] if operation.shared else []))
    return [("layers.PReLU", {"shared_axes": shared or None})]


def _recurred(operation: ops.Recur, following: Sequence[Layer]) -> list[Step]:
    arguments = {"units": operation.units, "activation": FUNCTIONS[operation.function].keras or operation.function}
    flags = {"return_sequences": operation.sequences, "go_backwards": operation.backwards}
    cell = {"simple": "SimpleRNN", "lstm": "LSTM", "gru": "GRU"}[operation.cell]
    return [(f"layers.{cell}", {**arguments, "use_bias": operation.bias is not None, **flags})]


def _unsaid(operation: ops.Write, following: Sequence[Layer]) -> list[Step]:
    raise UnsaidError(", which gives each step the word before")


def _dropped(operation: ops.Pass, following: Sequence[Layer]) -> list[Step]:
    if operation.changes:
        return [(f"layers.{operation.changes}", dict(operation.settings))]
    kind = f"SpatialDropout{len(operation.input) - 1}D" if operation.channels else "Dropout"
    return [(f"layers.{kind}", {"rate": operation.rate})] if operation.rate else []


WORDS: Words = {
    ops.WindowedSum: _convolution,
    ops.LocalSum: _local,
    ops.TransposedSum: _transposed,
    ops.DenseSum: one(
        lambda op: ("layers.Dense", {"units": op.output[-1], "activation": None, "use_bias": op.bias is not None})
    ),
    ops.RadialSum: one(lambda op: ("RadialBasis", {"units": op.output[-1]})),
    ops.Span: _span,
    ops.Slope: _bent,
    ops.Blocks: one(lambda op: ("pixel_shuffle" if op.how == "spread" else "pixel_unshuffle", {"factor": op.size})),
    ops.Affine: one(lambda op: ("Scale", {"use_bias": op.bias is not None, "use_weight": op.weight is not None})),
    ops.Normalise: _normalised,
    ops.Compete: one(lambda op: ("GlobalResponseNormalization", {"epsilon": op.epsilon})),
    ops.Respond: responded("local_response_normalization"),
    ops.Activate: _activated,
    ops.View: _viewed,
    ops.Pad: _padded,
    ops.Upsample: _enlarged,
    ops.Select: _selected,
    ops.Pass: _dropped,
    ops.Embed: one(lambda op: ("layers.Embedding", {"input_dim": op.numbers, "output_dim": op.output[-1]})),
    ops.Recur: _recurred,
    ops.Write: _unsaid,
}
