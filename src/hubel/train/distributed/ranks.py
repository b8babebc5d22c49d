"""What processes that train one network together tell each other: gradients, and a few numbers, so that all decide
alike. Where there is one process, nothing is sent.
"""

from __future__ import annotations

import contextlib
import dataclasses
import threading
from collections.abc import Callable, Iterator, Sequence

import torch
import torch.distributed as dist
from torch import nn

from hubel.base.errors import TrainingError

_SIGN_OF_LIFE = 5.0  # seconds between two, from one that works while the others wait
_PIECE = 2**22  # numbers sent at once
_BUSY, _DONE, _FAILED = range(3)


class LostProcessError(TrainingError, RuntimeError):
    """Another process of this training ended, or has been silent for 45 seconds. Torchrun starts all again."""


class DisagreementError(TrainingError, RuntimeError):
    """Processes that should train one network were started with different data, networks, recipes or versions."""


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

    def of_first(self, number: int) -> int:
        """The first process's number."""
        return int(self.gather(torch.tensor(number))[0])

    def sum(self, tensor: torch.Tensor) -> torch.Tensor:
        """The sum over all processes. What is given by coordinates stays so."""
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

    def words(self, own: str) -> list[str]:
        """Every process's words, by rank."""
        content = own.encode(errors="surrogateescape")
        lengths = self.gather(torch.tensor(len(content))).tolist()
        padded = torch.zeros(max(lengths), dtype=torch.uint8)
        padded[: len(content)] = torch.tensor(list(content), dtype=torch.uint8)
        rows = self.gather(padded)
        return [
            bytes(row[:length].tolist()).decode(errors="surrogateescape")
            for row, length in zip(rows, lengths, strict=True)
        ]

    def average(self, module: nn.Module) -> None:
        """Replace the module's gradients by their means over all processes, and what its normalisation has measured by
        what the first one's has.

        As PyTorch's DistributedDataParallel does it, but always in the same pieces, so that a resumed run adds in the
        same order, and without that one's import of a compiler, which takes each process a second at each restart. It
        does not compute meanwhile, which on processors would gain little.
        """
        if self.world == 1:
            return
        gradients = [parameter.grad for parameter in module.parameters() if parameter.grad is not None]
        under_way = []
        for piece in _pieces(gradients):
            flat = torch.cat([gradient.reshape(-1) for gradient in piece])
            under_way.append((piece, flat, dist.all_reduce(flat, group=self.group, async_op=True)))
        for piece, flat, work in under_way:
            work.wait()
            _put(piece, flat / self.world)
        self._share([buffer for buffer in module.buffers() if buffer.is_floating_point()])

    def share(self, module: nn.Module) -> None:
        """Give all processes the first one's weights: machines of different kinds may draw others in the last bits."""
        if self.world > 1:
            self._share([tensor for tensor in module.state_dict().values() if tensor.is_floating_point()])

    def _share(self, tensors: Sequence[torch.Tensor]) -> None:
        for piece in _pieces(tensors):
            flat = torch.cat([tensor.reshape(-1) for tensor in piece])
            dist.broadcast(flat, 0, group=self.group)
            _put(piece, flat)

    def wait(self) -> None:
        """Go on when all have come here."""
        if self.world > 1:
            dist.barrier(group=self.group)

    def alone(self, work: Callable[[], object]) -> None:
        """Let the first process work for as long as it takes, hours if need be, while the others wait.

        It says every few seconds that it lives. Raises, in the others, LostProcessError where it does not any more, or
        where its work failed.
        """
        if self.world == 1:
            work()
        elif self.is_first:
            with self._signs_of_life():
                work()
        else:
            heard = _BUSY
            while heard == _BUSY:
                heard = self._tell(_BUSY)
            if heard == _FAILED:
                raise LostProcessError("the first process could not begin; its own message says why")

    @contextlib.contextmanager
    def _signs_of_life(self) -> Iterator[None]:
        over = threading.Event()

        def live() -> None:
            with contextlib.suppress(RuntimeError):  # one is lost, as the next thing that they do together shows
                while not over.wait(_SIGN_OF_LIFE):
                    self._tell(_BUSY)

        thread = threading.Thread(target=live, name="signs of life", daemon=True)
        thread.start()
        how = _FAILED
        try:
            yield
            how = _DONE
        finally:
            over.set()
            thread.join()
            with contextlib.suppress(RuntimeError):
                self._tell(how)

    def _tell(self, number: int) -> int:
        told = torch.tensor(number)
        dist.broadcast(told, 0, group=self.group)
        return int(told)


def _pieces(tensors: Sequence[torch.Tensor]) -> Iterator[list[torch.Tensor]]:
    """Tensors in as many lists as to be sent at once."""
    piece: list[torch.Tensor] = []
    numbers = 0
    for tensor in tensors:
        piece.append(tensor)
        numbers += tensor.numel()
        if numbers > _PIECE:
            yield piece
            piece, numbers = [], 0
    if piece:
        yield piece


def _put(tensors: Sequence[torch.Tensor], flat: torch.Tensor) -> None:
    with torch.no_grad():
        for tensor, part in zip(tensors, flat.split([each.numel() for each in tensors]), strict=True):
            tensor.copy_(part.view(tensor.shape))
