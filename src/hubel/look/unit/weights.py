"""The arithmetic of weighed sums: products, and a bias."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from hubel.arch import Window, ops
from hubel.base.numbers import rounded_text
from hubel.look.unit.step import Arithmetic, Array, Arrays, Finish, Place, Places, at, grid, read, weighed


def taps(windows: tuple[Window, ...], place: Place) -> list[tuple[Places, Places]]:
    """Return, along each axis, the kernel's places that lie in the picture and where they lie."""
    found = []
    for window, position in zip(windows, place, strict=False):
        kernel = np.arange(window.kernel)
        where = position * window.stride - window.before + kernel * window.dilation
        inside = (where >= 0) & (where < window.length)
        found.append((kernel[inside], where[inside]))
    return found


def _landing(windows: tuple[Window, ...], place: Place, input: tuple[int, ...]) -> list[tuple[Places, Places]]:
    """Return, along each axis, the kernel's places that land here and the inputs that they come from."""
    found = []
    for window, position, length in zip(windows, place, input, strict=False):
        tap = np.arange(window.kernel)
        fed = position + window.before - tap * window.dilation
        where = fed // window.stride
        lands = (fed % window.stride == 0) & (where >= 0) & (where < length)
        found.append((tap[lands], where[lands]))
    return found


def _summed(
    tensor: Array, axes: list[tuple[Places, Places]], channels: range, kernel: Array, bias: float | None, padding: bool
) -> Arithmetic:
    """Multiply what some channels hold by a kernel, channels × its places; count what lies outside as padding."""
    places = grid(*(where for _, where in axes), list(channels))
    weights = kernel[np.ix_(np.arange(len(kernel)), *(tap for tap, _ in axes))].ravel()
    found = weighed(places, at(tensor, places), weights, kernel.size - len(weights) if padding else 0)
    if bias is None:
        return found
    value = found.total + bias
    sign, size = ("−", -bias) if bias < 0 else ("+", bias)
    text = f"{rounded_text(found.total)} {sign} {rounded_text(size)} = {rounded_text(value)}"
    return replace(found, finish=(*found.finish, Finish("bias", text, value)))


def _bias(arrays: Arrays, *place: int) -> float | None:
    return float(arrays["bias"][place]) if "bias" in arrays else None


def windowed(operation: ops.WindowedSum, arrays: Arrays, tensor: Array, place: Place) -> Arithmetic:
    """Multiply the window by the channel's kernel; with groups, of its group's channels."""
    kernel, channel = read(arrays["weight"][place[-1]]), place[-1]
    first = channel // (operation.output[-1] // operation.groups) * len(kernel)
    channels = range(first, first + len(kernel))
    return _summed(tensor, taps(operation.windows, place), channels, kernel, _bias(arrays, channel), True)


def local(operation: ops.LocalSum, arrays: Arrays, tensor: Array, place: Place) -> Arithmetic:
    """Multiply the window by the kernel of this place alone."""
    spot = int(np.ravel_multi_index(place[:-1], operation.output[:-1]))
    size = [window.kernel for window in operation.windows]
    kernel = read(arrays["weight"][spot, place[-1]]).reshape(len(tensor), *size)
    bias = _bias(arrays, spot, place[-1])
    return _summed(tensor, taps(operation.windows, place), range(len(tensor)), kernel, bias, True)


def transposed(operation: ops.TransposedSum, arrays: Arrays, tensor: Array, place: Place) -> Arithmetic:
    """Gather the inputs whose kernels land here, each times the weight that lands."""
    weight = arrays["weight"]  # channels × filters of a group × kernel
    each = len(weight) // operation.groups
    group, own = divmod(place[-1], weight.shape[1])
    channels = range(group * each, (group + 1) * each)
    kernel = read(weight[channels.start : channels.stop, own])
    axes = _landing(operation.windows, place, operation.input)
    return _summed(tensor, axes, channels, kernel, _bias(arrays, place[-1]), False)


def dense(operation: ops.DenseSum, arrays: Arrays, tensor: Array, place: Place) -> Arithmetic:
    """Multiply all numbers of this place (of a vector, all) by the unit's weights."""
    weights = read(arrays["weight"][place[-1]]).reshape(-1, *[1] * (len(place) - 1))
    here = [(np.zeros(1, np.int64), np.array([part])) for part in place[:-1]]
    return _summed(tensor, here, range(len(weights)), weights, _bias(arrays, place[-1]), False)


def radial(operation: ops.RadialSum, arrays: Arrays, tensor: Array, place: Place) -> Arithmetic:
    """Add up −½(x − w)²; the weights are the code's ±1."""
    code = read(arrays["weight"][place[-1]])
    places = np.arange(len(code))[:, np.newaxis]
    return Arithmetic(places, tensor, code, -0.5 * (tensor - code) ** 2)
