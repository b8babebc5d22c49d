"""PyTorch's one random generator, which all threads of a process share: of hubel's, one at a time draws from it."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch

from hubel.base.forks import fresh_in_child

drawing = threading.RLock()
"""Held while what is drawn is to follow from a seed. Trainings in threads take turns by it, a step each."""

fresh_in_child(drawing)


@contextmanager
def own_randomness(seed: int | None = None, devices: Sequence[int] = ()) -> Iterator[None]:
    """Draw without being seen: afterwards the random state is as it was. It starts from `seed` where one is given.

    devices: the CUDA devices whose states are meant too.
    """
    with drawing, torch.random.fork_rng(devices=devices):
        if seed is not None:
            torch.manual_seed(seed)
        yield
