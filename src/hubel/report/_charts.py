"""Small charts as SVG that takes the page's colours: curves over epochs, bars, and how far confidence is earned."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape

from hubel.look.mistakes import Calibration

WIDTH, HEIGHT = 340.0, 220.0
LEFT, RIGHT, TOP, BOTTOM = 46.0, 12.0, 12.0, 38.0


@dataclass(frozen=True)
class Series:
    """One curve. kind: its class in the style sheet ("training", "evaluated", "rate")."""

    name: str
    kind: str
    values: tuple[float, ...]


@dataclass(frozen=True)
class _Axes:
    """Where numbers lie in a chart."""

    low: float
    high: float
    left: float
    right: float

    def across(self, value: float) -> float:
        span = self.right - self.left
        share = (value - self.left) / span if span else 0.5
        return LEFT + share * (WIDTH - LEFT - RIGHT)

    def down(self, value: float) -> float:
        span = self.high - self.low
        return HEIGHT - BOTTOM - (value - self.low) / (span or 1.0) * (HEIGHT - TOP - BOTTOM)


def curves(
    title: str, epochs: Sequence[int], series: Sequence[Series], write: Callable[[float], str], lowest: float = math.inf
) -> str:
    """Curves over epochs, as SVG; numbers that are none are left out. `write` writes a number at the axis, which starts
    at `lowest` or below.
    """
    finite = [value for one in series for value in one.values if math.isfinite(value)]
    marks = ticks(min([*finite, lowest]) if finite else 0.0, max(finite, default=1.0))
    axes = _Axes(marks[0], marks[-1], epochs[0], epochs[-1])
    words = _frame(
        axes, [(value, write(value)) for value in marks], [(e, str(e)) for e in _epoch_ticks(epochs)], "epoch"
    )
    drawn = "".join(_curve(axes, epochs, one, write) for one in series)
    places = ",".join(_number(axes.across(epoch)) for epoch in epochs)
    values = "|".join(",".join(write(value) for value in one.values) for one in series)
    return (
        f'<svg class="chart curves" viewBox="0 0 {WIDTH:g} {HEIGHT:g}" role="img" aria-label="{escape(title)} over '
        f'epochs; the table below has the numbers" data-places="{places}" data-values="{escape(values)}" '
        f'data-epochs="{",".join(map(str, epochs))}">{words}{drawn}'
        f'<line class="pointer" y1="{TOP:g}" y2="{HEIGHT - BOTTOM:g}"/></svg>'
    )


def reliability(found: Calibration) -> str:
    """A reliability diagram: the share that is right for each bin of confidence, beside what was promised."""
    axes = _Axes(0.0, 1.0, 0.0, 1.0)
    steps = [(share, f"{share:.0%}") for share in (0, 0.25, 0.5, 0.75, 1)]
    parts = [_frame(axes, steps, steps, "confidence: the probability of the class it chose")]
    for low, high, count, sure, right in zip(
        found.edges[:-1], found.edges[1:], found.counts, found.confidence, found.accuracy, strict=True
    ):
        if count:
            told = f"{count:,} images, {sure:.1%} sure on average, {right:.1%} right"
            x, width = axes.across(low) + 0.5, axes.across(high) - axes.across(low) - 1
            top, promised = sorted((axes.down(right), axes.down(sure)))
            parts.append(
                f'<g class="bin"><title>{told}</title>'
                f'<rect class="bar" {_box(x, axes.down(right), width, axes.down(0) - axes.down(right))}/>'
                f'<rect class="gap" {_box(x, top, width, promised - top)}/></g>'
            )
    ends = _points([(axes.across(0), axes.down(0)), (axes.across(1), axes.down(1))])
    label = f"reliability diagram, expected calibration error {found.error:.2%}"
    return (
        f'<svg class="chart" viewBox="0 0 {WIDTH:g} {HEIGHT:g}" role="img" aria-label="{label}">{"".join(parts)}'
        f'<polyline class="ideal" points="{ends}"/></svg>'
    )


def confidences(found: Calibration) -> str:
    """How many images fall into each bin of confidence."""
    marks = sorted({float(round(tick)) for tick in ticks(0.0, float(found.counts.max(initial=1)))})
    axes = _Axes(0.0, marks[-1], 0.0, 1.0)
    steps = [(share, f"{share:.0%}") for share in (0, 0.25, 0.5, 0.75, 1)]
    parts = [_frame(axes, [(value, f"{value:,.0f}") for value in marks], steps, "confidence")]
    for low, high, count in zip(found.edges[:-1], found.edges[1:], found.counts, strict=True):
        x, width = axes.across(low) + 0.5, axes.across(high) - axes.across(low) - 1
        parts.append(
            f'<g class="bin"><title>{count:,} images, {low:.0%} to {high:.0%} sure</title>'
            f'<rect class="bar" {_box(x, axes.down(count), width, axes.down(0) - axes.down(count))}/></g>'
        )
    return (
        f'<svg class="chart" viewBox="0 0 {WIDTH:g} {HEIGHT:g}" role="img" '
        f'aria-label="number of images by confidence">{"".join(parts)}</svg>'
    )


def histogram(counts: Sequence[int], limit: float) -> str:
    """How weights are spread between -limit and limit: bars without a scale of their own."""
    width, height, most = 280.0, 72.0, max(counts)
    step = width / len(counts)
    bars = "".join(
        f'<rect class="bar" {_box(place * step + 0.5, height - 56 * count / most, step - 1, 56 * count / most)}/>'
        for place, count in enumerate(counts)
        if count
    )
    labels = "".join(
        f'<text class="tick" x="{x:g}" y="{height + 14:g}" text-anchor="{anchor}">{text}</text>'
        for x, anchor, text in (
            (0, "start", f"−{limit:.3g}"),
            (width / 2, "middle", "0"),
            (width, "end", f"{limit:.3g}"),
        )
    )
    return (
        f'<svg class="chart histogram" viewBox="0 0 {width:g} {height + 18:g}" role="img" '
        f'aria-label="histogram of the weights"><line class="axis" x2="{width:g}" y1="{height:g}" y2="{height:g}"/>'
        f'<line class="grid" x1="{width / 2:g}" x2="{width / 2:g}" y1="10" y2="{height:g}"/>{bars}{labels}</svg>'
    )


def ticks(low: float, high: float, wanted: int = 4) -> list[float]:
    """Round numbers, evenly apart, that enclose `low` to `high`."""
    span = high - low or abs(high) or 1.0
    step = 10.0 ** math.floor(math.log10(span / wanted))
    step = next(step * factor for factor in (1, 2, 2.5, 5, 10) if span / (step * factor) <= wanted)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [round(number * step, 12) for number in range(first, max(last, first + 1) + 1)]


def _epoch_ticks(epochs: Sequence[int]) -> list[int]:
    if len(epochs) == 1:
        return list(epochs)
    inner = [
        int(tick) for tick in ticks(epochs[0], epochs[-1]) if tick == int(tick) and epochs[0] <= tick <= epochs[-1]
    ]
    return sorted({epochs[0], epochs[-1], *(e for e in inner if min(e - epochs[0], epochs[-1] - e) > len(epochs) / 12)})


def _frame(axes: _Axes, rows: Sequence[tuple[float, str]], columns: Sequence[tuple[float, str]], below: str) -> str:
    lines = "".join(
        f'<line class="{"axis" if value == axes.low else "grid"}" x1="{LEFT:g}" x2="{WIDTH - RIGHT:g}" '
        f'y1="{_number(axes.down(value))}" y2="{_number(axes.down(value))}"/>'
        f'<text class="tick" x="{LEFT - 6:g}" y="{_number(axes.down(value) + 4)}" text-anchor="end">{text}</text>'
        for value, text in rows
    )
    foot = "".join(
        f'<text class="tick" x="{_number(axes.across(value))}" y="{HEIGHT - BOTTOM + 15:g}" '
        f'text-anchor="middle">{text}</text>'
        for value, text in columns
    )
    middle = (LEFT + WIDTH - RIGHT) / 2
    return f'{lines}{foot}<text class="tick" x="{middle:g}" y="{HEIGHT - 5:g}" text-anchor="middle">{below}</text>'


def _curve(axes: _Axes, epochs: Sequence[int], one: Series, write: Callable[[float], str]) -> str:
    points = [
        (axes.across(epoch), axes.down(value), value)
        for epoch, value in zip(epochs, one.values, strict=True)
        if math.isfinite(value)
    ]
    dots = "".join(
        f'<circle class="{one.kind}" cx="{_number(x)}" cy="{_number(y)}" r="{3 if len(points) < 40 else 0}"/>'
        for x, y, _ in points
    )
    line = _points([(x, y) for x, y, _ in points])
    return f'<polyline class="{one.kind}" points="{line}"/>{dots if len(points) < 40 else ""}'


def _points(points: Sequence[tuple[float, float]]) -> str:
    return " ".join(f"{_number(x)},{_number(y)}" for x, y in points)


def _box(x: float, y: float, width: float, height: float) -> str:
    return f'x="{_number(x)}" y="{_number(y)}" width="{_number(width)}" height="{_number(height)}"'


def _number(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")
