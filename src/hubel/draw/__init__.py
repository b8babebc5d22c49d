"""Diagrams and tables of a network.

>>> from hubel import zoo
>>> from hubel.draw import figure
>>> figure(zoo.get("lenet5")).save("lenet5.svg")  # doctest: +SKIP
"""

import importlib
from typing import TYPE_CHECKING, Any

from hubel.base.rooms import called

if TYPE_CHECKING:
    from hubel.draw._figure import FLOWS, PAGE, STYLES, Figure, figure, layout
    from hubel.draw._html import PageParts
    from hubel.draw._paper import PAPERS
    from hubel.view.colours import THEMES
    from hubel.view.figure import FORMATS
    from hubel.view.png import to_png
    from hubel.view.scene import (
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
    from hubel.view.svg import PLOT, drawing, to_svg

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
    "layout",
    "moved",
    "shortened",
    "text_width",
    "to_png",
    "to_svg",
]

_SCENE = "Circle Group Line Mark Picture Polygon Rectangle Scene Text bounds flat folded moved shortened text_width"
_HOMES = {
    "draw._figure": ("FLOWS", "PAGE", "STYLES", "Figure", "figure", "layout"),
    "draw._paper": ("PAPERS",),
    "draw._html": ("PageParts",),
    "view.colours": ("THEMES",),
    "view.figure": ("FORMATS",),
    "view.png": ("to_png",),
    "view.scene": tuple(_SCENE.split()),
    "view.svg": ("PLOT", "drawing", "to_svg"),
}


def __getattr__(name: str) -> object:
    for home, names in _HOMES.items():  # loaded when used: a table in the terminal needs no diagrams
        if name in names:
            return getattr(importlib.import_module(f"hubel.{home}"), name)
    raise AttributeError(f"module 'hubel.draw' has no attribute {name!r}")


def _drawn(*given: Any, **how: Any) -> Any:
    from hubel.draw._figure import figure

    return figure(*given, **how)


called(__name__, _drawn)
