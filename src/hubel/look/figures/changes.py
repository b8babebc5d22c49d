"""A run's past on a page: accuracy, filters and maps moment by moment, probabilities, how far layers moved."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, floor, isfinite, log10, nan, sqrt
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from hubel.look.access.captions import layer_title
from hubel.view.figures import sprite
from hubel.view.figures.axes import Axes, Tick, disc
from hubel.view.figures.charts import ticks
from hubel.view.figures.scale import Scale
from hubel.view.figures.scene import Mark, Text, text_width
from hubel.view.figures.tiles import Chart, Live, Section, Tile, TiledFigure
from hubel.view.writers.linked import web_file
from hubel.view.writers.markup import Element, h
from hubel.view.writers.page import held

if TYPE_CHECKING:
    from hubel.look.inside.changes import Changes

STRIP = 10  # moments that a strip shows
FRAMES = 120  # that a page's slider goes through
LINES = 8  # of a chart
_DECADES = 4
_LEFT, _WIDE, _PAGE = 52.0, 420.0, 600.0  # of a chart: its axis, what lies on it, all of it
_GROUND = 170  # grey between pictures
_SIZE = 104.0
Pixels = npt.NDArray[np.uint8]


def figure(changes: Changes) -> TiledFigure:
    """Set the page."""
    kernels, kernel_scale = filter_pictures(changes)
    parts: list[Section | Chart] = []
    maps = map_pictures(changes)
    live = _live(changes, kernels, None if maps is None else maps[0])
    parts.append(accuracy_chart(changes, live))
    note = _filters_note(changes)
    parts.append(Section(layer_title(changes.row), _strip(changes, kernels, STRIP), note, _SIZE, kernel_scale))
    if maps is not None and changes.sample is not None:
        title = f"What {changes.row.path} gives for {changes.sample.name}"
        first = Tile(changes.sample.seen, "the image")
        parts.append(Section(title, (first, *_strip(changes, maps[0], STRIP - 1)), "", _SIZE, maps[1]))
    if changes.probabilities is not None:
        parts.append(probability_chart(changes))
    if changes.moved:
        parts.append(moved_chart(changes))
    return TiledFigure(f"How {changes.name} came to be", _subtitle(changes), tuple(parts))


def _subtitle(changes: Changes) -> str:
    kept = sum(step > 0 for step in changes.steps)
    started = "its start, and " if changes.steps[0] == 0 else ""
    parts = [f"{started}{kept} checkpoints, up to step {changes.steps[-1]:,}", changes.advice]
    parts += [f"left out: {problem}" for problem in changes.problems[:3]]
    return " · ".join(part for part in parts if part)


def filter_pictures(changes: Changes) -> tuple[list[Pixels], Scale | None]:
    """Each moment's filters in a grid, all by one scale, which is None where they are drawn in colours."""
    weights = changes.weights
    if changes.on_pixels and weights.shape[2] == 3 and min(weights.shape[3:]) > 1:
        limit = float(np.abs(weights).max()) or 1.0
        drawn = np.rint(127.5 + 127.5 * weights.transpose(0, 1, 3, 4, 2) / limit).astype(np.uint8)
        return [grid(kernels) for kernels in drawn], None
    shown = weights[:, np.arange(weights.shape[1]), _strongest(changes)]
    scale = Scale.of_signed(shown)
    return [grid(scale.colours(kernels)) for kernels in shown], scale


def map_pictures(changes: Changes) -> tuple[list[Pixels], Scale] | None:
    """Each moment's maps in a grid, all by one scale."""
    if changes.maps is None:
        return None
    scale = Scale.of(changes.maps)
    return [grid(scale.colours(maps)) for maps in changes.maps], scale


def grid(pictures: Pixels) -> Pixels:
    """Set pictures, N×H×W×3, in a grid that is about square, with a line of grey between them."""
    count, height, width = pictures.shape[:3]
    columns = ceil(sqrt(count))
    rows = ceil(count / columns)
    gap = max(1, min(height, width) // 10)
    canvas = np.full((rows * (height + gap) - gap, columns * (width + gap) - gap, 3), _GROUND, np.uint8)
    for place, picture in enumerate(pictures):
        top, left = place // columns * (height + gap), place % columns * (width + gap)
        canvas[top : top + height, left : left + width] = picture
    return canvas


def accuracy_chart(changes: Changes, live: Live) -> Chart:
    """Draw the run's primary figure over its epochs, such as accuracy, and where its checkpoints lie."""
    rows, figure = changes.metrics, changes.primary
    epochs = [row.step * _epoch_of_a_step(changes) for row in rows]
    curves = [("training", [row.training[figure.name] for row in rows if figure.name in row.training])]
    measured = [row.evaluation.get(figure.name, nan) for row in rows]
    if any(map(isfinite, measured)):
        curves.append((next(row.evaluated for row in rows if row.evaluated), measured))
    curves = [(name, values) for name, values in curves if values]
    values = [value for _, ys in curves for value in ys if isfinite(value)]
    ups = _share_ticks(values) if figure.kind == "share" else _number_ticks(values)
    low = ups[0][0]
    axes = Axes(_LEFT, 30, _WIDE, 190, (0, changes.epochs[-1] or 1), (low, ups[-1][0]))
    marks = axes.frame(_epoch_ticks(changes), ups, "epochs", figure.title)
    labels = []
    for name, ys in curves:
        number = int(name != "training")  # the colours of a report's curves
        marks += axes.curve(epochs, ys, f"line-{number}")
        marks += [axes.dot(x, y, f"series-{number}") for x, y in zip(epochs, ys, strict=True) if isfinite(y)]
        if ys and isfinite(ys[-1]):
            labels.append((axes.point(epochs[-1], ys[-1]), name, number))
    marks += _end_labels(labels)
    marks += [axes.dot(epoch, low, "series-9", 2.4) for epoch in changes.epochs]
    note = "grey dots on the axis: the moments that can be looked at" + (
        "" if len(rows) > 1 else f"; {figure.title} is measured once an epoch"
    )
    return Chart(figure.title[0].upper() + figure.title[1:], tuple(marks), _PAGE, 262, note, live)


def _share_ticks(shares: Sequence[float]) -> list[Tick]:
    """From below the least up to 100 %."""
    least = min(shares, default=0.0)
    step = next((size for size in (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2) if (1 - least) / size <= 6), 0.25)
    low = max(0.0, 1 - ceil((1 - least) / step + 0.1) * step)
    return [
        (tick, f"{tick:.{1 if step < 0.01 else 0}%}") for tick in reversed(np.arange(1, low - 1e-9, -step).tolist())
    ]


def _number_ticks(values: Sequence[float]) -> list[Tick]:
    return [(tick, f"{tick:g}") for tick in ticks(min(values, default=0.0), max(values, default=1.0))]


def probability_chart(changes: Changes) -> Chart:
    """Draw the probabilities of the likeliest classes for the image, moment by moment."""
    assert changes.probabilities is not None
    best = np.argsort(-changes.probabilities.max(0), kind="stable")[: min(5, len(changes.classes))]
    axes = Axes(_LEFT, 30, _WIDE, 170, (0, changes.epochs[-1] or 1), (0, 1))
    ups = [(tick / 4, f"{tick / 4:.2f}") for tick in range(5)]
    marks = axes.frame(_epoch_ticks(changes), ups, "epochs", "probability")
    labels = []
    for number, which in enumerate(best.tolist()):
        ys = changes.probabilities[:, which].tolist()
        marks += axes.curve(changes.epochs, ys, f"line-{number}")
        labels.append((axes.point(changes.epochs[-1], ys[-1]), changes.classes[which], number))
    marks += (ends := _end_labels(labels))
    name = changes.sample.name if changes.sample is not None else "the image"
    return Chart(f"What it takes {name} for", tuple(marks), _reach(ends), 242)


def moved_chart(changes: Changes) -> Chart:
    """Draw how far each layer's weights moved from moment to moment, on a logarithmic scale."""
    gaps = np.diff(changes.steps)
    shares = {path: (np.array(moved) / gaps).tolist() for path, moved in changes.moved.items() if any(moved)}
    chosen = list(shares)[:LINES]
    values = [share for path in chosen for share in shares[path] if share > 0]
    high = ceil(log10(max(values, default=1.0)))
    low = max(high - _DECADES, min(high - 1, floor(log10(min(values, default=0.1)))))
    axes = Axes(_LEFT, 30, _WIDE, 190, (0, changes.epochs[-1] or 1), (low, high))
    ups = [(float(power), f"{10.0**power:.{max(0, -power - 2)}%}") for power in range(low, high + 1)]
    marks = axes.frame(_epoch_ticks(changes), ups, "epochs", "moved in a step, share of own length")
    labels = []
    for number, path in enumerate(chosen):
        ys = [max(log10(share), low) if share > 0 else float("nan") for share in shares[path]]
        marks += axes.curve(changes.epochs[1:], ys, f"line-{number}")
        if isfinite(ys[-1]):
            labels.append((axes.point(changes.epochs[-1], ys[-1]), path, number))
    marks += (ends := _end_labels(labels))
    more = f"the first {LINES} of {len(shares)} layers; " if len(shares) > LINES else ""
    note = f"{more}mean over the steps from one moment to the next, as the crow flies"
    return Chart("How far each layer moved", tuple(marks), _reach(ends), 262, note)


def _end_labels(labels: Sequence[tuple[tuple[float, float], str, int]]) -> list[Mark]:
    """Write each line's name at its end, pushed apart where they would overlap."""
    marks: list[Mark] = []
    lowest = -1e9
    for (x, y), name, number in sorted(labels, key=lambda label: label[0][1]):
        lowest = max(y + 4, lowest + 13)
        # a dot of the line's colour, since words have none
        marks.append(disc(x + 12, lowest - 4, f"series-{number}", 3.0))
        marks.append(Text(x + 20, lowest, name, "label", "start"))
    return marks


def _reach(ends: Sequence[Mark]) -> float:
    """How wide a chart is in which the names at the lines' ends stand whole, in wider fonts too."""
    names = [mark for mark in ends if isinstance(mark, Text)]
    return max([_PAGE, *(name.x + 1.2 * text_width(name.words, name.role) for name in names)])


def _epoch_of_a_step(changes: Changes) -> float:
    return changes.epochs[-1] / changes.steps[-1] if changes.steps[-1] else 0.0


def _epoch_ticks(changes: Changes) -> list[Tick]:
    last = changes.epochs[-1] or 1.0
    step = next(size for size in (0.25, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1e9) if last / size <= 10)
    return [(tick, f"{tick:g}") for tick in np.arange(0, last + 1e-9, step).tolist()]


def _strongest(changes: Changes) -> npt.NDArray[np.intp]:
    """The input channel that each filter weighs most at the end."""
    found: npt.NDArray[np.intp] = np.abs(changes.weights[-1]).sum((2, 3)).argmax(1)
    return found


def _filters_note(changes: Changes) -> str:
    count = len(changes.channels)
    of = (
        f"the first {count} of {changes.row.output_shape[-1]:,} filters" if count < changes.row.output_shape[-1] else ""
    )
    inputs, height, width = changes.weights.shape[2:]
    if changes.on_pixels and inputs == 3:
        how = "mid grey is zero"
    elif inputs > 1:
        how = f"of each, the one of its {inputs} input channels that weighs most at the end"
    else:
        how = ""
    return " · ".join(
        part for part in (of, f"{height}×{width}×{inputs} each", how, "one scale for all moments") if part
    )


def _strip(changes: Changes, pictures: Sequence[Pixels], most: int) -> tuple[Tile, ...]:
    chosen = np.unique(np.linspace(0, len(pictures) - 1, min(most, len(pictures))).round().astype(int))
    return tuple(Tile(pictures[i], _when(changes, i), f"step {changes.steps[i]:,}") for i in chosen.tolist())


def _when(changes: Changes, moment: int) -> str:
    epoch = changes.epochs[moment]
    return "the start" if changes.steps[moment] == 0 else f"epoch {epoch:.2f}".rstrip("0").rstrip(".")


def _live(changes: Changes, kernels: Sequence[Pixels], maps: Sequence[Pixels] | None) -> Live:
    """The chart with a slider below it, and each moment's filters and maps."""
    count = len(changes.steps)
    chosen = np.unique(np.linspace(0, count - 1, min(FRAMES, count)).round().astype(int)).tolist()
    frames = [("filters", kernels)] if maps is None else [("filters", kernels), ("maps", maps)]
    shown = []
    for name, pictures in frames:
        sheet = sprite.sprite(np.stack([pictures[i] for i in chosen]), 320, 100)
        label = f"{name} of {changes.row.path}"
        place = h("span", class_="sprite", role="img", aria_label=label)
        shown.append(h("figure", place, h("figcaption", label), style=sheet.style, data_columns=sheet.columns))
    data = {
        "when": [_when(changes, i) for i in chosen],
        "steps": [changes.steps[i] for i in chosen],
        "places": [round((_LEFT + _WIDE * changes.epochs[i] / (changes.epochs[-1] or 1)) / _PAGE, 5) for i in chosen],
        "classes": changes.classes,
        "answers": None
        if changes.probabilities is None
        else [[round(share, 4) for share in changes.probabilities[i].tolist()] for i in chosen],
    }
    last = len(chosen) - 1
    control = (
        h("button", "play", type="button"),
        h("input", type="range", min=0, max=last, value=last, aria_label="moment"),
        h("output"),
    )

    def markup(drawn: Element) -> Element:
        return h(
            "div",
            h(
                "div",
                h("div", drawn, h("i"), class_="drawn"),
                class_="scroll",
                tabindex=0,
                role="group",
                aria_label="run",
            ),
            h("div", control, class_="control"),
            h("div", shown, class_="frames"),
            held(data),
            class_="changes",
        )

    style = sprite.STYLE + web_file("look", "changes.css")
    return Live(markup, style, web_file("look", "changes.js"))
