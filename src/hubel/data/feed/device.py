"""What lies on a device: how much memory it has free, whether a set may lie in it, and how numbers get there."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch


def free_memory(device: torch.device) -> int | None:
    """Bytes that are free on a GPU, PyTorch's own unused ones not counted; None where that cannot be told."""
    import torch

    if device.type in ("cuda", "xpu"):
        return int(getattr(torch, device.type).mem_get_info(device)[0])
    if device.type == "mps":
        return int(torch.mps.recommended_max_memory() - torch.mps.driver_allocated_memory())
    return None


def leaves_room(size: int, device: torch.device) -> bool | None:
    """Whether so many bytes on a GPU leave as much for the training; None where what is free cannot be told."""
    free = free_memory(device)
    return None if free is None else 2 * size < free


def sent(numbers: torch.Tensor, device: torch.device) -> torch.Tensor:
    """Numbers of the processor's on a device; nobody waits until they are there, or for what the device still does."""
    return numbers.to(device, non_blocking=True)


def constant(numbers: Any, device: torch.device, dtype: torch.dtype | None = None) -> torch.Tensor:
    """The tensor of numbers (a tuple of them, or of tuples), put on the device once for all steps: one that is recorded
    reads them where they lie.
    """
    import torch

    if torch.compiler.is_compiling() or torch.is_inference_mode_enabled():  # what these make is none to keep
        return _constant.__wrapped__(numbers, device, dtype)
    return _constant(numbers, device, dtype)


@functools.cache
def _constant(numbers: Any, device: torch.device, dtype: torch.dtype | None) -> torch.Tensor:
    import torch

    return sent(torch.tensor(numbers, dtype=dtype), device)
