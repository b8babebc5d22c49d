"""Pools as ONNX nodes: of the whole, of windows, and of bins that no window lays."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np

from hubel.arch.ops import Stretch
from hubel.export.lowered import Step
from hubel.export.onnx.graph import Graph


def pooled(graph: Graph, step: Step, x: str) -> str:
    """Add a pool: `ops.Span`."""
    operation: Any = step.operation
    if operation.is_whole:
        found = graph.add("GlobalMaxPool" if operation.how == "max" else "GlobalAveragePool", x)
        return graph.add("Flatten", found) if len(operation.output) == 1 else found
    if operation.windows:
        return _of_windows(graph, operation, x)
    return _of_bins(graph, operation, x)


def _of_windows(graph: Graph, operation: Any, x: str) -> str:
    axes = operation.windows
    # what hangs over the end is written as padding, since rounding up counts differently from one runtime to another
    over = [max(0, (w.count - 1) * w.stride + w.kernel - w.before - w.length) for w in axes]
    laid: dict[str, Any] = {
        "kernel_shape": [w.kernel for w in axes],
        "strides": [w.stride for w in axes],
        "pads": [w.before for w in axes] + over,
    }
    if operation.how == "max":
        return graph.add("MaxPool", x, **laid)
    if all(divisor == end - first for axis in operation.spans for first, end, divisor in axis):
        return graph.add("AveragePool", x, **laid, count_include_pad=0)
    found = graph.add("AveragePool", x, **laid, count_include_pad=1)
    shares = [[w.kernel / stretch.divisor for stretch in axis] for w, axis in zip(axes, operation.spans, strict=True)]
    places = np.prod(np.meshgrid(*shares, indexing="ij"), axis=0)
    return found if (places == 1).all() else graph.add("Mul", found, graph.keep(places))


def _of_bins(graph: Graph, operation: Any, x: str) -> str:
    """Adaptive pools: windows where the bins are of one size, else a product or a look-up along each axis."""
    sizes = [{end - first for first, end, _ in axis} for axis in operation.spans]
    even = [len(size) == 1 and size == {length // len(axis)} and length % len(axis) == 0
            for size, axis, length in zip(sizes, operation.spans, operation.input[:-1], strict=True)]  # fmt: skip
    if all(even):
        kernel = [next(iter(size)) for size in sizes]
        kind = "MaxPool" if operation.how == "max" else "AveragePool"
        return x if prod(kernel) == 1 else graph.add(kind, x, kernel_shape=kernel, strides=kernel)
    for number, (axis, length) in enumerate(zip(operation.spans, operation.input[:-1], strict=True), start=2):
        if operation.how == "max":
            x = graph.add("Gather", x, graph.keep(_looked_up(axis), "int64"), axis=number)
            x = graph.add("ReduceMax", x, graph.keep([number + 1], "int64"), keepdims=0)
            continue
        shares = graph.keep(_shares(axis, length) if number == 2 else _shares(axis, length).T)
        x = graph.add("MatMul", shares, x) if number == 2 else graph.add("MatMul", x, shares)
    return x


def _looked_up(axis: Sequence[Stretch]) -> list[list[int]]:
    """The rows of each bin, its last one again where others have more."""
    most = max(end - first for first, end, _ in axis)
    return [[min(first + place, end - 1) for place in range(most)] for first, end, _ in axis]


def _shares(axis: Sequence[Stretch], length: int) -> Any:
    """What share each row has in each bin's mean: bins × rows."""
    shares = np.zeros((len(axis), length))
    for number, (first, end, divisor) in enumerate(axis):
        shares[number, first:end] = 1 / divisor
    return shares
