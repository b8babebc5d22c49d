"""The table from operations to ONNX nodes. Tensors are N×C×H×W, N×C×T or N×features, as in PyTorch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import reduce
from typing import Any

import numpy as np

from hubel.arch import Window, ops, torch_order
from hubel.base.errors import SettingError
from hubel.export.lowered import Step, Wide, affine_of
from hubel.export.onnx import pools, recurrent
from hubel.export.onnx.functions import activated
from hubel.export.onnx.graph import Graph

_END = 2**31 - 1


def written(graph: Graph, steps: Sequence[Step], x: str) -> str:
    """Add steps one after another, beginning with `x`, and return what the last gives.

    Raises SettingError for a layer that does not say what it computes.
    """
    for step in steps:
        graph.scope = step.path
        x = _WRITERS[type(step.operation)](graph, step, x)
    return x


def _windowed(graph: Graph, step: Step, x: str) -> str:
    operation: Any = step.operation
    before = operation.windows[0].extent - 1
    if graph.carries and before:
        queue = graph.remembered(f"{step.path}.queue", (operation.input[1], before))
        x = graph.add("Concat", queue, x, axis=2)
        ends = ([-before], [2**31], [2])
        graph.remember(queue, graph.add("Slice", x, *(graph.keep(each, "int64") for each in ends)))
        laid = {**_laid(operation.windows), "pads": [0, 0]}
        return graph.add("Conv", x, *_weights(graph, step), group=operation.groups, **laid)
    return graph.add("Conv", x, *_weights(graph, step), group=operation.groups, **_laid(operation.windows))


def _laid(windows: Sequence[Window]) -> dict[str, Any]:
    return {
        "kernel_shape": [window.kernel for window in windows],
        "strides": [window.stride for window in windows],
        "dilations": [window.dilation for window in windows],
        "pads": [window.before for window in windows] + [window.after for window in windows],
    }


def _weights(graph: Graph, step: Step) -> list[str]:
    """Store a step's weight, and its bias where it has one."""
    there = (role for role in ("weight", "bias") if role in step.arrays)
    return [graph.keep(step.arrays[role], name=f"{step.path}.{role}") for role in there]


def _local(graph: Graph, step: Step, x: str) -> str:
    """Look up what each place's window sees, then one product a place."""
    operation: Any = step.operation
    rows, columns = operation.windows
    height, width, channels = operation.input
    x = padded(graph, x, ((rows.before, rows.after), (columns.before, columns.after), (0, 0)))
    wide, high = width + columns.before + columns.after, height + rows.before + rows.after
    seen = np.arange(channels)[:, None, None] * high * wide  # channel after channel, as `unfold` has them
    seen = (
        seen + (np.arange(rows.kernel) * rows.dilation)[:, None] * wide + np.arange(columns.kernel) * columns.dilation
    )
    first = (np.arange(rows.count) * rows.stride)[:, None] * wide + np.arange(columns.count) * columns.stride
    flat = graph.add("Reshape", x, graph.keep([0, -1], "int64"))
    windows = graph.add("Gather", flat, graph.keep(first.reshape(-1, 1) + seen.reshape(-1), "int64"), axis=1)
    turned = graph.add("Transpose", windows, perm=[1, 0, 2])  # places × N × what a window sees
    found = graph.add("MatMul", turned, graph.keep(step.arrays["weight"].swapaxes(1, 2), name=f"{step.path}.weight"))
    if "bias" in step.arrays:
        found = graph.add("Add", found, graph.keep(step.arrays["bias"][:, None], name=f"{step.path}.bias"))
    return reshaped(graph, graph.add("Transpose", found, perm=[1, 2, 0]), operation.output)


def _transposed(graph: Graph, step: Step, x: str) -> str:
    """Spread, then cut; rows that are added hold the bias alone, which then comes last."""
    operation: Any = step.operation
    cuts = [(window.before, window.after) for window in operation.windows]
    plain = all(side >= 0 for cut in cuts for side in cut)
    laid = _laid(operation.windows)
    weight, *bias = _weights(graph, step)
    if plain:
        return graph.add("ConvTranspose", x, weight, *bias, group=operation.groups, **laid)
    whole = graph.add("ConvTranspose", x, weight, group=operation.groups, **{**laid, "pads": [0] * len(laid["pads"])})
    found = padded(graph, whole, (*((-before, -after) for before, after in cuts), (0, 0)))
    if not bias:
        return found
    places = [1] * len(operation.windows)
    return graph.add("Add", found, graph.add("Reshape", *bias, graph.keep([1, -1, *places], "int64")))


def _dense(graph: Graph, step: Step, x: str) -> str:
    units, places = step.operation.output[-1], len(step.operation.input) - 1
    weight = step.arrays["weight"].reshape(units, -1, *[1] * places)
    numbers = _weights(graph, replace(step, arrays={**step.arrays, "weight": weight}))
    return (
        graph.add("Conv", x, *numbers, kernel_shape=[1] * places)
        if places
        else graph.add("Gemm", x, *numbers, transB=1)
    )


def _radial(graph: Graph, step: Step, x: str) -> str:
    """Write out the square: x·w − ½x·x − ½w·w."""
    weight = step.arrays["weight"].astype(np.float64)
    product = graph.add("MatMul", x, graph.keep(weight.T, name=f"{step.path}.weight"))
    half = graph.add("Mul", graph.add("ReduceSumSquare", x, graph.keep([1], "int64")), graph.keep(0.5))
    return graph.add("Sub", graph.add("Sub", product, half), graph.keep(0.5 * (weight**2).sum(1)))


def _affine(graph: Graph, step: Step, x: str) -> str:
    found = affine_of(step)
    assert found is not None
    return scaled(graph, x, *found, len(step.operation.input) - 1)


def scaled(graph: Graph, x: str, factor: Wide, offset: Wide, places: int) -> str:
    """Multiply each channel by a number, and add one; `places` axes come after the channels."""
    shape = (-1, *[1] * places)
    if not (np.asarray(factor) == 1).all():
        x = graph.add("Mul", x, graph.keep(np.reshape(factor, shape), name=f"{graph.scope}.factor"))
    if not (np.asarray(offset) == 0).all():
        x = graph.add("Add", x, graph.keep(np.reshape(offset, shape), name=f"{graph.scope}.offset"))
    return x


def _normalise(graph: Graph, step: Step, x: str) -> str:
    operation: Any = step.operation
    channels, places = operation.input[-1], len(operation.input) - 1
    weight = step.arrays.get("weight", np.ones(channels))
    bias = step.arrays.get("bias", np.zeros(channels))
    if operation.over == "batch":
        return _affine(graph, step, x)
    if operation.over == "place":
        last = list(range(places + 2))
        turned = graph.add("Transpose", x, perm=[0, *last[2:], 1]) if places else x
        numbers = [graph.keep(weight, name=f"{step.path}.weight"), graph.keep(bias, name=f"{step.path}.bias")]
        found = graph.add("LayerNormalization", turned, *numbers, axis=-1, epsilon=operation.epsilon)
        return graph.add("Transpose", found, perm=[0, places + 1, *last[1:-1]]) if places else found
    # ONNX's own GroupNormalization of this opset scales by group
    parts = graph.add("Reshape", x, graph.keep([0, operation.groups, -1], "int64"))
    plain = [graph.keep(np.ones(operation.groups)), graph.keep(np.zeros(operation.groups))]
    found = graph.add("InstanceNormalization", parts, *plain, epsilon=operation.epsilon)
    return scaled(graph, reshaped(graph, found, operation.input), weight, bias, places)


def _respond(graph: Graph, step: Step, x: str) -> str:
    operation: Any = step.operation
    if operation.size % 2 and len(operation.input) == 3:
        settings = {"size": operation.size, "alpha": operation.alpha, "beta": operation.beta, "bias": operation.k}
        return graph.add("LRN", x, **settings)
    # ONNX puts the odd one of an even number of neighbours behind, PyTorch before; so a product sums them
    here, there = np.mgrid[: operation.input[-1], : operation.input[-1]]
    first = here - operation.size // 2
    near = ((there >= first) & (there < first + operation.size)) * (operation.alpha / operation.size)
    places = len(operation.input) - 1
    numbers = graph.keep(near.reshape(*near.shape, *[1] * places)), graph.keep(np.full(len(near), operation.k))
    sums = graph.add("Conv", graph.add("Mul", x, x), *numbers, kernel_shape=[1] * places)
    return graph.add("Div", x, graph.add("Pow", sums, graph.keep(operation.beta)))


def _compete(graph: Graph, step: Step, x: str) -> str:
    operation: Any = step.operation
    places = len(operation.input) - 1
    norms = graph.add("ReduceL2", x, graph.keep([*range(2, places + 2)], "int64"))
    mean = graph.add("ReduceMean", norms, graph.keep([1], "int64"))
    share = graph.add("Div", norms, graph.add("Add", mean, graph.keep(operation.epsilon)))
    weight = graph.keep(step.arrays["weight"].reshape(-1, *[1] * places), name=f"{step.path}.weight")
    factor = graph.add("Add", graph.add("Mul", share, weight), graph.keep(1.0))
    bias = graph.keep(step.arrays["bias"].reshape(-1, *[1] * places), name=f"{step.path}.bias")
    return graph.add("Add", graph.add("Mul", x, factor), bias)


def _activate(graph: Graph, step: Step, x: str) -> str:
    operation: Any = step.operation
    return activated(graph, x, operation.function, operation.constants)


def _pad(graph: Graph, step: Step, x: str) -> str:
    operation: Any = step.operation
    if operation.fill == "wrap":  # which `Pad` has from opset 19 on
        for axis, sides in enumerate(operation.sides[:-1]):
            if any(sides):
                x = graph.add("Gather", x, graph.keep(operation.sources(axis), "int64"), axis=axis + 2)
        return x
    return padded(graph, x, operation.sides, {"zeros": "constant"}.get(operation.fill, operation.fill))


def padded(graph: Graph, x: str, sides: Sequence[tuple[int, int]], mode: str = "constant") -> str:
    """Cut, then put zeros before and after along each axis as operations have them, the channels last.

    mode: what ONNX puts there instead.
    """
    ordered = (sides[-1], *sides[:-1])
    axes = [(axis, *ends) for axis, ends in enumerate(ordered, start=1)]
    cut = [(max(0, -before), min(0, after) or _END, axis) for axis, before, after in axes if min(before, after) < 0]
    if cut:
        x = graph.add("Slice", x, *(graph.keep(each, "int64") for each in zip(*cut, strict=True)))
    if any(max(before, after) > 0 for _, before, after in axes):
        pads = [0, *(max(0, before) for _, before, _ in axes), 0, *(max(0, after) for _, _, after in axes)]
        x = graph.add("Pad", x, graph.keep(pads, "int64"), mode=mode)
    return x


def _upsample(graph: Graph, step: Step, x: str) -> str:
    operation: Any = step.operation
    if operation.factors is None and operation.interpolation == "nearest":  # which runtimes round as each likes
        for axis in range(len(operation.input) - 1):
            x = graph.add("Gather", x, graph.keep(operation.nearest(axis), "int64"), axis=axis + 2)
        return x
    nearest = {"mode": "nearest", "coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
    centres = "align_corners" if operation.aligned else "half_pixel"
    linear = {"mode": "linear", "coordinate_transformation_mode": centres}
    settings = nearest if operation.interpolation == "nearest" else linear
    if operation.factors is None:
        places = list(range(2, len(operation.input) + 1))
        return graph.add("Resize", x, "", "", graph.keep(operation.output[:-1], "int64"), axes=places, **settings)
    return graph.add("Resize", x, "", graph.keep([1.0, 1.0, *operation.factors]), **settings)


def _bent(graph: Graph, step: Step, x: str) -> str:
    slope = step.arrays["weight"].reshape(-1, *[1] * (len(step.operation.input) - 1))
    return graph.add("PRelu", x, graph.keep(slope, name=f"{step.path}.weight"))


def _blocks(graph: Graph, step: Step, x: str) -> str:
    operation: Any = step.operation
    if operation.how == "spread":
        return graph.add("DepthToSpace", x, blocksize=operation.size, mode="CRD")
    (height, width, channels), size = operation.output, operation.size  # ONNX's own puts the block before the channels
    parts = graph.keep([0, channels // size**2, height, size, width, size], "int64")
    turned = graph.add("Transpose", graph.add("Reshape", x, parts), perm=[0, 1, 3, 5, 2, 4])
    return reshaped(graph, turned, operation.output)


def _select(graph: Graph, step: Step, x: str) -> str:
    operation: Any = step.operation
    return graph.add("Gather", x, graph.keep(operation.channels, "int64"), axis=1)


def _view(graph: Graph, step: Step, x: str) -> str:
    return reshaped(graph, x, step.operation.output)


def reshaped(graph: Graph, x: str, shape: tuple[int, ...]) -> str:
    """View as a shape with the channels last, in PyTorch's order."""
    return graph.add("Reshape", x, graph.keep([0, *torch_order(shape)], "int64"))


def _join(graph: Graph, step: Step, x: str) -> str:
    operation: Any = step.operation
    given = [written(graph, branch, x) for branch in step.branches]
    graph.scope = step.path
    if operation.how == "concat":
        return graph.add("Concat", *given, axis=1)
    if operation.how == "add":
        return reduce(lambda left, right: graph.add("Add", left, right), given)
    outputs = [branch[-1].operation.output if branch else operation.input for branch in step.branches]
    most = max(map(len, outputs))
    spread = [_spread(graph, name, len(shape), most) for name, shape in zip(given, outputs, strict=True)]
    return reduce(lambda left, right: graph.add("Mul", left, right), spread)


def _spread(graph: Graph, x: str, axes: int, most: int) -> str:
    """Give a branch the axes that it lacks: places, after the channels."""
    missing = list(range(axes + 1, most + 1))
    return graph.add("Unsqueeze", x, graph.keep(missing, "int64")) if missing else x


def _embed(graph: Graph, step: Step, x: str) -> str:
    found = graph.add("Gather", graph.keep(step.arrays["weight"], name=f"{step.path}.weight"), x, axis=0)
    return graph.add("Transpose", found, perm=[0, 2, 1])


def _opaque(graph: Graph, step: Step, x: str) -> str:
    operation: Any = step.operation
    raise SettingError(operation.refusal("it cannot be written for ONNX"))


_WRITERS: dict[type[ops.Operation], Callable[[Graph, Step, str], str]] = {
    ops.WindowedSum: _windowed,
    ops.LocalSum: _local,
    ops.TransposedSum: _transposed,
    ops.DenseSum: _dense,
    ops.RadialSum: _radial,
    ops.Span: pools.pooled,
    ops.Affine: _affine,
    ops.Normalise: _normalise,
    ops.Respond: _respond,
    ops.Compete: _compete,
    ops.Activate: _activate,
    ops.Pad: _pad,
    ops.Upsample: _upsample,
    ops.Select: _select,
    ops.Slope: _bent,
    ops.Blocks: _blocks,
    ops.View: _view,
    ops.Join: _join,
    ops.Embed: _embed,
    ops.Recur: recurrent.recurred,
    ops.Write: recurrent.worded,
    ops.Opaque: _opaque,
}
