"""Transposed convolutions: those that enlarge."""

from __future__ import annotations

from functools import partial
from typing import Any

from hubel.arch import ops
from hubel.arch._cost import Call, Keeps
from hubel.arch._errors import Fit, ShapeError, need_groups
from hubel.arch._layer import Weighted, register
from hubel.arch._shape import Pair, Shape, both, pair, positions
from hubel.arch._window import (
    Padding,
    Sides,
    Window,
    both_sides,
    checked_padding,
    need_picture,
)
from hubel.arch.figures.expression import Expression, Quantity
from hubel.arch.figures.field import Axis, Field
from hubel.arch.layers.convolution import checked_kernels, places_of, weights_of
from hubel.base.errors import SettingError


@register("deconv", positional=("filters", "kernel_size"))
class Conv2DTranspose(Weighted):
    """Spread each input over a kernel's area, `strides` apart: the shapes of a convolution run backwards.

    H×W×C → ((H − 1)·strides + extent − padding + output_padding)…×filters. With padding "same" the output is
    size·strides (Keras); numbers are rows cut off each side (PyTorch). `output_padding` rows are added below
    and to the right.
    """

    filters: int
    kernel_size: int | Pair
    strides: int | Pair = (1, 1)
    padding: Padding = "valid"
    output_padding: int | Pair = (0, 0)
    dilation_rate: int | Pair = (1, 1)
    groups: int = 1

    def check(self) -> None:
        """Check the settings."""
        self._set(
            padding=checked_padding(self.padding),
            output_padding=pair(self.output_padding, "output_padding", least=0),
            **checked_kernels(self),
        )
        limits = zip(both(self.output_padding), both(self.strides), both(self.dilation_rate), strict=True)
        if any(extra >= max(stride, dilation) for extra, stride, dilation in limits):
            raise SettingError(
                f"expected output_padding below strides {self.strides} or dilation_rate, received {self.output_padding}"
            )
        if self.padding == "same" and self.output_padding != (0, 0):
            raise SettingError("expected output_padding 0 with padding 'same', which sets the size, received more")

    def sides(self) -> Sides:
        """Return rows and columns that are cut off: ((top, bottom), (left, right)); less than zero adds."""
        if self.padding == "valid":
            return (0, 0), (0, 0)
        if not isinstance(self.padding, str):
            return both_sides(self.padding)
        found = []
        for kernel, stride, dilation in zip(
            both(self.kernel_size), both(self.strides), both(self.dilation_rate), strict=True
        ):
            cut = (kernel - 1) * dilation + 1 - stride
            found.append((cut // 2, cut - cut // 2) if cut >= 0 else (0, cut))
        return found[0], found[1]

    def _axis(self, input: Shape, i: int) -> Expression:
        axis = ("height", "width")[i]
        kernel, stride, dilation = both(self.kernel_size)[i], both(self.strides)[i], both(self.dilation_rate)[i]
        extent: Expression = Quantity("kernel", kernel)
        if dilation > 1:
            extent = (extent - 1) * Quantity("dilation", dilation) + 1
        length = (Quantity(axis, input[i]) - 1) * Quantity("stride", stride) + extent
        before, after = self.sides()[i]
        if before == after and before:
            length = length - 2 * Quantity("padding", before)
        else:
            length = length - Quantity("padding before", before) if before else length
            length = length - Quantity("padding after", after) if after > 0 else length
            length = length + Quantity("rows added", -after) if after < 0 else length
        extra = both(self.output_padding)[i]
        return length + Quantity("output padding", extra) if extra else length

    def output_shape(self, input: Shape) -> Shape:
        """Return H′×W′×filters."""
        need_picture("Conv2DTranspose", input)
        rows, columns = int(self._axis(input, 0).value), int(self._axis(input, 1).value)
        if rows < 1 or columns < 1:
            raise ShapeError(
                f"Conv2DTranspose expected padding smaller than its output, received {self.padding} for an output of "
                f"{rows}×{columns}",
                rule=self._axis(input, 0).names(),
                values=f"{self._axis(input, 0).values()} = {rows}",
                fits=(Fit("padding", "0", f"{rows + sum(self.sides()[0])}×{columns + sum(self.sides()[1])}"),),
            )
        need_groups("Conv2DTranspose", input[2], self.groups, self.filters)
        return rows, columns, self.filters

    def shape_figures(self, input: Shape) -> dict[str, Expression]:
        """Return the size rule's arithmetic."""
        return {"output_height": self._axis(input, 0), "output_width": self._axis(input, 1)}

    def figures(self, input: Shape) -> dict[str, Expression]:
        """Return the arithmetic of weights and MACs: every input number meets every weight of its channel once."""
        figures = weights_of(both(self.kernel_size), input[2], self.filters, False, self.groups)
        del figures["parameters_per_filter"], figures["dot_product"]
        figures["macs"] = places_of(input, "input") * figures["weights"]
        if self.use_bias:
            figures["biases"] = Quantity("filters", self.filters)
            figures["parameters"] = figures["weights"] + figures["biases"]
            figures["bias_operations"] = places_of(self.output_shape(input)) * Quantity("filters", self.filters)
        return figures

    def lower(self, input: Shape) -> ops.Operation:
        """Return the transposed sum, its windows laid over the output."""
        output, windows = self.output_shape(input), []
        for i, axis in enumerate(("height", "width")):
            kernel, stride, dilation = both(self.kernel_size)[i], both(self.strides)[i], both(self.dilation_rate)[i]
            before = self.sides()[i][0]
            after = (input[i] - 1) * stride + (kernel - 1) * dilation + 1 - before - output[i]
            windows.append(Window(axis, output[i], kernel, stride, dilation, before, after))
        return ops.TransposedSum(input, output, tuple(windows), self.groups, bias="bias" if self.use_bias else None)

    def call(self, input: Shape) -> Call:
        """Return `ConvTranspose2d`, or hubel's own where sides differ."""
        arguments: dict[str, Any] = {
            "in_channels": input[2],
            "out_channels": self.filters,
            "kernel_size": self.kernel_size,
            "stride": self.strides,
            "dilation": self.dilation_rate,
            "groups": self.groups,
            "bias": self.use_bias,
        }
        (top, bottom), (left, right) = self.sides()
        if top == bottom and left == right:
            more = {"padding": (top, left), "output_padding": self.output_padding}
            return Call("ConvTranspose2d", {**arguments, **more})
        rows, columns, _ = self.output_shape(input)
        return Call("CroppedConvTranspose2d", {**arguments, "top": top, "left": left, "output_size": (rows, columns)})

    def keeps(self, input: Shape) -> Keeps:
        """Keep the input."""
        rows, columns = both(self.kernel_size)
        unfolded = positions(input) * self.filters // self.groups * rows * columns
        uneven = any(k % s or s == 1 for k, s in zip((rows, columns), both(self.strides), strict=True))
        return Keeps(
            input=True, copies=True, groups=self.groups, unfolded=unfolded, one_by_one="backward", uneven=uneven
        )

    def seen_through(self, input: Shape, field: Field) -> Field:
        """See the inputs whose kernels land on a place."""
        shape, steps = self.output_shape(input), []
        for i in (0, 1):
            kernel, stride, dilation = both(self.kernel_size)[i], both(self.strides)[i], both(self.dilation_rate)[i]
            before = self.sides()[i][0]
            steps.append(
                partial(
                    Axis.transposed, length=shape[i], stride=stride, before=before, kernel=kernel, dilation=dilation
                )
            )
        return field.each(*steps)

    def gradient_paths(self, input: Shape) -> tuple[int, int]:
        """Return all positions, and the kernel's area."""
        return positions(input), both(self.kernel_size)[0] * both(self.kernel_size)[1]
