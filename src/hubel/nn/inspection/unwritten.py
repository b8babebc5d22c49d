"""Tensors that were there before a run hold afterwards what they held, whatever the run writes into them."""

from __future__ import annotations

from types import TracebackType
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from hubel.nn.inspection.tensors import tensors_in, written_by

aten = torch.ops.aten
# these write running statistics while they train, and do not say so
_STATISTICS = {aten.native_batch_norm.default: slice(3, 5), aten.cudnn_batch_norm.default: slice(3, 5)}


class Unwritten(TorchDispatchMode):
    """Keeps a tensor's numbers before the first operation that writes into it, and puts them back at the end.

    Tensors that the run itself makes are let be.
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._made: set[int] = set()
        self._kept: dict[int, tuple[Any, Any]] = {}

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return False

    def __torch_dispatch__(self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        statistics = args[_STATISTICS[func]] if func in _STATISTICS else ()
        for tensor in (*tensors_in(statistics), *written_by(func, args, kwargs)):
            key = _key(tensor)
            if key is not None and key not in self._made and key not in self._kept:
                storage = tensor.untyped_storage()
                self._kept[key] = storage, storage.clone()
        output = func(*args, **kwargs)
        given = set(map(_key, tensors_in((args, kwargs))))
        self._made |= {key for key in map(_key, tensors_in(output)) if key is not None} - given
        return output

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        super().__exit__(kind, error, trace)  # type: ignore[no-untyped-call]
        for storage, numbers in self._kept.values():
            storage.copy_(numbers)


def _key(tensor: Tensor) -> int | None:
    return int(tensor.untyped_storage()._cdata) if tensor.layout == torch.strided and not tensor.is_meta else None
