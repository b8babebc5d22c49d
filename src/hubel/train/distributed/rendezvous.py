"""How the processes that torchrun started find each other, and how they notice that one is lost."""

from __future__ import annotations

import contextlib
import datetime
import functools
import os
import warnings
import zlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

import torch
import torch.distributed as dist

from hubel.base.limits import most
from hubel.train.distributed.heartbeat import Heartbeat, called, opened
from hubel.train.distributed.ranks import LostProcessError, Ranks

if TYPE_CHECKING:
    from torch._C._distributed_c10d import Store

_PATIENCE = datetime.timedelta(seconds=45)  # after which a silent process counts as hung, and all are started again
_DOOR = "hubel/door"


def is_first_process() -> bool:
    """Whether this process is the one that shows and writes: always without torchrun, else that of rank 0."""
    return os.environ.get("RANK", "0") == "0"


def job() -> str:
    """What torchrun calls this start of the line, restarts included; "" without torchrun."""
    return os.environ.get("TORCHELASTIC_RUN_ID", "")


def was_restarted() -> bool:
    """Whether torchrun has started this process again, after one of its kind was lost."""
    return int(os.environ.get("TORCHELASTIC_RESTART_COUNT", "0")) > 0


def several() -> bool:
    """Whether this process trains together with others."""
    if dist.is_available() and dist.is_initialized():
        return dist.get_world_size() > 1
    return int(os.environ.get("WORLD_SIZE", "1")) > 1


@contextlib.contextmanager
def joined() -> Iterator[Ranks]:
    """All processes that torchrun started, connected for as long as this runs; alone without torchrun.

    Raises LostProcessError where another process ends or hangs meanwhile.
    """
    if dist.is_available() and dist.is_initialized():
        with noticing_loss():
            yield Ranks(dist.get_rank(), dist.get_world_size(), dist.new_group(timeout=_PATIENCE))
        return
    if not several():
        yield Ranks()
        return
    world = int(os.environ["WORLD_SIZE"])
    on_gpu = torch.cuda.is_available()
    if on_gpu:
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")))
    rank, heartbeat = int(os.environ["RANK"]), _heartbeat()
    with noticing_loss(), heartbeat.needed():
        store = _gathered(heartbeat)
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


def start_heartbeat() -> None:
    """Show the other processes that torchrun started that this one lives, from here on.

    `train` and `resume` do so when they begin. Called before long work, such as decoding images, it lets the others
    wait for as long as that takes, and notice where it hangs. Raises LostProcessError where the first process does not
    come in the seconds of `limits.most("waiting")`.
    """
    if several() and not (dist.is_available() and dist.is_initialized()):
        _heartbeat()


def _gathered(heartbeat: Heartbeat) -> Store:
    """What all processes read and write, once all are there."""
    host = os.environ["MASTER_ADDR"]
    open_store = functools.partial(dist.TCPStore, host, timeout=_PATIENCE, wait_for_workers=False)  # type: ignore[attr-defined]
    if heartbeat.rank:
        return open_store(heartbeat.meet(0, most("waiting")))
    store = open_store(0, is_master=True)
    heartbeat.meet(store.port, most("waiting"))
    return store


@functools.cache
def _heartbeat() -> Heartbeat:
    """The line of this process to the others, for as long as it lives.

    Torchrun may lend its processes a store, which still holds what they wrote before a restart (pytorch#135712). There,
    only the address of the first one is looked up.
    """
    rank, world = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
    host, port = os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"])
    token, patience = zlib.crc32(b"hubel " + job().encode()), _PATIENCE.total_seconds()
    lent = os.environ.get("TORCHELASTIC_USE_AGENT_STORE") == "True"
    shared = dist.TCPStore(host, port, wait_for_workers=False) if lent else None  # type: ignore[attr-defined]
    if rank == 0:
        door = opened(0 if lent else port)
        if shared is not None:
            shared.set(_DOOR, str(door.getsockname()[1]))
        return Heartbeat(rank, world, patience, door, token)

    def ask() -> int:
        if shared is None:
            return port
        return int(shared.get(_DOOR)) if shared.check([_DOOR]) else 0

    return Heartbeat(rank, world, patience, called(host, ask, token, patience, most("waiting")), token)
