"""The confusion matrix on an HTML page: each cell opens its images, with the model's probabilities."""

from __future__ import annotations

import json
from html import escape
from importlib.resources import files
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from hubel.look import _sprite
from hubel.look._plate import Live

if TYPE_CHECKING:
    from hubel.look.mistakes import Mistakes

MOST_WRONG, MOST_RIGHT = 24, 8  # images that a cell opens
MOST_IMAGES = 1500  # on a page
_FEW = 12  # classes up to which the images stand beside the matrix
_SHORT = 6  # letters of a name that a narrow image has room for
_TOP = 3  # classes whose probabilities are said
_HOME = files("hubel.look")
_STYLE = _sprite.STYLE + (_HOME / "mistakes.css").read_text(encoding="utf-8")
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
    sheet = _sprite.sprite(mistakes.dataset.images[images])
    place = {int(index): number for number, index in enumerate(images)}
    data = {
        "classes": mistakes.classes,
        "columns": sheet.columns,
        "rows": [_row(mistakes, int(index)) for index in images],
        "cells": {f"{true},{called}": [place[i] for i in chosen] for (true, called), chosen in cells.items()},
        "counts": {f"{true},{called}": mistakes.pairs.cell(true, called) for true, called in cells},
    }
    written = json.dumps(data, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")
    longest = max((len(name) for name in mistakes.classes), default=0)
    wide = (" many" if len(shown) > _FEW else "") + (" long" if longest > _SHORT else "")
    markup = (
        f'<div class="confusion{wide}" style="{sheet.style}"><div class="matrix" tabindex="-1">'
        f"{_table(mistakes, shown, opacities, colours)}</div>"
        '<div class="opened" aria-live="polite"></div>'
        f'<script type="application/json">{written}</script></div>'
    )
    return Live(markup, _STYLE, (_HOME / "mistakes.js").read_text(encoding="utf-8"))


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
) -> str:
    names = [escape(mistakes.classes[i]) for i in shown]
    upright = "" if max(map(len, names), default=0) > 3 else ' class="short"'
    head = "".join(f'<th scope="col"{upright}><span>{name}</span></th>' for name in names)
    lines = [f'<thead><tr><td class="corner">is ↓ called →</td>{head}</tr></thead>']
    for row, true in enumerate(shown.tolist()):
        line = [f'<th scope="row">{names[row]}</th>']
        for column, called in enumerate(shown.tolist()):
            count = mistakes.pairs.cell(true, called)
            if not count:
                line.append("<td></td>")
                continue
            red, green, blue = colours[true != called]
            images = "image" if count == 1 else "images"
            line.append(
                f'<td><button type="button" data-cell="{true},{called}" '
                f'style="background:rgba({red},{green},{blue},{opacities[row, column]:.2f})" '
                f'aria-label="{names[row]} called {names[column]}: {count} {images}">{count:,}</button></td>'
            )
        lines.append(f"<tr>{''.join(line)}</tr>")
    return f"<table>{''.join(lines)}</table>"


def live_table(mistakes: Mistakes, shown: npt.NDArray[np.int64]) -> Live:
    """Write each class's figures as a table."""
    titles = ("class", "images", "precision", "recall", "F1", "most often called")
    head = "".join(f'<th scope="col">{title}</th>' for title in titles)
    lines = []
    for place in shown.tolist():
        scores = mistakes.per_class[place]
        figures = (f"{scores.examples:,}", *(f"{value:.2%}" for value in (scores.precision, scores.recall, scores.f1)))
        cells = "".join(f"<td>{figure}</td>" for figure in figures)
        called = escape(mistakes.often_called(place))
        lines.append(f'<tr><th scope="row">{escape(scores.name)}</th>{cells}<td>{called}</td></tr>')
    markup = f'<table class="scores"><thead><tr>{head}</tr></thead><tbody>{"".join(lines)}</tbody></table>'
    return Live(markup, _STYLE)
