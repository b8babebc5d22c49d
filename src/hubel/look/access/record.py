"""What every layer of a network gives for some images, from one run."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from hubel.arch import Row, analyse, torch_order
from hubel.base.errors import SettingError
from hubel.look.access.models import of_any_model
from hubel.nn import device_of, evaluation_mode
from hubel.nn.modules.own import own_hook
from hubel.tasks import LoadedModel


@dataclass(frozen=True, eq=False)
class Record:
    """The outputs of all layers for a batch, by the tree's paths; on the processor, in N×C×H×W or N×features.

    rows: the network's rows, one a layer and one a place where branches meet.
    inputs, outputs: what each row was given and gave, after its own activation; all on the processor.
    before: where an activation is written with a layer, the numbers before it.
    """

    rows: tuple[Row, ...]
    inputs: Mapping[str, Tensor] = field(repr=False)
    outputs: Mapping[str, Tensor] = field(repr=False)
    before: Mapping[str, Tensor] = field(repr=False)


@of_any_model
def record(model: LoadedModel, inputs: Tensor, paths: frozenset[str] | None = None) -> Record:
    """Run the model once on normalised inputs N×C×H×W and keep what every layer gives (or those of `paths`:
    layers, or parts of the network, by name).

    The module's mode, gradients and random state are left as they were; in evaluation mode, no gradients are kept.
    Side exits are not run. Layers that a network shares or that work in place are kept as they were given and gave.

    Raises SettingError for what is no such tensor, and KeyError, with the nearest, for a path that the network has not.
    """
    report = analyse(model.network)
    wanted = torch_order(report.network.input)
    if not _is_plain(inputs) or not inputs.dim() or inputs.shape[1:].numel() != math.prod(wanted):
        received = f"{inputs.dtype} of {tuple(inputs.shape)}" if isinstance(inputs, Tensor) else type(inputs).__name__
        raise SettingError(
            f"expected a tensor of normalised inputs N×{'×'.join(map(str, wanted))}, received {received}; "
            "hubel.look.sample(model, image).input is one"
        )
    rows = tuple(row for row in report.rows if not row.auxiliary)
    kept = {row.path for row in rows} if paths is None else {row.path for path in paths for row in report.find(path)}
    steps = _steps(model.module, rows, kept)
    given = inputs.flatten(1) if len(model.network.input) == 1 else inputs
    found = _seen(model.module, given, steps, _as_it_is)
    if found.has_changed():  # a layer works in place: what was seen before it is gone
        found = _seen(model.module, given, steps, lambda tensor: tensor.detach().clone().cpu())
    seen = tuple(row for row in rows if row.path in found.outputs)
    return Record(seen, found.inputs, found.outputs, found.before)


def _is_plain(inputs: Any) -> bool:
    kinds = torch.float32, torch.float64, torch.int32, torch.int64
    return (
        isinstance(inputs, Tensor) and inputs.dtype in kinds and inputs.layout == torch.strided and not inputs.is_meta
    )


class _Seen:
    """What hooks see, and at which version each tensor was seen: writing into one raises its version."""

    def __init__(self, keep: Callable[[Tensor], Tensor]) -> None:
        self.inputs: dict[str, Tensor] = {}
        self.outputs: dict[str, Tensor] = {}
        self.before: dict[str, Tensor] = {}
        self._keep = keep
        self._versions: list[tuple[Tensor, int]] = []

    def note(self, into: dict[str, Tensor], path: str, tensor: Tensor) -> None:
        """Keep a tensor."""
        into[path] = self._keep(tensor)
        self._versions.append((into[path], into[path]._version))

    def has_changed(self) -> bool:
        """Whether anything that was kept was written into since."""
        return any(tensor._version != version for tensor, version in self._versions)


def _seen(
    module: nn.Module, given: Tensor, steps: Mapping[str, list[nn.Module]], keep: Callable[[Tensor], Tensor]
) -> _Seen:
    found = _Seen(keep)
    with ExitStack() as stack, torch.no_grad(), evaluation_mode(module):
        for path, own in steps.items():
            stack.callback(own[0].register_forward_pre_hook(own_hook(_on_input(found, path))).remove)
            for step in own:
                into = found.outputs if step is own[-1] else found.before
                stack.callback(step.register_forward_hook(own_hook(_on_output(found, into, path))).remove)
        module(given.to(device_of(module)))
    return found


def _on_input(found: _Seen, path: str) -> Callable[[nn.Module, tuple[Any, ...]], None]:
    return lambda module, given: found.note(found.inputs, path, given[0])


def _on_output(found: _Seen, into: dict[str, Tensor], path: str) -> Callable[[nn.Module, Any, Tensor], None]:
    return lambda module, given, output: found.note(into, path, output)


def _as_it_is(tensor: Tensor) -> Tensor:
    return tensor.detach().cpu()


def _steps(module: nn.Module, rows: tuple[Row, ...], kept: set[str]) -> dict[str, list[nn.Module]]:
    modules = dict(module.named_modules())
    return {row.path: modules_of(row, modules) for row in rows if row.path in kept and row.path in modules}


def modules_of(row: Row, modules: Mapping[str, nn.Module]) -> list[nn.Module]:
    """The module of a row, and after it that of an activation written with the layer; `modules` are all, by name."""
    activation = f"{row.path}_{getattr(row.node, 'activation', None)}"
    return [modules[path] for path in (row.path, activation) if path in modules]
