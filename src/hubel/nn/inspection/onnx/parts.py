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
Known = Callable[[str], TensorShape | None]


def part_of(
    onnx: Any, model: Any, node: Any, shapes: Mapping[str, TensorShape], values: Mapping[str, Any], infer: Infer
) -> tuple[Part | None, list[TensorShape | None]]:
    """Look into an operator: what it runs, and the shape of each thing that it gives, as far as they are known."""
    settings = {each.name: onnx.helper.get_attribute_value(each) for each in node.attribute}
    unknown: list[TensorShape | None] = [None] * len(node.output)
    if node.op_type == "If":
        both = []
        for name in ("then_branch", "else_branch"):
            _, found, _ = _inside(onnx, model, settings[name], {}, shapes, values, infer)
            both.append([found.get(given.name) for given in settings[name].output])
        return None, [one if one == other else None for one, other in zip(*both, strict=True)]
    body = settings["body"]
    names = tuple(given.name for given in body.input)
    if node.op_type == "Scan":
        opset = next((each.version for each in model.opset_import if each.domain in ("", "ai.onnx")), 0)
        scanned = settings["num_scan_inputs"]
        states = len(names) - scanned
        given = [shapes.get(name) for name in node.input]
        if opset < FIRST_SCAN or None in given:
            return None, unknown
        axes = settings.get("scan_input_axes", [0] * scanned)
        runs = {shape[axis] for shape, axis in zip(given[states:], axes, strict=True)}  # type: ignore[index]
        inner = dict(zip(names[:states], given, strict=False))
        for name, shape, axis in zip(names[states:], given[states:], axes, strict=True):
            place = axis % len(shape)  # type: ignore[arg-type]
            inner[name] = shape[:place] + shape[place + 1 :]  # type: ignore[index]
        times, inputs = runs.pop() if len(runs) == 1 else None, names
        stacked = settings.get("scan_output_axes", [0] * (len(node.output) - states))
    else:
        states, stacked = len(names) - 2, [0] * (len(node.output) - len(names) + 2)
        inner = dict(zip(names, [(), (), *(shapes.get(name) for name in node.input[2:])], strict=True))
        if None in inner.values():
            return None, unknown
        times, inputs = _trips(node, body, values), names
    graph, found, parts = _inside(onnx, model, body, inner, shapes, values, infer)
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
    return Part(graph, found, times, inputs, states, parts), made


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


def _inside(
    onnx: Any,
    model: Any,
    graph: Any,
    inner: Mapping[str, TensorShape],
    shapes: Mapping[str, TensorShape],
    values: Mapping[str, Any],
    infer: Infer,
) -> tuple[Any, Mapping[str, TensorShape], Mapping[str, Part]]:
    """Infer the shapes inside, of what it is given and of what it takes from around."""
    kinds = {each.name: each.type.tensor_type.elem_type for each in (*model.graph.input, *model.graph.value_info)}
    kinds |= {tensor.name: tensor.data_type for tensor in model.graph.initializer}
    alone = onnx.ModelProto()
    alone.CopyFrom(onnx.helper.make_model(onnx.GraphProto(), opset_imports=model.opset_import))
    alone.graph.CopyFrom(graph)
    for given in alone.graph.input:
        kind = given.type.tensor_type.elem_type
        given.CopyFrom(onnx.helper.make_tensor_value_info(given.name, kind, inner[given.name]))
    made = {name for node in graph.node for name in node.output}
    made |= {each.name for each in (*graph.input, *graph.initializer)}
    around = dict.fromkeys(name for name in _taken(graph) if name and name not in made)
    for name in around:
        if name in values:
            alone.graph.initializer.append(onnx.numpy_helper.from_array(values[name], name))
        elif name in shapes:
            alone.graph.input.append(onnx.helper.make_tensor_value_info(name, kinds.get(name, 1), shapes[name]))
    found, known, _, parts, _ = infer(onnx, alone)
    return found, known, parts


def _taken(graph: Any) -> Iterator[str]:
    for node in graph.node:
        yield from node.input
        for each in node.attribute:
            for inner in (each.g, *each.graphs):
                yield from _taken(inner)
    yield from (given.name for given in graph.output)
