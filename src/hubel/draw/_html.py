"""A drawing as one HTML file with the table of its layers: it needs nothing from elsewhere, and works off line."""

from __future__ import annotations

import json
from dataclasses import dataclass
from html import escape
from importlib.resources import files
from typing import Any

from hubel.arch import TITLES, Layer, Node, Report, Row, Shape, ordered, shape_text
from hubel.draw._colours import style_sheet
from hubel.draw._scene import Scene
from hubel.draw._svg import to_linked_svg

NAMESPACE = ' xmlns="http://www.w3.org/2000/svg"'


@dataclass(frozen=True)
class PageParts:
    """What a page about a network is made of, for pages that have more to tell than `to_html`.

    figures: HTML, the drawing for wide screens and where it differs the one for narrow ones (`.figure`, `.wide`,
    `.narrow`); what belongs to layers has `data-rows`, the numbers of their rows. table: HTML, a row a layer. formulas:
    plain data, `rows` (each its title and the number of its formulas) and `formulas` (lists of title, values, names).
    themes: style rules under which an SVG's class can be changed to hubel-light or hubel-dark.
    """

    figures: str
    table: str
    formulas: dict[str, Any]
    themes: str


def page_parts(report: Report, wide: Scene, narrow: Scene, theme: str = "auto") -> PageParts:
    """Write the parts of a page: the drawing (one for wide screens, one for narrow ones), formulas, the table."""
    places = {row.path: place for place, row in enumerate(report.rows)}
    scenes = [("wide", wide)] if wide == narrow else [("wide", wide), ("narrow", narrow)]
    figures = "".join(
        f'<div class="figure{f" {kind}" if len(scenes) > 1 else ""}">{_figure(scene, theme, places)}</div>\n'
        for kind, scene in scenes
    )
    themes = style_sheet("light") + style_sheet("dark")
    return PageParts(figures, _table(report), _formulas(report), themes)


def to_html(report: Report, wide: Scene, narrow: Scene, theme: str = "auto") -> str:
    """Write a page: the drawing (one for wide screens, one for narrow ones), the formulas of a layer, the table."""
    parts = page_parts(report, wide, narrow, theme)
    data = json.dumps(parts.formulas, ensure_ascii=False, separators=(",", ":")).replace("</", "<\\/")
    return (
        f'<!doctype html>\n<html lang="en" data-theme="{theme}">\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(wide.title)}</title>\n<style>\n{_file('page.css')}</style>\n{parts.figures}<main>\n"
        f'<div class="table">{parts.table}</div>\n</main>\n'
        '<aside hidden aria-live="polite" aria-label="formulas"><button type="button">close</button><div></div>'
        f'</aside>\n<script type="application/json" id="formulas">{data}</script>\n'
        f"<script>\n{_file('page.js')}</script>\n</html>\n"
    )


def _file(name: str) -> str:
    return files("hubel.draw").joinpath(name).read_text(encoding="utf-8")


def _figure(scene: Scene, theme: str, places: dict[str, int]) -> str:
    """Write a drawing that may shrink a little to fit a screen; where it is still too wide, it is scrolled."""
    svg = to_linked_svg(scene, theme, places).replace(NAMESPACE, "", 1)
    return svg.replace("<svg", f'<svg style="min-width:{0.8 * scene.width:.0f}px"', 1)


def _table(report: Report) -> str:
    head = "".join(
        f'<th scope="col"{number}>{title}</th>'
        for title, number in zip(
            ("layer", "what", "output", "parameters", "MACs", "receptive field"), _classes(), strict=True
        )
    )
    rows = "\n".join(_row(row) for row in report.rows)
    total = f"{report.parameters:,} parameters, {report.macs:,} multiply-adds (MACs) for one image"
    body = f"<thead><tr>{head}</tr></thead>\n<tbody>\n{rows}\n</tbody>"
    return f"<table><caption><span>{total}</span></caption>{body}</table>"


def _classes() -> tuple[str, ...]:
    return ("", "", *[' class="number"'] * 4)


def _row(row: Row) -> str:
    path = escape(row.path).replace(".", ".<wbr>")  # long paths break there on narrow screens
    cells = (
        f'<button type="button">{path}</button>',
        escape(_what(row)),
        shape_text(row.output_shape),
        f"{row.cost.parameters:,}" if row.cost.parameters else "·",
        f"{row.cost.macs:,}" if row.cost.macs else "·",
        shape_text(row.field.size),
    )
    return "<tr>" + "".join(f"<td{kind}>{cell}</td>" for kind, cell in zip(_classes(), cells, strict=True)) + "</tr>"


def _what(row: Row) -> str:
    return row.node.text() if isinstance(row.node, Layer) else row.type.lower()


def _formulas(report: Report) -> dict[str, Any]:
    """Collect each row's formulas; networks repeat themselves, so equal layers of equal inputs share theirs."""
    known: dict[tuple[Node, Shape], int] = {}
    formulas: list[list[list[str]]] = []
    rows = []
    for row in report.rows:
        key = (row.node, row.input_shape)
        if key not in known:
            known[key] = len(formulas)
            found = ordered(row.formulas)
            formulas.append([[TITLES.get(f.figure, f.figure), str(f), f.names] for f in found])
        title = f"{row.path}: {_what(row)}, {shape_text(row.input_shape)} → {shape_text(row.output_shape)}"
        rows.append({"title": title, "formulas": known[key]})
    return {"rows": rows, "formulas": formulas}
