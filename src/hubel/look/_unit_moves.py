"""The arithmetic of layers that only move numbers: each takes one over from somewhere."""

from __future__ import annotations

from typing import Any

import numpy as np

from hubel.arch import (
    ChannelPadding,
    ChannelShuffle,
    Cropping2D,
    Dropout,
    Flatten,
    Identity,
    Reshape,
    SelectChannels,
    ZeroPadding2D,
)
from hubel.look._unit_step import Arithmetic, Array, Place, taken


def _from(tensor: Array, place: Place) -> Arithmetic:
    value = tensor[place[0]] if tensor.ndim == 1 else tensor[place[2], place[0], place[1]]
    return taken(place, float(value))


def kept(layer: Identity | Dropout, module: Any, tensor: Array, place: Place) -> Arithmetic:
    """Take the same place over."""
    return _from(tensor, place)


def flattened(layer: Flatten, module: Any, tensor: Array, place: Place) -> Arithmetic:
    """Find the number in the picture: channel after channel, each read like words."""
    return _from(tensor, kept_place(int(place[0]), tensor))


def reshaped(layer: Reshape, module: Any, tensor: Array, place: Place) -> Arithmetic:
    """Find the number by its place in PyTorch's order."""
    if len(place) == 1:
        return _from(tensor, kept_place(place[0], tensor))
    target: Any = layer.target_shape
    height, width, _ = target
    return _from(tensor, kept_place((place[2] * height + place[0]) * width + place[1], tensor))


def kept_place(number: int, tensor: Array) -> Place:
    """Return where a number of PyTorch's order stands: (row, column, channel), or itself in a vector."""
    if tensor.ndim == 1:
        return (number,)
    channel, row, column = (int(part) for part in np.unravel_index(number, tensor.shape))
    return row, column, channel


def framed(layer: ZeroPadding2D, module: Any, tensor: Array, place: Place) -> Arithmetic:
    """Take over what lies in the picture; around it are noughts."""
    sides: Any = layer.padding
    return _moved(tensor, place, -sides[0][0], -sides[1][0])


def cut(layer: Cropping2D, module: Any, tensor: Array, place: Place) -> Arithmetic:
    """Take over what lies so many rows and columns further on."""
    sides: Any = layer.cropping
    return _moved(tensor, place, sides[0][0], sides[1][0])


def _moved(tensor: Array, place: Place, down: int, across: int) -> Arithmetic:
    row, column = place[0] + down, place[1] + across
    if not (0 <= row < tensor.shape[1] and 0 <= column < tensor.shape[2]):
        return taken(None, 0.0)
    return _from(tensor, (row, column, place[2]))


def chosen(layer: SelectChannels, module: Any, tensor: Array, place: Place) -> Arithmetic:
    """Take over from the channel that is chosen."""
    return _from(tensor, (*place[:-1], layer.channels[place[-1]]))


def shuffled(layer: ChannelShuffle, module: Any, tensor: Array, place: Place) -> Arithmetic:
    """Take over from where the channel was before it was dealt."""
    each = tensor.shape[0] // layer.groups
    source = place[2] % layer.groups * each + place[2] // layer.groups
    return _from(tensor, (*place[:2], source))


def more_channels(layer: ChannelPadding, module: Any, tensor: Array, place: Place) -> Arithmetic:
    """Take over what was there; channels before and after are noughts."""
    channel = place[-1] - layer.before
    return _from(tensor, (*place[:-1], channel)) if 0 <= channel < tensor.shape[0] else taken(None, 0.0)
