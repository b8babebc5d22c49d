"""A text form answered: the drawing and the figures of each layer, or what is wrong and what would fit."""

from __future__ import annotations

from typing import Any

from hubel.advise import advise, compare
from hubel.arch import (
    TITLES,
    NotationError,
    Report,
    Row,
    ShapeError,
    inference_memory,
    largest_batch,
    order_note,
    shape_text,
    training_memory,
)
from hubel.base.errors import HubelError
from hubel.base.words import printable
from hubel.code import source as program
from hubel.draw import kind, layout
from hubel.studio.answers.read import named, report, source
from hubel.studio.answers.remedies import nearest_word, remedies, with_input
from hubel.view.writers.markup import text_of
from hubel.view.writers.svg import drawing, to_svg

MOST_ROWS = 1500  # that a page's table shows
BATCH = 32
CARD = 8 * 2**30  # bytes
PARTS = ("weights", "buffers", "optimizer", "input", "gradients", "kept", "passing")


def design(text: str, width: int, style: str, closed: list[str]) -> dict[str, Any]:
    """What a page shows of a network as it is typed: text, totals, a row a layer, the drawing; or `wrong`.

    width: of the drawing in pixels. style: as `hubel.draw.layout` has it, or empty. closed: paths of parts that are
    drawn closed.
    """
    try:
        found = report(text)
        scene = layout(found, _style(found, style), min(max(width, 320), 4000) if width else 900, closed=closed)
    except NotationError as error:
        fits = nearest_word(text, error)
        return {"wrong": {"told": error.problem, "start": error.column - 1, "end": None, "fits": fits}}
    except ShapeError as error:
        return {"wrong": _misfit(text, error)}
    except HubelError as error:
        return {"wrong": {"told": printable(str(error), "\n"), "start": None, "end": None, "fits": []}}
    places = {row.path: place for place, row in enumerate(found.rows)}
    return {
        "text": source(text).text,
        "name": named(text),
        "input": shape_text(found.network.input),
        "output": shape_text(found.output_shape),
        "title": found.network.title,
        "totals": _totals(found),
        "rows": [_row(row, source(text).place(row.node)) for row in found.rows[:MOST_ROWS]],
        "more": max(0, len(found.rows) - MOST_ROWS),
        "style": scene.style,
        "drawing": text_of(drawing(scene, "auto", places, opens=True, ruled=False)),
        "order": _order(text, found),
    }


def _order(text: str, found: Report) -> dict[str, str] | None:
    """Where the input looks as if its channels stood first: how it is read, and the text with the channels last."""
    told = order_note(found.network.input)
    if told is None:
        return None
    channels, rows, columns = found.network.input
    return {"told": told, "text": with_input(source(text), (rows, columns, channels))}


def picture(text: str, style: str, closed: list[str]) -> dict[str, Any]:
    """The drawing as a file of its own, which needs no page around it: `svg`."""
    found = report(text)
    return {"svg": to_svg(layout(found, _style(found, style), 900, closed=closed))}


def _style(found: Report, style: str) -> str:
    branched = not all(row.is_layer for row in found.rows)
    return "blocks" if style == "blocks" or (style == "volumes" and branched) else style or "auto"


def _totals(found: Report) -> dict[str, Any]:
    return {
        "parameters": found.parameters,
        "trainable": found.trainable,
        "macs": found.macs,
        "training_macs": found.training_macs,
        "weights_bytes": 4 * found.parameters,
        "kept_bytes": found.kept_bytes,
        "field": found.field.size_text,
        "layers": sum(row.is_layer for row in found.rows),
    }


def _row(row: Row, place: tuple[int, int] | None) -> dict[str, Any]:
    return {
        "path": row.path,
        "words": row.words,
        "kind": kind(row.operation) if row.is_layer else "join",
        "output": shape_text(row.output_shape),
        "parameters": row.cost.parameters,
        "macs": row.cost.macs,
        "field": row.field.size_text,
        "kept": row.kept_bytes,
        "aux": row.auxiliary,
        "place": place,
    }


def _misfit(text: str, error: ShapeError) -> dict[str, Any]:
    try:
        written = source(text)
    except ShapeError:  # of the input's own shape
        written = None
    node = written.at(error.place) if written else None
    place = written.place(node) if written and node is not None else None
    return {
        "told": f"{error.place}: {error.expected}" if error.place else error.expected,
        "rule": error.rule,
        "values": error.values,
        "start": place[0] if place else None,
        "end": place[1] if place else None,
        "fits": remedies(written, node, error) if written else [],
    }


def figures(text: str) -> dict[str, Any]:
    """What may come a moment later: the formula of each row, and what an expert would point at."""
    found = report(text)
    known: dict[Any, str] = {}
    formulas = []
    for row in found.rows[:MOST_ROWS]:
        key = (row.node, row.input_shape)
        if key not in known:
            known[key] = _formula(row)
        formulas.append(known[key])
    return {
        "formulas": formulas,
        "notes": list(found.notes),
        "advice": [advice.data() for advice in advise(found)],
    }


def _formula(row: Row) -> str:
    """The arithmetic of a row's parameters, or where it has none of its size."""
    by_figure = {formula.figure: formula for formula in row.formulas}
    chosen = [by_figure[name] for name in ("parameters",) if name in by_figure]
    if not chosen:
        chosen = [by_figure[name] for name in ("output_height", "output_steps", "output_features") if name in by_figure]
    return "; ".join(f"{'' if f.figure == 'parameters' else TITLES[f.figure] + ' '}{f}" for f in chosen)


def memory(text: str, batch: int) -> dict[str, Any]:
    """What training and prediction take, part by part, and how many images at once a card of 8 GiB holds."""
    found, batch = report(text), batch or BATCH
    taken = training_memory(found, batch)
    return {
        "batch": batch,
        "training": taken.total,
        "parts": [[name, getattr(taken, name)] for name in PARTS],
        "at": f"{taken.path}, {taken.phase}",
        "prediction": inference_memory(found, batch).total,
        "most": largest_batch(found, CARD),
    }


def code(text: str, framework: str) -> dict[str, Any]:
    """The network as a program."""
    return {"program": program(report(text).network, framework or "pytorch")}


def compared(text: str, other: str) -> dict[str, Any]:
    """Two networks side by side: rows of both with the difference and the ratio, and who is cheaper."""
    found = compare(report(text), report(other))
    (table,) = found.tables()
    return {"rows": table.written(), "told": found.told}
