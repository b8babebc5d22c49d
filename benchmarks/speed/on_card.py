"""What is measured on a GPU: where it runs, paces of steps, and a step of hubel's own."""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch

from hubel.arch import Network
from hubel.data import Dataset, Preprocessing
from hubel.plan import DEVICES, Device
from hubel.tasks import task_of
from hubel.train import Recipe
from hubel.train.loop.machine.autotune import autotune
from hubel.train.loop.machine.recorded import cuda_graph
from hubel.train.loop.ways.supervised import Supervised


class Bench:
    """Where it runs, how much of it, and what was found."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.rehearsal: bool = options.rehearse
        self.device = torch.device("cpu" if self.rehearsal else "cuda")
        self.data: str | None = options.data
        self.found: dict[str, Any] = {"parts": {}}
        self.began = time.perf_counter()

    def sync(self) -> None:
        """Wait for the GPU."""
        if self.device.type == "cuda":
            torch.cuda.synchronize()

    def pace(self, step: Callable[[], object], seconds: float, warm: int = 8) -> list[float]:
        """Seconds a step of five groups of steps, after some that are not counted."""
        for _ in range(1 if self.rehearsal else warm):
            step()
        self.sync()
        start = time.perf_counter()
        step()
        self.sync()
        once = max(1e-6, time.perf_counter() - start)
        each = 1 if self.rehearsal else max(3, min(400, int(seconds / 5 / once)))
        groups = []
        for _ in range(2 if self.rehearsal else 5):
            start = time.perf_counter()
            for _ in range(each):
                step()
            self.sync()
            groups.append((time.perf_counter() - start) / each)
        return groups

    def small(self, usual: int, rehearsed: int) -> int:
        """A number, and the one for a rehearsal."""
        return rehearsed if self.rehearsal else usual


def spread(values: list[float]) -> dict[str, float]:
    """Median and range."""
    return {"median": statistics.median(values), "lowest": min(values), "highest": max(values)}


def pictures(count: int, size: int, classes: int) -> Dataset:
    """Noise with labels: what a step takes does not hang on what is shown."""
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (count, size, size, 3), dtype=np.uint8)
    labels = np.arange(count, dtype=np.int64) % classes
    return Dataset(images, labels, tuple(f"class {number}" for number in range(classes)), name="noise")


def hubel_step(bench: Bench, network: Network, data: Dataset, recipe: Recipe) -> Callable[[], object]:
    """A step of hubel's own training, its batch and all, each time another."""
    from hubel.data import Augmentation, Batches

    preprocessing, task = Preprocessing.for_dataset(data), task_of(data)
    recipe = autotune(recipe, Supervised, network, task, data, preprocessing)
    how = Supervised(network, recipe, task, preprocessing, data)
    feed = Batches(data, recipe.batch_size, 0, Augmentation.parse("flip"), device=bench.device)

    def endless() -> Iterator[Any]:
        epoch = 0
        while True:
            yield from feed.epoch(epoch)
            epoch += 1

    batches, number = endless(), 0

    def step() -> None:
        nonlocal number
        how(next(batches), 0.01, number)
        number += 1

    return step


def recorded(step: Callable[[], torch.Tensor]) -> Callable[[], torch.Tensor]:
    """A step as a CUDA graph, after a few on a stream of their own."""
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(3):
            step()
    torch.cuda.current_stream().wait_stream(stream)
    return cuda_graph(step)


def card_of() -> Device | None:
    """The data sheet of this card, where hubel has it."""
    if not torch.cuda.is_available():
        return None
    name = torch.cuda.get_device_name().lower()
    longest_first = sorted(DEVICES, key=len, reverse=True)
    return next((DEVICES[key] for key in longest_first if all(word in name for word in key.split("-"))), None)
