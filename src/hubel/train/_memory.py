"""Whether a step of training fits into memory, before the system ends the process for trying."""

from __future__ import annotations

from pathlib import Path

import torch

from hubel.arch import Network, largest_batch, training_memory
from hubel.train._recipe import Recipe

_LIMIT = Path("/sys/fs/cgroup/memory.max")  # of a container


class NotEnoughMemoryError(MemoryError):
    """Training does not fit: by how much, and which batch would."""


def check_memory(network: Network, recipe: Recipe, world: int = 1) -> None:
    """Raise NotEnoughMemoryError where one process's share of a batch takes more than the device has free.

    The need is worked out by the cost rules. Where the free memory cannot be told, nothing is checked.
    """
    device = "cuda" if recipe.device == "auto" and torch.cuda.is_available() else recipe.device
    free = _free(device)
    if free is None:
        return
    optimizer = {"adam": "adam", "adamw": "adam"}.get(recipe.optimizer, "momentum")
    precision = "autocast" if recipe.precision == "bfloat16" else "float32"
    settings = {
        "precision": precision,
        "optimizer": optimizer,
        "channels_last": recipe.memory_format != "channels-first",
    }
    share = max(1, recipe.batch_size // world)
    need = training_memory(network, share, **settings).total  # type: ignore[arg-type]
    if need <= free:
        return
    fitting = largest_batch(network, free, **settings) * world  # type: ignore[arg-type]
    remedy = f"batch_size = {_rounded(fitting)} would fit" if fitting else "not even one image would fit"
    raise NotEnoughMemoryError(
        f"a step with a batch of {recipe.batch_size} takes about {need / 2**30:.1f} GiB"
        + (f" in each of {world} processes" if world > 1 else "")
        + f", {(need - free) / 2**30:.1f} GiB more than is free on {device if device != 'auto' else 'cpu'} "
        f"({free / 2**30:.1f} GiB); {remedy}"
    )


def _free(device: str) -> int | None:
    if device.startswith("cuda"):
        return int(torch.cuda.mem_get_info(device)[0])
    if device not in ("auto", "cpu"):
        return None
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
    except OSError:
        return None
    free = next((int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:")), None)
    try:
        limit = _LIMIT.read_text().strip()
    except OSError:
        return free
    return min(free, int(limit)) if free is not None and limit.isdigit() else free


def _rounded(batch: int) -> int:
    """The largest power of two that is no larger, and so divides well."""
    return int(1 << (int(batch).bit_length() - 1))
