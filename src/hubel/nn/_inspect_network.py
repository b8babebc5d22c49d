"""From a PyTorch model of ordinary layers back to a tree: its graph is read, then folded into chains, sums, concats."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, fx, nn

import hubel.arch as arch
from hubel.arch import Chain, Concat, Layer, Network, Shape, Sum, analyse
from hubel.nn._build import NetworkModule
from hubel.nn._inspect import inspect
from hubel.nn._inspect_layers import CONCATENATIONS, SUMS, layer_of, module_of
from hubel.nn._inspect_run import watched

BATCH = 2  # normalisation in training mode refuses one


def network_of(module: nn.Module, input_shape: Sequence[int], name: str = "") -> Network:
    """Read a PyTorch model as a tree, on which everything else of hubel works.

    The model takes one picture, of height × width × channels, or a vector; it is made of ordinary layers, called as
    modules or as functions, and of branches that are added or concatenated and that nest. What it computes for other
    sizes, or depending on numbers, is not in a tree. The weights stay behind.

    Raises `ValueError` that names the operation which has no place in a tree, and why; `ShapeError` where shapes clash.
    """
    if isinstance(module, NetworkModule):
        return Network(tuple(input_shape), module.network.body, name or module.network.name)
    report = inspect(module, input_shape, batch=BATCH)
    shape = tuple(input_shape)
    steps = _steps(module, shape)
    network = Network(shape, Chain(*Folding(steps).chain(len(steps) - 1, 0)), name)
    tree = analyse(network)
    figures = ("parameters", tree.parameters, report.parameters), ("macs", tree.macs, report.macs // BATCH)
    for figure, ours, theirs in figures:
        if ours != theirs:
            raise ValueError(
                f"the model as a tree would have {ours:,} {figure}, it has {theirs:,}: something in it is shared, or "
                "is no part of what it computes"
            )
    return network


@dataclass(frozen=True)
class Step:
    """An operation of the graph: a layer, or what joins branches; `inputs` are the places of what it takes."""

    name: str
    what: Layer | type[Sum] | type[Concat] | None
    inputs: tuple[int, ...]


def _shapes(graph: fx.GraphModule, input: Tensor) -> dict[fx.Node, Shape]:
    """Run a graph without numbers and return the shape of every tensor in it."""
    found: dict[fx.Node, Shape] = {}

    class Remember(fx.Interpreter):
        def run_node(self, node: fx.Node) -> Any:
            value = super().run_node(node)
            if isinstance(value, Tensor):
                found[node] = _public(value)
            return value

    class Run(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.graph = graph

        def forward(self, input: Tensor) -> None:
            Remember(self.graph).run(input)

    watched(Run(), (input,), {})
    return found


def _public(tensor: Tensor) -> Shape:
    shape = tuple(tensor.shape[1:])
    return (shape[1], shape[2], shape[0]) if len(shape) == 3 else shape


def _steps(module: nn.Module, shape: Shape) -> list[Step]:
    """Read a model's operations in the order in which they run; the first is the input, the last gives the output."""
    try:
        graph = fx.symbolic_trace(module)
    except Exception as error:
        raise ValueError(f"the model's forward cannot be read as a graph: {str(error).splitlines()[0]}") from error
    order = (shape[2], *shape[:2]) if len(shape) == 3 else shape
    dtype = next((p.dtype for p in module.parameters()), torch.get_default_dtype())
    shapes = _shapes(graph, torch.empty(BATCH, *order, dtype=dtype, device="meta"))
    steps: list[Step] = []
    places: dict[fx.Node, int] = {}
    ran: dict[int, str] = {}
    for node in graph.graph.nodes:
        if node.op == "output":
            return steps[: places[_result(node)] + 1]
        if node.op == "placeholder" and not steps:
            places[node] = 0
            steps.append(Step(node.name, None, ()))
        elif node in shapes:
            found = _read(graph, node, places, shapes, ran)
            if isinstance(found, int):
                places[node] = found
            else:
                places[node] = len(steps)
                steps.append(found)
    raise ValueError("the model returns nothing")


def _result(output: fx.Node) -> fx.Node:
    found = output.args[0]
    if not isinstance(found, fx.Node):
        raise ValueError("a tree has one output, the model returns several")
    return found


def _read(
    graph: fx.GraphModule,
    node: fx.Node,
    places: dict[fx.Node, int],
    shapes: dict[fx.Node, Shape],
    ran: dict[int, str],
) -> Step | int:
    """Read one operation; an int is the place of what it hands on unchanged."""
    takes = [given for given in node.all_input_nodes if given in shapes]
    label = str(node.target) if node.op == "call_module" else f"{node.name} ({_called(node)})"
    if node.op in ("get_attr", "placeholder"):
        what = "a parameter or constant used by itself" if node.op == "get_attr" else "a second input"
        raise ValueError(f"{label}: {what} has no place in a tree")
    inputs = tuple(places[given] for given in takes)
    if node.target in CONCATENATIONS:
        axis = node.kwargs.get("dim", node.args[1] if len(node.args) > 1 else 0)
        if axis not in (1, -len(shapes[node])):
            raise ValueError(f"{label}: a tree concatenates channels, not along dimension {axis}")
        return Step(label, Concat, tuple(places[given] for given in node.args[0]))  # type: ignore[union-attr,index]
    if node.target in SUMS:
        both = [given for given in node.args[:2] if isinstance(given, fx.Node)]
        if len(both) < 2 or shapes[both[0]] != shapes[both[1]] or node.kwargs:
            raise ValueError(f"{label}: a tree adds branches of equal shape")
        return Step(label, Sum, tuple(places[given] for given in both))
    if len(inputs) != 1:
        raise ValueError(f"{label}: takes {len(inputs)} tensors; a tree joins branches by sums and concatenations only")
    given, made = shapes[takes[0]], shapes[node]
    if node.target in ("contiguous", "clone", "to", "float"):
        return inputs[0]
    layer = _reshaping(node, given, made)
    if layer is None:
        part = _module(graph, node, label, ran)
        try:
            layer = layer_of(part, given)
        except ValueError as error:
            raise ValueError(f"{label}: {error}") from None
    return Step(label, layer, inputs)


def _called(node: fx.Node) -> str:
    return node.target if isinstance(node.target, str) else getattr(node.target, "__name__", str(node.target))


def _module(graph: fx.GraphModule, node: fx.Node, label: str, ran: dict[int, str]) -> nn.Module:
    if node.op == "call_module":
        part = graph.get_submodule(str(node.target))
        if any(True for _ in part.parameters()) and ran.setdefault(id(part), node.name) != node.name:
            raise ValueError(f"{label}: runs twice; in a tree each layer has weights of its own")
        return part
    made = module_of(node.target, node.args[1:], node.kwargs)
    if made is None:
        raise ValueError(f"{label}: the tree has no layer for {_called(node)}")
    return made


def _reshaping(node: fx.Node, given: Shape, made: Shape) -> Layer | None:
    """Read what makes a vector of a picture by another name: `view`, `reshape`, `mean` over rows and columns."""
    if node.target in ("view", "reshape", torch.reshape) and len(made) == 1:
        return arch.Flatten()
    if node.target in ("mean", torch.mean) and len(given) == 3:
        axes = node.kwargs.get("dim", node.args[1] if len(node.args) > 1 else None)
        keeps = bool(node.kwargs.get("keepdim", node.args[2] if len(node.args) > 2 else False))
        if isinstance(axes, (tuple, list)) and {int(axis) % 4 for axis in axes} == {2, 3}:
            return arch.GlobalAveragePooling2D(keepdims=keeps)
    return None


class Folding:
    """Folds a graph into a tree: what joins branches is folded with all that lies between it and where they fork."""

    def __init__(self, steps: list[Step]) -> None:
        self.steps = _nested(steps)
        self.fork = _dominators(self.steps)
        self.used: set[int] = set()

    def chain(self, end: int, start: int) -> list[arch.Node]:
        """Return the nodes after `start` up to `end`; every way to `end` goes through `start`."""
        nodes: list[arch.Node] = []
        while end != start:
            step = self.steps[end]
            if end in self.used or step.what is None:
                raise ValueError(
                    f"{step.name}: its output goes into branches that do not nest; a tree is made of chains, and of "
                    "sums and concatenations inside one another"
                )
            self.used.add(end)
            fork = self.fork[end]
            if isinstance(step.what, Layer):
                nodes.append(step.what)
            else:
                nodes.append(step.what(*(self.branch(given, fork) for given in step.inputs)))
            end = fork
        return nodes[::-1]

    def branch(self, end: int, start: int) -> arch.Node:
        """Return one branch as a node."""
        nodes = self.chain(end, start)
        if not nodes:
            return arch.Identity()
        return nodes[0] if len(nodes) == 1 else Chain(*nodes)


def _nested(steps: list[Step]) -> list[Step]:
    """Write concat(a, b, c) as concat(concat(a, b), c) where concat(a, b) is in the graph too, as in DenseNet."""
    known: dict[tuple[int, ...], int] = {}
    found = []
    for place, step in enumerate(steps):
        inputs = step.inputs
        if step.what is Concat:
            shorter = next((n for n in range(len(inputs) - 1, 1, -1) if inputs[:n] in known), 0)
            if shorter:
                inputs = (known[inputs[:shorter]], *inputs[shorter:])
            known[step.inputs] = place
        found.append(Step(step.name, step.what, inputs))
    return found


def _dominators(steps: list[Step]) -> list[int]:
    """Find for each step the last one before it through which every way from the input goes."""
    found = [0]
    for step in steps[1:]:
        candidates = set(step.inputs)
        while len(candidates) > 1:  # the latest of them cannot be it
            latest = max(candidates)
            candidates = (candidates - {latest}) | {found[latest]}
        found.append(candidates.pop())
    return found
