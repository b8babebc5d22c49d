"""Arrays of what users give: NumPy's, tensors of any kind, lists, data frames; or in words why it is none."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from hubel.base.errors import SettingError

if TYPE_CHECKING:
    import torch


def as_array(given: Any, what: str, words: bool = False) -> npt.NDArray[Any]:
    """An array of numbers, or with `words` of words too. Nothing is copied that is an array already.

    Raises SettingError, which names it `what`, where it is none: parts of different shapes, masked numbers, one number.
    """
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(given, torch.Tensor):
        given = _plain(given, what)
    if np.ma.is_masked(given):
        raise SettingError(
            f"expected {what} without a mask, received {np.ma.getmaskarray(given).sum():,} masked ones; fill them "
            "(filled), or leave these examples out"
        )
    try:
        array = np.asarray(given)
    except (TypeError, ValueError, RuntimeError) as error:
        parts = f"{len(given)} of different shapes" if isinstance(given, (list, tuple)) else type(given).__name__
        raise SettingError(f"expected {what} as one array, received {parts}") from error
    if not array.ndim:
        received = "None" if given is None else type(given).__name__
        raise SettingError(f"expected {what} as an array, one row an example, received {received}")
    if array.dtype.kind == "O" and not words:
        try:
            array = array.astype(np.float32)
        except (TypeError, ValueError):
            parts = f"{len(given)} of different shapes" if isinstance(given, (list, tuple)) else type(given).__name__
            raise SettingError(f"expected {what} as one array of numbers, received {parts}") from None
    if array.dtype.kind not in ("biufUO" if words else "biuf"):
        raise SettingError(f"expected {what} as numbers, received {array.dtype}")
    if array.dtype.kind in "iuf" and (not array.dtype.isnative or array.dtype.itemsize > 8):
        array = array.astype(np.float64 if array.dtype.itemsize > 8 else array.dtype.newbyteorder("="))
    return array


def _plain(tensor: torch.Tensor, what: str) -> npt.NDArray[Any]:
    """A tensor's numbers, wherever and in whatever form it holds them."""
    import torch

    if tensor.is_meta:
        raise SettingError(f"expected {what} as numbers, received a tensor on the meta device, which holds none")
    tensor = tensor.detach()
    tensor = tensor.dequantize() if tensor.is_quantized else tensor
    tensor = tensor.to_dense() if tensor.layout != torch.strided else tensor
    tensor = tensor.float() if tensor.is_floating_point() and tensor.itemsize < 4 else tensor
    found: npt.NDArray[Any] = tensor.cpu().numpy()
    return found
