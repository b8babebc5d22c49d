"""A PyTorch model's operations, in the order in which they run: each a layer of the tree, or what joins branches."""

from __future__ import annotations

import operator
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, fx, nn
from torch.nn.utils.parametrize import is_parametrized

import hubel.arch as arch
from hubel.arch import Concat, Identity, Layer, Product, Shape, Sum
from hubel.base.errors import NetworkError
from hubel.nn.inspection.run import watched
from hubel.nn.reading.folding import Step
from hubel.nn.reading.layers import CONCATENATIONS, SUMS, layer_of, module_of, weighted_module

BATCH = 2  # normalisation in training mode refuses one
PRODUCTS = (operator.mul, operator.imul, torch.mul, torch.multiply, "mul", "mul_")
PAIR = Product(Identity(), Identity())
VIEWS = ("view", "reshape", torch.reshape)
PERMUTATIONS = ("permute", torch.permute)
TRANSPOSITIONS = ("transpose", torch.transpose)
SAME = ("contiguous", "clone", "to", "float", "expand_as", "expand")
MOVES: dict[tuple[str, tuple[int, ...]], str] = {
    ("first", (0, 2, 3, 1)): "last",
    ("last", (0, 3, 1, 2)): "first",
    ("split", (0, 2, 1, 3, 4)): "swapped",
}
ON_CHANNELS = (nn.Linear, nn.LayerNorm, nn.Dropout, nn.Identity, nn.GELU, nn.ReLU, nn.SiLU, nn.Tanh, nn.Sigmoid)


@dataclass(frozen=True)
class Value:
    """A tensor of the graph: the place of the step that makes it, and how it lies.

    "first" is PyTorch's order, channels before rows; "last" has the channels last; "split" has the channels in groups,
    in two dimensions, and "swapped" those two exchanged.
    """

    place: int
    order: str = "first"


def steps_of(module: nn.Module, shape: Shape) -> list[Step]:
    """Read a model's operations in the order in which they run; the first is the input, the last gives the output.

    Raises `ValueError` that names the operation which has no place in a tree, and why.
    """
    root = nn.Sequential(module) if _whole(module) else module
    try:
        graph = fx.GraphModule(root, _Tracer().trace(root))
    except Exception as error:
        raise NetworkError(f"the model's forward cannot be read as a graph: {str(error).splitlines()[0]}") from error
    order = (shape[2], *shape[:2]) if len(shape) == 3 else shape
    dtype = next((p.dtype for p in module.parameters()), torch.get_default_dtype())
    shapes = _shapes(graph, torch.empty(BATCH, *order, dtype=dtype, device="meta"))
    return _Reading(graph, shapes).steps()


def _whole(module: nn.Module) -> bool:
    """Whether a module is read as one layer, and not by the operations in it."""
    return fx.Tracer().is_leaf_module(module, "") or is_parametrized(module)


class _Tracer(fx.Tracer):
    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        return super().is_leaf_module(m, module_qualified_name) or is_parametrized(m)


def _shapes(graph: fx.GraphModule, input: Tensor) -> dict[fx.Node, tuple[int, ...]]:
    """Run a graph without numbers and return the shape of every tensor in it, batch and all."""
    found: dict[fx.Node, tuple[int, ...]] = {}

    class Remember(fx.Interpreter):
        def run_node(self, node: fx.Node) -> Any:
            value = super().run_node(node)
            if isinstance(value, Tensor):
                found[node] = tuple(value.shape)
            return value

    class Run(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.graph = graph

        def forward(self, input: Tensor) -> None:
            Remember(self.graph).run(input)

    watched(Run(), (input,), {})
    return found


class _Reading:
    """Takes in a graph's nodes one after another."""

    def __init__(self, graph: fx.GraphModule, shapes: Mapping[fx.Node, tuple[int, ...]]) -> None:
        self.graph, self.shapes = graph, shapes
        self.found: list[Step] = []
        self.values: dict[fx.Node, Value] = {}
        self.constants: dict[fx.Node, Tensor] = {}
        self.ran: dict[int, str] = {}

    def steps(self) -> list[Step]:
        for node in self.graph.graph.nodes:
            if node.op == "output":
                return self.found[: self.values[self._result(node)].place + 1]
            if node.op == "placeholder" and not self.found:
                self._add(node, Step(node.name, None, ()))
            elif node.op == "get_attr" and node in self.shapes:
                self.constants[node] = operator.attrgetter(str(node.target))(self.graph)
            elif node in self.shapes:
                self._take(node)
        raise NetworkError("the model returns nothing")

    def _add(self, node: fx.Node, step: Step, order: str = "first") -> None:
        self.values[node] = Value(len(self.found), order)
        self.found.append(step)

    def _result(self, output: fx.Node) -> fx.Node:
        found = output.args[0]
        if not isinstance(found, fx.Node):
            raise NetworkError("a tree has one output, the model returns several")
        if found not in self.shapes:
            raise NetworkError(f"{_label(found)}: a tree has one output, {self._called(found)} returns several or none")
        if found not in self.values:
            raise NetworkError(f"{_label(found)}: a parameter or constant used by itself has no place in a tree")
        if self.values[found].order != "first":
            raise NetworkError(
                f"{_label(found)}: a tree gives its picture with the channels first, as PyTorch has them"
            )
        return found

    def _take(self, node: fx.Node) -> None:
        label = _label(node)
        if node.op == "placeholder":
            raise NetworkError(f"{label}: a second input has no place in a tree")
        takes = [given for given in node.all_input_nodes if given in self.values]
        constants = [given for given in node.all_input_nodes if given in self.constants]
        if not takes:
            before = next(iter(node.all_input_nodes), node)
            if before in self.constants:
                self._refuse_constant(before)
            raise NetworkError(f"{_label(before)}: the tree has no layer for {self._called(before)}")
        if self.shapes[node][:1] != (BATCH,):
            raise NetworkError(
                f"{label}: in a tree each image stays by itself, this operation mixes or drops the batch"
            )
        if node.target in CONCATENATIONS:
            self._concatenate(node, takes)
        elif node.target in SUMS:
            self._add_up(node)
        elif node.target in PRODUCTS:
            self._multiply(node, takes, constants)
        elif constants:
            self._weighted(node, takes, constants)
        elif len(takes) == 2 and node.target in SAME:  # y.expand_as(x)
            self.values[node] = self.values[takes[0]]
        elif len(takes) != 1:
            raise NetworkError(
                f"{label}: takes {len(takes)} tensors; a tree joins branches by sums, products and concatenations only"
            )
        elif not self._rearranged(node, takes[0]):
            self._layer(node, takes[0], self._module(node), {})

    def _refuse_constant(self, node: fx.Node) -> None:
        raise NetworkError(f"{_label(node)}: a parameter or constant used by itself has no place in a tree")

    def _public(self, node: fx.Node) -> Shape:
        """Return a tensor's shape as the tree has it, height × width × channels."""
        shape, value = self.shapes[node][1:], self.values.get(node, Value(0))
        return (shape[1], shape[2], shape[0]) if len(shape) == 3 and value.order == "first" else shape

    def _concatenate(self, node: fx.Node, takes: list[fx.Node]) -> None:
        axis = node.kwargs.get("dim", node.args[1] if len(node.args) > 1 else 0)
        sizes, orders = len(self.shapes[node]), {self.values[given].order for given in takes}
        wanted = sizes - 1 if orders == {"last"} else 1
        if axis not in (wanted, wanted - sizes) or len(orders) > 1:
            raise NetworkError(f"{_label(node)}: a tree concatenates channels, not along dimension {axis}")
        parts = node.args[0] if node.args else node.kwargs["tensors"]
        inputs = tuple(self.values[given].place for given in parts if given in self.values)  # type: ignore[union-attr,index]
        self._add(node, Step(_label(node), Concat, inputs), orders.pop())

    def _add_up(self, node: fx.Node) -> None:
        both = [given for given in node.args[:2] if isinstance(given, fx.Node)]
        for given in both:
            if given in self.constants:
                self._refuse_constant(given)
        known = len(both) == 2 and all(given in self.values for given in both)
        if not known or self.shapes[both[0]] != self.shapes[both[1]] or node.kwargs:
            raise NetworkError(f"{_label(node)}: a tree adds branches of equal shape")
        orders = {self.values[given].order for given in both}
        if len(orders) > 1:
            raise NetworkError(f"{_label(node)}: a tree adds branches whose channels lie alike")
        inputs = tuple(self.values[given].place for given in both)
        self._add(node, Step(_label(node), Sum, inputs), orders.pop())

    def _multiply(self, node: fx.Node, takes: list[fx.Node], constants: list[fx.Node]) -> None:
        """Read a gate, or one learned number for each channel."""
        if constants and len(takes) == 1:
            factor, value, shape = self.constants[constants[0]], self.values[takes[0]], self.shapes[takes[0]]
            filled = (1,) * (len(shape) - factor.dim()) + tuple(factor.shape)
            along = len(shape) - 1 if value.order == "last" else 1
            if filled != tuple(size if axis == along else 1 for axis, size in enumerate(shape)):
                raise NetworkError(
                    f"{_label(constants[0])}: the tree multiplies by one number for each channel, not by others"
                )
            step = Step(_label(node), arch.Scale(use_bias=False), (value.place,), {"weight": factor.flatten()})
            self._add(node, step, value.order)
            return
        factors = [given for given in node.args[:2] if isinstance(given, fx.Node) and given in self.values]
        shapes, orders = [self._gate_shape(given) for given in factors], {self.values[given].order for given in factors}
        aligned = len({len(self.shapes[given]) for given in factors}) == 1
        if len(factors) != 2 or constants or node.kwargs or not aligned:
            raise NetworkError(f"{_label(node)}: a tree multiplies by one learned number for each channel, or branches")
        if len(orders) > 1:
            raise NetworkError(f"{_label(node)}: a tree multiplies branches whose channels lie alike")
        inputs = tuple(self.values[given].place for given in factors)
        self._add(node, Step(_label(node), Product, inputs, shape=arch.join_shape(PAIR, shapes)), orders.pop())

    def _gate_shape(self, node: fx.Node) -> Shape:
        """Return a tensor's shape, or that of what was expanded to make it."""
        while node.target in ("expand", "expand_as") and isinstance(node.args[0], fx.Node):
            node = node.args[0]
        return self._public(node)

    def _weighted(self, node: fx.Node, takes: list[fx.Node], constants: list[fx.Node]) -> None:
        """Read a function that is given its weights: `functional.conv2d(x, self.weight)`."""
        given = {n: torch.empty(self.shapes[n], device="meta") for n in constants}
        made = None
        if len(takes) == 1 and node.args and node.args[0] is takes[0]:
            arguments = tuple(given.get(value, value) if isinstance(value, fx.Node) else value for value in node.args)
            keywords = {k: given.get(v, v) if isinstance(v, fx.Node) else v for k, v in node.kwargs.items()}
            made = weighted_module(node.target, arguments[1:], keywords)
        if made is None:
            self._refuse_constant(constants[0])
            return
        part, names = made
        own = {id(tensor): self.constants[n] for n, tensor in given.items()}
        self._layer(node, takes[0], part, {name: own[id(tensor)] for name, tensor in names.items()})

    def _module(self, node: fx.Node) -> nn.Module:
        if node.op == "call_module":
            part = self.graph.get_submodule(str(node.target))
            if any(True for _ in part.parameters()) and self.ran.setdefault(id(part), node.name) != node.name:
                raise NetworkError(f"{_label(node)}: runs twice; in a tree each layer has weights of its own")
            return part
        made = module_of(node.target, node.args[1:], node.kwargs)
        if made is None:
            raise NetworkError(f"{_label(node)}: the tree has no layer for {_function(node)}")
        return made

    def _layer(self, node: fx.Node, given: fx.Node, part: nn.Module, weights: Mapping[str, Tensor]) -> None:
        value, shape = self.values[given], self._public(given)
        if value.order != "first":
            if value.order != "last" or not isinstance(part, ON_CHANNELS):
                raise NetworkError(
                    f"{_label(node)}: {type(part).__name__} is given a tensor whose channels lie elsewhere"
                )
            shape = shape[-1:]
        try:
            layer = layer_of(part, shape)
        except ValueError as error:
            raise NetworkError(f"{_label(node)}: {error}") from None
        own = weights or {name: tensor for name, tensor in part.state_dict().items() if node.op == "call_module"}
        self._add(node, Step(_label(node), layer, (value.place,), own), value.order)

    def _rearranged(self, node: fx.Node, given: fx.Node) -> bool:
        """Read what only moves numbers: views, permutations, and a mean over rows and columns; false if it is none."""
        value, before, after = self.values[given], self.shapes[given], self.shapes[node]
        if node.target in SAME:
            self.values[node] = value
            return True
        if _function(node) == "stochastic_depth" and node.kwargs.get("training", node.args[-1]) is False:
            self.values[node] = value  # which drops nothing outside of training
            return True
        moved = _moved(node, len(before))
        if moved is not None:
            order = MOVES.get((value.order, moved))
            if order is not None:
                self.values[node] = Value(value.place, order)
            return order is not None
        layer: Layer | None = None
        if node.target in VIEWS and value.order == "first":
            if len(after) == 5 and after[1] * after[2] == before[1] and after[3:] == before[2:]:
                self.values[node] = Value(value.place, "split")
                return True
            if len(after) in (2, 4):
                layer = arch.Flatten() if len(after) == 2 else arch.Reshape((after[2], after[3], after[1]))
        elif node.target in VIEWS and value.order == "swapped":
            groups = before[2]
            if after[1:] == (groups * before[1], *before[3:]):
                layer = arch.ChannelShuffle(groups)
        elif node.target in ("mean", torch.mean) and len(before) == 4:
            layer = _global_mean(node, value.order)
        if layer is None:
            return False
        self._add(node, Step(_label(node), layer, (value.place,)))
        return True

    def _called(self, node: fx.Node) -> str:
        if node.op == "call_module":
            return type(self.graph.get_submodule(str(node.target))).__name__
        return _function(node)


def _label(node: fx.Node) -> str:
    return str(node.target) if node.op == "call_module" else f"{node.name} ({_function(node)})"


def _function(node: fx.Node) -> str:
    return node.target if isinstance(node.target, str) else getattr(node.target, "__name__", str(node.target))


def _moved(node: fx.Node, sizes: int) -> tuple[int, ...] | None:
    """Return the order into which a permutation or transposition brings dimensions, or None for another operation."""
    found: Any = node.args[1:]
    if node.target in PERMUTATIONS:
        found = node.kwargs.get("dims", found[0] if len(found) == 1 else found)
        return tuple(int(axis) % sizes for axis in found)
    if node.target in TRANSPOSITIONS and len(found) == 2:
        first, second = (int(axis) % sizes for axis in found)
        order = list(range(sizes))
        order[first], order[second] = second, first
        return tuple(order)
    return None


def _global_mean(node: fx.Node, order: str) -> Layer | None:
    axes = node.kwargs.get("dim", node.args[1] if len(node.args) > 1 else None)
    keeps = bool(node.kwargs.get("keepdim", node.args[2] if len(node.args) > 2 else False))
    wanted = {2, 3} if order == "first" else {1, 2}
    if not isinstance(axes, (tuple, list)) or {int(axis) % 4 for axis in axes} != wanted:
        return None
    if keeps and order != "first":
        return None
    return arch.GlobalAveragePooling2D(keepdims=keeps)
