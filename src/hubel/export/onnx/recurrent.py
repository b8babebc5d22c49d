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
    order = _ORDERS[operation.cell]

    def gates(array: Wide) -> Wide:
        parts = np.split(array, len(order))
        return np.concatenate([parts[gate] for gate in order])

    numbers = [
        graph.keep(gates(step.arrays[role])[np.newaxis], name=f"{step.path}.{role}") for role in ("weight", "recurrent")
    ]
    zero = np.zeros(len(order) * operation.units)
    biases = [gates(step.arrays.get(role, zero)) for role in ("bias", "recurrent_bias")]
    if "bias" in step.arrays:
        numbers.append(graph.keep(np.concatenate(biases)[np.newaxis], name=f"{step.path}.bias"))
    steps = graph.add("Transpose", x, perm=[2, 0, 1])  # steps × N × features
    if operation.backwards:
        ends = ([-1], [-(2**31)], [0], [-1])
        steps = graph.add("Slice", steps, *(graph.keep(each, "int64") for each in ends))
    settings: dict[str, Any] = {"hidden_size": operation.units}
    if operation.cell == "gru":
        settings["linear_before_reset"] = 1  # as PyTorch and Keras (`reset_after`) have it
    if operation.cell == "simple":
        settings["activations"] = [_FUNCTIONS[operation.function]]
    if graph.carries:
        return _carried(graph, step, steps, numbers, settings)
    wanted = ["states", ""] if operation.sequences else ["", "last"]
    found = next(filter(None, graph.add_all(_KINDS[operation.cell], wanted, steps, *numbers, **settings)))
    if not operation.sequences:
        return graph.add("Squeeze", found, graph.keep([0], "int64"))
    return graph.add("Transpose", graph.add("Squeeze", found, graph.keep([1], "int64")), perm=[1, 2, 0])


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
