"""Weights that others have trained, put into a network's module."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn

from hubel.nn._weights_matching import match_weights
from hubel.nn._weights_reading import read_weights


def load_weights(module: nn.Module, source: str | Path, sha256: str | None = None) -> dict[str, str]:
    """Fill a network's module with a file's weights, hubel's own or another library's; return whose went where.

    Names need not agree: modules are matched by kind, shapes and order, so that torchvision's files fit the zoo's
    networks, and those of other ports as far as they are built alike. `source` is a path or an address, and `sha256`
    the beginning of its checksum: see `read_weights`. The result maps the module's tensors to the file's. Nothing is
    changed where something does not fit. Raises `ValueError` that names what is missing, of the wrong shape or too
    much, by the tree's paths.
    """
    weights = read_weights(source, sha256)
    try:
        names = match_weights(module, weights)
    except ValueError as error:
        raise ValueError(f"{source}: {error}") from None
    with torch.no_grad():
        for name, tensor in module.state_dict().items():
            if name in names:
                tensor.copy_(weights[names[name]].reshape(tensor.shape))
    return names
