"""Convolution and pooling by hand: at every position the products and the running sum, in exact arithmetic.

>>> walk = convolve("122 134 124 / 153 210 112", "1 -1 / 1 0")
>>> walk.output
((141, 220),)
>>> [(term.value, term.weight, term.product, term.sum) for term in walk.step(0, 0).terms]
[(122, 1, 122, 122), (134, -1, -134, -12), (153, 1, 153, 141), (210, 0, 0, 141)]
>>> pool("1 1 2 4 / 5 6 7 8 / 3 2 1 0 / 1 2 3 4", "max").output
((6, 8), (3, 4))
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Iterator, Sequence
from fractions import Fraction
from functools import cached_property
from typing import Any, Generic, Literal, TypeAlias, TypeVar

from hubel.arch import AveragePooling2D, Conv2D, MaxPooling2D, Padding, Pair, Shape, shape_text
from hubel.arch.ops.functions import FUNCTIONS, PLAIN
from hubel.base.errors import SettingError
from hubel.base.numbers import rounded_text
from hubel.look.byhand.grids import Grid, Number, Planes, exact, exact_grid, read_planes, size_text
from hubel.look.byhand.kernels import read_kernel
from hubel.look.byhand.steps import Pooled, Products, Step, Term, plain, plain_grid, plain_planes
from hubel.view.words.finding import Finding
from hubel.view.words.tables import Table
from hubel.view.words.told import Line

Numbers: TypeAlias = "str | Sequence[Sequence[Any]]"
Kind: TypeAlias = Literal["max", "average"]


ACTIVATIONS = tuple(PLAIN)


StepT = TypeVar("StepT", bound=Step)


class Walk(Finding, Generic[StepT]):
    """A window's way over an image: the size rule, any step, and the whole output."""

    layer: Conv2D | MaxPooling2D | AveragePooling2D

    def __init__(self, image: Planes, layer: Conv2D | MaxPooling2D | AveragePooling2D) -> None:
        self.image, self.layer = image, layer
        self.output_size: Pair = layer.output_shape(self.input_shape)[:2]  # type: ignore[assignment]
        self.rows, self.columns = layer.windows(self.input_shape).axes

    @property
    def input_shape(self) -> Shape:
        """The image's shape, H×W×C."""
        return len(self.image[0]), len(self.image[0][0]), len(self.image)

    @property
    def rules(self) -> tuple[str, str]:
        """The output's height and width with the values put in: `(4 − 2)/1 + 1 = 3`."""
        rows, columns = (f"{window.expression().values()} = {window.count}" for window in (self.rows, self.columns))
        return rows, columns

    @property
    def notes(self) -> tuple[str, ...]:
        """Rows and columns that no window covers, and what would fit."""
        refused = self.layer.strict_error(self.input_shape)
        fits = ("what would fit: " + "; ".join(map(str, refused.fits)),) if refused else ()
        return self.layer.notes(self.input_shape) + fits

    def check_strictly(self) -> None:
        """Raise `ShapeError`, with what would fit, where rows or columns stay uncovered."""
        refused = self.layer.strict_error(self.input_shape)
        if refused:
            raise refused

    @property
    def products(self) -> int:
        """How many products (or comparisons) the whole walk takes."""
        return math.prod(self.output_size) * self.rows.kernel * self.columns.kernel * len(self.image)

    def steps(self) -> Iterator[StepT]:
        """Yield every position, row by row."""
        for row in range(self.output_size[0]):
            for column in range(self.output_size[1]):
                yield self.step(row, column)

    @abstractmethod
    def step(self, row: int, column: int) -> StepT:
        """Return what happens at one position of the output, from 0; raise `ValueError` outside of it."""

    @property
    @abstractmethod
    def output(self) -> Grid:
        """The result at all positions."""

    @abstractmethod
    def _given(self) -> dict[str, Any]:
        """Return what moves over the image, as plain values."""

    def data(self, place: Pair | None = None, steps: bool = True) -> dict[str, Any]:
        """The image, what moves over it, the size rule, every step (of one `place`, or none), and the output."""
        height, width = (window.expression().names() for window in (self.rows, self.columns))
        found: dict[str, Any] = {"input": plain_planes(self.image), **self._given()}
        found["rule"] = {
            "height": {"names": height, "values": self.rules[0], "result": self.rows.count},
            "width": {"names": width, "values": self.rules[1], "result": self.columns.count},
        }
        found |= {"layer": str(self.layer), "output_shape": [*self.output_size, 1], "notes": list(self.notes)}
        if place is not None or steps:
            found["steps"] = [step.data() for step in ([self.step(*place)] if place else self.steps())]
        return found | {"output": plain_grid(self.output)}

    def lines(
        self,
        width: int = 160,
        place: Pair | None = None,
        steps: bool = True,
        everything: bool = False,
        picture: str = "",
    ) -> Iterator[Line]:
        """The walk, one `place` of it, or without `steps` the output alone; the image is of the file `picture`."""
        from hubel.look.byhand.told import output_lines, step_lines, walk_lines  # which needs rich

        walk: Any = self
        if not steps:
            yield from output_lines(walk)
            return
        for line in step_lines(walk, place, width) if place else walk_lines(walk, picture, everything, width):
            line.no_wrap = True  # what is wider than the screen stays a line
            yield line

    def tables(self) -> list[Table]:
        """The output, a row a line, rows and columns counted from 0."""
        titles = ("row", *(f"#{column}" for column in range(self.output_size[1])))
        return [Table(titles, [(place, *row) for place, row in enumerate(plain_grid(self.output))])]

    def __repr__(self) -> str:
        height, width = self.output_size
        return f"<{type(self).__name__} {self.layer} of {shape_text(self.input_shape)} → {height}×{width}>"

    def __str__(self) -> str:
        rules = "    ".join(f"{name} {rule}" for name, rule in zip(("height", "width"), self.rules, strict=True))
        return "\n".join([rules, *("  ".join(map(rounded_text, row)) for row in self.output)])

    def _repr_html_(self) -> str:
        from hubel.look.byhand.stepping import step_walk  # which needs NumPy

        return step_walk(self)._repr_html_()  # type: ignore[arg-type]

    def _seen(self, row: int, column: int) -> tuple[range, range]:
        for name, place, size in zip(("row", "column"), (row, column), self.output_size, strict=True):
            if not 0 <= place < size:
                raise SettingError(f"expected a {name} of the output from 0 to {size - 1}, received {place}")
        rows, columns = (
            range(start := place * w.stride - w.before, start + w.extent, w.dilation)
            for w, place in ((self.rows, row), (self.columns, column))
        )
        return rows, columns


class Convolution(Walk[Products]):
    """A kernel's way over an image. Made by `convolve`."""

    layer: Conv2D

    def __init__(self, image: Planes, kernel: Planes, layer: Conv2D, bias: Number, flip: bool) -> None:
        super().__init__(image, layer)
        self.kernel = tuple(map(flipped, kernel)) if flip else kernel
        self.bias, self.flip, self.activation = bias, flip, layer.activation

    def _given(self) -> dict[str, Any]:
        kernel = {"kernel": plain_planes(self.kernel), "flipped": self.flip}
        return kernel | {"bias": plain(self.bias), "activation": self.activation}

    def step(self, row: int, column: int) -> Products:
        """Return every product and the running sum at one position."""
        rows, columns = self._seen(row, column)
        height, width, _ = self.input_shape
        terms: list[Term] = []
        total: Number = 0
        for plane, weights in zip(self.image, self.kernel, strict=True):
            for i, line in zip(rows, weights, strict=True):
                for j, weight in zip(columns, line, strict=True):
                    inside = 0 <= i < height and 0 <= j < width
                    value = plane[i][j] if inside else 0
                    product = exact(value * weight)
                    total = exact(total + product)
                    terms.append(Term(value, weight, product, total, not inside))
        return Products(row, column, rows, columns, tuple(terms), total, self._finish(total))

    @cached_property
    def output(self) -> Grid:
        """The result at all positions, with bias and activation."""
        # in whole numbers, which is many times faster than in fractions; divided once at the end
        below = _common_denominator(self.image), _common_denominator(self.kernel)
        image, kernel = _scaled(self.image, below[0]), _scaled(self.kernel, below[1])
        sides = (self.columns.before, self.columns.after)
        width = self.input_shape[1] + sum(sides)
        planes = []
        for plane in image:
            padded = [[0] * sides[0] + row + [0] * sides[1] for row in plane]
            blank = [0] * width
            planes.append([blank] * self.rows.before + padded + [blank] * self.rows.after)
        divisor = below[0] * below[1]
        return tuple(
            tuple(self._finish(total if divisor == 1 else exact(Fraction(total, divisor))) for total in line)
            for line in self._sums(planes, kernel)
        )

    def _sums(self, planes: list[list[list[int]]], kernel: list[list[list[int]]]) -> Iterator[list[int]]:
        rows, columns = self.rows, self.columns
        for place in range(rows.count):
            sums = [0] * columns.count
            for plane, weights in zip(planes, kernel, strict=True):
                for i, line in enumerate(weights):
                    source = plane[place * rows.stride + i * rows.dilation]
                    for j, weight in enumerate(line):
                        if weight:
                            seen = source[j * columns.dilation :: columns.stride]
                            sums = [total + weight * value for total, value in zip(sums, seen, strict=False)]
            yield sums

    def _finish(self, total: Number) -> Number:
        value = exact(total + self.bias) if self.bias else total
        if not self.activation:
            return value
        activated = FUNCTIONS[self.activation].at(value)
        return activated if isinstance(activated, float) else exact(activated)


class Pooling(Walk[Pooled]):
    """A pooling window's way over an image. Made by `pool`."""

    layer: MaxPooling2D | AveragePooling2D

    @property
    def kind(self) -> Kind:
        """`max` or `average`."""
        return "max" if isinstance(self.layer, MaxPooling2D) else "average"

    def _given(self) -> dict[str, Any]:
        return {"pool": self.kind, "size": [self.rows.kernel, self.columns.kernel]}

    def step(self, row: int, column: int) -> Pooled:
        """Return the numbers in the window at one position, and their largest or average."""
        rows, columns = self._seen(row, column)
        height, width, _ = self.input_shape
        plane = self.image[0]
        values = tuple(plane[i][j] for i in rows if 0 <= i < height for j in columns if 0 <= j < width)
        value = max(values) if self.kind == "max" else exact(Fraction(1, len(values)) * sum(values))
        return Pooled(row, column, rows, columns, values, value)

    @cached_property
    def output(self) -> Grid:
        """The result at all positions."""
        rows, columns = self.output_size
        return tuple(tuple(self.step(row, column).value for column in range(columns)) for row in range(rows))


def convolve(
    image: Numbers,
    kernel: Numbers,
    *,
    strides: int | Pair = 1,
    padding: Padding = "valid",
    dilation: int | Pair = 1,
    bias: Number = 0,
    activation: str | None = None,
    flip: bool = False,
) -> Convolution:
    """Slide a kernel over an image and return the walk: `.output`, `.step(row, column)`, `.steps()`, `.rules`.

    `image` and `kernel` are text (`"1 0 / 0 1"`, channels separated by `|` or `//`), or nested sequences: rows of
    numbers, or a list of such, one for each channel. `kernel` may also be a name of `kernels.KERNELS`. As in networks,
    the kernel is not turned: strictly, this is a cross-correlation. `flip` turns the kernel by 180° first, which makes
    it the convolution of mathematics.

    Raises `ValueError` for bad numbers, names and settings, and `ShapeError` where the kernel does not fit.
    """
    planes = _planes(image)
    weights = read_kernel(kernel) if isinstance(kernel, str) else _planes(kernel)
    if len(planes) != len(weights):
        raise SettingError(
            f"expected a kernel with as many channels as the image has, {len(planes)}, received {len(weights)}; "
            "separate channels by |"
        )
    if activation in ("linear", None):
        activation = None
    elif activation not in ACTIVATIONS:
        reason = ": softmax compares several channels, and here there is one" if activation == "softmax" else ""
        raise SettingError(f"expected an activation of {', '.join(ACTIVATIONS)}, received {activation!r}{reason}")
    size = (len(weights[0]), len(weights[0][0]))
    layer = Conv2D(1, size, strides, padding, dilation_rate=dilation, activation=activation, use_bias=bool(bias))
    return Convolution(planes, weights, layer, exact(bias), flip)


def pool(
    image: Numbers,
    kind: Kind,
    *,
    size: int | Pair = 2,
    strides: int | Pair | None = None,
    padding: Padding = "valid",
) -> Pooling:
    """Slide a window over an image and keep the largest or the average of what it sees. Padded places do not count.

    `strides` of None are the window's `size`. Raises as `convolve` does.
    """
    planes = _planes(image)
    if len(planes) > 1:
        raise SettingError(f"expected one channel, for each is pooled by itself, received {len(planes)}")
    if kind not in ("max", "average"):
        raise SettingError(f"expected pooling of 'max' or 'average', received {kind!r}")
    maker = MaxPooling2D if kind == "max" else AveragePooling2D
    return Pooling(planes, maker(size, strides, padding))


def flipped(kernel: Grid) -> Grid:
    """Return a kernel turned by 180°."""
    return tuple(row[::-1] for row in kernel[::-1])


def _planes(given: Numbers) -> Planes:
    if isinstance(given, str):
        return read_planes(given)
    deep = len(given) and len(given[0]) and hasattr(given[0][0], "__len__")
    planes = tuple(map(exact_grid, given)) if deep else (exact_grid(given),)
    if len({size_text(plane) for plane in planes}) > 1:
        raise SettingError(f"expected channels of one size, received {', '.join(map(size_text, planes))}")
    return planes


def _common_denominator(planes: Planes) -> int:
    return math.lcm(*(number.denominator for plane in planes for row in plane for number in row))  # type: ignore[union-attr]


def _scaled(planes: Planes, factor: int) -> list[list[list[int]]]:
    if factor == 1:
        return [[list(row) for row in plane] for plane in planes]  # type: ignore[arg-type]
    return [[[int(number * factor) for number in row] for row in plane] for plane in planes]


__all__ = [
    "ACTIVATIONS",
    "Convolution",
    "Pooled",
    "Pooling",
    "Products",
    "Step",
    "Term",
    "Walk",
    "convolve",
    "flipped",
    "plain_grid",
    "pool",
]
