"""Images in memory that are shifted, as quickly as they are taken."""

from __future__ import annotations

import torch

from hubel.data.feed.augment import Augmentation
from hubel.data.feed.device import sent
from hubel.data.feed.transform import padded, windows


class Moving:
    """A set's images, padded once by what they may be moved; an epoch's moves are drawn at once.

    images: uint8, N×(H + 2·shift)×(W + 2·shift)×C. size: positions of an epoch.
    """

    def __init__(self, images: torch.Tensor, augmentation: Augmentation, seed: int, size: int) -> None:
        self.images = padded(images, augmentation.shift, augmentation.fill)
        self.augmentation, self.seed, self.size = augmentation, seed, size
        self._epoch, self._steps = -1, torch.empty(2, 0)

    def take(self, epoch: int, indices: torch.Tensor, positions: torch.Tensor) -> torch.Tensor:
        """The images at `indices` (int64, B), moved as those at these positions of the epoch are: uint8, B×H×W×C."""
        if epoch != self._epoch:
            steps = self.augmentation.steps(self.seed, epoch, torch.arange(self.size))
            self._epoch, self._steps = epoch, sent(torch.stack(steps), self.images.device)
        down, right = self._steps[:, sent(positions, self.images.device)]
        return windows(self.images, indices, down, right, self.augmentation.shift)
