"""A convolution, a pooling or a dense layer at work: at each position what it sees, the products, the output growing.

Of a trained network's layer and an image (`step_layer`), or of a walk by hand (`step_walk`, see `convolve`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from hubel.arch import Layer, Pair, Row, ops
from hubel.base.errors import SettingError
from hubel.base.names import listing
from hubel.base.numbers import rounded_text
from hubel.look.access.captions import layer_rules, layer_title, pick
from hubel.look.access.models import of_any_model
from hubel.look.access.record import record
from hubel.look.access.sample import Sample
from hubel.look.byhand.convolve import Convolution, Pooling, Products
from hubel.look.unit.step import Array, Finish, read
from hubel.look.unit.trace import Tracer
from hubel.tasks import LoadedModel
from hubel.view.figures.vectors import strip_columns
from hubel.view.words.finding import Drawn
from hubel.view.words.tables import Table

FEW = 9  # so few products' running sum is written out


@dataclass(frozen=True, eq=False)
class Position:
    """One position of a window: what it sees, and what comes of it.

    place: (row, column) of the output. rows, columns: of the input, those in the padding too. values, weights,
    products: channels×rows×columns; `outside` marks the padding, where the value is zero. finish: what is done to
    the sum (or the largest), in order; value: the output.
    """

    place: Pair
    rows: tuple[int, ...]
    columns: tuple[int, ...]
    values: Array = field(repr=False)
    weights: Array = field(repr=False)
    products: Array = field(repr=False)
    outside: npt.NDArray[np.bool_] = field(repr=False)
    total: float = 0.0
    finish: tuple[Finish, ...] = ()
    value: float = 0.0

    @property
    def running(self) -> Array:
        """The sum so far after each product, channel after channel, each read like words."""
        found: Array = np.cumsum(self.products.ravel())
        return found


@dataclass(frozen=True, eq=False)
class Stepping(Drawn):
    """A window's way over its input, position by position.

    inputs: channels×H×W of what the window sees; `channels` are their numbers. output: H′×W′, in the end.
    kind: "sum" of products, "largest" or "average", or "units" of a dense layer.
    picture: uint8 H×W×C, where the input is an image. kernel: channels×rows×columns, where all positions share it;
    sums: H′×W′, the products' sums before bias and activation, where they are at hand.
    """

    drawn_by: ClassVar[str] = "hubel.look.figures.stepping:stepping_figure"
    written_by: ClassVar[Mapping[str, str]] = {
        ".html": "hubel.look.figures.stepping_page:to_html",
        **dict.fromkeys((".gif", ".apng"), "hubel.look.figures.stepping_film:film_file"),
    }

    title: str
    rules: str
    inputs: Array = field(repr=False)
    channels: tuple[int, ...]
    output: Array = field(repr=False)
    kind: str
    at: Callable[[Pair], Position] = field(repr=False)
    picture: npt.NDArray[np.uint8] | None = field(default=None, repr=False)
    kernel: Array | None = field(default=None, repr=False)
    sums: Array | None = field(default=None, repr=False)

    @property
    def is_dense(self) -> bool:
        """Whether each position is a unit that sees all of the input, through weights of its own."""
        return self.kind == "units"

    @cached_property
    def strongest(self) -> Pair:
        """Where the output lies farthest from zero, the first of equals."""
        row, column = np.unravel_index(np.abs(np.nan_to_num(self.output)).argmax(), self.output.shape)
        return int(row), int(column)

    def position(self, place: Pair) -> Position:
        """Return one position; raise `ValueError` outside of the output."""
        pick("row of the output", place[0], self.output.shape[0])
        pick("column of the output", place[1], self.output.shape[1])
        return self.at(place)

    def known(self, place: Pair) -> Array:
        """Return the output as far as it is known after a position; what is not yet known is no number."""
        found = self.output.copy().ravel()
        found[place[0] * self.output.shape[1] + place[1] + 1 :] = np.nan
        grown: Array = found.reshape(self.output.shape)
        return grown

    def frames(self, most: int) -> list[Pair]:
        """Return positions evenly spread from the first to the last, at most so many."""
        count = self.output.size
        chosen = np.unique(np.linspace(0, count - 1, min(most, count)).round().astype(int))
        width = self.output.shape[1]
        return [(int(number) // width, int(number) % width) for number in chosen]

    def lines(self, width: int = 160, place: Pair | None = None) -> list[str]:
        """The title, the rules, and what happens at one position."""
        here = self.position(place or self.strongest)
        return [self.title, self.rules, f"({here.place[0]}, {here.place[1]}): {self.words(here)}"]

    def tables(self) -> list[Table]:
        """The output, a row a line, rows and columns counted from 0."""
        titles = ("row", *(f"#{column}" for column in range(self.output.shape[1])))
        rows = [[int(each) if each.is_integer() else each for each in row] for row in self.output.tolist()]
        return [Table(titles, [(place, *row) for place, row in enumerate(rows)])]

    def words(self, here: Position) -> str:
        """Say what happens at a position: how many products, their sum, bias, activation."""
        count, outside = here.products.size, int(here.outside.sum())
        padding = f", {outside} of them in the padding" if outside else ""
        if self.kind == "largest":
            parts = [f"the largest of {count - outside} numbers is {rounded_text(here.value)}"]
        elif self.kind == "average":
            parts = [f"the average of {count - outside} numbers is {rounded_text(here.value)}"]
        else:
            parts = [f"{count:,} products{padding}, their sum {rounded_text(here.total)}"]
            if count <= FEW:
                parts.append("the sum as it grows: " + " → ".join(rounded_text(float(sum)) for sum in here.running))
        parts += [f"{done.name}: {done.text}" for done in here.finish]
        return "  ·  ".join(parts)

    def data(self, place: Pair | None = None) -> dict[str, Any]:
        """Return the output and one position with all its products as JSON-able data."""
        here = self.position(place or self.strongest)
        return {
            "title": self.title,
            "rules": self.rules,
            "kind": self.kind,
            "channels": list(self.channels),
            "position": {
                "place": list(here.place),
                "rows": list(here.rows),
                "columns": list(here.columns),
                "values": here.values.tolist(),
                "weights": here.weights.tolist(),
                "products": here.products.tolist(),
                "running": here.running.tolist() if self.kind != "largest" else None,
                "total": here.total,
                "finish": [{"name": done.name, "text": done.text, "value": done.value} for done in here.finish],
                "value": here.value,
            },
            "output": self.output.tolist(),
        }


def step_walk(walk: Convolution | Pooling, name: str = "image") -> Stepping:
    """Return the steps of a walk by hand; its numbers are exact until they are drawn."""
    inputs = np.array([[[float(value) for value in row] for row in plane] for plane in walk.image])
    output = np.array([[float(value) for value in row] for row in walk.output])

    def at(place: Pair) -> Position:
        step = walk.step(*place)
        rows, columns = tuple(step.rows), tuple(step.columns)
        shape = (len(walk.image), len(rows), len(columns))
        if isinstance(step, Products) and isinstance(walk, Convolution):
            values, weights, products = (
                np.array([float(getattr(term, part)) for term in step.terms]).reshape(shape)
                for part in ("value", "weight", "product")
            )
            outside = np.array([term.padding for term in step.terms]).reshape(shape)
            total, finish = float(step.sum), _finish(walk, step)
        else:
            values, outside = _seen(inputs, rows, columns)
            counted = int((~outside).sum())
            weights = np.where(outside, 0.0, 1.0 if _kind(walk) == "largest" else 1 / counted)
            products, total, finish = values * weights, float(step.value), ()
        return Position(
            place, rows, columns, values, weights, products, outside, total, finish, float(step.value)
        )  # fmt: skip

    height, width = walk.rules
    rules = f"size {height}" if height == width else f"height {height}, width {width}"
    layer = walk.layer.text()
    kernel = (
        np.array([[[float(value) for value in row] for row in plane] for plane in walk.kernel])
        if isinstance(walk, Convolution)
        else None
    )
    return Stepping(
        f"{name} · {layer}", rules, inputs, tuple(range(len(inputs))), output, _kind(walk), at, kernel=kernel
    )


def _kind(walk: Convolution | Pooling) -> str:
    return "sum" if isinstance(walk, Convolution) else "largest" if walk.kind == "max" else "average"


def _finish(walk: Convolution, step: Products) -> tuple[Finish, ...]:
    found: list[Finish] = []
    value = step.sum
    if walk.bias:
        value = step.sum + walk.bias
        text = f"{rounded_text(step.sum)} + {rounded_text(walk.bias)} = {rounded_text(value)}".replace("+ −", "− ")
        found.append(Finish("bias", text, float(value)))
    if walk.activation:
        text = f"{walk.activation}({rounded_text(value)}) = {rounded_text(step.value)}"
        found.append(Finish(walk.activation, text, float(step.value)))
    return tuple(found)


def _seen(inputs: Array, rows: tuple[int, ...], columns: tuple[int, ...]) -> tuple[Array, npt.NDArray[np.bool_]]:
    """Return the window's values, channels×rows×columns with zeros outside, and what lies outside."""
    down, across = np.array(rows), np.array(columns)
    inside = ((down >= 0) & (down < inputs.shape[1]))[:, None] & ((across >= 0) & (across < inputs.shape[2]))[None]
    taken = inputs[:, down.clip(0, inputs.shape[1] - 1)][:, :, across.clip(0, inputs.shape[2] - 1)]
    return np.where(inside, taken, 0.0), np.broadcast_to(~inside, taken.shape)


@of_any_model
def step_layer(model: LoadedModel, sample: Sample, layer: str | None = None, filter: int | None = None) -> Stepping:
    """Return the steps of one filter of a convolution, one channel of a pooling, or of a dense layer, on an image.

    `layer` is the network's first convolution where none is named; `filter` the channel that answers most strongly.
    Of a dense layer every unit is a position.

    Raises `KeyError`, with the nearest, for a layer that is not there; `ValueError` for one of another kind, and for a
    channel that is not there.
    """
    found = record(model, sample.input)
    tracer = Tracer(model, sample, found)
    row = _row(found.rows, layer, model)
    output = tracer.output(row.path)
    operation = _operation(row)
    if isinstance(operation, ops.DenseSum):
        return _dense(tracer, row)
    if filter is None:
        filter = int(np.abs(output).mean((1, 2)).argmax())
    pick(f"channel of {row.path}", filter, len(output))
    return _windowed(tracer, row, operation, filter)


def _operation(row: Row) -> Any:
    """Return the windowed sum, the pool of windows or the dense layer of a vector that a row is; None for another."""
    operation = row.node.steps()[0].lower(row.input_shape) if isinstance(row.node, Layer) else None
    windowed = isinstance(operation, (ops.WindowedSum, ops.LocalSum, ops.Span)) and len(operation.windows) == 2
    return operation if windowed or (isinstance(operation, ops.DenseSum) and len(row.input_shape) == 1) else None


def _row(rows: tuple[Row, ...], layer: str | None, model: LoadedModel) -> Row:
    from hubel.arch import analyse

    able = [row for row in rows if _operation(row) is not None]
    if layer is None:
        inside = able
    else:
        paths = {row.path for row in analyse(model.network).find(layer)}
        inside = [row for row in able if row.path in paths]
    if not inside:
        listed = listing([row.path for row in able], 8)
        raise SettingError(f"expected a convolution, a pooling or a dense layer ({listed}), received {layer or 'none'}")
    return inside[0]


def _windowed(tracer: Tracer, row: Row, operation: Any, channel: int) -> Stepping:
    """Slide one filter of a layer over what it was given."""
    whole: Array = tracer.record.inputs[row.path][0].double().numpy()
    first = tracer.step(row.path, (row.output_shape[0] // 2, row.output_shape[1] // 2, channel)).arithmetic
    channels = tuple(int(number) for number in np.unique(first.places[:, 2])) if len(first.places) else (0,)
    windows = operation.windows
    kind = {"max": "largest", "mean": "average"}[operation.how] if isinstance(operation, ops.Span) else "sum"

    def at(place: Pair) -> Position:
        step = tracer.step(row.path, (*place, channel))
        found = step.arithmetic
        rows, columns = (
            tuple(spot * w.stride - w.before + tap * w.dilation for tap in range(w.kernel))
            for w, spot in zip(windows, place, strict=True)
        )
        values, outside = _seen(whole[list(channels)], rows, columns)
        weights = np.zeros(values.shape)
        spots = (found.places[:, 2], found.places[:, 0], found.places[:, 1])
        deep, down, across = (
            np.searchsorted(axis, part) for axis, part in zip((channels, rows, columns), spots, strict=True)
        )
        weights[deep, down, across] = found.weights
        value = step.computed
        return Position(
            place, rows, columns, values, weights, values * weights, outside, found.total, found.finish, value
        )  # fmt: skip

    name = f"channel {channel}" if kind != "sum" else f"filter {channel}"
    pixels = tracer.sample.seen if tracer.wiring[row.path] == ("",) else None
    kernel, sums = None, None
    if isinstance(operation, ops.WindowedSum):
        state = tracer.modules[row.path].state_dict()
        kernel = read(state[operation.weight][channel])
        before = tracer.record.before.get(row.path, tracer.record.outputs[row.path])[0, channel].double().numpy()
        sums = before - float(state[operation.bias][channel]) if operation.bias else before
    return Stepping(
        f"{layer_title(row)}, {name}",
        layer_rules(row),
        whole[list(channels)],
        channels,
        tracer.output(row.path)[channel],
        kind,
        at,
        pixels,
        kernel,
        sums,
    )


def _dense(tracer: Tracer, row: Row) -> Stepping:
    """Lay a vector out in lines; every unit sees all of it."""
    given: Array = tracer.record.inputs[row.path][0].double().numpy()
    wide = strip_columns(len(given))
    tall = -(-len(given) // wide)
    spare = tall * wide - len(given)
    output = tracer.output(row.path)
    across = strip_columns(len(output))
    lines = -(-len(output) // across)

    def laid(numbers: Array) -> Array:
        return np.pad(numbers, (0, spare)).reshape(1, tall, wide)

    outside = laid(np.ones(len(given))) == 0

    def at(place: Pair) -> Position:
        unit = min(place[0] * across + place[1], len(output) - 1)
        step = tracer.step(row.path, (unit,))
        found = step.arithmetic
        rows, columns = tuple(range(tall)), tuple(range(wide))
        values, weights, products = laid(found.values), laid(found.weights), laid(found.products)
        finish, value = found.finish, step.computed
        return Position(place, rows, columns, values, weights, products, outside, found.total, finish, value)

    grown = np.pad(output, (0, lines * across - len(output)), constant_values=np.nan).reshape(lines, across)
    return Stepping(layer_title(row), layer_rules(row), laid(given), (0,), grown, "units", at)


__all__ = ["Position", "Stepping", "step_layer", "step_walk"]
