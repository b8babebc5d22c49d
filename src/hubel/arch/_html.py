"""How a network and its figures show themselves in a notebook: one table, every formula a hover or a click away.

Plain HTML for light and dark pages: text in the page's own colour, no scripts, nothing from outside, all escaped.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from html import escape

from hubel.arch._errors import ShapeError
from hubel.arch._layer import Formula, Layer
from hubel.arch._shape import Shape, shape_text
from hubel.arch._tree import Network, Node, children
from hubel.arch.figures.analyse import Report, Row, analyse
from hubel.arch.figures.table import TITLES, ordered

MOST_ROWS = 30  # more of them scroll
MOST_LETTERS = 300  # a longer text form is folded

# pages of notebooks stripe and align tables by rules of their own; these come later and are as specific, and so win
STYLE = """<style>
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
</style>"""


def network_html(network: Network) -> str:
    """Return a network as HTML: its text form and its figures, or why it does not fit."""
    try:
        report = analyse(network)
    except ShapeError as error:
        title = f"<strong>{escape(network.name or 'network')}</strong> {shape_text(network.input)} → ?"
        return _page([title, _text_form(network), f'<pre role="alert">{escape(str(error))}</pre>'])
    return report_html(report)


def report_html(report: Report) -> str:
    """Return a report as HTML: the network's text form, a table of its layers, totals and notes."""
    network = report.network
    shapes = f"{shape_text(network.input)} → {shape_text(report.output_shape)}"
    return _page(
        [
            f"<strong>{escape(network.name or 'network')}</strong> {shapes}",
            _text_form(network),
            _table(report.rows),
            _list(f"<span class='quiet'>{title}</span> {text}" for title, text in _totals(report)),
            _list(f"<span class='quiet'>note</span> {escape(note)}" for note in report.notes),
        ]
    )


def row_html(row: Row) -> str:
    """Return one layer as HTML: every formula, with names and with the values put in."""
    shapes = f"{shape_text(row.input_shape)} → {shape_text(row.output_shape)}"
    title = f"<strong>{escape(row.path)}</strong> {escape(row.type)}: <code>{escape(_what(row))}</code> {shapes}"
    notes = _list(f"<span class='quiet'>note</span> {escape(note)}" for note in row.notes)
    return _page([title, _formulas(ordered(row.formulas)), notes])


def figures_html(
    title: str, tables: Iterable[tuple[Sequence[str], Iterable[Sequence[str]]]], notes: Iterable[str] = ()
) -> str:
    """Return tables of plain text as HTML that looks as networks' figures do.

    Each table is its columns' titles and its rows; a title that starts with `#` is that of a column of numbers, aligned
    at the right. `title` and `notes` are plain text too.
    """
    return _page(
        [
            f"<strong>{escape(title)}</strong>",
            *(_plain_table(titles, [*rows]) for titles, rows in tables),
            _list(f"<span class='quiet'>{escape(note)}</span>" for note in notes),
        ]
    )


def _plain_table(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    kinds = ["" if title.startswith("#") else ' class="words"' for title in titles]
    head = "".join(
        f'<th scope="col"{kind}>{escape(title.lstrip("#"))}</th>' for kind, title in zip(kinds, titles, strict=True)
    )
    body = "\n".join(
        "<tr>" + "".join(f"<td{kind}>{escape(cell)}</td>" for kind, cell in zip(kinds, row, strict=True)) + "</tr>"
        for row in rows
    )
    many = " many" if len(rows) > MOST_ROWS else ""
    return f'<div class="rows{many}"><table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody></table></div>'


def _page(parts: Iterable[str]) -> str:
    shown = "\n".join(f"<div>{part}</div>" for part in parts if part)
    return f'{STYLE}\n<div class="hubel-figures">\n{shown}\n</div>'


def _text_form(network: Network) -> str:
    text = str(network)
    code = f"<code>{escape(text)}</code>"
    if len(text) <= MOST_LETTERS:
        return code
    return f"<details><summary>text form, {len(text):,} characters</summary>{code}</details>"


def _table(rows: tuple[Row, ...]) -> str:
    many = " many" if len(rows) > MOST_ROWS else ""
    titles = "".join(
        f'<th scope="col"{words}>{title}</th>'
        for title, words in (
            ("layer", ' class="words"'),
            ("what", ' class="words"'),
            ("output", ""),
            ("parameters", ""),
            ("MACs", ""),
            ("field", ""),
            ("how", ' class="words"'),
        )
    )
    first: dict[tuple[Node, Shape], str] = {}
    body = "\n".join(f"<tr>{''.join(_cells(row, first))}</tr>" for row in rows)
    return f'<div class="rows{many}"><table>\n<thead><tr>{titles}</tr></thead>\n<tbody>\n{body}\n</tbody></table></div>'


def _cells(row: Row, first: dict[tuple[Node, Shape], str]) -> Iterator[str]:
    """Write a row's cells; `first` remembers paths, as networks repeat themselves and one list of formulas will do."""
    formulas = ordered(row.formulas)
    by_figure = {formula.figure: formula for formula in formulas}
    sizes = [by_figure[name] for name in ("output_height", "output_width", "output_features") if name in by_figure]
    counts = [by_figure[name] for name in ("parameters", "macs") if name in by_figure]
    yield f'<th scope="row" class="words">{escape(row.path)}</th><td class="words">{escape(_what(row))}</td>'
    yield _cell(shape_text(row.output_shape), sizes or [by_figure["activations"]])
    for figure, value in (("parameters", row.cost.parameters), ("macs", row.cost.macs)):
        yield _cell(f"{value:,}" if value else "·", [by_figure[figure]] if figure in by_figure else [])
    stride = shape_text(row.field.stride)  # type: ignore[arg-type]
    yield f'<td title="{stride} of the input apart">{shape_text(row.field.size)}</td>'
    short = " &nbsp;".join(escape(str(formula)) for formula in counts or sizes[:1]) or "…"
    same = first.setdefault((row.node, row.input_shape), row.path)
    more = _formulas(formulas) if same == row.path else f"the same as {same}"
    yield f'<td class="words"><details><summary>{short}</summary>{more}</details></td>'


def _cell(text: str, formulas: list[Formula]) -> str:
    if not formulas:
        return f"<td>{text}</td>"
    hover = "\n".join(f"{_title(formula)}: {formula.names}\n= {formula}" for formula in formulas)
    return f'<td title="{escape(hover)}">{text}</td>'


def _formulas(formulas: list[Formula]) -> str:
    return _list(
        f"{escape(_title(formula))}: {escape(str(formula))} <span class='quiet'>&nbsp; {escape(formula.names)}</span>"
        for formula in formulas
    )


def _list(items: Iterable[str]) -> str:
    shown = "".join(f"<li>{item}</li>" for item in items)
    return f'<ul class="plain">{shown}</ul>' if shown else ""


def _title(formula: Formula) -> str:
    return TITLES.get(formula.figure, formula.figure)


def _what(row: Row) -> str:
    if isinstance(row.node, Layer):
        return row.node.text()
    return f"{row.type.lower()} of {len(children(row.node))} branches"


def _totals(report: Report) -> Iterator[tuple[str, str]]:
    frozen = f", {report.trainable:,} of them trained" if report.trainable != report.parameters else ""
    yield "parameters", f"{report.parameters:,}{frozen}"
    yield "MACs", f"{report.macs:,} forward, {report.training_macs:,} in training, one image"
    yield (
        "memory",
        f"{4 * report.parameters:,} bytes of weights, {report.kept_bytes:,} bytes kept for backward, 32 bits",
    )
    yield "field", f"{shape_text(report.field.size)} of the input seen by one output"
