"""What calls of PyTorch's move, join and cut: their axes and places, out of their arguments."""

from __future__ import annotations

from itertools import accumulate, pairwise
from numbers import Real
from typing import Any

from torch import Tensor

import hubel.arch as arch
from hubel.arch import Layer
from hubel.nn.reading.lying import cut
from hubel.nn.reading.record import Call

GLOBAL = {"mean": arch.GlobalAveragePooling2D, "amax": arch.GlobalMaxPooling2D}
_LISTS = (list, tuple, range)  # of places, which an index names one by one
WHOLE = {4: GLOBAL, 3: {"mean": arch.GlobalAveragePooling1D, "amax": arch.GlobalMaxPooling1D}}


def argument(call: Call, place: int, *names: str, default: Any = None) -> Any:
    """Return an argument by its place among all, or by one of its names."""
    for name in names:
        if name in call.keywords:
            return call.keywords[name]
    return call.inputs[place] if len(call.inputs) > place else default


def moved(call: Call, sizes: int) -> tuple[int, ...] | None:
    """Return the order into which a permutation or transposition brings dimensions, or None for another operation."""
    order = list(range(sizes))
    if call.what == "permute":
        found = argument(call, 1, "dims")
        found = found if isinstance(found, (tuple, list)) else call.inputs[1:]
        return tuple(int(axis) % sizes for axis in found)
    if call.what in ("mT", "adjoint") and sizes > 2:
        return (*order[:-2], order[-1], order[-2])
    if call.what in ("transpose", "swapaxes", "swapdims"):
        first = argument(call, 1, "dim0", "axis0") % sizes
        second = argument(call, 2, "dim1", "axis1") % sizes
        order[first], order[second] = second, first
        return tuple(order)
    if call.what in ("movedim", "moveaxis"):
        source, target = argument(call, 1, "source"), argument(call, 2, "destination")
        if isinstance(source, int) and isinstance(target, int):
            order.insert(target % sizes, order.pop(source % sizes))
            return tuple(order)
    return None


def joined(call: Call) -> tuple[list[Tensor], int]:
    """Return the tensors that a concatenation is of, and along which dimension."""
    return list(argument(call, 0, "tensors")), int(argument(call, 1, "dim", "axis", default=0))


def parts(call: Call, order: str) -> list[tuple[int, ...]] | None:
    """Return the channels that go into each part, for what deals them out in runs; None for another operation."""
    if call.what not in ("chunk", "split", "tensor_split", "split_with_sizes"):
        return None
    sizes, axis = call.output[0].dim(), 1 if order == "first" else call.output[0].dim() - 1
    if argument(call, 2, "dim", default=0) not in (axis, axis - sizes):
        return None
    ends = list(accumulate((int(tensor.shape[axis]) for tensor in call.output), initial=0))
    return [tuple(range(first, end)) for first, end in pairwise(ends)]


def rescaling(call: Call) -> tuple[float, float] | None:
    """Return the factor and the offset of arithmetic with plain numbers; None for another operation."""
    if call.what == "neg":
        return -1.0, 0.0
    numbers = [value for value in call.inputs if not isinstance(value, Tensor)]
    if len(numbers) != 1 or call.keywords or isinstance(numbers[0], bool) or not isinstance(numbers[0], Real):
        return None
    number, first = float(numbers[0]), isinstance(call.inputs[0], Tensor)
    name = str(call.what).removeprefix("i")
    if name in ("mul", "rmul", "multiply"):
        return number, 0.0
    if name in ("add", "radd"):
        return 1.0, number
    if name in ("div", "truediv", "true_divide", "divide") and first and number:
        return 1 / number, 0.0
    if name in ("sub", "subtract", "rsub"):
        minuend = first != (name == "rsub")
        return (1.0, -number) if minuend else (-1.0, number)
    return None


def window(call: Call, given: Tensor, order: str) -> Layer | arch.Chain | None:
    """Return the layer that takes means of rows and columns, or of steps, or cuts a picture out; None for another
    operation.
    """
    if call.what in GLOBAL and given.dim() in WHOLE:
        axes = argument(call, 1, "dim", "axis")
        axes = axes if isinstance(axes, (tuple, list)) else (axes,)
        keeps = bool(argument(call, 2, "keepdim", default=False))
        wanted = {*range(2, given.dim())} if order == "first" else {*range(1, given.dim() - 1)}
        if None in axes or {int(axis) % given.dim() for axis in axes} != wanted or (keeps and order != "first"):
            return None
        return WHOLE[given.dim()][str(call.what)](keepdims=keeps)
    if call.what == "getitem":
        return _cut(call.inputs[1], tuple(given.shape), order)
    if call.what == "narrow" and order == "first":
        axis, start, length = (argument(call, *each) for each in ((1, "dim"), (2, "start"), (3, "length")))
        if isinstance(start, int):
            cuts = [slice(None)] * (int(axis) % given.dim())
            return _cut((*cuts, slice(start, start + length)), tuple(given.shape), order)
    return None


def mean_of_places(call: Call, given: Tensor, shape: tuple[int, ...]) -> Layer | None:
    """Return the layer that takes the mean of all places of a picture that was written as channels × places."""
    listed = given.dim() == 3 and len(shape) == 3 and tuple(given.shape[1:]) == (shape[0], shape[1] * shape[2])
    axis = argument(call, 1, "dim", "axis")
    axis = axis[0] if isinstance(axis, (tuple, list)) and len(axis) == 1 else axis
    keeps = argument(call, 2, "keepdim", default=False)
    return GLOBAL[str(call.what)]() if listed and call.what in GLOBAL and axis in (2, -1) and not keeps else None


def chooses(call: Call) -> bool:
    """Whether a call takes places by lists, which may give them in any order, and no view of them."""
    index = call.inputs[1] if call.what == "getitem" else None
    return any(isinstance(each, _LISTS) for each in (index if isinstance(index, tuple) else (index,)))


def _cut(index: Any, shape: tuple[int, ...], order: str) -> Layer | arch.Chain | None:
    """Return the layer that slices channels, rows and columns, or takes channels by a list; or takes one place alone,
    of all channels.
    """
    if not isinstance(index, tuple):
        return None
    if not all(type(each) in (slice, int, *_LISTS) or each is Ellipsis for each in index):
        return None
    if index.count(Ellipsis):
        place = index.index(Ellipsis)
        index = (*index[:place], *[slice(None)] * (len(shape) - len(index) + 1), *index[place + 1 :])
    index = (*index, *[slice(None)] * (len(shape) - len(index)))
    if order == "last":
        index, shape = ((each[0], each[-1], *each[1:-1]) for each in (index, shape))
    listed = next((each for each in index if isinstance(each, _LISTS)), None)
    if listed is not None:
        plain = all(type(number) is int for number in listed)
        if not plain or index[1] is not listed or any(each != slice(None) for each in (index[0], *index[2:])):
            return None
        return arch.SelectChannels(tuple(number % shape[1] for number in listed))
    runs = [
        range(size)[each] if isinstance(each, slice) else range(size)[each:][:1]
        for size, each in zip(shape, index, strict=True)
    ]
    taken = [isinstance(each, int) for each in index]
    found = cut(runs, shape)
    if not any(taken) or found is None:
        return found if order == "first" else None
    if any(taken[:2]) or not all(taken[2:]):
        return None
    return arch.Chain(*(found.nodes if isinstance(found, arch.Chain) else (found,)), arch.Flatten())
