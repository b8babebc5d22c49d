"""Branches in a dimension of their own: stacked or split, weighed by a softmax, added up (SKNet, ResNeSt)."""

from __future__ import annotations

from math import prod
from typing import Any

from torch import Tensor, nn

import hubel.arch as arch
from hubel.arch import Concat, Product, Sum
from hubel.base.errors import NetworkError
from hubel.nn.reading.graph import Step
from hubel.nn.reading.moves import argument
from hubel.nn.reading.record import Call
from hubel.nn.reading.tensors import Tensors, Value


def stack(tensors: Tensors, call: Call, takes: list[Tensor], constants: list[Tensor]) -> None:
    """Read `torch.stack`: a concatenation whose parts stay apart."""
    branches = list(argument(call, 0, "tensors"))
    axis, sizes = int(argument(call, 1, "dim", default=0)), call.output.dim()
    if constants or axis not in (1, 1 - sizes) or sizes != 5 or tensors.one_order(call, takes, "stacks") != "first":
        raise NetworkError(f"{call.label}: a tree stacks pictures along dimension 1, to weigh or to add them up")
    _add(tensors, call, Concat, tensors.places(branches))


def weighed(tensors: Tensors, call: Call, factors: list[Tensor]) -> bool:
    """Read the product of stacked branches and of a weight for each of them; false where they do not lie so."""
    if any(factor.dim() != 5 or factor.shape[1:3] != call.output.shape[1:3] for factor in factors):
        return False
    for factor in factors:
        value, shape = tensors[factor], tuple(factor.shape[1:])
        if value.order == "loose":
            channels = (shape[0] * shape[1], *shape[2:])
            step = Step(call.label, arch.Reshape((*channels[1:], channels[0])), (value.place,))
            _set(tensors, factor, step, channels)
        elif value.order != "split":
            return False
    _add(tensors, call, Product, tensors.places(factors))
    return True


def reduced(tensors: Tensors, call: Call, given: Tensor) -> bool:
    """Read a sum or mean of stacked branches, or a softmax between them; false for another operation."""
    if call.what in ("sum", "mean") and tensors[given].order == "split":
        return _added_up(tensors, call, given)
    if call.what == "softmax" or isinstance(call.what, nn.Softmax):
        return _between(tensors, call, given)
    return False


def _added_up(tensors: Tensors, call: Call, given: Tensor) -> bool:
    axis = argument(call, 1, "dim", "axis")
    axis = axis[0] if isinstance(axis, (tuple, list)) and len(axis) == 1 else axis
    if axis not in (1, -4) or argument(call, 2, "keepdim", default=False):
        return False
    value, number, channels = tensors[given], int(given.shape[1]), int(given.shape[2])
    made, shape = tensors.steps[value.place], (*value.shape[1:], channels)
    inputs = list(made.inputs)
    if made.what is not Concat or len(inputs) != number or any(tensors.steps[n].shape != shape for n in inputs):
        inputs = []
        for part in range(number):
            own = arch.SelectChannels(tuple(range(part * channels, (part + 1) * channels)))
            inputs.append(len(tensors.steps))
            tensors.steps.append(Step(call.label, own, (value.place,), shape=shape))
    if call.what == "sum":
        tensors.add(call.output, Step(call.label, Sum, tuple(inputs)))
    else:
        tensors.steps.append(Step(call.label, Sum, tuple(inputs), shape=shape))
        tensors.add(call.output, Step(call.label, arch.Rescaling(1 / number), (len(tensors.steps) - 1,)))
    return True


def _between(tensors: Tensors, call: Call, given: Tensor) -> bool:
    """Read a softmax over what is no dimension of channels: numbers of one image, whose first dimension it is over."""
    value, sizes = tensors[given], tuple(given.shape)
    axis = call.what.dim if isinstance(call.what, nn.Softmax) else argument(call, 1, "dim", "axis")
    if value.order not in ("split", "loose") or axis is None or prod(sizes[1 : axis % len(sizes)]) != 1:
        return False
    over = sizes[axis % len(sizes)]
    shape = (prod(sizes[1:]) // over, 1, over)
    first = len(tensors.steps)
    tensors.steps.append(Step(call.label, arch.Reshape(shape), (value.place,), shape=shape))
    tensors.steps.append(Step(call.label, arch.Activation("softmax"), (first,), shape=shape))
    tensors.set(call.output, Value(first + 1, (over, *shape[:2]), "loose"))
    return True


def _add(tensors: Tensors, call: Call, what: Any, inputs: tuple[int, ...]) -> None:
    _, number, channels, *places = call.output.shape
    _set(tensors, call.output, Step(call.label, what, inputs), (number * channels, *places))


def _set(tensors: Tensors, tensor: Tensor, step: Step, shape: tuple[int, ...]) -> None:
    tensors.set(tensor, Value(len(tensors.steps), shape, "split"))
    tensors.steps.append(Step(step.name, step.what, step.inputs, shape=(*shape[1:], shape[0])))
