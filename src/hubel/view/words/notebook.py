"""How plain data shows itself in a notebook.

Plain HTML for light and dark pages: text in the page's own colour, no scripts, nothing from outside, all escaped.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from hubel.view.writers.markup import Child, Element, h, text_of

MOST_ROWS = 30  # more of them scroll

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


def figures_html(
    title: str, tables: Iterable[tuple[Sequence[str], Iterable[Sequence[str]]]], notes: Iterable[str] = ()
) -> str:
    """Return tables of plain text as HTML that looks as networks' figures do.

    Each table is its columns' titles and its rows; a title that starts with `#` is that of a column of numbers, aligned
    at the right. `title` and `notes` are plain text too.
    """
    plain = [_plain_table(titles, [*rows]) for titles, rows in tables]
    return shown(h("strong", title), *plain, items(map(quiet, notes)))


def _plain_table(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> Element:
    kinds = [None if title.startswith("#") else "words" for title in titles]
    body = [[h("td", cell, class_=kind) for kind, cell in zip(kinds, row, strict=True)] for row in rows]
    return framed([(title.lstrip("#"), kind) for title, kind in zip(titles, kinds, strict=True)], body)


def framed(titles: Sequence[tuple[str, str | None]], rows: Sequence[Sequence[Element]]) -> Element:
    """A table in a frame of its own, which scrolls where there are many rows. titles: each with its column's class."""
    head = h("tr", [h("th", title, scope="col", class_=kind) for title, kind in titles])
    table = h("table", h("thead", head), h("tbody", [h("tr", cells) for cells in rows]))
    return h("div", table, class_="rows many" if len(rows) > MOST_ROWS else "rows")


def shown(*parts: Child) -> str:
    """Parts below each other, with the rules of style that they need."""
    lines = [h("div", part) for part in parts if part is not None]
    return text_of(h("style", STYLE), h("div", lines, class_="hubel-figures"))


def quiet(words: str) -> Element:
    """Words that matter less."""
    return h("span", words, class_="quiet")


def items(parts: Iterable[Child]) -> Element | None:
    """A list without marks; None where there is nothing."""
    lines = [h("li", part) for part in parts]
    return h("ul", lines, class_="plain") if lines else None
