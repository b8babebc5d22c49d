"""One volume of a drawing in perspective: a picture as a box, a vector as a bar, equal ones as slabs in a row."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import sqrt

from hubel.arch import Shape
from hubel.view.figures.scene import Line, Mark, Point, Polygon, Text

TALLEST = 150.0
THICKEST = 46.0
LEAST = 4.0
SLANT = (0.40, 0.30)  # how far a picture's width goes to the right and up, for each pixel that it would be high
BAR = 11.0  # a vector's thickness
SLAB = 7.0  # between equal volumes
BAND = 3.0  # a cap's thickness
SEAMS = 16  # channels or features that are still drawn apart


class Scale:
    """How many pixels sizes become: by square roots, so that 4,096 and 10 both can be seen."""

    def __init__(self, shapes: Iterable[Shape], tallest: float = TALLEST, thickest: float = THICKEST) -> None:
        self.tallest, self.thickest = tallest, thickest
        pictures = [shape for shape in shapes if len(shape) == 3]
        self.side = max((max(shape[:2]) for shape in pictures), default=1)
        self.channels = max((shape[2] for shape in pictures), default=1)
        self.features = max((shape[0] for shape in shapes if len(shape) == 1), default=1)

    def length(self, size: int) -> float:
        """Return a height or a width."""
        return max(LEAST, self.tallest * sqrt(size / self.side))

    def thickness(self, channels: int) -> float:
        """Return what so many channels become."""
        return max(LEAST, min(8.0, self.thickest / sqrt(self.channels)) * sqrt(channels))

    def bar(self, features: int) -> float:
        """Return how high a vector stands."""
        return max(2 * LEAST, self.tallest * sqrt(features / self.features))


@dataclass(frozen=True, slots=True)
class Solid:
    """A drawn volume (or several alike): its front begins at x = 0, and its middle is at y = 0."""

    marks: tuple[Mark, ...]
    height: float
    edge: float
    lean: Point
    left: float
    right: float

    @property
    def top(self) -> float:
        """The highest place."""
        return -self.height / 2 - self.lean[1]

    def at(self, across: float, down: float) -> Point:
        """Return the place on the right side, at these shares of the width and of the height."""
        return self.edge + across * self.lean[0], (down - 0.5) * self.height - across * self.lean[1]


def solid(shape: Shape, count: int, role: str, caps: tuple[str, ...], scale: Scale) -> Solid:
    """Draw `count` volumes of one shape, with the sizes written along the edges of the last."""
    if len(shape) == 3:
        tall, wide, thick = scale.length(shape[0]), scale.length(shape[1]), scale.thickness(shape[2])
        lean = (SLANT[0] * wide, SLANT[1] * wide)
    else:
        tall, thick, lean = scale.bar(shape[0]), BAR, (5.0, 4.0)
    marks: list[Mark] = []
    for place in range(count):
        marks += _faces(place * (thick + SLAB), thick, tall, lean, role)
        marks += _bands(place * (thick + SLAB) + thick, thick, tall, lean, caps)
    edge = count * (thick + SLAB) - SLAB
    marks += _seams(edge - thick, thick, tall, lean, shape, role)
    return _solid(marks, tall, edge, lean, _sizes(shape, edge, tall, lean))


def glued(parts: Sequence[tuple[Shape, str]], whole: Shape, scale: Scale) -> Solid:
    """Draw pictures of one size that are put side by side into one volume, each with its shape and role."""
    tall, wide = scale.length(whole[0]), scale.length(whole[1])
    lean = (SLANT[0] * wide, SLANT[1] * wide)
    marks: list[Mark] = []
    edge = 0.0
    for shape, role in parts:
        thick = scale.thickness(shape[2])
        marks += _faces(edge, thick, tall, lean, role)
        edge += thick
    return _solid(marks, tall, edge, lean, _sizes(whole, edge, tall, lean))


def _solid(marks: list[Mark], tall: float, edge: float, lean: Point, labels: list[Text]) -> Solid:
    right = max([edge + lean[0], *(label.box[2] for label in labels)])
    left = -min([0.0, *(label.box[0] for label in labels)])
    return Solid((*marks, *labels), tall, edge, lean, left, right)


def _faces(x: float, thick: float, tall: float, lean: Point, role: str) -> list[Mark]:
    top, bottom, (over, up) = -tall / 2, tall / 2, lean
    far = x + thick
    return [
        Polygon(((x, top), (x + over, top - up), (far + over, top - up), (far, top)), role, "top"),
        Polygon(((far, top), (far + over, top - up), (far + over, bottom - up), (far, bottom)), role, "side"),
        Polygon(((x, top), (far, top), (far, bottom), (x, bottom)), role),
    ]


def _bands(far: float, thick: float, tall: float, lean: Point, caps: tuple[str, ...]) -> list[Mark]:
    """Draw what is folded into a layer as thin bands on its far edge, the last one outermost."""
    top, bottom, (over, up) = -tall / 2, tall / 2, lean
    band = min(BAND, 0.6 * thick / max(1, len(caps)))
    marks: list[Mark] = []
    for cap in reversed(caps):
        near = far - band
        marks.append(Polygon(((near, top), (near + over, top - up), (far + over, top - up), (far, top)), cap))
        marks.append(Polygon(((near, top), (far, top), (far, bottom), (near, bottom)), cap))
        far = near
    return marks


def _seams(x: float, thick: float, tall: float, lean: Point, shape: Shape, role: str) -> list[Mark]:
    """Part a few channels or features from one another."""
    number, top, (over, up) = shape[-1], -tall / 2, lean
    if not 1 < number <= SEAMS:
        return []
    if len(shape) == 1:
        steps = [top + tall * place / number for place in range(1, number)]
        return [Line(((x, y), (x + thick, y), (x + thick + over, y - up)), f"seam {role}-seam") for y in steps]
    across = [x + thick * place / number for place in range(1, number)]
    return [Line(((far, -top), (far, top), (far + over, top - up)), f"seam {role}-seam") for far in across]


def _sizes(shape: Shape, edge: float, tall: float, lean: Point) -> list[Text]:
    """Write height, width and channels along the edges; of a vector, how long it is."""
    bottom, middle = tall / 2, edge / 2
    if len(shape) == 1:
        return [Text(middle + lean[0] / 2, bottom + 11, str(shape[0]), "edge")]
    height, width, channels = map(str, shape)
    below = Text(middle, bottom + 11, channels, "edge")
    start = max(edge + lean[0] / 2 + 3, below.box[2] + 3)
    return [
        Text(-4, bottom - 2, height, "edge", "end"),
        Text(
            start,
            max(bottom - lean[1] / 2 + 8, bottom - lean[1] * (start - edge) / max(lean[0], 1) + 10),
            width,
            "edge",
            "start",
        ),
        below,
    ]
