"""How long each layer takes: the longer of its arithmetic and its memory traffic.

The roofline of Williams, Waterman & Patterson (2009), applied layer by layer.

    time of a pass = max(2·MACs·batch/(peak·share), bytes moved/(bandwidth·share)) + operations started·overhead

Forward moves the input, the output and the weights; backward moves twice that. A normalisation in training reads its
input twice. Max pooling keeps a 64-bit place with each output. Weights have a share
of the bandwidth of their own: each is read once, and its gradient written where nothing was before. Backward arithmetic
is that of `training_macs`: the first layer's input needs no gradient.

Classes of layers have shares of the peak of their own, as the kernels of oneDNN and cuDNN that run them have: 1×1
convolutions are products of matrices; those of images start from 1 to 4 channels, and get no gradient for them; fewer
than 16 channels on a side otherwise leave parts of vector units idle, in poolings too, which read 16 channels at once.
Activations move memory, but for tanh, which processors work out by a library's function; the random numbers of dropout
and the local response normalisation, which PyTorch puts together of ten operations, take time of their own as well.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import prod

from hubel.arch import Layer, Report, Row, ops
from hubel.plan._devices import MOST_IMAGE_CHANNELS, NARROW_CHANNELS, Device


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


_Clock = Callable[[str, float, float, float, int, bool], tuple[float, str]]


def _clock(device: Device, precision: str) -> _Clock:
    pooling = device.shares.get("pooling", device.shares["memory"])

    def seconds(
        kind: str, macs: float, bytes: float, weights: float, operations: int, pools: bool
    ) -> tuple[float, str]:
        compute = 2 * macs / (device.rate(precision) * device.shares[kind])
        memory = (
            bytes / (pooling if pools else device.shares["memory"]) + weights / device.shares["weights"]
        ) / device.bandwidth
        return max(compute, memory) + operations * device.overhead, "compute" if compute > memory else "memory"

    return seconds


def _layer_time(row: Row, batch: int, width: int, seconds: _Clock) -> LayerTime:
    operations = row.node.operations(row.input_shape) if isinstance(row.node, Layer) else ()
    own = operations[0] if operations else None
    kind = _kind(own)
    outputs, inputs = prod(row.output_shape), prod(row.input_shape)
    idle = row.cost.macs == 0 and row.is_layer and isinstance(row.node, Layer) and row.node.shares_input()
    if idle:
        return LayerTime(row.path, row.type, 0.0, 0.0, "memory", 0)
    after = max(0, len(operations) - 1)  # an activation written with the layer reads and writes once more
    passes = inputs + outputs + 2 * outputs * after
    if isinstance(own, ops.Normalise):
        passes += inputs
    moved: float = batch * passes * width
    pools = isinstance(own, ops.Span) and bool(own.windows)
    if isinstance(own, ops.Span) and pools:
        places = 8 * outputs if own.how == "max" else 0
        channels = row.input_shape[-1]
        vectors = -(-channels // NARROW_CHANNELS) * NARROW_CHANNELS
        moved = (moved + batch * places) * vectors / channels
    weights = row.cost.parameters * width
    forward, bound = seconds(kind, batch * row.cost.macs, moved, weights, 1 + after, pools)
    back_macs = batch * (row.training_macs - row.cost.macs)
    backward, _ = seconds(kind, back_macs, 2 * moved, 2 * weights, 1 + after + (row.cost.macs > 0), pools)
    function = _function(operations)
    if function is not None:
        extra = seconds(function, batch * outputs, 0, 0, 0, False)[0]
        forward += extra
        backward += 2 * extra if function == "response" else 0
    return LayerTime(row.path, row.type, forward, backward, bound, 4 * row.cost.trainable)


def _function(operations: Sequence[ops.Operation]) -> str | None:
    """Return what of a layer takes a processor longer than to move its numbers, if there is such."""
    for operation in operations:
        if isinstance(operation, ops.Respond):
            return "response"
        if isinstance(operation, ops.Pass) and operation.rate:
            return "dropout"
        if isinstance(operation, ops.Activate) and operation.function == "tanh":
            return "tanh"
    return None


def _kind(operation: ops.Operation | None) -> str:
    """Return the class of operations whose share of the peak one reaches."""
    if isinstance(operation, ops.DenseSum):
        return "dense"
    if not isinstance(operation, (ops.WindowedSum, ops.TransposedSum)):
        return "convolution"
    if isinstance(operation, ops.WindowedSum) and operation.is_depthwise:
        return "depthwise"
    inputs, outputs = operation.input[-1], operation.output[-1]
    if inputs <= MOST_IMAGE_CHANNELS and outputs >= NARROW_CHANNELS:
        return "image"
    if min(inputs, outputs) < NARROW_CHANNELS:
        return "narrow"
    return "pointwise" if all(window.kernel == 1 for window in operation.windows) else "convolution"
