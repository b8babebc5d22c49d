"""Activations: one function on each number (softmax: on each vector of channels)."""

from __future__ import annotations

from hubel.arch import ops
from hubel.arch._layer import Call, Keeps, Layer, register
from hubel.arch._shape import Shape
from hubel.arch.figures.expression import Expression, elements
from hubel.arch.ops.functions import FUNCTIONS
from hubel.base.errors import SettingError
from hubel.base.names import did_you_mean

# those that need no constants can be written with a layer
NAMES = tuple(name for name, function in FUNCTIONS.items() if not function.constants)


@register("activation", positional=("function",))
class Activation(Layer):
    """Apply a function to each number; the shape stays. In the text form its name alone: `relu`.

    A name of `hubel.arch.ops.FUNCTIONS` that needs no constants: relu, tanh, softmax (over the channels of each place),
    linear (nothing) and the like.
    """

    function: str

    def check(self) -> None:
        """Check that the function is known."""
        if self.function not in NAMES:
            hint = did_you_mean(str(self.function), NAMES)
            raise SettingError(f"expected an activation of {', '.join(NAMES)}, received {self.function!r}{hint}")

    def text(self) -> str:
        """Write the function alone: `relu`."""
        return self.function

    def output_shape(self, input: Shape) -> Shape:
        """Return the input's shape."""
        return input

    def figures(self, input: Shape) -> dict[str, Expression]:
        """Return one operation for each number."""
        return {} if self.function == "linear" else {"activation_operations": elements(input)}

    def lower(self, input: Shape) -> ops.Operation:
        """Return the function of each number."""
        return ops.Pass(input, input) if self.function == "linear" else ops.Activate(input, input, self.function)

    def call(self, input: Shape) -> Call:
        """Return PyTorch's module of that function."""
        return Call(FUNCTIONS[self.function].torch, {"dim": 1} if self.function == "softmax" else {})

    def keeps(self, input: Shape) -> Keeps:
        """Keep the output where the derivative can be had from it, else the input."""
        return FUNCTIONS[self.function].keeps

    def shares_input(self) -> bool:
        """Tell whether this is `linear`, which does nothing."""
        return self.function == "linear"


@register("leaky", positional=("negative_slope",))
class LeakyReLU(Layer):
    """Let negative numbers through, times `negative_slope`: Maas, Hannun & Ng (2013)."""

    negative_slope: float = 0.01

    def check(self) -> None:
        """Check the slope."""
        if not isinstance(self.negative_slope, (int, float)) or isinstance(self.negative_slope, bool):
            raise SettingError(f"expected negative_slope as a number, received {self.negative_slope!r}")
        self._set(negative_slope=float(self.negative_slope))

    def output_shape(self, input: Shape) -> Shape:
        """Return the input's shape."""
        return input

    def figures(self, input: Shape) -> dict[str, Expression]:
        """Return one operation for each number."""
        return {"activation_operations": elements(input)}

    def lower(self, input: Shape) -> ops.Operation:
        """Return the function of each number."""
        return ops.Activate(input, input, "leaky_relu", {"negative_slope": self.negative_slope})

    def call(self, input: Shape) -> Call:
        """Return `LeakyReLU`."""
        return Call("LeakyReLU", {"negative_slope": self.negative_slope})

    def keeps(self, input: Shape) -> Keeps:
        """Keep the input."""
        return Keeps(input=True)
