"""From an ONNX file of ordinary layers to a tree."""

from __future__ import annotations

import importlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import hubel.arch as arch
from hubel.arch import Concat, Join, Layer, Network, Product, Shape, Sum, analyse
from hubel.arch.ops.functions import PLAIN
from hubel.base.errors import NetworkError
from hubel.nn.inspection.onnx import inspect_onnx
from hubel.nn.inspection.onnx_file import read_onnx
from hubel.nn.inspection.report import TensorShape
from hubel.nn.reading.folding import folded
from hubel.nn.reading.graph import Step


def network_of_onnx(path: str | Path, input_shape: Sequence[int] | None = None) -> Network:
    """Read an ONNX file as a tree, on which everything else of hubel works; the weights stay behind.

    `input_shape` (height × width × channels, or `(features,)`) is for files that leave sizes open.

    Raises `ValueError` that names the operation which has no place in a tree, and why, and `ModuleNotFoundError`
    without `onnx`.
    """
    graph, shapes, inputs, stored = read_onnx(path, input_shape, 1)
    to_array = importlib.import_module("onnx.numpy_helper").to_array
    helper = importlib.import_module("onnx.helper")
    used = Counter(name for node in graph.node for name in node.input)
    steps, places, known = list[Step](), dict[str, int](), set(stored)
    orders = dict[str, str]()  # of tensors whose channels are on the way to be dealt out anew
    for number, node in enumerate(graph.node):
        if all(name in known or not name for name in node.input):
            known.update(node.output)
            if node.op_type == "Constant":
                stored.update(
                    (node.output[0], attribute.t) for attribute in node.attribute if attribute.name == "value"
                )
            continue
        label = f"{node.name or node.output[0] or number} ({node.op_type})"
        takes = [name for name in node.input if name and name not in known]
        if not steps:
            places[takes[0]] = 0
            steps.append(Step(takes[0], None, ()))
        unknown = [name for name in takes if name not in places]
        if unknown:
            raise NetworkError(f"{label}: {unknown[0]!r} is a second input, which has no place in a tree")
        if takes[0] not in shapes or node.output[0] not in shapes:
            raise NetworkError(f"{label}: what it is given does not fit it, or its shape is not known")
        settings = {attribute.name: helper.get_attribute_value(attribute) for attribute in node.attribute}
        if node.op_type == "Clip":  # its limits are attributes in old files, constants in new ones
            limits = zip(("min", "max"), node.input[1:], strict=False)
            settings.update((limit, float(to_array(stored[name]))) for limit, name in limits if name in stored)
        weights = [shapes.get(name, ()) for name in node.input if name in known]
        given, made = shapes[takes[0]], shapes[node.output[0]]
        before = steps[places[takes[0]]]
        shifted = _shifted(before.what, weights[0], given) if node.op_type == "Add" and weights else None
        if shifted is not None and used[takes[0]] == 1:
            steps[places[takes[0]]] = Step(before.name, shifted, before.inputs)
            places[node.output[0]] = places[takes[0]]
            continue
        order = _dealt(node.op_type, settings, given, made, orders.get(takes[0], ""))
        if isinstance(order, str):
            orders[node.output[0]], places[node.output[0]] = order, places[takes[0]]
            continue
        what = order or _read(node.op_type, label, settings, weights, given, made, len(takes))
        places[node.output[0]] = len(steps)
        steps.append(Step(label, what, tuple(places[name] for name in takes), shape=_public(made)))
    end = places[graph.output[0].name]
    steps = steps[: end + 1]
    start = _public(shapes[inputs[0].name])
    network = Network(start, folded(steps)[0], Path(path).stem)
    report, tree = inspect_onnx(path, input_shape), analyse(network)
    if (tree.parameters, tree.macs * report.batch) != (report.parameters, report.macs):
        raise NetworkError(
            f"the file as a tree would have {tree.parameters:,} parameters and {tree.macs:,} MACs, it has "
            f"{report.parameters:,} and {report.macs // report.batch:,}: something in it is shared"
        )
    return network


Settings = Mapping[str, Any]


def _dealt(kind: str, settings: Settings, given: TensorShape, made: TensorShape, order: str) -> Layer | str | None:
    """Read the three steps of a channel shuffle: into groups, transposed, and back; `None` is none of them."""
    if kind == "Reshape" and len(given) == 4 and len(made) == 5:
        split = made[1] * made[2] == given[1] and made[3:] == given[2:] and made[0] == given[0]
        return "split" if split else None
    if kind == "Transpose" and order == "split" and tuple(settings.get("perm", ())) == (0, 2, 1, 3, 4):
        return "swapped"
    if kind == "Reshape" and order == "swapped" and made == (given[0], given[1] * given[2], *given[3:]):
        return arch.ChannelShuffle(given[2])
    return None


def _shifted(what: object, constant: TensorShape, given: TensorShape) -> Layer | None:
    """Return a layer with the bias that adding a constant to its output is, if it lacks one and has a place for it."""
    if isinstance(what, (arch.Conv2D, arch.Dense, arch.Scale)) and not what.use_bias and _per_channel(constant, given):
        return replace(what, use_bias=True)
    return None


def _per_channel(constant: TensorShape, given: TensorShape) -> bool:
    """Whether a constant has one number for each channel, and lies along them."""
    filled = (1,) * (len(given) - len(constant)) + constant
    return filled[1:] == (given[1], *[1] * (len(given) - 2)) and filled[0] == 1


def _public(shape: TensorShape) -> Shape:
    return (shape[2], shape[3], shape[1]) if len(shape) == 4 else shape[1:]


def _read(
    kind: str,
    label: str,
    settings: Settings,
    weights: list[TensorShape],
    given: TensorShape,
    made: TensorShape,
    takes: int,
) -> Layer | type[Join]:
    if kind in ("Add", "Sum") and takes > 1 and not weights:
        return Sum
    if kind == "Mul" and takes == 2 and not weights:
        return Product
    if kind == "Concat" and settings.get("axis") in (1, 1 - len(given)) and not weights:
        return Concat
    reader = READERS.get(kind)
    if takes != 1 or reader is None:
        joined = "" if takes == 1 else f" of {takes} tensors"
        constant = " with a constant" if weights and kind in ("Add", "Mul", "Sub", "Div") else ""
        raise NetworkError(f"{label}: the tree has no layer for {kind}{joined}{constant}")
    try:
        return reader(settings, weights, given, made)
    except ValueError as error:
        raise NetworkError(f"{label}: {error}") from None


Reader = Callable[[Settings, list[TensorShape], TensorShape, TensorShape], Layer]


def _pads(settings: Settings) -> Any:
    automatic = settings.get("auto_pad", b"NOTSET").decode()
    if automatic == "SAME_UPPER":
        return "same"
    if automatic == "SAME_LOWER":
        raise NetworkError("the tree's padding 'same' puts the odd row below, not above")
    top, left, bottom, right = settings.get("pads", (0, 0, 0, 0))
    return (top, bottom), (left, right)


def _pair(settings: Settings, name: str) -> Any:
    return tuple(settings.get(name, (1, 1)))


def _four(given: TensorShape) -> None:
    if len(given) != 4:
        raise NetworkError(f"the tree's pictures have two axes, not {len(given) - 2}")


def _convolution(settings: Settings, weights: list[TensorShape], given: TensorShape, made: TensorShape) -> Layer:
    _four(given)
    return arch.Conv2D(
        weights[0][0],
        weights[0][2:],  # type: ignore[arg-type]
        strides=_pair(settings, "strides"),
        padding=_pads(settings),
        dilation_rate=_pair(settings, "dilations"),
        groups=settings.get("group", 1),
        use_bias=len(weights) > 1,
    )


def _transposed(settings: Settings, weights: list[TensorShape], given: TensorShape, made: TensorShape) -> Layer:
    _four(given)
    if "output_shape" in settings or settings.get("auto_pad", b"NOTSET") != b"NOTSET":
        raise NetworkError("the tree's Conv2DTranspose has no output_shape and no auto_pad")
    groups = settings.get("group", 1)
    return arch.Conv2DTranspose(
        weights[0][1] * groups,
        weights[0][2:],  # type: ignore[arg-type]
        strides=_pair(settings, "strides"),
        padding=_pads(settings),
        output_padding=tuple(settings.get("output_padding", (0, 0))),
        dilation_rate=_pair(settings, "dilations"),
        groups=groups,
        use_bias=len(weights) > 1,
    )


def _dense(settings: Settings, weights: list[TensorShape], given: TensorShape, made: TensorShape) -> Layer:
    plain = settings.get("alpha", 1.0) == 1.0 and settings.get("beta", 1.0) == 1.0 and not settings.get("transA", 0)
    if len(given) != 2 or not weights or not plain:
        raise NetworkError("no dense layer: a tree multiplies a vector of each image by stored weights")
    return arch.Dense(made[1], use_bias=len(weights) > 1)


def _max_pooling(settings: Settings, weights: list[TensorShape], given: TensorShape, made: TensorShape) -> Layer:
    _four(given)
    if _pair(settings, "dilations") != (1, 1):
        raise NetworkError("the tree's MaxPooling2D has no dilations")
    return arch.MaxPooling2D(
        tuple(settings["kernel_shape"]),
        _pair(settings, "strides"),
        _pads(settings),
        ceil_mode=bool(settings.get("ceil_mode", 0)),
    )


def _average_pooling(settings: Settings, weights: list[TensorShape], given: TensorShape, made: TensorShape) -> Layer:
    _four(given)
    return arch.AveragePooling2D(
        tuple(settings["kernel_shape"]),
        _pair(settings, "strides"),
        _pads(settings),
        ceil_mode=bool(settings.get("ceil_mode", 0)),
        count_padding=bool(settings.get("count_include_pad", 0)),
    )


def _vector(settings: Settings, weights: list[TensorShape], given: TensorShape, made: TensorShape) -> Layer:
    if len(made) != 2 or made[0] != given[0]:
        raise NetworkError("a tree makes vectors of pictures, one of each image")
    return arch.Flatten()


def _clip(settings: Settings, weights: list[TensorShape], given: TensorShape, made: TensorShape) -> Layer:
    low, high = settings.get("min"), settings.get("max")
    if (low, high) != (0, 6):
        raise NetworkError(f"the tree's relu6 clips to 0 … 6, not to {low} … {high}")
    return arch.Activation("relu6")


def _scale(settings: Settings, weights: list[TensorShape], given: TensorShape, made: TensorShape) -> Layer:
    if not weights or not _per_channel(weights[0], given):
        raise NetworkError("the tree multiplies by one learned number for each channel, not by other constants")
    return arch.Scale(use_bias=False)


def _softmax(settings: Settings, weights: list[TensorShape], given: TensorShape, made: TensorShape) -> Layer:
    axis = settings.get("axis", 1) % len(given)
    if axis != 1:
        raise NetworkError(f"the tree's softmax is over the channels, not over dimension {axis}")
    return arch.Activation("softmax")


def _normalization(settings: Settings, weights: list[TensorShape], given: TensorShape, made: TensorShape) -> Layer:
    momentum, epsilon = settings.get("momentum", 0.9), settings.get("epsilon", 1e-5)
    return arch.BatchNormalization(momentum=round(momentum, 6), epsilon=float(f"{epsilon:.6g}"))


def _local_response(settings: Settings, weights: list[TensorShape], given: TensorShape, made: TensorShape) -> Layer:
    alpha, beta, k = (float(f"{settings.get(n, d):.6g}") for n, d in (("alpha", 1e-4), ("beta", 0.75), ("bias", 1.0)))
    return arch.LocalResponseNormalization(settings["size"], alpha, beta, k)


def _activation(function: str) -> Reader:
    return lambda settings, weights, given, made: arch.Activation(function)


READERS: dict[str, Reader] = {
    "Conv": _convolution,
    "ConvTranspose": _transposed,
    "Gemm": _dense,
    "MatMul": _dense,
    "MaxPool": _max_pooling,
    "AveragePool": _average_pooling,
    "GlobalAveragePool": lambda settings, weights, given, made: arch.GlobalAveragePooling2D(keepdims=True),
    "GlobalMaxPool": lambda settings, weights, given, made: arch.GlobalMaxPooling2D(keepdims=True),
    "BatchNormalization": _normalization,
    "LRN": _local_response,
    "Clip": _clip,
    "Mul": _scale,
    "Flatten": _vector,
    "Reshape": _vector,
    "Softmax": _softmax,
    "Dropout": lambda settings, weights, given, made: arch.Dropout(round(settings.get("ratio", 0.5), 6)),
    "Identity": lambda settings, weights, given, made: arch.Identity(),
    "LeakyRelu": lambda settings, weights, given, made: arch.LeakyReLU(round(settings.get("alpha", 0.01), 6)),
    **{function.onnx: _activation(name) for name, function in PLAIN.items() if function.onnx},
}
