"""How a network and its figures show themselves in a notebook: one table, every formula a hover or a click away.

Plain HTML for light and dark pages: text in the page's own colour, no scripts, nothing from outside, all escaped.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from hubel.arch import TITLES, Formula, Network, Node, Report, Row, Shape, ShapeError, analyse, ordered, shape_text
from hubel.view.words.notebook import framed, items, quiet, shown
from hubel.view.writers.markup import Child, Element, h

MOST_LETTERS = 300  # a longer text form is folded


def network_html(network: Network) -> str:
    """Return a network as HTML: its text form and its figures, or why it does not fit."""
    try:
        report = analyse(network)
    except ShapeError as error:
        return shown(_heading(network, "?"), _text_form(network), h("pre", str(error), role="alert"))
    return report_html(report)


def report_html(report: Report) -> str:
    """Return a report as HTML: the network's text form, a table of its layers, totals and notes."""
    return shown(
        _heading(report.network, shape_text(report.output_shape)),
        _text_form(report.network),
        _table(report.rows),
        items([quiet(title), f" {text}"] for title, text in _totals(report)),
        _notes(report.notes),
    )


def row_html(row: Row) -> str:
    """Return one layer as HTML: every formula, with names and with the values put in."""
    shapes = f" {shape_text(row.input_shape)} → {shape_text(row.output_shape)}"
    title: list[Child] = [h("strong", row.path), f" {row.type}: ", h("code", row.words), shapes]
    return shown(title, _formulas(ordered(row.formulas)), _notes(row.notes))


def _heading(network: Network, output: str) -> list[Child]:
    return [h("strong", network.title), f" {shape_text(network.input)} → {output}"]


def _notes(notes: Iterable[str]) -> Element | None:
    return items([quiet("note"), f" {note}"] for note in notes)


def _text_form(network: Network) -> Element:
    text = str(network)
    code = h("code", text)
    if len(text) <= MOST_LETTERS:
        return code
    return h("details", h("summary", f"text form, {len(text):,} characters"), code)


def _table(rows: tuple[Row, ...]) -> Element:
    titles = ["layer", "what", "output", "parameters", "MACs", "field", "how"]
    first: dict[tuple[Node, Shape], str] = {}
    words = ("layer", "what", "how")
    body = [[*_cells(row, first)] for row in rows]
    return framed([(title, "words" if title in words else None) for title in titles], body)


def _cells(row: Row, first: dict[tuple[Node, Shape], str]) -> Iterator[Element]:
    """Write a row's cells; `first` remembers paths, as networks repeat themselves and one list of formulas will do."""
    formulas = ordered(row.formulas)
    by_figure = {formula.figure: formula for formula in formulas}
    sizes = [by_figure[name] for name in ("output_height", "output_width", "output_features") if name in by_figure]
    counts = [by_figure[name] for name in ("parameters", "macs") if name in by_figure]
    yield h("th", row.path, scope="row", class_="words")
    yield h("td", row.words, class_="words")
    yield _cell(shape_text(row.output_shape), sizes or [by_figure["activations"]])
    for figure, value in (("parameters", row.cost.parameters), ("macs", row.cost.macs)):
        yield _cell(f"{value:,}" if value else "·", [by_figure[figure]] if figure in by_figure else [])
    stride = row.field.stride_text
    yield h("td", row.field.size_text, title=f"{stride} of the input apart")
    short = " \u00a0".join(str(formula) for formula in counts or sizes[:1]) or "…"
    same = first.setdefault((row.node, row.input_shape), row.path)
    more = _formulas(formulas) if same == row.path else f"the same as {same}"
    yield h("td", h("details", h("summary", short), more), class_="words")


def _cell(text: str, formulas: list[Formula]) -> Element:
    hover = "\n".join(f"{_title(formula)}: {formula.names}\n= {formula}" for formula in formulas)
    return h("td", text, title=hover or None)


def _formulas(formulas: list[Formula]) -> Element | None:
    return items([f"{_title(formula)}: {formula} ", quiet(f"\u00a0 {formula.names}")] for formula in formulas)


def _title(formula: Formula) -> str:
    return TITLES.get(formula.figure, formula.figure)


def _totals(report: Report) -> Iterator[tuple[str, str]]:
    frozen = f", {report.trainable:,} of them trained" if report.trainable != report.parameters else ""
    yield "parameters", f"{report.parameters:,}{frozen}"
    yield "MACs", f"{report.macs:,} forward, {report.training_macs:,} in training, one {report.example}"
    yield (
        "memory",
        f"{4 * report.parameters:,} bytes of weights, {report.kept_bytes:,} bytes kept for backward, 32 bits",
    )
    yield "field", f"{report.field.size_text} of the input seen by one output"
