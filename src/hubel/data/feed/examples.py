"""A data set as PyTorch's loaders want one: example by example, as the network takes it."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch.utils import data

from hubel.data._dataset import Dataset
from hubel.data.prepare.preprocessing import Preprocessing


class Examples(data.Dataset[tuple[torch.Tensor, Any]]):
    """A map-style data set for `torch.utils.data.DataLoader`: (image, target) by position.

    An image is float32 C×H×W, normalised by `preprocessing`; a target is what the set says of it (of classification its
    class, int64). `Dataset.examples` makes it. A batch's images are taken and normalised at once.
    """

    def __init__(self, dataset: Dataset, preprocessing: Preprocessing) -> None:
        self.dataset, self.preprocessing = dataset, preprocessing
        self.images, self.targets = dataset.tensors()

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, position: int) -> tuple[torch.Tensor, Any]:
        return self.__getitems__([position])[0]

    def __getitems__(self, positions: list[int]) -> list[tuple[torch.Tensor, Any]]:
        """Several examples, as loaders ask for a batch's."""
        at = np.asarray(positions)
        images = self.preprocessing.normalise(self.images[at])
        return [(image, self.targets[place]) for image, place in zip(images, positions, strict=True)]
