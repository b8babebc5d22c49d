"""A GPU that is not there: numbers of the processor's, and a GPU's rules.

`pretended()` gives PyTorch one device more, of the kind that it keeps for makers of hardware. Its tensors hold ordinary
ones, which compute; they say that they lie on the device, may not meet the processor's, and cannot become arrays.
Whatever is fetched from it is noted, since a GPU's processor waits for that. So code runs as it would on a card, to the
same bits as on a processor.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterator
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode, _disable_current_modes
from torch.utils._pytree import tree_flatten, tree_map_only
from torch.utils.backend_registration import _setup_privateuseone_for_python_backend

NAME = "pretended"
_COPY = torch.ops.aten._to_copy.default
_INTO = torch.ops.aten.copy_.default
_FETCHES = (torch.ops.aten._local_scalar_dense.default, torch.ops.aten.equal.default, torch.ops.aten.nonzero.default)


class Elsewhere(torch.Tensor):
    """A tensor of the pretended device; `held` is what computes."""

    held: torch.Tensor

    @staticmethod
    def __new__(cls: type[Elsewhere], held: torch.Tensor) -> Elsewhere:
        made: Elsewhere = torch.Tensor._make_wrapper_subclass(  # type: ignore[attr-defined]
            cls, held.shape, held.stride(), held.storage_offset(), dtype=held.dtype, device=f"{NAME}:0"
        )
        made.held = held
        return made

    def __repr__(self) -> str:  # type: ignore[override]
        return f"Elsewhere({self.held!r})"

    def tolist(self) -> Any:
        """Its numbers, for which the processor waits."""
        return self.cpu().tolist()

    @classmethod
    def __torch_dispatch__(cls, function: Any, types: Any, given: Any = (), named: Any = None) -> Any:
        return run(function, given, named or {}, _active[0].fetched if _active else [])  # in autograd's threads too


class Pretended(TorchDispatchMode):
    """While it is on, the device is there. fetched: what was waited for."""

    def __init__(self) -> None:
        super().__init__()
        self.fetched: list[str] = []

    def __torch_dispatch__(self, function: Any, types: Any, given: Any = (), named: Any = None) -> Any:
        if not _is_composite(function):
            return run(function, given, named or {}, self.fetched)
        with self:  # in inference mode PyTorch hands over what is made of other operations
            return function.decompose(*given, **(named or {}))


def _is_composite(function: Any) -> bool:
    return bool(torch._C._dispatch_has_kernel_for_dispatch_key(function.name(), "CompositeImplicitAutograd"))


def run(function: Any, given: Any, named: dict[str, Any], fetched: list[str]) -> Any:
    """What an operation gives, where it may run."""
    tensors = [each for each in tree_flatten((given, named))[0] if isinstance(each, torch.Tensor)]
    there = [each for each in tensors if isinstance(each, Elsewhere)]
    asked = None if named.get("device") is None else torch.device(named["device"])
    stays = bool(there) if asked is None else asked.type == NAME
    if asked is not None and stays:
        named = {**named, "device": torch.device("cpu")}
    leaves = (function is _COPY and there and not stays) or (function is _INTO and not isinstance(given[0], Elsewhere))
    if there and (leaves or function in _FETCHES):
        fetched.append(str(function))
    # a copy that the processor does not leave alone
    if function is _COPY and not there and stays and not named.get("non_blocking"):
        fetched.append(
            f"{function}, to the device"
        )  # the processor waits until a copy that it does not leave alone is there
    strange = any(each.dim() for each in tensors if not isinstance(each, Elsewhere))
    if there and strange and function not in (_COPY, _INTO):
        raise RuntimeError(f"{function}: expected all tensors on one device, received some of {NAME}:0 and some of cpu")
    own = tree_map_only(Elsewhere, lambda each: each.held, (given, named))
    with _disable_current_modes():
        found = function(*own[0], **own[1])
    if not stays or function is _INTO:
        return given[0] if function is _INTO else found
    known = {id(each.held): each for each in there}  # what was changed in place is what was given
    return tree_map_only(torch.Tensor, lambda each: known[id(each)] if id(each) in known else Elsewhere(each), found)


class _Hook(torch._C._acc.PrivateUse1Hooks):  # type: ignore[name-defined,misc]
    def is_available(self) -> bool:
        return bool(_active)

    def has_primary_context(self, number: int) -> bool:
        return True

    def is_built(self) -> bool:
        return True


_active: list[Pretended] = []


@functools.cache
def _known() -> None:
    _setup_privateuseone_for_python_backend(NAME, hook=_Hook())


@contextlib.contextmanager
def pretended() -> Iterator[Pretended]:
    """The device, for as long as this runs."""
    _known()
    before = torch._C._only_lift_cpu_tensors()
    torch._C._set_only_lift_cpu_tensors(True)  # torch.tensor(…) then goes by way of the processor
    try:
        with Pretended() as found:
            _active.append(found)
            yield found
    finally:
        _active.clear()
        torch._C._set_only_lift_cpu_tensors(before)
