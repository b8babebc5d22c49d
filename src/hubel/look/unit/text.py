"""A number's way down in words, and as data."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from hubel.arch import Layer, shape_text
from hubel.base.numbers import rounded_text
from hubel.look.unit.step import Term, UnitStep

if TYPE_CHECKING:
    from hubel.look.unit.unit import Unit

SYMBOLS = 12  # of a text whose gates are told, the last ones
ALL = 27  # products that are written one by one with their running sum: a 3×3 kernel over three channels


def unit_lines(unit: Unit, most: int) -> Iterator[str]:
    """Write the number's way down, a paragraph a layer."""
    for visit in unit.visits:
        margin = "  " * visit.depth if len(unit.visits) > visit.depth + 1 and _branches(unit) else ""
        yield from (f"{margin}{line}".rstrip() for line in step_lines(visit.step, most))
        yield from (f"{margin}{line}".rstrip() for line in gate_lines(unit, visit.step))
        yield ""


def _branches(unit: Unit) -> bool:
    depths = [visit.depth for visit in unit.visits]
    return len(set(depths)) < len(depths)


def step_lines(step: UnitStep, most: int) -> Iterator[str]:
    """Write one layer's arithmetic."""
    yield f"{place_text(step.path, step.place)} = {number(step.value)}   {_what(step)}"
    found = step.arithmetic
    if found.how == "sum" and len(found.values):
        yield from _products(step, most)
    elif found.how == "largest":
        yield from _window(step)
    elif found.how == "product":
        factors = [f"{place_text(term.source, term.place)} = {number(term.value)}" for term in step.terms()]
        yield f"  {', times '.join(factors)}"
    elif len(found.values):
        term = step.term(0)
        yield f"  {place_text(term.source, term.place)} = {number(term.value)}"
    elif step.path:
        yield "  nothing came in: zero"
    for done in found.finish:
        yield f"  {done.name}: {done.text}"
    if step.path:
        yield f"  PyTorch computed {number(step.computed)}{_difference(step)}"


def gate_rows(unit: Unit, step: UnitStep) -> list[list[str]]:
    """What the gates did with which symbol of a text: a row of the symbols, and one a gate; none without gates."""
    found = unit.tracer.gates(step) if unit.sample.symbols else {}
    if not found:
        return []
    shown = slice(max(0, len(found["state"]) - SYMBOLS), len(found["state"]))
    rows = [[name, *map("{:.2f}".format, values[shown])] for name, values in found.items()]
    return [["", *unit.sample.symbols[shown]], *([cell.replace("-", "−") for cell in row] for row in rows)]


def gate_lines(unit: Unit, step: UnitStep) -> Iterator[str]:
    """Write what the gates did with which symbol."""
    rows = gate_rows(unit, step)
    if rows:
        yield "  what the gates did with which symbol:"
        yield from ("    " + row[0].ljust(6) + "".join(cell.rjust(6) for cell in row[1:]) for row in rows)


def place_text(path: str, place: tuple[int, ...]) -> str:
    """Write `conv2 (3, 5) channel 7`, `dense1 number 12`, `input (8, 9)`."""
    name = path or "input"
    if len(place) == 1:
        return f"{name} number {place[0]}"
    if len(place) == 2:
        return f"{name} step {place[0]} channel {place[1]}"
    return f"{name} ({place[0]}, {place[1]}) channel {place[2]}"


def number(value: float) -> str:
    """Write a number in four figures."""
    return rounded_text(float(value) + 0.0)


def field_text(step: UnitStep) -> str:
    """Say what of the image a number sees: `sees rows 3…12, columns 5…14`."""
    if step.field is None:
        return ""
    (top, bottom), (left, right) = step.field
    if len(step.place) == 2:
        return f"sees steps {top}…{bottom}".replace("-", "−")
    text = f"sees rows {top}…{bottom}, columns {left}…{right}" if (top, left) != (bottom, right) else ""
    return text.replace("-", "−")


def _what(step: UnitStep) -> str:
    if not isinstance(step.node, Layer):
        seen = "of the text" if len(step.shape) == 1 else "of the image"
        what = seen if step.node is None else f"{type(step.node).__name__.lower()} of branches"
    else:
        what = step.node.text()
    return ", ".join(part for part in (what, f"of {shape_text(step.shape)}", field_text(step)) if part)


def _products(step: UnitStep, most: int) -> Iterator[str]:
    found = step.arithmetic
    count = len(found.values)
    outside = f", {found.padding} more lie outside and are zero" if found.padding else ""
    if count <= ALL:
        yield f"  {count} numbers came in{outside}; each product, and the sum so far:"
        rows = [_term(step, term, True) for term in step.terms()]
    else:
        order = sorted(range(count), key=lambda place: -abs(found.products[place]))[:most]
        yield f"  {count:,} numbers came in{outside}; the {len(order)} that matter most:"
        rows = [_term(step, step.term(place), False) for place in order]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "    " + " ".join(cell.rjust(width) if place else cell.ljust(width) for place, (cell, width) in
                                enumerate(zip(row, widths, strict=True)))  # fmt: skip
    if count > ALL:
        shown = sum(found.products[place] for place in order)
        yield f"  {count - len(order):,} others together: {number(found.total - shown)}"
        yield f"  sum of all {count:,} products: {number(found.total)}"


def _term(step: UnitStep, term: Term, running: bool) -> tuple[str, ...]:
    words = (place_text(term.source, term.place), number(term.value), "·", number(term.weight), "=")
    sums = ("→", number(term.sum)) if running else ()
    return (*words, number(term.product), *sums)


def _window(step: UnitStep) -> Iterator[str]:
    found = step.arithmetic
    outside = f" ({found.padding} more lie outside and cannot win)" if found.padding else ""
    shown = [number(value) for value in found.values[:ALL]]
    more = f", … {len(found.values) - ALL:,} more" if len(found.values) > ALL else ""
    best = step.term(step.strongest()[0])
    yield f"  largest of {len(found.values):,}{outside}: {', '.join(shown)}{more}"
    yield f"  it is {place_text(best.source, best.place)} = {number(best.value)}"


def _difference(step: UnitStep) -> str:
    away = abs(step.rounding)
    return "" if away == 0 else f" (in 32 bits; {away:.1g} away)".replace("e-0", "e-").replace("e-", "e−")


def unit_data(unit: Unit, most: int | None) -> dict[str, Any]:
    """Return the number and its way down as JSON-able data."""
    (top, bottom), (left, right) = unit.field
    return {
        "network": unit.name,
        "image": unit.sample.name,
        "layer": unit.row.path,
        "place": list(unit.place),
        "value": unit.step.value,
        "field": {"rows": [top, bottom], "columns": [left, right]},
        "steps": [{"depth": visit.depth, **step_data(visit.step, most)} for visit in unit.visits],
    }


def step_data(step: UnitStep, most: int | None) -> dict[str, Any]:
    """Return one layer's arithmetic as JSON-able data."""
    found = step.arithmetic
    numbers = range(len(found.values)) if most is None else sorted(step.strongest(most))
    return {
        "layer": step.path or "input",
        "what": step.node.text() if isinstance(step.node, Layer) else type(step.node).__name__.lower(),
        "place": list(step.place),
        "shape": list(step.shape),
        "field": None if step.field is None else [list(span) for span in step.field],
        "how": found.how,
        "terms": [_term_data(step.term(place)) for place in numbers],
        "count": len(found.values),
        "outside": found.padding,
        "sum": found.total,
        "finish": [{"name": done.name, "text": done.text, "value": done.value} for done in found.finish],
        "value": step.value,
        "computed": step.computed,
    }


def _term_data(term: Term) -> dict[str, Any]:
    return {
        "from": term.source or "input",
        "place": list(term.place),
        "value": term.value,
        "weight": term.weight,
        "product": term.product,
        "sum": term.sum,
    }
