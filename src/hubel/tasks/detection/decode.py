"""From outputs to boxes: the surest places, what they and those around tell, and of several at one object the surest.

Places near an object's middle tell its box each for themselves. Their mean is nearer to it than what one says, the more
of them there are, and how well they agree says how near: the surest box is to be the best placed one too.
"""

from __future__ import annotations

from typing import NamedTuple

import torch

from hubel.tasks.decoding import PRIOR
from hubel.tasks.detection.decoding import AROUND, LEAST, MIDDLE, OVERLAP
from hubel.tasks.detection.loss import boxes_of, giou
from hubel.tasks.marks import highest

_AT_ONCE = 2**24  # pairs of boxes in memory


class Found(NamedTuple):
    """The boxes of each image, the surest first. boxes: N×K×4, left, top, right, bottom in shares of the image; scores:
    N×K, 0 where there is none; classes: N×K, int64.
    """

    boxes: torch.Tensor
    scores: torch.Tensor
    classes: torch.Tensor


def decode(outputs: torch.Tensor, classes: int, usual: tuple[float, float], most: int, least: float = LEAST) -> Found:
    """At most so many boxes of each image, of outputs N×(classes + 4)×H×W."""
    return settled(peaks(outputs, classes, usual, most, least))


def peaks(outputs: torch.Tensor, classes: int, usual: tuple[float, float], most: int, least: float = LEAST) -> Found:
    """The surest peaks, as `decode` finds them before one of two boxes of the same thing is left out."""
    heat = (outputs[:, :classes].float() + PRIOR).sigmoid()
    scores, places = highest(heat, most)
    cells = heat.shape[2] * heat.shape[3]
    kinds, where = places // cells, places % cells
    boxes, agreed = _agreed(boxes_of(outputs, usual), where)
    scores, order = (scores * agreed).sort(dim=1, descending=True, stable=True)
    scores = torch.where(scores >= least, scores, 0.0)
    return Found(boxes.gather(1, order[..., None].expand(-1, -1, 4)), scores, kinds.gather(1, order))


def _agreed(told: torch.Tensor, where: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The boxes N×K×4 of what places N×4×H×W tell around those at `where` (N×K), and how well they agree, N×K."""
    height, width = told.shape[2:]
    flat = told.flatten(2).transpose(1, 2)

    def at(places: torch.Tensor) -> torch.Tensor:  # N×K×n: the boxes that they tell, N×K×n×4
        found = flat.gather(1, places.flatten(1)[..., None].expand(-1, -1, 4))
        return found.view(*places.shape, 4)

    def around(away: torch.Tensor) -> torch.Tensor:  # N×K×2, places across and down: N×K×9×4
        steps = torch.arange(-1, 2, device=told.device)
        columns = (where % width)[..., None] + away[..., :1] * steps
        rows = (where // width)[..., None] + away[..., 1:] * steps
        columns, rows = columns.clamp(0, width - 1), rows.clamp(0, height - 1)
        return at((rows[..., :, None] * width + columns[..., None, :]).flatten(2))

    own = at(where[..., None])[:, :, 0]
    sides = torch.stack([(own[..., 2] - own[..., 0]) * width, (own[..., 3] - own[..., 1]) * height], 2)
    near = (sides * AROUND).long()
    boxes = around(near).mean(2)
    others = around(torch.maximum(near, (sides * MIDDLE).long().clamp_max(1)))
    overlap, _ = giou(boxes[:, :, None].expand_as(others).movedim(3, 1), others.movedim(3, 1))
    return boxes, overlap.mean(2)


def settled(found: Found) -> Found:
    """What is left of `peaks` once no box stands twice, the surest first; fetches numbers from the device."""
    boxes, scores, kinds = found.boxes, found.scores, found.classes
    kept = torch.cat(
        [
            suppressed(*some)
            for some in zip(
                *(each.split(max(1, _AT_ONCE // scores.shape[1] ** 2)) for each in (boxes, scores, kinds)), strict=True
            )
        ]
    )
    scores, order = torch.where(kept, scores, 0.0).sort(dim=1, descending=True, stable=True)
    return Found(boxes.gather(1, order[..., None].expand(-1, -1, 4)), scores, kinds.gather(1, order))


def suppressed(boxes: torch.Tensor, scores: torch.Tensor, kinds: torch.Tensor) -> torch.Tensor:
    """Which boxes N×K×4, the surest first, are kept: those that no surer kept one of their class overlaps by 0.6.

    All at once: until nothing changes, each is kept that none of those kept last time overlaps (Zheng et al. 2020),
    which ends where going through them one by one does.
    """
    low = torch.maximum(boxes[:, :, None, :2], boxes[:, None, :, :2])
    high = torch.minimum(boxes[:, :, None, 2:], boxes[:, None, :, 2:])
    both = (high - low).clamp_min(0).prod(3)
    areas = (boxes[..., 2:] - boxes[..., :2]).prod(2)
    either = areas[:, :, None] + areas[:, None] - both
    near = (both > OVERLAP * either) & (kinds[:, :, None] == kinds[:, None])
    near = near.triu(1) & (scores > 0)[:, :, None]
    kept = scores > 0
    for _ in range(boxes.shape[1]):
        now = (scores > 0) & ~(near & kept[:, :, None]).any(1)
        if torch.equal(now, kept):
            break
        kept = now
    return kept
