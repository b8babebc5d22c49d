"""Layers that look numbers up."""

from __future__ import annotations

from typing import ClassVar

from hubel.arch import ops
from hubel.arch._cost import Call, Keeps
from hubel.arch._errors import Fit, ShapeError
from hubel.arch._layer import Layer, register
from hubel.arch._shape import Shape, positive, shape_text, size
from hubel.arch.figures.expression import Expression, Quantity


@register("embed", positional=("input_dim", "output_dim"))
class Embedding(Layer):
    """Look up a learned vector for each whole number: (T,) → T×output_dim, a sequence.

    The network's input is then T whole numbers from 0 to `input_dim` − 1, words or letters: nothing may stand before an
    embedding.
    """

    input_dim: int
    output_dim: int

    reads_whole_numbers: ClassVar[bool] = True

    def check(self) -> None:
        """Check the settings."""
        self._set(
            input_dim=positive(self.input_dim, "input_dim"),
            output_dim=positive(self.output_dim, "output_dim"),
        )

    def output_shape(self, input: Shape) -> Shape:
        """Return T×output_dim."""
        if len(input) != 1:
            fits = (Fit("the input", shape_text((size(input),)), "so many whole numbers"),)
            raise ShapeError(f"Embedding expected a vector of whole numbers, received {shape_text(input)}", fits=fits)
        return input[0], self.output_dim

    def shape_figures(self, input: Shape) -> dict[str, Expression]:
        """Return the number of steps."""
        return {"output_steps": Quantity("numbers", input[0])}

    def figures(self, input: Shape) -> dict[str, Expression]:
        """Return the arithmetic of the table; looking up multiplies nothing."""
        table = Quantity("numbers known", self.input_dim) * Quantity("features", self.output_dim)
        return {"weights": table, "parameters": table}

    def lower(self, input: Shape) -> ops.Operation:
        """Return the look-up."""
        return ops.Embed(input, self.output_shape(input), self.input_dim)

    def call(self, input: Shape) -> Call:
        """Return hubel's own module, PyTorch's with the features first."""
        return Call("Embedding", {"num_embeddings": self.input_dim, "embedding_dim": self.output_dim})

    def keeps(self, input: Shape) -> Keeps:
        """Keep the whole numbers (8 bytes each)."""
        return Keeps(fixed_bytes=8 * input[0])
