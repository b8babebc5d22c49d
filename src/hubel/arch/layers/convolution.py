"""Convolutions: ordinary, depthwise, transposed, and locally connected layers."""

from __future__ import annotations

from math import prod
from typing import Any

from hubel.arch import ops
from hubel.arch._cost import Call, Keeps
from hubel.arch._errors import need_groups
from hubel.arch._layer import Weighted, register
from hubel.arch._shape import Pair, Shape, both, pair, positive
from hubel.arch._window import (
    Padding,
    Windowed,
    Windows,
    checked_padding,
    windows_of,
)
from hubel.arch.figures.expression import Expression, Quantity, product
from hubel.base.errors import SettingError


def weights_of(
    kernel: tuple[int, ...], channels: int, filters: int, bias: bool, groups: int = 1
) -> dict[str, Expression]:
    """Return the arithmetic of a convolution's weights, along one axis or two."""
    depth: Expression = Quantity("channels", channels)
    if groups > 1:
        depth = depth / Quantity("groups", groups)
    names = ("kernel height", "kernel width") if len(kernel) == 2 else ("kernel",)
    taps = product(*map(Quantity, names, kernel), depth)
    number = Quantity("filters", filters)
    figures = {"dot_product": taps, "weights": taps * number}
    if bias:
        figures["biases"] = number
    figures["parameters_per_filter"] = taps + 1 if bias else taps
    figures["parameters"] = (taps + 1) * number if bias else taps * number
    return figures


def weights_and_macs(
    kernel: tuple[int, ...], channels: int, output: Shape, bias: bool, groups: int
) -> dict[str, Expression]:
    """Return the arithmetic of a convolution's weights and MACs: each place of the output has its dot products."""
    figures = weights_of(kernel, channels, output[-1], bias, groups)
    numbers = places_of(output) * Quantity("filters", output[-1])
    figures["macs"] = numbers * figures["dot_product"]
    if bias:
        figures["bias_operations"] = numbers
    return figures


def places_of(shape: Shape, what: str = "output") -> Expression:
    """Return the arithmetic of how many places there are."""
    names = ("height", "width") if len(shape) == 3 else ("steps",)
    return product(*(Quantity(f"{what} {name}", length) for name, length in zip(names, shape, strict=False)))


def _module_arguments(
    layer: Conv2D | DepthwiseConv2D, windows: Windows, channels: int, filters: int, groups: int
) -> Call:
    arguments: dict[str, Any] = {
        "in_channels": channels,
        "out_channels": filters,
        "kernel_size": layer.kernel_size,
        "stride": layer.strides,
        "dilation": layer.dilation_rate,
        "groups": groups,
        "bias": layer.use_bias,
    }
    if windows.padded_alike:
        return Call("Conv2d", {**arguments, "padding": windows.alike})
    return Call("PaddedConv2d", {**arguments, "sides": windows.sides})


def checked_kernels(layer: Any) -> dict[str, Any]:
    """Return filters, kernel size, strides, dilation and groups of two axes, checked. Raises SettingError."""
    filters, groups = positive(layer.filters, "filters"), positive(layer.groups, "groups")
    if filters % groups:
        raise SettingError(f"expected filters as a multiple of groups ({groups}), received {filters}")
    sizes = {name: pair(getattr(layer, name), name) for name in ("kernel_size", "strides", "dilation_rate")}
    return {"filters": filters, "groups": groups, **sizes}


def summed(layer: Windowed, input: Shape, groups: int, bias: bool) -> ops.Operation:
    """Return what a convolution computes."""
    windows = layer.windows(input).axes
    return ops.WindowedSum(input, layer.output_shape(input), windows, groups, bias="bias" if bias else None)


@register("conv", positional=("filters", "kernel_size"))
class Conv2D(Windowed, Weighted):
    """Slide `filters` kernels over the picture: H×W×C → H′×W′×filters.

    `kernel_size`, `strides`, `dilation_rate`: an int or (rows, columns). `padding`: "valid" (none), "same"
    (⌈size/strides⌉ outputs, as in Keras), a number for each side, (rows, columns), or ((top, bottom), (left, right)).
    `groups`: kernels see only their group's channels, as in AlexNet (2012); must divide channels and filters.
    """

    filters: int
    kernel_size: int | Pair
    strides: int | Pair = (1, 1)
    padding: Padding = "valid"
    dilation_rate: int | Pair = (1, 1)
    groups: int = 1

    def check(self) -> None:
        """Check the settings."""
        self._set(
            padding=checked_padding(self.padding),
            **checked_kernels(self),
        )

    def lay(self, input: Shape) -> Windows:
        """Lay the kernel's windows over the input."""
        return windows_of(input, both(self.kernel_size), both(self.strides), self.padding, both(self.dilation_rate))

    def output_shape(self, input: Shape) -> Shape:
        """Return H′×W′×filters."""
        rows, columns = self.places(input)
        need_groups("Conv2D", input[2], self.groups, self.filters)
        return rows, columns, self.filters

    def figures(self, input: Shape) -> dict[str, Expression]:
        """Return the arithmetic of weights and MACs."""
        output = self.output_shape(input)
        return weights_and_macs(both(self.kernel_size), input[2], output, self.use_bias, self.groups)

    def lower(self, input: Shape) -> ops.Operation:
        """Return the windowed sum."""
        return summed(self, input, self.groups, self.use_bias)

    def call(self, input: Shape) -> Call:
        """Return `Conv2d`, or `PaddedConv2d` where the sides differ."""
        return _module_arguments(self, self.windows(input), input[2], self.filters, self.groups)

    def keeps(self, input: Shape) -> Keeps:
        """Keep the input (the padded copy, where the sides differ)."""
        return kept_input(self.windows(input), input, self.groups, self.filters, max(both(self.strides)))


def kept_input(windows: Windows, input: Shape, groups: int = 1, filters: int = 1, stride: int = 1) -> Keeps:
    """Return what a convolution keeps: its input, or the padded copy where the sides differ."""
    least, skips = min(input[-1], filters) // groups, stride > 1
    alone = groups > 1 and least == 1  # a channel by itself has a way of its own: with all places it copies nothing
    return Keeps(
        input=windows.padded_alike,
        extra_bytes=0 if windows.padded_alike else 4 * windows.padded_positions * input[-1],
        copies=skips or not alone,
        narrow=least if groups > 1 and not alone else 0,
        skips=skips and not alone,
        groups=groups,
        unfolded=_unfolded(windows, input[-1] // groups),
        one_by_one="always" if any(w.dilation > 1 for w in windows.axes) else "",
    )


def _unfolded(windows: Windows, channels: int) -> int:
    """Count the numbers of all windows written out, for so many channels; none where each is one place, and no place
    is left out or put beside.
    """
    if all(w.kernel == w.stride == 1 and not (w.before or w.after) for w in windows.axes):
        return 0
    return channels * prod(w.kernel * w.count for w in windows.axes)


@register("dwconv", positional=("kernel_size",))
class DepthwiseConv2D(Windowed, Weighted):
    """Slide `depth_multiplier` kernels over each channel by itself: H×W×C → H′×W′×(C·depth_multiplier).

    From Sifre (2014) and Howard et al., "MobileNets" (2017). Settings as in `Conv2D`.
    """

    kernel_size: int | Pair
    strides: int | Pair = (1, 1)
    padding: Padding = "valid"
    depth_multiplier: int = 1
    dilation_rate: int | Pair = (1, 1)

    def check(self) -> None:
        """Check the settings."""
        self._set(
            kernel_size=pair(self.kernel_size, "kernel_size"),
            strides=pair(self.strides, "strides"),
            dilation_rate=pair(self.dilation_rate, "dilation_rate"),
            padding=checked_padding(self.padding),
            depth_multiplier=positive(self.depth_multiplier, "depth_multiplier"),
        )

    def lay(self, input: Shape) -> Windows:
        """Lay the kernel's windows over the input."""
        return windows_of(input, both(self.kernel_size), both(self.strides), self.padding, both(self.dilation_rate))

    def output_shape(self, input: Shape) -> Shape:
        """Return H′×W′×(C·depth_multiplier)."""
        rows, columns = self.places(input)
        return rows, columns, input[2] * self.depth_multiplier

    def figures(self, input: Shape) -> dict[str, Expression]:
        """Return the arithmetic of weights and MACs."""
        output = self.output_shape(input)
        rows, columns = both(self.kernel_size)
        taps = Quantity("kernel height", rows) * Quantity("kernel width", columns)
        number: Expression = Quantity("channels", input[2])
        if self.depth_multiplier > 1:
            number = number * Quantity("depth multiplier", self.depth_multiplier)
        figures = {"dot_product": taps, "weights": taps * number}
        figures["parameters"] = (taps + 1) * number if self.use_bias else taps * number
        figures["macs"] = places_of(output) * number * taps
        if self.use_bias:
            figures["biases"] = number
            figures["bias_operations"] = places_of(output) * number
        return figures

    def lower(self, input: Shape) -> ops.Operation:
        """Return the windowed sum, each channel a group."""
        return summed(self, input, input[2], self.use_bias)

    def call(self, input: Shape) -> Call:
        """Return `Conv2d` with as many groups as channels."""
        return _module_arguments(self, self.windows(input), input[2], input[2] * self.depth_multiplier, input[2])

    def keeps(self, input: Shape) -> Keeps:
        """Keep the input (the padded copy, where the sides differ)."""
        filters = input[2] * self.depth_multiplier
        return kept_input(self.windows(input), input, input[2], filters, max(both(self.strides)))


@register("local", positional=("filters", "kernel_size"))
class LocallyConnected2D(Windowed, Weighted):
    """A convolution whose kernels differ from place to place: H×W×C → H′×W′×filters, no weight shared.

    `filters` detectors at each place, each with its own weights and bias. Settings as in `Conv2D`.
    """

    filters: int
    kernel_size: int | Pair
    strides: int | Pair = (1, 1)
    padding: Padding = "valid"

    def check(self) -> None:
        """Check the settings."""
        self._set(
            filters=positive(self.filters, "filters"),
            kernel_size=pair(self.kernel_size, "kernel_size"),
            strides=pair(self.strides, "strides"),
            padding=checked_padding(self.padding),
        )

    def lay(self, input: Shape) -> Windows:
        """Lay the kernel's windows over the input."""
        return windows_of(input, both(self.kernel_size), both(self.strides), self.padding)

    def output_shape(self, input: Shape) -> Shape:
        """Return H′×W′×filters."""
        rows, columns = self.places(input)
        return rows, columns, self.filters

    def figures(self, input: Shape) -> dict[str, Expression]:
        """Return the arithmetic of weights and MACs: the weights are used once each."""
        figures = weights_of(both(self.kernel_size), input[2], self.filters, self.use_bias)
        places = places_of(self.output_shape(input))
        figures["parameters"] = figures["parameters"] * places
        figures["weights"] = figures["macs"] = figures["weights"] * places
        if self.use_bias:
            figures["biases"] = figures["bias_operations"] = figures["biases"] * places
        return figures

    def lower(self, input: Shape) -> ops.Operation:
        """Return the windowed sum with weights of its own at each place."""
        bias = "bias" if self.use_bias else None
        return ops.LocalSum(input, self.output_shape(input), self.windows(input).axes, bias=bias)

    def call(self, input: Shape) -> Call:
        """Return hubel's own module (PyTorch has none)."""
        rows, columns, _ = self.output_shape(input)
        return Call(
            "LocallyConnected2d",
            {
                "in_channels": input[2],
                "out_channels": self.filters,
                "output_size": (rows, columns),
                "kernel_size": self.kernel_size,
                "stride": self.strides,
                "sides": self.windows(input).sides,
                "bias": self.use_bias,
            },
        )

    def keeps(self, input: Shape) -> Keeps:
        """Keep the unfolded windows, a column of kernel·kernel·channels for each place.

        PyTorch's `unfold` makes room for the padded picture first, and gives none back where the windows need less.
        """
        rows, columns, _ = self.output_shape(input)
        height, width = both(self.kernel_size)
        windows = self.windows(input)
        left, right, top, bottom = windows.sides
        padded = (input[0] + top + bottom) * (input[1] + left + right)
        unfolded = rows * columns * height * width
        return Keeps(
            extra_bytes=4 * input[2] * max(unfolded, padded),
            passing_bytes=4 * input[2] * padded * any(windows.sides),
            products=input[2] * unfolded,
        )
