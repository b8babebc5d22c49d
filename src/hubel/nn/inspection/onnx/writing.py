"""What an operator of an ONNX file is written out as: ordinary ones."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Container, Mapping
from typing import Any

from hubel.nn.inspection.report import TensorShape

OURS = "written out"
"""The doc string of what is stored by us, and not in the file."""
WORKED_OUT = "worked out"
"""The doc string of what the graph works out of sizes: neither stored in the file nor learned."""


class Writing:
    """What one operator is written as: nodes, and the constants that they take, under names of their own.

    given: its inputs by name, "" where one is left out. settings: its attributes. shapes: those of its inputs. fixed:
    the names of all that is stored.
    """

    def __init__(self, node: Any, shapes: Mapping[str, TensorShape], fixed: Container[str]) -> None:
        self.helper, self.numpy = importlib.import_module("onnx.helper"), importlib.import_module("numpy")
        self.stored = importlib.import_module("onnx.numpy_helper").from_array
        self.given, self.gives = [*node.input], [*node.output]
        self.settings = {each.name: self.helper.get_attribute_value(each) for each in node.attribute}
        self.shapes, self.fixed = shapes, fixed
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

    def also(self, place: int, name: str) -> None:
        """Give what has this name as a further output, where that is asked for."""
        if len(self.gives) > place and self.gives[place]:
            self.nodes.append(
                self.helper.make_node("Identity", [name], [self.gives[place]], f"{self.path}/also{place}")
            )

    def number(self, value: Any, kind: str = "float32") -> str:
        """Store a number, or whole ones; return the constant's name."""
        name = f"{self.path}/constant{len(self.constants)}"
        self._store(self.stored(self.numpy.array(value, dtype=kind), name))
        return name

    def _store(self, tensor: Any) -> None:
        tensor.doc_string = OURS
        self.constants.append(tensor)

    def unpacked(self, place: int, sizes: tuple[int, ...]) -> str:
        """Return the floating numbers that stand for weights which are packed, so many in all: as stored ones whose
        numbers are not there.
        """
        onnx, name = importlib.import_module("onnx"), f"{self.path}/unpacked{len(self.constants)}"
        if self.input(place) not in self.fixed or min(sizes) < 1:
            raise KeyError(self.path)
        kind = {"dims": sizes, "data_type": onnx.TensorProto.UINT8, "data_location": onnx.TensorProto.EXTERNAL}
        self._store(onnx.TensorProto(name=name, **kind))
        return self.add("DequantizeLinear", name, self.number(1.0))

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
        self.activation(given, last=True)

    def activation(self, given: str, last: bool = False) -> str:
        """Apply the activation that the operator is given by name."""
        name = self.setting("activation", b"").decode()
        numbers = self.setting("activation_params", ())
        if name == "Clip":
            return self.add(name, given, *map(self.number, numbers), last=last)
        known = {"LeakyRelu": ("alpha",), "HardSigmoid": ("alpha", "beta")}.get(name, ())
        return self.add(name or "Identity", given, last=last, **dict(zip(known, numbers, strict=False)))


Row = Callable[[Writing], None]
