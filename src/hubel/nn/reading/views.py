"""What only moves numbers, cuts them, or takes means of places, in PyTorch's words: views, permutations, windows."""

from __future__ import annotations

import torch
from torch import Tensor

import hubel.arch as arch
from hubel.arch import Layer
from hubel.base.errors import NetworkError
from hubel.nn.reading.blocks import dealt_out
from hubel.nn.reading.lying import turned
from hubel.nn.reading.moves import chooses, mean_of_places, moved, window
from hubel.nn.reading.record import Call
from hubel.nn.reading.tensors import SAME, VIEWS, Value

SPREAD = ("expand", "expand_as")
LIKE = (*SPREAD, "view_as", "reshape_as", "type_as")
"""What takes a second tensor for its shape or type alone."""


def rearranged(call: Call, given: Tensor, value: Value, kind: torch.dtype) -> Value | Layer | arch.Chain | None:
    """Return what a call makes of a tensor: its numbers lying otherwise, or a layer; None for another operation.

    `kind` is the type in which the model takes its input.
    """
    before, after = tuple(given.shape), tuple(call.output.shape)
    if call.what in SAME and call.output.dtype.itemsize < given.dtype.itemsize and call.output.dtype != kind:
        raise NetworkError(f"{call.label}: rounds to {str(call.output.dtype).removeprefix('torch.')}, a tree does not")
    views = call.what in VIEWS and not chooses(call)
    if call.what in SAME or ((views or call.what in SPREAD) and before == after):
        return value
    if call.what in SPREAD and value.order == "first":
        return Value(value.place, value.shape, "spread")
    axes = moved(call, len(before))
    if axes is None and value.order == "steps":
        return None
    if axes is not None:
        lies = turned(value.order, axes, before)
        if lies is None and axes[0] == 0 and value.order in ("first", "loose"):
            return Value(value.place, value.shape, "moved", (before[1:], tuple(axis - 1 for axis in axes[1:])))
        return None if lies is None else Value(value.place, value.shape, lies)
    if views and given.numel() == call.output.numel():
        return _view(value, before, after)
    if value.order in ("first", "last"):
        return window(call, given, value.order)
    return mean_of_places(call, given, value.shape) if value.order == "loose" else None


def _view(value: Value, before: tuple[int, ...], after: tuple[int, ...]) -> Layer | arch.Chain | Value | None:
    """Read the same numbers in other dimensions."""
    if value.order == "moved":
        dims, axes = value.made
        return dealt_out(value.shape, dims, axes, after[1:])
    if value.order == "swapped":
        groups = before[2]
        return arch.ChannelShuffle(groups) if after[1:] == (groups * before[1], *before[3:]) else None
    if value.order not in ("first", "loose") and sum(size > 1 for size in before[1:]) > 1:
        return None
    if after[1:] == value.shape:
        return Value(value.place, value.shape)
    if len(after) == 5 and after[1] * after[2] == before[1] and after[3:] == before[2:]:
        return Value(value.place, value.shape, "split")
    if len(after) == 2:
        return arch.Flatten()
    if len(after) == 4:
        return arch.Reshape((after[2], after[3], after[1]))
    return Value(value.place, value.shape, "loose")
