"""Small charts as SVG that takes the page's colours: curves over epochs, bars, and how far confidence is earned."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from hubel.view.figures.axes import Axes
from hubel.view.writers.markup import Attribute, Element, h

WIDTH, HEIGHT = 340.0, 220.0
LEFT, RIGHT, TOP, BOTTOM = 46.0, 12.0, 12.0, 38.0


@dataclass(frozen=True)
class Series:
    """One curve. kind: its class in the style sheet ("training", "evaluated", "rate")."""

    name: str
    kind: str
    values: tuple[float, ...]


class Bins(Protocol):
    """Confidence in bins."""

    @property
    def edges(self) -> Any:
        """Where bins begin and end, one more than there are bins."""

    @property
    def counts(self) -> Any:
        """How many images each has."""

    @property
    def confidence(self) -> Any:
        """How sure these are on average."""

    @property
    def accuracy(self) -> Any:
        """Which share of them is right."""

    @property
    def error(self) -> float:
        """The mean distance of the two."""
        ...


def _axes(across: tuple[float, float], up: tuple[float, float]) -> Axes:
    """The axes of a chart of the usual size."""
    return Axes(LEFT, TOP, WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM, across, up)


def curves(
    title: str, epochs: Sequence[int], series: Sequence[Series], write: Callable[[float], str], lowest: float = math.inf
) -> Element:
    """Curves over epochs; numbers that are none are left out. `write` writes a number at the axis, which starts
    at `lowest` or below.
    """
    finite = [value for one in series for value in one.values if math.isfinite(value)]
    marks = ticks(min([*finite, lowest]) if finite else 0.0, max(finite, default=1.0))
    axes = _axes((epochs[0], epochs[-1]), (marks[0], marks[-1]))
    words = _frame(
        axes, [(value, write(value)) for value in marks], [(e, str(e)) for e in _epoch_ticks(epochs)], "epoch"
    )
    drawn = [_curve(axes, epochs, one) for one in series]
    return h(
        "svg",
        words,
        drawn,
        h("line", class_="pointer", y1=TOP, y2=HEIGHT - BOTTOM),
        **_chart(f"{title} over epochs; the table below has the numbers", "chart curves"),
        data_places=",".join(_number(axes.x_of(epoch)) for epoch in epochs),
        data_values="|".join(
            ",".join(write(value) if math.isfinite(value) else "–" for value in one.values) for one in series
        ),
        data_epochs=",".join(map(str, epochs)),
    )


def _chart(label: str, kind: str = "chart", width: float = WIDTH, height: float = HEIGHT) -> dict[str, Attribute]:
    """What a chart's element says of itself."""
    return {"class_": kind, "viewBox": f"0 0 {width:g} {height:g}", "role": "img", "aria_label": label}


def reliability(found: Bins) -> Element:
    """A reliability diagram: the share that is right for each bin of confidence, beside what was promised."""
    axes = _axes((0.0, 1.0), (0.0, 1.0))
    steps = [(share, f"{share:.0%}") for share in (0, 0.25, 0.5, 0.75, 1)]
    parts = _frame(axes, steps, steps, "confidence: the probability of the class it chose")
    for low, high, count, sure, right in zip(
        found.edges[:-1], found.edges[1:], found.counts, found.confidence, found.accuracy, strict=True
    ):
        if count:
            told = f"{count:,} images, {sure:.1%} sure on average, {right:.1%} right"
            x, width = axes.x_of(low) + 0.5, axes.x_of(high) - axes.x_of(low) - 1
            top, promised = sorted((axes.y_of(right), axes.y_of(sure)))
            bar = h("rect", class_="bar", **_box(x, axes.y_of(right), width, axes.y_of(0) - axes.y_of(right)))
            gap = h("rect", class_="gap", **_box(x, top, width, promised - top))
            parts.append(h("g", h("title", told), bar, gap, class_="bin"))
    ends = _points([(axes.x_of(0), axes.y_of(0)), (axes.x_of(1), axes.y_of(1))])
    label = f"reliability diagram, expected calibration error {found.error:.2%}"
    return h("svg", parts, h("polyline", class_="ideal", points=ends), **_chart(label))


def confidences(found: Bins) -> Element:
    """How many images fall into each bin of confidence."""
    marks = sorted({float(round(tick)) for tick in ticks(0.0, float(found.counts.max(initial=1)))})
    axes = _axes((0.0, 1.0), (0.0, marks[-1]))
    steps = [(share, f"{share:.0%}") for share in (0, 0.25, 0.5, 0.75, 1)]
    parts = _frame(axes, [(value, f"{value:,.0f}") for value in marks], steps, "confidence")
    for low, high, count in zip(found.edges[:-1], found.edges[1:], found.counts, strict=True):
        x, width = axes.x_of(low) + 0.5, axes.x_of(high) - axes.x_of(low) - 1
        bar = h("rect", class_="bar", **_box(x, axes.y_of(count), width, axes.y_of(0) - axes.y_of(count)))
        parts.append(h("g", h("title", f"{count:,} images, {low:.0%} to {high:.0%} sure"), bar, class_="bin"))
    return h("svg", parts, **_chart("number of images by confidence"))


def histogram(counts: Sequence[int], limit: float) -> Element:
    """How weights are spread between -limit and limit: bars without a scale of their own."""
    width, height, most = 280.0, 72.0, max(counts)
    step = width / len(counts)
    bars = [
        h("rect", class_="bar", **_box(place * step + 0.5, height - 56 * count / most, step - 1, 56 * count / most))
        for place, count in enumerate(counts)
        if count
    ]
    words = ((0.0, "start", f"−{limit:.3g}"), (width / 2, "middle", "0"), (width, "end", f"{limit:.3g}"))
    return h(
        "svg",
        h("line", class_="axis", x2=width, y1=height, y2=height),
        h("line", class_="grid", x1=width / 2, x2=width / 2, y1=10, y2=height),
        bars,
        [h("text", text, class_="tick", x=x, y=height + 14, text_anchor=anchor) for x, anchor, text in words],
        **_chart("histogram of the weights", "chart histogram", width, height + 18),
    )


def ticks(low: float, high: float, wanted: int = 4) -> list[float]:
    """Round numbers, evenly apart, that enclose `low` to `high`."""
    span = high - low or abs(high) or 1.0
    step = 10.0 ** math.floor(math.log10(span / wanted))
    step = next(step * factor for factor in (1, 2, 2.5, 5, 10) if span / (step * factor) <= wanted)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    if first == last:  # what stays the same is under the top, so that no share of it all has more above it
        first, last = (first - 1, last) if first > 0 else (first, last + 1)
    return [round(number * step, 12) for number in range(first, last + 1)]


def _epoch_ticks(epochs: Sequence[int]) -> list[int]:
    if len(epochs) == 1:
        return list(epochs)
    inner = [
        int(tick) for tick in ticks(epochs[0], epochs[-1]) if tick == int(tick) and epochs[0] <= tick <= epochs[-1]
    ]
    return sorted({epochs[0], epochs[-1], *(e for e in inner if min(e - epochs[0], epochs[-1] - e) > len(epochs) / 12)})


def _frame(
    axes: Axes, rows: Sequence[tuple[float, str]], columns: Sequence[tuple[float, str]], below: str
) -> list[Element]:
    found = []
    for value, text in rows:
        y = axes.y_of(value)
        kind = "axis" if value == axes.up[0] else "grid"
        found.append(h("line", class_=kind, x1=LEFT, x2=WIDTH - RIGHT, y1=_number(y), y2=_number(y)))
        found.append(_tick(LEFT - 6, y + 4, text, "end"))
    found += [_tick(axes.x_of(value), HEIGHT - BOTTOM + 15, text) for value, text in columns]
    return [*found, _tick((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 5, below)]


def _tick(x: float, y: float, text: str, anchor: str = "middle") -> Element:
    return h("text", text, class_="tick", x=_number(x), y=_number(y), text_anchor=anchor)


def _curve(axes: Axes, epochs: Sequence[int], one: Series) -> list[Element]:
    points = [
        (axes.x_of(epoch), axes.y_of(value))
        for epoch, value in zip(epochs, one.values, strict=True)
        if math.isfinite(value)
    ]
    dots = [h("circle", class_=one.kind, cx=_number(x), cy=_number(y), r=3) for x, y in points]
    return [h("polyline", class_=one.kind, points=_points(points)), *(dots if len(points) < 40 else [])]


def _points(points: Sequence[tuple[float, float]]) -> str:
    return " ".join(f"{_number(x)},{_number(y)}" for x, y in points)


def _box(x: float, y: float, width: float, height: float) -> dict[str, Attribute]:
    return {"x": _number(x), "y": _number(y), "width": _number(width), "height": _number(height)}


def _number(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")
