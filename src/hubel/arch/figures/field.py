"""Receptive fields, exactly: which rows (or columns) of the input each position of a layer sees.

Along one axis, position i of a layer sees the input rows first(i) … last(i). Both are quasi-affine functions of i: a
table for one period, and an advance a period. Ordinary convolutions and pools have period 1, which is the usual
(size, stride, offset) arithmetic of Araujo, Norris & Sim, "Computing Receptive Fields of Convolutional Neural Networks"
(Distill, 2019); upsampling makes longer periods, and branches unite. Fields reach into the padding (a row −3 is three
rows above the picture), as is usual when sizes are quoted; clip them to the picture to see what is really there. Where
a window hangs over a map in between, what stands there is padding, and no row of the picture that the arithmetic would
name: `span` asks every map on the way.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction
from functools import partial
from itertools import accumulate
from math import gcd, lcm
from typing import TypeAlias

MOST = 512  # positions at either end of a window that are looked at one by one
Span: TypeAlias = tuple[int, int]
Places: TypeAlias = Callable[[int], range]


@dataclass(frozen=True, slots=True)
class Axis:
    """The field along one axis of a layer of `length` positions; `firsts` and `lasts` cover one period.

    `below` is the axis that it reads (the axes of branches that unite), `places` the positions that are read there, of
    those that there are; `end` is the picture's last row.
    """

    length: int
    firsts: tuple[int, ...]
    lasts: tuple[int, ...]
    advance: int
    below: tuple[Axis, ...] = field(default=(), compare=False, repr=False)
    places: Places | None = field(default=None, compare=False, repr=False)
    end: int = field(default=-1, compare=False, repr=False)
    _known: dict[int, Span | None] = field(default_factory=dict, init=False, compare=False, repr=False)

    @staticmethod
    def of_input(length: int) -> Axis:
        """Return the field of the input itself: every position sees itself."""
        return Axis(length, (0,), (0,), 1, end=length - 1)

    @property
    def size(self) -> int:
        """Rows that a position sees; the most, where positions differ."""
        return max(last - first + 1 for first, last in zip(self.firsts, self.lasts, strict=True))

    @property
    def stride(self) -> Fraction:
        """Input rows between the fields of neighbouring positions, on average; of a table, of its middle half."""
        if self.advance == 0 and len(self.firsts) > 3:
            quarter = len(self.firsts) // 4
            return Fraction(self.firsts[3 * quarter] - self.firsts[quarter], 2 * quarter)
        return Fraction(self.advance, len(self.firsts))

    @property
    def offset(self) -> int:
        """First row seen by position 0; negative in the padding."""
        return self.firsts[0]

    def span(self, position: int) -> Span:
        """Return the first and the last row that `position` sees; beyond the picture's first and last is padding."""
        first, last = self._span(position)
        seen = _seen(self, position) if self.below else None
        if seen is not None:
            first = min(first, 0) if seen[0] == 0 else seen[0]
            last = max(last, self.end) if seen[1] == self.end else seen[1]
        return first, last

    def _reads(self, position: int) -> list[tuple[Axis, int]]:
        """Return what a position reads; of a very long window the two ends, since what lies between sees no farther."""
        if self.places is None:
            return [(axis, position) for axis in self.below]
        inner, read = self.below[0], self.places(position)
        return [(inner, place) for place in (read if len(read) <= 2 * MOST else (*read[:MOST], *read[-MOST:]))]

    def _span(self, position: int) -> Span:
        cycle, phase = divmod(position, len(self.firsts))
        return self.firsts[phase] + cycle * self.advance, self.lasts[phase] + cycle * self.advance

    def _over(self, length: int, firsts: tuple[int, ...], lasts: tuple[int, ...], advance: int, places: Places) -> Axis:
        return Axis(length, firsts, lasts, advance, (self,), places, self.end)

    def _mapped(
        self, length: int, period: int, advance: int, sources: Callable[[int], Span], there: Places | None = None
    ) -> Axis:
        reach = self._reach if self._in_order else self._widest
        if self.advance == 0 and len(self.firsts) > 1:  # a table of all positions: there are none beyond it
            last = self.length - 1
            found = [sources(position) for position in range(length)]
            places = [(min(max(a, 0), last), min(max(b, 0), last)) for a, b in found]
        else:
            places = [sources(position) for position in range(period)]
        spans = [reach(*place) for place in places]
        firsts, lasts = tuple(first for first, _ in spans), tuple(last for _, last in spans)
        return self._over(length, firsts, lasts, advance, there or partial(_clipped, sources, self.length))

    @property
    def _in_order(self) -> bool:
        """Whether no position sees farther back than one before it; after a transposed convolution one may."""
        return all(
            all(a <= b for a, b in zip(ends, (*ends[1:], ends[0] + self.advance), strict=True))
            for ends in (self.firsts, self.lasts)
        )

    def _reach(self, first: int, last: int) -> tuple[int, int]:
        return self._span(first)[0], self._span(last)[1]

    def _widest(self, first: int, last: int) -> tuple[int, int]:
        """Look at every phase of the period that lies in a range: whole periods only move on."""
        most = len(self.firsts) - 1
        firsts = (self._span(position)[0] for position in range(first, min(last, first + most) + 1))
        lasts = (self._span(position)[1] for position in range(max(first, last - most), last + 1))
        return min(firsts), max(lasts)

    def window(self, length: int, stride: int, before: int, extent: int, dilation: int = 1) -> Axis:
        """See through a window of `extent` rows, every `dilation`-th of them, moved by `stride`, starting `before` rows
        above.
        """
        if extent == stride == 1 and not before and length == self.length:
            return self
        there = partial(_taps, stride, before, extent, dilation, self.length)
        if len(self.firsts) == 1:
            start = self.firsts[0] - before * self.advance
            last = self.lasts[0] + (extent - 1 - before) * self.advance
            return self._over(length, (start,), (last,), self.advance * stride, there)
        period = len(self.firsts) // gcd(len(self.firsts), stride)
        advance = self.advance * (stride * period // len(self.firsts))
        return self._mapped(
            length, period, advance, lambda o: (o * stride - before, o * stride - before + extent - 1), there
        )

    def repeated(self, factor: int) -> Axis:
        """See through nearest-neighbour upsampling."""
        return self._mapped(
            self.length * factor, len(self.firsts) * factor, self.advance, lambda o: (o // factor, o // factor)
        )

    def taken(self, places: tuple[int, ...]) -> Axis:
        """See through what takes each place over from another."""
        return self._mapped(len(places), len(places), 0, lambda o: (places[o], places[o]))

    def nearest(self, length: int) -> Axis:
        """See through what takes the place before, for any number of places."""
        return self.taken(tuple(place * self.length // length for place in range(length)))

    def mixed(self, length: int) -> Axis:
        """See through linear interpolation with half-pixel centres, of any number of places."""

        def sources(o: int) -> tuple[int, int]:
            first, rest = divmod((2 * o + 1) * self.length - length, 2 * length)
            return max(first, 0), min(first + (rest > 0), self.length - 1)

        return self._mapped(length, length, 0, sources)

    def aligned(self, length: int) -> Axis:
        """See through linear interpolation that keeps the first and the last place where they are."""

        def sources(o: int) -> tuple[int, int]:
            first, rest = divmod(o * (self.length - 1), max(length - 1, 1))
            return first, first + (rest > 0)

        return self._mapped(length, length, 0, sources)

    def interpolated(self, factor: int) -> Axis:
        """See through linear upsampling with half-pixel centres; edges repeat, so positions there see one row less."""

        def sources(o: int) -> tuple[int, int]:
            first, rest = divmod(2 * o + 1 - factor, 2 * factor)
            return first, first + (rest > 0)

        return self._mapped(self.length * factor, len(self.firsts) * factor, self.advance, sources)

    def transposed(self, length: int, stride: int, before: int, kernel: int, dilation: int) -> Axis:
        """See through a transposed convolution that cuts `before` rows off its start."""
        common = gcd(dilation, stride)
        apart = stride // common
        inverse = pow(dilation // common, -1, apart)

        def sources(o: int) -> tuple[int, int]:
            place, rest = divmod(o + before, common)
            tap = place * inverse % apart  # the first one that lands on a row; then every `apart`-th does
            if rest or tap >= kernel:
                # no kernel row lands here: only the bias does, so the nearest row stands for an empty field
                return ((o + before) // stride,) * 2
            last = tap + (kernel - 1 - tap) // apart * apart
            return (o + before - last * dilation) // stride, (o + before - tap * dilation) // stride

        def there(o: int) -> range:
            place, rest = divmod(o + before, common)
            if rest or place * inverse % apart >= kernel:
                return range(0)
            return _within(*sources(o), dilation // common, self.length)

        return self._mapped(length, len(self.firsts) * stride, self.advance, sources, there)

    def bins(self, length: int) -> Axis:
        """See through adaptive pooling into `length` bins."""
        whole, rest = divmod(self.length, length)
        if rest == 0:
            return self.window(length, whole, 0, whole)
        advance = self._span(self.length)[0] - self._span(0)[0]
        return self._mapped(
            length, length, advance, lambda o: (o * self.length // length, -(-(o + 1) * self.length // length) - 1)
        )

    def everything(self, length: int = 1) -> Axis:
        """See all positions at once, from each of `length` positions."""
        if len(self.firsts) == 1:
            first, last = self.firsts[0], self.lasts[0] + (self.length - 1) * self.advance
        else:
            first, last = self._widest(0, self.length - 1)
        return self._over(length, (first,), (last,), 0, lambda _: range(self.length))

    def so_far(self, backwards: bool = False) -> Axis:
        """See every position up to one's own: from the first on, or `backwards` from the last on."""
        order = range(self.length - 1, -1, -1) if backwards else range(self.length)
        spans = [self._span(position) for position in order]
        firsts = tuple(accumulate((first for first, _ in spans), min))
        lasts = tuple(accumulate((last for _, last in spans), max))
        return self._over(self.length, firsts, lasts, 0, partial(_so_far, self.length, backwards))

    def moved(self, length: int, before: int) -> Axis:
        """See through padding: position 0 lies `before` rows above."""
        return self.window(length, 1, before, 1)


def union(axes: list[Axis]) -> Axis:
    """Unite the fields of branches of equal length: from the first row that any sees to the last."""
    if all(axis is axes[0] for axis in axes):
        return axes[0]
    length, end = axes[0].length, axes[0].end
    period = lcm(*(len(axis.firsts) for axis in axes))
    advances = {axis.stride * period for axis in axes}
    if len(advances) > 1 or period > length:
        # branches that move at different speeds have no common period, others one that is longer than they are: one
        # table over all positions is still exact
        period = length
        advance = max(axis._span(length)[0] - axis._span(0)[0] for axis in axes)
    else:
        advance = int(advances.pop())
    spans = [[axis._span(o) for axis in axes] for o in range(period)]
    firsts = tuple(min(first for first, _ in row) for row in spans)
    lasts = tuple(max(last for _, last in row) for row in spans)
    if period == length and len({*zip(firsts, lasts, strict=True)}) == 1:  # one branch sees all from everywhere
        firsts, lasts, advance = firsts[:1], lasts[:1], 0
    return Axis(length, firsts, lasts, advance, tuple(axes), None, end)


def _seen(axis: Axis, position: int) -> Span | None:
    """Return the rows of the picture that a position really sees; None where that is padding alone."""
    waiting = [(axis, position)]
    while waiting:
        one, place = waiting[-1]
        if place in one._known:
            waiting.pop()
            continue
        reads = one._reads(place)
        missing = [(inner, there) for inner, there in reads if there not in inner._known]
        if missing:
            waiting += missing
            continue
        waiting.pop()
        spans = [span for inner, there in reads if (span := inner._known[there]) is not None]
        ends = (min(first for first, _ in spans), max(last for _, last in spans)) if spans else None
        one._known[place] = ends if one.below else (place, place)
    return axis._known[position]


def _within(first: int, last: int, apart: int, length: int) -> range:
    """Return those of places so far `apart` that are places of a map."""
    first += -(first // apart) * apart if first < 0 else 0
    last -= -(-(last - length + 1) // apart) * apart if last >= length else 0
    return range(first, last + 1, apart)


def _taps(stride: int, before: int, extent: int, dilation: int, length: int, position: int) -> range:
    start = position * stride - before
    return _within(start, start + extent - 1, dilation, length)


def _clipped(sources: Callable[[int], Span], length: int, position: int) -> range:
    first, last = sources(position)
    return range(min(max(first, 0), length - 1), min(max(last, 0), length - 1) + 1)


def _so_far(length: int, backwards: bool, position: int) -> range:
    return range(length - 1 - position, length) if backwards else range(position + 1)


@dataclass(frozen=True, slots=True)
class Field:
    """The receptive field of a layer's positions, rows and columns apart.

    Where the input is a sequence or a vector (`flat`), rows are its steps or features, and there is one column.
    `picture` is the picture whose places are written one after another along an axis here, as long as nothing has mixed
    them: a position sees what its place there sees.
    """

    rows: Axis
    columns: Axis
    flat: bool = False
    picture: Picture | None = field(default=None, compare=False, repr=False)

    @property
    def listed(self) -> Picture | None:
        """The picture, if its places are still one after another along an axis."""
        alive = self.picture is not None and any(self.picture.axis is axis for axis in (self.rows, self.columns))
        return self.picture if alive else None

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the field in input positions, padding included."""
        return self.listed.field.size if self.listed else (self.rows.size, self.columns.size)

    @property
    def stride(self) -> tuple[Fraction, Fraction]:
        """Effective stride: input positions between neighbouring fields."""
        return self.listed.field.stride if self.listed else (self.rows.stride, self.columns.stride)

    @property
    def size_text(self) -> str:
        """The size as it is written: `5×5`, or `5` of a sequence or a vector."""
        return "×".join(map(str, self.size[: 1 if self.flat else 2]))

    @property
    def stride_text(self) -> str:
        """The effective stride as it is written: `2×2`, or `2` of a sequence or a vector."""
        return "×".join(map(str, self.stride[: 1 if self.flat else 2]))

    @property
    def offset(self) -> tuple[int, int]:
        """First row and column that position (0, 0) sees; negative in the padding."""
        return self.listed.field.offset if self.listed else (self.rows.offset, self.columns.offset)

    def at(self, row: int, column: int) -> tuple[tuple[int, int], tuple[int, int]]:
        """Return ((first row, last row), (first column, last column)) seen by one position, not clipped."""
        if (picture := self.listed) is not None:
            place = row if picture.axis is self.rows else column
            return picture.field.at(*divmod(place, picture.width))
        return self.rows.span(row), self.columns.span(column)

    def written_as(self, before: tuple[int, ...], after: tuple[int, ...]) -> Field:
        """See the same numbers in another shape, in PyTorch's order, channel after channel.

        Places that stay one after another, or become a picture's again, see what they saw; from all others everything
        is seen. Shapes have the channels last.
        """
        (height, width), (rows, columns) = ((*shape[:-1], 1, 1)[:2] for shape in (before, after))
        if before[-1] == after[-1] and (height, width) == (rows, columns):
            return self
        known = self.listed or Picture(self, height, width, self.rows)
        if len(before) > 1 and (known.height, known.width) == (rows, columns):
            return known.field
        seen = self.rows.everything(rows), self.columns.everything(columns)
        places = known.height * known.width
        last = next((axis for axis, length in zip((1, 0), (columns, rows), strict=True) if length > 1), 0)
        if len(before) == 1 or len(after) == 1 or (rows, columns)[last] != places:
            return Field(*seen, self.flat)
        return Field(*seen, self.flat, Picture(known.field, known.height, known.width, seen[last]))

    def each(self, rows: Callable[[Axis], Axis], columns: Callable[[Axis], Axis] | None = None) -> Field:
        """Take a step along both axes (the same one where only `rows` is given)."""
        seen = rows(self.rows)
        other = seen if columns is None and self.rows is self.columns else (columns or rows)(self.columns)
        return self if seen is self.rows and other is self.columns else Field(seen, other, self.flat, self.picture)

    def along(self, step: Callable[[Axis], Axis]) -> Field:
        """Take a step along a sequence."""
        return Field(step(self.rows), self.columns, self.flat, self.picture)


@dataclass(frozen=True, slots=True)
class Picture:
    """What the places of a picture of so many rows and columns see, and the axis along which they are written."""

    field: Field
    height: int
    width: int
    axis: Axis
