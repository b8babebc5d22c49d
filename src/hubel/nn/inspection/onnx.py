"""What a network in an ONNX file costs: shapes by ONNX's own inference, costs by the rules that `inspect` has."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from math import prod
from pathlib import Path
from typing import Any

from hubel.base.errors import MissingFileError, NetworkError
from hubel.nn.inspection.report import Inspection, ModuleRow, TensorShape

FLOATING = (1, 10, 11, 16)  # float, float16, double, bfloat16, as ONNX numbers its types
STATISTICS = {"BatchNormalization": (3, 4)}  # inputs that training does not learn


def inspect_onnx(path: str | Path, input_shape: Sequence[int] | None = None, *, batch: int = 1) -> Inspection:
    """Work out what the network in an ONNX file costs, operation by operation.

    `input_shape` (height × width × channels, or `(features,)`) and `batch` are for files that leave sizes open; those
    that a file fixes stay. Rows are operations that depend on the input. ONNX does not tell learned numbers from other
    constants: as `parameters` count the floating tensors of more than one number that are stored in the file, where
    they are first used, without a normalisation's running statistics; all of them are taken as trainable.

    Raises `ValueError` where sizes stay unknown, or the file is no ONNX, and `ModuleNotFoundError` without `onnx`.
    """
    graph, found, inputs, constants = read_onnx(path, input_shape, batch)
    reading = _Reading(found, {name: _Constant(tensor) for name, tensor in constants.items()})
    for node in graph.node:
        reading.take(node)
    shapes = tuple(found[given.name] for given in inputs if given.name in reading.read)
    output = found.get(graph.output[0].name) if graph.output else None
    size = shapes[0][0] if shapes else batch
    return Inspection(graph.name or Path(path).stem, size, shapes, output, tuple(reading.rows))


def read_onnx(
    path: str | Path, input_shape: Sequence[int] | None, batch: int
) -> tuple[Any, dict[str, TensorShape], list[Any], dict[str, Any]]:
    """Load a file: its graph, the shapes of its tensors, its real inputs, its stored tensors by name."""
    onnx = importlib.import_module("onnx")
    file = Path(path)
    if not file.is_file():
        raise MissingFileError(f"no file {path}")
    try:
        model = onnx.load(str(file), load_external_data=False)
    except Exception as error:
        raise NetworkError(f"{path} is not an ONNX file: {str(error).splitlines()[0]}") from None
    stored = {tensor.name: tensor for tensor in model.graph.initializer}
    inputs = [given for given in model.graph.input if given.name not in stored]
    _settle(inputs, input_shape, batch)
    inferred = onnx.shape_inference.infer_shapes(model, data_prop=True).graph
    return inferred, _shapes(inferred), inputs, stored


def _settle(inputs: list[Any], input_shape: Sequence[int] | None, batch: int) -> None:
    """Fill the sizes that the file leaves open."""
    for number, given in enumerate(inputs):
        dimensions = given.type.tensor_type.shape.dim
        wanted: tuple[int | None, ...] = (batch,) + (None,) * (len(dimensions) - 1)
        if input_shape is not None and number == 0 and len(dimensions) == len(input_shape) + 1:
            shape = tuple(input_shape)
            wanted = (batch, shape[2], *shape[:2]) if len(shape) == 3 else (batch, *shape)
        for size, dimension in zip(wanted, dimensions, strict=True):
            if not dimension.HasField("dim_value") or dimension.dim_value < 1:
                if size is None:
                    raise NetworkError(
                        f"the file leaves the sizes of its input {given.name!r} open: give the input's shape, such as "
                        "224x224x3"
                    )
                dimension.dim_value = size


def _shapes(graph: Any) -> dict[str, TensorShape]:
    """Return every shape that is known, by the tensor's name."""
    found = {tensor.name: tuple(tensor.dims) for tensor in graph.initializer}
    for value in (*graph.input, *graph.value_info, *graph.output):
        kind = value.type.tensor_type
        if kind.HasField("shape") and all(dimension.HasField("dim_value") for dimension in kind.shape.dim):
            found.setdefault(value.name, tuple(dimension.dim_value for dimension in kind.shape.dim))
    return found


class _Constant:
    """A stored tensor, or one worked out of such alone; `sources` are those that hold learned numbers, with sizes."""

    def __init__(self, tensor: Any = None) -> None:
        size = prod(tensor.dims) if tensor is not None else 0
        learned = tensor is not None and tensor.data_type in FLOATING and size > 1
        self.sources: dict[str, int] = {tensor.name: size} if learned else {}


class _Reading:
    """Takes in a graph's nodes one after another."""

    def __init__(self, shapes: dict[str, TensorShape], constants: dict[str, _Constant]) -> None:
        self.shapes, self.constants = shapes, constants
        self.rows: list[ModuleRow] = []
        self.read: set[str] = set()
        self.counted: dict[str, str] = {}
        self.trained: set[str] = set()  # tensors whose gradient training asks for
        self.numbers: dict[str, int] = {}

    def take(self, node: Any) -> None:
        """Add a node's row, or remember that what it gives is constant."""
        self.read.update(node.input)
        if all(name in self.constants or not name for name in node.input):
            self._constant(node)
            return
        self.numbers[node.op_type] = self.numbers.get(node.op_type, 0) + 1
        path = node.name or f"{node.op_type.lower()}{self.numbers[node.op_type]}"
        parameters, notes = self._parameters(node, path)
        macs, backward = self._products(node, path)
        if parameters or any(name in self.trained for name in node.input):
            self.trained.update(node.output)
        shape = self.shapes.get(node.output[0])
        self.rows.append(ModuleRow(path, node.op_type, shape, parameters, parameters, macs, backward, 1, tuple(notes)))

    def _constant(self, node: Any) -> None:
        """A constant made of constants: weights reshaped, or filled (`ConstantOfShape`) where a file left them out."""
        made = _Constant()
        for name in node.input:
            if name:
                made.sources.update(self.constants[name].sources)
        shape = self.shapes.get(node.output[0], ())
        if node.op_type == "ConstantOfShape" and prod(shape) > 1:
            made.sources[node.output[0]] = prod(shape)
        if node.op_type == "Constant":
            for attribute in node.attribute:
                if attribute.name == "value" and attribute.t.data_type in FLOATING and prod(attribute.t.dims) > 1:
                    made.sources[node.output[0]] = prod(attribute.t.dims)
        for output in node.output:
            self.constants[output] = made

    def _parameters(self, node: Any, path: str) -> tuple[int, list[str]]:
        total, notes = 0, []
        for place, name in enumerate(node.input):
            if name not in self.constants or place in STATISTICS.get(node.op_type, ()):
                continue
            for source, size in self.constants[name].sources.items():
                if self.counted.setdefault(source, path) != path:
                    notes.append(f"{source} is counted in {self.counted[source]}")
                elif source not in self.trained:
                    self.trained.add(source)
                    total += size
        return total, notes

    def _products(self, node: Any, path: str) -> tuple[int, int]:
        rule = PRODUCTS.get(node.op_type)
        if rule is None:
            return 0, 0
        unknown = [name for name in (*node.input, *node.output) if name and name not in self.shapes]
        if unknown:
            raise NetworkError(f"{path} ({node.op_type}): the shape of {unknown[0]!r} is not known for this input")
        attributes = {attribute.name: attribute for attribute in node.attribute}
        macs = rule([self.shapes[name] if name else () for name in node.input], self.shapes[node.output[0]], attributes)
        operands = _operands(node)
        return macs, macs * sum(self._wants(name) for name in operands)

    def _wants(self, name: str) -> bool:
        return name in self.trained or bool(name in self.constants and self.constants[name].sources)


def _operands(node: Any) -> tuple[str, ...]:
    """Return the names of the two things that are multiplied."""
    if node.op_type == "QLinearConv":
        return node.input[0], node.input[3]
    return tuple(node.input[:2])


Rule = Callable[[list[TensorShape], TensorShape, dict[str, Any]], int]


def _convolution(weight: int) -> Rule:
    return lambda inputs, output, _: prod(output) * prod(inputs[weight][1:])


def _transposed(inputs: list[TensorShape], output: TensorShape, _: dict[str, Any]) -> int:
    return prod(inputs[0]) * prod(inputs[1][1:])


def _general(inputs: list[TensorShape], output: TensorShape, attributes: dict[str, Any]) -> int:
    turned = "transA" in attributes and attributes["transA"].i
    return prod(output) * inputs[0][0 if turned else 1]


def _matrices(inputs: list[TensorShape], output: TensorShape, _: dict[str, Any]) -> int:
    return prod(output) * inputs[0][-1]


def _einsum(inputs: list[TensorShape], output: TensorShape, attributes: dict[str, Any]) -> int:
    terms = attributes["equation"].s.decode().replace(" ", "").partition("->")[0].split(",")
    if len(terms) != 2 or "." in "".join(terms):
        raise NetworkError(f"an Einsum of {len(inputs)} operands, {','.join(terms)}, is not counted yet")
    sizes: dict[str, int] = {}
    for term, shape in zip(terms, inputs, strict=True):
        sizes.update(zip(term, shape, strict=True))
    return prod(sizes.values())


def _recurrent(inputs: list[TensorShape], output: TensorShape, _: dict[str, Any]) -> int:
    steps, batch = inputs[0][:2]
    return steps * batch * (prod(inputs[1]) + prod(inputs[2]))


PRODUCTS: dict[str, Rule] = {
    "Conv": _convolution(1),
    "ConvInteger": _convolution(1),
    "QLinearConv": _convolution(3),
    "ConvTranspose": _transposed,
    "Gemm": _general,
    "MatMul": _matrices,
    "MatMulInteger": _matrices,
    "Einsum": _einsum,
    "LSTM": _recurrent,
    "GRU": _recurrent,
    "RNN": _recurrent,
}
