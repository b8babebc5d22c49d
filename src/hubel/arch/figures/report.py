"""What an analysis finds: a row for each layer, and totals."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import TYPE_CHECKING, ClassVar

from hubel.arch._cost import Cost, Formula
from hubel.arch._layer import Layer
from hubel.arch._shape import Shape, order_note, positions, shape_text
from hubel.arch._tree import (
    Network,
    Node,
    Product,
    Sum,
    children,
)
from hubel.arch.figures.expression import Quantity, elements
from hubel.arch.figures.field import Field
from hubel.base.errors import UnknownNameError
from hubel.base.names import hint
from hubel.view.words.shown import Shown

if TYPE_CHECKING:
    from hubel.arch.ops.operations import Operation


@lru_cache(maxsize=1024)  # a drawing asks several times, and networks repeat themselves
def _lowered(layer: Layer, input: Shape) -> Operation:
    return layer.steps()[0].lower(input)


@dataclass(frozen=True, slots=True)
class Row(Shown):
    """One layer of a network, or a place where branches meet, with its figures for one image.

    `path` is its name from the top, dots between levels. `kept_bytes` are what training must hold for it beyond what
    its neighbours hold already (32-bit numbers). `training_macs` are those of the forward and the backward pass.
    `gradient_positions` is the most of its input's positions that a gradient from the network's end can reach.
    """

    shown_by: ClassVar[str] = "hubel.draw.notebook:row_html"

    path: str
    node: Node
    input_shape: Shape
    output_shape: Shape
    cost: Cost
    field: Field
    notes: tuple[str, ...]
    kept_bytes: int
    training_macs: int
    gradient_positions: int
    auxiliary: bool

    @property
    def type(self) -> str:
        """The layer's class name, as in Keras."""
        return type(self.node).__name__

    @property
    def operation(self) -> Operation | None:
        """What the layer computes, an activation written with it apart; None where branches meet."""
        return _lowered(self.node, self.input_shape) if isinstance(self.node, Layer) else None

    @property
    def words(self) -> str:
        """The layer as the text form has it, or what meets here: `sum of 2 branches`."""
        if isinstance(self.node, Layer):
            return self.node.text()
        called = f"{self.called}, " if self.called else ""
        return f"{called}{self.type.lower()} of {len(children(self.node))} branches"

    @property
    def called(self) -> str:
        """What a composition is called that ends here: squeeze-and-excitation; empty where there is none."""
        found = self.node.composition if isinstance(self.node, Product) else None
        return found.called if found is not None else ""

    @property
    def is_layer(self) -> bool:
        """Whether this is a layer, not a place where branches meet."""
        return isinstance(self.node, Layer)

    @property
    def gradient_share(self) -> Fraction:
        """The most of the input's positions that a gradient from the network's end can reach, as a share of all."""
        return Fraction(self.gradient_positions, positions(self.input_shape))

    @property
    def formulas(self) -> tuple[Formula, ...]:
        """The formula of every figure, an activation's operations included."""
        if isinstance(self.node, Layer):
            plain, *after = self.node.steps()
            more = [
                formula
                for step in after
                for formula in step.explain(self.output_shape)
                if formula.figure not in ("activations",)
            ]
            return (*plain.explain(self.input_shape), *more)
        own = [Formula("activations", elements(self.output_shape))]
        if isinstance(self.node, (Sum, Product)):
            operations = (Quantity("branches", len(self.node.branches)) - 1) * elements(self.output_shape)
            own.insert(0, Formula("elementwise_operations", operations))
        return tuple(own)


@dataclass(frozen=True, repr=False)
class Report(Shown):
    """A network's figures: a row for each layer, and totals for one image.

    Side exits (`Auxiliary`) count in every total but not in `output_shape`. Bytes are of 32-bit numbers.
    `gradient_share` is the most of the input's positions that a gradient from the end can reach; where windows do not
    overlap it is exact.
    """

    shown_by: ClassVar[str] = "hubel.draw.notebook:report_html"

    network: Network
    rows: tuple[Row, ...]
    output_shape: Shape
    field: Field
    gradient_share: Fraction

    @property
    def example(self) -> str:
        """What the figures are of one of: an image, a sequence or a vector."""
        if len(self.network.input) == 1:
            return "sequence" if self.network.reads_whole_numbers else "vector"
        return "image" if len(self.network.input) == 3 else "sequence"

    def total(self, figure: str) -> int:
        """Add up a figure of `Cost` over all rows."""
        return sum(getattr(row.cost, figure) for row in self.rows)

    @property
    def parameters(self) -> int:
        """Learned numbers, the frozen ones included."""
        return self.total("parameters")

    @property
    def trainable(self) -> int:
        """Parameters that training changes."""
        return self.parameters - self.total("frozen")

    @property
    def macs(self) -> int:
        """Multiply-adds of convolutions and dense layers, forward, one image."""
        return self.total("macs")

    @property
    def training_macs(self) -> int:
        """Multiply-adds of the forward and the backward pass; the first layer needs no gradient of its input."""
        return sum(row.training_macs for row in self.rows)

    @property
    def activations(self) -> int:
        """Numbers in all outputs together."""
        return self.total("activations")

    @property
    def kept_bytes(self) -> int:
        """Bytes that training one image holds from the forward pass until the backward pass, parameters apart."""
        return sum(row.kept_bytes for row in self.rows)

    @property
    def notes(self) -> tuple[str, ...]:
        """All rows' notes, each with its layer in front; before them, that the input may be written the other way."""
        order = order_note(self.network.input)
        return (() if order is None else (order,)) + tuple(
            f"{row.path}: {note}" for row in self.rows for note in row.notes
        )

    def find(self, path: str) -> tuple[Row, ...]:
        """Return the row of that path, or all rows inside the part of that name.

        Raises `KeyError` with the nearest path where there is none.
        """
        found = tuple(row for row in self.rows if row.path == path or row.path.startswith(path + "."))
        if found:
            return found
        paths = [row.path for row in self.rows]
        parts = {path.rsplit(".", n)[0] for path in paths for n in range(1, path.count(".") + 1)}
        raise UnknownNameError(f"no layer is called {path!r}{hint(path, [*paths, *sorted(parts)])}")

    def __repr__(self) -> str:
        return (
            f"<Report {self.network.name or 'network'} {shape_text(self.network.input)} → "
            f"{shape_text(self.output_shape)}: {self.parameters:,} parameters, {self.macs:,} MACs>"
        )

    def __str__(self) -> str:
        from hubel.view.words.tables import Table

        rows = [
            (
                *(row.path, row.words, shape_text(row.output_shape)),
                *(row.cost.parameters or "·", row.cost.macs or "·", row.field.size_text),
            )
            for row in self.rows
        ]
        table = Table(("layer", "what", "#output", "#parameters", "#MACs", "#field"), rows)
        name = f"{self.network.name or 'network'}  {shape_text(self.network.input)} → {shape_text(self.output_shape)}"
        macs = f"{self.macs:,} MACs, {self.training_macs:,} in training, one {self.example}"
        total = f"{self.parameters:,} parameters, {macs}"
        return "\n".join([name, table.plain(), "", total, *(f"note  {note}" for note in self.notes)])
