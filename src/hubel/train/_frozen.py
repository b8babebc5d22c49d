"""Layers that stay as they are, and layers that learn slower than those after them."""

from __future__ import annotations

import difflib

from torch import nn

from hubel.nn import NetworkModule, head_layers

ALL_BUT_HEAD = "all-but-head"


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
        raise ValueError(f"recipe: expected freeze to leave something to train, received {which!r}, which is all")
    return list(named.values())


def check_freeze(module: NetworkModule, which: str) -> None:
    """Raise ValueError as `freeze`, and change nothing."""
    frozen = _frozen_layers(module, which)
    others = [path for path, layer in _bearers(module).items() if path not in frozen and list(layer.parameters())]
    if frozen and not others:
        raise ValueError(f"recipe: expected freeze to leave something to train, received {which!r}, which is all")


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
    bearers = _bearers(module)
    if words == [ALL_BUT_HEAD]:
        heads = head_layers(module)
        return {path: layer for path, layer in bearers.items() if path not in heads}
    paths = [path for path, _ in module.named_modules() if path]
    for word in words:
        if word not in paths:
            near = difflib.get_close_matches(word, [ALL_BUT_HEAD, *paths], n=1, cutoff=0.5)
            hint = (
                f"; did you mean {near[0]!r}?"
                if near
                else f"; its parts are {', '.join(dict(module.named_children()))}"
            )
            raise ValueError(f"recipe: expected freeze to name parts of the network, received {word!r}{hint}")
    return {
        path: layer for path, layer in bearers.items() if f"{path}.".startswith(tuple(f"{word}." for word in words))
    }


def _bearers(module: NetworkModule) -> dict[str, nn.Module]:
    return {
        path: layer
        for path, layer in module.named_modules()
        if list(layer.parameters(recurse=False)) or list(layer.buffers(recurse=False))
    }
