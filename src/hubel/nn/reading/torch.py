"""From a PyTorch model of ordinary layers back to a tree: its graph is read, then folded into chains, sums, concats."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from contextvars import copy_context
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from hubel.arch import Network, Report, analyse, checked_shape
from hubel.base.errors import NetworkError
from hubel.nn._build import NetworkModule, build
from hubel.nn._evaluation import evaluation_mode
from hubel.nn.inspection.inspect import KEEPS, Inspection, KeptWarning, inspect
from hubel.nn.inspection.run import SMALL
from hubel.nn.inspection.state import Numbers, standing_in
from hubel.nn.reading.equal import BATCHES, Runs, check_equal, rounds_more
from hubel.nn.reading.folding import folded
from hubel.nn.reading.gradients import Learned
from hubel.nn.reading.record import BATCH, recorded
from hubel.nn.reading.steps import steps_of
from hubel.nn.reading.training import in_training, set_apart
from hubel.nn.reading.worked import Worked, made, sources

MANY = 257  # images at once, of which many models make parts
STATISTICS = ("running_mean", "running_var", "num_batches_tracked")


class TrainingAloneWarning(UserWarning):
    """What a model does in training is not, or not so, in its tree; or it does not take what its tree takes."""


def network_of(module: nn.Module, input_shape: Sequence[int], name: str = "") -> Network:
    """Read a PyTorch model as a tree, on which everything else of hubel works.

    The model takes one picture, of height × width × channels, a sequence, of steps × features, or a vector; it is made
    of ordinary layers, called as modules or as functions, and of branches that are added, concatenated or gate a
    picture (squeeze and excitation), and that nest. What it computes for other sizes, or depending on numbers, is not
    in a tree. The weights stay behind: `translate` takes them along.

    Raises `ValueError` that names the operation which has no place in a tree, and why; `ShapeError` where shapes clash.
    """
    module = _unwrapped(module)
    if isinstance(module, NetworkModule):
        return Network(checked_shape(input_shape), module.network.body, name or module.network.name)
    network, _, places = _read(module, input_shape, name)
    for each in set_apart(module, (place for place, _ in places.values())):
        warnings.warn(each, TrainingAloneWarning, stacklevel=2)
    return network


def translate(module: nn.Module, input_shape: Sequence[int], name: str = "") -> NetworkModule:
    """Build a PyTorch model anew from its tree, with copies of its weights: the same outputs, by a `NetworkModule`.

    The new module stands in the mode (training or not), on the device and in the type of the old one, and its
    `network` is what `network_of` gives. Raises what `network_of` raises.
    """
    module = _unwrapped(module)
    if isinstance(module, NetworkModule):
        found: Mapping[str, Tensor] = {**dict(module.named_parameters()), **dict(module.named_buffers())}
        return _built(network_of(module, input_shape, name), found).train(module.training)
    network, weights, places = _read(module, input_shape, name)
    with evaluation_mode(module):  # in which nothing is written that weights are worked out of
        found = {path: made(weight) for path, weight in weights.items()}
    built = _built(network, found).train(module.training)
    parts = dict(module.named_modules())
    for path, (place, _) in places.items():
        if place in parts:  # a frozen normalisation stays in its own mode
            built.get_submodule(path).train(parts[place].training)
    return built


def _built(network: Network, found: Mapping[str, Tensor]) -> NetworkModule:
    """Build a network with copies of those tensors, by the names that its module has for them; what is frozen stays."""
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
    for path, parameter in built.named_parameters():
        parameter.requires_grad_(found[path].requires_grad)
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


def _read(
    module: nn.Module, input_shape: Sequence[int], name: str
) -> tuple[Network, dict[str, Tensor | Worked], dict[str, tuple[str, int]]]:
    """Return the tree, the model's tensors by the names that the tree's module has for them, and which of its calls is
    which layer of the tree.

    What the tree computes is compared with what the model does, on numbers.
    """
    shape = checked_shape(input_shape)
    with evaluation_mode(module):
        report = inspect(module, shape, batch=BATCH)
        for note in report.notes:
            if note.startswith(KEEPS):  # said also where there is no tree
                warnings.warn(note, KeptWarning, stacklevel=3)
        if report.stopped:
            raise NetworkError(report.stopped)
        steps, record = steps_of(module, shape)
        many = recorded(module, record.input.new_empty((MANY, *record.input.shape[1:])))
    alike = [call.label for call in many.calls] == [call.label for call in record.calls]
    small = MANY * record.input[0].numel() <= SMALL
    batches = BATCHES if alike or not small else (*BATCHES, MANY)
    body, weights = folded(steps)
    network = Network(shape, body, name)
    tree = analyse(network)
    found = {f"{row.path}.{own}": tensor for row in tree.rows for own, tensor in weights.get(id(row.node), {}).items()}
    labels = {id(step.what): step.name for step in steps}
    shared = _check_weights(module, found, {row.path: labels.get(id(row.node), row.path) for row in tree.rows})
    beside = sum(step.beside for step in steps)
    worked = {path: weight for path, weight in found.items() if isinstance(weight, Worked)}
    spare = sum(source.numel() for weight in worked.values() for source in weight.sources)
    making = 0  # multiply-adds of each pass, however many images there are
    if tree.macs + beside != report.macs / BATCH:
        with evaluation_mode(module):
            making = sum(weight.macs() for weight in worked.values())
    spare -= sum(weight.size for weight in worked.values()) + shared.again
    _check_figures(tree, report, report.macs - making - BATCH * beside, spare)
    calls = {id(step.what): (step.name, step.call) for step in steps if step.call is not None}
    places = {row.path: calls[id(row.node)] for row in tree.rows if id(row.node) in calls}
    first: NetworkError | None = None
    runs: list[Runs] = []
    for dtype in (None, torch.float64):  # rounding grows through a deep network; in 64 bits it does not matter
        numbers = Numbers(dtype)
        with standing_in(module, numbers):  # so that each of its tensors has a substitute
            pass
        built = _built(network, {path: made(weight, numbers.instead) for path, weight in found.items()})
        names = {id(parameter): path for path, parameter in module.named_parameters()}
        learned = [
            Learned(names[id(weight)], numbers.instead(weight), own)
            for path, own in built.named_parameters()
            if isinstance(weight := found[path], Tensor) and id(weight) not in shared.tensors
        ]
        try:
            runs.append([])
            told = copy_context().run(
                check_equal, module, numbers, built, tuple(record.input.shape[1:]), places, learned, batches, runs[-1]
            )
            if first is not None and rounds_more(*runs):
                raise first
        except NetworkError as error:
            first = first or error
        else:
            break
    else:
        assert first is not None
        raise first
    if not alike and not small:
        told.append(
            f"of {MANY} images at once the model calls other things than of {BATCH}; compared were {BATCHES[-1]}"
        )
    if beside:
        told.append(
            f"kernels that nobody learns, of binomial numbers, are average pools in the tree: its {tree.macs:,} "
            f"multiply-adds are {beside:,} fewer than the model's"
        )
    if worked:
        listed = ", ".join([*worked][:3]) + (f" and {len(worked) - 3} more" if len(worked) > 3 else "")
        told.append(
            f"{listed}: worked out of the model's parameters whenever it runs (such as standardised, two biases "
            "added, or one number for all channels); its tree holds what that gives, and learns it as it is"
            + (f"; {making:,} multiply-adds of each pass are so saved" if making else "")
        )
    if shared.again:
        listed = ", ".join(shared.labels[:3]) + (" …" if len(shared.labels) > 3 else "")
        told.append(
            f"{listed}: of a layer that runs again, or of another; its tree holds these numbers once for each, "
            f"{shared.again:,} parameters more than the model, and learns each by itself"
        )
    told += [
        f"{path or 'the model'}: gives what it is given in evaluation mode; whatever it does in training is not in the "
        "tree"
        for path in record.idle
    ]
    told += in_training(module, record)
    if hooked := [path for path, parameter in module.named_parameters() if _hooked(parameter)]:
        told.append(f"what a hook makes of gradients is not in its tree: of {', '.join(hooked[:3])}")
    for each in told:
        warnings.warn(each, TrainingAloneWarning, stacklevel=3)
    return network, found, places


def _hooked(parameter: Tensor) -> bool:
    return bool(parameter._backward_hooks or parameter._post_accumulate_grad_hooks)


class _Shared(NamedTuple):
    """Parameters that stand in several layers of the tree: what they are called there, in how many numbers more than in
    the model, and their ids.
    """

    labels: tuple[str, ...]
    again: int
    tensors: frozenset[int]


def _check_weights(module: nn.Module, found: Mapping[str, Tensor | Worked], labels: Mapping[str, str]) -> _Shared:
    """Refuse what the tree would learn and the model does not, and numbers that parts of two layers share; return the
    parameters that several layers are. `labels` says what of the model is at each path of the tree.
    """
    names = {id(parameter): path for path, parameter in module.named_parameters()}
    buffers = {id(buffer): path for path, buffer in module.named_buffers()}
    first: dict[Any, tuple[str, Tensor]] = {}
    again = list[tuple[str, Tensor]]()
    for path, tensor in ((path, tensor) for path, weight in found.items() for tensor in sources(weight)):
        layer, _, name = path.rpartition(".")
        own = f"{labels.get(layer, layer)}: its {name}"
        if not path.endswith(STATISTICS) and id(tensor) not in names:
            held = (
                f"the model's buffer {buffers[id(tensor)]}"
                if id(tensor) in buffers
                else "no parameter of the model (worked out before, or of a layer that it does not hold as a part)"
            )
            raise NetworkError(f"{own} is {held}; a tree's layers learn all their weights")
        lies = id(tensor) if tensor.is_meta else (tensor.untyped_storage().data_ptr(), tensor.storage_offset())
        if not tensor.numel() or lies not in first:
            first[lies] = own, tensor
            continue
        other, before = first[lies]
        learned = not path.endswith(STATISTICS)
        if before is not tensor or not (learned or other == own):
            raise NetworkError(f"{own} shares its numbers with {other}; in a tree each layer has its own")
        if learned:
            again.append((own, tensor))
    return _Shared(
        tuple(dict.fromkeys(own for own, _ in again)),
        sum(tensor.numel() for _, tensor in again),
        frozenset(id(tensor) for _, tensor in again),
    )


def _check_figures(tree: Report, report: Inspection, macs: int, spare: int) -> None:
    """Refuse a tree of other figures than the model's. macs: those of a batch that the tree must have; spare:
    parameters that it saves.
    """
    figures = ("parameters", tree.parameters, report.parameters - spare), ("macs", tree.macs, macs / BATCH)
    for figure, ours, theirs in figures:
        if ours != theirs:
            idle = [row.path for row in report.rows if not row.calls and row.parameters]
            told = f": {', '.join(idle[:3])}{' …' if idle[3:] else ''} never ran" if idle else ""
            raise NetworkError(
                f"the model as a tree would have {ours:,} {figure}, it has {theirs:,.10g}: something in it is "
                f"shared, or is no part of what it computes{told}"
            )
