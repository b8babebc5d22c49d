"""Gradients averaged over processes with a GPU each, while the backward pass still runs; always in the same pieces."""

from __future__ import annotations

import torch.distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel

_MIB = 25  # of gradients that are sent at once: PyTorch's own number, written down since it decides the last bits


def averaged_over(module: nn.Module, group: dist.ProcessGroup | None = None) -> DistributedDataParallel:
    """The module, which exchanges gradients with those of the other processes whenever it goes backwards.

    Without looking for unused parameters PyTorch lays its buckets out anew after the first step, by the order in which
    gradients came, and a resumed run would add gradients in another order than the run that was never stopped.
    """
    return DistributedDataParallel(module, process_group=group, bucket_cap_mb=_MIB, find_unused_parameters=True)
