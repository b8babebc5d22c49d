"""A drawing as pure data: shapes and words with coordinates, in pixels, y downwards. Writers turn it into files."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from hubel.base.words import printable

Point: TypeAlias = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Polygon:
    """A filled outline. `role` says what it is (a kind of layer, "frame", "window" …), `tone` which face of a box."""

    points: tuple[Point, ...]
    role: str
    tone: str = "front"


@dataclass(frozen=True, slots=True)
class Rectangle:
    """An upright rectangle with round corners."""

    x: float
    y: float
    width: float
    height: float
    role: str
    tone: str = "front"
    radius: float = 0.0


@dataclass(frozen=True, slots=True)
class Line:
    """A line through points; with `arrow`, a head at its end."""

    points: tuple[Point, ...]
    role: str = "flow"
    arrow: bool = False


@dataclass(frozen=True, slots=True)
class Circle:
    """A circle with a sign in it where branches meet: "plus" or "times"."""

    x: float
    y: float
    radius: float
    sign: str = "plus"


@dataclass(frozen=True, slots=True)
class Text:
    """One line of words; `y` is its baseline, `anchor` says where `x` is: start, middle or end."""

    x: float
    y: float
    words: str
    role: str = "label"
    anchor: str = "middle"

    def __post_init__(self) -> None:
        object.__setattr__(self, "words", printable(self.words))

    @property
    def size(self) -> float:
        """The font's size."""
        return SIZES[self.role]

    @property
    def box(self) -> tuple[float, float, float, float]:
        """Left, top, right, bottom, by the widths of the letters."""
        width = text_width(self.words, self.role)
        left = self.x - width * {"start": 0.0, "middle": 0.5, "end": 1.0}[self.anchor]
        return left, self.y - 0.74 * self.size, left + width, self.y + 0.22 * self.size


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture of pixels: a PNG file's bytes, and in words what it shows. Enlarged pixels stay pixels."""

    x: float
    y: float
    width: float
    height: float
    png: bytes = field(repr=False)
    words: str = ""


@dataclass(frozen=True, slots=True)
class Group:
    """What belongs to one layer (or to equal ones): `paths` of their rows, and a title for whoever points at it.

    part: the path of a part that is opened and closed here, which is `closed` or not.
    """

    marks: tuple[Mark, ...]
    title: str
    paths: tuple[str, ...] = ()
    part: str = ""
    closed: bool = False


Plain: TypeAlias = "Polygon | Rectangle | Line | Circle | Text | Picture"
Mark: TypeAlias = "Plain | Group"

SIZES = {"title": 17.0, "subtitle": 12.0, "name": 11.0, "label": 11.0, "figure": 9.5, "edge": 10.5, "part": 11.0}
BOLD = ("title", "name", "part")


@dataclass(frozen=True)
class Scene:
    """A whole drawing: its size, what it shows in words, and its marks, the lowest first.

    scale: how large one of its units is, in CSS pixels.
    """

    width: float
    height: float
    title: str
    description: str
    style: str
    marks: tuple[Mark, ...] = field(repr=False)
    scale: float = 1.0

    def flat(self) -> Iterator[Plain]:
        """Give every mark, those in groups too."""
        yield from flat(self.marks)

    @property
    def texts(self) -> tuple[Text, ...]:
        """All words of the drawing, with their places."""
        return tuple(mark for mark in self.flat() if isinstance(mark, Text))


def flat(marks: Iterable[Mark]) -> Iterator[Plain]:
    """Give every mark, those in groups too."""
    for mark in marks:
        if isinstance(mark, Group):
            yield from flat(mark.marks)
        else:
            yield mark


def moved(marks: Iterable[Mark], right: float, down: float) -> list[Mark]:
    """Return the marks somewhere else."""

    def there(point: Point) -> Point:
        return point[0] + right, point[1] + down

    found: list[Mark] = []
    for mark in marks:
        if isinstance(mark, Group):
            inside = tuple(moved(mark.marks, right, down))
            found.append(Group(inside, mark.title, mark.paths, mark.part, mark.closed))
        elif isinstance(mark, Text):  # by name what there is much of: `replace` takes three times as long
            found.append(Text(mark.x + right, mark.y + down, mark.words, mark.role, mark.anchor))
        elif isinstance(mark, Line):
            found.append(Line(tuple(map(there, mark.points)), mark.role, mark.arrow))
        elif isinstance(mark, Polygon):
            found.append(Polygon(tuple(map(there, mark.points)), mark.role, mark.tone))
        else:
            found.append(replace(mark, x=mark.x + right, y=mark.y + down))
    return found


def bounds(mark: Plain) -> tuple[float, float, float, float]:
    """Return left, top, right, bottom."""
    if isinstance(mark, Text):
        return mark.box
    if isinstance(mark, (Rectangle, Picture)):
        return mark.x, mark.y, mark.x + mark.width, mark.y + mark.height
    if isinstance(mark, Circle):
        return mark.x - mark.radius, mark.y - mark.radius, mark.x + mark.radius, mark.y + mark.radius
    across, down = zip(*mark.points, strict=True)
    return min(across), min(down), max(across), max(down)


# Advance widths of Helvetica, which Arial and Liberation Sans share, in thousandths of the size.
_WIDTHS = {
    letter: width
    for width, letters in {
        191: "'",
        222: "ijl",
        260: "|",
        278: " !,./:;I[\\]ft·",
        333: "()-r`",
        389: "*",
        469: "^",
        500: "Jckvxysz",
        556: '"#$0123456789?L_abdeghnopqu–',
        584: "+<=>~×−⌊⌋",
        611: "FTZ",
        667: "&ABEKPSVXY",
        722: "CDHNRUw",
        778: "GOQ",
        833: "Mm",
        889: "%",
        944: "W",
        1000: "—→…@",
    }.items()
    for letter in letters
}


def text_width(words: str, role: str) -> float:
    """Estimate how wide a line of words is, a little generously: fonts differ."""
    thousandths = sum(_WIDTHS.get(letter, 1000 if ord(letter) > 0x2E80 else 600) for letter in words)
    return thousandths / 1000 * SIZES[role] * (1.12 if role in BOLD else 1.05)


def shortened(words: str, role: str, room: float) -> str:
    """Cut words that are wider than `room`, with an ellipsis."""
    words = words[: int(room) + 2]  # no letter is narrower than a pixel
    while len(words) > 1 and text_width(words, role) > room:
        words = words[:-2].rstrip() + "…"
    return words


def folded(text: str, role: str, room: float) -> list[str]:
    """Break words at spaces into lines no wider than `room`."""
    lines: list[str] = []
    for word in re.split(" (?![/×]|groups)", text):  # "/2" and "×3" stay with what they are said of
        if lines and text_width(f"{lines[-1]} {word}", role) <= room:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return lines
