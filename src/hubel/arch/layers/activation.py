"""Activations: one function on each number (softmax: on each vector of channels)."""

from __future__ import annotations

import math
from typing import ClassVar

from hubel.arch import ops
from hubel.arch._cost import Call, Keeps
from hubel.arch._layer import Layer, register
from hubel.arch._shape import Shape
from hubel.arch.figures.expression import Expression, Quantity, elements
from hubel.arch.ops.functions import FARTHEST, FUNCTIONS
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
        function = FUNCTIONS[self.function]
        return Call(function.torch, dict(function.torch_arguments))

    def keeps(self, input: Shape) -> Keeps:
        """Keep the output where the derivative can be had from it, else the input."""
        return FUNCTIONS[self.function].keeps

    def shares_input(self) -> bool:
        """Tell whether this is `linear`, which does nothing."""
        return self.function == "linear"


class _WithConstants(Layer):
    """A function of each number with constants: `function` is its row of `hubel.arch.ops.FUNCTIONS`."""

    function: ClassVar[str]

    def check(self) -> None:
        """Check the constants."""
        for name in self.constants:
            value = getattr(self, name)
            if not isinstance(value, (int, float)) or isinstance(value, bool) or not math.isfinite(value):
                raise SettingError(f"expected {name} as a number, received {value!r}")
            self._set(**{name: float(value)})

    @property
    def constants(self) -> dict[str, float]:
        """The constants by their names."""
        return {name: getattr(self, name) for name in FUNCTIONS[self.function].constants}

    def output_shape(self, input: Shape) -> Shape:
        """Return the input's shape."""
        return input

    def figures(self, input: Shape) -> dict[str, Expression]:
        """Return one operation for each number."""
        return {"activation_operations": elements(input)}

    def lower(self, input: Shape) -> ops.Operation:
        """Return the function of each number."""
        return ops.Activate(input, input, self.function, self.constants)

    def call(self, input: Shape) -> Call:
        """Return the module of that function."""
        return Call(FUNCTIONS[self.function].torch, self.constants)

    def keeps(self, input: Shape) -> Keeps:
        """Keep what the function's derivative needs."""
        return FUNCTIONS[self.function].keeps


@register("leaky", positional=("negative_slope",))
class LeakyReLU(_WithConstants):
    """Let negative numbers through, times `negative_slope`: Maas, Hannun & Ng (2013)."""

    negative_slope: float = 0.01
    function = "leaky_relu"


@register("elu", positional=("alpha",))
class ELU(_WithConstants):
    """Bend negative numbers to −`alpha`: Clevert, Unterthiner & Hochreiter (2015). `elu` alone has an alpha of 1."""

    alpha: float = 1.0
    function = "alpha_elu"


@register("celu", positional=("alpha",))
class CELU(_WithConstants):
    """Bend negative numbers to −`alpha`, with a slope of 1 at zero: Barron (2017)."""

    alpha: float = 1.0
    function = "celu"

    def check(self) -> None:
        """Check alpha, by which it divides."""
        super().check()
        if self.alpha == 0:
            raise SettingError("expected alpha other than 0, received 0")


@register("clip")
class Clip(_WithConstants):
    """Keep each number within limits: `clip x_min=-1 x_max=1`, or on one side alone, `clip x_max=3`."""

    x_min: float = -FARTHEST
    x_max: float = FARTHEST
    function = "clip"

    def check(self) -> None:
        """Check that there is something between the limits."""
        super().check()
        if self.x_min >= self.x_max:
            raise SettingError(f"expected x_min below x_max, received {self.x_min:g} and {self.x_max:g}")


@register("rescale", positional=("scale",))
class Rescaling(_WithConstants):
    """Multiply each number by `scale` and add `offset`, which stay as they are: `rescale 0.5`, a division by 2."""

    scale: float
    offset: float = 0.0
    function = "rescale"

    def figures(self, input: Shape) -> dict[str, Expression]:
        """Return one operation for each number."""
        return {"elementwise_operations": elements(input)}


@register("prelu")
class PReLU(Layer):
    """Let negative numbers through, times a learned number, 0.25 at first: He, Zhang, Ren & Sun (2015).

    One for each channel, or `shared` by all.
    """

    shared: bool = False

    def output_shape(self, input: Shape) -> Shape:
        """Return the input's shape."""
        return input

    def figures(self, input: Shape) -> dict[str, Expression]:
        """Return a slope for each channel, one operation for each number."""
        learned = Quantity("slopes", 1) if self.shared else Quantity("channels", input[-1])
        return {"parameters": learned, "activation_operations": elements(input)}

    def lower(self, input: Shape) -> ops.Operation:
        """Return the learned slope below zero."""
        return ops.Slope(input, input, self.shared)

    def call(self, input: Shape) -> Call:
        """Return `PReLU`."""
        return Call("PReLU", {"num_parameters": 1 if self.shared else input[-1]})

    def keeps(self, input: Shape) -> Keeps:
        """Keep the input."""
        return Keeps(input=True)
