"""The arithmetic of layers with weights: products, and a bias."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from hubel.arch import Conv2D, Conv2DTranspose, Dense, DepthwiseConv2D, LocallyConnected2D, RadialBasis, Shape
from hubel.look._unit_step import Arithmetic, Array, Finish, Place, Places, at, grid, read, scalar, weighed
from hubel.look.grids import rounded_text


def taps(layer: Any, input: Shape, place: Place) -> list[tuple[Places, Places]]:
    """Return, along rows and columns, the kernel's places that lie in the picture and where they lie."""
    found = []
    for window, position in zip(layer.windows(input).both(), place, strict=False):
        kernel = np.arange(window.kernel)
        where = position * window.stride - window.before + kernel * window.dilation
        inside = (where >= 0) & (where < window.length)
        found.append((kernel[inside], where[inside]))
    return found


def with_bias(found: Arithmetic, bias: float | None) -> Arithmetic:
    """Add a bias to the sum."""
    if bias is None:
        return found
    value = found.total + bias
    sign, size = ("−", -bias) if bias < 0 else ("+", bias)
    text = f"{rounded_text(found.total)} {sign} {rounded_text(size)} = {rounded_text(value)}"
    return replace(found, finish=(*found.finish, Finish("bias", text, value)))


def _windowed(layer: Any, tensor: Array, place: Place, channels: range, kernel: Array) -> Arithmetic:
    """Multiply a window of some channels by a kernel, channels×rows×columns."""
    shape = (*tensor.shape[1:], tensor.shape[0])
    (down, rows), (across, columns) = taps(layer, shape, place)
    places = grid(rows, columns, list(channels))
    weights = kernel[:, down][:, :, across].ravel()
    return weighed(places, at(tensor, places), weights, kernel.size - len(weights))


def convolution(layer: Conv2D | DepthwiseConv2D, module: Any, tensor: Array, place: Place) -> Arithmetic:
    """Multiply the window by the channel's kernel; with groups, of its group's channels."""
    kernel, channel = read(module.weight[place[2]]), place[2]
    each = module.out_channels // module.groups
    first = channel // each * kernel.shape[0]
    found = _windowed(layer, tensor, place, range(first, first + kernel.shape[0]), kernel)
    return with_bias(found, None if module.bias is None else scalar(module.bias[channel]))


def local(layer: LocallyConnected2D, module: Any, tensor: Array, place: Place) -> Arithmetic:
    """Multiply the window by the kernel of this place alone."""
    spot = place[0] * module.output_size[1] + place[1]
    rows, columns = (window.kernel for window in layer.windows((*tensor.shape[1:], tensor.shape[0])).both())
    kernel = read(module.weight[spot, place[2]]).reshape(tensor.shape[0], rows, columns)
    found = _windowed(layer, tensor, place, range(tensor.shape[0]), kernel)
    return with_bias(found, None if module.bias is None else scalar(module.bias[spot, place[2]]))


def transposed(layer: Conv2DTranspose, module: Any, tensor: Array, place: Place) -> Arithmetic:
    """Gather the inputs whose kernels land here, each times the weight that lands."""
    kernel = read(module.weight)  # channels × filters of a group × rows × columns
    each_in, each_out = tensor.shape[0] // module.groups, kernel.shape[1]
    group, own = divmod(place[2], each_out)
    sides = layer.sides()
    axes = []
    for axis in (0, 1):
        tap = np.arange(kernel.shape[2 + axis])
        fed = place[axis] + sides[axis][0] - tap * module.dilation[axis]
        where = fed // module.stride[axis]
        lands = (fed % module.stride[axis] == 0) & (where >= 0) & (where < tensor.shape[1 + axis])
        axes.append((tap[lands], where[lands]))
    (down, rows), (across, columns) = axes
    channels = range(group * each_in, (group + 1) * each_in)
    places = grid(rows, columns, list(channels))
    weights = kernel[list(channels), own][:, down][:, :, across].ravel()
    found = weighed(places, at(tensor, places), weights)
    return with_bias(found, None if module.bias is None else scalar(module.bias[place[2]]))


def dense(layer: Dense, module: Any, tensor: Array, place: Place) -> Arithmetic:
    """Multiply all numbers (of a picture, the channels of this place) by the unit's weights."""
    unit = place[-1]
    weights = read(module.weight[unit]).ravel()
    count = np.arange(len(weights))
    places = count[:, np.newaxis] if tensor.ndim == 1 else grid([place[0]], [place[1]], count)
    found = weighed(places, at(tensor, places), weights)
    return with_bias(found, None if module.bias is None else scalar(module.bias[unit]))


def radial(layer: RadialBasis, module: Any, tensor: Array, place: Place) -> Arithmetic:
    """Add up −½(x − w)²; the weights are the code's ±1."""
    code = read(module.weight[place[0]])
    places = np.arange(len(code))[:, np.newaxis]
    return Arithmetic(places, tensor, code, -0.5 * (tensor - code) ** 2)
