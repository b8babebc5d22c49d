"""What a network in an ONNX file takes of memory to predict: what it stores, and the fullest moment of a pass."""

from __future__ import annotations

import importlib
from collections.abc import Container, Mapping
from math import prod
from typing import Any

from hubel.nn.inspection.onnx.parts import taken
from hubel.nn.inspection.onnx.writing import OURS, WORKED_OUT
from hubel.nn.inspection.report import Memory, TensorShape

PACKED = {21: 4, 22: 4, 23: 4, 25: 2, 26: 2}
"""Bits of the types that a file packs into bytes, as ONNX numbers them."""
VIEWS = {"Identity", "Reshape", "Flatten", "Squeeze", "Unsqueeze", "Dropout"}
"""What gives the memory of what it takes under another shape."""


def memory_of(graph: Any, shapes: Mapping[str, TensorShape], constants: Container[str]) -> Memory | None:
    """Work out the bytes, operation by operation in the file's order; None where a size or a type is not known.

    `constants` are the names of what does not depend on the input. What is computed in the place of what it takes (a
    runtime may) has memory of its own here, as in PyTorch; the input is held all the while.
    """
    numpy_type = importlib.import_module("onnx.helper").tensor_dtype_to_np_dtype

    def bytes_of(sizes: TensorShape, kind: int) -> int:
        return -(-prod(sizes) * (PACKED.get(kind) or 8 * int(numpy_type(kind).itemsize)) // 8)

    kinds = {each.name: each.type.tensor_type.elem_type for each in (*graph.input, *graph.value_info, *graph.output)}
    real = [tensor for tensor in graph.initializer if tensor.doc_string not in (OURS, WORKED_OUT)]
    stored = {tensor.name: (tuple(tensor.dims), tensor.data_type) for tensor in real}
    stored |= {
        node.output[0]: (tuple(each.t.dims), each.t.data_type)
        for node in graph.node
        for each in node.attribute
        if node.op_type == "Constant" and each.name == "value"
    }
    nodes = [node for node in graph.node if node.output[0] not in constants]
    used = {name for node in graph.node for name in taken(node)}
    weights = sum(bytes_of(dims, kind) for name, (dims, kind) in stored.items() if name in used)
    source: dict[str, str] = {}  # what a view is a view of
    last: dict[str, int] = {}
    for number, node in enumerate(nodes):
        if node.op_type in VIEWS:
            source[node.output[0]] = source.get(node.input[0], node.input[0])
        last.update(dict.fromkeys((source.get(name, name) for name in taken(node)), number))
    kept = {source.get(each.name, each.name) for each in graph.output}
    held = {each.name for each in graph.input if each.name not in stored}

    def size(name: str) -> int:
        return bytes_of(shapes[name], kinds[name])

    try:
        most = alive = sum(map(size, held))
        for number, node in enumerate(nodes):
            made = [name for name in node.output if name and name not in source and (name in last or name in kept)]
            alive += sum(map(size, made))
            most = max(most, alive)
            done = {source.get(name, name) for name in taken(node)} - kept - held
            alive -= sum(size(name) for name in done if last[name] == number and name not in constants and name)
    except KeyError:
        return None
    return Memory(weights, most)
