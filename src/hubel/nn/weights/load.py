"""Weights that others have trained, put into a network's module: all of them, or all but the last layer's."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from hubel.base.errors import WeightsError
from hubel.base.files import sha256_of
from hubel.base.model_file import about_model
from hubel.nn.weights.matching import head_layers, match_body, match_weights
from hubel.nn.weights.read import find_weights, read_weights


@dataclass(frozen=True)
class Pretrained:
    """What `load_pretrained` took of a file.

    sha256: of the file. names: the module's tensors, and which of the file's each got. fresh: the paths of last layers
    that got none and start anew. about: what a model file of hubel's says of itself (classes, preprocessing, network);
    empty for others. notes: what was warned of, as where a file's order alone told whose weights are whose.
    """

    sha256: str
    names: Mapping[str, str]
    fresh: tuple[str, ...]
    about: Mapping[str, Any]
    notes: tuple[str, ...] = ()


def load_weights(module: nn.Module, source: str | Path, sha256: str | None = None) -> dict[str, str]:
    """Fill a network's module with a file's weights, hubel's own or another library's; return whose went where.

    Names need not agree: modules are matched by kind, shapes and order, so that torchvision's files fit the zoo's
    networks, and those of other ports as far as they are built alike. `source` is a path or an address, and `sha256`
    the beginning of its checksum: see `read_weights`. The result maps the module's tensors to the file's. Nothing is
    changed where something does not fit. Raises `WeightsError` that names what is missing, of the wrong shape or too
    much, by the tree's paths.
    """
    weights = read_weights(source, sha256)
    try:
        names = match_weights(module, weights)
    except WeightsError as error:
        raise WeightsError(f"{source}: {error}") from None
    _fill(module, weights, names)
    return names


def load_pretrained(
    module: nn.Module, source: str | Path, sha256: str | None = None, *, classes: Sequence[str] | None = None
) -> Pretrained:
    """Fill a module with a file's weights as `load_weights` does, for training on: the last layer with weights (and
    that of each side exit) may have another number of outputs, and then stays as it is.

    `classes` are those that the module is to tell apart. Where the file is a model of hubel's for others, its last
    layer is not taken, whatever its shape. Raises `WeightsError` as `load_weights` where anything else does not fit.
    """
    path = find_weights(source, sha256)
    about = about_model(path)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        weights = read_weights(path)
        try:
            names, fresh = match_body(module, weights)
        except WeightsError as error:
            raise WeightsError(f"{source}: {error}") from None
    for each in told:
        warnings.warn(each.message, each.category, stacklevel=2)
    if classes is not None and about.get("classes", list(classes)) != list(classes):
        fresh = head_layers(module)
    heads = tuple(f"{path}." for path in fresh)
    names = {name: other for name, other in names.items() if not name.startswith(heads)}
    _fill(module, weights, names)
    return Pretrained(sha256_of(path), names, fresh, about, tuple(str(each.message) for each in told))


def _fill(module: nn.Module, weights: Mapping[str, Tensor], names: Mapping[str, str]) -> None:
    own = module.state_dict()
    for name, other in names.items():
        given = weights[other]
        if own[name].is_floating_point() and not given.is_floating_point():
            raise WeightsError(
                f"expected {other} with floating numbers, received {str(given.dtype).removeprefix('torch.')}, of which "
                "the file does not say what they stand for; have its makers write the weights before quantising"
            )
        if not bool(given.isfinite().all()):
            raise WeightsError(f"expected {other} with finite numbers, received others")
    with torch.no_grad():
        for name, tensor in own.items():
            if name in names:
                tensor.copy_(weights[names[name]].reshape(tensor.shape))
