"""From a PyTorch model of ordinary layers back to a tree: its graph is read, then folded into chains, sums, concats."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from hubel.arch import Network, Report, analyse
from hubel.base.errors import NetworkError
from hubel.nn._build import NetworkModule, build
from hubel.nn._evaluation import evaluation_mode
from hubel.nn.inspection.inspect import Inspection, inspect
from hubel.nn.inspection.state import Numbers, standing_in
from hubel.nn.reading.equal import check_equal
from hubel.nn.reading.folding import folded
from hubel.nn.reading.record import BATCH
from hubel.nn.reading.steps import steps_of


class TrainingAloneWarning(UserWarning):
    """A part of a model does nothing in evaluation mode, and so is not in its tree."""


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
        network, found = _read(module, input_shape, name)
    return _built(network, found).train(module.training)


def _built(network: Network, found: Mapping[str, Tensor]) -> NetworkModule:
    """Build a network with copies of those tensors, by the names that its module has for them."""
    with torch.device("meta"):
        built = build(network)
    first = next(iter(found.values()), torch.empty(0))
    built = built.to(dtype=first.dtype if first.is_floating_point() else None).to_empty(device=first.device)
    filled = {}
    for path, own in built.state_dict().items():
        if path not in found and not path.endswith("num_batches_tracked"):  # a function has no counter
            raise NetworkError(f"{path}: the model has no such tensor stored, it works its weights out when it runs")
        filled[path] = found[path].reshape(own.shape) if path in found else torch.zeros_like(own)
    built.load_state_dict(filled)
    return built


def _unwrapped(module: nn.Module) -> nn.Module:
    """Return the model inside of what `torch.compile` or `DataParallel` made of it."""
    while True:
        if isinstance(module, (nn.DataParallel, nn.parallel.DistributedDataParallel)):
            module = module.module
        elif isinstance(inside := getattr(module, "_orig_mod", None), nn.Module):
            module = inside
        else:
            return module


def _read(module: nn.Module, input_shape: Sequence[int], name: str) -> tuple[Network, dict[str, Tensor]]:
    """Return the tree, and the model's tensors by the names that the tree's module has for them.

    What the tree computes is compared with what the model does, on numbers.
    """
    shape = tuple(input_shape)
    with evaluation_mode(module):
        report = inspect(module, shape, batch=BATCH)
        steps, record = steps_of(module, shape)
    body, weights = folded(steps)
    network = Network(shape, body, name)
    tree = analyse(network)
    _check_figures(tree, report)
    found = {f"{row.path}.{own}": tensor for row in tree.rows for own, tensor in weights.get(id(row.node), {}).items()}
    calls = {id(step.what): (step.name, step.call) for step in steps if step.call is not None}
    places = {row.path: calls[id(row.node)] for row in tree.rows if id(row.node) in calls}
    first: NetworkError | None = None
    for dtype in (None, torch.float64):  # rounding grows through a deep network; in 64 bits it does not matter
        numbers = Numbers(dtype)
        with standing_in(module, numbers):  # so that each of its tensors has a substitute
            pass
        built = _built(network, {path: numbers.instead(tensor) for path, tensor in found.items()})
        try:
            check_equal(module, numbers, built, tuple(record.input.shape[1:]), places)
        except NetworkError as error:
            first = first or error
        else:
            break
    else:
        assert first is not None
        raise first
    for path in record.idle:
        warnings.warn(
            f"{path}: gives what it is given in evaluation mode; whatever it does in training is not in the tree",
            TrainingAloneWarning,
            stacklevel=3,
        )
    return network, found


def _check_figures(tree: Report, report: Inspection) -> None:
    figures = ("parameters", tree.parameters, report.parameters), ("macs", tree.macs, report.macs // BATCH)
    for figure, ours, theirs in figures:
        if ours != theirs:
            idle = [row.path for row in report.rows if not row.calls and row.parameters]
            told = f": {', '.join(idle[:3])}{' …' if idle[3:] else ''} never ran" if idle else ""
            raise NetworkError(
                f"the model as a tree would have {ours:,} {figure}, it has {theirs:,}: something in it is shared, or "
                f"is no part of what it computes{told}"
            )
