"""A plate as one HTML file: tiles flow, pixels stay pixels, the reader's light or dark setting is followed."""

from __future__ import annotations

from base64 import b64encode
from html import escape

from PIL import Image

from hubel.base.numbers import short_text
from hubel.draw import to_svg
from hubel.look._colour import Scale
from hubel.look._plate import DRAWING, Chart, Plate, Section, Tile, png_bytes

_STYLE = """
:root{color-scheme:light dark;--page:#fff;--ink:#1d2127;--quiet:#454b54;--line:#c9ced6;--mark:#c4302b}
@media (prefers-color-scheme:dark){:root:not([data-theme=light]){--page:#16181c;--ink:#e8eaed;--quiet:#b4bac3;
--line:#444b55;--mark:#ff8078}}
:root[data-theme=light]{color-scheme:light}
:root[data-theme=dark]{color-scheme:dark;--page:#16181c;--ink:#e8eaed;--quiet:#b4bac3;--line:#444b55;--mark:#ff8078}
body{margin:0 auto;max-width:1240px;padding:20px;background:var(--page);color:var(--ink);
font:14px/1.4 Helvetica,Arial,'Liberation Sans',sans-serif}
h1{font-size:22px;margin:0 0 2px}h2{font-size:15px;margin:26px 0 2px}p{margin:0 0 8px;color:var(--quiet)}
.tiles{display:flex;flex-wrap:wrap;gap:14px}figure{margin:0;max-width:100%}.picture{position:relative;max-width:100%}
.picture img{display:block;width:100%;height:100%;image-rendering:pixelated}
.picture.fine img{image-rendering:auto}
.picture i{position:absolute;border:1.6px solid var(--mark);box-sizing:border-box}
figcaption{font-size:12px;line-height:1.3;margin-top:3px;overflow-wrap:anywhere}
figcaption small{display:block;color:var(--quiet);font-size:11px}
div.bar{margin-top:10px;width:170px;font-size:11px;color:var(--quiet)}div.bar img{display:block;width:100%;height:9px}
div.bar div{display:flex;justify-content:space-between}.chart{overflow-x:auto}.chart svg{max-width:100%;height:auto}
"""


def to_html(plate: Plate, theme: str = "auto") -> str:
    """Write the page."""
    parts = "\n".join(_chart(part, theme) if isinstance(part, Chart) else _section(part) for part in plate.sections)
    subtitle = f"<p>{escape(plate.subtitle)}</p>\n" if plate.subtitle else ""
    lives = [part.live for part in plate.sections if isinstance(part, Chart) and part.live is not None]
    style = "".join(dict.fromkeys(live.style for live in lives))
    scripts = "".join(f"<script>\n{script}</script>\n" for script in dict.fromkeys(live.script for live in lives))
    return (
        f'<!doctype html>\n<html lang="en" data-theme="{theme}">\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(plate.title)}</title>\n<style>{_STYLE}{style}</style>\n"
        f"<body>\n<main>\n<h1>{escape(plate.title)}</h1>\n{subtitle}{parts}\n</main>\n{scripts}</body>\n</html>\n"
    )


def _heading(title: str, note: str) -> str:
    return (f"<h2>{escape(title)}</h2>" if title else "") + (f"<p>{escape(note)}</p>" if note else "")


def _chart(chart: Chart, theme: str) -> str:
    markup = DRAWING if chart.live is None else chart.live.markup
    drawn = markup.replace(DRAWING, to_svg(chart.scene(), theme)) if DRAWING in markup else markup
    return f'<section>{_heading(chart.title, chart.note)}<div class="chart">{drawn}</div></section>'


def _section(section: Section) -> str:
    tiles = "".join(_tile(tile, section.size) for tile in section.tiles)
    bar = _bar(section.scale) if section.scale is not None else ""
    return f'<section>{_heading(section.title, section.note)}<div class="tiles">{tiles}</div>{bar}</section>'


def _tile(tile: Tile, size: float) -> str:
    width, height = tile.size(size)
    rows, columns = tile.picture.shape[:2]
    said = escape(tile.hover or tile.caption)
    boxes = "".join(
        f'<i style="top:{100 * top / rows:.2f}%;left:{100 * left / columns:.2f}%;'
        f'height:{100 * tall / rows:.2f}%;width:{100 * wide / columns:.2f}%"></i>'
        for top, left, tall, wide in tile.boxes
    )
    caption = escape(tile.caption) + (f"<small>{escape(tile.note)}</small>" if tile.note else "")
    fine = "" if max(rows, columns) <= size else " fine"
    return (
        f'<figure style="width:{max(width, 72) if caption else width:.0f}px">'
        f'<div class="picture{fine}" style="width:{width:.0f}px;aspect-ratio:{width:.0f}/{height:.0f}">'
        f'<img alt="{said}" title="{said}" src="{_address(tile.png(size))}">{boxes}</div>'
        + (f"<figcaption>{caption}</figcaption>" if caption else "")
        + "</figure>"
    )


def _bar(scale: Scale) -> str:
    ticks = "".join(f"<span>{short_text(tick)}</span>" for tick in scale.ticks)
    image = _address(png_bytes(Image.fromarray(scale.bar(128))))
    return f'<div class="bar"><img alt="colour bar" src="{image}"><div>{ticks}</div></div>'


def _address(png: bytes) -> str:
    return f"data:image/png;base64,{b64encode(png).decode()}"
