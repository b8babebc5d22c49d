"""How a network and its figures show themselves in a notebook: one table, every formula a hover or a click away.

Plain HTML for light and dark pages: text in the page's own colour, no scripts, nothing from outside, all escaped.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from hubel.arch._errors import ShapeError
from hubel.arch._layer import Formula
from hubel.arch._shape import Shape, shape_text
from hubel.arch._tree import Network, Node
from hubel.arch.figures.analyse import analyse
from hubel.arch.figures.report import Report, Row
from hubel.arch.figures.table import TITLES, ordered
from hubel.view.markup import Child, Element, h, text_of

MOST_ROWS = 30  # more of them scroll
MOST_LETTERS = 300  # a longer text form is folded

# pages of notebooks stripe and align tables by rules of their own; these come later and are as specific, and so win
STYLE = """
.hubel-figures { font-size: 0.9em; line-height: 1.45; max-width: 100%; }
.hubel-figures pre { font-family: monospace; margin: 0.5em 0; }
.hubel-figures code, .hubel-figures pre { white-space: pre-wrap; word-break: break-word; }
.hubel-figures .rows { overflow: auto; margin: 0.5em 0; }
.hubel-figures .rows.many { max-height: 32em; resize: vertical; }
.hubel-figures table { border-collapse: collapse; margin: 0; font-size: 1em; font-variant-numeric: tabular-nums; }
.hubel-figures tr, .hubel-figures tr:hover { background: none !important; }
.hubel-figures th, .hubel-figures td { padding: 0.15em 0.9em 0.15em 0; text-align: right; vertical-align: top;
  white-space: nowrap; max-width: none; border: 0; border-bottom: 1px solid rgba(128, 128, 128, 0.3); }
.hubel-figures th.words, .hubel-figures td.words { text-align: left; }
.hubel-figures thead th, .hubel-figures .quiet { opacity: 0.7; font-weight: normal; }
.hubel-figures td[title] { cursor: help; }
.hubel-figures summary { cursor: pointer; }
.hubel-figures ul.plain { list-style: none; margin: 0.2em 0; padding: 0; }
"""


def network_html(network: Network) -> str:
    """Return a network as HTML: its text form and its figures, or why it does not fit."""
    try:
        report = analyse(network)
    except ShapeError as error:
        return _page(_heading(network, "?"), _text_form(network), h("pre", str(error), role="alert"))
    return report_html(report)


def report_html(report: Report) -> str:
    """Return a report as HTML: the network's text form, a table of its layers, totals and notes."""
    return _page(
        _heading(report.network, shape_text(report.output_shape)),
        _text_form(report.network),
        _table(report.rows),
        _list([_quiet(title), f" {text}"] for title, text in _totals(report)),
        _notes(report.notes),
    )


def row_html(row: Row) -> str:
    """Return one layer as HTML: every formula, with names and with the values put in."""
    shapes = f" {shape_text(row.input_shape)} → {shape_text(row.output_shape)}"
    title: list[Child] = [h("strong", row.path), f" {row.type}: ", h("code", row.words), shapes]
    return _page(title, _formulas(ordered(row.formulas)), _notes(row.notes))


def figures_html(
    title: str, tables: Iterable[tuple[Sequence[str], Iterable[Sequence[str]]]], notes: Iterable[str] = ()
) -> str:
    """Return tables of plain text as HTML that looks as networks' figures do.

    Each table is its columns' titles and its rows; a title that starts with `#` is that of a column of numbers, aligned
    at the right. `title` and `notes` are plain text too.
    """
    plain = [_plain_table(titles, [*rows]) for titles, rows in tables]
    return _page(h("strong", title), *plain, _list(map(_quiet, notes)))


def _plain_table(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> Element:
    kinds = [None if title.startswith("#") else "words" for title in titles]
    body = [[h("td", cell, class_=kind) for kind, cell in zip(kinds, row, strict=True)] for row in rows]
    return _framed([(title.lstrip("#"), kind) for title, kind in zip(titles, kinds, strict=True)], body)


def _framed(titles: Sequence[tuple[str, str | None]], rows: Sequence[Sequence[Element]]) -> Element:
    head = h("tr", [h("th", title, scope="col", class_=kind) for title, kind in titles])
    table = h("table", h("thead", head), h("tbody", [h("tr", cells) for cells in rows]))
    return h("div", table, class_="rows many" if len(rows) > MOST_ROWS else "rows")


def _page(*parts: Child) -> str:
    shown = [h("div", part) for part in parts if part is not None]
    return text_of(h("style", STYLE), h("div", shown, class_="hubel-figures"))


def _heading(network: Network, output: str) -> list[Child]:
    return [h("strong", network.name or "network"), f" {shape_text(network.input)} → {output}"]


def _quiet(words: str) -> Element:
    return h("span", words, class_="quiet")


def _notes(notes: Iterable[str]) -> Element | None:
    return _list([_quiet("note"), f" {note}"] for note in notes)


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
    return _framed([(title, "words" if title in words else None) for title in titles], body)


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
    return _list([f"{_title(formula)}: {formula} ", _quiet(f"\u00a0 {formula.names}")] for formula in formulas)


def _list(items: Iterable[Child]) -> Element | None:
    shown = [h("li", item) for item in items]
    return h("ul", shown, class_="plain") if shown else None


def _title(formula: Formula) -> str:
    return TITLES.get(formula.figure, formula.figure)


def _totals(report: Report) -> Iterator[tuple[str, str]]:
    frozen = f", {report.trainable:,} of them trained" if report.trainable != report.parameters else ""
    yield "parameters", f"{report.parameters:,}{frozen}"
    yield "MACs", f"{report.macs:,} forward, {report.training_macs:,} in training, one image"
    yield (
        "memory",
        f"{4 * report.parameters:,} bytes of weights, {report.kept_bytes:,} bytes kept for backward, 32 bits",
    )
    yield "field", f"{report.field.size_text} of the input seen by one output"
