"""The loss of points: where they are by a focal loss on heat maps, how far exactly by offsets near them.

A map for each point has a peak at it (Tompson et al. 2014); every place near tells how many cells away it lies
(Insafutdinov et al. 2016, as DeepLabCut has it). Where there are several individuals, a map of their middles has peaks
too, and places there tell where the individual's points are (Zhou, Wang, Krähenbühl 2019); where there is one, all
places compete. Places of targets are shares of an image's sides.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F

from hubel.data.feed.device import constant
from hubel.data.points.targets import BOTTOM, CROWD, FIRST, INDIVIDUAL, KIND, LEFT, RIGHT, TOP
from hubel.tasks.decoding import PRIOR
from hubel.tasks.marks import focal
from hubel.tasks.pose.decoding import FAR, REACH

_DEVIATION = 1.0  # cells, of a point's peak
_WIDE = 0.06  # of an individual's size: the deviation of the peak at its middle, where that is more
_MIDDLE = 1.5  # cells around a middle in which places tell where points are
_BETA = 0.1  # of the reach, from which errors count by their size and not its square


class Maps(NamedTuple):
    """What outputs N×C×H×W are of. heat: logits of points, N×P×H×W; offsets: how far each place says they are, in
    reaches, N×P×2×H×W; middle: logits of individuals' middles, N×1×H×W, and far: how far their points are from there,
    in `FAR` cells, N×P×2×H×W; None where there is one individual.
    """

    heat: torch.Tensor
    offsets: torch.Tensor
    middle: torch.Tensor | None
    far: torch.Tensor | None


def channels_of(points: int, several: bool) -> int:
    """How many channels outputs have."""
    return 5 * points + 1 if several else 3 * points


def maps_of(outputs: torch.Tensor, points: int, several: bool) -> Maps:
    """The maps of outputs."""
    outputs = outputs.float()
    shape = (len(outputs), points, 2, *outputs.shape[2:])
    heat, offsets = outputs[:, :points] + PRIOR, outputs[:, points : 3 * points].reshape(shape)
    if not several:
        return Maps(heat, offsets, None, None)
    return Maps(
        heat, offsets, outputs[:, 3 * points : 3 * points + 1] + PRIOR, outputs[:, 3 * points + 1 :].reshape(shape)
    )


def losses(outputs: torch.Tensor, rows: torch.Tensor, points: int, several: bool) -> torch.Tensor:
    """The loss of a batch, a point (and an individual): of outputs N×channels×H×W and targets `rows` (see `Points`)."""
    maps = maps_of(outputs, points, several)
    own = rows[:, 1:].float()
    if own.device.type == "cpu":  # of a graphics processor, which would have to wait, all rows are taken
        own = own[:, : int((own[..., KIND] > 0).sum(1).max()) if own.numel() else 0]
    height, width = outputs.shape[2:]
    x, y = (torch.arange(side, device=outputs.device) + 0.5 for side in (width, height))
    counted = ~_in_crowds(own, x / width, y / height)
    size = constant((width, height), outputs.device)
    places = own[..., FIRST:].unflatten(-1, (points, 3))
    there = (places[..., 2] > 0) & (own[..., KIND] == INDIVIDUAL)[..., None]
    number = there.sum().clamp_min(len(rows))  # of pictures that are nearly all empty, each counts as one
    near = _nearest(places[..., :2] * size, there, x, y)
    points_off = focal(maps.heat, near.heat, counted) + _offset(maps.offsets, near)
    if maps.middle is None or maps.far is None:
        alone: torch.Tensor = (points_off + _one_of_all(maps.heat, near.heat)) / number
        return alone
    real = own[..., KIND] == INDIVIDUAL
    middles = torch.stack([own[..., LEFT] + own[..., RIGHT], own[..., TOP] + own[..., BOTTOM]], -1) / 2 * size
    sides = (own[..., RIGHT : BOTTOM + 1] - own[..., LEFT : TOP + 1]) * size
    middle = _nearest(middles[..., None, :], real[..., None], x, y, _WIDE * sides.amax(-1))
    heat = focal(maps.middle, middle.heat, counted) / real.sum().clamp_min(len(rows))
    away = _told(maps.far, places, there, middles, (x, y))
    total: torch.Tensor = heat + (points_off + away) / number
    return total


def _one_of_all(logits: torch.Tensor, heat: torch.Tensor) -> torch.Tensor:
    """Of one individual each point lies at one place alone: the cross-entropy of all places with its peak."""
    wanted = heat.flatten(2)
    wanted = wanted / wanted.sum(2, keepdim=True).clamp_min(1e-9)  # of a point that is not there, nothing
    found: torch.Tensor = -(wanted * logits.flatten(2).log_softmax(2)).sum()
    return found


class _Near(NamedTuple):
    heat: torch.Tensor  # N×P×H×W: 1 in the cell that holds a point, less around it
    offsets: torch.Tensor  # N×P×2×H×W: how far the nearest point is, in cells
    distance: torch.Tensor  # N×P×H×W: the square of that, infinite where there is none


def _nearest(
    places: torch.Tensor, there: torch.Tensor, x: torch.Tensor, y: torch.Tensor, wide: torch.Tensor | None = None
) -> _Near:
    """What lies around points N×M×P×2 of individuals, in cells, of each kind the nearest. wide: peaks' deviations."""
    count, most, points = places.shape[:3]
    shape = (count, points, len(y), len(x))
    heat = torch.zeros(shape, device=x.device)
    distance = torch.full(shape, torch.inf, device=x.device)
    offsets = torch.zeros(count, points, 2, len(y), len(x), device=x.device)
    for one in range(most):
        place, real = places[:, one], there[:, one, :, None, None]
        across, down = place[..., :1] - x, place[..., 1:] - y
        square = across.square()[:, :, None, :] + down.square()[..., None]
        better = real & (square < distance)
        distance = torch.where(better, square, distance)
        told = torch.stack([across[:, :, None, :].expand(shape), down[..., None].expand(shape)], 2)
        offsets = torch.where(better[:, :, None], told, offsets)
        cell = place.floor().clamp_min(0) + 0.5
        cell = torch.minimum(cell, constant((len(x) - 0.5, len(y) - 0.5), x.device))
        around = (cell[..., :1] - x).square()[:, :, None, :] + (cell[..., 1:] - y).square()[..., None]
        deviation = _DEVIATION if wide is None else wide[:, one, None, None, None].clamp_min(_DEVIATION)
        heat = torch.maximum(heat, (-0.5 * around / deviation**2).exp() * real)
    return _Near(heat, offsets, distance)


def _in_crowds(own: torch.Tensor, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """Which places N×1×H×W lie in boxes of what is passed over."""
    many = (own[..., KIND] == CROWD)[..., None]
    across = many & (x >= own[..., LEFT, None]) & (x <= own[..., RIGHT, None])
    down = many & (y >= own[..., TOP, None]) & (y <= own[..., BOTTOM, None])
    return (down[..., None] & across[:, :, None]).any(1, keepdim=True)


def _offset(offsets: torch.Tensor, near: _Near) -> torch.Tensor:
    """How wrong places are about the point near them, in reaches: the mean over each point's, and their sum."""
    inside = (near.distance <= REACH**2).float()
    weights = inside / inside.sum((2, 3), keepdim=True).clamp_min(1) * (inside.sum((2, 3), keepdim=True) > 0)
    # of several individuals' points of a kind, the mean is of all their places: each counts as it should beside heat
    found = F.smooth_l1_loss(offsets, near.offsets / REACH, reduction="none", beta=_BETA).sum(2)
    return (found * weights * _many(near)).sum()


def _many(near: _Near) -> torch.Tensor:
    """How many points of each kind an image has."""
    return (near.heat == 1).sum((2, 3), keepdim=True)


def _told(
    far: torch.Tensor,
    places: torch.Tensor,
    there: torch.Tensor,
    middles: torch.Tensor,
    cells: tuple[torch.Tensor, torch.Tensor],
) -> torch.Tensor:
    """How wrong the places at individuals' middles are about where their points are, in `FAR` cells."""
    x, y = cells
    total = torch.zeros((), device=far.device)
    for one in range(places.shape[1]):
        across, down = middles[:, one, :1] - x, middles[:, one, 1:] - y
        close = (across.square()[:, None] + down.square()[..., None] <= _MIDDLE**2).float()
        close = close / close.sum((1, 2), keepdim=True).clamp_min(1)
        size = constant((len(x), len(y)), far.device)
        goal = places[:, one, :, :2] * size
        told = torch.stack(
            [
                (goal[..., 0, None, None] - x).expand(-1, -1, len(y), -1),
                (goal[..., 1, None, None] - y[:, None]).expand(-1, -1, -1, len(x)),
            ],
            2,
        )
        wrong = F.smooth_l1_loss(far, told / FAR, reduction="none", beta=_BETA).sum(2)
        total = total + (wrong * close[:, None] * there[:, one, :, None, None]).sum()
    return total
