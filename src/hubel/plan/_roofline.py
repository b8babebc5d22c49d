"""How long each layer takes: the longer of its arithmetic and its memory traffic.

The roofline of Williams, Waterman & Patterson (2009), applied layer by layer.

    time of a pass = max(2·MACs·batch/(peak·share), bytes moved/(bandwidth·share)) + operations started·overhead

Forward moves the input, the output and the weights; backward moves twice that. A normalisation in training reads its
input twice. Backward arithmetic is that of `training_macs`: the first layer's input needs no gradient.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import prod

from hubel.arch import (
    BatchNormalization,
    Conv2D,
    Conv2DTranspose,
    Dense,
    DepthwiseConv2D,
    GroupNormalization,
    Layer,
    LayerNormalization,
    LocalResponseNormalization,
    Report,
    Row,
)
from hubel.plan._devices import NARROW_CHANNELS, Device

_NORMS = (BatchNormalization, GroupNormalization, LayerNormalization)


@dataclass(frozen=True)
class LayerTime:
    """A layer's seconds in one step, forward and backward, and what holds it up: "compute" or "memory"."""

    path: str
    type: str
    forward: float
    backward: float
    bound: str
    weight_bytes: int

    @property
    def seconds(self) -> float:
        """Both passes."""
        return self.forward + self.backward


def layer_times(report: Report, batch: int, device: Device, precision: str = "float32") -> tuple[LayerTime, ...]:
    """Work out each layer's time in a step of training `batch` images on a device."""
    seconds = _clock(device, precision)
    width = 4 if precision == "float32" else 2
    return tuple(_layer_time(row, batch, width, seconds) for row in report.rows)


_Clock = Callable[[str, float, float, int], tuple[float, str]]


def _clock(device: Device, precision: str) -> _Clock:
    def seconds(kind: str, macs: float, bytes: float, operations: int) -> tuple[float, str]:
        compute = 2 * macs / (device.rate(precision) * device.shares[kind])
        memory = bytes / (device.bandwidth * device.shares["memory"])
        return max(compute, memory) + operations * device.overhead, "compute" if compute > memory else "memory"

    return seconds


def _layer_time(row: Row, batch: int, width: int, seconds: _Clock) -> LayerTime:
    kind = _kind(row)
    outputs, inputs = prod(row.output_shape), prod(row.input_shape)
    idle = row.cost.macs == 0 and row.is_layer and isinstance(row.node, Layer) and row.node.shares_input()
    if idle:
        return LayerTime(row.path, row.type, 0.0, 0.0, "memory", 0)
    steps = row.node.steps() if isinstance(row.node, Layer) else ()
    after = max(0, len(steps) - 1)  # an activation written with the layer reads and writes once more
    passes = inputs + outputs + 2 * outputs * after
    if isinstance(row.node, _NORMS):
        passes += inputs
    if isinstance(row.node, LocalResponseNormalization):
        passes += 6 * inputs
    weights = row.cost.parameters * width
    moved = batch * passes * width + weights
    forward, bound = seconds(kind, batch * row.cost.macs, moved, 1 + after)
    back_macs = batch * (row.training_macs - row.cost.macs)
    backward, _ = seconds(kind, back_macs, 2 * moved, 1 + after + (row.cost.macs > 0))
    return LayerTime(row.path, row.type, forward, backward, bound, 4 * row.cost.trainable)


def _kind(row: Row) -> str:
    node = row.node
    if isinstance(node, DepthwiseConv2D) or (isinstance(node, Conv2D) and node.groups == row.input_shape[-1] > 1):
        return "depthwise"
    if isinstance(node, (Conv2D, Conv2DTranspose)):
        narrow = min(row.input_shape[-1], row.output_shape[-1]) < NARROW_CHANNELS
        return "narrow" if narrow else "convolution"
    return "dense" if isinstance(node, Dense) else "convolution"
