"""Colours as classes: the squares of the plane of a* and b*, and their weights (Zhang et al. 2016)."""

from __future__ import annotations

import bisect
import math
from functools import cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch

from hubel.data import Dataset
from hubel.data.colours.lab import colours_of

SIDE = 10  # of a square, in a* and b*
_STEPS = 52  # of red, green and blue each, by which it is found which squares there are
_LOOKED_AT = 2**21  # pixels by which it is told which colours there are
_AT_ONCE = 2**18  # of them
_SPREAD = 5.0  # the deviation by which shares are smoothed, and colours spread over squares
_MIXED = 0.5  # how much of the weights' measure is even
_LEAST = 1e-6  # the share of a square that no picture has
_HUES = ("pink", "red", "orange", "yellow", "green", "cyan", "blue", "violet", "pink")
_ENDS = (15, 50, 85, 115, 175, 220, 312, 335)  # degrees at which one hue ends and the next begins
NEAR = 5  # squares that a colour is spread over


@cache
def squares() -> torch.Tensor:
    """The middles of all squares in which sRGB has colours, float64 K×2, whatever the data: as many outputs."""
    steps = torch.linspace(0, 255, _STEPS).round()
    cube = torch.cartesian_prod(steps, steps, steps).to(torch.uint8).view(1, 1, -1, 3)
    own = colours_of(cube)[0, :, 0]
    found: torch.Tensor = torch.unique((own / SIDE).round().T, dim=0)
    return found.double() * SIDE


def hue(a: float, b: float) -> str:
    """What people call a colour of this a* and b*: grey near the middle, else by its angle in CIELAB, in which sRGB's
    primaries lie at 40° (red), 103° (yellow), 136° (green), 196° (cyan), 306° (blue) and 328° (magenta).
    """
    if math.hypot(a, b) < SIDE:
        return "grey"
    return _HUES[bisect.bisect(_ENDS, math.degrees(math.atan2(b, a)) % 360)]


class Common(NamedTuple):
    """How common colours are. weights: of each square, the inverse of that, half and half with what is even; their mean
    over pixels is one. prior: the logarithm of each square's share so weighed, which scores are told beside. mean: the
    mean colour.
    """

    weights: npt.NDArray[np.float64]
    prior: npt.NDArray[np.float64]
    mean: tuple[float, float]


def common(training: Dataset) -> Common:
    """How common colours are in a training set's pictures."""
    pictures, middles = training.targets.array, squares()
    _, height, width, _ = pictures.shape
    many = max(1, min(len(pictures), _LOOKED_AT // (height * width)))
    chosen = np.unique(np.linspace(0, len(pictures) - 1, many).astype(np.int64))[: len(pictures)]
    parts = np.array_split(chosen, max(1, len(chosen) * height * width // _AT_ONCE))
    counts, total = torch.zeros(len(middles), dtype=torch.float64), torch.zeros(2, dtype=torch.float64)
    for part in parts if len(chosen) else ():
        own = colours_of(torch.from_numpy(np.array(pictures[part]))).transpose(0, 1).flatten(1)
        places, number = torch.unique((own / SIDE).round().T, dim=0, return_counts=True)
        counts.index_add_(0, torch.cdist(places.double() * SIDE, middles).argmin(1), number.double())
        total += own.double().sum(1)
    shares = counts / counts.sum().clamp_min(1)
    near = (-0.5 * torch.cdist(middles, middles).square() / _SPREAD**2).exp()
    smooth = (near / near.sum(0)) @ shares
    weights = 1 / ((1 - _MIXED) * smooth + _MIXED / len(middles))
    weights = weights / (weights * shares).sum().clamp_min(1e-12)
    weighed = smooth * weights
    prior = (weighed / weighed.sum().clamp_min(1e-12)).clamp_min(_LEAST).log()
    mean = (total / counts.sum().clamp_min(1)).tolist()
    return Common(weights.numpy(), prior.numpy(), (round(mean[0], 3), round(mean[1], 3)))


def spread(colours: torch.Tensor, middles: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Colours P×2 as shares of the nearest squares: which, P×near, the nearest first, and how much of each."""
    apart, which = torch.cdist(colours, middles).topk(min(NEAR, len(middles)), 1, largest=False)
    shares = (-0.5 * apart.square() / _SPREAD**2).exp() + 1e-12
    return which, shares / shares.sum(1, keepdim=True)
