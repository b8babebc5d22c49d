"""What an ONNX file has stored, and what is worked out of that alone: shapes, and numbers where they are few."""

from __future__ import annotations

import importlib
from collections import Counter
from math import prod
from pathlib import Path
from typing import Any

from hubel.nn.inspection.onnx.shapes import MOST_VALUES, may_be_large
from hubel.nn.inspection.onnx.writing import OURS, WORKED_OUT

FLOATS = (1, 10, 11, 16)  # 32, 16, 64 bits, and bfloat16
HALF = (10, 16)
PARTS = ("If", "Loop", "Scan")  # which take more than their inputs


class Constants:
    """The tensors of a file that depend on none of its inputs, by name.

    known: their names. half: whether any is stored in 16 bits.
    """

    def __init__(self, graph: Any, stored: dict[str, Any], folder: Path) -> None:
        self.stored, self.folder = stored, folder
        self.arrays: dict[str, Any] = {}
        self.maker = {name: node for node in graph.node for name in node.output}
        self.used = Counter(name for node in graph.node for name in node.input)
        self.initial = {
            name: tuple(tensor.dims)
            for name, tensor in stored.items()
            if tensor.data_type in FLOATS and tensor.doc_string != WORKED_OUT
        }
        self.half = any(tensor.data_type in HALF for tensor in stored.values())
        for node in graph.node:
            if node.op_type == "Constant":
                stored.update((node.output[0], each.t) for each in node.attribute if each.name == "value")
        self.known = set(stored)
        for node in graph.node:
            alone = node.op_type == "CastLike" and node.input[0] in self.known  # like what the graph is given
            if alone or (node.op_type not in PARTS and all(name in self.known or not name for name in node.input)):
                self.known.update(node.output)

    def array(self, name: str) -> Any:
        """Return the numbers of what is stored in the file, or worked out of that; None for anything else."""
        if name not in self.arrays:
            tensor = self.stored.get(name)
            self.arrays[name] = self._worked_out(self.maker.get(name)) if tensor is None else self._loaded(tensor)
        return self.arrays[name]

    def _loaded(self, tensor: Any) -> Any:
        """Return a tensor's numbers; None for those of another file, if they are many."""
        if tensor.data_location:
            if prod(tensor.dims) > MOST_VALUES or tensor.doc_string == OURS:
                return None
            other = importlib.import_module("onnx.external_data_helper")
            other.load_external_data_for_tensor(tensor, str(self.folder))
            tensor.data_location = 0
        return importlib.import_module("onnx.numpy_helper").to_array(tensor)

    def _worked_out(self, node: Any) -> Any:
        """Return what a small node gives whose inputs are all stored or worked out; None for any other."""
        if node is None or len(node.output) != 1 or node.op_type in PARTS:
            return None
        if node.op_type in ("CastLike", "Identity", "Cast"):
            return self.array(node.input[0])
        given = {name: self.array(name) for name in node.input if name}
        if not given or any(value is None or value.size > MOST_VALUES for value in given.values()):
            return None
        if may_be_large(node.op_type, list(given.values())):
            return None
        onnx = importlib.import_module("onnx")
        make = onnx.helper
        try:
            stored = [onnx.numpy_helper.from_array(value, name) for name, value in given.items()]
            graph = make.make_graph([node], "one", [], [make.make_tensor_value_info(node.output[0], 0, None)], stored)
            alone = make.make_model(graph, opset_imports=[make.make_opsetid("", 18)])
            return importlib.import_module("onnx.reference").ReferenceEvaluator(alone).run(None, {})[0]
        except Exception:  # what it cannot evaluate stays unknown, and is said so where it matters
            return None

    def count(self, name: str) -> int:
        """Count the numbers stored for a constant, or for what it is worked out of."""
        return sum(prod(self.initial[source] or (0,)) for source in self.sources(name))

    def sources(self, name: str) -> list[str]:
        """Return the names of the floating tensors that a constant is, or is worked out of."""
        found, waiting = dict[str, None](), [name]
        while waiting:
            one = waiting.pop()
            if one in found:
                continue
            found[one] = None
            if one not in self.initial and one in self.maker:
                waiting += self.maker[one].input
        return [one for one in found if one in self.initial]
