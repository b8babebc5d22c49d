"""A figure as one HTML file: tiles flow, pixels stay pixels, the reader's light or dark setting is followed."""

from __future__ import annotations

import re

from PIL import Image

from hubel.base.numbers import short_text
from hubel.view.figures.scale import Scale
from hubel.view.figures.tiles import Chart, Section, Tile, TiledFigure, png_bytes
from hubel.view.writers.markup import Element, data_url, h
from hubel.view.writers.page import finding_page
from hubel.view.writers.svg import drawing

_STYLE = """
.tiles{display:flex;flex-wrap:wrap;gap:14px}.picture{position:relative;max-width:100%}
.picture img{display:block;width:100%;height:100%;image-rendering:pixelated}
.picture.fine img{image-rendering:auto}
.picture i{position:absolute;border:1.6px solid var(--mark);box-sizing:border-box}
figcaption small{display:block;color:var(--quiet);font-size:11px}
div.bar{margin-top:10px;width:170px;font-size:11px;color:var(--quiet)}div.bar img{display:block;width:100%;height:9px}
div.bar div{display:flex;justify-content:space-between}.chart{overflow-x:auto}
"""


def to_html(figure: TiledFigure, theme: str = "auto") -> str:
    """Write the page."""
    lives = [part.live for part in figure.sections if isinstance(part, Chart) and part.live is not None]
    parts = [_chart(part, theme) if isinstance(part, Chart) else _section(part) for part in figure.sections]
    return finding_page(
        figure.title,
        *parts,
        subtitle=figure.subtitle,
        style=_STYLE + "".join(dict.fromkeys(live.style for live in lives)),
        scripts=[live.script for live in lives if live.script],
        theme=theme,
    )


def _heading(title: str, note: str) -> list[Element]:
    return [h(kind, words) for kind, words in (("h2", title), ("p", note)) if words]


def _chart(chart: Chart, theme: str) -> Element:
    drawn = drawing(chart.scene(), theme)
    shown = drawn if chart.live is None else chart.live.markup(drawn)
    # where it is wider than the screen, keys move it
    scrolled = h("div", shown, class_="chart", tabindex=0, role="group", aria_label=chart.title or "drawing")
    return h("section", _heading(chart.title, chart.note), scrolled)


def _section(section: Section) -> Element:
    tiles = h("div", [_tile(tile, section.size) for tile in section.tiles], class_="tiles")
    bar = _bar(section.scale) if section.scale is not None else None
    return h("section", _heading(section.title, section.note), tiles, bar)


def _tile(tile: Tile, size: float) -> Element:
    width, height = tile.size(size)
    rows, columns = tile.picture.shape[:2]
    said = tile.hover or tile.caption
    boxes = [
        h(
            "i",
            style=f"top:{100 * top / rows:.2f}%;left:{100 * left / columns:.2f}%;"
            f"height:{100 * tall / rows:.2f}%;width:{100 * wide / columns:.2f}%",
        )
        for top, left, tall, wide in tile.boxes
    ]
    named = [[part, h("wbr")] for part in re.split(r"(?<=\w\.)(?=[a-z])", tile.caption)]  # paths break at dots
    caption = [named, h("small", tile.note) if tile.note else None] if tile.caption or tile.note else None
    return h(
        "figure",
        h(
            "div",
            h("img", alt=said, title=said, src=data_url(tile.png(size))),
            boxes,
            class_="picture" if max(rows, columns) <= size else "picture fine",
            style=f"width:{width:.0f}px;aspect-ratio:{width:.0f}/{height:.0f}",
        ),
        h("figcaption", caption) if caption else None,
        style=f"width:{max(width, 72) if caption else width:.0f}px",
    )


def _bar(scale: Scale) -> Element:
    image = h("img", alt="colour bar", src=data_url(png_bytes(Image.fromarray(scale.bar(128)))))
    return h("div", image, h("div", [h("span", short_text(tick)) for tick in scale.ticks]), class_="bar")
