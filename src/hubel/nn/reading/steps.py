"""A PyTorch model's operations, in the order in which they run: each a layer of the tree, or what joins branches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

import hubel.arch as arch
from hubel.arch import Concat, Identity, Layer, Product, Shape, Sum
from hubel.base.errors import NetworkError
from hubel.nn.inspection.run import tensors_in
from hubel.nn.reading.functions import CONCATENATIONS, SUMS, module_of, weighted_module
from hubel.nn.reading.graph import Step
from hubel.nn.reading.layers import layer_of
from hubel.nn.reading.moves import MOVES, joined, mean_of_places, moved, parts, rescaling, window
from hubel.nn.reading.record import BATCH, Call, Record, recorded

PRODUCTS = ("mul", "imul", "rmul", "multiply")
DIFFERENCES = ("sub", "isub", "rsub", "subtract")
PAIR = Product(Identity(), Identity())
VIEWS = ("view", "reshape", "squeeze", "unsqueeze", "flatten", "unflatten", "getitem", "view_as", "reshape_as")
SAME = ("contiguous", "clone", "to", "float", "type_as", "alias")
SPREAD = ("expand", "expand_as")
ON_CHANNELS = (nn.Linear, nn.LayerNorm, nn.Dropout, nn.Identity, nn.GELU, nn.ReLU, nn.SiLU, nn.Tanh, nn.Sigmoid)


@dataclass(frozen=True)
class Value:
    """A tensor of the graph: the place of the step that makes it, that step's shape without the batch, how it lies.

    "first" is PyTorch's order, channels before rows; "last" has the channels last; "split" has the channels in groups,
    in two dimensions, and "swapped" those two exchanged; "loose" is the same numbers in other dimensions, on the way to
    a vector or picture; "spread" is a gate repeated over the picture that it will multiply.
    """

    place: int
    shape: tuple[int, ...]
    order: str = "first"


def steps_of(module: nn.Module, shape: Shape) -> tuple[list[Step], Record]:
    """Read a model's operations in the order in which they run; the first is the input, the last gives the output.

    Raises `ValueError` that names the operation which has no place in a tree, and why.
    """
    order = arch.torch_order(shape)
    dtype = next((p.dtype for p in module.parameters()), torch.get_default_dtype())
    record = recorded(module, torch.empty(BATCH, *order, dtype=dtype, device="meta"))
    return _Reading(module, record).steps(), record


class _Reading:
    """Takes in what a model called, one call after another.

    lost: tensors that no tree can give, with the error that says why; raised where the output depends on one.
    """

    def __init__(self, model: nn.Module, record: Record) -> None:
        self.model, self.record = model, record
        self.found: list[Step] = []
        self.values: dict[int, Value] = {}  # by the tensor's id; the record holds all tensors, so that ids stay
        self.lost: dict[int, ValueError] = {}
        self.known: list[Tensor] = []
        self.origin: dict[int, Tensor] = {}  # of views of parameters
        self.made: set[int] = set()  # constants worked out while the model runs

    def steps(self) -> list[Step]:
        """Return the steps up to the one that gives the output."""
        self._add(self.record.input, Step("the input", None, ()))
        for call in self.record.calls:
            self._take(call)
        output = self.record.output
        tensors = list(tensors_in(output))
        for tensor in tensors:
            self._raise_lost(tensor)
        if not isinstance(output, Tensor):
            several = len(tensors) > 1
            raise NetworkError(
                f"a tree has one output, the model returns {'several' if several else type(output).__name__}"
            )
        value = self.values.get(id(output))
        if value is None:
            raise NetworkError("the model returns a parameter or constant, and nothing of its input")
        if value.order not in ("first", "spread") or tuple(output.shape[1:]) != value.shape:
            raise NetworkError(
                f"the output, {tuple(output.shape)}: a tree gives a vector, or a picture with the channels first, as "
                "PyTorch has them"
            )
        return self.found[: value.place + 1]

    def _raise_lost(self, tensor: Tensor) -> None:
        if id(tensor) in self.lost:
            raise self.lost[id(tensor)].with_traceback(None)

    def _add(self, tensor: Tensor, step: Step, order: str = "first") -> None:
        shape = tuple(tensor.shape[1:])
        if order == "last":
            shape = (shape[-1], *shape[:-1])
        self._set(tensor, Value(len(self.found), shape, order))
        self.found.append(step if step.shape else replace(step, shape=self._public(tensor)))

    def _set(self, tensor: Tensor, value: Value) -> None:
        self.values[id(tensor)] = value
        self.known.append(tensor)

    def _take(self, call: Call) -> None:
        given = list(tensors_in((call.inputs, call.keywords)))
        takes = [t for t in given if id(t) in self.values or id(t) in self.lost]
        before = {id(t): self.values.get(id(t)) for t in call.changed}
        outputs = list(tensors_in(call.output))
        if not takes:
            self._constant(call, given, outputs)
            return
        try:
            for tensor in takes:
                self._raise_lost(tensor)
            self._read(call, list(_unique(takes)), [t for t in given if id(t) not in self.values])
        except ValueError as error:
            for tensor in (*outputs, *call.changed):
                self._lose(tensor, error)
        self._follow(call, before)

    def _lose(self, tensor: Tensor, error: ValueError) -> None:
        self.values.pop(id(tensor), None)
        self.lost[id(tensor)] = error
        self.known.append(tensor)

    def _follow(self, call: Call, before: Mapping[int, Value | None]) -> None:
        """Let other views of what a call wrote into have what it wrote; lose those that cannot be told."""
        for tensor in call.changed:
            now = self.values.get(id(tensor)) if tensor is call.output else None
            if now is None and id(tensor) not in self.lost:
                self._lose(tensor, NetworkError(f"{_label(call)}: writes into a tensor, a tree's layers make new ones"))
            storage = tensor.untyped_storage()._cdata
            for other in list(_unique(self.known)):
                if other is tensor or other.untyped_storage()._cdata != storage:
                    continue
                if now is not None and self.values.get(id(other)) == before[id(tensor)]:
                    self._set(other, now)
                elif id(other) not in self.lost:
                    self._lose(
                        other, NetworkError(f"{_label(call)}: writes into a tensor that is used elsewhere as it was")
                    )

    def _constant(self, call: Call, given: list[Tensor], outputs: list[Tensor]) -> None:
        """Follow views of parameters; what else is worked out of constants is no parameter any more."""
        if isinstance(call.what, nn.Module):
            error = NetworkError(f"{_label(call)}: is given nothing of the model's input, or by a hook of its own")
            for tensor in outputs:
                self._lose(tensor, error)
            return
        for tensor in outputs:
            source = self._stored(given[0]) if len(given) == 1 and call.what in (*VIEWS, *SAME, "detach") else None
            if source is not None and source.numel() == tensor.numel():
                self.origin[id(tensor)] = source
            else:
                self.made.add(id(tensor))

    def _stored(self, tensor: Tensor) -> Tensor | None:
        """Return the model's own tensor that a constant is, or a view of; None where it is worked out."""
        if id(tensor) in self.made:
            return None
        return self.origin.get(id(tensor), self.record.original(tensor))

    def _refuse_constant(self, call: Call) -> None:
        raise NetworkError(f"{_label(call)}: a parameter or constant used by itself has no place in a tree")

    def _read(self, call: Call, takes: list[Tensor], constants: list[Tensor]) -> None:
        label, output = _label(call), call.output
        if not isinstance(output, Tensor):
            self._part(call, takes)
        elif tuple(output.shape[:1]) != (BATCH,):
            raise NetworkError(
                f"{label}: in a tree each image stays by itself, this operation mixes or drops the batch"
            )
        elif len(takes) == 1 and not constants and (numbers := rescaling(call)) is not None:
            self._rescale(call, takes[0], *numbers)
        elif call.what in CONCATENATIONS:
            self._concatenate(call, takes, constants)
        elif call.what in SUMS:
            self._add_up(call, constants)
        elif call.what in DIFFERENCES and len(call.inputs) == 2 and len(takes) == 2 and not call.keywords:
            self._subtract(call, takes)
        elif call.what in PRODUCTS:
            self._multiply(call, takes, constants)
        elif len(takes) == 2 and call.what in (*SPREAD, "view_as", "reshape_as", "type_as"):
            self._rearranged(call, takes[0])
        elif len(takes) != 1:
            raise NetworkError(
                f"{label}: takes {len(takes)} tensors; a tree joins branches by sums, products and concatenations only"
            )
        elif self.values[id(takes[0])].order == "spread":
            raise NetworkError(f"{label}: is given what was repeated over a picture; a tree repeats gates alone")
        elif constants:
            self._weighted(call, takes[0], constants)
        elif not self._rearranged(call, takes[0]):
            self._layer(call, takes[0], self._module(call), {})

    def _public(self, tensor: Tensor) -> Shape:
        """Return a tensor's shape as the tree has it, height × width × channels."""
        shape, value = tuple(tensor.shape[1:]), self.values[id(tensor)]
        shape = value.shape if value.order == "spread" else shape
        return (*shape[1:], shape[0]) if len(shape) > 1 and value.order in ("first", "spread") else shape

    def _places(self, tensors: Sequence[Tensor]) -> tuple[int, ...]:
        return tuple(self.values[id(tensor)].place for tensor in tensors)

    def _one_order(self, call: Call, tensors: Sequence[Tensor], what: str) -> str:
        orders = {self.values[id(tensor)].order for tensor in tensors}
        if len(orders) > 1 or not orders <= {"first", "last"}:
            raise NetworkError(f"{_label(call)}: a tree {what} branches whose channels lie alike")
        return orders.pop()

    def _part(self, call: Call, takes: list[Tensor]) -> None:
        """Read what deals channels out to several tensors."""
        order = self.values[id(takes[0])].order
        cuts = parts(call, order) if len(takes) == 1 and order in ("first", "last") else None
        if cuts is None:
            kind = type(call.what).__name__ if isinstance(call.what, nn.Module) else call.what
            raise NetworkError(
                f"{_label(call)}: a tree has one output, {kind} returns several"
                if isinstance(call.what, nn.Module)
                else f"{_label(call)}: the tree has no layer for {kind}"
            )
        for tensor, channels in zip(call.output, cuts, strict=True):
            self._add(tensor, Step(_label(call), arch.SelectChannels(channels), self._places(takes)), order)

    def _concatenate(self, call: Call, takes: list[Tensor], constants: list[Tensor]) -> None:
        if constants:
            self._refuse_constant(call)
        order = self._one_order(call, takes, "concatenates")
        tensors, axis = joined(call)
        sizes = call.output.dim()
        if axis % sizes != (sizes - 1 if order == "last" else 1):
            raise NetworkError(f"{_label(call)}: a tree concatenates channels, not along dimension {axis}")
        self._add(call.output, Step(_label(call), Concat, self._places(tensors)), order)

    def _add_up(self, call: Call, constants: list[Tensor]) -> None:
        if constants:
            self._refuse_constant(call)
        both = [given for given in call.inputs[:2] if isinstance(given, Tensor)]
        if len(both) != 2 or both[0].shape != both[1].shape or call.keywords or len(call.inputs) > 2:
            raise NetworkError(f"{_label(call)}: a tree adds branches of equal shape")
        self._add(call.output, Step(_label(call), Sum, self._places(both)), self._one_order(call, both, "adds"))

    def _rescale(self, call: Call, given: Tensor, scale: float, offset: float) -> None:
        """Read arithmetic with plain numbers."""
        value = self.values[id(given)]
        if value.order not in ("first", "last"):
            raise NetworkError(f"{_label(call)}: a tree calculates with pictures, sequences and vectors alone")
        self._add(call.output, Step(_label(call), arch.Rescaling(scale, offset), (value.place,)), value.order)

    def _subtract(self, call: Call, both: list[Tensor]) -> None:
        """Read a difference: the sum of one branch and of the other times −1."""
        first, second = call.inputs if call.what != "rsub" else call.inputs[::-1]
        if first.shape != second.shape:
            raise NetworkError(f"{_label(call)}: a tree subtracts branches of equal shape")
        order, place = self._one_order(call, both, "subtracts"), len(self.found)
        given = self.values[id(second)].place
        shape = self._public(second)
        self.found.append(Step(_label(call), arch.Rescaling(-1.0), (given,), shape=shape))
        self._add(call.output, Step(_label(call), Sum, (self.values[id(first)].place, place)), order)

    def _multiply(self, call: Call, takes: list[Tensor], constants: list[Tensor]) -> None:
        """Read a gate, or one learned number for each channel."""
        label = _label(call)
        if constants and len(takes) == 1:
            factor, value, shape = constants[0], self.values[id(takes[0])], tuple(takes[0].shape)
            filled = (1,) * (len(shape) - factor.dim()) + tuple(factor.shape)
            along = len(shape) - 1 if value.order == "last" else 1
            stored = self._stored(factor)
            if filled != tuple(size if axis == along else 1 for axis, size in enumerate(shape)):
                raise NetworkError(f"{label}: the tree multiplies by one number for each channel, not by others")
            if stored is None or value.order not in ("first", "last"):
                self._refuse_constant(call)
            step = Step(label, arch.Scale(use_bias=False), (value.place,), {"weight": stored})
            self._add(call.output, step, value.order)
            return
        factors = [given for given in call.inputs[:2] if isinstance(given, Tensor)]
        aligned = len({factor.dim() for factor in factors}) == 1
        if len(factors) != 2 or constants or call.keywords or not aligned:
            raise NetworkError(f"{label}: a tree multiplies by one learned number for each channel, or branches")
        orders = {self.values[id(factor)].order for factor in factors} - {"spread"}
        if len(orders) != 1 or not orders <= {"first", "last"}:
            raise NetworkError(f"{label}: a tree multiplies branches whose channels lie alike")
        shape = arch.join_shape(PAIR, [self._public(factor) for factor in factors])
        self._add(call.output, Step(label, Product, self._places(factors), shape=shape), orders.pop())

    def _weighted(self, call: Call, given: Tensor, constants: list[Tensor]) -> None:
        """Read a function that is given its weights: `functional.conv2d(x, self.weight)`."""
        made = None
        if not isinstance(call.what, nn.Module) and call.inputs and call.inputs[0] is given:
            made = weighted_module(call.what, call.inputs[1:], call.keywords)
        if made is None:
            self._refuse_constant(call)
            return
        part, tensors = made
        weights = {name: self._stored(tensor) for name, tensor in tensors.items()}
        if None in weights.values():
            raise NetworkError(f"{_label(call)}: its weights are worked out when it runs")
        self._layer(call, given, part, weights)

    def _module(self, call: Call) -> nn.Module:
        if isinstance(call.what, nn.Module):
            further = [*call.inputs[1:], *call.keywords] if call.inputs else [*call.keywords][1:]
            if further:
                raise NetworkError(
                    f"{_label(call)}: is called with more than its input ({', '.join(map(str, further))}); a tree's "
                    "layers have settings alone"
                )
            if call.number and any(True for _ in call.what.parameters()):
                raise NetworkError(f"{_label(call)}: runs twice; in a tree each layer has weights of its own")
            return call.what
        made = module_of(call.what, call.inputs[1:], call.keywords)
        if made is None:
            raise NetworkError(f"{_label(call)}: the tree has no layer for {call.what}")
        return made

    def _layer(self, call: Call, given: Tensor, part: nn.Module, weights: Mapping[str, Any]) -> None:
        value, shape = self.values[id(given)], self._public(given)
        if value.order == "loose" and given.dim() == 3 and isinstance(part, nn.Conv1d):
            steps, features = int(given.shape[2]), int(given.shape[1])  # channels as the steps of a sequence
            view = Step(_label(call), arch.Reshape((steps, features)), (value.place,), shape=(steps, features))
            value, shape = Value(len(self.found), (features, steps)), (steps, features)
            self.found.append(view)
        if value.order != "first":
            if value.order != "last" or not isinstance(part, ON_CHANNELS):
                raise NetworkError(
                    f"{_label(call)}: {type(part).__name__} is given a tensor whose channels lie elsewhere"
                )
            shape = shape[-1:]
        try:
            layer = layer_of(part, shape)
        except ValueError as error:
            raise NetworkError(f"{_label(call)}: {error}") from None
        own = weights or (dict([*part.named_parameters(), *part.named_buffers()]) if part is call.what else {})
        alike = part is call.what and value.order == "first"  # its output lies as the tree's does
        step = Step(_label(call), layer, (value.place,), own, call=call.number if alike else None)
        self._add(call.output, step, value.order)

    def _rearranged(self, call: Call, given: Tensor) -> bool:
        """Read what only moves numbers: views, permutations, windows, means over rows and columns; false if none."""
        value, output = self.values[id(given)], call.output
        before, after = tuple(given.shape), tuple(output.shape)
        if call.what in SAME or (call.what in (*VIEWS, *SPREAD) and before == after):
            self._set(output, value)
            return True
        if call.what in SPREAD and value.order == "first":
            self._set(output, Value(value.place, value.shape, "spread"))
            return True
        order = moved(call, len(before))
        if order is not None:
            lies = MOVES.get((value.order, order))
            long = [axis for axis in order if before[axis] > 1]
            if lies is None and value.order in ("loose", "first") and long == sorted(long):
                lies = "loose"  # what has one place alone may stand anywhere
            if lies is not None:
                self._set(output, Value(value.place, value.shape, lies))
            return lies is not None
        layer: Layer | None = None
        if call.what in VIEWS and given.numel() == output.numel():
            view = self._view(value, before, after)
            if isinstance(view, Value):
                self._set(output, view)
                return True
            layer = view
        elif value.order in ("first", "last"):
            layer = window(call, given, value.order)
        elif value.order == "loose":
            layer = mean_of_places(call, given, value.shape)
        if layer is None:
            return False
        self._add(output, Step(_label(call), layer, (value.place,)))
        return True

    def _view(self, value: Value, before: tuple[int, ...], after: tuple[int, ...]) -> Layer | Value | None:
        """Read the same numbers in other dimensions."""
        if value.order == "swapped":
            groups = before[2]
            return arch.ChannelShuffle(groups) if after[1:] == (groups * before[1], *before[3:]) else None
        if value.order not in ("first", "loose"):
            return None
        if after[1:] == value.shape:
            return Value(value.place, value.shape)
        if len(after) == 5 and after[1] * after[2] == before[1] and after[3:] == before[2:]:
            return Value(value.place, value.shape, "split")
        if len(after) == 2:
            return arch.Flatten()
        if len(after) == 4:
            return arch.Reshape((after[2], after[3], after[1]))
        return Value(value.place, value.shape, "loose")


def _unique(tensors: Sequence[Tensor]) -> list[Tensor]:
    return list({id(tensor): tensor for tensor in tensors}.values())


def _label(call: Call) -> str:
    """Say where a call stands: the path of a layer, or of the module that calls a function, with its name."""
    if isinstance(call.what, nn.Module):
        return call.path or type(call.what).__name__
    return f"{call.path} ({call.what})" if call.path else call.what
