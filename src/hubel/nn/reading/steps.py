"""A PyTorch model's operations, in the order in which they run: each a layer of the tree, or what joins branches."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

import hubel.arch as arch
from hubel.arch import Shape
from hubel.base.errors import NetworkError
from hubel.nn.inspection.inspect import input_type
from hubel.nn.inspection.tensors import tensors_in
from hubel.nn.reading.composed import composed, convolved_steps, largest
from hubel.nn.reading.functions import module_of, weighted_module
from hubel.nn.reading.graph import Step
from hubel.nn.reading.joins import JOINS, one_number, standardised
from hubel.nn.reading.layers import before_it, layer_of
from hubel.nn.reading.moves import parts, rescaling
from hubel.nn.reading.parametrised import as_plain
from hubel.nn.reading.record import BATCH, Call, Record, recorded
from hubel.nn.reading.responses import responded
from hubel.nn.reading.sequences import last_state, of_one_column, recurred, to_steps
from hubel.nn.reading.stacked import reduced
from hubel.nn.reading.tensors import Tensors, Value, unique
from hubel.nn.reading.views import LIKE, rearranged
from hubel.nn.reading.worked import Worked

DROPOUTS = (nn.Dropout, nn.Dropout1d, nn.Dropout2d)
ON_CHANNELS = (nn.Linear, nn.LayerNorm, nn.Dropout, nn.Identity, nn.GELU, nn.ReLU, nn.SiLU, nn.Tanh, nn.Sigmoid)


def steps_of(module: nn.Module, shape: Shape) -> tuple[list[Step], Record]:
    """Read a model's operations in the order in which they run; the first is the input, the last gives the output.

    Raises `ValueError` that names the operation which has no place in a tree, and why.
    """
    order = arch.torch_order(shape)
    record = recorded(module, torch.empty(BATCH, *order, dtype=input_type(module), device="meta"))
    return _Reading(module, record).steps(), record


class _Reading:
    """Takes in what a model called, one call after another."""

    def __init__(self, model: nn.Module, record: Record) -> None:
        self.model, self.record = model, record
        self.tensors = Tensors(record, model)

    def steps(self) -> list[Step]:
        """Return the steps up to the one that gives the output."""
        self.tensors.add(self.record.input, Step("the input", None, ()))
        for call in self.record.calls:
            self._take(call)
        output = self.record.output
        tensors = list(tensors_in(output))
        found = [self.tensors[tensor] for tensor in tensors if tensor in self.tensors]
        if not isinstance(output, Tensor):
            several = len(tensors) > 1
            raise NetworkError(
                f"a tree has one output, the model returns {'several' if several else type(output).__name__}; hubel "
                "inspect draws it (-o) and says its memory"
            )
        if not found:
            raise NetworkError(
                "the model returns nothing that is seen to come of its input: a constant, or what a scripted function, "
                "vmap or a tensor of another class has made"
            )
        (value,) = found
        if value.order not in ("first", "spread") or tuple(output.shape[1:]) != value.shape:
            raise NetworkError(
                f"the output, {tuple(output.shape)}: a tree gives a vector, or a picture with the channels first, as "
                "PyTorch has them"
            )
        return self.tensors.steps[: value.place + 1]

    def _take(self, call: Call) -> None:
        given = list(tensors_in((call.inputs, call.keywords)))
        takes = [tensor for tensor in given if tensor in self.tensors]
        before = {id(tensor): self.tensors.values.get(id(tensor)) for tensor in call.changed}
        outputs = list(tensors_in(call.output))
        if not takes:
            self.tensors.constant(call, given, outputs)
            return
        try:
            values = [self.tensors[tensor] for tensor in takes]
            self._read(call, unique(takes), values[0], [tensor for tensor in given if tensor not in self.tensors])
        except ValueError as error:
            for tensor in (*outputs, *call.changed):
                self.tensors.lose(tensor, error)
        self.tensors.follow(call, before)

    def _read(self, call: Call, takes: list[Tensor], value: Value, constants: list[Tensor]) -> None:
        label, output = call.label, call.output
        join = JOINS.get(call.what) if isinstance(call.what, str) else None
        if isinstance(output, Tensor) and responded(self.tensors, call, takes, constants):
            return
        if any(self.tensors[tensor].order == "part" for tensor in takes):
            raise NetworkError(f"{label}: norms of whole maps stand in a global response normalisation alone")
        if not isinstance(output, Tensor):
            self._part(call, takes, constants)
        elif len(takes) == 1 and not constants and last_state(self.tensors, call, takes[0]):
            return
        elif tuple(output.shape[:1]) != (BATCH,) and not to_steps(call, value.order):
            raise NetworkError(
                f"{label}: in a tree each image stays by itself, this operation mixes or drops the batch"
            )
        elif len(takes) == 1 and (numbers := rescaling(one_number(self.tensors, call, constants))) is not None:
            self._rescale(call, value, *numbers)
        elif len(takes) == 1 and standardised(self.tensors, call, takes[0], constants):
            return
        elif join is not None:
            join(self.tensors, call, takes, constants)
        elif len(takes) == 2 and call.what in LIKE:
            self._rearranged(call, takes[0])
        elif len(takes) != 1:
            raise NetworkError(
                f"{label}: takes {len(takes)} tensors; a tree joins branches by sums, products and concatenations only"
            )
        elif value.order == "spread":
            raise NetworkError(f"{label}: is given what was repeated over a picture; a tree repeats gates alone")
        elif composed(self.tensors, call, takes[0], constants):
            return
        elif constants:
            self._weighted(call, takes[0], constants)
        elif not reduced(self.tensors, call, takes[0]) and not self._rearranged(call, takes[0]):
            part = self._module(call)
            self._layer(call, takes[0], *(as_plain(part) or (part, {})))

    def _part(self, call: Call, takes: list[Tensor], constants: list[Tensor]) -> None:
        """Read what deals channels out to several tensors, or carries a state along steps."""
        if len(takes) == 1 and largest(self.tensors, call, takes[0]):
            return
        if len(takes) == 1 and isinstance(call.what, nn.RNNBase):
            self._registered(call.what)
            recurred(self.tensors, call, takes[0], constants)
            return
        order = self.tensors[takes[0]].order
        cuts = parts(call, order) if len(takes) == 1 and order in ("first", "last") else None
        if cuts is None:
            kind = type(call.what).__name__ if isinstance(call.what, nn.Module) else call.what
            raise NetworkError(
                f"{call.label}: a tree has one output, {kind} returns several"
                if isinstance(call.what, nn.Module)
                else f"{call.label}: the tree has no layer for {kind}"
            )
        for tensor, channels in zip(call.output, cuts, strict=True):
            self.tensors.add(tensor, Step(call.label, arch.SelectChannels(channels), self.tensors.places(takes)), order)

    def _rescale(self, call: Call, value: Value, scale: float, offset: float) -> None:
        """Read arithmetic with plain numbers."""
        if value.order not in ("first", "last"):
            raise NetworkError(f"{call.label}: a tree calculates with pictures, sequences and vectors alone")
        if (scale, offset) == (1, 0):  # 0 + x, with which Python's sum begins
            self.tensors.set(call.output, value)
            return
        self.tensors.add(call.output, Step(call.label, arch.Rescaling(scale, offset), (value.place,)), value.order)

    def _weighted(self, call: Call, given: Tensor, constants: list[Tensor]) -> None:
        """Read a function that is given its weights: `functional.conv2d(x, self.weight)`."""
        made = None
        if not isinstance(call.what, nn.Module) and call.inputs and call.inputs[0] is given:
            made = weighted_module(call.what, call.inputs[1:], call.keywords)
        if made is None:
            self.tensors.refuse(call, constants)
            return
        part, tensors = made
        weights: dict[str, Tensor | Worked | None] = {
            name: self.tensors.stored(tensor)
            if self.tensors.stored(tensor) is not None
            else self.tensors.worked(tensor)
            for name, tensor in tensors.items()
        }
        if None in weights.values():
            raise NetworkError(f"{call.label}: its weights are worked out when it runs, not of parameters alone")
        self._layer(call, given, part, weights)

    def _module(self, call: Call) -> nn.Module:
        if isinstance(call.what, nn.Module):
            self._registered(call.what)
            further = [*call.inputs[1:], *call.keywords] if call.inputs else [*call.keywords][1:]
            if further:
                raise NetworkError(
                    f"{call.label}: is called with more than its input ({', '.join(map(str, further))}); a tree's "
                    "layers have settings alone"
                )
            return call.what
        made = module_of(call.what, call.inputs[1:], call.keywords)
        if made is None:
            raise NetworkError(f"{call.label}: the tree has no layer for {call.what}")
        return made

    def _registered(self, module: nn.Module) -> None:
        """Refuse a module that the model does not hold as one of its parts, where that shows in what it computes."""
        if module not in self.record.foreign:
            return
        kept = any(True for _ in (*module.parameters(), *module.buffers()))
        if kept or (module.training and isinstance(module, DROPOUTS)):
            raise NetworkError(
                f"{self.record.foreign[module]}: is no registered part of the model (made while it runs, or in a list, "
                "a dictionary or a function), which so "
                f"{'does not hold its weights' if kept else 'never ends its training'}; nn.ModuleList and "
                "nn.ModuleDict register"
            )

    def _layer(self, call: Call, given: Tensor, part: nn.Module, weights: Mapping[str, Any]) -> None:
        value, shape = self.tensors[given], self.tensors.public(given)
        if value.order == "loose" and given.dim() == 3 and isinstance(part, nn.Conv1d):
            steps, features = int(given.shape[2]), int(given.shape[1])  # channels as the steps of a sequence
            view = Step(call.label, arch.Reshape((steps, features)), (value.place,), shape=(steps, features))
            value, shape = Value(len(self.tensors.steps), (features, steps)), (steps, features)
            self.tensors.steps.append(view)
        if value.order == "first" and (before := before_it(part)) is not None:
            layer, part = layer_of(before[0], shape), before[1]
            if isinstance(call.what, nn.Module):
                weights = dict(call.what.named_parameters())
            shape = layer.output_shape(shape)
            self.tensors.steps.append(Step(call.label, layer, (value.place,), shape=shape))
            value = Value(len(self.tensors.steps) - 1, (shape[-1], *shape[:-1]))
        if value.order != "first":
            if value.order != "last" or not isinstance(part, ON_CHANNELS):
                raise NetworkError(
                    f"{call.label}: {type(part).__name__} is given a tensor whose channels lie elsewhere"
                )
            shape = shape[-1:]
        try:
            if len(shape) == 2 and (column := of_one_column(part)) is not None:
                self._along(call, value, column, weights or dict(part.named_parameters()))
                return
            layer = layer_of(part, shape)
        except ValueError as error:
            raise NetworkError(f"{call.label}: {error}") from None
        given_by = self.tensors.steps[value.place]
        layer, inputs = convolved_steps(layer, given_by) or (layer, (value.place,))
        own = weights or (dict([*part.named_parameters(), *part.named_buffers()]) if part is call.what else {})
        alike = part is call.what and value.order == "first"  # its output lies as the tree's does
        step = Step(call.label, layer, inputs, own, call=call.number if alike else None)
        self.tensors.add(call.output, step, value.order)

    def _along(self, call: Call, value: Value, column: nn.Module, weights: Mapping[str, Any]) -> None:
        """Read what is done to a sequence as what is done to a picture of one column."""
        features, steps = value.shape
        picture = (steps, 1, features)
        layer = layer_of(column, picture)
        rows, _, channels = layer.output_shape(picture)
        place = len(self.tensors.steps)
        self.tensors.steps += [
            Step(call.label, arch.Reshape(picture), (value.place,), shape=picture),
            Step(call.label, layer, (place,), weights, shape=(rows, 1, channels)),
        ]
        self.tensors.add(call.output, Step(call.label, arch.Reshape((rows, channels)), (place + 1,)))

    def _rearranged(self, call: Call, given: Tensor) -> bool:
        """Read what only moves numbers, cuts them, or takes means of places; false for another operation."""
        value = self.tensors[given]
        made = rearranged(call, given, value, self.record.input.dtype)
        if isinstance(made, Value):
            self.tensors.set(call.output, made)
        elif made is not None:
            self.tensors.add(call.output, Step(call.label, made, (value.place,)))
        return made is not None
