"""The same bits each time on a GPU, some of whose kernels add in whatever order their threads come."""

from __future__ import annotations

import contextlib
import os
import re
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import torch

_WITHOUT = re.compile(r"^(\w+).* does not have a deterministic implementation")


@contextlib.contextmanager
def same_bits(device: str, wanted: bool, tell: Callable[[str], None]) -> Iterator[None]:
    """Have PyTorch take deterministic kernels while this runs, where `wanted` on a CUDA device; afterwards all is as it
    was. `tell` hears once of each operation that has none, by which two equal runs may end in other bits.
    """
    if not wanted or not device.startswith("cuda"):
        yield
        return
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # read when a process first multiplies on the GPU
    before = torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled()
    memory: Any = torch.utils.deterministic
    kernels, fill = torch.backends.cudnn.deterministic, memory.fill_uninitialized_memory
    show, told = warnings.showwarning, set[str]()

    def shown(message: Warning | str, *more: Any, **others: Any) -> None:
        found = _WITHOUT.match(str(message))
        if found is None:
            show(message, *more, **others)
        elif found[1] not in told:
            told.add(found[1])
            tell(f"{found[1]}: no kernel on {device} that gives the same bits each time; equal runs may differ")

    try:
        torch.use_deterministic_algorithms(True, warn_only=True)
        torch.backends.cudnn.deterministic = True
        memory.fill_uninitialized_memory = False  # hubel reads nothing that it has not written
        with warnings.catch_warnings():
            warnings.filterwarnings("always", message=".*deterministic implementation")
            warnings.showwarning = shown
            yield
    finally:
        warnings.showwarning = show
        torch.backends.cudnn.deterministic, memory.fill_uninitialized_memory = kernels, fill
        torch.use_deterministic_algorithms(before[0], warn_only=before[1])
