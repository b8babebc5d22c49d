"""From any number of a network's run back to those that fed it, one layer at a time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, TypeAlias

import numpy as np
import torch

from hubel.arch import Layer, Product, Row, Sum, ops
from hubel.base.errors import SettingError
from hubel.base.numbers import rounded_text as short
from hubel.look.access.record import Record
from hubel.look.access.sample import Sample
from hubel.look.unit import moves, numbers, states, weights, windows
from hubel.look.unit.step import Arithmetic, Array, Arrays, Finish, Place, UnitStep, at, taken
from hubel.look.unit.wiring import INPUT, wiring
from hubel.tasks import LoadedModel

Span: TypeAlias = "tuple[tuple[int, int], tuple[int, int]]"

# an operation: (itself, its arrays by role, what it was given C×H×W or features, the place)
ARITHMETIC: dict[type[ops.Operation], Callable[[Any, Arrays, Array, Place], Arithmetic]] = {
    ops.WindowedSum: weights.windowed,
    ops.LocalSum: weights.local,
    ops.TransposedSum: weights.transposed,
    ops.DenseSum: weights.dense,
    ops.RadialSum: weights.radial,
    ops.Span: windows.spanned,
    ops.Upsample: windows.enlarged,
    ops.Pass: moves.kept,
    ops.View: moves.viewed,
    ops.Pad: moves.padded,
    ops.Select: moves.chosen,
    ops.Blocks: moves.blocked,
    ops.Activate: numbers.activation,
    ops.Normalise: numbers.normalised,
    ops.Affine: numbers.scaled,
    ops.Slope: numbers.bent,
    ops.Compete: numbers.competing,
    ops.Respond: numbers.over_neighbours,
    ops.Embed: states.looked_up,
    ops.Recur: states.carried,
    ops.Write: states.written,
}
_ALIKE = (
    ops.Pass,
    ops.Activate,
    ops.Affine,
    ops.Slope,
)  # leave a vector's numbers where they are, and look at each alone


class Tracer:
    """A network's run on one image, whose every number can be asked where it comes from."""

    def __init__(self, model: LoadedModel, sample: Sample, record: Record) -> None:
        self.model, self.sample, self.record = model, sample, record
        self.rows = {row.path: row for row in record.rows}
        self.wiring = wiring(model.network)
        self.modules = dict(model.module.named_modules())
        self._held: dict[str, Array] = {}

    def output(self, path: str) -> Array:
        """Return what a layer gave, C×H×W or a vector, in 64 bits; of `INPUT`, what the network was given."""
        if path not in self._held:
            self._held[path] = _plain(self.sample.input if path == INPUT else self.record.outputs[path])
            if path == INPUT and len(self.model.network.input) == 1:
                self._held[path] = self._held[path].ravel()
        return self._held[path]

    def step(self, path: str, place: Place) -> UnitStep:
        """Return the arithmetic of one number of a layer's output."""
        if path == INPUT:
            return self._pixel(place)
        row = self.rows[path]
        computed = _value(self.output(path), place)
        sources = self.wiring[path]
        if isinstance(row.node, Layer):
            found = self._layer(row, row.node, place)
        elif isinstance(row.node, Sum):
            found = self._sum(sources, place)
        elif isinstance(row.node, Product):
            found = self._product(sources, place)
        else:
            found, sources = self._concat(sources, place)
        return UnitStep(path, row.node, place, row.output_shape, found, sources, computed, self.field(path, place))

    def _layer(self, row: Row, layer: Layer, place: Place) -> Arithmetic:
        plain, *after = layer.steps()
        tensor, state = _plain(self.record.inputs[row.path]), self.modules[row.path].state_dict()
        with np.errstate(over="ignore", invalid="ignore"):  # of a network whose numbers have grown beyond all bounds
            found = arithmetic(plain.lower(row.input_shape), state, tensor, place)
        for step in after:
            activation = step.lower(row.output_shape)
            if isinstance(activation, ops.Activate):
                before = _plain(self.record.before[row.path])
                found = numbers.activated(activation, found, at(before, numbers.beside(before, place)), place[-1])
        return found

    def gates(self, step: UnitStep) -> dict[str, list[float]]:
        """What the gates of a recurrent layer's unit did at each step up to this number's; of other layers nothing."""
        if not isinstance(step.node, Layer):
            return {}
        operation = step.node.steps()[0].lower(self.rows[step.path].input_shape)
        if not isinstance(operation, ops.Recur):
            return {}
        state = self.modules[step.path].state_dict()
        arrays = {role: state[name].detach() for role, name in operation.weights.items()}
        return states.gates(operation, arrays, _plain(self.record.inputs[step.path]), step.place)

    def _sum(self, sources: tuple[str, ...], place: Place) -> Arithmetic:
        values = np.array([_value(self.output(source), place) for source in sources])
        return Arithmetic(np.array([place] * len(sources), np.int64), values, np.ones(len(values)), values)

    def _product(self, sources: tuple[str, ...], place: Place) -> Arithmetic:
        """Multiply the branches' numbers; one that is spread has the same for all places along an axis."""
        outputs = [self.output(source) for source in sources]
        spots = np.empty(len(outputs), object)
        for number, output in enumerate(outputs):
            lengths = (*output.shape[1:], output.shape[0])
            spots[number] = np.array([i if n > 1 else 0 for i, n in zip(place[-len(lengths) :], lengths, strict=True)])
        values = np.array([_value(output, tuple(spot)) for output, spot in zip(outputs, spots, strict=True)])
        return Arithmetic(spots, values, np.ones(len(values)), values, "product")

    def _concat(self, sources: tuple[str, ...], place: Place) -> tuple[Arithmetic, tuple[str, ...]]:
        channel = place[-1]
        for source in sources:
            found = self.output(source)
            if channel < len(found):
                spot = (*place[:-1], channel)
                return taken(spot, _value(found, spot)), (source,)
            channel -= len(found)
        raise AssertionError("a concat has as many channels as its branches together")

    def _pixel(self, place: Place) -> UnitStep:
        row, column, channel = self.pixel(place)
        level = int(self.sample.picture[row, column, channel])
        mean, deviation = (part[channel] for part in (self.model.preprocessing.mean, self.model.preprocessing.std))
        value = (level / 255 - mean) / deviation
        symbols = self.sample.symbols
        text = f"({level}/255 − {short(mean)}) / {short(deviation)} = {short(value)}"
        nothing = np.zeros(0)
        finish = Finish("normalise", text, value)
        if symbols:
            finish = Finish("number", f"{symbols[row]}, symbol {row + 1} of the text, is number {level}", float(level))
        found = Arithmetic(np.zeros((0, 1), np.int64), nothing, nothing, nothing, "taken", None, 0, (finish,))
        shape = self.model.network.input
        span = ((row, row), (column, column))
        return UnitStep(INPUT, None, place, shape, found, (), _value(self.output(INPUT), place), span)

    def pixel(self, place: Place) -> Place:
        """Return (row, column, channel) of the picture for a place of the network's input."""
        if len(place) == 3:
            return place
        height, width, channels = self.sample.picture.shape
        channel, row, column = np.unravel_index(place[0], (channels, height, width))
        return int(row), int(column), int(channel)

    def field(self, path: str, place: Place) -> Span | None:
        """Return the rows and columns of the picture that a number can see, not clipped to it.

        A vector's number sees what the layer that made it sees, where it was only moved there; else all of it.
        """
        height, width, _ = self.sample.picture.shape
        if self.sample.symbols and len(place) == 2:
            return self.rows[path].field.at(place[0], 0)
        if len(self.model.network.input) != 3:
            return (0, height - 1), (0, width - 1)
        if path == INPUT:
            return (place[0], place[0]), (place[1], place[1])
        row = self.rows[path]
        if len(place) > 1:
            return row.field.at(place[0], place[1] if len(place) == 3 else 0)
        if isinstance(row.node, Layer):
            operation = row.node.steps()[0].lower(row.input_shape)
            if isinstance(operation, ops.View):
                spot = moves.kept_place(place[0], _plain(self.record.inputs[path]))
                return self.field(self.wiring[path][0], spot)
            if isinstance(operation, _ALIKE) or getattr(operation, "over", "") == "batch":
                return self.field(self.wiring[path][0], place)
        return row.field.each(lambda axis: axis.everything()).at(0, 0)


def arithmetic(operation: ops.Operation, state: Mapping[str, Any], tensor: Array, place: Place) -> Arithmetic:
    """Return how one number of an operation comes about; `state` holds its layer's arrays by name.

    Raises ValueError for what has no arithmetic here.
    """
    if isinstance(operation, ops.Join):
        return _joined(operation, state, tensor, place)
    if isinstance(operation, ops.Opaque):
        raise SettingError(operation.refusal("its numbers cannot be worked out"))
    arrays = {role: state[name].detach() for role, name in operation.weights.items()}
    return ARITHMETIC[type(operation)](operation, arrays, tensor, place)


def _joined(operation: ops.Join, state: Mapping[str, Any], tensor: Array, place: Place) -> Arithmetic:
    """Join branches that are part of one layer: the first is told by its terms, the others by what they give."""
    ends = [_chain(branch, state, tensor, place) for branch in operation.branches]
    (found, value), *others = ends
    finish = list(found.finish)
    for inner, number in others:
        finish += inner.finish
        sign = "·" if operation.how == "multiply" else "+"
        after = value * number if sign == "·" else value + number
        finish.append(Finish(operation.how, f"{short(value)} {sign} {short(number)} = {short(after)}", after))
        value = after
    return replace(found, finish=tuple(finish))


def _chain(
    branch: tuple[ops.Operation, ...], state: Mapping[str, Any], tensor: Array, place: Place
) -> tuple[Arithmetic, float]:
    """Run a branch on all that the layer is given, and return its last number's arithmetic with what led there."""
    told: list[Finish] = []
    for operation in branch[:-1]:
        places = list(np.ndindex(operation.output))
        values = [arithmetic(operation, state, tensor, spot).value for spot in places]
        tensor = np.moveaxis(np.array(values).reshape(operation.output), -1, 0)
        listed = ", ".join(map(short, values[:6])) + (" …" if len(values) > 6 else "")
        told.append(Finish(_said(operation), f"{len(values)} numbers: {listed}", float(sum(values))))
    if not branch:
        found = moves.kept(ops.Pass((), ()), {}, tensor, place)
        return found, found.value
    spot = tuple(0 if length == 1 else part for part, length in zip(place, branch[-1].output, strict=True))
    found = arithmetic(branch[-1], state, tensor, spot)
    return replace(found, finish=(*told, *found.finish)), found.value


def _said(operation: ops.Operation) -> str:
    return str(getattr(operation, "function", None) or getattr(operation, "how", None) or operation.kind)


def _plain(tensor: torch.Tensor) -> Array:
    found: Array = tensor[0].double().numpy()
    return found


def _value(tensor: Array, place: Place) -> float:
    return float(at(tensor, np.array([place]))[0])
