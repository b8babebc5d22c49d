"""What `inspect` found: a row for each module that does something, totals, a table."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Any, ClassVar

from hubel.base.errors import UnknownNameError
from hubel.base.names import hint
from hubel.plan import bytes_text
from hubel.view.words.finding import Drawn
from hubel.view.words.tables import Table

TensorShape = tuple[int, ...]
TITLES = ("module", "type", "output", "parameters", "MACs", "backward", "calls")
NOT_TRAINED = "it cannot be trained as it stands, and no backward pass is counted"


@dataclass(frozen=True, slots=True)
class ModuleRow:
    """One module's own figures: those of its children stand in their own rows.

    `path` is its name in the model (empty for the model itself), `type` its class, `output_shape` the shape of what it
    returned as PyTorch has it, batch included (of the first tensor where there are several; `None` where it never ran).
    `parameters` are its own learned numbers, one that is shared counting where it is first used; `trainable` those
    that training changes. `macs` are multiply-adds of convolutions and matrix products for the whole batch, all
    `calls` together; `backward_macs` those of the gradients that training would ask for.
    """

    path: str
    type: str
    output_shape: TensorShape | None
    parameters: int
    trainable: int
    macs: int
    backward_macs: int
    calls: int
    notes: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return the row as JSON-able data."""
        return {
            "name": self.path,
            "type": self.type,
            "output_shape": None if self.output_shape is None else list(self.output_shape),
            "parameters": self.parameters,
            "trainable": self.trainable,
            "macs": self.macs,
            "backward_macs": self.backward_macs,
            "calls": self.calls,
            "notes": list(self.notes),
        }


@dataclass(frozen=True, slots=True)
class Stop:
    """One call of a module, or one operation between modules, on the way from inputs to outputs.

    name: the module's path; of an operation the path of the module that holds it. type: the module's class, or the
    operation. shape: of what it gives, as PyTorch has it, or None where it is not known (ONNX). macs: multiply-adds
    forward. reads: the numbers of the stops whose results it takes.
    """

    name: str
    type: str
    shape: TensorShape | None
    macs: int
    reads: tuple[int, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return the stop as JSON-able data."""
        return {**asdict(self), "shape": None if self.shape is None else list(self.shape), "reads": list(self.reads)}


@dataclass(frozen=True, slots=True)
class Memory:
    """Bytes of tensors that a pass takes: what the allocator and the libraries add is not in it.

    weights: parameters and buffers. activations: the most that lives at one moment of a pass without gradients, the
    input included. gradients: of what is trained. kept: for the backward pass, by PyTorch's own graph, the input
    included, and each piece of memory once; attention as it is without a device's fused kernels, which keep less. Of an
    ONNX file nothing is known of training, and some models cannot be trained: gradients and kept are None.
    """

    weights: int
    activations: int
    gradients: int | None = None
    kept: int | None = None

    @property
    def inference(self) -> int:
        """Weights and the fullest moment."""
        return self.weights + self.activations

    @property
    def training(self) -> int | None:
        """Weights, gradients, Adam's two moments, and what is kept when the backward pass begins, or the fullest moment
        before where that is more. What the backward pass itself makes for a moment is not in it.
        """
        if self.gradients is None or self.kept is None:
            return None
        return self.weights + 3 * self.gradients + max(self.kept, self.activations)

    def to_dict(self) -> dict[str, Any]:
        """Return the bytes as JSON-able data."""
        return {**asdict(self), "inference": self.inference, "training": self.training}


@dataclass(frozen=True)
class Inspection(Drawn):
    """A model's figures for a batch: `rows` in the order in which they first ran, and totals, which are their sums.

    `input_shapes` and `output_shape` are as PyTorch has them, batch first. `notes` say what the figures leave out, and
    what else there is to know of the whole. `stops` are what is drawn of it: calls and operations in order, with who
    reads whom; `memory` what it takes, of an ONNX file to predict. `stopped` says where a model decides on
    numbers, up to which alone it is counted; "" where all of it is. Printing it shows a table.
    """

    drawn_by: ClassVar[str] = "hubel.draw.flow:flow_figure"

    type: str
    batch: int
    input_shapes: tuple[TensorShape, ...]
    output_shape: TensorShape | None
    rows: tuple[ModuleRow, ...]
    notes: tuple[str, ...] = ()
    stops: tuple[Stop, ...] = field(default=(), repr=False)
    memory: Memory | None = None
    stopped: str = ""

    @property
    def parameters(self) -> int:
        """Learned numbers, each counted once, the frozen ones included."""
        return sum(row.parameters for row in self.rows)

    @property
    def trainable(self) -> int:
        """Parameters that training changes: those that require a gradient."""
        return sum(row.trainable for row in self.rows)

    @property
    def macs(self) -> int:
        """Multiply-adds of convolutions and matrix products, forward, for the batch."""
        return sum(row.macs for row in self.rows)

    @property
    def backward_macs(self) -> int:
        """Multiply-adds of the gradients; nothing is counted for what is frozen, nor for the gradient of the input."""
        return sum(row.backward_macs for row in self.rows)

    @property
    def training_macs(self) -> int:
        """Multiply-adds of the forward and the backward pass."""
        return self.macs + self.backward_macs

    @property
    def told(self) -> tuple[str, ...]:
        """All notes: those of rows with their paths, and the report's own."""
        of_rows = (f"{row.path or self.type}: {note}" for row in self.rows for note in row.notes)
        return (*of_rows, *self.notes)

    def find(self, path: str) -> tuple[ModuleRow, ...]:
        """Return the row of that path and all rows inside it.

        Raises `KeyError` with the nearest path where there is none.
        """
        found = tuple(row for row in self.rows if not path or row.path == path or row.path.startswith(path + "."))
        if found:
            return found
        raise UnknownNameError(f"no module is called {path!r}{hint(path, [row.path for row in self.rows])}")

    def to_dict(self) -> dict[str, Any]:
        """Return everything as JSON-able data."""
        return {
            "name": self.type,
            "batch": self.batch,
            "input_shapes": [list(shape) for shape in self.input_shapes],
            "output_shape": None if self.output_shape is None else list(self.output_shape),
            "parameters": self.parameters,
            "trainable": self.trainable,
            "macs": self.macs,
            "backward_macs": self.backward_macs,
            "training_macs": self.training_macs,
            "flops": 2 * self.macs,
            "memory": None if self.memory is None else self.memory.to_dict(),
            "stopped": self.stopped,
            "notes": list(self.notes),
            "layers": [row.to_dict() for row in self.rows],
            "graph": [stop.to_dict() for stop in self.stops],
        }

    def __str__(self) -> str:
        inputs = ", ".join(map(tensor_text, self.input_shapes))
        given = [tensor_text(stop.shape) for stop in self.stops if stop.type == "output"]
        outputs = ", ".join(given[:3]) + (f" and {len(given) - 3} more" if given[3:] else "")
        lines = [f"{self.type}  {inputs} → {outputs if given[1:] else tensor_text(self.output_shape)}", ""]
        lines += [*self._table(), ""]
        frozen = self.parameters - self.trainable
        held = f" ({self.trainable:,} trainable, {frozen:,} frozen)" if frozen else ""
        lines.append(f"parameters  {self.parameters:,}{held}")
        lines.append(f"MACs        {self.macs:,} forward, {self.backward_macs:,} backward (batch of {self.batch:,})")
        if self.memory is not None:
            told, size = self.memory, bytes_text
            lines.append(
                f"memory      {size(told.inference)} to predict ({size(told.weights)} of weights, at most "
                f"{size(told.activations)} of activations at once)"
            )
            if told.training is not None and told.kept is not None:
                lines.append(
                    f"            {size(told.training)} to train with Adam (weights, gradients, two moments, "
                    f"{size(told.kept)} kept for the backward pass)"
                )
        lines += [f"note        {note}" for note in self.told]
        return "\n".join(lines)

    def table(self) -> Table:
        """The rows as cells, for files; what was not reached has no figures."""
        reached = [bool(row.calls) or not self.stopped for row in self.rows]
        cells = [(row.path or "(itself)", row.type, tensor_text(row.output_shape)) for row in self.rows]
        figures = [
            (row.parameters, *((row.macs, row.backward_macs, row.calls) if whole else (None, None, None)))
            for row, whole in zip(self.rows, reached, strict=True)
        ]
        titles = TITLES[:2] + tuple(f"#{name}" for name in TITLES[2:])
        rows = [(*words, *numbers) for words, numbers in zip(cells, figures, strict=True)]
        return Table(titles, rows, self.type, self.told)

    def _repr_html_(self) -> str:
        from hubel.view.words.notebook import figures_html

        title, *lines = (line for line in str(self).splitlines() if line)
        columns = TITLES[:2] + tuple(f"#{name}" for name in TITLES[2:])
        return figures_html(title, [(columns, map(_cells, self.rows))], lines[1 + len(self.rows) :])

    def _table(self) -> list[str]:
        cells = [TITLES, *(_cells(row) for row in self.rows)]
        widths = [max(len(line[i]) for line in cells) for i in range(len(TITLES))]
        return ["  ".join(_aligned(line, widths)).rstrip() for line in cells]


def learn_nothing(parameters: int, flat: Iterable[str]) -> str:
    """Say of how many parameters all goes through functions of a gradient of 0."""
    return (
        f"{parameters:,} of its parameters learn nothing: all that comes of them goes through "
        f"{' and '.join(flat)}, whose gradient is 0 everywhere"
    )


def unreached(macs: int) -> str:
    """Say how many multiply-adds training asks no gradient of."""
    return f"{macs:,} MACs lead to no output that has a gradient: what they would cost backward is not counted"


def tensor_text(shape: TensorShape | None) -> str:
    """Write a tensor's shape: `1×64×112×112`; a single number has none."""
    if shape is None:
        return "—"
    return "×".join(map(str, shape)) or "a number"


def _cells(row: ModuleRow) -> tuple[str, ...]:
    figures = (row.parameters, row.macs, row.backward_macs)
    return (
        row.path or "(itself)",
        row.type,
        tensor_text(row.output_shape),
        *(f"{figure:,}" if figure else "·" for figure in figures),
        str(row.calls) if row.calls != 1 else "",
    )


def _aligned(line: tuple[str, ...], widths: list[int]) -> list[str]:
    return [
        cell.ljust(width) if i < 2 else cell.rjust(width)
        for i, (cell, width) in enumerate(zip(line, widths, strict=True))
    ]
