"""Functions of one number as nodes: an operator of the same meaning, or the row's own arithmetic written out."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from typing import Any

from hubel.arch.ops.functions import FUNCTIONS
from hubel.export.onnx.graph import Graph

_LATER = ("Gelu",)  # came with opset 20, and files are of 18
_SETTINGS: Mapping[str, Mapping[str, Any]] = {"softmax": {"axis": 1}, "log_softmax": {"axis": 1}, "elu": {"alpha": 1.0}}
_WORDS = {"exp": "Exp", "tanh": "Tanh", "erf": "Erf", "sigmoid": "Sigmoid", "softplus": "Softplus", "abs": "Abs"}
_SIGNS = {ast.Add: "Add", ast.Sub: "Sub", ast.Mult: "Mul", ast.Div: "Div"}
_BOTH = {"max": "Max", "min": "Min"}


def activated(graph: Graph, x: str, function: str, constants: Mapping[str, float]) -> str:
    """Add a function of `FUNCTIONS`, with its constants, and return what it gives for `x`."""
    row = FUNCTIONS[function]
    if row.onnx == "Identity":
        return x
    if row.onnx and row.onnx not in _LATER:
        alpha = {"alpha": next(iter(constants.values()))} if row.constants else {}
        return graph.add(row.onnx, x, **_SETTINGS.get(function, alpha))
    if function == "hard_sigmoid":
        return graph.add("HardSigmoid", x, alpha=1 / 6, beta=0.5)
    if function in ("relu6", "clip"):
        return graph.add("Clip", x, *map(graph.keep, constants.values() or (0.0, 6.0)))
    return _Written(graph, x, constants).node(ast.parse(row.arithmetic, mode="eval").body)


class _Written:
    """Writes the arithmetic of a row, node by node."""

    def __init__(self, graph: Graph, x: str, constants: Mapping[str, float]) -> None:
        self.graph, self.names = graph, {"x": x, **{name: graph.keep(value) for name, value in constants.items()}}

    def node(self, part: ast.expr) -> str:
        match part:
            case ast.Constant(value=int() | float() as value):
                return self.graph.keep(float(value))
            case ast.Name(id="sqrt2"):
                return self.graph.keep(2**0.5)
            case ast.Name(id=name):
                return self.names[name]
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return self.graph.add("Neg", self.node(operand))
            case ast.BinOp(left=left, op=sign, right=right):
                return self.graph.add(_SIGNS[type(sign)], self.node(left), self.node(right))
            case ast.Call(func=ast.Name(id=word), args=arguments):
                return self.called(word, [self.node(each) for each in arguments])
        raise AssertionError(f"not in the arithmetic of functions: {ast.dump(part)}")

    def called(self, word: str, given: list[str]) -> str:
        one = self.graph.keep(1.0)
        if word == "expm1":
            return self.graph.add("Sub", self.graph.add("Exp", *given), one)
        if word == "log1p":
            return self.graph.add("Log", self.graph.add("Add", *given, one))
        return self.graph.add(_BOTH.get(word) or _WORDS[word], *given)
