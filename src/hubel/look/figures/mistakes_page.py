"""The confusion matrix on an HTML page: each cell opens its images, with the model's probabilities."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from hubel.tasks.results import percent
from hubel.view.figures import sprite
from hubel.view.figures.tiles import Live
from hubel.view.writers.linked import web_file
from hubel.view.writers.markup import Element, h
from hubel.view.writers.page import held

if TYPE_CHECKING:
    from hubel.look.errors.mistakes import Mistakes

MOST_WRONG, MOST_RIGHT = 24, 8  # images that a cell opens
MOST_IMAGES = 1500  # on a page
_FEW = 12  # classes up to which the images stand beside the matrix
_SHORT = 6  # letters of a name that a narrow image has room for
_TOP = 3  # classes whose probabilities are said
_STYLE = sprite.STYLE + web_file("look", "mistakes.css")
Colour = tuple[int, int, int]


def live_matrix(
    mistakes: Mistakes,
    shown: npt.NDArray[np.int64],
    opacities: npt.NDArray[np.float64],
    colours: tuple[Colour, Colour],
) -> Live:
    """Write the matrix of the classes `shown`, its images and the script that opens them."""
    cells = _chosen(mistakes, shown)
    images = np.array([i for chosen in cells.values() for i in chosen], np.int64)
    sheet = sprite.sprite(mistakes.dataset.seen(images))
    place = {int(index): number for number, index in enumerate(images)}
    data = {
        "classes": mistakes.classes,
        "columns": sheet.columns,
        "names": [mistakes.name_of(int(index)) for index in images],
        "rows": [_row(mistakes, int(index)) for index in images],
        "cells": {f"{true},{called}": [place[i] for i in chosen] for (true, called), chosen in cells.items()},
        "counts": {f"{true},{called}": mistakes.pairs.cell(true, called) for true, called in cells},
    }
    longest = max((len(name) for name in mistakes.classes), default=0)
    wide = (" many" if len(shown) > _FEW else "") + (" long" if longest > _SHORT else "")
    markup = h(
        "div",
        h("div", _table(mistakes, shown, opacities, colours), class_="matrix", tabindex=-1),
        h("div", class_="opened", aria_live="polite"),
        held(data),
        class_=f"confusion{wide}",
        style=sheet.style,
    )
    return Live(lambda drawn: markup, _STYLE, web_file("look", "mistakes.js"))


def _chosen(mistakes: Mistakes, shown: npt.NDArray[np.int64]) -> dict[tuple[int, int], list[int]]:
    """The images of each cell that has any: the surest errors, and the least sure right answers."""
    counts = mistakes.pairs.among(shown)
    filled = int((counts > 0).sum())
    most = max(1, min(MOST_WRONG, MOST_IMAGES // max(1, filled)))
    cells = {}
    for true in shown.tolist():
        for called in shown.tolist():
            if not mistakes.pairs.cell(true, called):
                continue
            found = mistakes.cell(true, called)
            chosen = found[::-1][: min(MOST_RIGHT, most)] if true == called else found[:most]
            cells[true, called] = chosen.tolist()
    return cells


def _row(mistakes: Mistakes, index: int) -> list[object]:
    """An image's place in the set, and its likeliest classes with their probabilities in tenths of a percent."""
    row = mistakes.probabilities[index]
    best = np.argsort(-row, kind="stable")[:_TOP]
    return [index, *([int(i), round(float(row[i]), 4)] for i in best)]


def _table(
    mistakes: Mistakes,
    shown: npt.NDArray[np.int64],
    opacities: npt.NDArray[np.float64],
    colours: tuple[Colour, Colour],
) -> Element:
    names = [mistakes.classes[i] for i in shown]
    upright = None if max(map(len, names), default=0) > 3 else "short"
    head = [h("th", h("span", name), scope="col", class_=upright) for name in names]
    lines = [h("thead", h("tr", h("td", "is ↓ taken for →", class_="corner"), head))]
    for row, true in enumerate(shown.tolist()):
        cells = [
            _cell(mistakes, (true, called), opacities[row, column], colours[true != called])
            for column, called in enumerate(shown.tolist())
        ]
        lines.append(h("tr", h("th", names[row], scope="row"), cells))
    return h("table", lines)


def _cell(mistakes: Mistakes, cell: tuple[int, int], opacity: float, colour: Colour) -> Element:
    count = mistakes.pairs.cell(*cell)
    if not count:
        return h("td")
    true, called = (mistakes.classes[number] for number in cell)
    button = h(
        "button",
        f"{count:,}",
        type="button",
        data_cell=",".join(map(str, cell)),
        style=f"background:rgba({','.join(map(str, colour))},{opacity:.2f})",
        aria_label=f"{true} taken for {called}: {count} {'image' if count == 1 else 'images'}",
    )
    return h("td", button)


def live_table(mistakes: Mistakes, shown: npt.NDArray[np.int64]) -> Live:
    """Write each class's figures as a table."""
    titles = ("class", "images", "precision", "recall", "F1", "most often taken for")
    lines = []
    for place in shown.tolist():
        scores = mistakes.per_class[place]
        figures = (f"{scores.examples:,}", *map(percent, (scores.precision, scores.recall, scores.f1)))
        cells = [h("td", each) for each in (*figures, mistakes.often_taken_for(place))]
        lines.append(h("tr", h("th", scores.name, scope="row"), cells))
    head = h("thead", h("tr", [h("th", title, scope="col") for title in titles]))
    table = h("table", head, h("tbody", lines), class_="scores")
    return Live(lambda drawn: table, _STYLE)
