"""Many processes training one network together: who they are, and what they tell each other.

Started by torchrun, each process runs the same program; PyTorch averages gradients, and everything else here is
small: a few numbers, so that all decide alike. Without torchrun there is one process and nothing is sent.
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import functools
import itertools
import os
import socket
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

import torch
import torch.distributed as dist
from torch import nn

if TYPE_CHECKING:
    from torch._C._distributed_c10d import Store

_PATIENCE = datetime.timedelta(seconds=45)  # after which a silent process counts as hung, and all are started again
_GATHERING = datetime.timedelta(hours=2)  # for all to be there: one machine may still be decoding its images
_SIGN_OF_LIFE = 5.0  # seconds between two, from one that works while the others wait
_PIECE = 2**22  # numbers sent at once
_BUSY, _DONE, _FAILED = range(3)
_meetings = itertools.count()


class LostProcessError(RuntimeError):
    """Another process of this training ended, or has been silent for 45 seconds. Torchrun starts all again."""


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
    for tensor in tensors:
        piece.append(tensor)
        if sum(each.numel() for each in piece) > _PIECE:
            yield piece
            piece = []
    if piece:
        yield piece


def _put(tensors: Sequence[torch.Tensor], flat: torch.Tensor) -> None:
    with torch.no_grad():
        for tensor, part in zip(tensors, flat.split([each.numel() for each in tensors]), strict=True):
            tensor.copy_(part.view(tensor.shape))


def is_first_process() -> bool:
    """Whether this process is the one that shows and writes: always without torchrun, else that of rank 0."""
    return os.environ.get("RANK", "0") == "0"


def was_restarted() -> bool:
    """Whether torchrun has started this process again, after one of its kind was lost."""
    return int(os.environ.get("TORCHELASTIC_RESTART_COUNT", "0")) > 0


@contextlib.contextmanager
def joined() -> Iterator[Ranks]:
    """All processes that torchrun started, connected for as long as this runs; alone without torchrun.

    Raises LostProcessError where another process ends or hangs meanwhile.
    """
    if dist.is_available() and dist.is_initialized():
        with noticing_loss():
            yield Ranks(dist.get_rank(), dist.get_world_size(), dist.new_group(timeout=_PATIENCE))
        return
    world = int(os.environ.get("WORLD_SIZE", "1"))
    if world == 1:
        yield Ranks()
        return
    on_gpu = torch.cuda.is_available()
    if on_gpu:
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")))
    rank = int(os.environ["RANK"])
    with noticing_loss():
        store = _gathered(rank, world)
        dist.init_process_group(
            "cpu:gloo,cuda:nccl" if on_gpu else "gloo", store=store, rank=rank, world_size=world, timeout=_PATIENCE
        )
        try:
            with warnings.catch_warnings():  # kernels of one channel have several equal layouts; PyTorch copies
                warnings.filterwarnings("ignore", message="Grad strides do not match bucket view strides")
                yield Ranks(rank, world)
        finally:
            dist.destroy_process_group()


@contextlib.contextmanager
def noticing_loss() -> Iterator[None]:
    """Raise LostProcessError where PyTorch finds that another process ended or hangs."""
    try:
        yield
    except LostProcessError:
        raise
    except RuntimeError as error:
        # gloo's errors have no class of their own; most begin with the place in its source
        if not (isinstance(error, dist.DistError) or "/gloo/" in str(error) or "pair closure" in str(error)):
            raise
        raise LostProcessError(
            "another process of this training ended or hangs; nothing is lost up to the last checkpoint, from which "
            "torchrun goes on if it may (--max-restarts)"
        ) from error


def _gathered(rank: int, world: int) -> Store:
    """What all processes read and write, once all are there, which may take hours."""
    store = _store(rank)
    store = dist.PrefixStore(f"meeting {next(_meetings)}", store)  # type: ignore[attr-defined]
    if store.add("here", 1) == world:
        store.set("all", "here")
    store.wait(["all"], _GATHERING)
    return store


@functools.cache
def _store(rank: int) -> Store:
    """The first process's store, a new one after each restart.

    One that torchrun lends to its processes still holds what they wrote before a restart, and who reads that waits for
    processes that are no more (pytorch#135712). There, only the address of the first one's own is looked up.
    """
    open_store = functools.partial(dist.TCPStore, timeout=_GATHERING, wait_for_workers=False)  # type: ignore[attr-defined]
    host, port = os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"])
    lent = os.environ.get("TORCHELASTIC_USE_AGENT_STORE") == "True"
    shared = open_store(host, port) if lent else None
    store: Store
    if rank == 0:
        store = open_store(host, 0 if lent else port, is_master=True)
        if shared is not None:
            shared.set("hubel/port", str(store.port))
    else:
        asked = (lambda: port) if shared is None else (lambda: int(shared.get("hubel/port")))
        store = open_store(host, _listened_to(host, asked, _GATHERING.total_seconds()))
    return store


def _listened_to(host: str, ask: Callable[[], int], seconds: float) -> int:
    """The port that is asked for, once someone listens there. PyTorch by itself would look more and more rarely."""
    end = time.monotonic() + seconds
    while True:
        port = ask()
        try:
            socket.create_connection((host, port), timeout=10).close()
        except OSError as error:
            if time.monotonic() > end:
                raise LostProcessError(f"{host}:{port}: the first process did not come: {error}") from error
            time.sleep(0.02)
        else:
            return port
