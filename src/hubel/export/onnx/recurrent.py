"""Recurrent layers as ONNX nodes: N×C×T in, N×units×T or the last state out."""

from __future__ import annotations

from typing import Any

import numpy as np

from hubel.export.lowered import Step, Wide
from hubel.export.onnx.graph import Graph

# PyTorch's order of gates (input, forget, new, output; reset, update, new) in the order that ONNX has them
_ORDERS = {"simple": (0,), "lstm": (0, 3, 1, 2), "gru": (1, 0, 2)}
_KINDS = {"simple": "RNN", "lstm": "LSTM", "gru": "GRU"}
_FUNCTIONS = {"tanh": "Tanh", "relu": "Relu"}


def recurred(graph: Graph, step: Step, x: str) -> str:
    """Add a recurrent layer: `ops.Recur`."""
    operation: Any = step.operation
    numbers, settings = _kept(graph, step), _settings(operation)
    steps = graph.add("Transpose", x, perm=[2, 0, 1])  # steps × N × features
    if operation.backwards:
        ends = ([-1], [-(2**31)], [0], [-1])
        steps = graph.add("Slice", steps, *(graph.keep(each, "int64") for each in ends))
    if graph.carries:
        return _carried(graph, step, steps, numbers, settings)
    wanted = ["states", ""] if operation.sequences else ["", "last"]
    found = next(filter(None, graph.add_all(_KINDS[operation.cell], wanted, steps, *numbers, **settings)))
    if not operation.sequences:
        return graph.add("Squeeze", found, graph.keep([0], "int64"))
    return graph.add("Transpose", graph.add("Squeeze", found, graph.keep([1], "int64")), perm=[1, 2, 0])


def _kept(graph: Graph, step: Step) -> list[str]:
    """Store the weights of gates, and their biases where there are such, in ONNX's order."""
    operation: Any = step.operation
    order = _ORDERS[operation.cell]

    def gates(array: Wide) -> Wide:
        parts = np.split(array, len(order))
        return np.concatenate([parts[gate] for gate in order])

    roles = ("weight", "recurrent")
    numbers = [graph.keep(gates(step.arrays[role])[np.newaxis], name=f"{step.path}.{role}") for role in roles]
    zero = np.zeros(len(order) * operation.units)
    biases = [gates(step.arrays.get(role, zero)) for role in ("bias", "recurrent_bias")]
    if "bias" in step.arrays:
        numbers.append(graph.keep(np.concatenate(biases)[np.newaxis], name=f"{step.path}.bias"))
    return numbers


def _settings(operation: Any) -> dict[str, Any]:
    settings: dict[str, Any] = {"hidden_size": operation.units}
    if operation.cell == "gru":
        settings["linear_before_reset"] = 1  # as PyTorch and Keras (`reset_after`) have it
    if operation.cell == "simple":
        settings["activations"] = [_FUNCTIONS[operation.function]]
    return settings


def _carried(graph: Graph, step: Step, steps: str, numbers: list[str], settings: dict[str, Any]) -> str:
    """Add the layer so that it begins with what it is given, and gives back its last state."""
    operation: Any = step.operation
    names = ("state", "cell") if operation.cell == "lstm" else ("state",)
    begin = [graph.remembered(f"{step.path}.{name}", (operation.units,)) for name in names]
    zero = graph.keep([0], "int64")
    first = [graph.add("Unsqueeze", each, zero) for each in begin]
    bias = [] if len(numbers) == 3 else [""]
    outputs = ["states", *(f"last_{name}" for name in names)]
    states, *last = graph.add_all(_KINDS[operation.cell], outputs, steps, *numbers, *bias, "", *first, **settings)
    for name, value in zip(begin, last, strict=True):
        graph.remember(name, graph.add("Squeeze", value, zero))
    return graph.add("Transpose", graph.add("Squeeze", states, graph.keep([1], "int64")), perm=[1, 2, 0])


def worded(graph: Graph, step: Step, x: str) -> str:
    """Add what writes a sentence, its steps one after the other: `ops.Write`."""
    operation: Any = step.operation
    numbers, settings = _kept(graph, step), _settings(operation)
    table, weight, bias = (
        graph.keep(step.arrays[role], name=f"{step.path}.{role}") for role in ("table", "next", "next_bias")
    )
    first, last = graph.keep([0], "int64"), graph.keep([2], "int64")
    scores, states = list[str](), list[str]()
    for number in range(operation.output[0]):
        given = [graph.add("Unsqueeze", x, first), *numbers, *(["", *states] if states else [])]
        names = ["", "state", *(["cell"] if operation.cell == "lstm" else [])]
        states = graph.add_all(_KINDS[operation.cell], names, *given, **settings)[1:]
        found = graph.add("Gemm", graph.add("Squeeze", states[0], first), weight, bias, transB=1)
        scores.append(graph.add("Unsqueeze", found, last))
        if number + 1 < operation.output[0]:
            x = graph.add("Gather", table, graph.add("ArgMax", found, axis=1, keepdims=0), axis=0)
    return graph.add("Concat", *scores, axis=2)
