"""From an ONNX file of ordinary layers to a tree."""

from __future__ import annotations

import importlib
import warnings
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import hubel.arch as arch
from hubel.arch import Concat, Join, Layer, Network, Product, Sum, analyse
from hubel.base.errors import NetworkError
from hubel.nn.inspection.onnx.costs import inspect_onnx
from hubel.nn.inspection.onnx.file import channels_last, made_sense_of, read_onnx, takers_of
from hubel.nn.inspection.onnx.learned import NOT_LEARNED
from hubel.nn.inspection.report import TensorShape
from hubel.nn.reading.composed import convolved_steps
from hubel.nn.reading.folding import folded
from hubel.nn.reading.graph import Step, ancestors
from hubel.nn.reading.onnx.arithmetic import ARITHMETIC
from hubel.nn.reading.onnx.constants import FLOATS, Constants
from hubel.nn.reading.onnx.layers import LAYERS
from hubel.nn.reading.onnx.moves import MOVES
from hubel.nn.reading.onnx.node import Instead, Laid, Node, Parts, Reader, Same, public
from hubel.nn.reading.onnx.patterns import Found, Patterns
from hubel.nn.reading.onnx.recurrent import CELLS, Value, biases_beside, moved, recurred
from hubel.nn.reading.torch import TrainingAloneWarning

OPERATORS: dict[str, Reader] = {**LAYERS, **MOVES, **ARITHMETIC}
"""What an operator of one tensor is in the tree."""
JOINS: dict[str, type[Join]] = {"Add": Sum, "Sum": Sum, "Sub": Sum, "Mul": Product, "Concat": Concat}
"""What an operator of several tensors is; the second of a difference is multiplied by −1 first."""

_EACH = (arch.Activation, arch.BatchNormalization, arch.Dropout, arch.LeakyReLU, arch.Scale, arch.Shift)


@made_sense_of
def network_of_onnx(path: str | Path, input_shape: Sequence[int] | None = None) -> Network:
    """Read an ONNX file as a tree, on which everything else of hubel works; the weights stay behind.

    `input_shape` (height × width × channels, or `(features,)`) is for files that leave sizes open.

    Raises `ValueError` that names the operation which has no place in a tree, and why, and `ModuleNotFoundError`
    without `onnx`.
    """
    graph, shapes, inputs, stored, *_, axes, version = read_onnx(path, input_shape, 1)
    if any(0 in shapes.get(given.name, ()) for given in inputs):
        raise NetworkError("the file fixes a size of its input at 0: give the input's shape, such as 224x224x3")
    constants = Constants(graph, stored, Path(path).parent)
    first = {name for name, one in axes.items() if one == (1, 0)}
    reading = _Reading(graph, shapes, constants, first, version)
    steps = reading.steps()
    network = Network(steps[0].shape, folded(steps)[0], Path(path).stem)
    report, tree = inspect_onnx(path, input_shape), analyse(network)
    counted = report.parameters
    once, shared = reading.again()
    counted += sum(shared.values())
    parameters = {report.parameters, counted - reading.beside, counted + once - reading.beside}
    if tree.parameters not in parameters or tree.macs * report.batch != report.macs:
        raise NetworkError(
            f"the file as a tree would have {tree.parameters:,} parameters and {tree.macs:,} MACs, it has "
            f"{report.parameters:,} and {report.macs // report.batch:,}: something in it is shared"
        )
    if shared:
        listed = ", ".join([*shared][:3]) + (" …" if len(shared) > 3 else "")
        warnings.warn(
            f"{listed}: in several layers, or in one that runs again; the tree holds these numbers once for each, "
            f"{sum(shared.values()):,} parameters more than the file, and learns each by itself",
            TrainingAloneWarning,
            stacklevel=3,
        )
    return network


class _Reading:
    """Takes in a file's nodes, one after another.

    beside: how many numbers the file has stored twice, as its exporter worked them out of others.
    """

    def __init__(
        self,
        graph: Any,
        shapes: dict[str, TensorShape],
        constants: Constants,
        steps_first: set[str],
        version: int,
    ) -> None:
        self.graph, self.shapes, self.constants, self.takers = graph, shapes, constants, takers_of(graph)
        self.steps_first = steps_first
        self.attribute = importlib.import_module("onnx.helper").get_attribute_value
        self.found: list[Step] = []
        self.values: dict[str, Value] = {}
        self.version = version
        self.whole = {each.name for each in graph.input if each.type.tensor_type.elem_type not in (0, *FLOATS)}
        self.beside = 0
        self.learned: list[tuple[set[int], set[str]]] = []  # the places of steps, and the stored tensors they learn
        self.end = 0
        self.last = False  # whether its pictures have their channels last
        self.free: set[int] = set()  # places of what dense layers give, and of what is made of each of its numbers

    def again(self) -> tuple[int, dict[str, int]]:
        """Return how many numbers layers have of their own, but the file once: of tensors of one number, repeated,
        which exporters store once for all who begin so; and of each of the others, which layers share.
        """
        once, shared, takers = 0, dict[str, int](), Counter[str]()
        needed = {*ancestors(self.found, self.end), self.end}
        for places, names in self.learned:
            takers.update(names if places & needed else ())
        for name, times in takers.items():
            count, numbers = self.constants.count(name), self.constants.array(name) if times > 1 else None
            if times > 1 and count > 1 and numbers is not None and (numbers == numbers.flat[0]).all():
                once += (times - 1) * count
            elif times > 1 and count > 1:
                shared[name] = (times - 1) * count
        return once, shared

    def steps(self) -> list[Step]:
        """Return the steps up to the one that gives the output."""
        nodes, constants = list(self.graph.node), self.constants
        patterns = {found.replaces: found for found in Patterns(nodes, constants.array, constants.known).all()}
        self.beside = sum(map(constants.count, {name for found in patterns.values() for name in found.beside}))
        inside = {number for found in patterns.values() for number in found.nodes} - set(patterns)
        for number, node in enumerate(nodes):
            if number not in inside and node.output[0] not in constants.known:
                self._take(number, node, patterns.get(number))
        if len(self.graph.output) > 1:
            names = ", ".join(given.name for given in self.graph.output)
            raise NetworkError(
                f"a tree has one output, the file gives {len(self.graph.output)}: {names}; "
                "hubel inspect draws it (-o) and says its memory"
            )
        value = self.values.get(self.graph.output[0].name)
        if value is None:
            raise NetworkError("the file's output is a constant, and nothing of its input")
        if value.order not in ("first", "last") and (value.order != "steps" or not self.steps_first):
            raise NetworkError("the file's output: its numbers stand in another order than a tree's, or shape")
        self.end = value.place
        return self.found[: value.place + 1]

    def _take(self, number: int, node: Any, pattern: Found | None) -> None:
        label = f"{node.name or node.output[0] or number} ({node.op_type})"
        known = self.constants.known
        names = tuple(node.input) if pattern is None else (pattern.source, *pattern.weights)
        takes = tuple(name for name in names if name and name not in known)
        if not takes or (pattern is None and node.op_type not in {*OPERATORS, *JOINS, *CELLS}):
            raise NetworkError(f"{label}: the tree has no layer for {node.op_type}")
        if not self.found:
            shape, self.last = self.shapes[takes[0]], channels_last(self.graph, takes[0], self.takers)
            last = self.last
            self.values[takes[0]] = Value(0, "last" if last else "first")
            self.found.append(Step(takes[0], None, (), shape=shape[1:] if last else public(shape)))
            if takes[0] in self.steps_first and len(shape) == 3:
                self.values[takes[0]] = Value(0, "steps")
                self.found[0] = replace(self.found[0], shape=(shape[0], shape[2]))
        unknown = [name for name in takes if name not in self.values]
        if unknown:
            raise NetworkError(f"{label}: {unknown[0]!r} is a second input, which has no place in a tree")
        if takes[0] not in self.shapes or any(name not in self.shapes for name in node.output[:1]):
            raise NetworkError(f"{label}: what it is given does not fit it, or its shape is not known")
        value = self.values[takes[0]]
        step = self.found[value.place]
        one = Node(
            pattern.kind if pattern else node.op_type,
            label,
            pattern.settings if pattern else {each.name: self.attribute(each) for each in node.attribute},
            takes,
            names,
            tuple(node.output),
            [self.shapes.get(name, ()) for name in names if name in known],
            self.shapes[takes[0]],
            tuple(self.shapes.get(name, ()) for name in node.output),
            self.constants,
            value.order,
            step.shape,
            step.what if self.constants.used[takes[0]] == 1 else None,
            self.last or channels_last(self.graph, node.output[0], self.takers),
            value.place in self.free and self.constants.used[takes[0]] == 1,
            self.version,
            takes[0] in self.whole,
        )
        learned = (name for place, name in enumerate(names) if place not in NOT_LEARNED.get(one.kind, ()))
        sources = {source for name in learned if name in known for source in self.constants.sources(name)}
        before = len(self.found)
        try:
            self._read(one, value)
            self.learned.append(({*range(before, len(self.found)), self.values[node.output[0]].place}, sources))
        except ValueError as error:
            said = str(error)
            raise NetworkError(said if said.startswith(label) else f"{label}: {said}") from None

    def _read(self, node: Node, value: Value) -> None:
        if node.kind in CELLS and len(node.takes) == 1:
            self.values.update(zip(node.outputs, recurred(self.found, node, value), strict=False))
            self.beside += biases_beside(node)
            return
        if (state := moved(self.found, node, [self.values[name] for name in node.takes])) is not None:
            self.values[node.outputs[0]] = state
            return
        if len(node.takes) > 1:
            if node.weights or node.kind not in JOINS:
                raise NetworkError(f"the tree has no layer for {node.kind} of {len(node.takes)} tensors")
            self._joined(node)
            return
        reader = OPERATORS.get(node.kind)
        made = None if reader is None else reader(node)
        if made is None:
            raise NetworkError(f"the tree has no layer for {node.kind}")
        if isinstance(made, Same):
            self.values[node.outputs[0]] = Value(value.place, made.order)
        elif isinstance(made, Laid):
            self._add(node, made.layer, replace(value, order=made.order), node.outputs[0], node.made)
        elif isinstance(made, Instead):
            shape = node.made[1:] if value.order == "last" else public(node.made)
            self.found[value.place] = replace(self.found[value.place], what=made.layer, shape=shape)
            self.values[node.outputs[0]] = value
        else:
            layers: tuple[Layer | arch.Chain, ...] = made.layers if isinstance(made, Parts) else (made,)
            for name, shape, layer in zip(node.outputs, node.parts, layers, strict=False):
                self._add(node, layer, value, name, shape)

    def _add(self, node: Node, layer: Layer | arch.Chain, value: Value, name: str, made: TensorShape) -> None:
        """Put a step behind another: what it gives lies as what it is given, or once more in the file's order."""
        order = value.order if value.order in ("last", "turned", "flat") else "first"
        if (order == "last" and len(made) == 2) or (order == "flat" and isinstance(layer, arch.Dense)):
            order = "first"
        self.values[name] = Value(len(self.found), order)
        shape = made[1:] if order == "last" else public(made)
        layer, inputs = convolved_steps(layer, self.found[value.place]) or (layer, (value.place,))
        if isinstance(layer, arch.Dense) or (node.free and isinstance(layer, _EACH)):
            self.free.add(len(self.found))
        self.found.append(Step(node.label, layer, inputs, shape=shape))

    def _joined(self, node: Node) -> None:
        """Read what joins branches."""
        values = [self.values[name] for name in node.takes]
        orders = {value.order for value in values}
        if len(orders) > 1 or not orders <= {"first", "last"}:
            raise NetworkError("a tree joins branches whose channels lie alike")
        order = orders.pop()
        channels = len(node.made) - 1 if order == "last" else 1
        if node.kind == "Concat" and node.settings.get("axis", 0) % len(node.made) != channels:
            raise NetworkError(f"a tree concatenates channels, not along dimension {node.settings.get('axis')}")
        if node.kind in ("Add", "Sum", "Sub") and len({self.shapes[name] for name in node.takes}) > 1:
            raise NetworkError("a tree adds branches of equal shape")
        places = [value.place for value in values]
        if node.kind == "Sub":
            shape = self.found[places[1]].shape
            self.found.append(Step(node.label, arch.Rescaling(-1.0), (places[1],), shape=shape))
            places[1] = len(self.found) - 1
        self.values[node.outputs[0]] = Value(len(self.found), order)
        shape = node.made[1:] if order == "last" else public(node.made)
        self.found.append(Step(node.label, JOINS[node.kind], tuple(places), shape=shape))
