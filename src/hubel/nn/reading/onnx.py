"""From an ONNX file of ordinary layers to a tree."""

from __future__ import annotations

import importlib
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from math import prod
from pathlib import Path
from typing import Any

import hubel.arch as arch
from hubel.arch import Concat, Join, Layer, Network, Product, Shape, Sum, analyse
from hubel.base.errors import NetworkError
from hubel.nn.inspection.onnx import inspect_onnx
from hubel.nn.inspection.onnx_file import MOST_VALUES, made_sense_of, read_onnx
from hubel.nn.inspection.report import TensorShape
from hubel.nn.reading.folding import folded
from hubel.nn.reading.graph import Step
from hubel.nn.reading.onnx_layers import READERS
from hubel.nn.reading.onnx_patterns import Found, Patterns

FLOATS = (1, 10, 11, 16)  # 32, 16, 64 bits, and bfloat16
JOINS: dict[str, type[Join]] = {"Add": Sum, "Sum": Sum, "Mul": Product, "Concat": Concat}
# how a tensor's channels lie, and what a transposition makes of that; "turned" has them before the images
TURNS: dict[tuple[str, tuple[int, ...]], str] = {
    ("first", (0, 2, 3, 1)): "last",
    ("last", (0, 3, 1, 2)): "first",
    ("split", (0, 2, 1, 3, 4)): "swapped",
    ("first", (1, 0, 2, 3)): "turned",
    ("turned", (1, 0, 2, 3)): "first",
    ("first", (0, 2, 1)): "last",
    ("last", (0, 2, 1)): "first",
    ("first", (1, 0)): "turned",
    ("turned", (1, 0)): "first",
}
ANYWHERE = ("LayerNormalization", "MatMul", "Gelu", "Relu", "Tanh", "Sigmoid", "Identity", "Dropout", "Mul", "Add")


@made_sense_of
def network_of_onnx(path: str | Path, input_shape: Sequence[int] | None = None) -> Network:
    """Read an ONNX file as a tree, on which everything else of hubel works; the weights stay behind.

    `input_shape` (height × width × channels, or `(features,)`) is for files that leave sizes open.

    Raises `ValueError` that names the operation which has no place in a tree, and why, and `ModuleNotFoundError`
    without `onnx`.
    """
    graph, shapes, inputs, stored = read_onnx(path, input_shape, 1)
    reading = _Reading(graph, shapes, stored, Path(path).parent)
    steps = reading.steps()
    network = Network(_public(shapes[inputs[0].name]), folded(steps)[0], Path(path).stem)
    report, tree = inspect_onnx(path, input_shape), analyse(network)
    counted = report.parameters + reading.single  # of one number alone, `inspect` counts none
    parameters = {report.parameters, counted - reading.beside, counted + reading.written_once() - reading.beside}
    if tree.parameters not in parameters or tree.macs * report.batch != report.macs:
        raise NetworkError(
            f"the file as a tree would have {tree.parameters:,} parameters and {tree.macs:,} MACs, it has "
            f"{report.parameters:,} and {report.macs // report.batch:,}: something in it is shared"
        )
    return network


@dataclass(frozen=True)
class Value:
    """A tensor: the step that makes it, and how it lies (see `TURNS`); "loose" on the way to a vector or picture."""

    place: int
    order: str = "first"


@dataclass(frozen=True)
class Node:
    """An operator with its settings, what it takes of the graph, the shapes of its stored tensors."""

    kind: str
    label: str
    settings: dict[str, Any]
    takes: tuple[str, ...]
    inputs: tuple[str, ...]
    weights: list[TensorShape]
    given: TensorShape
    made: TensorShape
    output: str


def worked_out(node: Any, array: Callable[[str], Any], opset: Any) -> Any:
    """Return what a small node gives whose inputs are all stored or worked out; None for any other."""
    if node is None or len(node.output) != 1 or node.op_type in ("If", "Loop", "Scan"):
        return None
    if node.op_type in ("CastLike", "Identity", "Cast"):
        return array(node.input[0])
    given = {name: array(name) for name in node.input if name}
    if not given or any(value is None or value.size > MOST_VALUES for value in given.values()):
        return None
    onnx = importlib.import_module("onnx")
    try:
        stored = [onnx.numpy_helper.from_array(value, name) for name, value in given.items()]
        made = onnx.helper.make_tensor_value_info(node.output[0], 0, None)
        alone = onnx.helper.make_model(onnx.helper.make_graph([node], "one", [], [made], stored), opset_imports=opset)
        return importlib.import_module("onnx.reference").ReferenceEvaluator(alone).run(None, {})[0]
    except Exception:  # what it cannot evaluate stays unknown, and is said so where it matters
        return None


class _Reading:
    """Takes in a file's nodes, one after another."""

    def __init__(self, graph: Any, shapes: dict[str, TensorShape], stored: dict[str, Any], folder: Path) -> None:
        self.folder = folder
        self.graph, self.shapes, self.stored = graph, shapes, stored
        self.used = Counter(name for node in graph.node for name in node.input)
        self.known = set(stored)
        self.found: list[Step] = []
        self.values: dict[str, Value] = {}
        self.initial = {name: tuple(tensor.dims) for name, tensor in stored.items() if tensor.data_type in FLOATS}
        self.beside = 0
        self.single = sum(
            prod(self.initial.get(name, ())) == 1 == len(self.initial.get(name, ()))
            for node in graph.node
            if node.op_type in ("Conv", "ConvTranspose", "Gemm", "PRelu")
            for name in node.input[1:]
        )
        self.arrays: dict[str, Any] = {}
        self.maker = {name: node for node in graph.node for name in node.output}
        self.helper = importlib.import_module("onnx.helper")
        self.opset = [self.helper.make_opsetid("", 18)]
        self.to_array = importlib.import_module("onnx.numpy_helper").to_array

    def array(self, name: str) -> Any:
        """Return the numbers of what is stored in the file, or worked out of that; None for anything else."""
        if name not in self.arrays:
            tensor = self.stored.get(name)
            if tensor is not None:
                self.arrays[name] = self._loaded(tensor)
            else:
                self.arrays[name] = worked_out(self.maker.get(name), self.array, self.opset)
        return self.arrays[name]

    def _loaded(self, tensor: Any) -> Any:
        """Return a tensor's numbers; None for those of another file, if they are many."""
        if tensor.data_location:
            if prod(tensor.dims) > MOST_VALUES:
                return None
            other = importlib.import_module("onnx.external_data_helper")
            other.load_external_data_for_tensor(tensor, str(self.folder))
            tensor.data_location = 0
        return self.to_array(tensor)

    def written_once(self) -> int:
        """Count the numbers that layers have of their own, but the file once, as all of them are one number."""
        found = 0
        for name, sizes in self.initial.items():
            if self.used[name] > 1 and len(sizes) == 1 and (numbers := self.array(name)) is not None:
                found += (self.used[name] - 1) * numbers.size if (numbers == numbers[:1]).all() else 0
        return found

    def _stored(self, name: str) -> int:
        """Count the numbers stored for a constant, or for what it is worked out of."""
        if name in self.initial:
            return prod(self.initial[name] or (0,))
        return sum(map(self._stored, self.maker[name].input)) if name in self.maker else 0

    def steps(self) -> list[Step]:
        """Return the steps up to the one that gives the output."""
        nodes = list(self.graph.node)
        for node in nodes:
            if node.op_type == "Constant":
                self.stored.update((node.output[0], each.t) for each in node.attribute if each.name == "value")
        for node in nodes:
            alone = node.op_type == "CastLike" and node.input[0] in self.known  # like what the graph is given
            parts = node.op_type in ("If", "Loop", "Scan")  # which take more than their inputs
            if alone or (not parts and all(name in self.known or not name for name in node.input)):
                self.known.update(node.output)
        patterns = {found.replaces: found for found in Patterns(nodes, self.array, self.known).all()}
        self.beside = sum(self._stored(name) for found in patterns.values() for name in set(found.beside))
        inside = {number for found in patterns.values() for number in found.nodes} - set(patterns)
        for number, node in enumerate(nodes):
            if number not in inside and node.output[0] not in self.known:
                self._take(number, node, patterns.get(number))
        value = self.values.get(self.graph.output[0].name)
        if value is None:
            raise NetworkError("the file's output is a constant, and nothing of its input")
        return self.found[: value.place + 1]

    def _take(self, number: int, node: Any, pattern: Found | None) -> None:
        label = f"{node.name or node.output[0] or number} ({node.op_type})"
        names = tuple(node.input) if pattern is None else (pattern.source, *pattern.weights)
        takes = tuple(name for name in names if name and name not in self.known)
        if not self.found:
            self.values[takes[0]] = Value(0)
            self.found.append(Step(takes[0], None, (), shape=_public(self.shapes[takes[0]])))
        unknown = [name for name in takes if name not in self.values]
        if unknown:
            raise NetworkError(f"{label}: {unknown[0]!r} is a second input, which has no place in a tree")
        if takes[0] not in self.shapes or node.output[0] not in self.shapes:
            raise NetworkError(f"{label}: what it is given does not fit it, or its shape is not known")
        settings = (
            dict(pattern.settings)
            if pattern
            else {each.name: self.helper.get_attribute_value(each) for each in node.attribute}
        )
        weights = [self.shapes.get(name, ()) for name in names if name in self.known]
        given, made = self.shapes[takes[0]], self.shapes[node.output[0]]
        kind = pattern.kind if pattern else node.op_type
        one = Node(kind, label, settings, takes, names, weights, given, made, node.output[0])
        try:
            self._read(one, node)
        except ValueError as error:
            said = str(error)
            raise NetworkError(said if said.startswith(label) else f"{label}: {said}") from None

    def _read(self, node: Node, whole: Any) -> None:
        value = self.values[node.takes[0]]
        if node.kind == "Split":
            self._dealt(node, whole)
        elif len(node.takes) > 1 and not node.weights and node.kind in (*JOINS, "Sub"):
            self._joined(node)
        elif len(node.takes) > 1:
            raise NetworkError(f"the tree has no layer for {node.kind} of {len(node.takes)} tensors")
        elif not self._rearranged(node, value) and not self._arithmetic(node, value):
            self._add(node, self._layer(node, value), value)

    def _add(self, node: Node, layer: Layer, value: Value, name: str = "", made: TensorShape = ()) -> None:
        """Put a step behind another: what it gives lies as what it is given."""
        self.values[name or node.output] = Value(len(self.found), value.order)
        shape = made or node.made
        shape = shape[1:] if value.order == "last" else _public(shape)
        self.found.append(Step(node.label, layer, (value.place,), shape=shape))

    def _layer(self, node: Node, value: Value) -> Layer:
        reader = READERS.get(node.kind)
        if reader is None:
            constant = " with a constant" if node.weights and node.kind in ("Add", "Mul", "Sub", "Div") else ""
            raise NetworkError(f"the tree has no layer for {node.kind}{constant}")
        if node.kind == "LayerNormalization" and value.order != "last" and len(node.given) > 2:
            raise NetworkError("a LayerNormalization over the columns of a picture is no layer of the tree")
        if value.order != "first" and (node.kind not in ANYWHERE or value.order != "last"):
            raise NetworkError("is given a tensor whose channels lie elsewhere")
        settings = node.settings
        if node.kind == "Clip":  # its limits are attributes in old files, constants in new ones
            limits = zip(("min", "max"), node.inputs[1:], strict=False)
            settings = settings | {limit: float(self.array(name)) for limit, name in limits if name in self.stored}
        return reader(settings, node.weights, node.given, node.made)

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
        self.values[node.output] = Value(len(self.found), order)
        shape = node.made[1:] if order == "last" else _public(node.made)
        self.found.append(Step(node.label, JOINS.get(node.kind, Sum), tuple(places), shape=shape))

    def _dealt(self, node: Node, whole: Any) -> None:
        """Read what deals channels out to several tensors."""
        value, first = self.values[node.takes[0]], 0
        axis = node.settings.get("axis", 0) % len(node.given)
        if axis != (len(node.given) - 1 if value.order == "last" else 1) or value.order not in ("first", "last"):
            raise NetworkError(f"a tree deals out channels, not dimension {axis}")
        for name in whole.output:
            made = self.shapes[name]
            self._add(node, arch.SelectChannels(tuple(range(first, first + made[axis]))), value, name, made)
            first += made[axis]

    def _arithmetic(self, node: Node, value: Value) -> bool:
        """Read sums and products with stored numbers; false for another operator."""
        if node.kind not in ("Add", "Mul", "Sub", "Div") or len(node.weights) != 1:
            return False
        (name,) = (name for name in node.inputs if name in self.known)
        last = value.order == "last"
        if node.kind == "Add" and _per_channel(node.weights[0], node.given, last) and self.used[node.takes[0]] == 1:
            before = self.found[value.place]
            if isinstance(before.what, (arch.Conv2D, arch.Conv1D, arch.Dense, arch.Scale)) and not before.what.use_bias:
                self.found[value.place] = replace(before, what=replace(before.what, use_bias=True))
                self.values[node.output] = value
                return True
        number = self.array(name)
        if number is not None and number.size == 1:
            scalar, own = float(f"{float(number.reshape(-1)[0]):.7g}"), name == node.inputs[1]
            pair: tuple[float, float] | None = None
            if node.kind in ("Mul", "Add"):
                pair = (scalar, 0.0) if node.kind == "Mul" else (1.0, scalar)
            elif node.kind == "Sub":
                pair = (1.0, -scalar) if own else (-1.0, scalar)
            elif own and scalar:
                pair = (1 / scalar, 0.0)
            if pair is None:
                raise NetworkError("the tree has no layer that divides a number by others")
            self._add(node, arch.Rescaling(*pair), value)
            return True
        if node.kind == "Mul" and _per_channel(node.weights[0], node.given, last):
            self._add(node, arch.Scale(use_bias=False), value)
            return True
        if node.kind == "Mul":
            raise NetworkError("the tree multiplies by one learned number for each channel, not by other constants")
        return False

    def _numbers(self, node: Node, setting: str, place: int) -> tuple[int, ...]:
        """Return whole numbers that are a setting in old files, and a stored tensor in new ones."""
        if setting in node.settings:
            return tuple(node.settings[setting])
        name = node.inputs[place] if len(node.inputs) > place else ""
        found = self.array(name) if name else None
        return () if found is None else tuple(int(number) for number in found.reshape(-1))

    def _rearranged(self, node: Node, value: Value) -> bool:
        """Read what moves numbers, and pools of the whole; false for another operator."""
        mover = getattr(self, f"_{node.kind.lower()}", None) if node.kind in MOVERS else None
        if mover is None:
            return False
        found = mover(node, value)
        if isinstance(found, Value):
            self.values[node.output] = found
        elif isinstance(found, Layer):
            order = "first" if node.kind in ("Reshape", "Flatten", "Squeeze", "Unsqueeze") else value.order
            self._add(node, found, replace(value, order=order))
        else:
            raise NetworkError(f"the tree has no layer for {node.kind}")
        return True

    def _transpose(self, node: Node, value: Value) -> Value | None:
        order = tuple(node.settings.get("perm", tuple(range(len(node.given)))[::-1]))
        lies = TURNS.get((value.order, order))
        long = [axis for axis in order if node.given[axis] > 1]
        if lies is None and long == sorted(long):
            lies = "loose" if order[0] == 0 else None  # what has one place alone may stand anywhere
        return None if lies is None else replace(value, order=lies)

    def _reshape(self, node: Node, value: Value) -> Value | Layer | None:
        given, made, shape = node.given, node.made, self.found[value.place].shape
        if made[:1] != given[:1] or value.order not in ("first", "loose", "swapped", "split"):
            raise NetworkError("a tree makes vectors of pictures, one of each image")
        if value.order == "swapped":
            dealt = made == (given[0], given[1] * given[2], *given[3:])
            return arch.ChannelShuffle(given[2]) if dealt else None
        if _public(made) == shape:
            return Value(value.place)
        if len(given) == 4 and len(made) == 5 and made[1] * made[2] == given[1] and made[3:] == given[2:]:
            return replace(value, order="split")
        if len(made) == 2:
            return arch.Flatten()
        if len(made) == 4 or (len(made) == 3 and len(shape) < 3):
            return arch.Reshape(_public(made))
        return replace(value, order="loose")

    _flatten = _squeeze = _unsqueeze = _reshape

    def _reducemean(self, node: Node, value: Value) -> Layer | None:
        axes = {axis % len(node.given) for axis in self._numbers(node, "axes", 1)}
        keeps, last = bool(node.settings.get("keepdims", 1)), value.order == "last"
        wanted = set(range(1, len(node.given) - 1)) if last else set(range(2, len(node.given)))
        if axes != wanted or not axes or (last and keeps) or value.order not in ("first", "last"):
            raise NetworkError("a tree reduces all places of a picture, and nothing else")
        mean, largest = (
            (arch.GlobalAveragePooling2D, arch.GlobalMaxPooling2D)
            if len(node.given) == 4
            else (arch.GlobalAveragePooling1D, arch.GlobalMaxPooling1D)
        )
        return (mean if node.kind == "ReduceMean" else largest)(keepdims=keeps)

    _reducemax = _reducemean

    def _pad(self, node: Node, value: Value) -> Layer | None:
        pads, rank = self._numbers(node, "pads", 1), len(node.given)
        mode = node.settings.get("mode", b"constant").decode()
        filled = self.array(node.inputs[2]) if len(node.inputs) > 2 and node.inputs[2] else None
        if len(pads) != 2 * rank or pads[0] or pads[rank] or value.order != "first" or (filled is not None and filled):
            raise NetworkError("the tree pads rows and columns, or channels, with noughts")
        sides = [(pads[axis], pads[axis + rank]) for axis in range(1, rank)]
        if any(sides[0]) and mode == "constant" and not any(map(any, sides[1:])):
            return arch.ChannelPadding(*sides[0])
        if any(sides[0]) or rank != 4:
            return None
        if max(map(max, sides)) <= 0 and mode == "constant":
            return arch.Cropping2D(_pair([(-before, -after) for before, after in sides[1:]]))
        if mode == "constant":
            return arch.ZeroPadding2D(_pair(sides[1:]))
        if mode in ("reflect", "edge"):
            return (arch.ReflectionPadding2D if mode == "reflect" else arch.ReplicationPadding2D)(_pair(sides[1:]))
        return None

    def _gather(self, node: Node, value: Value) -> Layer | None:
        axis = {"first": 1, "turned": 0, "last": len(node.given) - 1}.get(value.order, -1)
        if node.settings.get("axis", 0) % len(node.given) != axis or len(node.weights) != 1:
            return None
        chosen = self.array(node.inputs[1])
        if chosen is None or chosen.ndim != 1:
            return None
        channels = node.given[axis]
        return arch.SelectChannels(tuple(int(number) % channels for number in chosen))

    def _gathernd(self, node: Node, value: Value) -> Layer | None:
        chosen = self.array(node.inputs[1])
        if chosen is None or chosen.ndim != 2 or chosen.shape[1] != 1 or value.order != "turned":
            return None
        return arch.SelectChannels(tuple(int(number) % node.given[0] for number in chosen[:, 0]))

    def _slice(self, node: Node, value: Value) -> Layer | None:
        starts, ends = (self._numbers(node, name, place) for name, place in (("starts", 1), ("ends", 2)))
        axes = self._numbers(node, "axes", 3) or tuple(range(len(starts)))
        steps = self._numbers(node, "steps", 4) or (1,) * len(starts)
        runs = [range(length) for length in node.given]
        for axis, start, end, step in zip(axes, starts, ends, steps, strict=True):
            runs[axis] = runs[axis][start:end:step]
        whole = [run == range(length) for run, length in zip(runs, node.given, strict=True)]
        if value.order != "first" or not starts or not whole[0]:
            return None
        if all(whole[2:]):
            return arch.SelectChannels(tuple(runs[1]))
        if whole[1] and len(runs) == 4 and all(run.step == 1 for run in runs):
            top, left = ((run.start, size - run.stop) for run, size in zip(runs[2:], node.given[2:], strict=True))
            return arch.Cropping2D((top, left))
        return None

    def _resize(self, node: Node, value: Value) -> Layer | None:
        mode = node.settings.get("mode", b"nearest").decode()
        centres = node.settings.get("coordinate_transformation_mode", b"half_pixel").decode()
        if len(node.given) != 4 or value.order != "first" or node.made[:2] != node.given[:2]:
            return None
        factors = [after / before for before, after in zip(node.given[2:], node.made[2:], strict=True)]
        if any(factor != int(factor) for factor in factors):
            raise NetworkError("the tree's UpSampling2D multiplies rows and columns by whole numbers")
        size = (int(factors[0]), int(factors[1]))
        rounding = node.settings.get("nearest_mode", b"round_prefer_floor").decode()
        if mode == "nearest" and rounding in ("floor", "round_prefer_floor"):
            return arch.UpSampling2D(size)
        if mode == "linear" and centres in ("half_pixel", "pytorch_half_pixel", "align_corners"):
            return arch.UpSampling2D(size, "bilinear", centres == "align_corners")
        raise NetworkError(f"the tree's UpSampling2D has no {mode} with {centres}")

    _upsample = _resize

    def _radial(self, node: Node, value: Value) -> Layer | None:
        return arch.RadialBasis(node.made[1]) if len(node.given) == 2 and value.order == "first" else None

    def _identity(self, node: Node, value: Value) -> Value:
        return value

    _cast = _identity


MOVERS = frozenset(
    {
        *("Transpose", "Reshape", "Flatten", "Squeeze", "Unsqueeze", "ReduceMean", "ReduceMax", "Pad", "Gather"),
        *("GatherND", "Slice", "Resize", "Upsample", "Radial", "Identity", "Cast"),
    }
)


def _pair(sides: Sequence[tuple[int, int]]) -> tuple[tuple[int, int], tuple[int, int]]:
    rows, columns = sides
    return rows, columns


def _per_channel(constant: TensorShape, given: TensorShape, last: bool = False) -> bool:
    """Whether a constant has one number for each channel, and lies along them."""
    filled = (1,) * (len(given) - len(constant)) + constant
    if last:
        return filled == (*[1] * (len(given) - 1), given[-1])
    return filled[1:] == (given[1], *[1] * (len(given) - 2)) and filled[0] == 1


def _public(shape: TensorShape) -> Shape:
    return (*shape[2:], shape[1]) if len(shape) > 2 else shape[1:]
