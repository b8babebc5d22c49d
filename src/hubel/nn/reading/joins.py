"""What PyTorch's functions of several tensors are in a tree: one row a function."""

from __future__ import annotations

from collections.abc import Callable
from typing import NoReturn

from torch import Tensor

import hubel.arch as arch
from hubel.arch import Concat, Identity, Product, Sum
from hubel.base.errors import NetworkError
from hubel.nn.reading.graph import Step
from hubel.nn.reading.moves import joined
from hubel.nn.reading.record import Call
from hubel.nn.reading.stacked import stack, weighed
from hubel.nn.reading.tensors import Tensors

PAIR = Product(Identity(), Identity())


def refuse_constant(call: Call) -> NoReturn:
    """Raise the error of a constant that is no weight of a layer."""
    raise NetworkError(f"{call.label}: a parameter or constant used by itself has no place in a tree")


def _concatenate(tensors: Tensors, call: Call, takes: list[Tensor], constants: list[Tensor]) -> None:
    if constants:
        refuse_constant(call)
    order = tensors.one_order(call, takes, "concatenates")
    branches, axis = joined(call)
    if len(branches) == 1:
        tensors.set(call.output, tensors[branches[0]])
        return
    sizes = call.output.dim()
    if axis % sizes != (sizes - 1 if order == "last" else 1):
        raise NetworkError(f"{call.label}: a tree concatenates channels, not along dimension {axis}")
    tensors.add(call.output, Step(call.label, Concat, tensors.places(branches)), order)


def _add_up(tensors: Tensors, call: Call, takes: list[Tensor], constants: list[Tensor]) -> None:
    if constants:
        refuse_constant(call)
    both = [given for given in call.inputs[:2] if isinstance(given, Tensor)]
    if len(both) != 2 or both[0].shape != both[1].shape or call.keywords or len(call.inputs) > 2:
        raise NetworkError(f"{call.label}: a tree adds branches of equal shape")
    tensors.add(call.output, Step(call.label, Sum, tensors.places(both)), tensors.one_order(call, both, "adds"))


def _subtract(tensors: Tensors, call: Call, both: list[Tensor], constants: list[Tensor]) -> None:
    """Read a difference: the sum of one branch and of the other times −1."""
    if constants:
        refuse_constant(call)
    if len(both) != 2 or len(call.inputs) != 2 or call.keywords:
        raise NetworkError(f"{call.label}: the tree has no layer for {call.what}")
    first, second = call.inputs if call.what != "rsub" else call.inputs[::-1]
    if first.shape != second.shape:
        raise NetworkError(f"{call.label}: a tree subtracts branches of equal shape")
    order, place = tensors.one_order(call, both, "subtracts"), len(tensors.steps)
    given = tensors[second].place
    shape = tensors.public(second)
    tensors.steps.append(Step(call.label, arch.Rescaling(-1.0), (given,), shape=shape))
    tensors.add(call.output, Step(call.label, Sum, (tensors[first].place, place)), order)


def _multiply(tensors: Tensors, call: Call, takes: list[Tensor], constants: list[Tensor]) -> None:
    """Read a gate, or one learned number for each channel."""
    label = call.label
    if constants and len(takes) == 1:
        factor, value, shape = constants[0], tensors[takes[0]], tuple(takes[0].shape)
        filled = (1,) * (len(shape) - factor.dim()) + tuple(factor.shape)
        along = len(shape) - 1 if value.order == "last" else 1
        stored = tensors.stored(factor)
        if filled != tuple(size if axis == along else 1 for axis, size in enumerate(shape)):
            raise NetworkError(f"{label}: the tree multiplies by one number for each channel, not by others")
        if stored is None or value.order not in ("first", "last"):
            refuse_constant(call)
        step = Step(label, arch.Scale(use_bias=False), (value.place,), {"weight": stored})
        tensors.add(call.output, step, value.order)
        return
    factors = [given for given in call.inputs[:2] if isinstance(given, Tensor)]
    aligned = len({factor.dim() for factor in factors}) == 1
    if len(factors) != 2 or constants or call.keywords or not aligned:
        raise NetworkError(f"{label}: a tree multiplies by one learned number for each channel, or branches")
    if weighed(tensors, call, factors):
        return
    orders = {tensors[factor].order for factor in factors} - {"spread"}
    if len(orders) != 1 or not orders <= {"first", "last"}:
        raise NetworkError(f"{label}: a tree multiplies branches whose channels lie alike")
    shape = arch.join_shape(PAIR, [tensors.public(factor) for factor in factors])
    tensors.add(call.output, Step(label, Product, tensors.places(factors), shape=shape), orders.pop())


JOINS: dict[str, Callable[[Tensors, Call, list[Tensor], list[Tensor]], None]] = {
    **dict.fromkeys(("cat", "concat", "concatenate"), _concatenate),
    "stack": stack,
    **dict.fromkeys(("add", "iadd", "radd"), _add_up),
    **dict.fromkeys(("sub", "isub", "rsub", "subtract"), _subtract),
    **dict.fromkeys(("mul", "imul", "rmul", "multiply"), _multiply),
}
"""By a function's name, what takes in the steps that a call makes of what it is given, and of constants."""
