"""What a layer is called in a drawing, and which kind it is of."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from hubel.arch import Layer, Row, Window, ops, shape_text

# a kind of layer: what the legend calls it
KINDS = {
    "input": "input",
    "convolution": "convolution",
    "pooling": "pooling",
    "dense": "dense",
    "normalization": "normalisation",
    "activation": "activation",
    "regularization": "dropout",
    "reshaping": "reshaping",
    "recurrent": "recurrent",
    "embedding": "embedding",
    "other": "other",
}
_ROLES: dict[str, tuple[type[ops.Operation], ...]] = {
    "convolution": (ops.WindowedSum, ops.LocalSum, ops.TransposedSum),
    "pooling": (ops.Span,),
    "dense": (ops.DenseSum, ops.RadialSum),
    "normalization": (ops.Normalise, ops.Respond, ops.Compete, ops.Affine),
    "activation": (ops.Activate, ops.Slope, ops.Join),
    "regularization": (ops.Pass,),
    "reshaping": (ops.View, ops.Pad, ops.Upsample, ops.Select, ops.Blocks),
    "recurrent": (ops.Recur, ops.Write),
    "embedding": (ops.Embed,),
}
_KIND_OF: dict[type[object], str] = {each: role for role, kinds in _ROLES.items() for each in kinds}


def kind(operation: ops.Operation | None) -> str:
    """Return the kind of what a layer computes, one of `KINDS`."""
    kinds = type(operation).__mro__
    return next((_KIND_OF[each] for each in kinds if each in _KIND_OF), "other")


def short(count: int) -> str:
    """Write a count with three digits and a unit: 61.7 K, 25.6 M, 4.09 G."""
    for unit, size in (("G", 10**9), ("M", 10**6), ("K", 10**3)):
        if count >= 0.9995 * size:
            value = count / size
            return f"{value:.{2 if value < 9.995 else 1 if value < 99.95 else 0}f} {unit}"
    return str(count)


def costs(parameters: int, macs: int) -> str:
    """Write parameters and MACs: `61.7 K · 416 K`; nothing where both are zero."""
    return f"{short(parameters)} · {short(macs)}" if parameters or macs else ""


def _size(numbers: Iterable[int]) -> str:
    return "×".join(map(str, numbers))


def _stride(windows: tuple[Window, ...]) -> str:
    strides = [window.stride for window in windows]
    if set(strides) == {1}:
        return ""
    return f" /{strides[0] if len(set(strides)) == 1 else _size(strides)}"


def _windowed(operation: Any, what: str) -> str:
    windows = operation.windows
    filters = "" if "depthwise" in what else f", {operation.output[-1]}"
    stride = "" if what == "up-conv" else _stride(windows)
    dilations = [window.dilation for window in windows]
    dilated = "" if set(dilations) == {1} else f", dilated {_size(dilations)}"
    groups = getattr(operation, "groups", 1)
    grouped = f", {groups} groups" if groups > 1 and "depthwise" not in what else ""
    return f"{_size(window.kernel for window in windows)} {what}{filters}{stride}{dilated}{grouped}"


def _span(operation: ops.Span) -> str:
    if operation.windows:
        size = _size(window.kernel for window in operation.windows)
        return f"{size} {operation.how} pool{_stride(operation.windows)}"
    if operation.is_whole:
        return f"global {operation.how} pool"
    return f"{operation.how} pool to {_size(map(len, operation.spans))}"


def _recurrent(operation: ops.Recur) -> str:
    name = ("rnn" if operation.cell == "simple" else operation.cell).upper()
    turned = " backwards" if operation.backwards else ""
    return f"{name}{turned}, {operation.units}{' each step' if operation.sequences else ''}"


def words(layer: Layer, operation: ops.Operation | None) -> str:
    """Say in a few words what a layer does: `5×5 conv, 16 /2`, `3×3 max pool /2`, `dense, 120`."""
    match operation:
        case ops.WindowedSum():
            causal = "causal " if operation.is_causal else ""
            return _windowed(operation, causal + ("depthwise" if operation.is_depthwise else "conv"))
        case ops.TransposedSum():
            return _windowed(operation, "up-conv")
        case ops.LocalSum():
            return _windowed(operation, "local")
        case ops.DenseSum() | ops.RadialSum():
            return f"{'dense' if isinstance(operation, ops.DenseSum) else 'radial basis'}, {operation.output[-1]}"
        case ops.Span():
            return _span(operation)
        case ops.Normalise():
            return f"{ {'batch': 'batch', 'place': 'layer', 'groups': 'group'}[operation.over] } norm"
        case ops.Respond():
            return "local response norm"
        case ops.Compete():
            return "global response norm"
        case ops.Affine():
            return "scale" if operation.weight else "shift"
        case ops.Upsample():
            whole = operation.factors
            return f"upsample by {_size(whole)}" if whole else f"resize to {_size(operation.output[:-1])}"
        case ops.Select():
            dealt = f"shuffle {operation.dealt} groups"
            return dealt if operation.dealt else f"select {len(operation.channels)} maps"
        case ops.Pad() if any(operation.sides[-1]):
            return f"zeros for {sum(operation.sides[-1])} maps"
        case ops.Activate() if operation.constants:
            return operation.function.replace("_", " ")
        case ops.Embed():
            return f"embedding, {operation.numbers} to {operation.output[-1]}"
        case ops.Recur():
            return _recurrent(operation)
        case ops.Write():
            return f"sentence by {operation.cell.upper()} {operation.units}"
        case _:
            return layer.text()


def title(rows: tuple[Row, ...], times: int = 1) -> str:
    """Say everything about a layer and what is folded into it, for whoever points at it or cannot see it."""
    first, last = rows[0], rows[-1]
    text = ", ".join(row.node.text() if isinstance(row.node, Layer) else row.type.lower() for row in rows)
    parts = [f"{first.path}: {text}", f"{shape_text(first.input_shape)} → {shape_text(last.output_shape)}"]
    parameters, macs = sum(row.cost.parameters for row in rows), sum(row.cost.macs for row in rows)
    if parameters or macs:
        parts.append(f"{parameters:,} parameters, {macs:,} MACs")
    if times > 1:
        parts.append(f"{times} times")
    return "; ".join(parts)
