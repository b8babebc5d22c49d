"""Mistakes on a page: the confusion matrix, the surest errors, calibration, each class, labels that seem wrong."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from PIL import Image

from hubel.look.figures.mistakes_page import live_matrix, live_table
from hubel.tasks.results import percent
from hubel.view.figures.axes import Axes
from hubel.view.figures.scene import Line, Mark, Picture, Text, shortened, text_width
from hubel.view.figures.tiles import Chart, Section, Tile, TiledFigure, png_bytes

if TYPE_CHECKING:
    from hubel.look.errors.mistakes import Calibration, Mistakes

MOST_CLASSES = 30  # of a matrix; of more, those with the most errors are shown
MOST_TILES = 24
SIZE = 76.0
RIGHT, WRONG = (0, 114, 178), (213, 94, 0)  # hues of the diagonal and of the rest
_STRONGEST = 0.62  # opacity: words on it are read in either theme
_LABEL = 130.0  # most room for a class's name

Cell = tuple[int | str, int | str]


def figure(mistakes: Mistakes, cells: Sequence[Cell] = (), name: str = "") -> TiledFigure:
    """Set the page; `cells` (true, called) are shown in sections of their own, `name` is the model's."""
    shown = shown_classes(mistakes)
    sections: list[Section | Chart] = [matrix(mistakes, shown)]
    sections += [_cell(mistakes, true, called) for true, called in cells]
    if not cells:
        sections.append(_errors(mistakes))
    sections += [calibration_chart(mistakes.calibration()), table(mistakes, shown)]
    suspects = mistakes.label_suspects()
    if len(suspects) and not cells:
        note = "by confident learning; worth a look before the model is blamed"
        tiles = tuple(_tile(mistakes, i, "labelled ") for i in suspects[: MOST_TILES // 2])
        sections.append(Section(f"Labels that may be wrong: {_counted(len(tiles), len(suspects))}", tiles, note, SIZE))
    return TiledFigure(f"Mistakes{f' of {name}' if name else ''}", mistakes.outcome, tuple(sections))


def shown_classes(mistakes: Mistakes, most: int = MOST_CLASSES) -> npt.NDArray[np.int64]:
    """Return the classes that a matrix has room for: all, or those with the most errors, in order."""
    if len(mistakes.classes) <= most:
        return np.arange(len(mistakes.classes))
    examples, called, right = mistakes.pairs.totals()
    return np.sort(np.argsort(2 * right - examples - called, kind="stable")[:most])


def opacities(confusion: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """How strongly each cell is coloured, 0 to 1, by its share of its row; errors by the largest such share of all."""
    shares = confusion / np.maximum(confusion.sum(1, keepdims=True), 1)
    wrong = shares * (1 - np.eye(len(shares)))
    strength = np.where(np.eye(len(shares)) > 0, shares, np.sqrt(wrong / (wrong.max(initial=0) or 1)))
    return np.asarray(strength * _STRONGEST, np.float64)


def matrix(mistakes: Mistakes, shown: npt.NDArray[np.int64]) -> Chart:
    """Draw the confusion matrix; on an HTML page its cells open their images."""
    names = [mistakes.classes[i] for i in shown]
    counts = mistakes.pairs.among(shown)
    side = 46.0 if len(shown) <= 12 else 34.0 if len(shown) <= 20 else 30.0
    heads = names
    if any(text_width(name, "label") > side - 4 for name in names):  # numbers where there is no room for names
        heads = [str(i) for i in shown.tolist()]
        names = [f"{shortened(name, 'label', _LABEL - 22)}  {i}" for name, i in zip(names, heads, strict=True)]
    left = min(_LABEL, max((text_width(name, "label") for name in names), default=0.0)) + 34
    top, size = 44.0, side * len(shown)
    marks: list[Mark] = [Text(left, 11, "taken for", "label", "start"), Text(left - 10, 36, "is", "label", "end")]
    marks.append(Picture(left, top, size, size, _colours(counts), "confusion matrix"))
    for place in range(len(shown) + 1):
        along = place * side
        marks.append(Line(((left + along, top), (left + along, top + size)), "grid"))
        marks.append(Line(((left, top + along), (left + size, top + along)), "grid"))
    for place, name in enumerate(names):
        middle = (place + 0.5) * side
        marks.append(Text(left + middle, top - 8, heads[place], "label"))
        marks.append(Text(left - 10, top + middle + 4, shortened(name, "label", _LABEL), "label", "end"))
        for other, count in enumerate(counts[place].tolist()):
            if count:
                marks.append(Text(left + (other + 0.5) * side, top + middle + 4, _short(count), "label"))
    note = "a row is what images are, a column what they were taken for: blue right, orange wrong, by share of the row"
    if len(shown) < len(mistakes.classes):
        note += f"; the {len(shown)} classes with the most errors, of {len(mistakes.classes):,}"
    live = live_matrix(mistakes, shown, opacities(counts), (RIGHT, WRONG))
    return Chart("Confusion matrix", tuple(marks), left + size + 4, top + size + 6, note, live)


def calibration_chart(calibration: Calibration) -> Chart:
    """Draw a reliability diagram: accuracy against confidence, with how many images each bin has."""
    axes = Axes(46, 30, 400, 240, (0, 1), (0, 1))
    ticks = [(tick / 5, f"{tick / 5:.1f}") for tick in range(6)]
    marks = axes.frame(ticks, ticks, "highest probability", "share of these that is right")
    for low, high, count, accuracy in zip(
        calibration.edges[:-1], calibration.edges[1:], calibration.counts, calibration.accuracy, strict=True
    ):
        if count:
            marks.append(axes.column(float(low) + 0.004, float(high) - 0.004, float(accuracy)))
    marks += axes.curve((0, 1), (0, 1), "line-1")
    for low, high, count, accuracy in zip(
        calibration.edges[:-1], calibration.edges[1:], calibration.counts, calibration.accuracy, strict=True
    ):
        if count:
            x, y = axes.point(float(low + high) / 2, float(accuracy))
            marks.append(Text(x, max(y, axes.top) - 4, _short(int(count)), "figure"))
    note = (
        f"columns on the orange line would mean probabilities that can be taken at their word; expected calibration "
        f"error {calibration.error:.2%}; above each column, how many images it is of"
    )
    return Chart("Calibration", tuple(marks), 460, 306, note)


def table(mistakes: Mistakes, shown: npt.NDArray[np.int64]) -> Chart:
    """Draw precision, recall and F1 of each class, and what it is most often taken for."""
    scores = [mistakes.per_class[i] for i in shown]
    names = [shortened(score.name, "label", _LABEL) for score in scores]
    first = max((text_width(name, "label") for name in ["class", *names]), default=0.0)
    ends = [first + 66, first + 136, first + 200, first + 264]
    wide = first + 520
    marks: list[Mark] = [Text(0, 12, "class", "subtitle", "start")]
    for end, title in zip(ends, ("images", "precision", "recall", "F1"), strict=True):
        marks.append(Text(end, 12, title, "subtitle", "end"))
    marks.append(Text(ends[-1] + 28, 12, "most often taken for", "subtitle", "start"))
    marks.append(Line(((0, 19), (wide, 19)), "grid"))
    for row, (place, name, score) in enumerate(zip(shown, names, scores, strict=True)):
        y = 35.0 + 18 * row
        marks.append(Text(0, y, name, "label", "start"))
        figures = (f"{score.examples:,}", *map(percent, (score.precision, score.recall, score.f1)))
        marks += [Text(end, y, words, "label", "end") for end, words in zip(ends, figures, strict=True)]
        called = shortened(mistakes.often_taken_for(int(place)), "label", wide - ends[-1] - 30)
        marks.append(Text(ends[-1] + 28, y, called, "label", "start"))
    return Chart("Each class", tuple(marks), wide, 35.0 + 18 * len(shown), live=live_table(mistakes, shown))


def _colours(counts: npt.NDArray[np.int64]) -> bytes:
    """A pixel a cell, see-through, so that the page's own ground is the colour of zero."""
    size = len(counts)
    pixels = np.empty((size, size, 4), np.uint8)
    pixels[..., :3] = np.where(np.eye(size)[..., np.newaxis] > 0, RIGHT, WRONG)
    pixels[..., 3] = np.rint(255 * opacities(counts))
    # enlarged here, since not every viewer keeps pixels sharp
    return png_bytes(Image.fromarray(np.repeat(np.repeat(pixels, 8, 0), 8, 1)))


def _errors(mistakes: Mistakes) -> Section:
    errors = mistakes.confident_errors()
    tiles = tuple(_tile(mistakes, i) for i in errors[:MOST_TILES])
    return Section(f"The surest errors: {_counted(len(tiles), len(errors))}", tiles, _TILE_NOTE if tiles else "", SIZE)


def _cell(mistakes: Mistakes, true: int | str, called: int | str) -> Section:
    found = mistakes.cell(true, called)
    tiles = tuple(_tile(mistakes, i) for i in found[: 4 * MOST_TILES])
    names = [_name(mistakes, which) for which in (true, called)]
    words = " taken for ".join(names)
    images = "image" if len(found) == 1 else "images, the surest first"
    note = _TILE_NOTE if tiles else ""
    return Section(f"{words}: {_counted(len(tiles), len(found))} {images}", tiles, note, SIZE)


_TILE_NOTE = (
    "below each: what it is, what it was taken for, and the probabilities that the model gave to that and to the truth"
)


def _tile(mistakes: Mistakes, index: int, labelled: str = "") -> Tile:
    true, called = mistakes.classes[mistakes.labels[index]], mistakes.classes[mistakes.predicted[index]]
    row = mistakes.probabilities[index]
    own = row[mistakes.labels[index]]
    caption = f"{labelled or ''}{true}" + (f", taken for {called}" if true != called else "")
    sure = f"{mistakes.confidences[index]:.1%}" + (f", {own:.1%}" if true != called else "")
    said = " · ".join(f"{mistakes.classes[i]} {row[i]:.1%}" for i in np.argsort(-row, kind="stable")[:3])
    hover = f"{mistakes.name_of(index)} of {mistakes.dataset.name or 'the set'}: {true}; {said}"
    return Tile(mistakes.dataset.seen([index])[0], caption, sure, (), hover)


def _name(mistakes: Mistakes, which: int | str) -> str:
    return mistakes.classes[mistakes.class_number(which)]


def _counted(shown: int, there: int) -> str:
    return f"{there:,}" if shown == there else f"{shown} of {there:,}"


def _short(count: int) -> str:
    """Write a count in at most four letters or so."""
    return f"{count:,}" if count < 10_000 else f"{count / 1000:.0f}k"
