"""The arithmetic of pooling and enlarging: the largest, or an average, of a window."""

from __future__ import annotations

from typing import Any

import numpy as np

from hubel.arch import (
    AdaptiveAveragePooling2D,
    AdaptiveMaxPooling2D,
    AveragePooling2D,
    GlobalAveragePooling2D,
    GlobalMaxPooling2D,
    MaxPooling2D,
    UpSampling2D,
)
from hubel.look._unit_step import Arithmetic, Array, Place, Places, at, grid, taken, weighed
from hubel.look._unit_weights import taps


def _largest(tensor: Array, places: Places, padding: int = 0) -> Arithmetic:
    values = at(tensor, places)
    return Arithmetic(places, values, np.ones(len(values)), values, "largest", None, padding)


def _average(tensor: Array, places: Places, divisor: int, padding: int = 0) -> Arithmetic:
    return weighed(places, at(tensor, places), np.full(len(places), 1 / divisor), padding)


def window_max(layer: MaxPooling2D, module: Any, tensor: Array, place: Place) -> Arithmetic:
    """Keep the largest of the window; padded places never win."""
    shape = (*tensor.shape[1:], tensor.shape[0])
    (down, rows), (across, columns) = taps(layer, shape, place)
    whole = np.prod([window.kernel for window in layer.windows(shape).both()])
    return _largest(tensor, grid(rows, columns, [place[2]]), int(whole) - len(down) * len(across))


def window_average(layer: AveragePooling2D, module: Any, tensor: Array, place: Place) -> Arithmetic:
    """Average the window; padded places count only where the layer says so."""
    shape = (*tensor.shape[1:], tensor.shape[0])
    (_, rows), (_, columns) = taps(layer, shape, place)
    windows = layer.windows(shape).both()
    places = grid(rows, columns, [place[2]])
    # a window that hangs over the padding itself is cut there (PyTorch's rule)
    spans = [
        min(position * window.stride + window.kernel, window.length + window.before + window.after)
        - position * window.stride
        for window, position in zip(windows, place, strict=False)
    ]
    divisor = spans[0] * spans[1] if layer.count_padding else len(places)
    return _average(tensor, places, divisor, windows[0].kernel * windows[1].kernel - len(places))


def _whole(tensor: Array, place: Place) -> Places:
    return grid(np.arange(tensor.shape[1]), np.arange(tensor.shape[2]), [place[-1]])


def whole_max(layer: GlobalMaxPooling2D, module: Any, tensor: Array, place: Place) -> Arithmetic:
    """Keep the channel's largest number."""
    return _largest(tensor, _whole(tensor, place))


def whole_average(layer: GlobalAveragePooling2D, module: Any, tensor: Array, place: Place) -> Arithmetic:
    """Average the channel."""
    places = _whole(tensor, place)
    return _average(tensor, places, len(places))


def _bin(layer: Any, tensor: Array, place: Place) -> Places:
    axes = []
    for axis in (0, 1):
        length, bins = tensor.shape[1 + axis], layer.output_size[axis]
        axes.append(np.arange(place[axis] * length // bins, -(-(place[axis] + 1) * length // bins)))
    return grid(axes[0], axes[1], [place[2]])


def bin_max(layer: AdaptiveMaxPooling2D, module: Any, tensor: Array, place: Place) -> Arithmetic:
    """Keep the bin's largest number."""
    return _largest(tensor, _bin(layer, tensor, place))


def bin_average(layer: AdaptiveAveragePooling2D, module: Any, tensor: Array, place: Place) -> Arithmetic:
    """Average the bin."""
    places = _bin(layer, tensor, place)
    return _average(tensor, places, len(places))


def enlarged(layer: UpSampling2D, module: Any, tensor: Array, place: Place) -> Arithmetic:
    """Take the nearest number over, or mix the four around by their nearness (half-pixel centres)."""
    factors: Any = layer.size
    if layer.interpolation == "nearest":
        spot = (place[0] // factors[0], place[1] // factors[1], place[2])
        return taken(spot, float(tensor[spot[2], spot[0], spot[1]]))
    axes = []
    for axis in (0, 1):
        middle = max((place[axis] + 0.5) / factors[axis] - 0.5, 0.0)
        first = int(middle)
        second = min(first + 1, tensor.shape[1 + axis] - 1)
        axes.append(((first, second), (1 - (middle - first), middle - first)))
    (rows, down), (columns, across) = axes
    places = grid(rows, columns, [place[2]])
    weights = np.outer(down, across).ravel()
    counted = weights > 0  # exactly on a number, or at the edge, fewer than four are mixed
    return weighed(places[counted], at(tensor, places[counted]), weights[counted])
