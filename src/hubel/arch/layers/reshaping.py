"""Layers that move numbers about: flattened, reshaped, padded, cropped, enlarged."""

from __future__ import annotations

from functools import partial

from hubel.arch import ops
from hubel.arch._cost import Call
from hubel.arch._errors import Fit, ShapeError
from hubel.arch._layer import Layer, register
from hubel.arch._shape import Pair, Shape, both, checked_shape, pair, positions, shape_text, size
from hubel.arch._window import Padding, Sides, both_sides, checked_padding, need_picture
from hubel.arch.figures.expression import Expression, elements
from hubel.arch.figures.field import Axis, Field
from hubel.base.errors import SettingError


@register("flatten")
class Flatten(Layer):
    """Write a picture or a sequence as one vector: H×W×C → (H·W·C,), channel after channel, as PyTorch stores it."""

    def output_shape(self, input: Shape) -> Shape:
        """Return (H·W·C,)."""
        return (size(input),)

    def shape_figures(self, input: Shape) -> dict[str, Expression]:
        """Return the vector's length."""
        return {"output_features": elements(input)}

    def lower(self, input: Shape) -> ops.Operation:
        """Return the view."""
        return ops.View(input, self.output_shape(input))

    def call(self, input: Shape) -> Call:
        """Return `Flatten`."""
        return Call("Flatten")

    def shares_input(self) -> bool:
        """Return true: the same numbers, seen as a vector."""
        return True

    def gradient_paths(self, input: Shape) -> tuple[int, int]:
        """Return all positions twice: the vector as a whole counts as one position."""
        return positions(input), positions(input)


@register("reshape", positional=("target_shape",))
class Reshape(Layer):
    """Write the same numbers in another shape, in PyTorch's order (channel after channel), as `Flatten` does."""

    target_shape: int | Shape

    def check(self) -> None:
        """Check the shape."""
        self._set(target_shape=checked_shape(self.target_shape))

    def output_shape(self, input: Shape) -> Shape:
        """Return `target_shape`."""
        target = checked_shape(self.target_shape)
        if size(input) != size(target):
            raise ShapeError(
                f"Reshape expected {size(target):,} numbers for {shape_text(target)}, received {shape_text(input)}",
                rule="the products of both shapes must agree",
                values=" and ".join(f"{'·'.join(map(str, s))} = {size(s):,}" for s in (input, target)),
                fits=(Fit("target_shape", shape_text((size(input),)), "a vector"),),
            )
        return target

    def lower(self, input: Shape) -> ops.Operation:
        """Return the view."""
        return ops.View(input, self.output_shape(input))

    def call(self, input: Shape) -> Call:
        """Return hubel's own module: a view."""
        return Call("Reshape", {"shape": self.target_shape})

    def shares_input(self) -> bool:
        """Return true: the same numbers, seen in another shape."""
        return True

    def seen_through(self, input: Shape, field: Field) -> Field:
        """See what places saw that stay one after another or come back, and everything where they are mixed."""
        return field.written_as(input, checked_shape(self.target_shape))

    def gradient_paths(self, input: Shape) -> tuple[int, int]:
        """Return all positions twice: places are mixed."""
        return positions(input), positions(input)


@register("zeropad", label="pad", positional=("padding",))
class ZeroPadding2D(Layer):
    """Put rows and columns of zeros around: a number, (rows, columns) or ((top, bottom), (left, right))."""

    padding: Padding = ((1, 1), (1, 1))

    def check(self) -> None:
        """Check the settings."""
        self._set(padding=checked_padding(self.padding, words=()))

    def output_shape(self, input: Shape) -> Shape:
        """Return (H + top + bottom)×(W + left + right)×C."""
        need_picture("ZeroPadding2D", input)
        rows, columns = both_sides(self.padding)
        return input[0] + sum(rows), input[1] + sum(columns), input[2]

    def lower(self, input: Shape) -> ops.Operation:
        """Return the padding."""
        return ops.Pad(input, self.output_shape(input), (*both_sides(self.padding), (0, 0)))

    def call(self, input: Shape) -> Call:
        """Return `ZeroPad2d`."""
        (top, bottom), (left, right) = both_sides(self.padding)
        return Call("ZeroPad2d", {"padding": (left, right, top, bottom)})

    def seen_through(self, input: Shape, field: Field) -> Field:
        """Move the field by what is put before it."""
        height, width, _ = self.output_shape(input)
        rows, columns = both_sides(self.padding)
        return field.each(
            partial(Axis.moved, length=height, before=rows[0]),
            partial(Axis.moved, length=width, before=columns[0]),
        )


@register("crop", positional=("cropping",))
class Cropping2D(Layer):
    """Cut rows and columns off the picture: a number, (rows, columns) or ((top, bottom), (left, right))."""

    cropping: int | Pair | Sides = ((1, 1), (1, 1))

    def check(self) -> None:
        """Check the settings."""
        self._set(cropping=checked_padding(self.cropping, words=()))

    def output_shape(self, input: Shape) -> Shape:
        """Return (H − top − bottom)×(W − left − right)×C."""
        need_picture("Cropping2D", input)
        rows, columns = both_sides(self.cropping)
        height, width = input[0] - sum(rows), input[1] - sum(columns)
        if height < 1 or width < 1:
            raise ShapeError(
                f"Cropping2D expected a picture larger than what it cuts off, received {shape_text(input)}",
                rule="height − top − bottom",
                values=f"{input[0]} − {sum(rows)} = {height}, {input[1]} − {sum(columns)} = {width}",
                fits=(Fit("cropping", str((min(input[:2]) - 1) // 2), "at most"),),
            )
        return height, width, input[2]

    def lower(self, input: Shape) -> ops.Operation:
        """Return padding of less than zero."""
        cut = tuple((-before, -after) for before, after in both_sides(self.cropping))
        return ops.Pad(input, self.output_shape(input), (*cut, (0, 0)))

    def call(self, input: Shape) -> Call:
        """Return `ZeroPad2d` with negative numbers, which cuts."""
        (top, bottom), (left, right) = both_sides(self.cropping)
        return Call("ZeroPad2d", {"padding": (-left, -right, -top, -bottom)})

    def seen_through(self, input: Shape, field: Field) -> Field:
        """Move the field by what is cut before it."""
        height, width, _ = self.output_shape(input)
        rows, columns = both_sides(self.cropping)
        return field.each(
            partial(Axis.moved, length=height, before=-rows[0]),
            partial(Axis.moved, length=width, before=-columns[0]),
        )

    def gradient_paths(self, input: Shape) -> tuple[int, int]:
        """Return the positions that are left."""
        return positions(self.output_shape(input)), 1


@register("upsample", positional=("size",))
class UpSampling2D(Layer):
    """Enlarge the picture `size` times: H×W×C → (H·rows)×(W·columns)×C.

    `interpolation`: "nearest" repeats rows and columns, "bilinear" mixes neighbours (half-pixel centres, as in Keras;
    with `aligned` the corners' centres stay where they are, PyTorch's `align_corners`).
    """

    size: int | Pair = (2, 2)
    interpolation: str = "nearest"
    aligned: bool = False

    def check(self) -> None:
        """Check the settings."""
        self._set(size=pair(self.size, "size"))
        if self.interpolation not in ("nearest", "bilinear"):
            raise SettingError(f"expected interpolation 'nearest' or 'bilinear', received {self.interpolation!r}")
        if self.aligned and self.interpolation == "nearest":
            raise SettingError("expected interpolation 'bilinear' with aligned, received 'nearest'")

    def output_shape(self, input: Shape) -> Shape:
        """Return (H·rows)×(W·columns)×C."""
        need_picture("UpSampling2D", input)
        rows, columns = both(self.size)
        return input[0] * rows, input[1] * columns, input[2]

    def lower(self, input: Shape) -> ops.Operation:
        """Return the enlargement."""
        return ops.Upsample(input, self.output_shape(input), self.interpolation, self.aligned)  # type: ignore[arg-type]

    def call(self, input: Shape) -> Call:
        """Return `Upsample`."""
        more = {"align_corners": self.aligned} if self.interpolation == "bilinear" else {}
        rows, columns = both(self.size)
        scale = (float(rows), float(columns))
        return Call("Upsample", {"scale_factor": scale, "mode": self.interpolation, **more})

    def seen_through(self, input: Shape, field: Field) -> Field:
        """See the nearest place, or the neighbours that are mixed."""
        rows, columns = both(self.size)
        if self.aligned:
            return field.each(*(partial(Axis.aligned, length=length) for length in self.output_shape(input)[:2]))
        step = Axis.repeated if self.interpolation == "nearest" else Axis.interpolated
        return field.each(partial(step, factor=rows), partial(step, factor=columns))

    def gradient_paths(self, input: Shape) -> tuple[int, int]:
        """Return all positions; an output sends to one place, or to four."""
        return positions(input), 1 if self.interpolation == "nearest" else 4


@register("resize", positional=("output_size",))
class Resizing(Layer):
    """Enlarge or shrink the picture to a size, whatever the input's: H×W×C → output_size×C.

    `interpolation`: "bilinear" mixes neighbours, "nearest" takes one; `aligned` as in `UpSampling2D`. What shrinks
    takes of the places between them no notice, as PyTorch's `interpolate` does.
    """

    output_size: int | Pair
    interpolation: str = "bilinear"
    aligned: bool = False

    def check(self) -> None:
        """Check the settings."""
        self._set(output_size=pair(self.output_size, "output_size"))
        if self.interpolation not in ("nearest", "bilinear"):
            raise SettingError(f"expected interpolation 'nearest' or 'bilinear', received {self.interpolation!r}")
        if self.aligned and self.interpolation == "nearest":
            raise SettingError("expected interpolation 'bilinear' with aligned, received 'nearest'")

    def output_shape(self, input: Shape) -> Shape:
        """Return output_size×C."""
        need_picture("Resizing", input)
        return (*both(self.output_size), input[2])

    def lower(self, input: Shape) -> ops.Operation:
        """Return the enlargement."""
        return ops.Upsample(input, self.output_shape(input), self.interpolation, self.aligned)  # type: ignore[arg-type]

    def call(self, input: Shape) -> Call:
        """Return `Upsample`."""
        more = {"align_corners": self.aligned} if self.interpolation == "bilinear" else {}
        return Call("Upsample", {"size": both(self.output_size), "mode": self.interpolation, **more})

    def seen_through(self, input: Shape, field: Field) -> Field:
        """See the place taken, or the neighbours that are mixed."""
        step = {"nearest": Axis.nearest, "bilinear": Axis.aligned if self.aligned else Axis.mixed}[self.interpolation]
        rows, columns = both(self.output_size)
        return field.each(partial(step, length=rows), partial(step, length=columns))

    def gradient_paths(self, input: Shape) -> tuple[int, int]:
        """Return all positions; an output sends to one place, or to four."""
        return positions(input), 1 if self.interpolation == "nearest" else 4
