"""Layers in which every output sees every input."""

from __future__ import annotations

from hubel.arch import ops
from hubel.arch._errors import Fit, ShapeError
from hubel.arch._layer import Call, Keeps, Layer, Weighted, register
from hubel.arch._shape import Shape, positions, positive, shape_text, size
from hubel.arch.figures.expression import Expression, Quantity
from hubel.arch.figures.field import Axis, Field


@register("dense", positional=("units",))
class Dense(Weighted):
    """Weigh all inputs for each of `units` outputs: (features,) → (units,).

    On a picture it acts on the channels of each place, H×W×C → H×W×units, as in Keras: a 1×1 convolution.
    """

    units: int

    def check(self) -> None:
        """Check the settings."""
        self._set(units=positive(self.units, "units"))

    def output_shape(self, input: Shape) -> Shape:
        """Return (units,), or H×W×units."""
        return (*input[:-1], self.units)

    def figures(self, input: Shape) -> dict[str, Expression]:
        """Return the arithmetic of weights and MACs."""
        inputs, units = Quantity("channels" if len(input) == 3 else "inputs", input[-1]), Quantity("units", self.units)
        figures: dict[str, Expression] = {"weights": inputs * units}
        figures["parameters"] = (inputs + 1) * units if self.use_bias else inputs * units
        each: Expression = units
        if len(input) == 3:
            each = Quantity("height", input[0]) * Quantity("width", input[1]) * units
            figures["macs"] = each * inputs
        else:
            figures["macs"] = inputs * units
        if self.use_bias:
            figures["biases"] = units
            figures["bias_operations"] = each
        return figures

    def lower(self, input: Shape) -> ops.Operation:
        """Return the sum over the last axis."""
        return ops.DenseSum(input, self.output_shape(input), bias="bias" if self.use_bias else None)

    def call(self, input: Shape) -> Call:
        """Return `Linear`, or a 1×1 `Conv2d` for pictures."""
        if len(input) == 1:
            return Call("Linear", {"in_features": input[0], "out_features": self.units, "bias": self.use_bias})
        arguments = {"in_channels": input[2], "out_channels": self.units, "kernel_size": (1, 1), "bias": self.use_bias}
        return Call("Conv2d", arguments)

    def keeps(self, input: Shape) -> Keeps:
        """Keep the input."""
        return Keeps(input=True)

    def seen_through(self, input: Shape, field: Field) -> Field:
        """See everything that the vector's numbers see; on a picture, what each place sees."""
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
