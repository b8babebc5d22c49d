"""What a layer is called in a drawing, and which kind it is of."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from hubel.arch import Layer, Row, shape_text
from hubel.draw._scene import text_width

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
    "other": "other",
}
_OTHER_KINDS = {"Scale": "normalization", "SqueezeExcitation": "activation", "channels": "reshaping"}


def kind(layer: Layer) -> str:
    """Return the kind of a layer, one of `KINDS`: that of the file of `hubel.arch.layers` it stands in."""
    home = type(layer).__module__.rpartition(".")[2]
    found = _OTHER_KINDS.get(type(layer).__name__, _OTHER_KINDS.get(home, home))
    return found if found in KINDS else "other"


def short(count: int) -> str:
    """Write a count with three digits and a unit: 61.7 K, 25.6 M, 4.09 G."""
    for unit, size in (("G", 10**9), ("M", 10**6), ("K", 10**3)):
        if count >= 0.9995 * size:
            value = count / size
            return f"{value:.{2 if value < 9.995 else 1 if value < 99.95 else 0}f} {unit}"
    return str(count)


def costs(parameters: int, macs: int) -> str:
    """Write parameters and MACs: `61.7 K · 416 K`; nothing where both are nought."""
    return f"{short(parameters)} · {short(macs)}" if parameters or macs else ""


def _pair(value: Any) -> str:
    return "×".join(map(str, value)) if isinstance(value, tuple) else f"{value}×{value}"


def _stride(value: Any) -> str:
    if value in (None, 1, (1, 1)):
        return ""
    return f" /{value[0]}" if isinstance(value, tuple) and value[0] == value[1] else f" /{value}".replace(", ", "×")


def _more(layer: Any) -> str:
    groups = getattr(layer, "groups", 1)
    dilation = getattr(layer, "dilation_rate", (1, 1))
    dilated = "" if dilation in (1, (1, 1)) else f", dilated {_pair(dilation)}"
    return dilated + (f", {groups} groups" if groups > 1 else "")


def _convolution(layer: Any) -> str:
    return f"{_pair(layer.kernel_size)} conv, {layer.filters}{_stride(layer.strides)}{_more(layer)}"


def _pooling(what: str) -> Callable[[Any], str]:
    return lambda layer: f"{_pair(layer.pool_size)} {what} pool{_stride(layer.strides or layer.pool_size)}"


_WORDS: dict[str, Callable[[Any], str]] = {
    "Conv2D": _convolution,
    "DepthwiseConv2D": lambda layer: f"{_pair(layer.kernel_size)} depthwise{_stride(layer.strides)}{_more(layer)}",
    "Conv2DTranspose": lambda layer: f"{_pair(layer.kernel_size)} up-conv, {layer.filters}{_more(layer)}",
    "LocallyConnected2D": lambda layer: f"{_pair(layer.kernel_size)} local, {layer.filters}{_stride(layer.strides)}",
    "Dense": lambda layer: f"dense, {layer.units}",
    "RadialBasis": lambda layer: f"radial basis, {layer.units}",
    "MaxPooling2D": _pooling("max"),
    "AveragePooling2D": _pooling("mean"),
    "GlobalAveragePooling2D": lambda layer: "global mean pool",
    "GlobalMaxPooling2D": lambda layer: "global max pool",
    "AdaptiveAveragePooling2D": lambda layer: f"mean pool to {_pair(layer.output_size)}",
    "AdaptiveMaxPooling2D": lambda layer: f"max pool to {_pair(layer.output_size)}",
    "BatchNormalization": lambda layer: "batch norm",
    "LayerNormalization": lambda layer: "layer norm",
    "GroupNormalization": lambda layer: "group norm",
    "LocalResponseNormalization": lambda layer: "local response norm",
    "UpSampling2D": lambda layer: f"upsample by {_pair(layer.size)}",
    "SqueezeExcitation": lambda layer: "squeeze-excite",
    "SelectChannels": lambda layer: f"select {len(layer.channels)} maps",
    "ChannelPadding": lambda layer: f"zeros for {layer.before + layer.after} maps",
    "Scale": lambda layer: "scale",
    "LeakyReLU": lambda layer: "leaky relu",
    "ChannelShuffle": lambda layer: f"shuffle {layer.groups} groups",
}


def words(layer: Layer) -> str:
    """Say in a few words what a layer does: `5×5 conv, 16 /2`, `3×3 max pool /2`, `dense, 120`."""
    write = _WORDS.get(type(layer).__name__)
    return write(layer) if write else layer.text()


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


def folded(text: str, role: str, room: float) -> list[str]:
    """Break words at spaces into lines no wider than `room`."""
    lines: list[str] = []
    for word in re.split(" (?![/×]|groups)", text):  # "/2" and "×3" stay with what they are said of
        if lines and text_width(f"{lines[-1]} {word}", role) <= room:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return lines
