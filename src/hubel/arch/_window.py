"""The one rule behind convolution and pooling: how many windows fit along an axis, and what to change when they do not.

Output size = ⌊(size + padding − extent)/stride⌋ + 1, with extent = (kernel − 1)·dilation + 1 (Dumoulin & Visin,
"A guide to convolution arithmetic for deep learning", 2016). `same` is Keras's: ⌈size/stride⌉ windows, the odd row of
padding below and to the right.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache, partial
from math import prod
from typing import ClassVar, Literal, TypeAlias

from hubel.arch._errors import Fit, ShapeError
from hubel.arch._layer import Layer
from hubel.arch._shape import Pair, Shape, both, pair, shape_text
from hubel.arch.figures.expression import Expression, Quantity
from hubel.arch.figures.field import Axis, Field
from hubel.base.errors import LimitError, SettingError
from hubel.base.numbers import plural

Sides: TypeAlias = tuple[Pair, ...]  # (before, after), one an axis
Padding: TypeAlias = "Literal['valid', 'same', 'causal'] | int | Pair | Sides"


def checked_padding(value: object, words: tuple[str, ...] = ("valid", "same")) -> Padding:
    """Return padding as one of `words` or as ((top, bottom), (left, right)); raise `ValueError` otherwise."""
    if isinstance(value, str) and value in words:
        return "same" if value == "same" else "valid"
    sides = value
    if isinstance(value, int):
        sides = (value, value)
    if isinstance(sides, (tuple, list)) and len(sides) == 2:
        try:
            rows, columns = (pair(side, "padding", least=0) for side in sides)
        except LimitError:
            raise
        except SettingError:
            pass
        else:
            return "valid" if (rows, columns) == ((0, 0), (0, 0)) and "valid" in words else (rows, columns)
    listed = "".join(f"{word!r} or " for word in words)
    raise SettingError(
        f"expected padding as {listed}an int ≥ 0, a pair (rows, columns) or ((top, bottom), (left, right)), "
        f"received {value!r}"
    )


def checked_padding_of_steps(value: object) -> Padding:
    """Return padding of a sequence as a word or as ((before, after),); raise `ValueError` otherwise."""
    if isinstance(value, str) and value in ("valid", "same", "causal"):
        return value  # type: ignore[return-value]
    given = value[0] if isinstance(value, (tuple, list)) and len(value) == 1 else value
    try:
        sides = pair(given, "padding", least=0)
    except SettingError:
        raise SettingError(
            f"expected padding as 'valid', 'same', 'causal', an int ≥ 0 or a pair (before, after), received {value!r}"
        ) from None
    return (sides,) if any(sides) else "valid"


def both_sides(padding: Padding) -> Sides:
    """Return checked numeric padding as ((top, bottom), (left, right)), of a sequence as ((before, after),)."""
    if isinstance(padding, str):
        raise TypeError(f"expected numeric padding, received {padding!r}")
    if isinstance(padding, tuple) and len(padding) == 1:
        return padding
    rows, columns = (padding, padding) if isinstance(padding, int) else padding
    return both(rows), both(columns)


@dataclass(frozen=True, slots=True)
class Window:
    """A window along one axis of `length` rows: everything that decides how often it fits."""

    axis: str
    length: int
    kernel: int
    stride: int
    dilation: int = 1
    before: int = 0
    after: int = 0
    ceil: bool = False
    most_padding: int | None = None

    @property
    def word(self) -> str:
        """What lies along the axis: rows, columns or steps."""
        return {"height": "row", "width": "column", "steps": "step"}[self.axis]

    @property
    def extent(self) -> int:
        """Rows that the kernel spans."""
        return (self.kernel - 1) * self.dilation + 1

    @property
    def slack(self) -> int:
        """Rows that the window can move by."""
        return self.length + self.before + self.after - self.extent

    @property
    def count(self) -> int:
        """Windows along the axis: the output's size."""
        whole, rest = divmod(self.slack, self.stride)
        # rounding up may add a window, unless it would start in the padding below (PyTorch's rule)
        extra = self.ceil and rest > 0 and (whole + 1) * self.stride < self.length + self.before
        return whole + 1 + extra

    @property
    def dropped(self) -> int:
        """Rows of the picture at the end that no window covers; none are missed where strides skip rows anyway."""
        if self.stride > self.extent:
            return 0
        covered = (self.count - 1) * self.stride + self.extent - self.before
        return max(0, self.length - covered)

    @property
    def read(self) -> int:
        """Rows of the picture that at least one window reads."""
        if self.dilation == 1 and self.stride <= self.kernel:
            return max(0, min(self.length, (self.count - 1) * self.stride + self.extent - self.before))
        # row by row: one is read where a window starts `dilation`, twice that, … rows above it
        rows, last = self.length + self.before, (self.count - 1) * self.stride
        since = [self.kernel] * min(self.dilation, rows)  # steps of `dilation` since a window's start
        read = 0
        for row in range(rows):
            phase = row % self.dilation
            starts = row <= last and row % self.stride == 0
            since[phase] = 0 if starts else since[phase] + 1
            read += row >= self.before and since[phase] < self.kernel
        return read

    def expression(self) -> Expression:
        """Return the arithmetic of the output's size."""
        room: Expression = Quantity(self.axis, self.length)
        if self.before == self.after and self.before:
            room = room + 2 * Quantity("padding", self.before)
        elif self.before or self.after:
            room = room + Quantity("padding before", self.before) + Quantity("padding after", self.after)
        kernel: Expression = Quantity("kernel", self.kernel)
        if self.dilation > 1:
            kernel = (kernel - 1) * Quantity("dilation", self.dilation) + 1
        free, stride = room - kernel, Quantity("stride", self.stride)
        up = self.count > self.slack // self.stride + 1
        return (free.ceiling_division(stride) if up else free // stride) + 1

    def exactly(self) -> str:
        """Write the size as the rule gives it before rounding: `(7 − 3)/3 + 1 = 2.33`."""
        values = self.expression().values().replace("⌊", "").replace("⌋", "").replace("⌈", "").replace("⌉", "")
        size = round(Fraction(self.slack, self.stride) + 1, 2)
        return f"{values} = {int(size) if size.denominator == 1 else float(size):,}".replace("-", "−")

    def fits(self) -> tuple[Fit, ...]:
        """Find the nearest changes of stride, padding, kernel and size for which the windows cover everything."""
        found = [] if self.slack < 0 else self._other_strides()
        kernel = self._smaller_kernel()
        if self.slack < 0 and kernel is not None:
            found.append(self._fit("kernel_size" if self.most_padding is None else "pool_size", kernel, kernel=kernel))
        short = -self.slack if self.slack < 0 else self.stride - self.slack % self.stride
        found += self._more_padding(short)
        if self.slack < 0:
            found.append(Fit(f"input {self.axis}", f"at least {self.length + short}", "1"))
            return tuple(found)
        found.append(self._fit(f"input {self.axis}", self.length + short, length=self.length + short))
        below = self.length - self.slack % self.stride
        if below > 0:
            found.append(self._fit(f"input {self.axis}", below, length=below))
        return tuple(found)

    @property
    def is_whole(self) -> bool:
        """Whether the rule gives a whole number of at least 1."""
        return self.slack >= 0 and self.slack % self.stride == 0

    def _other_strides(self) -> list[Fit]:
        near = sorted(range(1, min(self.slack, 64) + 1), key=lambda stride: (abs(stride - self.stride), stride))
        whole = [stride for stride in near if self.slack % stride == 0 and stride != self.stride]
        return [self._fit("strides", stride, stride=stride) for stride in whole[:2]]

    def _smaller_kernel(self) -> int | None:
        """Find the largest smaller kernel that works out; what a stride leaves over repeats after so many kernels."""
        room = self.length + self.before + self.after
        most = min(self.kernel - 1, (room - 1) // self.dilation + 1)
        near = range(most, max(0, most - self.stride), -1)
        return next((k for k in near if (room - (k - 1) * self.dilation - 1) % self.stride == 0), None)

    def _more_padding(self, rows: int) -> list[Fit]:
        """Suggest more padding, alike on both sides where some works out, else so many rows; if the layer takes it."""
        least = max(self.before, self.after) + 1
        first = max(least, -((self.length - self.extent) // 2))
        near = range(first, min(first + self.stride, least + max(rows, 2 * self.stride)))
        alike = next((pad for pad in near if (self.length + 2 * pad - self.extent) % self.stride == 0), None)
        before, after = (self.before, self.after + rows) if alike is None else (alike, alike)
        if self.most_padding is not None and max(before, after) > self.most_padding:
            return []
        value = f"{before} before and {after} after" if alike is None else str(alike)
        return [self._fit("padding", value, before=before, after=after)]

    def _with(self, **changes: int) -> Window:
        settings = {name: getattr(self, name) for name in self.__slots__}
        return Window(**{**settings, **changes})

    def _fit(self, argument: str, value: object, **changes: int) -> Fit:
        return Fit(argument, str(value), str(self._with(**changes).count))


@dataclass(frozen=True, slots=True)
class Windows:
    """The windows of a layer, one an axis: along the height and the width, or along the steps of a sequence."""

    axes: tuple[Window, ...]

    @property
    def rows(self) -> Window:
        """The window along the height, or along the steps."""
        return self.axes[0]

    @property
    def columns(self) -> Window:
        """The window along the width."""
        return self.axes[1]

    @property
    def padded_alike(self) -> bool:
        """Whether both ends of each axis have equal padding, as PyTorch's own layers need."""
        return all(window.before == window.after for window in self.axes)

    @property
    def sides(self) -> tuple[int, ...]:
        """Padding as (left, right, top, bottom), or (before, after): PyTorch's order, the last axis first."""
        return tuple(side for window in self.axes[::-1] for side in (window.before, window.after))

    @property
    def alike(self) -> tuple[int, ...]:
        """Padding of each axis where both ends have the same."""
        return tuple(window.before for window in self.axes)

    @property
    def padded_positions(self) -> int:
        """Places of the input, padding included."""
        return prod(window.length + window.before + window.after for window in self.axes)


def misfit(kind: str, windows: Windows, window: Window) -> ShapeError:
    """Explain why a window does not fit, with what would."""
    unit = " steps" if len(windows.axes) == 1 else ""
    kernel = "×".join(str(axis.extent) for axis in windows.axes) + unit
    given = "×".join(str(axis.length) for axis in windows.axes)
    padding = max(window.before, window.after)
    padded = f" with padding {window.before}/{window.after}" if padding else ""
    expected = (
        f"{kind} expected an input of at least {kernel}, received {given}{padded}"
        if window.slack < 0
        else f"{kind} does not fit: expected a whole number of windows along the {window.axis}, "
        f"received {window.exactly()}"
    )
    rule = ("({} + padding − kernel)/stride + 1" if padding else "({} − kernel)/stride + 1").format(window.axis)
    return ShapeError(expected, rule=rule, values=window.exactly(), fits=window.fits())


@lru_cache(4096)  # networks repeat themselves
def windows_of(
    input: Shape,
    kernel: tuple[int, ...],
    strides: tuple[int, ...],
    padding: Padding,
    dilation: tuple[int, ...] = (1, 1),
    ceil: bool | None = None,
) -> Windows:
    """Lay windows over an input of H×W×C or T×C; `ceil` is given for pools, whose padding is at most half a window."""
    found = []
    for i, axis in enumerate(("height", "width") if len(kernel) == 2 else ("steps",)):
        extent = (kernel[i] - 1) * dilation[i] + 1
        if padding == "same":
            total = max((-(-input[i] // strides[i]) - 1) * strides[i] + extent - input[i], 0)
            before, after = total // 2, total - total // 2
        elif padding == "valid":
            before, after = 0, 0
        elif padding == "causal":
            before, after = extent - 1, 0
        else:
            before, after = both_sides(padding)[i]
        most = None if ceil is None else kernel[i] // 2
        found.append(Window(axis, input[i], kernel[i], strides[i], dilation[i], before, after, bool(ceil), most))
    return Windows(tuple(found))


_AXES = {1: "vector", 2: "sequence", 3: "picture"}
_WORDS = {2: "a sequence (steps × features)", 3: "a picture (height × width × channels)"}


def need_picture(kind: str, input: Shape) -> None:
    """Raise `ShapeError` unless the input is H×W×C."""
    need_axes(kind, input, 3)


def need_sequence(kind: str, input: Shape) -> None:
    """Raise `ShapeError` unless the input is T×C."""
    need_axes(kind, input, 2)


def need_axes(kind: str, input: Shape, axes: int) -> None:
    """Raise `ShapeError` unless the input has so many axes: 3 of a picture, 2 of a sequence."""
    if len(input) == axes:
        return
    fits = [Fit("before it", "a Reshape", {2: "steps×features", 3: "height×width×channels"}[axes])]
    if len(input) == 1 and axes == 2:
        # stacked recurrent layers, most often
        fits.insert(0, Fit("in a recurrent layer before it", "`sequences`", f"steps×{input[0]}"))
        fits.append(Fit("before it", "an Embedding of whole numbers", f"{input[0]}×features"))
    other = kind[:-2] + {2: "2D", 3: "1D"}[axes]
    if len(input) > 1 and other in _WITH_BOTH:
        fits.insert(0, Fit("instead of it", other, f"windows along a {_AXES[len(input)]}"))
    raise ShapeError(
        f"{kind} expected {_WORDS[axes]}, received a {_AXES[len(input)]} of {shape_text(input)}", fits=tuple(fits)
    )


_WITH_BOTH = (
    *("Conv1D", "Conv2D", "MaxPooling1D", "MaxPooling2D", "AveragePooling1D", "AveragePooling2D"),
    *("GlobalMaxPooling1D", "GlobalMaxPooling2D", "GlobalAveragePooling1D", "GlobalAveragePooling2D"),
)


class Windowed(Layer):
    """A layer that looks through windows: what all of them have in common. Subclasses `lay` the windows."""

    axes: ClassVar[int] = 2

    @abstractmethod
    def lay(self, input: Shape) -> Windows:
        """Lay the windows over an input of H×W×C, or T×C where `axes` is 1."""

    def windows(self, input: Shape) -> Windows:
        """Return the windows along each axis; raise `ShapeError` for an input of other axes."""
        if len(input) != self.axes + 1:
            need_axes(type(self).__name__, input, self.axes + 1)
        return self.lay(input)

    def places(self, input: Shape) -> tuple[int, ...]:
        """Return the output's height and width, or steps; raise `ShapeError` where the kernel does not fit at all."""
        windows = self.windows(input)
        for window in windows.axes:
            if window.count < 1:
                raise misfit(type(self).__name__, windows, window)
        return tuple(window.count for window in windows.axes)

    def shape_figures(self, input: Shape) -> dict[str, Expression]:
        """Return the size rule's arithmetic, and that of the padding that keeps the size."""
        windows = self.windows(input)
        figures = {f"output_{window.axis}": window.expression() for window in windows.axes}
        rows = windows.rows
        if rows.before == rows.after > 0 and rows.stride == 1 and 2 * rows.before == rows.extent - 1:
            figures["padding_that_keeps_the_size"] = (Quantity("kernel", rows.extent) - 1) / 2
        return figures

    def seen_through(self, input: Shape, field: Field) -> Field:
        """See through the windows."""
        steps = [
            partial(Axis.window, length=w.count, stride=w.stride, before=w.before, extent=w.extent, dilation=w.dilation)
            for w in self.windows(input).axes
        ]
        return field.each(*steps) if self.axes == 2 else field.along(*steps)

    def gradient_paths(self, input: Shape) -> tuple[int, int]:
        """Return positions read, and the window's area."""
        windows = self.windows(input)
        return prod(window.read for window in windows.axes), prod(window.kernel for window in windows.axes)

    def notes(self, input: Shape) -> tuple[str, ...]:
        """Report rows and columns that no window covers."""
        return tuple(
            f"{window.exactly()}: the last {plural(window.dropped, window.word)} of {window.length} not covered, "
            "dropped"
            for window in self.windows(input).axes
            if window.dropped
        )

    def strict_error(self, input: Shape) -> ShapeError | None:
        """Refuse rows and columns that no window covers."""
        windows = self.windows(input)
        dropping = [window for window in windows.axes if window.dropped]
        return misfit(type(self).__name__, windows, dropping[0]) if dropping else None
