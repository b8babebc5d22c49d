"""Pictures that a network was made to see, drawn beside what they were made of, and saved."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from hubel.base.numbers import short_text
from hubel.view.figures.axes import Axes
from hubel.view.figures.tiles import Chart, Section, Tile, TiledFigure

if TYPE_CHECKING:
    from hubel.look.made.dream import Dream
    from hubel.look.made.style import Stylised

Pixels = npt.NDArray[np.uint8]
_SIZE = 372.0


def dream_figure(dream: Dream) -> TiledFigure:
    """Draw the start, the dream, and how its score grew."""
    sizes = ", ".join(f"{height}×{width}" for height, width in dream.octaves)
    steps = (len(dream.scores) - 1) // len(dream.octaves)
    subtitle = (
        f"Gradient ascent on {dream.aim}: {steps} steps in each of {len(dream.octaves)} sizes ({sizes}), seed "
        f"{dream.seed} (Mordvintsev, Olah and Tyka 2015)."
    )
    tiles = (_tile(dream.start, "before"), _tile(dream.picture, "after"))
    starts = [octave * steps for octave in range(1, len(dream.octaves))]
    chart = _curves(
        "Score before each step, and at the end",
        {dream.aim: dream.scores},
        starts,
        "vertical lines: a larger size begins",
    )
    return TiledFigure("DeepDream", subtitle, (Section("", tiles, "", _SIZE), chart))


def style_figure(made: Stylised) -> TiledFigure:
    """Draw content, style, the picture, and how both losses fell."""
    subtitle = (
        f"Content by {made.content_layers[0]}{' and others' if len(made.content_layers) > 1 else ''}, style by Gram "
        f"matrices of {', '.join(made.style_layers)}; L-BFGS, seed {made.seed} (Gatys, Ecker and Bethge 2015)."
    )
    tiles = (_tile(made.content, "content"), _tile(made.style, "style"), _tile(made.picture, "picture"))
    chart = _curves(
        "Loss after each step", made.losses, (), "each as a share of what it was compared with; logarithmic", True
    )
    return TiledFigure("Style transfer", subtitle, (Section("", tiles, "", _SIZE), chart))


def _tile(picture: Pixels, caption: str) -> Tile:
    return Tile(picture, caption, "×".join(map(str, picture.shape)))


def _curves(
    title: str, curves: dict[str, tuple[float, ...]], lines: Sequence[int], note: str, logarithmic: bool = False
) -> Chart:
    values = [
        value for curve in curves.values() for value in curve if np.isfinite(value) and (value > 0 or not logarithmic)
    ]
    drawn = {name: np.asarray(curve, float) for name, curve in curves.items()}
    low, high = (min(values), max(values)) if values else (0.0, 1.0)
    ends = (float(np.log10(low)), float(np.log10(high))) if logarithmic else (min(low, 0.0), high)
    count = max(map(len, curves.values()))
    axes = Axes(64, 30, 480, 150, (1, max(2, count)), ends)
    if logarithmic:
        up = [(float(np.log10(tick)), short_text(tick)) for tick in _decades(low, high)]
    else:
        up = [(tick, short_text(tick)) for tick in _ticks(*ends)]
    marks = axes.frame([(1, "1"), (count, f"{count}")], up, "step")
    for step in lines:
        marks += axes.curve((step + 0.5, step + 0.5), ends, "grid")
    for number, curve in enumerate(drawn.values()):
        heights = np.log10(np.where(curve > 0, curve, np.nan)) if logarithmic else curve
        marks += axes.curve(range(1, len(curve) + 1), heights.tolist(), f"line-{number}")
    names = ("", *(("blue", "orange")[number % 2] + f": {name}" for number, name in enumerate(drawn)))
    return Chart(title, tuple(marks), 560, 216, "; ".join([*names[1:], *([note] if lines or logarithmic else [])]))


def _ticks(low: float, high: float) -> list[float]:
    """Round numbers between two, three to six of them."""
    rough = max(high - low, 1e-9) / 4
    unit = 10.0 ** np.floor(np.log10(rough))
    step = float(next(unit * part for part in (1, 2, 2.5, 5, 10) if unit * part >= rough))
    first = int(np.ceil(low / step - 1e-9))
    return [number * step for number in range(first, int(np.floor(high / step + 1e-9)) + 1)]


def _decades(low: float, high: float) -> list[float]:
    """Powers of ten between two numbers; with few of them, twice and five times those too."""
    powers = range(int(np.floor(np.log10(low))), int(np.ceil(np.log10(high))) + 1)
    parts = (1, 2, 5) if len(powers) < 4 else (1,)
    return [tick for power in powers for part in parts if low <= (tick := part * 10.0**power) <= high]
