"""Pooling: the largest or the average of a window, of bins, or of the whole picture."""

from __future__ import annotations

from functools import partial
from math import prod
from typing import ClassVar, Literal

from hubel.arch import ops
from hubel.arch._cost import Call, Keeps
from hubel.arch._layer import Layer, register
from hubel.arch._shape import Pair, Shape, both, pair, positions, size, steps
from hubel.arch._window import (
    Padding,
    Windowed,
    Windows,
    both_sides,
    checked_padding,
    checked_padding_of_steps,
    need_axes,
    need_picture,
    windows_of,
)
from hubel.arch.figures.expression import Expression, Quantity, elements, product
from hubel.arch.figures.field import Axis, Field
from hubel.base.errors import SettingError


class _Pooling(Windowed):
    pool_size: int | Pair = (2, 2)
    strides: int | Pair | None = None
    padding: Padding = "valid"
    ceil_mode: bool = False

    def check(self) -> None:
        """Check the settings; `strides` of None means `pool_size`, as everywhere."""
        window = self._size(self.pool_size, "pool_size")
        strides = None if self.strides is None else self._size(self.strides, "strides")
        self._set(
            pool_size=window,
            strides=None if strides == window else strides,
            padding=checked_padding(self.padding) if self.axes == 2 else checked_padding_of_steps(self.padding),
        )
        if self.padding == "causal":
            raise SettingError("expected padding of a pool as 'valid', 'same' or numbers, received 'causal'")
        if self.ceil_mode and self.padding == "same":
            raise SettingError(
                "expected ceil_mode with numeric padding, received padding='same', which rounds up already"
            )
        if not isinstance(self.padding, str):
            for sides, kernel in zip(both_sides(self.padding), self._each(window), strict=True):
                if max(sides) > kernel // 2:
                    raise SettingError(
                        f"expected padding of at most half of pool_size {window}, received {self.padding}"
                    )
                if self.ceil_mode and sides[0] != sides[1]:
                    raise SettingError(f"expected equal sides of padding with ceil_mode, received {self.padding}")

    def _size(self, value: object, what: str) -> int | Pair:
        return pair(value, what) if self.axes == 2 else steps(value, what)

    def _each(self, value: int | Pair) -> tuple[int, ...]:
        return value if isinstance(value, tuple) else (value,) * self.axes

    @property
    def step(self) -> int | Pair:
        """The distance between windows, along each axis."""
        return self.strides or self.pool_size

    def lay(self, input: Shape) -> Windows:
        """Lay the windows over the input."""
        kernel, strides = self._each(self.pool_size), self._each(self.step)
        return windows_of(input, kernel, strides, self.padding, ceil=self.ceil_mode)

    def output_shape(self, input: Shape) -> Shape:
        """Return H′×W′×C, or T′×C."""
        return (*self.places(input), input[-1])

    def figures(self, input: Shape) -> dict[str, Expression]:
        """Return the arithmetic of comparisons or additions."""
        *places, channels = self.output_shape(input)
        names = ("height", "width") if self.axes == 2 else ("steps",)
        given = [Quantity(f"output {name}", length) for name, length in zip(names, places, strict=True)]
        seen = [f"pool {name}" for name in names] if self.axes == 2 else ["pool"]
        pool = [Quantity(name, length) for name, length in zip(seen, self._each(self.pool_size), strict=True)]
        return {"pooling_operations": product(*given, Quantity("channels", channels), *pool)}

    def _module(self, kind: str, input: Shape, **settings: bool) -> Call:
        windows = self.windows(input)
        arguments = {"kernel_size": self.pool_size, "stride": self.step, **settings}
        if not windows.padded_alike:
            return Call(f"Padded{kind}{self.axes}d", {**arguments, "sides": windows.sides})
        padding = windows.alike if self.axes == 2 else windows.rows.before
        return Call(f"{kind}{self.axes}d", {**arguments, "padding": padding, "ceil_mode": self.ceil_mode})


def _spanned(
    how: Literal["max", "mean"], input: Shape, output: Shape, windows: Windows, counts_padding: bool = False
) -> ops.Operation:
    spans = tuple(ops.stretches(window, counts_padding) for window in windows.axes)
    return ops.Span(input, output, how, spans, windows.axes, counts_padding)


class MaxPooling(_Pooling):
    """The largest number of each window, along one axis or two."""

    def lower(self, input: Shape) -> ops.Operation:
        """Return the largest of each window."""
        return _spanned("max", input, self.output_shape(input), self.windows(input))

    def call(self, input: Shape) -> Call:
        """Return `MaxPool2d`, or hubel's own where the padding's sides differ."""
        return self._module("MaxPool", input)

    def keeps(self, input: Shape) -> Keeps:
        """Keep the input and the winners' places (8 bytes each)."""
        windows, winners = self.windows(input), 8 * size(self.output_shape(input))
        if windows.padded_alike:
            return Keeps(input=True, fixed_bytes=winners)
        return Keeps(fixed_bytes=winners, extra_bytes=4 * windows.padded_positions * input[-1])

    def gradient_paths(self, input: Shape) -> tuple[int, int]:
        """Return positions read, and 1: the winner alone gets the gradient."""
        return super().gradient_paths(input)[0], 1


class AveragePooling(_Pooling):
    """The average of each window, along one axis or two."""

    count_padding: bool = False

    def lower(self, input: Shape) -> ops.Operation:
        """Return the mean of each window."""
        return _spanned("mean", input, self.output_shape(input), self.windows(input), self.count_padding)

    def call(self, input: Shape) -> Call:
        """Return `AvgPool2d`, or hubel's own where the padding's sides differ."""
        return self._module("AvgPool", input, count_include_pad=self.count_padding)

    def keeps(self, input: Shape) -> Keeps:
        """Keep the input (its size is all that is needed, but PyTorch holds the tensor)."""
        windows = self.windows(input)
        if windows.padded_alike:
            return Keeps(input=True)
        shares = 0 if self.count_padding else 4 * prod(window.count for window in windows.axes)
        return Keeps(extra_bytes=4 * windows.padded_positions * input[-1] + shares)


@register("maxpool", label="pool", positional=("pool_size",))
class MaxPooling2D(MaxPooling):
    """Keep the largest number of each window: H×W×C → H′×W′×C.

    `padding`: "valid", "same" (Keras) or numbers of at most half the window; padded places never win. `ceil_mode`
    rounds the size up, so that the last rows are covered by a window that hangs over (PyTorch's rule).
    """


@register("avgpool", label="pool", positional=("pool_size",))
class AveragePooling2D(AveragePooling):
    """Average each window: H×W×C → H′×W′×C.

    Settings as in `MaxPooling2D`. Padded places do not count, as in Keras, unless `count_padding` (PyTorch's default).
    """


class GlobalPooling(Layer):
    """The largest number, or the average, of each channel over everything, along one axis or two."""

    keepdims: bool = False

    axes: ClassVar[int] = 2
    how: ClassVar[Literal["max", "mean"]]

    def output_shape(self, input: Shape) -> Shape:
        """Return (C,), or 1×1×C (1×C of a sequence) with `keepdims`."""
        need_axes(type(self).__name__, input, self.axes + 1)
        return (*[1] * self.axes, input[-1]) if self.keepdims else (input[-1],)

    def figures(self, input: Shape) -> dict[str, Expression]:
        """Return the arithmetic of comparisons or additions."""
        return {"pooling_operations": elements(input)}

    def lower(self, input: Shape) -> ops.Operation:
        """Return the largest, or the mean, of the whole."""
        return ops.Span(input, self.output_shape(input), self.how, tuple(map(ops.whole, input[:-1])))

    def call(self, input: Shape) -> Call:
        """Return hubel's own module."""
        kind = {"max": "GlobalMaxPool", "mean": "GlobalAvgPool"}[self.how]
        return Call(f"{kind}{self.axes}d", {"keepdims": self.keepdims})

    def keeps(self, input: Shape) -> Keeps:
        """Keep, of the largest, the winners' places (8 bytes each)."""
        return Keeps(input=True, fixed_bytes=8 * input[-1]) if self.how == "max" else Keeps(widens="forward")

    def seen_through(self, input: Shape, field: Field) -> Field:
        """See everything."""
        return field.each(Axis.everything)

    def gradient_paths(self, input: Shape) -> tuple[int, int]:
        """Return all positions, and all again of an average, which sends its gradient to all."""
        return positions(input), positions(input) if self.how == "mean" else 1


@register("globalavgpool", label="pool")
class GlobalAveragePooling2D(GlobalPooling):
    """Average each channel over the whole picture: H×W×C → (C,). Lin, Chen & Yan, "Network in Network" (2013)."""

    how = "mean"


@register("globalmaxpool", label="pool")
class GlobalMaxPooling2D(GlobalPooling):
    """Keep each channel's largest number: H×W×C → (C,)."""

    how = "max"


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
        return Keeps(input=True, fixed_bytes=8 * size(self.output_shape(input)))
