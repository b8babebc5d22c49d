"""Batches for training: which images come when, taken from memory or a memory map, changed, on the device."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING

import numpy as np

from hubel.base.errors import SettingError
from hubel.data._dataset import Dataset
from hubel.data.cache.sums import sums_of
from hubel.data.feed.augment import Augmentation
from hubel.data.feed.device import leaves_room, sent
from hubel.data.feed.order import BalancedOrder, Order, Repeated, Streams, batch

if TYPE_CHECKING:
    import torch

    from hubel.data.feed.read_ahead import MappedImages
    from hubel.data.feed.shift_cache import Moving


@dataclasses.dataclass(frozen=True)
class Batch:
    """One step's examples.

    images: uint8, B×H×W×C; targets: of each, along the first axis (labels: int64, B). positions: int64, B, on the
    processor: where in the epoch they come. With mixup, `share` (float32, B) of each image is its own and the rest is
    of an image whose targets are `others`; the loss is mixed likewise. None without.
    """

    images: torch.Tensor
    targets: torch.Tensor
    positions: torch.Tensor
    others: torch.Tensor | None = None
    share: torch.Tensor | None = None

    def parts(self, largest: int) -> list[Batch]:
        """The batch in as few parts of at most `largest` images as there can be, of the same size but for one image;
        itself where `largest` is 0.
        """
        number = -(-len(self.positions) // largest) if largest else 1
        if number == 1:
            return [self]
        fields = [getattr(self, field.name) for field in dataclasses.fields(self)]
        split = [[None] * number if value is None else value.tensor_split(number) for value in fields]
        return [Batch(*values) for values in zip(*split, strict=True)]


class Batches:
    """The batches of every epoch of a training set.

    Step s of epoch e sees positions s·size to (s + 1)·size of `order.epoch(e)`, its targets' own where none is given;
    each of `world` processes takes an equal stretch of them, the one numbered `rank` its own. The last images of an
    epoch that fill no batch are left out; since the order changes, they are others every time. So all is a function of
    seed, epoch and step, and the union over the processes is the same whatever their number.

    Sets that fill less than half of a GPU's free memory go there whole. Others stay in memory, or on the disk where
    they lie in a memory map, of which no more than about 256 MiB are held (128 MiB asked for, and what the system maps
    around them) besides three batches. The next batch is taken while the current one is used: for a GPU by a thread,
    for a processor by the system alone, since there a thread would take turns with those that compute.

    Raises ValueError where `size` exceeds the set or does not divide among the processes.
    """

    def __init__(
        self,
        dataset: Dataset,
        size: int,
        seed: int,
        augmentation: Augmentation | None = None,
        *,
        device: torch.device | str = "cpu",
        rank: int = 0,
        world: int = 1,
        order: Order | BalancedOrder | Repeated | Streams | None = None,
    ) -> None:
        if not 0 <= rank < world:
            raise SettingError(f"expected a rank from 0 to {world - 1}, received {rank}")
        if not 1 <= size <= len(dataset):
            raise SettingError(f"expected batches of 1 to {len(dataset):,} images (all there are), received {size:,}")
        if size % world:
            raise SettingError(
                f"expected a batch size that {world} processes can share equally, received {size}; "
                f"{size // world * world or world} would do"
            )
        import torch

        from hubel.data.feed.read_ahead import mapped

        self.size, self.seed, self.rank, self.world = size, seed, rank, world
        self.augmentation = augmentation or Augmentation()
        self.device = torch.device(device)
        self.order = order or dataset.targets.order(seed, size)
        self.steps = self.order.size // size
        images, targets = dataset.tensors()
        self._moved = dataset.targets.moved if dataset.targets.moves else None
        self._around = dataset.targets.around
        self._map, self._sums = mapped(dataset.images), sums_of(dataset.images)
        room = leaves_room(images.nbytes, self.device)
        self._is_there = self._map is None if room is None else room  # all of it lies where it is used
        if self._is_there:
            if self._sums is not None:
                self._sums.check(np.arange(len(dataset)), dataset.images)
            images, targets = sent(images, self.device), sent(targets, self.device)
        self._moving: Moving | None = None
        self._changes = self.augmentation
        if self._is_there and self.augmentation.shift:
            from hubel.data.feed.shift_cache import Moving

            self._moving = Moving(images, self.augmentation, seed, self.order.size)
            images = self._moving.images
            self._changes = dataclasses.replace(self.augmentation, shift=0)
        self._images, self._targets = images, targets

    def __len__(self) -> int:
        return self.steps

    def vary(self, augmentation: Augmentation) -> None:
        """Change images so in the epochs that follow; shifting stays as it is."""
        shifted = dataclasses.replace(augmentation, shift=self.augmentation.shift)
        self.augmentation, self._changes = shifted, dataclasses.replace(shifted, shift=self._changes.shift)

    def epoch(self, number: int, start: int = 0) -> Iterator[Batch]:
        """The batches of epoch `number` (from 0) from step `start` on."""
        order = self.order.epoch(number)
        steps = range(start, self.steps)
        if self._is_there:
            order = sent(order, self.device)
            return (self._take(number, order, step) for step in steps)
        if self._map is not None and self.device.type == "cpu":
            return self._expected(self._map, number, order, steps)
        return self._ahead(number, order, steps)

    def _expected(self, images: MappedImages, epoch: int, order: torch.Tensor, steps: range) -> Iterator[Batch]:
        for step in steps:
            if step + 1 < steps.stop:
                images.expect(order[self._places(step + 1)])
            yield self._take(epoch, order, step)

    def _ahead(self, epoch: int, order: torch.Tensor, steps: range) -> Iterator[Batch]:
        with ThreadPoolExecutor(1, thread_name_prefix="batches") as reader:
            waiting: Future[Batch] | None = None
            for step in steps:
                waiting = waiting or reader.submit(self._take, epoch, order, step)
                ready = waiting.result()
                waiting = reader.submit(self._take, epoch, order, step + 1) if step + 1 < steps.stop else None
                yield ready

    def _take(self, epoch: int, order: torch.Tensor, step: int) -> Batch:
        import torch

        places = self._places(step)
        positions = torch.arange(places.start, places.stop)
        images, targets = self._changed(epoch, order[places], positions)
        if not self.augmentation.mixup:
            return Batch(images, targets, positions)
        from hubel.data.feed.transform import mixed

        partners = self.augmentation.partners(self.seed, epoch, positions, len(order))
        # the other image is changed as it would be at its own place in the epoch
        others, other_targets = self._changed(epoch, order[sent(partners, order.device)], partners)
        own = self.augmentation.shares(self.seed, epoch, positions, images.device)
        return Batch(mixed(images, others, own), targets, positions, other_targets, own)

    def _places(self, step: int) -> slice:
        """The positions of the epoch that are for this process in this step."""
        share = self.size // self.world
        first = step * self.size + self.rank * share
        return slice(first, first + share)

    def _changed(self, epoch: int, indices: torch.Tensor, positions: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        if self._moving is None:
            images, targets = self._gather(indices)
        else:
            images, targets = self._moving.take(epoch, indices, positions), self._targets.index_select(0, indices)
        around = self._around(targets)
        if self._moved is not None:
            moves = self.augmentation.moves(images.shape, self.seed, epoch, positions, targets.device, around)
            targets = self._moved(targets, moves)
        return self._changes.apply(images, self.seed, epoch, positions, around), targets

    def _gather(self, indices: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        images, targets = batch(self._images, self._targets, indices)
        if self._sums is not None and not self._is_there:
            self._sums.check(indices.numpy(), images.numpy())
        if self._map is not None and not self._is_there:
            self._map.count(images)
        if self._is_there or self.device.type == "cpu":
            return images, targets
        return sent(images, self.device), sent(targets, self.device)
