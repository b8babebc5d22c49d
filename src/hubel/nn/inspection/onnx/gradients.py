"""To which tensors of an ONNX file a gradient comes from what it gives: along floating numbers alone."""

from __future__ import annotations

from collections.abc import Callable, Container, Sequence
from math import prod
from typing import Any

from hubel.nn.inspection.onnx.parts import taken
from hubel.nn.inspection.report import TensorShape

FLOATING = (0, 1, 10, 11, 14, 15, 16)  # not known, floats of 32, 16 and 64 bits, complex ones, bfloat16
# Operators whose gradient is 0 everywhere.
FLAT = ("Round", "Floor", "Ceil", "Sign")
BIASES, STATE = 3, 5  # places among a recurrent operator's inputs


class Gradients:
    """A graph seen from its outputs backwards.

    `wanted` are the tensors to which a gradient comes; `moved` those to which one comes that is not 0 for what it went
    through; `flat` the operators that make it so; `outputs` what it gives that has one.
    """

    def __init__(self, graph: Any) -> None:
        self._kinds = {tensor.name: tensor.data_type for tensor in graph.initializer}
        for each in (*graph.input, *graph.value_info, *graph.output):
            self._kinds[each.name] = each.type.tensor_type.elem_type
        self.flat = dict.fromkeys(node.op_type.lower() for node in graph.node if node.op_type in FLAT)
        self.outputs = {each.name for each in graph.output if self.has(each.name)}
        self.wanted = self._behind(graph, ())
        self.moved = self._behind(graph, FLAT) if self.flat else self.wanted

    def has(self, name: str) -> bool:
        """Whether a tensor is of numbers that have gradients."""
        return self._kinds.get(name, 0) in FLOATING

    def _behind(self, graph: Any, ends: Container[str]) -> set[str]:
        found = {*self.outputs}
        for node in reversed(graph.node):
            if node.op_type not in ends and not found.isdisjoint(node.output):
                found.update(name for name in taken(node) if self.has(name))
        return found


def of_recurrent(node: Any, shapes: Sequence[TensorShape], wants: Callable[[int], bool]) -> int:
    """Multiply-adds of the gradients of an LSTM, GRU or RNN, whose inputs have these shapes; `wants` says which of them
    want one. The state does at each step but the first, where it comes from outside.
    """
    settings = {each.name: each.i for each in node.attribute}
    first, second = shapes[0][:2]
    steps, batch = (second, first) if settings.get("layout") else (first, second)
    given, recurrent = batch * prod(shapes[1]), batch * prod(shapes[2])
    learns = any(wants(place) for place in (0, 1, 2, BIASES, STATE))
    weights = steps * (given * (wants(0) + wants(1)) + recurrent * wants(2))
    return weights + recurrent * ((steps - 1) * learns + wants(STATE))
