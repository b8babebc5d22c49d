"""Layers whose weights are worked out of parameters before each call: by parametrisations, normalised, pruned."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.utils import parametrize
from torch.nn.utils.prune import BasePruningMethod
from torch.nn.utils.spectral_norm import SpectralNorm
from torch.nn.utils.weight_norm import WeightNorm

from hubel.nn.reading.worked import Worked


def as_plain(module: nn.Module) -> tuple[nn.Module, dict[str, Any]] | None:
    """Return the layer that a module is without what works its weights out, and its weights; None for a plain one."""
    worked = dict(_worked(module))
    if not worked:
        return None
    kind = type(module).__bases__[0] if parametrize.is_parametrized(module) else type(module)
    plain: Any = object.__new__(kind)
    plain.__dict__.update({name: value for name, value in vars(module).items() if name not in worked})
    left = {name: value for name, value in module._parameters.items() if not _inside(name, worked)}
    plain._modules = {name: part for name, part in module._modules.items() if name != "parametrizations"}
    plain._forward_pre_hooks = type(module._forward_pre_hooks)()
    plain._buffers = {name: value for name, value in module._buffers.items() if not _inside(name, worked)}
    meta = {name: nn.Parameter(_shape_of(module, name)) for name in worked}
    plain._parameters = {name: meta.get(name, left.get(name)) for name in (*worked, *left)}
    own = {name: value for name, value in {**left, **plain._buffers}.items() if value is not None}
    return plain, {**own, **worked}


def _inside(name: str, worked: dict[str, Worked]) -> bool:
    return any(name.startswith(f"{own}_") for own in worked)


def _shape_of(module: nn.Module, name: str) -> Tensor:
    return torch.empty_like(getattr(module, name), device="meta")


def _worked(module: nn.Module) -> Iterator[tuple[str, Worked]]:
    """Yield each weight that is worked out, by its name."""
    if parametrize.is_parametrized(module):
        for name, made in module.parametrizations.items():  # type: ignore[union-attr, operator]
            own, fixed = dict(made.named_parameters()), dict(made.named_buffers())
            how = partial(_called, made, (*own, *fixed))
            yield name, Worked((*own.values(),), how, getattr(module, name).numel(), (*fixed.values(),))
    for hook in module._forward_pre_hooks.values():
        if isinstance(hook, WeightNorm):
            one, other = (getattr(module, f"{hook.name}_{end}") for end in "vg")
            how = partial(torch._weight_norm, dim=-1 if hook.dim is None else hook.dim)
            yield hook.name, Worked((one, other), how, one.numel())
        elif isinstance(hook, SpectralNorm):
            one, *beside = (getattr(module, f"{hook.name}_{end}") for end in ("orig", "u", "v"))
            yield hook.name, Worked((one,), partial(_divided, hook), one.numel(), (*beside,))
        elif isinstance(hook, BasePruningMethod):
            one, mask = (getattr(module, f"{hook._tensor_name}_{end}") for end in ("orig", "mask"))
            yield hook._tensor_name, Worked((one,), torch.mul, one.numel(), (mask,))


def _called(made: nn.Module, names: tuple[str, ...], *given: Tensor) -> Tensor:
    found: Tensor = functional_call(made, dict(zip(names, given, strict=True)), ())
    return found


def _divided(hook: SpectralNorm, weight: Tensor, u: Tensor, v: Tensor) -> Tensor:
    return weight / torch.dot(u, torch.mv(hook.reshape_weight_to_matrix(weight), v))
