"""What a page computes for each layer: a few operations, with windows and bins already laid.

Thirty layers come down to a dozen operations: pools of every kind are spans of rows and columns, batch normalisation
is a factor and a shift, a shuffle is a choice of channels.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from hubel import arch
from hubel.arch import Layer, Shape

Array = npt.NDArray[np.float32]
Operation = tuple[dict[str, Any], dict[str, npt.NDArray[np.floating[Any]]]]


class UnknownLayerError(ValueError):
    """A layer that the page's arithmetic does not have."""


def operation(layer: Layer, input: Shape, weights: Mapping[str, Array]) -> Operation:
    """The operation that a plain layer (without its activation) is in a page, and the numbers that it needs.

    `weights` are the layer's own of the state dict, by name; where they are missing (only the settings are wanted)
    none are returned. Raises `UnknownLayerError` for a layer of the user's own.
    """
    match layer:
        case arch.Conv2D() | arch.DepthwiseConv2D() | arch.LocallyConnected2D():
            return _windowed(layer, input), dict(weights)
        case arch.Conv2DTranspose():
            return _transposed(layer), dict(weights)
        case arch.Dense():
            if len(input) == 3:
                one = {"strides": (1, 1), "dilation": (1, 1), "before": (0, 0), "groups": 1}
                return {"name": "convolution", "kernel": (1, 1), **one}, dict(weights)
            return {"name": "dense"}, dict(weights)
        case arch.RadialBasis():
            return {"name": "radial"}, dict(weights)
        case arch.BatchNormalization():
            return {"name": "affine"}, _folded(layer, weights)
        case arch.Scale():
            return {"name": "affine"}, dict(weights)
        case arch.LayerNormalization():
            return {"name": "layer_norm", "epsilon": layer.epsilon}, dict(weights)
        case arch.GroupNormalization():
            return {"name": "group_norm", "groups": layer.groups, "epsilon": layer.epsilon}, dict(weights)
        case arch.LocalResponseNormalization():
            settings = {"size": layer.size, "alpha": layer.alpha, "beta": layer.beta, "k": layer.k}
            return {"name": "local_response", **settings}, {}
        case arch.SqueezeExcitation():
            return {"name": "excite"}, dict(weights)
        case _:
            return _unlearned(layer, input), {}


def _unlearned(layer: Layer, input: Shape) -> dict[str, Any]:
    found = _pool(layer, input)
    if found is not None:
        return found
    match layer:
        case arch.Flatten() | arch.Reshape():
            return {"name": "reshape"}
        case arch.ZeroPadding2D():
            (top, _), (left, _) = _sides(layer.padding)
            return {"name": "pad", "before": (top, left)}
        case arch.Cropping2D():
            (top, _), (left, _) = _sides(layer.cropping)
            return {"name": "pad", "before": (-top, -left)}
        case arch.UpSampling2D():
            return {"name": "upsample", "size": _both(layer.size), "interpolation": layer.interpolation}
        case arch.Activation():
            return {"name": "identity"} if layer.function == "linear" else _function(layer.function)
        case arch.LeakyReLU():
            return {**_function("leaky"), "slope": layer.negative_slope}
        case arch.ChannelShuffle():
            each = input[-1] // layer.groups
            return {"name": "select", "channels": [g * each + i for i in range(each) for g in range(layer.groups)]}
        case arch.SelectChannels():
            return {"name": "select", "channels": layer.channels}
        case arch.ChannelPadding():
            return {"name": "pad_channels", "before": layer.before}
        case arch.Dropout() | arch.Identity():
            return {"name": "identity"}
        case _:
            raise UnknownLayerError(f"expected layers of hubel.arch to run in a page, received {type(layer).__name__}")


def _function(name: str) -> dict[str, Any]:
    return {"name": "activation", "function": name}


def _windowed(layer: arch.Conv2D | arch.DepthwiseConv2D | arch.LocallyConnected2D, input: Shape) -> dict[str, Any]:
    windows = layer.windows(input)
    settings: dict[str, Any] = {
        "kernel": (windows.rows.kernel, windows.columns.kernel),
        "strides": (windows.rows.stride, windows.columns.stride),
        "dilation": (windows.rows.dilation, windows.columns.dilation),
        "before": (windows.rows.before, windows.columns.before),
    }
    if isinstance(layer, arch.LocallyConnected2D):
        return {"name": "local", **settings}
    groups = layer.groups if isinstance(layer, arch.Conv2D) else input[2]
    return {"name": "convolution", **settings, "groups": groups}


def _transposed(layer: arch.Conv2DTranspose) -> dict[str, Any]:
    (top, _), (left, _) = layer.sides()
    return {
        "name": "transposed",
        "kernel": _both(layer.kernel_size),
        "strides": _both(layer.strides),
        "dilation": _both(layer.dilation_rate),
        "before": (top, left),
        "groups": layer.groups,
    }


def _folded(layer: arch.BatchNormalization, weights: Mapping[str, Array]) -> dict[str, npt.NDArray[np.floating[Any]]]:
    """Running statistics, factor and shift folded into one factor and one shift a channel."""
    if not weights:
        return {}
    factor = 1 / np.sqrt(weights["running_var"].astype(np.float64) + layer.epsilon)
    if "weight" in weights:
        factor = factor * weights["weight"]
    shift = -factor * weights["running_mean"]
    return {"weight": factor, "bias": shift + weights["bias"] if "bias" in weights else shift}


def _pool(layer: Layer, input: Shape) -> dict[str, Any] | None:
    """A pool as spans [first, end) of rows and of columns, and how many of each an average is divided by."""
    match layer:
        case arch.MaxPooling2D():
            return _spans("max", [_window_spans(window, False) for window in layer.windows(input).both()])
        case arch.AveragePooling2D():
            axes = [_window_spans(window, layer.count_padding) for window in layer.windows(input).both()]
            return _spans("mean", axes)
        case arch.GlobalMaxPooling2D() | arch.GlobalAveragePooling2D():
            mode = "max" if isinstance(layer, arch.GlobalMaxPooling2D) else "mean"
            return _spans(mode, [[(0, length, length)] for length in input[:2]])
        case arch.AdaptiveMaxPooling2D() | arch.AdaptiveAveragePooling2D():
            mode = "max" if isinstance(layer, arch.AdaptiveMaxPooling2D) else "mean"
            return _spans(mode, [_bins(*pair) for pair in zip(input[:2], _both(layer.output_size), strict=True)])
        case _:
            return None


def _spans(mode: str, axes: list[list[tuple[int, int, int]]]) -> dict[str, Any]:
    return {"name": "pool", "mode": mode, "rows": axes[0], "columns": axes[1]}


def _window_spans(window: Any, count_padding: bool) -> list[tuple[int, int, int]]:
    found = []
    for i in range(window.count):
        start = i * window.stride - window.before
        first, end = max(start, 0), min(start + window.kernel, window.length)
        # PyTorch counts padded places up to the padding's end, not those that rounding up has added beyond
        counted = min(start + window.kernel, window.length + window.after) - start if count_padding else end - first
        found.append((first, end, counted))
    return found


def _bins(length: int, bins: int) -> list[tuple[int, int, int]]:
    spans = [(i * length // bins, -(-(i + 1) * length // bins)) for i in range(bins)]
    return [(first, end, end - first) for first, end in spans]


def _both(value: Any) -> tuple[int, int]:
    return value if isinstance(value, tuple) else (value, value)


def _sides(value: Any) -> tuple[tuple[int, int], tuple[int, int]]:
    rows, columns = _both(value)
    return _both(rows), _both(columns)
