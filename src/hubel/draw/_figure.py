"""A network's drawing, to be shown and saved."""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass
from functools import cached_property

from hubel import zoo
from hubel.arch import Network, Report, analyse
from hubel.base.errors import SettingError
from hubel.draw._across import across
from hubel.draw._blocks import blocks
from hubel.draw._html import PageParts, page_parts, to_html
from hubel.draw._outline import outline, thinned
from hubel.draw._paper import PAPERS, on_paper
from hubel.draw._volumes import suits, volumes
from hubel.view.figures import figure as view
from hubel.view.figures.colours import THEMES
from hubel.view.figures.scene import Scene, bounds, flat, moved

STYLES = ("auto", "volumes", "blocks")
FLOWS = ("down", "across")
PAGE = 1240.0
PHONE = 390.0
LEAST_PAGE = 320.0


def layout(
    network: Network | Report,
    style: str = "auto",
    page: float = PAGE,
    detail: int = 2,
    flow: str = "down",
    closed: Collection[str] = (),
) -> Scene:
    """Lay a network out on a page of that many pixels' width: shapes and words with coordinates, nothing else.

    `style` is "volumes" (boxes in perspective, for one chain of pictures or a U of them), "blocks" (from top to bottom,
    with branches, repeats folded), or "auto": volumes where a network is one chain of at most 25, or a U that the page
    has room for, else blocks. A part that is wider than the page makes the drawing wider. detail: 2 for what layers do,
    give and cost, 1 without what they cost, 0 for what they do alone. flow: of blocks, "down" or "across", from left to
    right. closed: of blocks, the paths of parts that are drawn as one box.

    Raises `ShapeError` where a layer does not fit, `ValueError` for another style, for volumes of a network with
    branches, and for a page of less than 320 pixels.
    """
    report = network if isinstance(network, Report) else analyse(network)
    if style not in STYLES:
        raise SettingError(f"expected style as one of {', '.join(STYLES)}, received {style!r}")
    if not LEAST_PAGE <= page <= 100_000:
        raise SettingError(f"expected a page of {LEAST_PAGE:.0f} to 100,000 pixels, received {page:g}")
    if flow not in FLOWS or detail not in range(3):
        raise SettingError(f"expected flow as down or across and detail as 0, 1 or 2, received {flow!r} and {detail!r}")
    items = outline(report)
    if style == "volumes" or (style == "auto" and suits(report, items)):
        scene = volumes(report, items, page, detail)
        if style == "volumes" or scene.width <= page:
            return scene
    return blocks(report, thinned(items, detail, closed), page, detail, flow)


@dataclass(frozen=True)
class Figure(view.Figure):
    """A network's drawing. It shows itself in a notebook, and `save` writes SVG, HTML or PNG."""

    report: Report
    style: str
    theme: str = "auto"
    page: float = PAGE
    detail: int | None = None
    flow: str | None = None
    purpose: str | None = None

    @cached_property
    def _placed(self) -> tuple[Scene, list[str]]:
        if self.purpose is None:
            return self._laid_out(self.page, 2 if self.detail is None else self.detail, self.flow or "down"), []
        return on_paper(self._laid_out, PAPERS[self.purpose], self.flow, self.detail)

    def _laid_out(self, page: float, detail: int, flow: str) -> Scene:
        return layout(self.report, self.style, page, detail, flow)

    @property
    def scene(self) -> Scene:
        """The drawing as data."""
        return self._placed[0]

    @property
    def notes(self) -> list[str]:
        """What is to be known of a drawing for a slide or for print."""
        return self._placed[1]

    def html(self, theme: str | None = None) -> str:
        """Return a page with the drawing, the table of layers, and each layer's formulas for whoever points at it."""
        return to_html(self.report, self.scene, self._narrow, theme or self.theme)

    def parts(self) -> PageParts:
        """Return what `html` is made of, for a page that has more to tell."""
        return page_parts(self.report, self.scene, self._narrow, self.theme)

    @property
    def _narrow(self) -> Scene:
        page = min(self.page, PHONE)
        scene = layout(self.report, self.style, page)
        return scene if scene.width <= page else layout(self.report, "blocks", page)


def strip(network: Network | Report) -> Scene:
    """A network from left to right in one line, with what layers do alone: a way to each of them."""
    report = network if isinstance(network, Report) else analyse(network)
    marks = across(report, thinned(outline(report), 0), math.inf)
    boxes = [bounds(mark) for mark in flat(marks)]
    left, top = min(box[0] for box in boxes), min(box[1] for box in boxes)
    width, height = max(box[2] for box in boxes) - left, max(box[3] for box in boxes) - top
    placed = tuple(moved(marks, 2 - left, 2 - top))
    return Scene(
        math.ceil(width) + 4, math.ceil(height) + 4, report.network.title, "from left to right", "blocks", placed
    )


def figure(
    network: zoo.Given | Report,
    style: str = "auto",
    theme: str = "auto",
    page: float = PAGE,
    *,
    detail: int | None = None,
    flow: str | None = None,
    purpose: str | None = None,
) -> Figure:
    """Draw a network: `figure("lenet5").save("lenet5.svg")`. See `layout` for styles, detail and flow.

    `theme` is "light", "dark", or "auto": whichever the reader's system is set to. purpose: "slide" (16:9, letters of
    at least 7 points) or "print" (17.8 cm wide, letters of at least 6 points): the size is then given, and flow and
    detail are chosen where they are not; `notes` says what was left out.

    Raises what `layout` raises, and `ValueError` for another theme or purpose.
    """
    if purpose is not None and purpose not in PAPERS:
        raise SettingError(f"expected purpose as one of {', '.join(PAPERS)}, received {purpose!r}")
    if theme not in THEMES:
        raise SettingError(f"expected theme as one of {', '.join(THEMES)}, received {theme!r}")
    report = network if isinstance(network, Report) else zoo.analyse(network)
    drawn = layout(report, style, page, 2 if detail is None else detail, flow or "down")
    return Figure(report, drawn.style, theme, page, detail, flow, purpose)
