"""Diagrams and tables of a network.

>>> from hubel import zoo
>>> from hubel.draw import figure
>>> figure(zoo.get("lenet5")).save("lenet5.svg")  # doctest: +SKIP
"""

from typing import TYPE_CHECKING, Any

from hubel.base.rooms import called, later

if TYPE_CHECKING:
    from hubel.draw._figure import FLOWS, PAGE, STYLES, Figure, figure, layout, strip
    from hubel.draw._html import PageParts
    from hubel.draw._paper import PAPERS
    from hubel.draw._words import kind
    from hubel.view.figures.colours import THEMES
    from hubel.view.figures.figure import FORMATS
    from hubel.view.figures.scene import (
        Circle,
        Group,
        Line,
        Mark,
        Picture,
        Polygon,
        Rectangle,
        Scene,
        Text,
        bounds,
        flat,
        folded,
        moved,
        shortened,
        text_width,
    )
    from hubel.view.writers.png import to_png
    from hubel.view.writers.svg import PLOT, drawing, to_svg

__all__ = [
    "FLOWS",
    "FORMATS",
    "PAGE",
    "PAPERS",
    "PLOT",
    "STYLES",
    "THEMES",
    "Circle",
    "Figure",
    "Group",
    "Line",
    "Mark",
    "PageParts",
    "Picture",
    "Polygon",
    "Rectangle",
    "Scene",
    "Text",
    "bounds",
    "drawing",
    "figure",
    "flat",
    "folded",
    "kind",
    "layout",
    "moved",
    "shortened",
    "strip",
    "text_width",
    "to_png",
    "to_svg",
]

_SCENE = "Circle Group Line Mark Picture Polygon Rectangle Scene Text bounds flat folded moved shortened text_width"
_HOMES = {
    "hubel.draw._figure": ("FLOWS", "PAGE", "STYLES", "Figure", "figure", "layout", "strip"),
    "hubel.draw._paper": ("PAPERS",),
    "hubel.draw._words": ("kind",),
    "hubel.draw._html": ("PageParts",),
    "hubel.view.figures.colours": ("THEMES",),
    "hubel.view.figures.figure": ("FORMATS",),
    "hubel.view.writers.png": ("to_png",),
    "hubel.view.figures.scene": tuple(_SCENE.split()),
    "hubel.view.writers.svg": ("PLOT", "drawing", "to_svg"),
}


__getattr__ = later(__name__, _HOMES)  # a table in the terminal needs no diagrams


def _drawn(*given: Any, **how: Any) -> Any:
    from hubel.draw._figure import figure

    return figure(*given, **how)


called(__name__, _drawn)
