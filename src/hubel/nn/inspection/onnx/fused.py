"""Operators of ONNX Runtime's own (`com.microsoft`), as it writes them into the files that it optimises or quantises:
written out as the ordinary operators that they are made of, one row an operator.
"""

from __future__ import annotations

import importlib
from collections import Counter
from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Any

from hubel.nn.inspection.report import TensorShape

MANY = 2**31  # channels: all of them
DOMAINS = ("com.microsoft", "com.microsoft.nchwc")


class Writing:
    """What one operator is written as: nodes, and the constants that they take, under names of their own.

    given: its inputs by name, "" where one is left out. settings: its attributes. shapes: those of its inputs.
    """

    def __init__(self, node: Any, shapes: Mapping[str, TensorShape]) -> None:
        self.helper, self.numpy = importlib.import_module("onnx.helper"), importlib.import_module("numpy")
        self.stored = importlib.import_module("onnx.numpy_helper").from_array
        self.given, self.gives = [*node.input], [*node.output]
        self.settings = {each.name: self.helper.get_attribute_value(each) for each in node.attribute}
        self.shapes = shapes
        self.path = (node.name or node.output[0]).rstrip("/")
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    def input(self, place: int) -> str:
        """Return the name of an input; "" where it is left out."""
        return self.given[place] if len(self.given) > place else ""

    def shape(self, place: int) -> TensorShape:
        """Return the shape of an input."""
        return self.shapes[self.input(place)]

    def setting(self, name: str, default: Any) -> Any:
        """Return an attribute."""
        return self.settings.get(name, default)

    def add(self, kind: str, *inputs: str, last: bool = False, **settings: Any) -> str:
        """Add a node, the `last` of which gives what the operator gives first; return its output's name."""
        output = self.gives[0] if last else f"{self.path}/{len(self.nodes)}"
        name = f"{self.path}/{kind}_{len(self.nodes)}"
        self.nodes.append(self.helper.make_node(kind, [*inputs], [output], name, **settings))
        return output

    def number(self, value: Any, kind: str = "float32") -> str:
        """Store a number, or whole ones; return the constant's name."""
        name = f"{self.path}/constant{len(self.constants)}"
        self.constants.append(self.stored(self.numpy.array(value, dtype=kind), name))
        return name

    def whole(self, place: int, scale: int, zero: int, axis: int = 1) -> str:
        """Return the floating numbers that stand for an input of whole ones."""
        takes = [self.input(place), self.input(scale), *filter(None, [self.input(zero)])]
        return self.add("DequantizeLinear", *takes, axis=axis)

    def rounded(self, given: str, scale: int, zero: int) -> None:
        """Give what was worked out as whole numbers."""
        self.add("QuantizeLinear", given, self.input(scale), *filter(None, [self.input(zero)]), last=True)

    def plain(self, *names: str) -> dict[str, Any]:
        """Return those of its attributes that the ordinary operator has too."""
        return {name: self.settings[name] for name in names if name in self.settings}

    def activated(self, given: str) -> None:
        """Apply the activation that the operator is given by name, and give that."""
        name = self.setting("activation", b"").decode()
        numbers = self.setting("activation_params", ())
        if name == "Clip":
            self.add(name, given, *map(self.number, numbers), last=True)
        else:
            known = {"LeakyRelu": ("alpha",), "HardSigmoid": ("alpha", "beta")}.get(name, ())
            self.add(name or "Identity", given, last=True, **dict(zip(known, numbers, strict=False)))


Row = Callable[[Writing], None]
_WINDOW = ("kernel_shape", "strides", "pads", "dilations", "group", "auto_pad", "ceil_mode", "count_include_pad")


def _convolution(one: Writing) -> None:
    made = one.add("Conv", *filter(None, (one.input(0), one.input(1), one.input(2))), **one.plain(*_WINDOW[:6]))
    if one.input(3):
        made = one.add("Add", made, one.input(3))
    one.activated(made)


def _general(one: Writing) -> None:
    made = one.add("Gemm", *filter(None, one.given[:3]), **one.plain("alpha", "beta", "transA", "transB"))
    one.activated(made)


def _matrices(one: Writing) -> None:
    """A product of matrices, either of them transposed first, times a number."""
    sides = []
    for place, name in enumerate(("A", "B")):
        batch, turned = one.setting(f"transBatch{name}", 0), one.setting(f"trans{name}", 0)
        sides.append(one.input(place))
        if batch or turned:
            axes = [*range(len(one.shape(place)))]
            axes = [*axes[1:-1], axes[0], axes[-1]] if batch else axes  # where the first stands before the last
            axes = [*axes[:-2], axes[-1], axes[-2]] if turned else axes
            sides[-1] = one.add("Transpose", one.input(place), perm=axes)
    factor = one.setting("alpha", 1.0)
    made = one.add("MatMul", *sides, last=factor == 1)
    if factor != 1:
        one.add("Mul", made, one.number(factor), last=True)


def _elementwise(kind: str) -> Row:
    """Two tensors of whole numbers, joined."""

    def write(one: Writing) -> None:
        one.rounded(one.add(kind, one.whole(0, 1, 2), one.whole(3, 4, 5)), 6, 7)

    return write


def _one_by_one(kind: str, *names: str) -> Row:
    """A function of one tensor of whole numbers."""

    def write(one: Writing) -> None:
        one.rounded(one.add(kind, one.whole(0, 1, 2), **one.plain(*names)), 3, 4)

    return write


def _concatenation(one: Writing) -> None:
    parts = [one.whole(place, place + 1, place + 2) for place in range(2, len(one.given), 3)]
    one.rounded(one.add("Concat", *parts, axis=one.setting("axis", 0)), 0, 1)


def _average(whole: bool) -> Row:
    """A pool of whole numbers, of windows or of the whole picture, with the channels first or last."""

    def write(one: Writing) -> None:
        last, given = one.setting("channels_last", 0), one.whole(0, 1, 2)
        axes = len(one.shape(0)) if last else 0
        given = one.add("Transpose", given, perm=[0, axes - 1, *range(1, axes - 1)]) if last else given
        kind = "GlobalAveragePool" if whole else "AveragePool"
        made = one.add(kind, given, **({} if whole else one.plain(*_WINDOW)))
        one.rounded(one.add("Transpose", made, perm=[0, *range(2, axes), 1]) if last else made, 3, 4)

    return write


def _whole_general(one: Writing) -> None:
    axis = 0 if one.setting("transB", 0) else 1
    terms = [one.whole(0, 1, 2), one.whole(3, 4, 5, axis)]
    if one.input(6):
        terms.append(one.add("DequantizeLinear", one.input(6), one.input(1)))
    made = one.add("Gemm", *terms, **one.plain("alpha", "transA", "transB"), last=not one.input(7))
    if one.input(7):
        one.rounded(made, 7, 8)


def _dynamic_matrices(one: Writing) -> None:
    """A product with a matrix of whole numbers, of what is rounded when it runs."""
    made = one.add("MatMul", one.input(0), one.whole(1, 2, 3), last=not one.input(4))
    if one.input(4):
        one.add("Add", made, one.input(4), last=True)


def _matrices_to_floating(one: Writing) -> None:
    made = one.add("MatMul", one.whole(0, 2, 4), one.whole(1, 3, 5), last=not one.input(6))
    if one.input(6):
        one.add("Add", made, one.input(6), last=True)


def _dynamic_lstm(one: Writing) -> None:
    """An LSTM whose weights are whole numbers, and stand with the inputs first."""
    weights = []
    for place in (1, 2):
        floating = one.add("DequantizeLinear", one.input(place), one.number(1.0))
        weights.append(one.add("Transpose", floating, perm=[0, 2, 1]))
    one.add(
        "LSTM",
        one.input(0),
        *weights,
        *one.given[3:8],
        last=True,
        **one.plain("hidden_size", "direction"),
    )
    one.nodes[-1].output[:] = one.gives


def _gelu(one: Writing) -> None:
    given = one.add("Add", one.input(0), one.input(1)) if one.input(1) else one.input(0)
    spread = one.add("Erf", one.add("Mul", given, one.number(0.5**0.5)))
    made = one.add("Mul", given, one.add("Add", spread, one.number(1.0)))
    one.add("Mul", made, one.number(0.5), last=True)


def _fast_gelu(one: Writing) -> None:
    """x/2·(1 + tanh(√(2/π)·(x + 0.044715·x³)))."""
    given = one.add("Add", one.input(0), one.input(1)) if one.input(1) else one.input(0)
    cubed = one.add("Mul", one.add("Pow", given, one.number(3.0)), one.number(0.044715))
    bent = one.add("Tanh", one.add("Mul", one.add("Add", given, cubed), one.number((2 / 3.141592653589793) ** 0.5)))
    made = one.add("Mul", given, one.add("Add", bent, one.number(1.0)))
    one.add("Mul", made, one.number(0.5), last=True)


def _quick_gelu(one: Writing) -> None:
    factor = one.setting("alpha", 1.702)
    scaled = one.input(0) if factor == 1 else one.add("Mul", one.input(0), one.number(factor))
    one.add("Mul", one.input(0), one.add("Sigmoid", scaled), last=True)


def _skip_normalization(one: Writing) -> None:
    """A sum of branches and a bias, normalised; its fourth output is that sum."""
    bias = one.input(4)
    total = one.add("Add", one.input(0), one.input(1))
    total = one.add("Add", total, bias) if bias else total
    one.add("LayerNormalization", total, *filter(None, one.given[2:4]), last=True, axis=-1, **one.plain("epsilon"))
    if len(one.gives) > 3 and one.gives[3]:
        one.nodes.append(one.helper.make_node("Identity", [total], [one.gives[3]], f"{one.path}/sum"))


def _attention(one: Writing) -> None:
    """Self-attention with its projections: queries, keys and values of one matrix. A mask saves nothing."""
    _nothing_kept(one, 4)
    batch, steps, _ = one.shape(0)
    made = one.add("MatMul", one.input(0), one.input(1))
    made = one.add("Add", made, one.input(2)) if one.input(2) else made
    third = one.shape(1)[1] // 3
    sizes = [*one.setting("qkv_hidden_sizes", (third, third, third))]
    ends, parts = [0, sizes[0], sizes[0] + sizes[1], sum(sizes)], list[str]()
    for pair in pairwise(ends):
        parts.append(one.add("Slice", made, *(one.number([each], "int64") for each in (*pair, 2))))
    _attended(one, parts, batch, steps, steps, sizes)


def _heads(one: Writing) -> None:
    """Attention of queries to keys and values that are given, all as images × steps × features."""
    _nothing_kept(one, 3, 6, 7)
    (batch, steps, width), keys, values = one.shape(0), one.shape(1), one.shape(2)
    _attended(one, one.given[:3], batch, steps, keys[1], [width, keys[2], values[2]])


def _queries(one: Writing) -> None:
    """ONNX's own attention: heads beside one another in the features, or in an axis of their own."""
    _nothing_kept(one, 4, 5)
    (batch, *heads, steps, width), keys, values = one.shape(0), one.shape(1), one.shape(2)
    if len(one.gives) > 1 or heads != [*keys[1:-2]] or one.setting("q_num_heads", 0) != one.setting("kv_num_heads", 0):
        raise KeyError(one.path)
    if not heads:
        one.settings["num_heads"] = one.setting("q_num_heads", 1)
        _attended(one, one.given[:3], batch, steps, keys[1], [width, keys[2], values[2]])
        return
    turned = one.add("Transpose", one.input(1), perm=[0, 1, 3, 2])
    factor = one.number(one.setting("scale", 0.0) or width**-0.5)
    scores = one.add("Mul", one.add("MatMul", one.input(0), turned), factor)
    one.add("MatMul", one.add("Softmax", scores, axis=-1), one.input(2), last=True)


def _nothing_kept(one: Writing, *places: int) -> None:
    """Leave operators as they are that are given keys of earlier steps, or biases of their own."""
    if any(map(one.input, places)):
        raise KeyError(one.path)


def _attended(one: Writing, parts: list[str], batch: int, steps: int, seen: int, sizes: list[int]) -> None:
    heads, turned = one.setting("num_heads", 1), []
    for part, length, size, perm in zip(
        parts, (steps, seen, seen), sizes, ([0, 2, 1, 3], [0, 2, 3, 1], [0, 2, 1, 3]), strict=True
    ):
        shape = one.number([batch, length, heads, size // heads], "int64")
        turned.append(one.add("Transpose", one.add("Reshape", part, shape), perm=perm))
    factor = one.setting("scale", 0.0) or (heads / sizes[0]) ** 0.5
    scores = one.add("Mul", one.add("MatMul", turned[0], turned[1]), one.number(factor))
    mixed = one.add("MatMul", one.add("Softmax", scores, axis=-1), turned[2])
    flat = one.number([batch, steps, sizes[2]], "int64")
    one.add("Reshape", one.add("Transpose", mixed, perm=[0, 2, 1, 3]), flat, last=True)


def _blocked_convolution(one: Writing) -> None:
    """A convolution of channels in blocks of the processor's: filled up, which is what it multiplies."""
    made = one.add("Conv", *filter(None, one.given[:3]), **one.plain(*_WINDOW[:6]))
    one.activated(one.add("Add", made, one.input(3)) if one.input(3) else made)


def _unblocked(one: Writing) -> None:
    axes = [one.number([number], "int64") for number in (0, one.setting("channels", MANY), 1)]
    last = bool(one.setting("channels_last", 0))
    made = one.add("Slice", one.input(0), *axes, last=not last)
    if last:
        one.add("Transpose", made, perm=[0, 2, 3, 1], last=True)


def _same(kind: str, *names: str) -> Row:
    def write(one: Writing) -> None:
        one.add(kind, *one.given, last=True, **one.plain(*names))

    return write


ROWS: dict[str, Row] = {
    "FusedConv": _convolution,
    "FusedGemm": _general,
    "FusedMatMul": _matrices,
    "TransposeMatMul": _matrices,
    "QLinearAdd": _elementwise("Add"),
    "QLinearMul": _elementwise("Mul"),
    "QLinearSigmoid": _one_by_one("Sigmoid"),
    "QLinearLeakyRelu": _one_by_one("LeakyRelu", "alpha"),
    "QLinearSoftmax": _one_by_one("Softmax", "axis"),
    "QLinearConcat": _concatenation,
    "QLinearAveragePool": _average(whole=False),
    "QLinearGlobalAveragePool": _average(whole=True),
    "QGemm": _whole_general,
    "DynamicQuantizeMatMul": _dynamic_matrices,
    "MatMulIntegerToFloat": _matrices_to_floating,
    "DynamicQuantizeLSTM": _dynamic_lstm,
    "Gelu": _gelu,
    "BiasGelu": _gelu,
    "FastGelu": _fast_gelu,
    "QuickGelu": _quick_gelu,
    "BiasAdd": _same("Sum"),
    "SkipLayerNormalization": _skip_normalization,
    "Attention": _attention,
    "MultiHeadAttention": _heads,
    "nchwc.Conv": _blocked_convolution,
    "nchwc.MaxPool": _same("MaxPool", *_WINDOW[:4], "auto_pad", "ceil_mode"),
    "nchwc.AveragePool": _same("AveragePool", *_WINDOW[:3], "auto_pad", "ceil_mode", "count_include_pad"),
    "nchwc.GlobalAveragePool": _same("GlobalAveragePool"),
    "nchwc.GlobalMaxPool": _same("GlobalMaxPool"),
    "nchwc.ReorderInput": _same("Identity"),
    "nchwc.ReorderOutput": _unblocked,
}
"""By an operator's name, after the domain `com.microsoft`, what writes it out."""
OWN: dict[str, Row] = {"Attention": _queries}
"""The same of ONNX's own operators."""


def written_out(model: Any, shapes: Mapping[str, TensorShape]) -> Counter[str]:
    """Put ordinary operators in place of those of ONNX Runtime, whose inputs' shapes must be known for some; count what
    was so.
    """
    found, nodes = Counter[str](), []
    for node in model.graph.node:
        plain, name = node.domain in ("", "ai.onnx"), f"{node.domain}.{node.op_type}".removeprefix(".")
        row, one = (OWN if plain else ROWS).get(name.removeprefix("com.microsoft.")), Writing(node, shapes)
        try:
            if row is None or not (plain or node.domain in DOMAINS):
                raise KeyError(name)
            row(one)
        except KeyError:
            nodes.append(node)
        else:
            nodes += one.nodes
            model.graph.initializer.extend(one.constants)
            found[name] += 1
    if found:
        del model.graph.node[:]
        model.graph.node.extend(nodes)
    return found
