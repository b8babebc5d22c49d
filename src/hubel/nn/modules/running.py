"""How modules are named, and run one after another."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from torch import Tensor, nn

from hubel.base.errors import SettingError

ModuleT = TypeVar("ModuleT", bound=nn.Module)


def named(module: ModuleT, children: Mapping[str, nn.Module]) -> ModuleT:
    """Give a module named children, in order; raise `ValueError` for a name that PyTorch uses itself."""
    for name, child in children.items():
        if hasattr(module, name):
            raise SettingError(f"expected a name that PyTorch's modules do not use, received {name!r}: choose another")
        module.add_module(name, child)
    return module


def before_probabilities(modules: nn.Sequential) -> list[nn.Module]:
    """Return a chain's modules without a softmax or sigmoid at the very end."""
    found = list(modules.children())
    return found[:-1] if found and isinstance(found[-1], (nn.Softmax, nn.Sigmoid)) else found


def run(modules: Sequence[Callable[[Tensor], Tensor]], input: Tensor) -> Tensor:
    """Run modules one after another."""
    for module in modules:
        input = module(input)
    return input
