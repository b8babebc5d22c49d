"""Diagrams and tables of a network.

>>> from hubel import zoo
>>> from hubel.draw import figure
>>> figure(zoo.get("lenet5")).save("lenet5.svg")  # doctest: +SKIP
"""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hubel.draw._colours import THEMES
    from hubel.draw._figure import FORMATS, PAGE, STYLES, Figure, figure, layout
    from hubel.draw._html import PageParts
    from hubel.draw._png import to_png
    from hubel.draw._scene import (
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
        moved,
        shortened,
        text_width,
    )
    from hubel.draw._svg import PLOT, drawing, to_svg
    from hubel.draw._words import folded

__all__ = [
    "FORMATS",
    "PAGE",
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

_HOMES = {
    "_colours": ("THEMES",),
    "_figure": (
        "FORMATS",
        "PAGE",
        "STYLES",
        "Figure",
        "figure",
        "layout",
    ),
    "_html": ("PageParts",),
    "_png": ("to_png",),
    "_scene": (
        "Circle",
        "Group",
        "Line",
        "Mark",
        "Picture",
        "Polygon",
        "Rectangle",
        "Scene",
        "Text",
        "bounds",
        "flat",
        "moved",
        "shortened",
        "text_width",
    ),
    "_svg": ("PLOT", "drawing", "to_svg"),
    "_words": ("folded",),
}


def __getattr__(name: str) -> object:
    for home, names in _HOMES.items():  # loaded when used: a table in the terminal needs no diagrams
        if name in names:
            return getattr(importlib.import_module(f"hubel.draw.{home}"), name)
    raise AttributeError(f"module 'hubel.draw' has no attribute {name!r}")
