"""Operators of ONNX Runtime's own (`com.microsoft`), as it writes them into the files that it optimises or quantises:
written out as the ordinary operators that they are made of, one row an operator.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

from hubel.nn.inspection.onnx.attention import ATTENTION, queries
from hubel.nn.inspection.onnx.packed import PACKED
from hubel.nn.inspection.onnx.transformers import TRANSFORMERS
from hubel.nn.inspection.onnx.writing import Row, Writing
from hubel.nn.inspection.report import TensorShape

MANY = 2**31  # channels: all of them
DOMAINS = ("com.microsoft", "com.microsoft.nchwc")
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


def _channels_last(write: Callable[[Writing, str], str]) -> Row:
    """What is given pictures with their channels last, and gives them so, where it says that."""

    def written(one: Writing) -> None:
        axes, last = len(one.shape(0)), bool(one.setting("channels_last", 1))
        first = one.add("Transpose", one.input(0), perm=[0, axes - 1, *range(1, axes - 1)]) if last else one.input(0)
        made = write(one, first)
        kind = {"perm": [0, *range(2, axes), 1]} if last else {}
        one.add("Transpose" if last else "Identity", made, last=True, **kind)

    return written


def _nhwc_convolution(one: Writing, first: str) -> str:
    made = one.add("Conv", first, *filter(None, one.given[1:3]), **one.plain(*_WINDOW[:6]))
    if one.input(3):
        axes = len(one.shape(0))
        made = one.add("Add", made, one.add("Transpose", one.input(3), perm=[0, axes - 1, *range(1, axes - 1)]))
    return one.activation(made)


def _nhwc_weights(one: Writing, first: str) -> str:
    """A convolution whose weights have their channels last, too."""
    axes = len(one.shape(0))
    weights = one.add("Transpose", one.input(1), perm=[0, axes - 1, *range(1, axes - 1)])
    return one.add("Conv", first, weights, *filter(None, one.given[2:3]), **one.plain(*_WINDOW[:6]))


def _whole_convolution(one: Writing) -> None:
    """ONNX's own of whole numbers, with the channels last where it says that."""
    last, axes = bool(one.setting("channels_last", 0)), len(one.shape(0))
    given = one.whole(0, 1, 2)
    given = one.add("Transpose", given, perm=[0, axes - 1, *range(1, axes - 1)]) if last else given
    terms = [given, one.whole(3, 4, 5, 0)]
    if one.input(8):
        terms.append(one.add("DequantizeLinear", one.input(8), one.input(4), axis=0))
    made = one.add("Conv", *terms, **one.plain(*_WINDOW[:6]))
    one.rounded(one.add("Transpose", made, perm=[0, *range(2, axes), 1]) if last else made, 6, 7)


def _whole_choice(one: Writing) -> None:
    one.rounded(one.add("Where", one.input(0), one.whole(1, 2, 3), one.whole(4, 5, 6)), 7, 8)


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


def _contraction(one: Writing) -> None:
    """A sum of products of three tensors or more, two at a time from the left."""
    terms, _, result = one.setting("equation", b"").decode().replace(" ", "").partition("->")
    first, *others = terms.split(",")
    if len(others) < 2 or "." in terms or not result:
        raise KeyError(one.path)
    made = one.input(0)
    for place, term in enumerate(others, 1):
        later = set(result).union(*others[place:])
        last = place == len(others)
        kept = result if last else "".join(axis for axis in dict.fromkeys(first + term) if axis in later)
        made = one.add("Einsum", made, one.input(place), last=last, equation=f"{first},{term}->{kept}")
        first = kept


OWN: dict[str, Row] = {"Attention": queries, "Einsum": _contraction}
"""Of ONNX's own operators, what writes them out."""


def _same(kind: str, *names: str) -> Row:
    def write(one: Writing) -> None:
        one.add(kind, *one.given, last=True, **one.plain(*names))

    return write


ROWS: dict[str, Row] = {
    **ATTENTION,
    **PACKED,
    **TRANSFORMERS,
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
    "NhwcConv": _channels_last(_nhwc_weights),
    "NhwcFusedConv": _channels_last(_nhwc_convolution),
    "NhwcMaxPool": _channels_last(lambda one, first: one.add("MaxPool", first, **one.plain(*_WINDOW))),
    "QLinearConv": _whole_convolution,
    "QLinearWhere": _whole_choice,
    "QuantizeLinear": _same("QuantizeLinear", "axis"),
    "DequantizeLinear": _same("DequantizeLinear", "axis"),
    "nchwc.Conv": _blocked_convolution,
    "nchwc.MaxPool": _same("MaxPool", *_WINDOW[:4], "auto_pad", "ceil_mode"),
    "nchwc.AveragePool": _same("AveragePool", *_WINDOW[:3], "auto_pad", "ceil_mode", "count_include_pad"),
    "nchwc.GlobalAveragePool": _same("GlobalAveragePool"),
    "nchwc.GlobalMaxPool": _same("GlobalMaxPool"),
    "nchwc.ReorderInput": _same("Identity"),
    "nchwc.ReorderOutput": _unblocked,
}
"""By an operator's name, after the domain `com.microsoft`, what writes it out."""


def written_out(model: Any, shapes: Mapping[str, TensorShape]) -> Counter[str]:
    """Put ordinary operators in place of those of ONNX Runtime, whose inputs' shapes must be known for some; count what
    was so.
    """
    found, nodes = Counter[str](), []
    fixed = {tensor.name for tensor in model.graph.initializer}
    fixed.update(name for node in model.graph.node if node.op_type == "Constant" for name in node.output)
    for node in model.graph.node:
        plain, name = node.domain in ("", "ai.onnx"), f"{node.domain}.{node.op_type}".removeprefix(".")
        row, one = (OWN if plain else ROWS).get(name.removeprefix("com.microsoft.")), Writing(node, shapes, fixed)
        try:
            if row is None or not (plain or node.domain in DOMAINS):
                raise KeyError(name)
            row(one)
        except KeyError:
            nodes.append(node)
        else:
            left = {*node.input}.difference(*(each.input for each in one.nodes)) & fixed
            held = [one.helper.make_node("Identity", [each], [f"{each}/held by {one.path}"]) for each in sorted(left)]
            nodes += [*held, *one.nodes]  # what is stored all the same
            model.graph.initializer.extend(one.constants)
            found[name] += 1
    if found:
        del model.graph.node[:]
        model.graph.node.extend(nodes)
    return found
