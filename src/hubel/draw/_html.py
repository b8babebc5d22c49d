"""A drawing as one HTML file with the table of its layers: it needs nothing from elsewhere, and works off line."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from hubel.arch import TITLES, Node, Report, Row, Shape, ordered, shape_text
from hubel.view.figures.colours import style_sheet
from hubel.view.figures.scene import Scene
from hubel.view.writers.linked import web_file
from hubel.view.writers.markup import Element, h
from hubel.view.writers.page import page
from hubel.view.writers.svg import scrolled


@dataclass(frozen=True)
class PageParts:
    """What a page about a network is made of, for pages that have more to tell than `to_html`.

    figures: the drawing for wide screens and where it differs the one for narrow ones (`.figure`, `.wide`,
    `.narrow`); what belongs to layers has `data-rows`, the numbers of their rows. table: a row a layer. formulas:
    plain data, `rows` (each its title and the number of its formulas) and `formulas` (lists of title, values, names).
    themes: style rules under which an SVG's class can be changed to hubel-light or hubel-dark.
    """

    figures: list[Element]
    table: Element
    formulas: dict[str, Any]
    themes: str


def page_parts(report: Report, wide: Scene, narrow: Scene, theme: str = "auto") -> PageParts:
    """Write the parts of a page: the drawing (one for wide screens, one for narrow ones), formulas, the table."""
    places = {row.path: place for place, row in enumerate(report.rows)}
    scenes = [("wide", wide)] if wide == narrow else [("wide", wide), ("narrow", narrow)]
    figures = [
        h("div", scrolled(scene, theme, places), class_=f"figure {kind}" if len(scenes) > 1 else "figure")
        for kind, scene in scenes
    ]
    themes = style_sheet("light") + style_sheet("dark")
    return PageParts(figures, _table(report), _formulas(report), themes)


def to_html(report: Report, wide: Scene, narrow: Scene, theme: str = "auto") -> str:
    """Write a page: the drawing (one for wide screens, one for narrow ones), the formulas of a layer, the table."""
    parts = page_parts(report, wide, narrow, theme)
    panel = h(
        "aside", h("button", "close", type="button"), h("div"), hidden=True, aria_live="polite", aria_label="formulas"
    )
    return page(
        wide.title,
        parts.figures,
        h("main", h("h1", f"Layers of {report.network.title}"), h("div", parts.table, class_="table")),
        panel,
        style=web_file("view", "finding.css") + web_file("draw", "page.css"),
        scripts=[web_file("draw", "page.js")],
        data={"formulas": parts.formulas},
        theme=theme,
    )


def _table(report: Report) -> Element:
    titles = ("layer", "what", "output", "parameters", "MACs", "receptive field")
    head = [h("th", title, scope="col", class_=kind) for title, kind in zip(titles, _CLASSES, strict=True)]
    total = f"{report.parameters:,} parameters, {report.macs:,} multiply-adds (MACs) for one {report.example}"
    return h(
        "table",
        h("caption", h("span", total)),
        h("thead", h("tr", head)),
        h("tbody", map(_row, report.rows)),
    )


_CLASSES = (None, None, *["number"] * 4)


def _row(row: Row) -> Element:
    path = [[part, h("wbr")] for part in re.split(r"(?<=\.)", row.path)]  # long paths break there on narrow screens
    cells = (
        h("button", path, type="button"),
        row.words,
        shape_text(row.output_shape),
        f"{row.cost.parameters:,}" if row.cost.parameters else "·",
        f"{row.cost.macs:,}" if row.cost.macs else "·",
        row.field.size_text,
    )
    return h("tr", [h("td", cell, class_=kind) for kind, cell in zip(_CLASSES, cells, strict=True)])


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
        title = f"{row.path}: {row.words}, {shape_text(row.input_shape)} → {shape_text(row.output_shape)}"
        rows.append({"title": title, "formulas": known[key]})
    return {"rows": rows, "formulas": formulas}
