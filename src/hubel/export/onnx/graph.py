"""A graph that grows node by node: names, stored numbers, and the file's frame."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

from hubel.base.errors import LimitError

OPSET = 18
IR_VERSION = 8
MOST_BYTES = 2**31 - 2**20  # what one protobuf message may hold, less what the graph itself takes

KINDS = {"float32": TensorProto.FLOAT, "int64": TensorProto.INT64, "uint8": TensorProto.UINT8}


class Graph:
    """Nodes of opset 18 and the numbers that they need. Every method that adds gives the name of what comes out.

    carries: whether layers go on with what they remembered, which is then an input of its own each, and an output.
    """

    def __init__(self, carries: bool = False) -> None:
        self.carries = carries
        self.memories: dict[str, tuple[str, list[int | str]]] = {}  # by the input's name: the output's, and the sizes
        self.nodes: list[onnx.NodeProto] = []
        self.stored: dict[str, onnx.TensorProto] = {}
        self.scope = ""
        self._taken: dict[str, int] = {}
        self._constants: dict[tuple[str, tuple[int, ...], bytes], str] = {}

    def add(self, kind: str, *inputs: str, name: str = "", **settings: Any) -> str:
        """Add a node with one output, called `name`, or after the scope (a layer's path) and its kind."""
        output = name or self.fresh(f"{self.scope}/{kind.lower()}" if self.scope else kind.lower())
        self.nodes.append(helper.make_node(kind, list(inputs), [output], name=output, **settings))
        return output

    def add_all(self, kind: str, outputs: Sequence[str], *inputs: str, **settings: Any) -> list[str]:
        """Add a node of several outputs, "" for those that nothing asks for."""
        names = [self.fresh(f"{self.scope}/{each}") if each else "" for each in outputs]
        self.nodes.append(helper.make_node(kind, list(inputs), names, name=next(filter(None, names)), **settings))
        return names

    def keep(self, value: npt.ArrayLike, kind: str = "float32", name: str = "") -> str:
        """Store numbers under `name`, or after the scope; equal ones without a name of their own once."""
        array = np.array(value, kind, order="C")
        key = (kind, array.shape, array.tobytes() if array.size <= 64 else b"")
        if not name and array.size <= 64 and key in self._constants:
            return self._constants[key]
        own = self.fresh(name or (f"{self.scope}/constant" if self.scope else "constant"))
        self.stored[own] = numpy_helper.from_array(array, own)
        if not name and array.size <= 64:
            self._constants[key] = own
        return own

    def remembered(self, name: str, sizes: Sequence[int]) -> str:
        """Add an input that holds what a layer remembers of each of a batch; zeros begin anew."""
        own = self.fresh(name)
        self.memories[own] = ("", ["batch", *sizes])
        return own

    def remember(self, name: str, value: str) -> None:
        """Give back what the layer remembers afterwards, as the output of that name with "_after" behind it."""
        after = self.add("Identity", value, name=self.fresh(f"{name}_after"))
        self.memories[name] = (after, self.memories[name][1])

    def fresh(self, name: str) -> str:
        """Return a name that nothing else has: the wanted one, with a number where it is taken."""
        number = self._taken.get(name, 0) + 1
        self._taken[name] = number
        return name if number == 1 else self.fresh(f"{name}_{number}")

    def model(
        self,
        inputs: Mapping[str, tuple[str, Sequence[int | str]]],
        outputs: Mapping[str, tuple[str, Sequence[int | str]]],
        *,
        name: str,
        words: str,
        metadata: Mapping[str, str],
        version: str,
    ) -> onnx.ModelProto:
        """Return the whole model: what `outputs` hang on. inputs, outputs: kinds and sizes, a word for one that is
        left open.

        Raises LimitError where it is larger than an ONNX file can be.
        """
        nodes, read = [], set(outputs)
        for node in reversed(self.nodes):
            if not read.isdisjoint(node.output):
                nodes.append(node)
                read.update(node.input)
        stored = [tensor for own, tensor in self.stored.items() if own in read]
        size = sum(len(tensor.raw_data) for tensor in stored)
        if size > MOST_BYTES:
            raise LimitError(
                f"an ONNX file holds at most 2 GiB, and the weights of {name} are {size / 2**30:.1f} GiB; export it "
                "in another form (model.pt2)"
            )
        graph = helper.make_graph(
            nodes[::-1],
            name,
            [helper.make_tensor_value_info(each, KINDS[kind], sizes) for each, (kind, sizes) in inputs.items()],
            [helper.make_tensor_value_info(each, KINDS[kind], sizes) for each, (kind, sizes) in outputs.items()],
            stored,
            doc_string=words,
        )
        model = helper.make_model(
            graph,
            opset_imports=[helper.make_opsetid("", OPSET)],
            ir_version=IR_VERSION,
            producer_name="hubel",
            producer_version=version,
        )
        helper.set_model_props(model, dict(metadata))
        return model
