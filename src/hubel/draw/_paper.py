"""A drawing for a slide or for print: as much told in it as stays large enough to read."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TypeAlias

from hubel.view.figures.scene import Scene, moved

Layout: TypeAlias = Callable[[float, int, str], Scene]
"""Lays a network out: the page's width, the detail (see `outline`), and "down" or "across"."""

_POINT = 1 / 0.75  # of a scene's units, which are pixels of 1/96 inch
_SCALES = (1.7, 1.3, 1.0, 0.9, 0.8, 0.72, 0.62, 0.5, 0.35)


@dataclass(frozen=True)
class Paper:
    """Where a drawing is to go. width, height: in CSS pixels. least: its smallest letters' size, in points. whole:
    whether the page is filled (a slide), or cut below the drawing.
    """

    width: float
    height: float
    least: float
    whole: bool


PAPERS = {
    "slide": Paper(1280.0, 720.0, 7.0, True),  # 16:9, 33.9 cm × 19.1 cm; 7 points are 14 of 1,920 pixels
    "print": Paper(672.8, 907.0, 6.0, False),  # 17.8 cm, a page of two columns, at most 24 cm tall
}


def on_paper(lay_out: Layout, paper: Paper, flow: str | None, detail: int | None) -> tuple[Scene, list[str]]:
    """The most detailed layout whose letters can be read on this paper, as large as it goes there, and what is to be
    known of it. A flow or a detail that is given is kept.
    """
    best: tuple[tuple[bool, float, float], Scene, int] | None = None
    for level in (2, 1, 0) if detail is None else (detail,):
        for way in ("down", "across") if flow is None else (flow,):
            for scene, scale in _tried(lay_out, paper, level, way):
                smallest = 0.75 * scale * min(text.size for text in scene.texts)
                worth = (smallest >= paper.least, float(level) if smallest >= paper.least else 0.0, smallest)
                if best is None or worth > best[0]:
                    best = worth, replace(scene, scale=scale), level
        if best is not None and best[0][0]:
            break
    assert best is not None
    (fits, _, smallest), scene, level = best
    left_out = ("names, parameters and MACs" if scene.style == "volumes" else "all figures", "parameters and MACs")
    told = [f"without {left_out[level]}, to be read there"] if level < 2 and detail is None else []
    if not fits:
        told.append(
            f"its smallest letters are {smallest:.1f} points, smaller than the {paper.least:g} that can be read there"
        )
    return _centred(scene, paper), told


def _tried(lay_out: Layout, paper: Paper, detail: int, flow: str) -> Iterator[tuple[Scene, float]]:
    """Layouts for pages of several widths, each with the scale at which it fills the paper."""
    seen: set[tuple[float, float]] = set()
    for scale in _SCALES:
        scene = lay_out(max(paper.width / scale, 320.0), detail, flow)
        if (scene.width, scene.height) in seen:
            continue
        seen.add((scene.width, scene.height))
        largest = 2.0 if paper.whole else 1.0
        yield scene, min(largest, paper.width / scene.width, paper.height / scene.height)


def _centred(scene: Scene, paper: Paper) -> Scene:
    """The drawing in the middle of its paper."""
    width = paper.width / scene.scale
    height = paper.height / scene.scale if paper.whole else scene.height
    marks = moved(scene.marks, (width - scene.width) / 2, (height - scene.height) / 2)
    return replace(scene, width=width, height=height, marks=tuple(marks))
