"""Convolutions along the steps of a sequence."""

from __future__ import annotations

from typing import Any

from hubel.arch import ops
from hubel.arch._cost import Call, Keeps
from hubel.arch._errors import need_groups
from hubel.arch._layer import Weighted, register
from hubel.arch._shape import Shape, positive, steps
from hubel.arch._window import Padding, Windowed, Windows, checked_padding_of_steps, windows_of
from hubel.arch.figures.expression import Expression
from hubel.arch.layers.convolution import kept_input, summed, weights_and_macs
from hubel.base.errors import SettingError


@register("conv1d", label="conv", positional=("filters", "kernel_size"))
class Conv1D(Windowed, Weighted):
    """Slide `filters` kernels along a sequence: T×C → T′×filters.

    `kernel_size`, `strides`, `dilation_rate`: ints. `padding`: "valid" (none), "same" (⌈steps/strides⌉ outputs),
    "causal" (all of it before, so that no output sees a later step: WaveNet, van den Oord et al. 2016), a number for
    both ends, or (before, after). `groups`: kernels see only their group's channels.
    """

    filters: int
    kernel_size: int
    strides: int = 1
    padding: Padding = "valid"
    dilation_rate: int = 1
    groups: int = 1

    axes = 1

    def check(self) -> None:
        """Check the settings."""
        self._set(
            filters=positive(self.filters, "filters"),
            kernel_size=steps(self.kernel_size, "kernel_size"),
            strides=steps(self.strides, "strides"),
            dilation_rate=steps(self.dilation_rate, "dilation_rate"),
            groups=positive(self.groups, "groups"),
            padding=checked_padding_of_steps(self.padding),
        )
        if self.filters % self.groups:
            raise SettingError(f"expected filters as a multiple of groups ({self.groups}), received {self.filters}")

    def lay(self, input: Shape) -> Windows:
        """Lay the kernel's windows along the steps."""
        return windows_of(input, (self.kernel_size,), (self.strides,), self.padding, (self.dilation_rate,))

    def output_shape(self, input: Shape) -> Shape:
        """Return T′×filters."""
        places = self.places(input)
        need_groups("Conv1D", input[1], self.groups, self.filters)
        return *places, self.filters

    def figures(self, input: Shape) -> dict[str, Expression]:
        """Return the arithmetic of weights and MACs."""
        output = self.output_shape(input)
        return weights_and_macs((self.kernel_size,), input[1], output, self.use_bias, self.groups)

    def lower(self, input: Shape) -> ops.Operation:
        """Return the windowed sum."""
        return summed(self, input, self.groups, self.use_bias)

    def call(self, input: Shape) -> Call:
        """Return `Conv1d`, or hubel's own where the ends differ."""
        windows = self.windows(input)
        arguments: dict[str, Any] = {
            "in_channels": input[1],
            "out_channels": self.filters,
            "kernel_size": self.kernel_size,
            "stride": self.strides,
            "dilation": self.dilation_rate,
            "groups": self.groups,
            "bias": self.use_bias,
        }
        if windows.padded_alike:
            return Call("Conv1d", {**arguments, "padding": windows.rows.before})
        return Call("PaddedConv1d", {**arguments, "sides": windows.sides})

    def keeps(self, input: Shape) -> Keeps:
        """Keep the input (the padded copy, where the ends differ)."""
        return kept_input(self.windows(input), input, self.groups, self.filters, self.strides)
