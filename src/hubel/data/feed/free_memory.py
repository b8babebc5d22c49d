"""How much memory a device has free, and whether a set may lie in it."""

from __future__ import annotations

import torch


def free_memory(device: torch.device) -> int | None:
    """Bytes that are free on a GPU, PyTorch's own unused ones not counted; None where that cannot be told."""
    if device.type in ("cuda", "xpu"):
        return int(getattr(torch, device.type).mem_get_info(device)[0])
    if device.type == "mps":
        return int(torch.mps.recommended_max_memory() - torch.mps.driver_allocated_memory())
    return None


def leaves_room(size: int, device: torch.device) -> bool | None:
    """Whether so many bytes on a GPU leave as much for the training; None where what is free cannot be told."""
    free = free_memory(device)
    return None if free is None else 2 * size < free
