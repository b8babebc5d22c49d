"""From any number of a network's run back to those that fed it, one layer at a time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
import torch

import hubel.arch as arch
from hubel.arch import Layer, Product, Row, Sum
from hubel.look import _unit_moves as moves
from hubel.look import _unit_numbers as numbers
from hubel.look import _unit_weights as weights
from hubel.look import _unit_windows as windows
from hubel.look._record import Record
from hubel.look._subject import Subject
from hubel.look._unit_step import Arithmetic, Array, Finish, Place, UnitStep, taken
from hubel.look._unit_wiring import INPUT, wiring
from hubel.look.grids import rounded_text as short
from hubel.tasks import LoadedModel

Span: TypeAlias = "tuple[tuple[int, int], tuple[int, int]]"

# a layer's class: (the layer without its activation, its module, what it was given C×H×W or features, the place)
ARITHMETIC: dict[type[Layer], Callable[[Any, Any, Array, Place], Arithmetic]] = {
    arch.Conv2D: weights.convolution,
    arch.DepthwiseConv2D: weights.convolution,
    arch.LocallyConnected2D: weights.local,
    arch.Conv2DTranspose: weights.transposed,
    arch.Dense: weights.dense,
    arch.RadialBasis: weights.radial,
    arch.MaxPooling2D: windows.window_max,
    arch.AveragePooling2D: windows.window_average,
    arch.GlobalMaxPooling2D: windows.whole_max,
    arch.GlobalAveragePooling2D: windows.whole_average,
    arch.AdaptiveMaxPooling2D: windows.bin_max,
    arch.AdaptiveAveragePooling2D: windows.bin_average,
    arch.UpSampling2D: windows.enlarged,
    arch.Identity: moves.kept,
    arch.Dropout: moves.kept,
    arch.Flatten: moves.flattened,
    arch.Reshape: moves.reshaped,
    arch.ZeroPadding2D: moves.framed,
    arch.Cropping2D: moves.cut,
    arch.SelectChannels: moves.chosen,
    arch.ChannelShuffle: moves.shuffled,
    arch.ChannelPadding: moves.more_channels,
    arch.Activation: numbers.activation,
    arch.LeakyReLU: numbers.leaky,
    arch.BatchNormalization: numbers.over_the_batch,
    arch.LayerNormalization: numbers.over_the_channels,
    arch.GroupNormalization: numbers.over_a_group,
    arch.LocalResponseNormalization: numbers.over_neighbours,
    arch.Scale: numbers.scaled,
    arch.SqueezeExcitation: numbers.gated,
}


class Tracer:
    """A network's run on one image, whose every number can be asked where it comes from."""

    def __init__(self, model: LoadedModel, subject: Subject, record: Record) -> None:
        self.model, self.subject, self.record = model, subject, record
        self.rows = {row.path: row for row in record.rows}
        self.wiring = wiring(model.network)
        self.modules = dict(model.module.named_modules())
        self._held: dict[str, Array] = {}

    def output(self, path: str) -> Array:
        """Return what a layer gave, C×H×W or a vector, in 64 bits; of `INPUT`, what the network was given."""
        if path not in self._held:
            self._held[path] = _plain(self.subject.input if path == INPUT else self.record.outputs[path])
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
        tensor = _plain(self.record.inputs[row.path])
        with np.errstate(over="ignore", invalid="ignore"):  # of a network whose numbers have grown beyond all bounds
            found = _arithmetic(plain)(plain, self.modules[row.path], tensor, place)
        for step in after:
            before = _plain(self.record.before[row.path])
            here = before if before.ndim == 1 else before[:, place[0], place[1]]
            found = numbers.activated(getattr(step, "function", ""), found, here, place[-1])
        return found

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
        level = int(self.subject.picture[row, column, channel])
        mean, deviation = (part[channel] for part in (self.model.preprocessing.mean, self.model.preprocessing.std))
        value = (level / 255 - mean) / deviation
        text = f"({level}/255 − {short(mean)}) / {short(deviation)} = {short(value)}"
        nothing = np.zeros(0)
        found = Arithmetic(
            np.zeros((0, 1), np.int64), nothing, nothing, nothing, "taken", None, 0, (Finish("normalise", text, value),)
        )
        shape = self.model.network.input
        span = ((row, row), (column, column))
        return UnitStep(INPUT, None, place, shape, found, (), _value(self.output(INPUT), place), span)

    def pixel(self, place: Place) -> Place:
        """Return (row, column, channel) of the picture for a place of the network's input."""
        if len(place) == 3:
            return place
        height, width, channels = self.subject.picture.shape
        channel, row, column = np.unravel_index(place[0], (channels, height, width))
        return int(row), int(column), int(channel)

    def field(self, path: str, place: Place) -> Span | None:
        """Return the rows and columns of the picture that a number can see, not clipped to it.

        A vector's number sees what the layer that made it sees, where it was only moved there; else all of it.
        """
        height, width, _ = self.subject.picture.shape
        if len(self.model.network.input) == 1:
            return (0, height - 1), (0, width - 1)
        if path == INPUT:
            return (place[0], place[0]), (place[1], place[1])
        row = self.rows[path]
        if len(place) == 3:
            return row.field.at(place[0], place[1])
        sources = self.wiring[path]
        if len(sources) == 1 and row.type in ("Flatten", "Reshape", *_ALIKE):
            tensor = _plain(self.record.inputs[path])
            spot = moves.kept_place(place[0], tensor) if row.type in ("Flatten", "Reshape") else place
            return self.field(sources[0], spot)
        return row.field.each(lambda axis: axis.everything()).at(0, 0)


# layers that leave a vector's numbers where they are, and look at each alone
_ALIKE = ("Identity", "Dropout", "Activation", "LeakyReLU", "BatchNormalization", "Scale")


def _arithmetic(layer: Layer) -> Callable[[Any, Any, Array, Place], Arithmetic]:
    for kind in type(layer).__mro__:
        if kind in ARITHMETIC:
            return ARITHMETIC[kind]
    raise ValueError(
        f"expected a layer whose arithmetic is known, received {type(layer).__name__}; write it as a function and put "
        "it in hubel.look.unit.ARITHMETIC"
    )


def _plain(tensor: torch.Tensor) -> Array:
    found: Array = tensor[0].double().numpy()
    return found


def _value(tensor: Array, place: Place) -> float:
    return float(tensor[place[0]] if tensor.ndim == 1 else tensor[place[2], place[0], place[1]])
