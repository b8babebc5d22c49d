"""What a network in an ONNX file costs: shapes by ONNX's own inference, costs by the rules that `inspect` has."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from copy import copy
from math import prod
from pathlib import Path
from typing import Any

from hubel.base.errors import NetworkError
from hubel.nn.inspection.onnx.file import GivenShapes, made_sense_of, read_onnx
from hubel.nn.inspection.onnx.flow import PASSING, Flow
from hubel.nn.inspection.onnx.gradients import Gradients, of_recurrent
from hubel.nn.inspection.onnx.learned import (
    ALONE,
    FLOATING,
    INTEGER_WEIGHTS,
    NOT_LEARNED,
    RECURRENT,
    STATES,
    Constant,
    constant_of,
    exported,
    is_zero,
    with_first_states,
)
from hubel.nn.inspection.onnx.memory import memory_of
from hubel.nn.inspection.onnx.parts import KINDS, Part, taken
from hubel.nn.inspection.onnx.unknown import Unknown, stopped_at, unknown_of
from hubel.nn.inspection.report import NOT_TRAINED, Inspection, ModuleRow, TensorShape, learn_nothing, unreached

# Whose weights a file that leaves them out has as one number, repeated.
WEIGHTED = {"Conv": 1, "ConvTranspose": 1, "Gemm": 1, "MatMul": 1}
# What multiplies by weights whose bias may be added afterwards, and along which axis its units lie.
ONE_UNIT = {
    "MatMul": -1,
    "Gemm": -1,
    "MatMulInteger": -1,
    "Einsum": -1,
    "Conv": 1,
    "ConvTranspose": 1,
    "ConvInteger": 1,
}
# What exporters call a graph whose model has no name.
UNNAMED = {"", "main_graph", "main", "torch_jit", "torch-jit-export"}
# Operators of ONNX's own that multiply, or hold others that may, and that are not counted.
UNCOUNTED = {"If", "Loop", "Scan", "SequenceMap", "Attention", "DFT", "STFT", "LinearAttention"}


@made_sense_of
def inspect_onnx(path: str | Path, input_shape: GivenShapes = None, *, batch: int = 1) -> Inspection:
    """Work out what the network in an ONNX file costs, operation by operation.

    `input_shape` (height × width × channels, or `(features,)`; of several inputs one each in turn, or by name) and
    `batch` are for files that leave sizes open; against what a file fixes they are refused. Rows are operations that
    depend on the input. ONNX does not tell learned numbers from other constants: as `parameters` count the floating
    tensors that are stored in the file, those of one number where layers have weights, and the integers that a
    quantised operator takes as weights, where they are first used, without statistics, limits, and factors, and in a
    file that hubel exported without what prepares images and tells answers; the floating ones are taken as trainable.
    What is not counted (loops, branches that the input decides on, operators of other domains) the report's `notes`
    name. Operators that ONNX Runtime writes into files which it optimises or quantises (`com.microsoft`) are written
    out as ordinary ones.

    Raises `ValueError` where sizes stay unknown, or the file is no ONNX, and `ModuleNotFoundError` without `onnx`.
    """
    graph, found, inputs, constants, written, idle, parts, fixed, axes, _ = read_onnx(path, input_shape, batch)
    with_first_states(graph, constants, Path(path).parent)
    own = {name: Constant() if name in fixed else constant_of(tensor) for name, tensor in constants.items()}
    reading = _Reading(found, own, parts, Gradients(graph))
    filled = {node.output[0] for node in graph.node if node.op_type == "ConstantOfShape"}
    weights = (node.input[WEIGHTED[node.op_type]] for node in graph.node if node.op_type in WEIGHTED)
    reading.left_out = not filled.isdisjoint(weights)
    reading.flow.give(given.name for given in inputs)
    for node in graph.node:
        reading.take(node)
    reading.flow.end(given.name for given in graph.output)
    read = [given.name for given in inputs if given.name in reading.read and given.name in found]
    shapes = tuple(found[name] for name in read)
    output = found.get(graph.output[0].name) if graph.output else None
    images = axes[read[0]].images if read else None
    size = batch if images is None else shapes[0][images]
    notes = [*reading.notes(), *exported(graph), *idle]
    if written:
        listed = ", ".join(f"{number} {kind}" for kind, number in written.items())
        notes.append(f"written out as the ordinary operators that they are made of: {listed}")
    stopped = stopped_at(reading.left, bool(sum(row.macs for row in reading.rows)))
    notes = [stopped, *notes] if stopped else notes
    stops = reading.flow.stops()
    name = Path(path).stem if graph.name in UNNAMED else graph.name
    memory = None if reading.uncounted or parts else memory_of(graph, found, reading.constants)
    if memory is None and not reading.uncounted:
        whence = next(iter(reading.unknown.values()), None)
        loops = "what its loops hold inside" if parts else "the size or the type of something in it"
        notes.append(
            f"no memory is told: {f'the size of what {whence.maker}, gives' if whence else loops} is not known"
        )
    return Inspection(name, size, shapes, output, tuple(reading.rows), tuple(notes), stops, memory, stopped)


class _Reading:
    """Takes in a graph's nodes one after another."""

    def __init__(
        self,
        shapes: Mapping[str, TensorShape],
        constants: dict[str, Constant],
        parts: Mapping[str, Part],
        gradients: Gradients,
    ) -> None:
        self.shapes, self.constants, self.parts, self.gradients = shapes, constants, parts, gradients
        self.rows: list[ModuleRow] = []
        self.read: set[str] = set()
        self.counted: dict[str, str] = {}
        self.trained: set[str] = set()  # tensors whose gradient training asks for
        self.numbers: dict[str, int] = {}
        self.uncounted: Counter[str] = Counter()
        self.whole: dict[str, int] = {}  # what is learned and stored as whole numbers
        self.unknown: dict[str, Unknown] = {}  # what has no shape, and whence that comes
        self.left: list[tuple[str, Unknown]] = []  # products that depend on how much numbers give
        self.still = 0  # parameters whose gradient is 0 everywhere
        self.products: dict[str, str] = {}  # what layers of one unit give, by which operator
        self.left_out = False  # whether constants of one number, repeated, stand for weights
        self.flow = Flow(shapes)
        self.within = ""  # inside of what it runs

    def notes(self) -> Iterator[str]:
        """Say what the figures leave out, and what they hold."""
        if self.uncounted:
            listed = ", ".join(f"{number} {kind}" for kind, number in self.uncounted.items())
            told = "their multiply-adds, and the parameters of graphs inside them, are not in the totals"
            yield f"not counted: {listed}; {told}"
        if quantised := sum(size for name, size in self.whole.items() if name in self.counted):
            yield f"{quantised:,} of the parameters are stored as whole numbers, which are not trained"
        macs, parameters = (sum(getattr(row, name) for row in self.rows) for name in ("macs", "parameters"))
        if macs and parameters and self.gradients.outputs.isdisjoint(self.trained):
            yield f"{NOT_TRAINED}: no floating number that could be learned leads to an output of floating numbers"
        elif self.still:
            yield learn_nothing(self.still, self.gradients.flat)

    def take(self, node: Any) -> None:
        """Add a node's row, or remember that what it gives is constant."""
        names = taken(node)
        self.read.update(names)
        if all(name in self.constants or not name for name in names):
            self._constant(node)
            return
        plain = node.domain in ("", "ai.onnx")
        part = self.parts.get(node.output[0])
        counted = part is not None and part.times is not None
        if not plain or (node.op_type in UNCOUNTED and not counted):
            self.uncounted[node.op_type if plain else f"{node.domain}.{node.op_type}"] += 1
        self.numbers[node.op_type] = self.numbers.get(node.op_type, 0) + 1
        path = self.within + (node.name or f"{node.op_type.lower()}{self.numbers[node.op_type]}")
        parameters, trainable, notes = self._parameters(node, path)
        self._follow(node)
        macs, backward = self._products(node, path)
        if part is not None and part.times is not None:
            held, learned, macs, backward = self._inside(node, path, part, part.times)
            parameters, trainable = parameters + held, trainable + learned
        learns = any(self._learns(node, place) for place in range(len(node.input)))
        if trainable or learns or not self.trained.isdisjoint(names):
            self.trained.update(filter(self.gradients.has, node.output))
        if self.gradients.wanted.isdisjoint(node.output):
            notes += [unreached(macs)] if backward else []
            backward = 0
        elif self.gradients.moved.isdisjoint(node.output):
            self.still += trainable
        shape = self.shapes.get(node.output[0])
        if shape is None:
            whence = next((self.unknown[name] for name in names if name in self.unknown), None)
            whence = whence or unknown_of(node, path, self.constants)
            self.unknown.update(dict.fromkeys(node.output, whence))
        self.rows.append(ModuleRow(path, node.op_type, shape, parameters, trainable, macs, backward, 1, tuple(notes)))
        self.flow.take(node, path, names, macs)

    def _inside(self, node: Any, path: str, part: Part, times: int) -> tuple[int, int, int, int]:
        """Count the parameters and products of what an operator runs, as often as it does. The first time what it
        begins with may want no gradient that it wants later, where something learned has made it.
        """
        own, gives = part.inputs, [given.name for given in part.graph.output]
        takes, states = [*node.input], own[: part.states]
        if node.op_type == "Loop":
            own, takes, gives = own[2:], takes[2:], gives[1:]
            states = own
        for name, given in zip(own, takes, strict=True):
            constant = self.constants.get(given)
            if given in self.trained or (constant is not None and self._floating(constant) - constant.zeros):
                self.trained.add(name)
        inner = [tensor for tensor in part.graph.initializer if tensor.name not in self.constants]
        self.constants.update((tensor.name, constant_of(tensor)) for tensor in inner)
        rows = self._once(part, path)
        parameters, trainable = (sum(getattr(row, each) for row in rows) for each in ("parameters", "trainable"))
        macs, backward = (times * sum(getattr(row, each) for row in rows) for each in ("macs", "backward_macs"))
        learned = {name for name, made in zip(states, gives, strict=False) if made in self.trained} - self.trained
        self.trained |= learned
        if learned and times > 1:
            later = self._once(part, path)
            backward += (times - 1) * sum(
                row.backward_macs - first.backward_macs for row, first in zip(later, rows, strict=True)
            )
        self._leave(name for node in part.graph.node for name in node.output)
        self._leave(tensor.name for tensor in inner)
        return parameters, trainable, macs, backward

    def _once(self, part: Part, path: str) -> list[ModuleRow]:
        """Count what an operator runs once."""
        inner = copy(self)
        inner.shapes, inner.parts, inner.rows, inner.numbers = part.shapes, part.parts, [], {}
        inner.within = f"{path}/"
        inner.flow, inner.gradients = Flow(part.shapes), Gradients(part.graph)
        for each in part.graph.node:
            inner.take(each)
        return inner.rows

    def _leave(self, names: Iterable[str]) -> None:
        """Forget names of a graph inside, since others may have them, too."""
        for name in names:
            self.constants.pop(name, None)
            self.counted.pop(name, None)
            self.trained.discard(name)

    def _constant(self, node: Any) -> None:
        """A constant made of constants: weights reshaped, or filled (`ConstantOfShape`) where a file left them out."""
        made = Constant()
        for name in node.input:
            if name:
                made.sources.update(self.constants[name].sources)
                made.alone.update(self.constants[name].alone if node.op_type in PASSING else {})
                made.integers.update(self.constants[name].integers)
                made.zeros |= self.constants[name].zeros
        shape = self.shapes.get(node.output[0], ())
        if node.op_type == "ConstantOfShape" and prod(shape) > 1 and self.left_out:
            made.sources[node.output[0]] = prod(shape)
            if all(is_zero(attribute.t) for attribute in node.attribute):  # zeros where it does not say
                made.zeros.add(node.output[0])
        if node.op_type == "DequantizeLinear":  # a stored weight that becomes floating again
            made.sources = dict(self.constants[node.input[0]].integers)
            self.whole |= made.sources
        if node.op_type == "Constant":
            for attribute in node.attribute:
                if attribute.name == "value" and attribute.t.data_type in FLOATING and prod(attribute.t.dims) > 1:
                    made.sources[node.output[0]] = prod(attribute.t.dims)
                    made.zeros |= {node.output[0]} if is_zero(attribute.t) else set()
        for output in node.output:
            self.constants[output] = made

    def _parameters(self, node: Any, path: str) -> tuple[int, int, list[str]]:
        """Count what of a node's inputs is counted nowhere else: all of it, and what is trained."""
        own, notes = dict[str, int](), []
        for place, name in enumerate(node.input):
            if name not in self.constants or place in NOT_LEARNED.get(node.op_type, ()):
                continue
            sources = self._sources(node, place)
            if place in ALONE.get(node.op_type, ()) or (
                node.op_type == "Add" and not self.products.keys().isdisjoint(node.input)
            ):
                sources |= self.constants[name].alone
            if place in INTEGER_WEIGHTS.get(node.op_type, ()):
                sources |= self.constants[name].integers
                self.whole |= self.constants[name].integers
            for source, size in sources.items():
                if self.counted.setdefault(source, path) != path:
                    notes.append(f"{source} is counted in {self.counted[source]}")
                else:
                    own[source] = size
        trainable = sum(size for source, size in own.items() if source not in self.whole)
        return sum(own.values()), trainable, notes

    def _sources(self, node: Any, place: int) -> dict[str, int]:
        """Return what is learned of one of a node's inputs, with sizes; zeros are how a sequence begins."""
        constant = self.constants.get(node.input[place])
        if constant is None or place in NOT_LEARNED.get(node.op_type, ()):
            return {}
        begins = (node.op_type in RECURRENT and place in STATES) or node.op_type in KINDS
        return {name: size for name, size in constant.sources.items() if not (begins and name in constant.zeros)}

    def _learns(self, node: Any, place: int) -> bool:
        """Whether training asks for the gradient of one of a node's inputs."""
        if place >= len(node.input):
            return False
        return node.input[place] in self.trained or bool(self._sources(node, place).keys() - self.whole.keys())

    def _follow(self, node: Any) -> None:
        """Note what a layer of one unit gives, and what only moves or casts that, or scales integers back."""
        kind = self.products.get(node.input[0], "") if node.input else ""
        if node.op_type in ONE_UNIT and not self.constants.keys().isdisjoint(node.input):
            axis = ONE_UNIT[node.op_type]
            if self.shapes.get(node.output[0], ())[axis:][:1] == (1,):
                self.products[node.output[0]] = node.op_type
        elif kind and (node.op_type in PASSING or (node.op_type == "Mul" and kind.endswith("Integer"))):
            self.products[node.output[0]] = kind

    def _floating(self, constant: Constant) -> set[str]:
        """Return what is learned in a constant and stored as floating numbers."""
        return constant.sources.keys() - self.whole.keys()

    def _products(self, node: Any, path: str) -> tuple[int, int]:
        rule = PRODUCTS.get(node.op_type) if node.domain in ("", "ai.onnx") else None
        if rule is None:
            return 0, 0
        attributes = {attribute.name: attribute for attribute in node.attribute}
        if node.op_type == "Einsum" and len(terms := _terms(attributes)) != 2:
            if len(terms) > 2:  # of one alone nothing is multiplied
                self.uncounted[f"Einsum of {len(terms)} operands"] += 1
            return 0, 0
        unknown = [name for name in (*node.input, *node.output) if name and name not in self.shapes]
        if unknown:
            whence = self.unknown.get(unknown[0]) or unknown_of(node, path, self.constants)
            if not whence.by_numbers:
                raise NetworkError(
                    f"{path} ({node.op_type}): the shape of {unknown[0]!r} is not known for this input: "
                    f"{whence.maker}, has no rule for it in ONNX; write the shapes into the file first, as ONNX "
                    "Runtime's symbolic_shape_infer does"
                )
            self.left.append((path, whence))
            return 0, 0
        sizes = [self.shapes[name] if name else () for name in node.input]
        macs = rule(sizes, self.shapes[node.output[0]], attributes)
        if node.op_type in RECURRENT:
            return macs, of_recurrent(node, sizes, lambda place: self._learns(node, place))
        operands = (0, 3) if node.op_type in ("QLinearConv", "QLinearMatMul") else (0, 1)
        return macs, macs * sum(self._learns(node, place) for place in operands)


Rule = Callable[[list[TensorShape], TensorShape, dict[str, Any]], int]


def _convolution(weight: int) -> Rule:
    return lambda inputs, output, _: prod(output) * prod(inputs[weight][1:])


def _transposed(inputs: list[TensorShape], output: TensorShape, _: dict[str, Any]) -> int:
    return prod(inputs[0]) * prod(inputs[1][1:])


def _general(inputs: list[TensorShape], output: TensorShape, attributes: dict[str, Any]) -> int:
    turned = "transA" in attributes and attributes["transA"].i
    return prod(output) * inputs[0][0 if turned else 1]


def _matrices(inputs: list[TensorShape], output: TensorShape, _: dict[str, Any]) -> int:
    return prod(output) * (inputs[0][-1] if inputs[0] else 1)


def _einsum(inputs: list[TensorShape], output: TensorShape, attributes: dict[str, Any]) -> int:
    terms = _terms(attributes)
    named = [len(term.replace("...", "")) for term in terms]
    for place, (term, shape, own) in enumerate(zip(terms, inputs, named, strict=True)):
        others = "0123456789"[10 - (len(shape) - own) :] if len(shape) > own else ""
        terms[place] = term.replace("...", others)
    sizes: dict[str, int] = {}
    for term, shape in zip(terms, inputs, strict=True):
        for axis, size in zip(term, shape, strict=True):
            sizes[axis] = max(size, sizes.get(axis, 1))
    return prod(sizes.values())


def _terms(attributes: dict[str, Any]) -> list[str]:
    equation: str = attributes["equation"].s.decode()
    return equation.replace(" ", "").partition("->")[0].split(",")


def _recurrent(inputs: list[TensorShape], output: TensorShape, _: dict[str, Any]) -> int:
    steps, batch = inputs[0][:2]
    return steps * batch * (prod(inputs[1]) + prod(inputs[2]))


PRODUCTS: dict[str, Rule] = {
    "Conv": _convolution(1),
    "ConvInteger": _convolution(1),
    "QLinearConv": _convolution(3),
    "ConvTranspose": _transposed,
    "DeformConv": _convolution(1),
    "Gemm": _general,
    "MatMul": _matrices,
    "MatMulInteger": _matrices,
    "QLinearMatMul": _matrices,
    "Einsum": _einsum,
    "LSTM": _recurrent,
    "GRU": _recurrent,
    "RNN": _recurrent,
}
