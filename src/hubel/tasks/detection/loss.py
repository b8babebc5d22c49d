"""The loss of boxes: where objects are by a focal loss on heat maps, how large they are by GIoU and by logarithms.

Centres are peaks of a heat map for each class (CenterNet: Zhou, Wang, Krähenbühl 2019); every place near one tells how
far the object's four sides are (FCOS: Tian et al. 2019). Peaks are as wide as objects are, and each object weighs alike
(TTFNet: Liu et al. 2020). A box that is far from what it should be, as of a set of small and large objects at first,
hardly overlaps with it, and GIoU says little of the way; so the logarithms of the distances are pulled as well.
Coordinates are shares of an image's width and height.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F

from hubel.data.boxes.targets import BOTTOM, CLASS, CROWD, LEFT, RIGHT, TOP
from hubel.data.feed.device import constant
from hubel.tasks.decoding import PRIOR
from hubel.tasks.detection.decoding import FARTHEST, MIDDLE
from hubel.tasks.marks import focal

_SPREAD = 0.54 / 6  # of an object's width: the deviation of its peak (TTFNet)
_GIOU, _LOGARITHMS = 5.0, 1.0  # how much the boxes' losses weigh
_NEAREST = 1e-3  # of the usual distance: sides that lie nearer, or on the other side, count as this near
_AT_ONCE = 32  # boxes of each image that are drawn at a time


def places(height: int, width: int, device: torch.device) -> tuple[torch.Tensor, torch.Tensor]:
    """Where the middles of a grid's cells lie, from the left and from the top: W and H numbers from 0 to 1."""
    across, down = (torch.arange(side, device=device, dtype=torch.float32) for side in (width, height))
    return (across + 0.5) / width, (down + 0.5) / height


def boxes_of(outputs: torch.Tensor, usual: tuple[float, float]) -> torch.Tensor:
    """The box that each place tells, N×4×H×W (left, top, right, bottom), of the last four channels of outputs. usual:
    half an object's usual width and height, which outputs of 0 mean.
    """
    height, width = outputs.shape[2:]
    x, y = places(height, width, outputs.device)
    far = _far(outputs).exp()
    across, down = far[:, 0::2] * usual[0], far[:, 1::2] * usual[1]
    left, right = x - across[:, 0], x + across[:, 1]
    top, bottom = y[:, None] - down[:, 0], y[:, None] + down[:, 1]
    return torch.stack([left, top, right, bottom], 1)


def _far(outputs: torch.Tensor) -> torch.Tensor:
    """The logarithms of the distances to left, top, right and bottom, over the usual ones, N×4×H×W."""
    return outputs[:, -4:].float().clamp(-FARTHEST, FARTHEST)


def _off(outputs: torch.Tensor, boxes: torch.Tensor, usual: tuple[float, float]) -> torch.Tensor:
    """How far the logarithms of the distances are from those of `boxes`, the mean of the four sides, N×H×W."""
    x, y = places(outputs.shape[2], outputs.shape[3], outputs.device)
    left, top, right, bottom = boxes.unbind(1)
    true = torch.stack([x - left, y[:, None] - top, right - x, bottom - y[:, None]], 1)
    true = true / constant((*usual, *usual), true.device)[:, None, None]
    return F.smooth_l1_loss(_far(outputs), true.clamp_min(_NEAREST).log(), reduction="none", beta=0.1).mean(1)


def giou(one: torch.Tensor, other: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """IoU and generalised IoU (Rezatofighi et al. 2019) of boxes N×4×…, place by place."""
    low, high = torch.maximum(one[:, :2], other[:, :2]), torch.minimum(one[:, 2:], other[:, 2:])
    both = _area((high - low).clamp_min(0))
    areas = _area(one[:, 2:] - one[:, :2]) + _area(other[:, 2:] - other[:, :2])
    around = _area(torch.maximum(one[:, 2:], other[:, 2:]) - torch.minimum(one[:, :2], other[:, :2]))
    either = (areas - both).clamp_min(1e-12)
    iou = both / either
    return iou, iou - (around - either) / around.clamp_min(1e-12)


def _area(sides: torch.Tensor) -> torch.Tensor:
    return sides[:, 0] * sides[:, 1]  # the gradient of `prod` looks for zeros, for which a GPU's processor waits


class Wanted(NamedTuple):
    """What outputs should be. heat: N×classes×H×W, 1 at centres; boxes: N×4×H×W; weights: N×H×W, which add up to 1 for
    each object, or to its class's weight; counted: N×1×H×W, 0 in crowds. objects: how many there are, or those weights.
    """

    heat: torch.Tensor
    boxes: torch.Tensor
    weights: torch.Tensor
    counted: torch.Tensor
    objects: torch.Tensor


def wanted(
    rows: torch.Tensor, classes: int, height: int, width: int, class_weights: torch.Tensor | None = None
) -> Wanted:
    """What outputs of a grid should be for targets `rows` (see `Boxes`)."""
    own = rows[:, 1:].float()
    if own.device.type == "cpu":  # of a graphics processor, which would have to wait, all rows are taken
        own = own[:, : int((own[..., CLASS] >= 0).sum(1).max()) if own.numel() else 0]
    number, most = own.shape[:2]
    x, y = places(height, width, own.device)
    heat = torch.zeros(number, classes, height, width, device=own.device)
    least = torch.full((number, height, width), torch.inf, device=own.device)
    chosen = torch.zeros(number, height, width, dtype=torch.int64, device=own.device)
    near = torch.zeros(number, height, width, device=own.device)
    crowd = torch.zeros(number, height, width, dtype=torch.bool, device=own.device)
    kinds = own[..., CLASS].long().clamp_min(0)
    real = (own[..., CLASS] >= 0) & (own[..., CROWD] == 0)
    share = real.float() if class_weights is None else real * class_weights[kinds]
    for first in range(0, most, _AT_ONCE):
        some, there = own[:, first : first + _AT_ONCE], real[:, first : first + _AT_ONCE]
        across = _along(some[..., LEFT], some[..., RIGHT], x)
        down = _along(some[..., TOP], some[..., BOTTOM], y)
        peaks = (across.peak[:, :, None, :] * down.peak[..., None]) * there[..., None, None]
        index = kinds[:, first : first + _AT_ONCE, None, None].expand_as(peaks)
        heat.scatter_reduce_(1, index, peaks, "amax")
        size = ((some[..., RIGHT] - some[..., LEFT]) * (some[..., BOTTOM] - some[..., TOP]))[..., None, None]
        inside = (across.inner[:, :, None, :] & down.inner[..., None]) & there[..., None, None]
        found, at = torch.where(inside, size, torch.inf).min(1)
        better = found < least
        least = torch.where(better, found, least)
        chosen = torch.where(better, at + first, chosen)
        near = torch.where(better, peaks.gather(1, at[:, None])[:, 0], near)
        masses = (some[..., CLASS] >= 0) & (some[..., CROWD] > 0)
        crowd |= (across.whole[:, :, None, :] & down.whole[..., None] & masses[..., None, None]).any(1)
    flat = chosen.flatten(1)
    sums = torch.zeros(number, max(1, most), device=own.device).scatter_add_(1, flat, near.flatten(1))
    weights = near / sums.gather(1, flat).view_as(near).clamp_min(1e-9)
    if most:
        boxes = own[..., LEFT : BOTTOM + 1].gather(1, flat[..., None].expand(-1, -1, 4))
        weights = weights * share.gather(1, flat).view_as(near)
    else:
        boxes = torch.zeros(number, height * width, 4, device=own.device)
    boxes = boxes.transpose(1, 2).reshape(number, 4, height, width)
    return Wanted(heat, boxes, weights, ~crowd[:, None], share.sum())


class _Along(NamedTuple):
    peak: torch.Tensor  # how near each cell is to each box's middle: 1 in the cell that holds it
    inner: torch.Tensor  # whether a cell is in the middle part of the box
    whole: torch.Tensor  # whether it is in the box


def _along(low: torch.Tensor, high: torch.Tensor, cells: torch.Tensor) -> _Along:
    """Of boxes N×M, along one axis of cells: N×M×cells each."""
    number = len(cells)
    middle, side = (low + high) / 2, (high - low).clamp_min(1e-6)
    own = (middle * number).floor().clamp(0, number - 1)
    away = cells - ((own + 0.5) / number)[..., None]
    deviation = (side * _SPREAD).clamp_min(0.3 / number)[..., None]
    peak = (-0.5 * (away / deviation).square()).exp()
    inner = away.abs() <= (side * MIDDLE).clamp_min(0.5 / number)[..., None]
    whole = (cells >= low[..., None]) & (cells <= high[..., None])
    return _Along(peak, inner, whole)


def losses(
    outputs: torch.Tensor,
    rows: torch.Tensor,
    classes: int,
    usual: tuple[float, float],
    class_weights: torch.Tensor | None = None,
) -> torch.Tensor:
    """The loss of a batch, an object: of outputs N×(classes + 4)×H×W and targets. class_weights: how much an object of
    each class counts beside others; alike where there are none.
    """
    height, width = outputs.shape[2:]
    goal = wanted(rows, classes, height, width, class_weights)
    logits = outputs[:, :classes].float() + PRIOR
    objects = goal.objects.clamp_min(len(rows))  # of pictures that are nearly all empty, each counts as one
    overlap = giou(boxes_of(outputs, usual), goal.boxes)[1]
    heat = focal(logits, goal.heat, goal.counted, class_weights)
    boxes = _GIOU * (1 - overlap) + _LOGARITHMS * _off(outputs, goal.boxes, usual)
    return (heat + (boxes * goal.weights).sum()) / objects
