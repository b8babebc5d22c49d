"""Layers that take numbers over from other places: pictures continued at their edges, channels that become places."""

from __future__ import annotations

from functools import partial
from typing import ClassVar, Literal

from hubel.arch import ops
from hubel.arch._cost import Call, Keeps
from hubel.arch._errors import Fit, ShapeError
from hubel.arch._layer import Layer, register
from hubel.arch._shape import Shape, positions, positive, shape_text
from hubel.arch._window import Padding, both_sides, checked_padding, need_picture
from hubel.arch.figures.expression import Expression, Quantity
from hubel.arch.figures.field import Axis, Field


class _PaddedByItself(Layer):
    """Continue a picture beyond its edges: a number, (rows, columns) or ((top, bottom), (left, right))."""

    padding: Padding = ((1, 1), (1, 1))
    fill: ClassVar[Literal["reflect", "edge", "wrap"]]
    module: ClassVar[str]

    def check(self) -> None:
        """Check the settings."""
        self._set(padding=checked_padding(self.padding, words=()))

    def output_shape(self, input: Shape) -> Shape:
        """Return (H + top + bottom)×(W + left + right)×C."""
        need_picture(type(self).__name__, input)
        rows, columns = both_sides(self.padding)
        return input[0] + sum(rows), input[1] + sum(columns), input[2]

    def lower(self, input: Shape) -> ops.Operation:
        """Return the padding."""
        return ops.Pad(input, self.output_shape(input), (*both_sides(self.padding), (0, 0)), self.fill)

    def call(self, input: Shape) -> Call:
        """Return PyTorch's module."""
        (top, bottom), (left, right) = both_sides(self.padding)
        return Call(self.module, {"padding": (left, right, top, bottom)})

    def keeps(self, input: Shape) -> Keeps:
        """Keep the input, of which PyTorch's backward pass asks the shape alone."""
        return Keeps(input=True)

    def seen_through(self, input: Shape, field: Field) -> Field:
        """See what each place takes over."""
        padding = ops.Pad(input, self.output_shape(input), (*both_sides(self.padding), (0, 0)), self.fill)
        rows, columns = (tuple(place or 0 for place in padding.sources(axis)) for axis in (0, 1))
        return field.each(partial(Axis.taken, places=rows), partial(Axis.taken, places=columns))


@register("reflectpad", label="pad", positional=("padding",))
class ReflectionPadding2D(_PaddedByItself):
    """Continue a picture beyond its edges by its mirror image, the edge itself not repeated."""

    fill = "reflect"
    module = "ReflectionPad2d"

    def output_shape(self, input: Shape) -> Shape:
        """Return (H + top + bottom)×(W + left + right)×C; each side must be smaller than the picture."""
        found = super().output_shape(input)
        most = max(
            side - length for pair, length in zip(both_sides(self.padding), input, strict=False) for side in pair
        )
        if most >= 0:
            least = min(input[:2]) - 1
            raise ShapeError(
                f"ReflectionPadding2D expected padding smaller than the picture, received {shape_text(input)}",
                rule="a mirror image has one row or column less than the picture",
                fits=(Fit("padding", str(least), "at most"),),
            )
        return found


@register("edgepad", label="pad", positional=("padding",))
class ReplicationPadding2D(_PaddedByItself):
    """Continue a picture beyond its edges by repeating them."""

    fill = "edge"
    module = "ReplicationPad2d"


@register("wrappad", label="pad", positional=("padding",))
class CircularPadding2D(_PaddedByItself):
    """Continue a picture beyond its edges by itself, from the other edge on, as around a cylinder."""

    fill = "wrap"
    module = "CircularPad2d"

    def output_shape(self, input: Shape) -> Shape:
        """Return (H + top + bottom)×(W + left + right)×C; no side may be larger than the picture."""
        found = super().output_shape(input)
        pairs = zip(both_sides(self.padding), input, strict=False)
        if any(side > length for pair, length in pairs for side in pair):
            raise ShapeError(
                f"CircularPadding2D expected padding no larger than the picture, received {shape_text(input)}",
                rule="what continues a picture is the picture once more",
                fits=(Fit("padding", str(min(input[:2])), "at most"),),
            )
        return found

    def keeps(self, input: Shape) -> Keeps:
        """Keep nothing: PyTorch copies the parts."""
        return Keeps()


@register("pixelshuffle", positional=("upscale_factor",))
class PixelShuffle(Layer):
    """Make blocks of r×r places of r² channels each: H×W×C → r·H × r·W × C/r²; Shi et al. (2016)."""

    upscale_factor: int

    def check(self) -> None:
        """Check the factor."""
        self._set(upscale_factor=positive(self.upscale_factor, "upscale_factor"))

    def output_shape(self, input: Shape) -> Shape:
        """Return r·H × r·W × C/r²."""
        need_picture("PixelShuffle", input)
        factor = self.upscale_factor
        if over := input[2] % factor**2:
            near = [each for each in (input[2] - over, input[2] - over + factor**2) if each]
            raise ShapeError(
                f"PixelShuffle expected channels that {factor}² = {factor**2} divides, received {shape_text(input)}",
                rule="r² channels make the r×r places of a block",
                values=f"{input[2]} mod {factor**2} = {over}",
                fits=tuple(Fit("channels", str(each), f"{each // factor**2} channels") for each in near),
            )
        return input[0] * factor, input[1] * factor, input[2] // factor**2

    def shape_figures(self, input: Shape) -> dict[str, Expression]:
        """Return the new number of rows and columns."""
        factor = Quantity("upscale_factor", self.upscale_factor)
        return {
            "output_height": Quantity("height", input[0]) * factor,
            "output_width": Quantity("width", input[1]) * factor,
        }

    def lower(self, input: Shape) -> ops.Operation:
        """Return where each number goes."""
        return ops.Blocks(input, self.output_shape(input), self.upscale_factor, "spread")

    def call(self, input: Shape) -> Call:
        """Return `PixelShuffle`."""
        return Call("PixelShuffle", {"upscale_factor": self.upscale_factor})

    def seen_through(self, input: Shape, field: Field) -> Field:
        """See the place that became a block."""
        return field.each(partial(Axis.repeated, factor=self.upscale_factor))


@register("pixelunshuffle", positional=("downscale_factor",))
class PixelUnshuffle(Layer):
    """Make r² channels of blocks of r×r places: H×W×C → H/r × W/r × C·r²."""

    downscale_factor: int

    def check(self) -> None:
        """Check the factor."""
        self._set(downscale_factor=positive(self.downscale_factor, "downscale_factor"))

    def output_shape(self, input: Shape) -> Shape:
        """Return H/r × W/r × C·r²; r must divide the picture."""
        need_picture("PixelUnshuffle", input)
        factor = self.downscale_factor
        if input[0] % factor or input[1] % factor:
            raise ShapeError(
                f"PixelUnshuffle expected rows and columns that {factor} divides, received {shape_text(input)}",
                rule="each block of r×r places becomes one place",
                values=f"{input[0]} mod {factor} = {input[0] % factor}, {input[1]} mod {factor} = {input[1] % factor}",
            )
        return input[0] // factor, input[1] // factor, input[2] * factor**2

    def shape_figures(self, input: Shape) -> dict[str, Expression]:
        """Return the new number of channels."""
        factor: Expression = Quantity("downscale_factor", self.downscale_factor)
        return {"output_channels": Quantity("channels", input[2]) * factor * factor}

    def lower(self, input: Shape) -> ops.Operation:
        """Return where each number goes."""
        return ops.Blocks(input, self.output_shape(input), self.downscale_factor, "gather")

    def call(self, input: Shape) -> Call:
        """Return `PixelUnshuffle`."""
        return Call("PixelUnshuffle", {"downscale_factor": self.downscale_factor})

    def seen_through(self, input: Shape, field: Field) -> Field:
        """See a whole block."""
        factor, (height, width, _) = self.downscale_factor, self.output_shape(input)
        step = partial(Axis.window, stride=factor, before=0, extent=factor)
        return field.each(partial(step, length=height), partial(step, length=width))

    def gradient_paths(self, input: Shape) -> tuple[int, int]:
        """Return all positions; an output sends to all of its block."""
        return positions(input), self.downscale_factor**2
