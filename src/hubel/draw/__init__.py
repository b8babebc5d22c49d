"""Diagrams and tables of a network.

>>> from hubel import zoo
>>> from hubel.draw import figure
>>> figure(zoo.get("lenet5")).save("lenet5.svg")  # doctest: +SKIP
"""

from hubel.draw._colours import THEMES
from hubel.draw._figure import FORMATS, PAGE, STYLES, Figure, figure, layout
from hubel.draw._png import to_png
from hubel.draw._scene import Circle, Group, Line, Polygon, Rectangle, Scene, Text, bounds
from hubel.draw._svg import to_svg

__all__ = [
    "FORMATS",
    "PAGE",
    "STYLES",
    "THEMES",
    "Circle",
    "Figure",
    "Group",
    "Line",
    "Polygon",
    "Rectangle",
    "Scene",
    "Text",
    "bounds",
    "figure",
    "layout",
    "to_png",
    "to_svg",
]
