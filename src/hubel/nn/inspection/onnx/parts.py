"""The graphs inside an ONNX file's If, Loop and Scan: their shapes, and how often each runs where that is known."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from hubel.nn.inspection.report import TensorShape

KINDS = ("If", "Loop", "Scan")
FIRST_SCAN = 9  # the opset from which Scan takes no batch beside


@dataclass(frozen=True)
class Part:
    """What an operator runs inside, `times` over; None where numbers decide that.

    inputs: the name inside of each of its inputs that has one. parts: those of its own operators.
    """

    graph: Any
    shapes: Mapping[str, TensorShape]
    times: int | None
    inputs: tuple[str, ...]
    states: int = 0  # how many of them what it gives first comes back as
    parts: Mapping[str, Part] = field(default_factory=dict)


Infer = Callable[[Any, Any], Any]


def graphs_of(node: Any) -> Iterator[Any]:
    """Give the graphs inside a node."""
    for each in node.attribute:
        yield from (graph for graph in (each.g, *each.graphs) if graph.node or graph.output)


def taken(node: Any) -> tuple[str, ...]:
    """Return the names of all that a node takes: its inputs, and what the graphs inside take from around."""
    return (*node.input, *(name for graph in graphs_of(node) for name in _from_around(graph)))


def _from_around(graph: Any) -> list[str]:
    """Return the names of what a graph takes from around it, each once."""
    own = {name for node in graph.node for name in node.output}
    own |= {each.name for each in (*graph.input, *graph.initializer)}
    used = [name for node in graph.node for name in taken(node)] + [given.name for given in graph.output]
    return [name for name in dict.fromkeys(used) if name and name not in own]


@dataclass(frozen=True)
class Around:
    """What lies around operators that are looked into: the file, shapes by name, known numbers, what infers more."""

    onnx: Any
    model: Any
    shapes: Mapping[str, TensorShape]
    values: Mapping[str, Any]
    infer: Infer

    def part_of(self, node: Any) -> tuple[Part | None, list[TensorShape | None]]:
        """Look into an operator: what it runs, and the shape of each thing that it gives, as far as they are known."""
        settings = {each.name: self.onnx.helper.get_attribute_value(each) for each in node.attribute}
        unknown: list[TensorShape | None] = [None] * len(node.output)
        if node.op_type == "If":
            both = []
            for name in ("then_branch", "else_branch"):
                _, found, _ = self._inside(settings[name], {})
                both.append([found.get(given.name) for given in settings[name].output])
            return None, [one if one == other else None for one, other in zip(*both, strict=True)]
        body = settings["body"]
        names = tuple(given.name for given in body.input)
        if node.op_type == "Scan":
            opset = next((each.version for each in self.model.opset_import if each.domain in ("", "ai.onnx")), 0)
            scanned = settings["num_scan_inputs"]
            states = len(names) - scanned
            given = [self.shapes.get(name) for name in node.input]
            if opset < FIRST_SCAN or None in given:
                return None, unknown
            axes = settings.get("scan_input_axes", [0] * scanned)
            runs = {shape[axis] for shape, axis in zip(given[states:], axes, strict=True)}  # type: ignore[index]
            inner = dict(zip(names[:states], given, strict=False))
            for name, shape, axis in zip(names[states:], given[states:], axes, strict=True):
                place = axis % len(shape)  # type: ignore[arg-type]
                inner[name] = shape[:place] + shape[place + 1 :]  # type: ignore[index]
            times = runs.pop() if len(runs) == 1 else None
            stacked = settings.get("scan_output_axes", [0] * (len(node.output) - states))
        else:
            states, stacked = len(names) - 2, [0] * (len(node.output) - len(names) + 2)
            inner = dict(zip(names, [(), (), *(self.shapes.get(name) for name in node.input[2:])], strict=True))
            if None in inner.values():
                return None, unknown
            times = _trips(node, body, self.values)
        graph, found, parts = self._inside(body, inner)
        gives = [found.get(given.name) for given in body.output][int(node.op_type == "Loop") :]
        begin = [inner[name] for name in names[len(names) - states if node.op_type == "Loop" else 0 :][:states]]
        if gives[:states] != begin:  # what grows from step to step
            return None, unknown
        made = [*gives[:states]]
        for shape, axis in zip(gives[states:], stacked, strict=True):
            if shape is None or times is None:
                made.append(None)
            else:
                place = axis % (len(shape) + 1)
                made.append((*shape[:place], times, *shape[place:]))
        return Part(graph, found, times, names, states, parts), made

    def _inside(
        self, graph: Any, inner: Mapping[str, TensorShape]
    ) -> tuple[Any, Mapping[str, TensorShape], Mapping[str, Part]]:
        """Infer the shapes inside, of what a graph is given and of what it takes from around."""
        around, make = self.model.graph, self.onnx.helper
        kinds = {each.name: each.type.tensor_type.elem_type for each in (*around.input, *around.value_info)}
        kinds |= {tensor.name: tensor.data_type for tensor in around.initializer}
        alone = self.onnx.ModelProto()
        alone.CopyFrom(make.make_model(self.onnx.GraphProto(), opset_imports=self.model.opset_import))
        alone.graph.CopyFrom(graph)
        for given in alone.graph.input:
            kind = given.type.tensor_type.elem_type
            given.CopyFrom(make.make_tensor_value_info(given.name, kind, inner[given.name]))
        for name in _from_around(graph):
            if name in self.values:
                alone.graph.initializer.append(self.onnx.numpy_helper.from_array(self.values[name], name))
            elif name in self.shapes:
                kind = kinds.get(name, 1)
                alone.graph.input.append(make.make_tensor_value_info(name, kind, self.shapes[name]))
        found, known, _, parts, _ = self.infer(self.onnx, alone)
        return found, known, parts


def _trips(node: Any, body: Any, values: Mapping[str, Any]) -> int | None:
    """Return how often a Loop runs: as often as a number says that is known, where nothing ends it before."""
    most = values.get(node.input[0]) if node.input[0] else None
    begins = values.get(node.input[1]) if node.input[1] else None
    makers = {name: inner for inner in body.node for name in inner.output}
    goes_on = body.output[0].name
    while goes_on in makers and makers[goes_on].op_type in ("Identity", "Cast"):
        goes_on = makers[goes_on].input[0]
    stored = next((each for each in body.initializer if each.name == goes_on), None)
    if stored is None and goes_on in makers and makers[goes_on].op_type == "Constant":
        stored = makers[goes_on].attribute[0].t
    always = goes_on == body.input[1].name or (stored is not None and any([*stored.raw_data, *stored.int32_data]))
    if most is None or not always or (node.input[1] and begins is None):
        return None
    return int(most) if begins is None or begins.all() else 0
