"""Global response normalisation: channels of a picture compete by how strong they are as a whole."""

from __future__ import annotations

from hubel.arch import ops
from hubel.arch._cost import Call, Keeps
from hubel.arch._errors import Fit, ShapeError
from hubel.arch._layer import Layer, register
from hubel.arch._shape import Shape
from hubel.arch.figures.expression import Expression, Quantity, elements
from hubel.arch.layers.normalization import _fraction


@register("grn", label="norm")
class GlobalResponseNormalization(Layer):
    """Weigh each channel by n, its norm over the picture divided by the mean of all norms: Woo et al. (2023).

    x + weight·x·n + bias, with weights and biases that are zero at first, when it does nothing. H×W×C and T×C.
    """

    epsilon: float = 1e-6

    def check(self) -> None:
        """Check the settings."""
        self._set(epsilon=_fraction(self.epsilon, "epsilon"))

    def output_shape(self, input: Shape) -> Shape:
        """Return the input's shape."""
        if len(input) == 1:
            raise ShapeError(
                f"GlobalResponseNormalization expected a picture or a sequence, received a vector of {input[0]}, whose "
                "numbers stand for themselves",
                fits=(Fit("instead of it", "layernorm", "over the numbers of the vector"),),
            )
        return input

    def figures(self, input: Shape) -> dict[str, Expression]:
        """Return a weight and a bias for each channel, two operations for each number."""
        return {"parameters": Quantity("channels", input[-1]) * 2, "normalization_operations": 2 * elements(input)}

    def lower(self, input: Shape) -> ops.Operation:
        """Return the competition of the channels."""
        return ops.Compete(input, input, self.epsilon)

    def call(self, input: Shape) -> Call:
        """Return hubel's own module."""
        return Call("GlobalResponseNorm", {"channels": input[-1], "eps": self.epsilon})

    def keeps(self, input: Shape) -> Keeps:
        """Keep the input and the share of each channel, and for the gradient of the input norms and factors."""
        return Keeps(input=True, fixed_bytes=4 * input[-1], through_bytes=4 * (2 * input[-1] + 1))
