"""Layers that stay as they are, and layers that learn slower than those after them."""

from __future__ import annotations

from torch import nn

from hubel.base.errors import SettingError
from hubel.base.names import did_you_mean
from hubel.nn import NetworkModule, head_layers

ALL_BUT_HEAD = "all-but-head"
BATCH_NORMS = "batch-norms"


def freeze(module: NetworkModule, which: str) -> list[nn.Module]:
    """Take the gradients off the layers that `which` names (see `Recipe.freeze`), and return those that bear weights
    or statistics, which are to be kept in evaluation mode. Layers without, such as dropout, go on as in training.

    Raises ValueError for a path that is not in the network (with the nearest that is), and where nothing is left to
    train.
    """
    named = _frozen_layers(module, which)
    for layer in named.values():
        for parameter in layer.parameters(recurse=False):
            parameter.requires_grad_(False)
    if named and not any(parameter.requires_grad for parameter in module.parameters()):
        raise SettingError(f"recipe: expected freeze to leave something to train, received {which!r}, which is all")
    return list(named.values())


def check_freeze(module: NetworkModule, which: str) -> None:
    """Raise ValueError as `freeze`, and change nothing."""
    frozen = _frozen_layers(module, which)
    others = [path for path, layer in _bearers(module).items() if path not in frozen and list(layer.parameters())]
    if frozen and not others:
        raise SettingError(f"recipe: expected freeze to leave something to train, received {which!r}, which is all")


def depths(module: NetworkModule) -> dict[nn.Parameter, int]:
    """How many parts with kernels come after that of each parameter: 0 for those of the last. A part is a child of the
    network's own chain; what follows a part and has no kernels (a normalisation) belongs to it.
    """
    number, numbers = 0, dict[nn.Parameter, int]()
    for child in module.children():
        found = list(child.parameters())
        number += any(parameter.ndim > 1 for parameter in found)
        numbers |= dict.fromkeys(found, max(1, number))
    return {parameter: max(1, number) - own for parameter, own in numbers.items()}


def _frozen_layers(module: NetworkModule, which: str) -> dict[str, nn.Module]:
    words = [word.strip() for word in which.split(",") if word.strip()]
    bearers, heads = _bearers(module), head_layers(module)
    groups = {
        ALL_BUT_HEAD: {path for path in bearers if path not in heads},
        BATCH_NORMS: {path for path, layer in bearers.items() if isinstance(layer, nn.modules.batchnorm._BatchNorm)},
    }
    known = [*groups, *(path for path, _ in module.named_modules() if path)]
    for word in words:
        if word not in known:
            children = ", ".join(name for name, child in module.named_children() if list(child.parameters()))
            hint = did_you_mean(word, known) or f"; its parts are {children}; or say {' or '.join(groups)}"
            raise SettingError(f"recipe: expected freeze to name parts of the network, received {word!r}{hint}")
    if BATCH_NORMS in words and not groups[BATCH_NORMS]:
        raise SettingError(f"recipe: expected batch normalisation to freeze, received {which!r} and a network without")
    under = tuple(f"{word}." for word in words)
    chosen = set[str]().union(*(groups.get(word, set[str]()) for word in words))
    return {path: layer for path, layer in bearers.items() if path in chosen or f"{path}.".startswith(under)}


def _bearers(module: NetworkModule) -> dict[str, nn.Module]:
    return {
        path: layer
        for path, layer in module.named_modules()
        if list(layer.parameters(recurse=False)) or list(layer.buffers(recurse=False))
    }
