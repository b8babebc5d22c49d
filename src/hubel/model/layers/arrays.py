"""Arrays as users give them and as modules take them: tensors, channels last or first."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from hubel.data.prepare.arrays import as_array


def as_tensor(array: Any) -> Tensor:
    """Return float32 numbers of what a user gives (whole numbers stay whole), batch first."""
    odd = isinstance(array, Tensor) and (
        array.layout != torch.strided or array.is_meta or array.is_complex() or array.is_quantized
    )
    if isinstance(array, Tensor) and not odd:
        return array if array.dtype in (torch.float32, torch.int64) else _converted(array)
    found = as_array(array, "inputs")
    return _converted(torch.from_numpy(np.ascontiguousarray(found if found.dtype != np.uint16 else found.astype(int))))


def _converted(tensor: Tensor) -> Tensor:
    return tensor.float() if tensor.is_floating_point() or tensor.dtype in (torch.uint8, torch.bool) else tensor.long()


def first(array: Tensor) -> Tensor:
    """Return an array with the channels first, as modules take it."""
    return array.movedim(-1, 1) if array.dim() > 2 else array


def last(array: Tensor) -> Tensor:
    """Return what a module gives with the channels last."""
    return array.movedim(1, -1) if array.dim() > 2 else array
