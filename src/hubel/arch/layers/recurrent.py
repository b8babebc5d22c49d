"""Recurrent layers: a state carried along the steps of a sequence.

One bias a gate, as in Keras, slides and papers: PyTorch's `RNN` and `LSTM` have a second one, which adds nothing (build
leaves it at zero). The GRU has two in all of them, as the second stands inside the reset.
"""

from __future__ import annotations

from dataclasses import KW_ONLY
from typing import Any, ClassVar, Literal

from hubel.arch import ops
from hubel.arch._cost import Call, Keeps
from hubel.arch._layer import Layer, register
from hubel.arch._shape import Shape, positive, size
from hubel.arch._window import need_sequence
from hubel.arch.figures.expression import Expression, Quantity
from hubel.arch.figures.field import Axis, Field
from hubel.base.errors import SettingError


class _Recurrent(Layer):
    """What all of them have in common: T×C → (units,), the last state, or T×units with `return_sequences`.

    `go_backwards` reads the last step first, and gives the states in that order, as in Keras. `activation` is that of
    the state.
    """

    units: int
    activation: str = "tanh"
    _: KW_ONLY
    use_bias: bool = True
    return_sequences: bool = False
    go_backwards: bool = False

    cell: ClassVar[Literal["simple", "lstm", "gru"]]
    functions: ClassVar[tuple[str, ...]] = ("tanh",)
    gates: ClassVar[int] = 1
    biases: ClassVar[int] = 1
    kept_each: ClassVar[int] = 7  # numbers that PyTorch keeps for each unit and step: gates, states and what they make
    activations_each: ClassVar[int]
    operations_each: ClassVar[int]

    def check(self) -> None:
        """Check the settings."""
        self._set(units=positive(self.units, "units"))
        self._one_of("activation", self.functions)

    def _one_of(self, name: str, known: tuple[object, ...]) -> None:
        if getattr(self, name) not in known:
            listed = " or ".join(map(repr, known))
            raise SettingError(
                f"expected {name} of {type(self).__name__} as {listed}, as PyTorch has it, "
                f"received {getattr(self, name)!r}"
            )

    def output_shape(self, input: Shape) -> Shape:
        """Return (units,), or T×units."""
        need_sequence(type(self).__name__, input)
        return (input[0], self.units) if self.return_sequences else (self.units,)

    def figures(self, input: Shape) -> dict[str, Expression]:
        """Return the arithmetic of weights and MACs: each gate weighs what comes in and the state, at every step."""
        need_sequence(type(self).__name__, input)
        steps, units = Quantity("steps", input[0]), Quantity("units", self.units)
        gates = Quantity("gates", self.gates)
        all_gates: Expression = gates * units if self.gates > 1 else units
        seen = Quantity("channels", input[1]) + units
        weighed = gates * seen if self.gates > 1 else seen
        figures = {"dot_product": seen, "weights": weighed * units}
        figures["parameters"] = figures["weights"]
        figures["macs"] = steps * weighed * units
        if self.use_bias:
            biased = seen + self.biases
            figures["biases"] = all_gates * self.biases if self.biases > 1 else all_gates
            figures["parameters"] = (gates * biased if self.gates > 1 else biased) * units
            figures["bias_operations"] = steps * figures["biases"]
        figures["activation_operations"] = steps * units * self.activations_each
        figures["elementwise_operations"] = steps * units * self.operations_each
        return figures

    def lower(self, input: Shape) -> ops.Operation:
        """Return the recurrence."""
        bias = "bias_ih_l0" if self.use_bias else None
        second = "bias_hh_l0" if self.use_bias and self.biases == 2 else None
        return ops.Recur(
            input,
            self.output_shape(input),
            self.cell,
            self.units,
            self.return_sequences,
            self.activation,
            bias=bias,
            recurrent_bias=second,
            backwards=self.go_backwards,
        )

    def call(self, input: Shape) -> Call:
        """Return hubel's own module, PyTorch's over N×C×T."""
        arguments: dict[str, Any] = {
            "input_size": input[1],
            "hidden_size": self.units,
            "bias": self.use_bias,
            "sequences": self.return_sequences,
            "backwards": self.go_backwards,
        }
        if len(self.functions) > 1:
            arguments["nonlinearity"] = self.activation
        return Call(type(self).__name__, arguments)

    def keeps(self, input: Shape) -> Keeps:
        """Keep a copy of the input, its steps in the order in which they are read, and what each step makes.

        What the gates get of the input is worked out for all steps at once, and the states are put side by side.
        """
        each = 4 * self.units * input[0]
        extra = 4 * size(input) + self.kept_each * each
        # the states stay in 32 bits
        autocast = Keeps(extra_bytes=extra, fixed_bytes=each // 2, passing_bytes=(self.gates + 4) * each)
        return Keeps(extra_bytes=extra, passing_bytes=(self.gates + 1) * each, autocast=autocast)

    def backward_macs(self, input: Shape, macs: int, wanted: bool) -> int:
        """Return those of the states before (the first is zero), and of the input."""
        return self.gates * self.units * ((input[0] - 1) * self.units + wanted * input[0] * input[1])

    def seen_through(self, input: Shape, field: Field) -> Field:
        """See every step up to one's own; the last state has seen all."""
        if not self.return_sequences:
            return field.each(Axis.everything)
        return field.along(lambda axis: axis.so_far(self.go_backwards))

    def gradient_paths(self, input: Shape) -> tuple[int, int]:
        """Return all steps twice: a state sends its gradient to all before it."""
        return input[0], input[0]


@register("rnn", positional=("units",))
class SimpleRNN(_Recurrent):
    """Weigh each step and the state before: T×C → (units,): h = activation(W·x + U·h + b), Elman (1990).

    `activation`: "tanh" or "relu". `return_sequences` (in the text form `sequences`) gives every state, T×units.
    `go_backwards` (`backwards`) reads the last step first.
    """

    cell = "simple"
    functions = ("tanh", "relu")
    kept_each = 1
    activations_each = 1
    operations_each = 1  # the sum of both products

    def keeps(self, input: Shape) -> Keeps:
        """Keep a copy of the input and every state, the first of zeros too."""
        each = 4 * self.units
        return Keeps(extra_bytes=4 * size(input) + each * (input[0] + 1), passing_bytes=2 * each * input[0])


@register("lstm", positional=("units",))
class LSTM(_Recurrent):
    """Carry a state and a cell that gates open and close: T×C → (units,). Hochreiter & Schmidhuber (1997).

    Four gates (input, forget, new, output): c = f·c + i·g, h = o·tanh(c). Settings as in `SimpleRNN`; `activation` is
    "tanh" and `recurrent_activation` "sigmoid", as in PyTorch.
    """

    recurrent_activation: str = "sigmoid"

    cell = "lstm"
    gates = 4
    kept_each = 7  # where each step is worked out by itself
    activations_each = 5
    operations_each = 8  # four sums, three products and their sum

    def check(self) -> None:
        """Check the settings."""
        super().check()
        self._one_of("recurrent_activation", ("sigmoid",))

    def keeps(self, input: Shape) -> Keeps:
        """Keep a copy of the input and the room in which oneDNN works, cells and what becomes of them in 32 bits."""
        each = self.units * input[0]
        return Keeps(
            extra_bytes=4 * (size(input) + 10 * each),
            fixed_bytes=27 * each,
            passing_bytes=4 * 5 * each,
            learning_bytes=4 * 6 * each,
            stepwise=super().keeps(input),
        )


@register("gru", positional=("units",))
class GRU(_Recurrent):
    """Carry a state that two gates reset and renew: T×C → (units,). Cho et al. (2014).

    Reset, update, new: n = tanh(W·x + b + r·(U·h + c)), h = n + z·(h − n). Settings as in `LSTM`; `reset_after` is
    True, what PyTorch computes, and Keras unless told otherwise; it gives each gate two biases.
    """

    recurrent_activation: str = "sigmoid"
    reset_after: bool = True

    cell = "gru"
    gates = 3
    biases = 2
    activations_each = 3
    operations_each = 7  # three sums, r·(…), h − n, z·(…), and n added

    def check(self) -> None:
        """Check the settings."""
        super().check()
        self._one_of("recurrent_activation", ("sigmoid",))
        self._one_of("reset_after", (True,))
