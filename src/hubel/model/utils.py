"""What Keras keeps in `keras.utils`."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

__all__ = ["PyDataset", "Sequence", "set_random_seed", "to_categorical"]


def to_categorical(y: ArrayLike, num_classes: int | None = None) -> NDArray[np.float32]:
    """Turn whole numbers into one-hot rows: N → N×num_classes."""
    labels = np.asarray(y, dtype=np.int64).reshape(-1)
    return np.eye(num_classes or int(labels.max()) + 1, dtype=np.float32)[labels]


def set_random_seed(seed: int) -> None:
    """Seed Python, NumPy and PyTorch: what starts weights and shuffles."""
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)


class PyDataset:
    """A base for batches by number: write `__len__` and `__getitem__`, which gives (x, y) or (x, y, weights).

    `on_epoch_begin` and `on_epoch_end` are called where they exist. Batches are made one after the other; `workers`,
    `use_multiprocessing` and `max_queue_size` are taken and have no effect.
    """

    def __init__(self, workers: int = 1, use_multiprocessing: bool = False, max_queue_size: int = 10) -> None:
        self.workers, self.use_multiprocessing, self.max_queue_size = workers, use_multiprocessing, max_queue_size

    def __len__(self) -> int:
        raise NotImplementedError

    def __getitem__(self, index: int) -> Any:
        raise NotImplementedError


Sequence = PyDataset
