"""An ONNX file opened: its graph, its functions written out, its sizes filled, every shape that can be known."""

from __future__ import annotations

import importlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import wraps
from heapq import heappop, heappush
from itertools import count
from math import prod
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias, TypeVar

from hubel.base.errors import HubelError, MissingFileError, NetworkError
from hubel.base.headers import reason
from hubel.base.names import hint
from hubel.base.numbers import counted
from hubel.nn.inspection.onnx.grouped import put_together
from hubel.nn.inspection.onnx.parts import Part, taken
from hubel.nn.inspection.onnx.sequences import Axes, axes_of
from hubel.nn.inspection.onnx.shapes import inferred
from hubel.nn.inspection.onnx.unrolled import rolled_up
from hubel.nn.inspection.report import TensorShape, tensor_text

GivenShapes: TypeAlias = "Sequence[int] | Sequence[Sequence[int]] | Mapping[str, Sequence[int]] | None"
OnnxReader = TypeVar("OnnxReader", bound=Callable[..., Any])


def made_sense_of(read: OnnxReader) -> OnnxReader:
    """Have a reader of an ONNX file refuse with a `NetworkError` whatever in it makes no sense: a protocol buffer lets
    a file name what it does not hold, leave out what an operation needs, and give any of it any kind.
    """

    @wraps(read)
    def refusing(path: str | Path, *given: Any, **named: Any) -> Any:
        try:
            return read(path, *given, **named)
        except (HubelError, ModuleNotFoundError):
            raise
        except Exception as error:
            raise NetworkError(
                f"{path}: what the file says does not fit together ({type(error).__name__}: {reason(error)}); it was "
                "changed or damaged, so take a whole copy of it"
            ) from error

    return refusing  # type: ignore[return-value]


_AROUND = (
    "preparation/",
    "preparation.",
    "answer/",
    "answer.",
)  # what hubel's files have before and behind the network


class Opened(NamedTuple):
    """A file: its graph, the shapes of its tensors, its real inputs, its stored tensors by name, and how many operators
    of ONNX Runtime's own are written out in the graph; what of it is idle, in sentences; what its Loops and Scans run
    inside, by what they give; which stored tensors are known to be no weights, since hubel wrote the file; the axes of
    its inputs; and the version of ONNX's operators.
    """

    graph: Any
    shapes: dict[str, TensorShape]
    inputs: list[Any]
    stored: dict[str, Any]
    written: Counter[str]
    idle: tuple[str, ...]
    parts: dict[str, Part]
    fixed: frozenset[str]
    axes: dict[str, Axes]
    version: int


def read_onnx(path: str | Path, input_shape: GivenShapes, batch: int) -> Opened:
    """Load a file. `input_shape` is that of the first input, or has one for each in turn, or by name.

    Raises `NetworkError` where `input_shape` or `batch` is against what the file fixes, where sizes stay open, or where
    something in the file does not fit its input.
    """
    onnx = importlib.import_module("onnx")
    file = Path(path)
    if not file.is_file():
        raise MissingFileError(f"no file {path}")
    try:
        model = onnx.load(str(file), load_external_data=False)
    except Exception as error:
        raise NetworkError(f"{path} is not an ONNX file: {str(error).splitlines()[0]}") from None
    if not model.graph.node and not model.graph.output:
        raise NetworkError(f"{path} holds no graph: it is empty, or no ONNX file; take a whole copy of it")
    if model.functions:
        model = importlib.import_module("onnx.inliner").inline_local_functions(model)
    for number, node in zip(count(), model.graph.node):
        if node.output and not node.output[0]:  # as recurrent layers whose last state alone is taken
            node.output[0] = f"{node.op_type}/{number}/left out"
    for node in model.graph.node:
        if node.op_type == "Constant":
            _as_tensor(onnx, node)
    _put_in_order(model.graph)
    unrolled, grouped = rolled_up(model.graph, file.parent), put_together(model.graph, file.parent)
    idle = (*_filled_up(model.graph), *_idle(model.graph))
    if unrolled:
        idle += (f"{counted(unrolled, 'RNN')} that the exporter wrote out step by step: counted as such",)
    if grouped:
        idle += (f"{counted(grouped, 'GroupNormalization')} that the exporter wrote out: counted as such",)
    stored = {tensor.name: tensor for tensor in model.graph.initializer}
    inputs = [given for given in model.graph.input if given.name not in stored]
    axes = dict[str, Axes]()
    idle += tuple(_settle(model.graph, inputs, input_shape, batch, axes))
    graph, shapes, written, parts, decided = inferred(onnx, model)
    if decided:
        idle += (f"{counted(decided, 'If')} decided by sizes and stored numbers: the branch not taken is left out",)
    _check(graph, shapes)
    stored |= {tensor.name: tensor for tensor in graph.initializer}
    own = model.producer_name == "hubel"
    fixed = frozenset(name for name in stored if own and name.startswith(_AROUND))
    version = next((each.version for each in model.opset_import if each.domain in ("", "ai.onnx")), 1)
    return Opened(graph, shapes, inputs, stored, written, idle, parts, fixed, axes, version)


def _idle(graph: Any) -> Iterator[str]:
    """Say which operations reach no output, and which stored numbers no operation takes."""
    wanted, idle = {given.name for given in graph.output}, list[str]()
    read = set(wanted)
    for node in reversed(graph.node):
        read.update(taken(node))
        if wanted.intersection(node.output):
            wanted.update(taken(node))
        elif node.op_type != "Constant":
            idle.append(node.name or node.output[0])
    if idle:
        idle.reverse()
        few = ", ".join(idle[:3]) + (" …" if len(idle) > 3 else "")
        yield f"{counted(len(idle), 'operation')} whose results reach no output, which a runtime may leave out: {few}"
    if unread := [tensor for tensor in graph.initializer if prod(tensor.dims) > 1 and tensor.name not in read]:
        numbers = sum(prod(tensor.dims) for tensor in unread)
        few = ", ".join(tensor.name for tensor in unread[:3]) + (" …" if len(unread) > 3 else "")
        yield f"not counted: {numbers:,} stored numbers that no operation takes, in {few}"


def _filled_up(graph: Any) -> Iterator[str]:
    """Put a stored tensor without numbers in place of each sparse one, and say so."""
    for sparse in graph.sparse_initializer:
        kind, place = sparse.values.data_type, type(sparse.values).EXTERNAL
        graph.initializer.add(name=sparse.values.name, dims=sparse.dims, data_type=kind, data_location=place)
        yield f"{sparse.values.name} is sparse, and counts as if it were full"
    del graph.sparse_initializer[:]


def _as_tensor(onnx: Any, node: Any) -> None:
    """Write a constant's plain numbers as the tensor that most files have there."""
    for each in node.attribute:
        if each.name in ("value_float", "value_floats", "value_int", "value_ints"):
            given = onnx.helper.get_attribute_value(each)
            listed = each.name.endswith("s")
            kind = onnx.TensorProto.FLOAT if "float" in each.name else onnx.TensorProto.INT64
            numbers = [*given] if listed else [given]
            tensor = onnx.helper.make_tensor("", kind, [len(numbers)] if listed else [], numbers)
            each.CopyFrom(onnx.helper.make_attribute("value", tensor))


def _put_in_order(graph: Any) -> None:
    """Bring each node behind those that it takes from; refuse a circle, and a name that two give."""
    makers: dict[str, int] = {}
    for number, node in enumerate(graph.node):
        for name in filter(None, node.output):
            if makers.setdefault(name, number) != number:
                raise NetworkError(f"the file is damaged: two of its nodes give {name!r}")
    needs = [{makers[name] for name in taken(node) if name in makers} for node in graph.node]
    users: list[list[int]] = [[] for _ in needs]
    for number, own in enumerate(needs):
        for maker in own:
            users[maker].append(number)
    ready, order = [number for number, own in enumerate(needs) if not own], list[int]()
    while ready:  # the first in the file first
        order.append(heappop(ready))
        for user in users[order[-1]]:
            needs[user].discard(order[-1])
            if not needs[user]:
                heappush(ready, user)
    if len(order) < len(needs):
        circle = [name for node, own in zip(graph.node, needs, strict=True) if own for name in node.output][:3]
        raise NetworkError(f"the file is damaged: its nodes take from one another in a circle ({', '.join(circle)} …)")
    if order != sorted(order):
        nodes = [graph.node[number] for number in order]
        del graph.node[:]
        graph.node.extend(nodes)


def _shapes_by_name(inputs: list[Any], input_shape: GivenShapes) -> dict[str, TensorShape]:
    """Return the shape that is asked for of each input, by its name."""
    names = [given.name for given in inputs]
    if isinstance(input_shape, Mapping):
        for name in input_shape:
            if name not in names:
                raise NetworkError(f"the file has no input {name!r}{hint(name, names)}; it has {', '.join(names)}")
        return {name: tuple(shape) for name, shape in input_shape.items()}
    if input_shape is None or not len(input_shape):
        return {}
    each = [input_shape] if isinstance(input_shape[0], int) else list(input_shape)
    if len(each) > len(names):
        raise NetworkError(f"the file has {len(names)} inputs ({', '.join(names)}), received {len(each)} shapes")
    return {name: tuple(shape) for name, shape in zip(names, each, strict=False)}  # type: ignore[arg-type]


_EXAMPLES = {1: "32", 2: "100x8", 4: "16x112x112x3"}  # inputs by how many axes they have beside the batch's


def _settle(
    graph: Any, inputs: list[Any], input_shape: GivenShapes, batch: int, found: dict[str, Axes]
) -> Iterator[str]:
    """Find the inputs' axes, and fill the sizes that the file leaves open; those that it fixes must be the wanted ones.
    Say where the batch is not first, and where the file fixes 0: that is nothing, as of a batch or of steps kept before
    the first, but what some exporters write for an open size, too.
    """
    asked_for = _shapes_by_name(inputs, input_shape)
    for given in inputs:
        kind, shape = given.type.tensor_type, asked_for.get(given.name)
        dimensions = kind.shape.dim
        if shape is not None and not kind.HasField("shape"):  # not even how many axes it has
            dimensions.extend(type(kind.shape).Dimension() for _ in (batch, *shape))
        named = [size.dim_value if size.HasField("dim_value") else -1 for size in dimensions]
        fixed = [size if size > 0 or (size == 0 and shape is None and batch == 1) else None for size in named]
        if not kind.HasField("shape"):
            raise NetworkError(
                f"the file does not say how many axes its input {given.name!r} has: give the input's shape, such as "
                "224x224x3"
            )
        if 0 in named:
            held = tensor_text(tuple(n if n >= 0 else "?" for n in named))  # type: ignore[misc]
            empty = "which is empty; give the input's shape if a size of 0 is meant to be open"
            said = empty if 0 in fixed else "and 0 is taken as open"
            yield f"the file fixes its input {given.name!r} at {held}, {said}"
        found[given.name] = own_axes = axes_of(graph, given, fixed) if fixed else Axes(None)
        images, steps = own_axes
        first = None if images is None else fixed[images]
        wanted: list[int | None] = [None] * len(fixed)
        if images is None and fixed and (batch > 1 or (shape is not None and len(shape) != len(fixed))):
            asked = f"{tensor_text(shape)} is given" if shape is not None and batch == 1 else f"the batch is {batch}"
            raise NetworkError(
                f"the file takes one sequence, steps first, as its input {given.name!r}, which has {len(fixed)} axes "
                f"and none for a batch; {asked}: give all of its sizes, such as {_EXAMPLES.get(len(fixed), '20')}"
            )
        if shape is not None:
            rest = [own for axis, own in enumerate(fixed) if axis != images]
            laid = shape if images is None or steps == int(images == 0) else None
            wanted[:] = laid or _laid(graph, given.name, fixed, rest, shape)
        if images is not None:
            size = batch if batch > 1 or first is None else first
            wanted[images : images + (shape is None)] = [size]
        for size, own, dimension in zip(wanted, fixed, dimensions, strict=False):
            if own is not None and size not in (None, own):
                asked = tensor_text(tuple(own if n is None else n for n, own in zip(wanted, fixed, strict=False)))  # type: ignore[misc]
                held = tensor_text(tuple(n or "?" for n in fixed))  # type: ignore[misc]
                raise NetworkError(
                    f"the file fixes its input {given.name!r} at {held}, asked for is {asked}: leave the input's shape "
                    "and the batch out, or export the model with open sizes"
                )
            if own is None and size is None:
                example = _EXAMPLES.get(len(fixed) - (images is not None), "224x224x3")
                raise NetworkError(
                    f"the file leaves the sizes of its input {given.name!r} open: give the input's shape, such as "
                    f"{'' if given is inputs[0] else given.name + '='}{example}"
                )
            if own is None:
                dimension.dim_value = size
        if images != 0 and len(fixed) > 1:
            sizes = tuple(size.dim_value for size in dimensions)
            many = "" if steps is None else f"{sizes[steps]} steps of "
            of = "one sequence" if images is None else f"a batch of {sizes[images]}"
            yield f"the batch is not first in the file's input {given.name!r}: {tensor_text(sizes)} is {many}{of}"


def _laid(
    graph: Any, name: str, fixed: list[int | None], rest: list[int | None], shape: TensorShape
) -> list[int | None]:
    """Lay a shape that ends with the channels as the input has it: with them first, or where the file says so last."""
    if len(fixed) != len(shape) + 1:
        held = tensor_text(tuple(n or "?" for n in fixed))  # type: ignore[misc]
        raise NetworkError(f"the file's input {name!r} is {held}, which has no place for {tensor_text(shape)}")
    if len(shape) == 1:
        return [*shape]
    orders = [(len(shape) - 1, *range(len(shape) - 1)), tuple(range(len(shape)))]
    laid = [[shape[axis] for axis in order] for order in orders]
    agree = [each for each in laid if all(own in (None, size) for own, size in zip(rest, each, strict=True))]
    if channels_last(graph, name, takers_of(graph)) and laid[1] in agree:
        return list(laid[1])
    return list(agree[0] if agree else laid[0])


def takers_of(graph: Any) -> dict[str, list[Any]]:
    """The nodes that take each tensor."""
    found = dict[str, list[Any]]()
    for node in graph.node:
        for name in node.input:
            found.setdefault(name, []).append(node)
    return found


def channels_last(graph: Any, name: str, takers: Mapping[str, Sequence[Any]]) -> bool:
    """Whether an input has its channels last: whatever takes it, or what was made of each of its numbers by itself,
    brings them to the front, or steps before images.
    """
    given, waiting, ends = {name}, [name], 0
    alone = any(each.name == name and _of_one_channel(each) for each in graph.input)
    while waiting:
        for node in takers.get(waiting.pop(), ()):
            if node.op_type in _BY_ITSELF:
                waiting += {*node.output} - given
                given.update(node.output)
                if len(given) > _FAR:
                    return False
            elif node.op_type != "Shape":
                ends += 1
                if not (
                    tuple(node.attribute[0].ints) in ((0, 3, 1, 2), (1, 0, 2))
                    if node.op_type == "Transpose"
                    else alone and node.op_type == "Reshape" and _one_channel_first(graph, node.input[1])
                ):
                    return False
    return ends > 0


_FAR = 64  # numbers made one of another before channels are brought to the front: none does so later
_BY_ITSELF = {"Add", "Sub", "Mul", "Div", "Cast", "Identity", "Pad", "Unsqueeze", "QuantizeLinear", "DequantizeLinear"}


def _of_one_channel(given: Any) -> bool:
    """Whether an input is fixed at one channel, which stands last."""
    sizes = given.type.tensor_type.shape.dim
    return len(sizes) == 4 and sizes[3].dim_value == 1 != sizes[1].dim_value


def _one_channel_first(graph: Any, name: str) -> bool:
    """Whether stored sizes are those of pictures with the one channel first, for which exporters reshape."""
    stored = next((tensor for tensor in graph.initializer if tensor.name == name), None)
    sizes = [] if stored is None else importlib.import_module("onnx.numpy_helper").to_array(stored).tolist()
    return len(sizes) == 4 and sizes[1] == 1 != sizes[3]


_CHANNELS = {"Conv": (1, 1), "ConvInteger": (1, 1), "QLinearConv": (3, 1), "ConvTranspose": (1, 0)}
"""Which input has a convolution's weights, and which axis of them the channels of a group."""


def _check(graph: Any, shapes: dict[str, TensorShape]) -> None:
    """Refuse windows that are larger than what they look at (sizes below 1), and weights of other channels."""
    for number, node in zip(count(), graph.node):
        place, axis = _CHANNELS.get(node.op_type, (0, 0))
        if place and len(node.input) > place and {node.input[0], node.input[place]} <= {*shapes}:
            channels, weights = shapes[node.input[0]][1], shapes[node.input[place]]
            groups = next((each.i for each in node.attribute if each.name == "group"), 1)
            if channels != weights[axis] * (groups if axis else 1):
                raise NetworkError(
                    f"{node.name or number} ({node.op_type}): is given {tensor_text(shapes[node.input[0]])}, whose "
                    f"{channels} channels its weights of {tensor_text(weights)} do not fit; give the input as height × "
                    "width × channels, such as 224x224x3"
                )
        if node.op_type in ("Gemm", "MatMul") and {*node.input[:2]} <= {*shapes}:
            _check_product(node, number, shapes[node.input[0]], shapes[node.input[1]])
        made = shapes.get(node.output[0], ())
        given = shapes.get(node.input[0], ()) if node.input else ()
        windowed = node.op_type in ("Conv", "ConvInteger", "QLinearConv", "MaxPool", "AveragePool", "LpPool")
        if min(made, default=1) < 0 or (windowed and min(made[2:], default=1) < 1 <= min(given, default=1)):
            raise NetworkError(
                f"{node.name or number} ({node.op_type}): is given {tensor_text(given)}, and would give "
                f"{tensor_text(made)}: its window is larger than the padded picture; give a larger input"
            )


def _check_product(node: Any, number: int, left: TensorShape, right: TensorShape) -> None:
    """Refuse matrices that cannot be multiplied."""
    turned = {each.name for each in node.attribute if each.name in ("transA", "transB") and each.i}
    columns = left[0 if "transA" in turned else -1] if left else 1
    rows = right[-1 if "transB" in turned or len(right) < 2 else -2] if right else 1
    if columns != rows:
        raise NetworkError(
            f"{node.name or number} ({node.op_type}): is given {tensor_text(left)}, whose {columns} columns do not fit "
            f"the {rows} rows of {tensor_text(right)}"
        )
