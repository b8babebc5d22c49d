"""A layer of one's own that is several operations, with a module of its own: a gate, as squeeze-and-excitation is."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from hubel.arch import Call, Expression, Field, Keeps, Layer, Quantity, Shape, ops, register


class Gated(nn.Module):
    """The picture, multiplied by what a dense layer makes of its means."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.gate = nn.Linear(channels, channels)

    def forward(self, input: Tensor) -> Tensor:
        return input * torch.sigmoid(self.gate(input.mean((2, 3))))[..., None, None]


@register("gated")
class GatedLayer(Layer):
    """H×W×C → H×W×C."""

    def output_shape(self, input: Shape) -> Shape:
        return input

    def figures(self, input: Shape) -> dict[str, Expression]:
        channels = Quantity("channels", input[2])
        return {"parameters": (channels + 1) * channels, "macs": channels * channels}

    def lower(self, input: Shape) -> ops.Operation:
        means = (1, 1, input[2])
        gate = (
            ops.Span(input, means, "mean", tuple(map(ops.whole, input[:2]))),
            ops.DenseSum(means, means, "gate.weight", "gate.bias"),
            ops.Activate(means, means, "sigmoid"),
        )
        return ops.Join(input, input, "multiply", ((), gate))

    def call(self, input: Shape) -> Call:
        return Call("tests.conformance.own.Gated", {"channels": input[2]})

    def seen_through(self, input: Shape, field: Field) -> Field:
        return field.each(lambda axis: axis.everything(axis.length))

    def keeps(self, input: Shape) -> Keeps:
        return Keeps(input=True, extra_bytes=4 * 2 * input[2])
