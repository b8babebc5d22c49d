"""Many processes training one network together: who they are, and what they tell each other.

Started by torchrun, each process runs the same program; PyTorch averages gradients, and everything else here is
small: a few numbers, so that all decide alike. Without torchrun there is one process and nothing is sent.
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import os
import warnings
from collections.abc import Iterator, Sequence

import torch
import torch.distributed as dist

_PATIENCE = datetime.timedelta(seconds=45)  # after which a silent process counts as hung, and all are started again
_GATHERING = datetime.timedelta(hours=2)  # for all to be there: one machine may still be decoding its images


@dataclasses.dataclass(frozen=True)
class Ranks:
    """A process among all. rank: its number, from 0; world: how many there are. The first one writes.

    group: PyTorch's for what they tell each other; None for its own of all processes.
    """

    rank: int = 0
    world: int = 1
    group: dist.ProcessGroup | None = None

    @property
    def is_first(self) -> bool:
        """Whether this is the process that writes and shows."""
        return self.rank == 0

    def most(self, numbers: Sequence[float]) -> list[float]:
        """The largest of each of these numbers over all processes. NaN wins."""
        if self.world == 1:
            return list(numbers)
        # gloo's maximum does not pass NaN on, and a loss that is not a number must be everyone's
        parts = self.gather(torch.tensor(numbers, dtype=torch.float64))
        largest: list[float] = parts.max(0).values.tolist()
        return largest

    def sum(self, tensor: torch.Tensor) -> torch.Tensor:
        """The sum over all processes."""
        if self.world > 1:
            tensor = tensor.clone()
            dist.all_reduce(tensor, group=self.group)
        return tensor

    def gather(self, tensor: torch.Tensor) -> torch.Tensor:
        """Every process's tensor, stacked by rank."""
        if self.world == 1:
            return tensor[None]
        parts = [torch.empty_like(tensor) for _ in range(self.world)]
        dist.all_gather(parts, tensor, group=self.group)
        return torch.stack(parts)

    def wait(self) -> None:
        """Go on when all have come here."""
        if self.world > 1:
            dist.barrier(group=self.group)

    def meet(self) -> None:
        """As `wait`, but for hours if need be: for what one process does alone before training."""
        if self.world > 1:
            dist.barrier()


def is_first_process() -> bool:
    """Whether this process is the one that shows and writes: always without torchrun, else that of rank 0."""
    return os.environ.get("RANK", "0") == "0"


def was_restarted() -> bool:
    """Whether torchrun has started this process again, after one of its kind was lost."""
    return int(os.environ.get("TORCHELASTIC_RESTART_COUNT", "0")) > 0


@contextlib.contextmanager
def joined() -> Iterator[Ranks]:
    """All processes that torchrun started, connected for as long as this runs; alone without torchrun."""
    if dist.is_available() and dist.is_initialized():
        yield Ranks(dist.get_rank(), dist.get_world_size())
        return
    world = int(os.environ.get("WORLD_SIZE", "1"))
    if world == 1:
        yield Ranks()
        return
    on_gpu = torch.cuda.is_available()
    if on_gpu:
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")))
    dist.init_process_group("cpu:gloo,cuda:nccl" if on_gpu else "gloo", timeout=_GATHERING)
    try:
        with warnings.catch_warnings():  # kernels of one channel have several equal layouts; PyTorch minds, and copies
            warnings.filterwarnings("ignore", message="Grad strides do not match bucket view strides")
            yield Ranks(dist.get_rank(), dist.get_world_size(), dist.new_group(timeout=_PATIENCE))
    finally:
        dist.destroy_process_group()
