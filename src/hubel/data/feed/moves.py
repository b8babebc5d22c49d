"""Where augmentation moves the pixels of a batch's images, and what lies on them: planes, points, boxes, pictures."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING

from hubel.data.feed.device import constant

if TYPE_CHECKING:
    import torch

SEEN = 0.25  # of an object's box, where nothing else is said


@dataclasses.dataclass(frozen=True)
class Moves:
    """Where the pixels of a batch's images go, in this order; None for what does not happen.

    shape: height and width of the images; size: of what is seen of them. shift, steps: by up to so many pixels, and
    from where on (down and to the right, int64 B each, 0 to 2·shift). flip: a number an image, mirrored below one half.
    views: affine maps B×2×3 from places in what is seen to places in the image, both from -1 to 1. mirrors: whether
    what comes in from outside is the image mirrored, not a ground. whole: whether views show upright parts whose edges
    lie between pixels. seen: of a box, the share of its area that has to be seen for it to count, of all images or of
    each, B×1.

    Places are (x, y) in pixels from the top left corner; the middle of the first pixel is (0.5, 0.5).
    """

    shape: tuple[int, int]
    size: tuple[int, int]
    shift: int = 0
    steps: tuple[torch.Tensor, torch.Tensor] | None = None
    flip: torch.Tensor | None = None
    updown: torch.Tensor | None = None
    views: torch.Tensor | None = None
    mirrors: bool = False
    whole: bool = False
    seen: float | torch.Tensor = SEEN

    def apply(self, images: torch.Tensor, outside: int | None, mode: str = "bilinear") -> torch.Tensor:
        """Move uint8 images B×H×W×C, or planes of classes with the mode "nearest"; what comes in from outside is of
        this level, or mirrored where None.
        """
        import torch

        from hubel.data.feed import transform

        if self.steps is not None:
            every = torch.arange(len(images), device=images.device)
            images = transform.windows(transform.padded(images, self.shift, outside), every, *self.steps, self.shift)
        if self.views is not None and self.whole and images.device.type == "cpu":
            none = torch.zeros(len(images)) > 0
            mirrored = [none if each is None else each < 0.5 for each in (self.flip, self.updown)]
            return transform.parts(images, self.views, torch.stack(mirrored, 1), outside, mode, self.size)
        for number, axis in ((self.flip, 2), (self.updown, 1)):
            images = images if number is None else transform.flipped(images, number, axis)
        return images if self.views is None else transform.warped(images, self.views, outside, mode, self.size)

    def planes(self, planes: torch.Tensor, outside: int) -> torch.Tensor:
        """Planes of classes, uint8 B×H×W, moved as the images are, the nearest pixel's class; outside of a ground there
        is the class `outside`.
        """
        return self.apply(planes[..., None], None if self.mirrors else outside, "nearest")[..., 0]

    def maps(self) -> torch.Tensor | None:
        """Affine maps from places in an image to those in what is seen, float64 B×2×3; None where nothing moves."""
        import torch

        steps = self.steps[0] if self.steps else None
        known = [each for each in (steps, self.flip, self.updown, self.views) if each is not None]
        if not known:
            return None
        found = torch.eye(3, dtype=torch.float64, device=known[0].device).repeat(len(known[0]), 1, 1)
        if self.steps is not None:
            found[:, 0, 2], found[:, 1, 2] = (self.shift - step.double() for step in self.steps[::-1])
        for row, number, side in ((0, self.flip, self.shape[1]), (1, self.updown, self.shape[0])):
            if number is not None:
                across = found[:, row] * -1.0
                across[:, 2] += side
                found[:, row] = torch.where((number < 0.5)[:, None], across, found[:, row])
        if self.views is not None:
            before, after = (constant(side[::-1], found.device, torch.float64) for side in (self.shape, self.size))
            linear = before[:, None] * self.views[:, :, :2].double() / after
            start = before / 2 * (self.views[:, :, 2].double() + 1 - self.views[:, :, :2].double().sum(2))
            back = torch.linalg.inv_ex(linear).inverse  # whose check the processor would wait for
            seen = torch.eye(3, dtype=torch.float64, device=found.device).repeat(len(found), 1, 1)
            seen[:, :2, :2], seen[:, :2, 2] = back, -(back @ start[:, :, None])[:, :, 0]
            found = seen @ found
        return found[:, :2]

    def points(self, points: torch.Tensor) -> torch.Tensor:
        """Places B×P×2 (x, y) moved as the images are, wherever they come to lie; of left and right see `swapped`."""
        maps = self.maps()
        if maps is None:
            return points
        moved = points.double() @ maps[:, :, :2].transpose(1, 2) + maps[:, None, :, 2]
        return moved.to(points.dtype)

    def swapped(self, points: torch.Tensor, pairs: Sequence[tuple[int, int]]) -> torch.Tensor:
        """Points B×P×…, those of each pair exchanged where the image is mirrored: the left ear is the right then, but
        not where it is mirrored both ways, which turns it.
        """
        import torch

        known = [each < 0.5 for each in (self.flip, self.updown) if each is not None]
        if not known or not pairs:
            return points
        order = torch.arange(points.shape[1], device=points.device)
        for left, right in pairs:
            order[left], order[right] = right, left
        mirrored = torch.stack(known).sum(0) == 1
        return torch.where(mirrored.view(-1, *[1] * (points.dim() - 1)), points[:, order], points)

    def boxes(self, boxes: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Boxes B×N×4 (left, top, right, bottom) around where the images' boxes come to lie, clipped to what is seen;
        and how much of each box's area that is, B×N, from 0 to 1. A box that is turned is larger than what it holds.
        """
        import torch

        left, top, right, bottom = boxes.unbind(-1)
        corners = torch.stack([left, top, right, top, right, bottom, left, bottom], -1)
        corners = self.points(corners.reshape(len(boxes), -1, 2)).reshape(*boxes.shape[:2], 4, 2)
        low, high = corners.amin(2), corners.amax(2)
        edge = constant(self.size[::-1], boxes.device, boxes.dtype)
        inside = low.clamp_min(0).minimum(edge), high.clamp_min(0).minimum(edge)
        whole, part = ((last - first).prod(-1) for first, last in ((low, high), inside))
        return torch.cat(inside, -1), torch.where(whole > 0, part / whole.clamp_min(1e-12), 0.0)
