"""Normalisation: numbers brought to mean 0 and variance 1, over a batch, a picture, or groups of channels."""

from __future__ import annotations

from typing import Any

from hubel.arch import ops
from hubel.arch._cost import Call, Keeps
from hubel.arch._errors import Fit, ShapeError, need_groups
from hubel.arch._layer import Layer, register
from hubel.arch._shape import Shape, positions, positive, size
from hubel.arch._window import need_picture
from hubel.arch.figures.expression import Expression, Quantity, elements
from hubel.base.errors import SettingError


def _fraction(value: object, what: str) -> float:
    if not isinstance(value, (int, float)) or isinstance(value, bool) or not 0 <= value < 1:
        raise SettingError(f"expected {what} from 0 up to (not including) 1, received {value!r}")
    return float(value)


def _both_or_neither(layer: Any) -> None:
    if layer.center != layer.scale:
        raise SettingError(
            f"expected center and scale of {type(layer).__name__} both on or both off (PyTorch has them together), "
            f"received center={layer.center}, scale={layer.scale}"
        )


class _Affine(Layer):
    """Normalise, then scale and shift each channel by learned numbers (`scale`, `center`)."""

    epsilon: float = 1e-5
    center: bool = True
    scale: bool = True

    def check(self) -> None:
        """Check the settings."""
        self._set(epsilon=_fraction(self.epsilon, "epsilon"))

    def output_shape(self, input: Shape) -> Shape:
        """Return the input's shape."""
        return input

    def figures(self, input: Shape) -> dict[str, Expression]:
        """Return a scale and a shift for each channel, two operations for each number."""
        learned = self.center + self.scale
        figures: dict[str, Expression] = {}
        if learned:
            channels = Quantity("channels", input[-1])
            figures["parameters"] = channels * 2 if learned == 2 else channels
        figures["normalization_operations"] = 2 * elements(input)
        return figures


@register("norm", positional=())
class BatchNormalization(_Affine):
    """Normalise each channel over the batch: Ioffe & Szegedy (2015). H×W×C, T×C or (features,) stays what it is.

    `momentum` is the share of the running statistics that each batch leaves, as in Keras (PyTorch's is 1 − this).
    """

    momentum: float = 0.9

    def check(self) -> None:
        """Check the settings."""
        super().check()
        self._set(momentum=_fraction(self.momentum, "momentum"))
        _both_or_neither(self)

    def figures(self, input: Shape) -> dict[str, Expression]:
        """Return the scale and shift, and the running mean and variance beside them."""
        return {**super().figures(input), "buffers": Quantity("channels", input[-1]) * 2}

    def lower(self, input: Shape) -> ops.Operation:
        """Return the normalisation by running statistics."""
        weight, bias = ("weight", "bias") if self.scale else (None, None)
        statistics = ("running_mean", "running_var")
        return ops.Normalise(input, input, "batch", self.epsilon, weight, bias, *statistics, momentum=self.momentum)

    def call(self, input: Shape) -> Call:
        """Return `BatchNorm2d` or `BatchNorm1d`."""
        arguments = {
            "num_features": input[-1],
            "eps": self.epsilon,
            "momentum": round(1 - self.momentum, 12),
            "affine": self.scale,
        }
        return Call("BatchNorm2d" if len(input) == 3 else "BatchNorm1d", arguments)

    def keeps(self, input: Shape) -> Keeps:
        """Keep the input, and the batch's mean and deviation of each channel."""
        return Keeps(input=True, batch_bytes=2 * 4 * input[-1])


@register("layernorm", label="norm")
class LayerNormalization(_Affine):
    """Normalise the channels of each place: Ba, Kiros & Hinton (2016), as Keras and ConvNeXt do."""

    epsilon: float = 1e-6

    def check(self) -> None:
        """Check the settings."""
        super().check()
        if self.center and not self.scale:
            raise SettingError("expected scale with center in LayerNormalization, received center alone")

    def lower(self, input: Shape) -> ops.Operation:
        """Return the normalisation of each place's channels."""
        weight, bias = "weight" if self.scale else None, "bias" if self.center else None
        return ops.Normalise(input, input, "place", self.epsilon, weight, bias)

    def call(self, input: Shape) -> Call:
        """Return `LayerNorm`, or hubel's own for pictures and sequences, as PyTorch normalises the last axis only."""
        name = "ChannelLayerNorm" if len(input) > 1 else "LayerNorm"
        arguments = {"normalized_shape": input[-1], "eps": self.epsilon, "elementwise_affine": self.scale}
        return Call(name, {**arguments, "bias": self.center})

    def keeps(self, input: Shape) -> Keeps:
        """Keep the input, and the mean and deviation of each place."""
        return Keeps(input=True, fixed_bytes=2 * 4 * positions(input))


@register("groupnorm", label="norm", positional=("groups",))
class GroupNormalization(Layer):
    """Normalise groups of channels over the picture: Wu & He (2018). `groups` must divide the channels."""

    groups: int = 32
    epsilon: float = 1e-5
    center: bool = True
    scale: bool = True

    def check(self) -> None:
        """Check the settings."""
        self._set(groups=positive(self.groups, "groups"), epsilon=_fraction(self.epsilon, "epsilon"))
        _both_or_neither(self)

    def output_shape(self, input: Shape) -> Shape:
        """Return the input's shape."""
        need_groups("GroupNormalization", input[-1], self.groups)
        return input

    def figures(self, input: Shape) -> dict[str, Expression]:
        """Return a scale and a shift for each channel, two operations for each number."""
        learned = {"parameters": Quantity("channels", input[-1]) * 2} if self.scale else {}
        return {**learned, "normalization_operations": 2 * elements(input)}

    def lower(self, input: Shape) -> ops.Operation:
        """Return the normalisation of groups of channels."""
        weight, bias = ("weight", "bias") if self.scale else (None, None)
        return ops.Normalise(input, input, "groups", self.epsilon, weight, bias, groups=self.groups)

    def call(self, input: Shape) -> Call:
        """Return `GroupNorm`."""
        arguments = {"num_groups": self.groups, "num_channels": input[-1], "eps": self.epsilon, "affine": self.scale}
        return Call("GroupNorm", arguments)

    def keeps(self, input: Shape) -> Keeps:
        """Keep the input, and the mean and deviation of each group."""
        return Keeps(input=True, fixed_bytes=2 * 4 * self.groups)


@register("instancenorm", label="norm")
class InstanceNormalization(_Affine):
    """Normalise each channel over the places of one picture, or the steps of one sequence: Ulyanov et al. (2016).

    Group normalisation with as many groups as channels.
    """

    def _grouped(self, input: Shape) -> GroupNormalization:
        if len(input) == 1:
            raise ShapeError(
                f"InstanceNormalization expected a picture or a sequence, received a vector of {input[0]}, whose "
                "numbers stand for themselves",
                fits=(Fit("instead of it", "layernorm", "over the numbers of the vector"),),
            )
        return GroupNormalization(input[-1], self.epsilon, self.center, self.scale)

    def check(self) -> None:
        """Check the settings."""
        super().check()
        _both_or_neither(self)

    def output_shape(self, input: Shape) -> Shape:
        """Return the input's shape."""
        return self._grouped(input).output_shape(input)

    def lower(self, input: Shape) -> ops.Operation:
        """Return the normalisation of groups of one channel."""
        return self._grouped(input).lower(input)

    def call(self, input: Shape) -> Call:
        """Return `GroupNorm`."""
        return self._grouped(input).call(input)

    def keeps(self, input: Shape) -> Keeps:
        """Keep the input, and the mean and deviation of each channel."""
        return self._grouped(input).keeps(input)


@register("lrn")
class LocalResponseNormalization(Layer):
    """Divide by a sum over `size` neighbouring channels: x/(k + α/size·Σx²)^β, Krizhevsky et al. (2012), section 3.3.

    The paper writes α·Σx² without the division: its α = 1e-4 is `alpha=5e-4` here, where `size` is 5 (as in PyTorch).
    """

    size: int = 5
    alpha: float = 1e-4
    beta: float = 0.75
    k: float = 2.0

    def check(self) -> None:
        """Check the settings."""
        self._set(size=positive(self.size, "size"))
        for name in ("alpha", "beta", "k"):
            value = getattr(self, name)
            if not isinstance(value, (int, float)) or isinstance(value, bool):
                raise SettingError(f"expected {name} as a number, received {value!r}")
            self._set(**{name: float(value)})

    def output_shape(self, input: Shape) -> Shape:
        """Return the input's shape."""
        need_picture("LocalResponseNormalization", input)
        return input

    def figures(self, input: Shape) -> dict[str, Expression]:
        """Return two operations for each number, as for other normalisations."""
        return {"normalization_operations": 2 * elements(input)}

    def lower(self, input: Shape) -> ops.Operation:
        """Return the response."""
        return ops.Respond(input, input, self.size, self.alpha, self.beta, self.k)

    def call(self, input: Shape) -> Call:
        """Return `LocalResponseNorm`."""
        return Call("LocalResponseNorm", {"size": self.size, "alpha": self.alpha, "beta": self.beta, "k": self.k})

    def keeps(self, input: Shape) -> Keeps:
        """Keep what PyTorch's composition keeps beside the input: the padded squares, the sum, and its power, which
        autocast leaves in 32 bits.
        """
        padded, picture = 4 * positions(input) * (input[2] + self.size - 1), 4 * size(input)
        wide = Keeps(True, fixed_bytes=padded + 2 * picture, passing_bytes=2 * picture, backward_bytes=8 * picture)
        return Keeps(
            True, extra_bytes=padded + 2 * picture, passing_bytes=picture, backward_bytes=3 * picture, autocast=wide
        )
