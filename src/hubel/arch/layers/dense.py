"""Layers in which every output sees every input."""

from __future__ import annotations

from hubel.arch import ops
from hubel.arch._cost import Call, Keeps
from hubel.arch._errors import Fit, ShapeError
from hubel.arch._layer import Layer, Weighted, register
from hubel.arch._shape import Shape, positions, positive, shape_text, size
from hubel.arch.figures.expression import Expression, Quantity, elements
from hubel.arch.figures.field import Axis, Field


@register("dense", positional=("units",))
class Dense(Weighted):
    """Weigh all inputs for each of `units` outputs: (features,) → (units,).

    On a picture it acts on the channels of each place, H×W×C → H×W×units, on a sequence on those of each step, T×C →
    T×units, as in Keras: a convolution with a kernel of 1.
    """

    units: int

    def check(self) -> None:
        """Check the settings."""
        self._set(units=positive(self.units, "units"))

    def output_shape(self, input: Shape) -> Shape:
        """Return (units,), H×W×units or T×units."""
        return (*input[:-1], self.units)

    def figures(self, input: Shape) -> dict[str, Expression]:
        """Return the arithmetic of weights and MACs."""
        inputs, units = Quantity("inputs" if len(input) == 1 else "channels", input[-1]), Quantity("units", self.units)
        figures: dict[str, Expression] = {"weights": inputs * units}
        figures["parameters"] = (inputs + 1) * units if self.use_bias else inputs * units
        each = elements(self.output_shape(input), units)
        figures["macs"] = inputs * units if len(input) == 1 else each * inputs
        if self.use_bias:
            figures["biases"] = units
            figures["bias_operations"] = each
        return figures

    def lower(self, input: Shape) -> ops.Operation:
        """Return the sum over the last axis."""
        return ops.DenseSum(input, self.output_shape(input), bias="bias" if self.use_bias else None)

    def call(self, input: Shape) -> Call:
        """Return `Linear`, a 1×1 `Conv2d` for pictures, or a `Conv1d` of kernel 1 for sequences."""
        if len(input) == 1:
            return Call("Linear", {"in_features": input[0], "out_features": self.units, "bias": self.use_bias})
        arguments = {"in_channels": input[-1], "out_channels": self.units, "bias": self.use_bias}
        if len(input) == 2:
            return Call("Conv1d", {**arguments, "kernel_size": 1})
        return Call("Conv2d", {**arguments, "kernel_size": (1, 1)})

    def keeps(self, input: Shape) -> Keeps:
        """Keep the input."""
        return Keeps(input=True)

    def seen_through(self, input: Shape, field: Field) -> Field:
        """See everything that the vector's numbers see; else what each place or step sees."""
        return field.each(Axis.everything) if len(input) == 1 else field


@register("rbf", positional=("units",))
class RadialBasis(Layer):
    """Measure how near the input lies to each of `units` fixed codes: −½·Σ(x − w)², so that the nearest wins.

    The output layer of LeCun, Bottou, Bengio & Haffner (1998), equation 7, whose weights are ±1 and not trained.
    """

    units: int

    def check(self) -> None:
        """Check the settings."""
        self._set(units=positive(self.units, "units"))

    def output_shape(self, input: Shape) -> Shape:
        """Return (units,)."""
        if len(input) != 1:
            fits = (Fit("before it", "a Flatten", shape_text((size(input),))),)
            raise ShapeError(f"RadialBasis expected a vector, received {shape_text(input)}", fits=fits)
        return (self.units,)

    def figures(self, input: Shape) -> dict[str, Expression]:
        """Return the arithmetic of weights and MACs."""
        codes = Quantity("inputs", input[0]) * Quantity("units", self.units)
        return {"weights": codes, "parameters": codes, "frozen": codes, "macs": codes}

    def lower(self, input: Shape) -> ops.Operation:
        """Return the distances."""
        return ops.RadialSum(input, self.output_shape(input))

    def call(self, input: Shape) -> Call:
        """Return hubel's own module."""
        return Call("RadialBasis", {"in_features": input[0], "out_features": self.units})

    def keeps(self, input: Shape) -> Keeps:
        """Keep the input."""
        return Keeps(input=True)

    def seen_through(self, input: Shape, field: Field) -> Field:
        """See everything."""
        return field.each(Axis.everything)

    def gradient_paths(self, input: Shape) -> tuple[int, int]:
        """Return the one position of a vector."""
        return positions(input), positions(input)
