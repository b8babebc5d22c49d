"""From a PyTorch model of ordinary layers back to a tree: its graph is read, then folded into chains, sums, concats."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from hubel.arch import Network, analyse
from hubel.base.errors import NetworkError
from hubel.nn._build import NetworkModule, build
from hubel.nn.inspection.inspect import inspect
from hubel.nn.reading.folding import folded
from hubel.nn.reading.steps import BATCH, steps_of


def network_of(module: nn.Module, input_shape: Sequence[int], name: str = "") -> Network:
    """Read a PyTorch model as a tree, on which everything else of hubel works.

    The model takes one picture, of height × width × channels, or a vector; it is made of ordinary layers, called as
    modules or as functions, and of branches that are added, concatenated or gate a picture (squeeze and excitation),
    and that nest. What it computes for other sizes, or depending on numbers, is not in a tree. The weights stay behind:
    `translate` takes them along.

    Raises `ValueError` that names the operation which has no place in a tree, and why; `ShapeError` where shapes clash.
    """
    module = _unwrapped(module)
    if isinstance(module, NetworkModule):
        return Network(tuple(input_shape), module.network.body, name or module.network.name)
    return _read(module, input_shape, name)[0]


def translate(module: nn.Module, input_shape: Sequence[int], name: str = "") -> NetworkModule:
    """Build a PyTorch model anew from its tree, with copies of its weights: the same outputs, by a `NetworkModule`.

    The new module stands in the mode (training or not), on the device and in the type of the old one, and its
    `network` is what `network_of` gives. Raises what `network_of` raises.
    """
    module = _unwrapped(module)
    if isinstance(module, NetworkModule):
        network, found = network_of(module, input_shape, name), module.state_dict()
    else:
        network, weights = _read(module, input_shape, name)
        rows = analyse(network).rows
        found = {f"{row.path}.{own}": tensor for row in rows for own, tensor in weights.get(id(row.node), {}).items()}
    with torch.device("meta"):
        built = build(network)
    first = next(iter(found.values()), torch.empty(0))
    built = built.to(dtype=first.dtype if first.is_floating_point() else None).to_empty(device=first.device)
    built.load_state_dict({path: found[path].reshape(own.shape) for path, own in built.state_dict().items()})
    return built.train(module.training)


def _unwrapped(module: nn.Module) -> nn.Module:
    """Return the model inside of what `torch.compile` or `DataParallel` made of it."""
    while True:
        if isinstance(module, (nn.DataParallel, nn.parallel.DistributedDataParallel)):
            module = module.module
        elif isinstance(inside := getattr(module, "_orig_mod", None), nn.Module):
            module = inside
        else:
            return module


def _read(
    module: nn.Module, input_shape: Sequence[int], name: str
) -> tuple[Network, Mapping[int, Mapping[str, Tensor]]]:
    """Return the tree, and each layer's weights by its `id`."""
    report = inspect(module, input_shape, batch=BATCH)
    shape = tuple(input_shape)
    body, weights = folded(steps_of(module, shape))
    network = Network(shape, body, name)
    tree = analyse(network)
    figures = ("parameters", tree.parameters, report.parameters), ("macs", tree.macs, report.macs // BATCH)
    for figure, ours, theirs in figures:
        if ours != theirs:
            raise NetworkError(
                f"the model as a tree would have {ours:,} {figure}, it has {theirs:,}: something in it is shared, or "
                "is no part of what it computes"
            )
    return network, weights
