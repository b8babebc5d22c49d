"""A model stands as it was, whatever ran: weights without numbers in its own's place, and everything put back."""

from __future__ import annotations

import random
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from hubel.nn._randomness import drawing
from hubel.nn.inspection.kept import Kept

FEW = 2**20  # whole numbers
FEW_FLOATING = 2**10


class Twins:
    """For each tensor one of the same shape, layout and type that holds no numbers (on PyTorch's `meta` device).

    `own` are tensors with numbers that belong to the run alone, by id: it may change them.
    """

    def __init__(self) -> None:
        self.own: dict[int, Tensor] = {}
        self._copied: dict[int, Tensor] = {}
        self._known: dict[int, tuple[Tensor, Tensor]] = {}  # the original is held, so that its id stays its own

    def of(self, tensor: Tensor) -> Tensor:
        """Return the tensor's twin, always the same one; a tensor without numbers is its own."""
        if tensor.is_meta and not tensor.is_inference():
            return tensor
        known = self._known.get(id(tensor))
        if known is None:
            known = self._known[id(tensor)] = tensor, _without_numbers(tensor)
        return known[1]

    def original(self, twin: Tensor) -> Tensor:
        """Return the tensor whose twin or copy this is; another tensor is its own."""
        found = next((tensor for tensor, other in self._known.values() if other is twin), twin)
        return self._copied.get(id(found), found)

    def hold(self, tensor: Tensor) -> bool:
        """Whether a tensor without numbers is a twin."""
        return any(twin is tensor for _, twin in self._known.values())

    def of_input(self, given: Tensor) -> Tensor:
        """Return an input's twin, or a copy of few whole numbers (token ids, masks), on which models decide."""
        return self._copy(given) if _decided_on(given, 0) else self.of(given)

    def of_buffer(self, buffer: Tensor) -> Tensor:
        """Return a buffer's twin, or a copy of one of few numbers: models count in them, and decide on them."""
        return self._copy(buffer) if _decided_on(buffer, FEW_FLOATING) else self.of(buffer)

    def _copy(self, tensor: Tensor) -> Tensor:
        copy = tensor.detach().clone()
        self.own[id(copy)], self._copied[id(copy)] = copy, tensor
        return copy


def _decided_on(tensor: Tensor, floating: int) -> bool:
    """Whether a tensor holds few numbers: whole ones, or so many `floating`."""
    if tensor.is_meta or tensor.is_quantized or tensor.is_nested or tensor.layout != torch.strided:
        return False
    return tensor.numel() <= (floating if tensor.is_floating_point() or tensor.is_complex() else FEW)


class Numbers:
    """For each parameter of a model one of the same shape, type and place whose numbers are random, the same each time.

    Zeros and ones, with which much starts, hide what a network computes. Buffers keep what they hold, or get ones where
    they hold nothing (on PyTorch's `meta` device, whose tensors get a place on the processor).
    """

    def __init__(self, dtype: torch.dtype | None = None) -> None:
        self._dtype = dtype  # instead of each tensor's own, where those are floating
        self._random = torch.Generator().manual_seed(0)
        self._known: dict[int, tuple[Tensor, Tensor]] = {}

    def of(self, parameter: Tensor) -> Tensor:
        """Return the parameter's substitute, always the same one: of a size that keeps signals as large as they are."""
        known = self._known.get(id(parameter))
        if known is None:
            drawn = torch.randn(parameter.shape, generator=self._random)
            rows = parameter.shape[0] if parameter.dim() > 1 else 0
            drawn = drawn * (2 * rows / max(1, drawn.numel())) ** 0.5 if rows else 1 + drawn / 4
            made = drawn.to(_real_device(parameter), self._type(parameter))
            known = self._known[id(parameter)] = parameter, nn.Parameter(made, requires_grad=parameter.requires_grad)
        return known[1]

    def of_buffer(self, buffer: Tensor) -> Tensor:
        """Return a copy of a buffer, always the same one."""
        known = self._known.get(id(buffer))
        if known is None:
            made = torch.ones(buffer.shape, dtype=buffer.dtype) if buffer.is_meta else buffer.detach().clone()
            known = self._known[id(buffer)] = buffer, made.to(self._type(buffer))
        return known[1]

    def _type(self, tensor: Tensor) -> torch.dtype:
        return self._dtype if self._dtype is not None and tensor.is_floating_point() else tensor.dtype

    def instead(self, tensor: Tensor) -> Tensor:
        """Return what stands in a tensor's place; the tensor itself where nothing does."""
        return self._known[id(tensor)][1] if id(tensor) in self._known else tensor


def _real_device(tensor: Tensor) -> torch.device:
    return torch.device("cpu") if tensor.is_meta else tensor.device


def _without_numbers(tensor: Tensor) -> Tensor:
    plain = tensor.detach() if tensor.requires_grad else tensor
    if plain.layout == torch.strided:
        twin = torch.empty_strided(plain.size(), plain.stride(), dtype=plain.dtype, device="meta")
    else:
        twin = torch.empty(plain.size(), dtype=plain.dtype, device="meta")
    if isinstance(tensor, nn.Parameter):
        return nn.Parameter(twin, requires_grad=tensor.requires_grad)
    return twin.requires_grad_(tensor.requires_grad)


@contextmanager
def standing_in(model: nn.Module, twins: Twins | Numbers) -> Iterator[None]:
    """Put twins in the place of a model's parameters and buffers; afterwards all of its modules are as they were.

    Everything that a forward pass may leave on a module goes again: attributes, what it put into containers, buffers
    it replaced, flags it set. Also after an error.
    """
    kept = Kept(model)
    try:
        for module in model.modules():
            for name, parameter in module._parameters.items():
                if parameter is not None:
                    module._parameters[name] = twins.of(parameter)  # type: ignore[assignment]
            for name, buffer in module._buffers.items():
                if buffer is not None:
                    module._buffers[name] = twins.of_buffer(buffer)
        yield
    finally:
        kept.put_back()


@contextmanager
def same_randomness() -> Iterator[None]:
    """Leave the random numbers that PyTorch, Python and NumPy give next as they would have been, and PyTorch's default
    type as it is.
    """
    with drawing:
        kind = torch.get_default_dtype()
        of_torch, of_python, of_numpy = randomness()
        of_devices = torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else None
        try:
            yield
        finally:
            torch.set_default_dtype(kind)
            torch.set_rng_state(of_torch)
            random.setstate(of_python)
            if of_devices is not None:
                torch.cuda.set_rng_state_all(of_devices)
            if of_numpy is not None:
                sys.modules["numpy.random"].set_state(of_numpy)


def randomness() -> tuple[Tensor, Any, Any]:
    """Return the states from which PyTorch, Python and NumPy draw next; of NumPy None where nobody has loaded it."""
    numpy = sys.modules.get("numpy.random")
    return torch.get_rng_state(), random.getstate(), None if numpy is None else numpy.get_state(legacy=False)


def draw_from(seed: int) -> None:
    """Have PyTorch, Python and NumPy begin at a seed."""
    torch.manual_seed(seed)
    random.seed(seed)
    if (numpy := sys.modules.get("numpy.random")) is not None:
        numpy.seed(seed)
