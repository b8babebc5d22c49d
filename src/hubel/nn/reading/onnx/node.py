"""One operator of an ONNX file as its row in the table is given it, and what such a row answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from hubel.arch import Chain, Layer, Shape
from hubel.nn.inspection.report import TensorShape
from hubel.nn.reading.onnx.constants import Constants


@dataclass(frozen=True)
class Node:
    """An operator.

    settings: its attributes. takes: what it is given of the graph, by name. inputs: that and what is stored. weights:
    the shapes of what is stored. given: the shape of what it takes first, as the file has it. parts: those of all that
    it gives. order: how what it is given lies (see `lying.TURNS`), and shape: that as the tree has it. before: the
    layer that gave it, where nothing else takes that. last: whether the file's pictures have their channels last, or
    what it gives. free: whether what it is given may stand in any order, since a dense layer gives it. version: of
    ONNX's operators. whole: whether it is given whole numbers.
    """

    kind: str
    label: str
    settings: Mapping[str, Any]
    takes: tuple[str, ...]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    weights: list[TensorShape]
    given: TensorShape
    parts: tuple[TensorShape, ...]
    constants: Constants
    order: str = "first"
    shape: Shape = ()
    before: Any = None
    last: bool = False
    free: bool = False
    version: int = 0
    whole: bool = False

    @property
    def made(self) -> TensorShape:
        """The shape of what it gives first, as the file has it."""
        return self.parts[0]

    def array(self, place: int) -> Any:
        """Return the numbers of one of its inputs; None where there are none."""
        name = self.inputs[place] if len(self.inputs) > place else ""
        return self.constants.array(name) if name else None

    def numbers(self, setting: str, place: int) -> tuple[int, ...]:
        """Return whole numbers that are a setting in old files, and a stored tensor in new ones."""
        if setting in self.settings:
            return tuple(self.settings[setting])
        found = self.array(place)
        return () if found is None else tuple(int(number) for number in found.reshape(-1))


@dataclass(frozen=True)
class Same:
    """The same numbers, which now lie so."""

    order: str


@dataclass(frozen=True)
class Instead:
    """A layer in place of the one before, of which the operator is a part."""

    layer: Layer


@dataclass(frozen=True)
class Laid:
    """A layer whose output lies so."""

    layer: Layer
    order: str


@dataclass(frozen=True)
class Parts:
    """A layer for each of the tensors that the operator gives."""

    layers: tuple[Layer, ...]


Reader = Callable[[Node], Layer | Chain | Same | Instead | Laid | Parts | None]
"""A row: what the operator is in the tree; None, or a `NetworkError` that says why, where it is nothing there."""


def per_channel(node: Node) -> bool:
    """Whether its first constant has one number for each channel, and lies along them."""
    constant, given = node.weights[0], node.given
    filled = (1,) * (len(given) - len(constant)) + constant
    channels = len(given) - 1 if node.order == "last" else 1
    return filled == tuple(size if axis == channels else 1 for axis, size in enumerate(given))


def public(shape: TensorShape) -> Shape:
    """Return a shape of the file, images × channels × …, as the tree has it."""
    return (*shape[2:], shape[1]) if len(shape) > 2 else shape[1:]
