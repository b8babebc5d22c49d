"""The layer that writes a sentence about what came before it."""

from __future__ import annotations

from typing import Literal

from hubel.arch import ops
from hubel.arch._cost import Call, Keeps
from hubel.arch._errors import Fit, ShapeError
from hubel.arch._layer import Layer, register
from hubel.arch._shape import Shape, positive, shape_text, size
from hubel.arch.figures.expression import Expression, Quantity
from hubel.base.errors import SettingError


@register("caption", positional=("length", "words", "units"))
class Caption(Layer):
    """Write a sentence, a word a step: (features,) → length×words, a number a word (Show and Tell, Vinyals et al.
    2015).

    A recurrent layer of `units` ("gru" or "lstm") is given the features first, then each word that it wrote, looked up
    as a vector of as many features; a dense layer tells the next word of each state. In training it is given the words
    that people wrote instead (`hubel.nn.modules.teaching`).
    """

    length: int
    words: int
    units: int
    cell: Literal["gru", "lstm"] = "gru"

    def check(self) -> None:
        """Check the settings."""
        self._set(**{name: positive(getattr(self, name), name) for name in ("length", "words", "units")})
        if self.cell not in ("gru", "lstm"):
            raise SettingError(f"expected cell as 'gru' or 'lstm', received {self.cell!r}")

    def output_shape(self, input: Shape) -> Shape:
        """Return length×words."""
        if len(input) != 1:
            fits = (Fit("before it", "globalavgpool or flatten", shape_text((size(input),))),)
            raise ShapeError(f"Caption expected a vector of features, received {shape_text(input)}", fits=fits)
        return self.length, self.words

    def figures(self, input: Shape) -> dict[str, Expression]:
        """Return the arithmetic: a table of words, gates of what comes in and the state, and a number a word."""
        features, units, words = Quantity("features", input[0]), Quantity("units", self.units), self.words
        gates = Quantity("gates", 3 if self.cell == "gru" else 4)
        told = Quantity("words", words)
        biases = 2 if self.cell == "gru" else 1
        return {
            "parameters": told * features + gates * (features + units + biases) * units + (units + 1) * told,
            "macs": Quantity("steps", self.length) * (gates * (features + units) * units + units * told),
        }

    def lower(self, input: Shape) -> ops.Operation:
        """Return the writing."""
        second = "recurrent.bias_hh_l0" if self.cell == "gru" else None
        return ops.Write(input, self.output_shape(input), self.cell, self.units, recurrent_bias=second)

    def call(self, input: Shape) -> Call:
        """Return hubel's own module."""
        return Call(
            "Caption",
            {"features": input[0], "steps": self.length, "words": self.words, "units": self.units, "cell": self.cell},
        )

    def keeps(self, input: Shape) -> Keeps:
        """Keep the words looked up, gates and states of every step, and its output."""
        return Keeps(output=True, extra_bytes=4 * self.length * (input[0] + 8 * self.units))

    def gradient_paths(self, input: Shape) -> tuple[int, int]:
        """Return one position that all steps read."""
        return 1, self.length
