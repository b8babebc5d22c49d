"""Pooling: the largest or the average of a window, of bins, or of the whole picture."""

from __future__ import annotations

from functools import partial
from typing import Literal

from hubel.arch import ops
from hubel.arch._layer import Call, Keeps, Layer, register
from hubel.arch._shape import Pair, Shape, both, pair, positions, size
from hubel.arch._window import Padding, Windowed, Windows, both_sides, checked_padding, need_picture, windows_of
from hubel.arch.figures.expression import Expression, Quantity, elements
from hubel.arch.figures.field import Axis, Field
from hubel.base.errors import SettingError


class _Pooling(Windowed):
    pool_size: int | Pair = (2, 2)
    strides: int | Pair | None = None
    padding: Padding = "valid"
    ceil_mode: bool = False

    def check(self) -> None:
        """Check the settings; `strides` of None means `pool_size`, as everywhere."""
        window = pair(self.pool_size, "pool_size")
        if isinstance(self.strides, int):
            self._set(strides=pair(self.strides, "strides"))
        self._set(
            pool_size=window,
            strides=None if self.strides in (None, window) else pair(self.strides, "strides"),
            padding=checked_padding(self.padding),
        )
        if self.ceil_mode and self.padding == "same":
            raise SettingError(
                "expected ceil_mode with numeric padding, received padding='same', which rounds up already"
            )
        if not isinstance(self.padding, str):
            for sides, kernel in zip(both_sides(self.padding), window, strict=True):
                if max(sides) > kernel // 2:
                    raise SettingError(
                        f"expected padding of at most half of pool_size {window}, received {self.padding}"
                    )
                if self.ceil_mode and sides[0] != sides[1]:
                    raise SettingError(f"expected equal sides of padding with ceil_mode, received {self.padding}")

    @property
    def step(self) -> Pair:
        """The distance between windows, along the height and the width."""
        return both(self.strides or self.pool_size)

    def lay(self, input: Shape) -> Windows:
        """Lay the windows over the input."""
        return windows_of(input, both(self.pool_size), self.step, self.padding, ceil=self.ceil_mode)

    def output_shape(self, input: Shape) -> Shape:
        """Return H′×W′×C."""
        return (*self.places(input), input[2])

    def figures(self, input: Shape) -> dict[str, Expression]:
        """Return the arithmetic of comparisons or additions."""
        rows, columns, channels = self.output_shape(input)
        height, width = both(self.pool_size)
        places = Quantity("output height", rows) * Quantity("output width", columns) * Quantity("channels", channels)
        return {"pooling_operations": places * Quantity("pool height", height) * Quantity("pool width", width)}


def _spanned(
    how: Literal["max", "mean"], input: Shape, output: Shape, windows: Windows, counts_padding: bool = False
) -> ops.Operation:
    spans = tuple(ops.stretches(window, counts_padding) for window in windows.both())
    return ops.Span(input, output, how, spans, windows.both(), counts_padding)


@register("maxpool", label="pool", positional=("pool_size",))
class MaxPooling2D(_Pooling):
    """Keep the largest number of each window: H×W×C → H′×W′×C.

    `padding`: "valid", "same" (Keras) or numbers of at most half the window; padded places never win. `ceil_mode`
    rounds the size up, so that the last rows are covered by a window that hangs over (PyTorch's rule).
    """

    def lower(self, input: Shape) -> ops.Operation:
        """Return the largest of each window."""
        return _spanned("max", input, self.output_shape(input), self.windows(input))

    def call(self, input: Shape) -> Call:
        """Return `MaxPool2d`, or hubel's own where the padding's sides differ."""
        windows = self.windows(input)
        arguments = {"kernel_size": self.pool_size, "stride": self.step}
        if not windows.padded_alike:
            return Call("PaddedMaxPool2d", {**arguments, "sides": windows.sides})
        padding = (windows.rows.before, windows.columns.before)
        return Call("MaxPool2d", {**arguments, "padding": padding, "ceil_mode": self.ceil_mode})

    def keeps(self, input: Shape) -> Keeps:
        """Keep the input and the winners' places (8 bytes each)."""
        windows, winners = self.windows(input), 8 * size(self.output_shape(input))
        if windows.padded_alike:
            return Keeps(input=True, extra_bytes=winners)
        left, right, top, bottom = windows.sides
        padded = 4 * (input[0] + top + bottom) * (input[1] + left + right) * input[2]
        return Keeps(extra_bytes=winners + padded)

    def gradient_paths(self, input: Shape) -> tuple[int, int]:
        """Return positions read, and 1: the winner alone gets the gradient."""
        return super().gradient_paths(input)[0], 1


@register("avgpool", label="pool", positional=("pool_size",))
class AveragePooling2D(_Pooling):
    """Average each window: H×W×C → H′×W′×C.

    Settings as in `MaxPooling2D`. Padded places do not count, as in Keras, unless `count_padding` (PyTorch's default).
    """

    count_padding: bool = False

    def lower(self, input: Shape) -> ops.Operation:
        """Return the mean of each window."""
        return _spanned("mean", input, self.output_shape(input), self.windows(input), self.count_padding)

    def call(self, input: Shape) -> Call:
        """Return `AvgPool2d`, or hubel's own where the padding's sides differ."""
        windows = self.windows(input)
        arguments = {"kernel_size": self.pool_size, "stride": self.step, "count_include_pad": self.count_padding}
        if not windows.padded_alike:
            return Call("PaddedAvgPool2d", {**arguments, "sides": windows.sides})
        padding = (windows.rows.before, windows.columns.before)
        return Call("AvgPool2d", {**arguments, "padding": padding, "ceil_mode": self.ceil_mode})

    def keeps(self, input: Shape) -> Keeps:
        """Keep the input (its size is all that is needed, but PyTorch holds the tensor)."""
        windows = self.windows(input)
        if windows.padded_alike:
            return Keeps(input=True)
        left, right, top, bottom = windows.sides
        padded = 4 * (input[0] + top + bottom) * (input[1] + left + right)
        shares = 0 if self.count_padding else 4 * windows.rows.count * windows.columns.count
        return Keeps(extra_bytes=padded * input[2] + shares)


class _GlobalPooling(Layer):
    keepdims: bool = False

    def output_shape(self, input: Shape) -> Shape:
        """Return (C,), or 1×1×C with `keepdims`."""
        need_picture(type(self).__name__, input)
        return (1, 1, input[2]) if self.keepdims else (input[2],)

    def figures(self, input: Shape) -> dict[str, Expression]:
        """Return the arithmetic of comparisons or additions."""
        return {"pooling_operations": elements(input)}

    def seen_through(self, input: Shape, field: Field) -> Field:
        """See everything."""
        return field.each(Axis.everything)


@register("globalavgpool", label="pool")
class GlobalAveragePooling2D(_GlobalPooling):
    """Average each channel over the whole picture: H×W×C → (C,). Lin, Chen & Yan, "Network in Network" (2013)."""

    def lower(self, input: Shape) -> ops.Operation:
        """Return the mean of the whole."""
        return ops.Span(input, self.output_shape(input), "mean", tuple(map(ops.whole, input[:2])))

    def call(self, input: Shape) -> Call:
        """Return hubel's own module: a mean over height and width."""
        return Call("GlobalAvgPool2d", {"keepdims": self.keepdims})

    def gradient_paths(self, input: Shape) -> tuple[int, int]:
        """Return all positions twice: an average sends its gradient to all."""
        return positions(input), positions(input)


@register("globalmaxpool", label="pool")
class GlobalMaxPooling2D(_GlobalPooling):
    """Keep each channel's largest number: H×W×C → (C,)."""

    def lower(self, input: Shape) -> ops.Operation:
        """Return the largest of the whole."""
        return ops.Span(input, self.output_shape(input), "max", tuple(map(ops.whole, input[:2])))

    def call(self, input: Shape) -> Call:
        """Return hubel's own module: the largest over height and width."""
        return Call("GlobalMaxPool2d", {"keepdims": self.keepdims})

    def keeps(self, input: Shape) -> Keeps:
        """Keep the winners' places (8 bytes each)."""
        return Keeps(input=True, extra_bytes=8 * input[2])


class _AdaptivePooling(Layer):
    output_size: int | Pair

    def check(self) -> None:
        """Check the settings."""
        self._set(output_size=pair(self.output_size, "output_size"))

    def bins(self, input: Shape) -> tuple[tuple[ops.Stretch, ...], ...]:
        """Lay the bins over the input, along the height and the width."""
        return tuple(ops.bins(length, count) for length, count in zip(input[:2], both(self.output_size), strict=True))

    def output_shape(self, input: Shape) -> Shape:
        """Return output_size×C."""
        need_picture(type(self).__name__, input)
        return (*both(self.output_size), input[2])

    def figures(self, input: Shape) -> dict[str, Expression]:
        """Return the arithmetic of comparisons or additions: bins may overlap by a row."""
        entries = [
            Quantity(f"entries of bins along the {axis}", sum(end - first for first, end, _ in spans))
            for axis, spans in zip(("height", "width"), self.bins(input), strict=True)
        ]
        return {"pooling_operations": entries[0] * entries[1] * Quantity("channels", input[2])}

    def seen_through(self, input: Shape, field: Field) -> Field:
        """See through the bins."""
        rows, columns = both(self.output_size)
        return field.each(partial(Axis.bins, length=rows), partial(Axis.bins, length=columns))

    def notes(self, input: Shape) -> tuple[str, ...]:
        """Say where bins differ in size or overlap."""
        uneven = [
            f"{length} {axis} in {bins} bins: some bins differ or share a line"
            for axis, length, bins in zip(("rows", "columns"), input[:2], both(self.output_size), strict=True)
            if length % bins
        ]
        return tuple(uneven)


@register("adaptiveavgpool", label="pool", positional=("output_size",))
class AdaptiveAveragePooling2D(_AdaptivePooling):
    """Average into a fixed number of bins, whatever the input's size: H×W×C → output_size×C (PyTorch's bins)."""

    def lower(self, input: Shape) -> ops.Operation:
        """Return the mean of each bin."""
        return ops.Span(input, self.output_shape(input), "mean", self.bins(input))

    def call(self, input: Shape) -> Call:
        """Return `AdaptiveAvgPool2d`."""
        return Call("AdaptiveAvgPool2d", {"output_size": self.output_size})

    def keeps(self, input: Shape) -> Keeps:
        """Keep the input, unless there is one bin (a mean needs nothing)."""
        return Keeps(input=self.output_size != (1, 1))

    def gradient_paths(self, input: Shape) -> tuple[int, int]:
        """Return all positions, and the largest bin."""
        largest = [max(end - first for first, end, _ in spans) for spans in self.bins(input)]
        return positions(input), largest[0] * largest[1]


@register("adaptivemaxpool", label="pool", positional=("output_size",))
class AdaptiveMaxPooling2D(_AdaptivePooling):
    """Keep the largest of a fixed number of bins: H×W×C → output_size×C (PyTorch's bins)."""

    def lower(self, input: Shape) -> ops.Operation:
        """Return the largest of each bin."""
        return ops.Span(input, self.output_shape(input), "max", self.bins(input))

    def call(self, input: Shape) -> Call:
        """Return `AdaptiveMaxPool2d`."""
        return Call("AdaptiveMaxPool2d", {"output_size": self.output_size})

    def keeps(self, input: Shape) -> Keeps:
        """Keep the input and the winners' places (8 bytes each)."""
        return Keeps(input=True, extra_bytes=8 * size(self.output_shape(input)))
