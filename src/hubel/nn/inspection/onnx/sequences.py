"""Which axis of an ONNX file's input is that of the images, where steps may stand before them: the graph shows it."""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from hubel.nn.inspection.onnx.parts import graphs_of

RECURRENT = ("LSTM", "GRU", "RNN")
LENGTHS, STATES = 4, (5, 6)  # places among their inputs
_ALIKE = {"Add", "Sub", "Mul", "Div", "Cast", "Identity", "Pad", "Slice", "Concat", "Clip", "Relu", "Tanh", "Sigmoid"}
_ALIKE |= {"Dropout", "LayerNormalization", "QuantizeLinear", "DequantizeLinear", "Where", "Gelu", "Softmax"}
_BATCH = re.compile(r"n$|b$|bs$|batch", re.IGNORECASE)
_STEPS = re.compile(r"t$|time|seq|steps?\b|num_steps|frames?\b", re.IGNORECASE)


class Axes(NamedTuple):
    """Of an input, the axis of the images, and that of the steps; None where it has none, or none is known."""

    images: int | None
    steps: int | None = None


def axes_of(graph: Any, given: Any, fixed: list[int | None]) -> Axes:
    """Say which axes of an input are which: as what takes it has them, else by their names, else the images first."""
    names = [size.dim_param for size in given.type.tensor_type.shape.dim]
    called = [axis for axis, name in enumerate(names) if fixed[axis] is None and _BATCH.match(name)]
    found = next(_taken(graph, given.name, len(fixed)), None)
    if found is not None and found.images is None and found.steps is not None and len(fixed) > 1 + (found.steps == 0):
        other = [axis for axis in called if axis != found.steps]
        return Axes(other[0] if other else int(found.steps == 0), found.steps)  # it may have a batch, or features alone
    if found is not None:
        return found
    if called and 0 not in called and (fixed[0] is not None or names[0]):
        return Axes(called[0], 0 if names[0] and _STEPS.match(names[0]) else None)
    if len(fixed) == 3 and names[0] and not called and _STEPS.match(names[0]):
        return Axes(1, 0)
    return Axes(0)


def _taken(graph: Any, name: str, rank: int) -> Iterator[Axes]:
    """Follow an input to what runs over steps; a graph that runs over them may have no place for images."""
    stored = {tensor.name: tensor for tensor in graph.initializer}
    stored |= {n.output[0]: each.t for n in graph.node for each in n.attribute if n.op_type == "Constant" and each.t}
    lies: dict[str, tuple[int | None, ...]] = {name: tuple(range(rank))}  # by name, which of its axes each is
    for node in graph.node:
        settings = {each.name: each for each in node.attribute}
        for place, taken in enumerate(node.input):
            if taken in lies and node.op_type in RECURRENT:
                yield from _recurrent(place, lies[taken], "layout" in settings and bool(settings["layout"].i))
            if taken in lies and node.op_type == "Scan":
                scanned = settings["num_scan_inputs"].i
                number = place - len(node.input) + scanned
                axes = settings["scan_input_axes"].ints if "scan_input_axes" in settings else [0] * scanned
                if number >= 0 and axes[number] < len(lies[taken]):
                    yield Axes(None, lies[taken][axes[number]])
        for inner in graphs_of(node) if node.op_type == "Loop" else ():
            counts = {inner.input[0].name}
            for each in inner.node:
                if each.op_type in ("Identity", "Cast", "Unsqueeze", "Reshape") and each.input[0] in counts:
                    counts.update(each.output)
                if each.op_type == "Gather" and each.input[0] in lies and each.input[1] in counts:
                    axis = next((own.i for own in each.attribute if own.name == "axis"), 0)
                    yield from (Axes(None, own) for own in lies[each.input[0]][axis : axis + 1])
        source = next((place for place, taken in enumerate(node.input) if taken in lies), None)
        if source is not None and node.output:
            made = _moved(node, source, lies[node.input[source]], settings, stored)
            if made is not None:
                lies[node.output[0]] = made


def _recurrent(place: int, axes: tuple[int | None, ...], layout: bool) -> Iterator[Axes]:
    """An LSTM's, GRU's or RNN's sequence has the steps first, or the images, and so have states the ways."""
    if place == 0 and len(axes) == 3:
        yield Axes(axes[int(not layout)], axes[int(layout)])
    elif place in STATES and len(axes) == 3:
        yield Axes(axes[int(not layout)])
    elif place == LENGTHS and len(axes) == 1:
        yield Axes(axes[0])


def _moved(
    node: Any, place: int, axes: tuple[int | None, ...], settings: dict[str, Any], stored: dict[str, Any]
) -> tuple[int | None, ...] | None:
    """Return how what a node gives lies; None where that is not followed."""
    if node.op_type in _ALIKE:
        return axes
    if node.op_type == "Transpose":
        order = settings["perm"].ints if "perm" in settings else range(len(axes))[::-1]
        return tuple(axes[axis] for axis in order) if len(order) == len(axes) else None
    if node.op_type == "MatMul" and place == 0 and node.input[1] in stored:
        return (*axes[:-1], None)
    if node.op_type == "Gather" and place == 1 and node.input[0] in stored:  # a table's rows
        return (*axes, *(None for _ in stored[node.input[0]].dims[1:]))
    if node.op_type in ("Squeeze", "Unsqueeze") and (
        "axes" in settings or (node.input[1:2] and node.input[1] in stored)
    ):
        numbers = importlib.import_module("onnx.numpy_helper").to_array
        chosen = settings["axes"].ints if "axes" in settings else numbers(stored[node.input[1]]).reshape(-1).tolist()
        if node.op_type == "Squeeze":
            left = {axis % len(axes) for axis in chosen}
            return tuple(own for axis, own in enumerate(axes) if axis not in left)
        made, places = [*axes], sorted(axis % (len(axes) + len(chosen)) for axis in chosen)
        for axis in places:
            made.insert(axis, None)
        return tuple(made)
    return None
