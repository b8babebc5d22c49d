"""The arithmetic of operations that only move numbers: each takes one over from somewhere."""

from __future__ import annotations

import numpy as np

from hubel.arch import ops
from hubel.look.unit.step import Arithmetic, Array, Arrays, Place, at, taken


def _from(tensor: Array, place: Place) -> Arithmetic:
    return taken(place, float(at(tensor, np.array([place]))[0]))


def kept(operation: ops.Pass, arrays: Arrays, tensor: Array, place: Place) -> Arithmetic:
    """Take the same place over."""
    return _from(tensor, place)


def viewed(operation: ops.View, arrays: Arrays, tensor: Array, place: Place) -> Arithmetic:
    """Find the number by its place in PyTorch's order: channel after channel, each read like words."""
    number = 0
    for part, length in zip((place[-1], *place[:-1]), (0, *operation.output[:-1]), strict=True):
        number = number * length + part
    return _from(tensor, kept_place(number, tensor))


def kept_place(number: int, tensor: Array) -> Place:
    """Return where a number of PyTorch's order stands: (row, column, channel), or itself in a vector."""
    channel, *place = (int(part) for part in np.unravel_index(number, tensor.shape))
    return (*place, channel)


def padded(operation: ops.Pad, arrays: Arrays, tensor: Array, place: Place) -> Arithmetic:
    """Take over what lies in the picture; around it are zeros, or its mirror image, or its edge."""
    found = [operation.sources(axis)[part] for axis, part in enumerate(place)]
    spot = tuple(part for part in found if part is not None)
    return _from(tensor, spot) if len(spot) == len(place) else taken(None, 0.0)


def blocked(operation: ops.Blocks, arrays: Arrays, tensor: Array, place: Place) -> Arithmetic:
    """Take over from the channel that became a place, or the other way round."""
    row, column, channel = place
    return _from(tensor, operation.source(row, column, channel))


def chosen(operation: ops.Select, arrays: Arrays, tensor: Array, place: Place) -> Arithmetic:
    """Take over from the channel that is chosen."""
    return _from(tensor, (*place[:-1], operation.channels[place[-1]]))
