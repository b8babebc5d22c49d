"""How the processes that torchrun started find each other, and how they notice that one is lost."""

from __future__ import annotations

import contextlib
import datetime
import functools
import itertools
import os
import socket
import time
import warnings
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import torch
import torch.distributed as dist

from hubel.train._ranks import LostProcessError, Ranks

if TYPE_CHECKING:
    from torch._C._distributed_c10d import Store

_PATIENCE = datetime.timedelta(seconds=45)  # after which a silent process counts as hung, and all are started again
_GATHERING = datetime.timedelta(hours=2)  # for all to be there: one machine may still be decoding its images
_meetings = itertools.count()


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
