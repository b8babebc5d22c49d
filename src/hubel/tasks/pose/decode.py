"""From outputs to points: the surest place of each map, and what the places around it say together."""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F

from hubel.data.feed.device import constant
from hubel.tasks.marks import highest
from hubel.tasks.pose.decoding import FAR, LEAST, NEAR, REACH, VOTES
from hubel.tasks.pose.loss import Maps, maps_of


class Found(NamedTuple):
    """The individuals of each image, the surest first. points: N×K×P×3: x and y in shares of the image, and how
    probable it is that the point is seen; scores: N×K, 0 where there is none.
    """

    points: torch.Tensor
    scores: torch.Tensor


def decode(outputs: torch.Tensor, points: int, several: bool, most: int) -> Found:
    """At most so many individuals of each image, of outputs N×channels×H×W; one where there are not several."""
    maps = maps_of(outputs, points, several)
    heat, places = maps.heat.sigmoid(), _votes(maps)
    size = constant((outputs.shape[3], outputs.shape[2]), outputs.device)
    if maps.middle is None or maps.far is None:
        surest, at = heat.flatten(2).max(2)
        found = places.flatten(3).gather(3, at[:, :, None, None].expand(-1, -1, 2, 1))[..., 0]
        return Found(torch.cat([found / size, surest[..., None]], 2)[:, None], surest.mean(1, keepdim=True))
    scores, at = highest(maps.middle.sigmoid(), most)
    x, y = _cells(outputs)
    told = torch.stack([x + maps.far[:, :, 0] * FAR, y[:, None] + maps.far[:, :, 1] * FAR], 2).flatten(3)
    told = told.gather(3, at[:, None, None].expand(-1, points, 2, -1)).permute(0, 3, 1, 2)  # N×K×P×2
    kept = [_refined(*each, x, y) for each in zip(told, heat, places.flatten(3), strict=True)]
    return Found(torch.stack([torch.cat([place / size, sure[..., None]], 2) for place, sure in kept]), scores)


def _cells(outputs: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Where the middles of cells lie, from the left and from the top, in cells."""
    x, y = (torch.arange(side, device=outputs.device) + 0.5 for side in (outputs.shape[3], outputs.shape[2]))
    return x, y


def _votes(maps: Maps) -> torch.Tensor:
    """Where each place and those around it say that a point is, N×P×2×H×W in cells: their mean by how sure they are."""
    x, y = _cells(maps.heat)
    offsets = maps.offsets * REACH
    said = torch.stack([x + offsets[:, :, 0], y[:, None] + offsets[:, :, 1]], 2)
    heat, around = maps.heat.sigmoid(), 2 * VOTES + 1
    weighed = F.avg_pool2d((said * heat[:, :, None]).flatten(1, 2), around, 1, VOTES).view_as(said)
    return weighed / F.avg_pool2d(heat, around, 1, VOTES)[:, :, None].clamp_min(1e-12)


def _refined(
    told: torch.Tensor, heat: torch.Tensor, places: torch.Tensor, x: torch.Tensor, y: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Points K×P×2 that middles tell, in cells, moved to where the maps of points (P×H×W) say that one is nearby; and
    how sure these are there, K×P.
    """
    size = (told.amax(1) - told.amin(1)).amax(1).clamp_min(2.0)
    across, down = told[..., :1] - x, told[..., 1:] - y
    square = across.square()[:, :, None, :] + down.square()[..., None]
    near = (-0.5 * square / (NEAR * size)[:, None, None, None].square().clamp_min(1.0)).exp()
    best, at = (heat * near).flatten(2).max(2)
    moved = places[None].expand(len(told), -1, -1, -1).gather(3, at[:, :, None, None].expand(-1, -1, 2, 1))[..., 0]
    sure = heat.flatten(1).gather(1, at.T).T
    found = best >= LEAST
    return torch.where(found[..., None], moved, told), torch.where(found, sure, best)
