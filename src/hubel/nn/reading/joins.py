"""What PyTorch's functions of several tensors are in a tree, one row a function; and of numbers that nobody learns."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor

import hubel.arch as arch
from hubel.arch import Concat, Identity, Product, Sum
from hubel.base.errors import NetworkError
from hubel.nn.inspection.report import tensor_text
from hubel.nn.reading.graph import Step
from hubel.nn.reading.moves import joined
from hubel.nn.reading.record import Call
from hubel.nn.reading.stacked import stack, weighed
from hubel.nn.reading.tensors import Tensors
from hubel.nn.reading.worked import Worked, worked_on

PAIR = Product(Identity(), Identity())
SUBTRACT, ADD = ("sub", "isub", "subtract"), ("add", "iadd", "radd")
DIVIDE, MULTIPLY = ("div", "truediv", "itruediv", "true_divide", "divide"), ("mul", "imul", "rmul", "multiply")


def _concatenate(tensors: Tensors, call: Call, takes: list[Tensor], constants: list[Tensor]) -> None:
    if constants:
        tensors.refuse(call, constants)
    order = tensors.one_order(call, takes, "concatenates")
    branches, axis = joined(call)
    if len(branches) == 1:
        tensors.set(call.output, tensors[branches[0]])
        return
    sizes = call.output.dim()
    if axis % sizes != (sizes - 1 if order == "last" else 1):
        raise NetworkError(f"{call.label}: a tree concatenates channels, not along dimension {axis}")
    tensors.add(call.output, Step(call.label, Concat, tensors.places(branches)), order)


def of_channels(tensors: Tensors, constant: Tensor, given: Tensor) -> Tensor | Worked | None:
    """Return the learned number of each channel that a constant is; of one number for all the same for each."""
    value = tensors[given]
    for_all = constant.numel() == 1 < value.shape[0] and constant.dim() <= given.dim()
    if value.order not in ("first", "last") or not (for_all or tensors.along_channels(constant, given)):
        return None
    stored = tensors.stored(constant)
    found = stored if stored is not None else tensors.worked(constant)
    if for_all and found is not None:
        return worked_on(found, lambda number: number.reshape(1).expand(value.shape[0]), value.shape[0])
    return found


def _refuse_added(tensors: Tensors, call: Call, takes: list[Tensor], constants: list[Tensor]) -> None:
    """Refuse to add a constant that is not one number for each channel."""
    if len(constants) == 1 and not any(tensors.along_channels(constants[0], given) for given in takes):
        size = tensor_text(tuple(constants[0].shape))
        raise NetworkError(f"{call.label}: a tree adds one learned number for each channel, not {size} of them")
    if constants:
        tensors.refuse(call, constants)


def _add_up(tensors: Tensors, call: Call, takes: list[Tensor], constants: list[Tensor]) -> None:
    if len(constants) == len(takes) == 1 and len(call.inputs) == 2 and not call.keywords:
        value, bias = tensors[takes[0]], of_channels(tensors, constants[0], takes[0])
        scaled = tensors.steps[value.place]
        if isinstance(scaled.what, arch.Scale) and not scaled.what.use_bias and bias is not None:
            weights = {**scaled.weights, "bias": bias}  # a layer in the place of the one before
            tensors.add(call.output, Step(scaled.name, arch.Scale(), scaled.inputs, weights), value.order)
            return
        if bias is not None:
            tensors.add(call.output, Step(call.label, arch.Shift(), (value.place,), {"bias": bias}), value.order)
            return
    _refuse_added(tensors, call, takes, constants)
    both = [given for given in call.inputs[:2] if isinstance(given, Tensor)]
    if call.keywords or len(call.inputs) > 2:
        raise NetworkError(
            f"{call.label}: a tree adds branches as they are, without {', '.join(call.keywords) or 'more'}"
        )
    if len(both) != 2 or both[0].shape != both[1].shape:
        raise NetworkError(f"{call.label}: a tree adds branches of equal shape")
    tensors.add(call.output, Step(call.label, Sum, tensors.places(both)), tensors.one_order(call, both, "adds"))


def _subtract(tensors: Tensors, call: Call, both: list[Tensor], constants: list[Tensor]) -> None:
    """Read a difference: the sum of one branch and of the other times −1, or of one learned number for each channel."""
    if len(constants) == len(both) == 1 and len(call.inputs) == 2 and not call.keywords:
        value, bias = tensors[both[0]], of_channels(tensors, constants[0], both[0])
        if bias is not None:
            place, first = value.place, (call.inputs[0] is both[0]) != (call.what == "rsub")
            if not first:
                tensors.steps.append(Step(call.label, arch.Rescaling(-1.0), (place,), shape=tensors.steps[place].shape))
                place = len(tensors.steps) - 1
            bias = worked_on(bias, torch.neg) if first else bias
            tensors.add(call.output, Step(call.label, arch.Shift(), (place,), {"bias": bias}), value.order)
            return
    _refuse_added(tensors, call, both, constants)
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
        value, weight = tensors[takes[0]], of_channels(tensors, constants[0], takes[0])
        if weight is None and not tensors.along_channels(constants[0], takes[0]):
            raise NetworkError(f"{label}: the tree multiplies by one number for each channel, not by others")
        if weight is None:
            tensors.refuse(call, constants)
        step = Step(label, arch.Scale(use_bias=False), (value.place,), {"weight": weight})
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


def _divide(tensors: Tensors, call: Call, takes: list[Tensor], constants: list[Tensor]) -> None:
    """Read a division by one learned number for each channel."""
    first = len(call.inputs) == 2 and call.inputs[0] is takes[0]
    plain = len(takes) == len(constants) == 1 and not call.keywords
    weight = of_channels(tensors, constants[0], takes[0]) if plain and first else None
    if weight is None:
        if constants and first:
            tensors.refuse(call, constants)
        raise NetworkError(f"{call.label}: the tree has no layer that divides by what depends on the input")
    weights, value = {"weight": worked_on(weight, torch.reciprocal)}, tensors[takes[0]]
    tensors.add(call.output, Step(call.label, arch.Scale(use_bias=False), (value.place,), weights), value.order)


def _square(tensors: Tensors, call: Call, takes: list[Tensor], constants: list[Tensor]) -> None:
    """Read a square, a product of a branch with itself."""
    value = tensors[takes[0]]
    if call.what != "square" and (constants or call.inputs[1:] != (2,) or call.inputs[0] is not takes[0]):
        raise NetworkError(f"{call.label}: of powers a tree has squares alone")
    order = tensors.one_order(call, takes, "multiplies")
    tensors.add(call.output, Step(call.label, Product, (value.place,) * 2), order)


def one_number(tensors: Tensors, call: Call, constants: list[Tensor]) -> Call:
    """Return the call with a plain number in the place of a constant tensor that holds one alone."""
    (numbers,) = map(tensors.fixed, constants) if len(constants) == 1 else (None,)
    if numbers is None or numbers.numel() != 1 or constants[0].dim() > call.output.dim():
        return call
    plain = float(numbers)
    return replace(call, inputs=tuple(plain if given is constants[0] else given for given in call.inputs))


def standardised(tensors: Tensors, call: Call, given: Tensor, constants: list[Tensor]) -> bool:
    """Read `(x − mean) / deviation` of one number for each channel; false for another operation."""
    value, first = tensors[given], bool(call.inputs) and call.inputs[0] is given
    if len(constants) != 1 or len(call.inputs) != 2 or call.keywords or value.order not in ("first", "last"):
        return False
    numbers = tensors.fixed(constants[0])
    if numbers is None or not tensors.along_channels(constants[0], given):
        return False
    numbers = numbers.flatten().to(torch.get_default_dtype(), copy=True)
    mean, variance = torch.zeros_like(numbers), torch.ones_like(numbers)
    if call.what in (*SUBTRACT, *ADD) and (first or call.what in ADD):
        mean = numbers if call.what in SUBTRACT else -numbers
    elif call.what in (*DIVIDE, *MULTIPLY) and (first or call.what in MULTIPLY) and bool((numbers > 0).all()):
        variance = numbers.square() if call.what in DIVIDE else numbers.square().reciprocal()
    else:
        return False
    place, before = value.place, tensors.steps[value.place]
    if isinstance(before.what, arch.Normalization) and not mean.any():  # one layer of the two
        place, mean, earlier = before.inputs[0], before.weights["running_mean"].clone(), before.weights["running_var"]
        variance = variance * earlier
    step = Step(call.label, arch.Normalization(), (place,), {"running_mean": mean, "running_var": variance})
    tensors.add(call.output, step, value.order)
    return True


JOINS: dict[str, Callable[[Tensors, Call, list[Tensor], list[Tensor]], None]] = {
    **dict.fromkeys(("cat", "concat", "concatenate"), _concatenate),
    "stack": stack,
    **dict.fromkeys(ADD, _add_up),
    **dict.fromkeys((*SUBTRACT, "rsub"), _subtract),
    **dict.fromkeys(DIVIDE, _divide),
    **dict.fromkeys(MULTIPLY, _multiply),
    **dict.fromkeys(("pow", "ipow", "square"), _square),
}
"""By a function's name, what takes in the steps that a call makes of what it is given, and of constants."""
