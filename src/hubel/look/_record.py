"""What every layer of a network gives for some images, from one run."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from hubel.arch import Row, analyse
from hubel.tasks import LoadedModel


@dataclass(frozen=True, eq=False)
class Record:
    """The outputs of all layers for a batch, by the tree's paths; on the processor, in N×C×H×W or N×features.

    rows: the network's rows, one a layer and one a place where branches meet.
    inputs, outputs: what each row was given and gave, after its own activation.
    before: where an activation is written with a layer, the numbers before it.
    """

    rows: tuple[Row, ...]
    inputs: Mapping[str, Tensor] = field(repr=False)
    outputs: Mapping[str, Tensor] = field(repr=False)
    before: Mapping[str, Tensor] = field(repr=False)


def record(model: LoadedModel, inputs: Tensor, paths: frozenset[str] | None = None) -> Record:
    """Run the model once on normalised inputs N×C×H×W and keep what every layer gives (or those of `paths`:
    layers, or parts of the network, by name).

    The module's mode, gradients and random state are left as they were; in evaluation mode, no gradients are kept.
    Side exits are not run. Layers that a network shares or that work in place are kept as they were given and gave.

    Raises KeyError, with the nearest, for a path that the network has not.
    """
    report = analyse(model.network)
    rows = tuple(row for row in report.rows if not row.auxiliary)
    kept = {row.path for row in rows} if paths is None else {row.path for path in paths for row in report.find(path)}
    found: dict[str, dict[str, Tensor]] = {"inputs": {}, "outputs": {}, "before": {}}
    was_training = model.module.training
    model.module.eval()
    try:
        with ExitStack() as stack, torch.inference_mode():
            for path, steps in _steps(model.module, rows, kept).items():
                stack.callback(steps[0].register_forward_pre_hook(partial(_note_input, found["inputs"], path)).remove)
                for step, into in zip(steps, _places(found, len(steps)), strict=True):
                    stack.callback(step.register_forward_hook(partial(_note_output, into, path)).remove)
            given = inputs.flatten(1) if len(model.network.input) == 1 else inputs
            model.module(given.to(_device(model.module)))
    finally:
        model.module.train(was_training)
    seen = tuple(row for row in rows if row.path in found["outputs"])
    return Record(seen, found["inputs"], found["outputs"], found["before"])


def _places(found: dict[str, dict[str, Tensor]], steps: int) -> list[dict[str, Tensor]]:
    return [found["before"]] * (steps - 1) + [found["outputs"]]


def _steps(module: nn.Module, rows: tuple[Row, ...], kept: set[str]) -> dict[str, list[nn.Module]]:
    """The module of each path, and after it that of an activation written with the layer."""
    modules = dict(module.named_modules())
    found = {}
    for row in rows:
        if row.path in kept and row.path in modules:
            activation = f"{row.path}_{getattr(row.node, 'activation', None)}"
            found[row.path] = [modules[path] for path in (row.path, activation) if path in modules]
    return found


def _note_input(into: dict[str, Tensor], path: str, module: nn.Module, given: tuple[Any, ...]) -> None:
    into[path] = given[0].detach().clone()


def _note_output(into: dict[str, Tensor], path: str, module: nn.Module, given: Any, output: Tensor) -> None:
    into[path] = output.detach().clone()


def _device(module: nn.Module) -> torch.device:
    parameter = next(module.parameters(), None)
    return torch.device("cpu") if parameter is None else parameter.device
