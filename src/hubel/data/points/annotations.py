"""What a file of points says, in whatever format: pictures, and on each the points of one individual or several."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

from hubel.base.names import listing
from hubel.data import _marked

UNSEEN, HIDDEN, SEEN = 0, 1, 2  # not there or not told; told though something hides it; told
Point: TypeAlias = tuple[float, float, int]
Pairs: TypeAlias = tuple[tuple[int, int], ...]


class Individual(NamedTuple):
    """One of the picture's individuals. points: x, y and `UNSEEN`, `HIDDEN` or `SEEN` of each, in pixels from the top
    left corner (the middle of the first pixel is at 0.5) or in shares of the picture. box: left, top, right, bottom,
    where the file tells it. area: of the individual in pixels, likewise; 0 where not. crowd: whether it is many. place:
    the file and the line or number that it stands in.
    """

    points: tuple[Point, ...]
    place: str
    box: tuple[float, float, float, float] | None = None
    area: float = 0.0
    crowd: bool = False


Annotated: TypeAlias = _marked.Annotated[Individual]


@dataclass
class Annotations(_marked.Annotations[Individual]):
    """All that a source says of points. points: their names, in order. bones: which are joined by a line, where the
    file says it.
    """

    points: tuple[str, ...] = ()
    bones: Pairs = ()


_SIDES = (("left", "right"), ("lft", "rgt"), ("l", "r"))


def pairs_of(names: Sequence[str]) -> Pairs:
    """Which points are the left and the right one of the same, by their names: "left ear" and "right ear", "leftear",
    "L_Eye", "paw.l"; (left, right), as places among the names.
    """
    places = {_plain(name): number for number, name in enumerate(names)}
    found: dict[int, int] = {}
    for number, name in enumerate(names):
        for other in _mirrored(name):
            if (place := places.get(_plain(other), number)) != number and number not in {*found, *found.values()}:
                found[number] = place
                break
    return tuple(found.items())


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.casefold())


def _mirrored(name: str) -> list[str]:
    """What the right one of a left one may be called; nothing for names that say no left."""
    found = []
    for left, right in _SIDES:
        whole = len(left) > 1  # letters alone have to stand apart: "L_Eye", "eyeL", "paw.l"
        ends = r"(?i:{})" if whole else r"(?:(?<![A-Za-z])(?i:{0})(?![a-z])|(?<=[a-z0-9]){1}(?![A-Za-z]))"
        pattern = ends.format(left, left.upper())
        found += [name[: match.start()] + right + name[match.end() :] for match in re.finditer(pattern, name)]
    return found


def paired(names: Sequence[str], pairs: Pairs) -> str:
    """The sentence about left and right."""
    if not pairs:
        what = "the point keeps its name in mirrored pictures" if len(names) == 1 else "training mirrors no picture"
        return f"no point is called left or right: {what}"
    told = listing([f"{names[left]} and {names[right]}" for left, right in pairs], 4)
    return f"left and right by their names: {told}; they change places in mirrored pictures"
