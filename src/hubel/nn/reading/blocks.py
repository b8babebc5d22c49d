"""Views and permutations that deal places out to channels, or channels to places, by hand (TResNet's stem)."""

from __future__ import annotations

from collections.abc import Iterator
from math import prod

import torch
from torch import Tensor
from torch.nn.functional import channel_shuffle, pixel_shuffle, pixel_unshuffle

import hubel.arch as arch
from hubel.arch import Chain


def dealt_out(
    shape: tuple[int, ...], dims: tuple[int, ...], axes: tuple[int, ...], after: tuple[int, ...]
) -> Chain | None:
    """Return the layers that make of a picture of channels × rows × columns what a view of `dims`, whose dimensions are
    then put in the order `axes` and seen as `after`, makes of it; None where none do. Where each number goes is tried.
    """
    if len(shape) != 3 or len(after) != 3:
        return None
    places = torch.arange(prod(shape))
    wanted = places.view(dims).permute(axes).reshape(after)
    for layers, found in _candidates(shape, after, places.view(1, *shape)):
        if torch.equal(found[0], wanted):
            return Chain(*layers)
    return None


def _candidates(
    shape: tuple[int, ...], after: tuple[int, ...], places: Tensor
) -> Iterator[tuple[tuple[arch.Layer, ...], Tensor]]:
    channels, rows, _ = shape
    if after == shape:
        for groups in (n for n in range(2, channels) if channels % n == 0):
            yield (arch.ChannelShuffle(groups),), channel_shuffle(places, groups)
    elif (size := rows // after[1]) > 1 and (channels * size**2, rows, shape[2]) == (after[0], *_times(after, size)):
        gathered = pixel_unshuffle(places, size)
        yield (arch.PixelUnshuffle(size),), gathered
        yield (arch.PixelUnshuffle(size), arch.ChannelShuffle(channels)), channel_shuffle(gathered, channels)
    elif (size := after[1] // rows) > 1 and (after[0] * size**2, *_times(shape, size)) == (channels, *after[1:]):
        yield (arch.PixelShuffle(size),), pixel_shuffle(places, size)
        dealt = channel_shuffle(places, size**2)
        yield (arch.ChannelShuffle(size**2), arch.PixelShuffle(size)), pixel_shuffle(dealt, size)


def _times(shape: tuple[int, ...], size: int) -> tuple[int, int]:
    return shape[1] * size, shape[2] * size
