"""What a file of annotations says, in whatever format: pictures, and boxes with the names of their classes."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import NamedTuple, TypeAlias

from hubel.data import _marked
from hubel.data.sources.listing import natural_order

_FOLDERS, _ENTRIES, _NAMES = 50, 500, 100_000  # that a glance looks at: folders, files of each, names in all


class Box(NamedTuple):
    """A box, its edges in pixels of the picture or, of a picture `in_shares`, in shares of its width and height.

    crowd: whether it is around many objects. area: in pixels, where the file tells it; 0 where not. place: the file
    and the line or number that it stands in.
    """

    name: str
    left: float
    top: float
    right: float
    bottom: float
    place: str
    crowd: bool = False
    area: float = 0.0

    def wrong(self) -> str:
        """Why it is no box; "" where it is one."""
        edges = (self.left, self.top, self.right, self.bottom)
        if not all(math.isfinite(edge) and abs(edge) < 1e9 for edge in edges):
            return "expected four numbers"
        if self.right <= self.left or self.bottom <= self.top:
            width, height = self.right - self.left, self.bottom - self.top
            return f"expected a width and a height above 0, received {width:g}×{height:g}"
        return ""


Annotated: TypeAlias = _marked.Annotated[Box]


@dataclass
class Annotations(_marked.Annotations[Box]):
    """All that a source says of boxes. classes: in order, with their numbers in the files."""

    classes: dict[str, int] = field(default_factory=dict)


def in_order(names: Iterable[str]) -> dict[str, int]:
    """Classes that files name and do not number: in natural order, from 0."""
    return {name: number for number, name in enumerate(natural_order(names))}


def glance(root: Path, *suffixes: str, deep: int = 3) -> Iterator[Path]:
    """Files of these endings in a folder and some folders below, as far as a glance goes: 500 of each of the first 50
    folders, found among 100,000 names in all, so that a million pictures take no longer than those. (A table lies
    anywhere among its pictures.)
    """
    folders, names = [(root, 0)], _NAMES
    for folder, depth in islice(_growing(folders), _FOLDERS):
        found = 0
        with os.scandir(folder) as entries:
            for entry in islice(entries, max(_ENTRIES, names)):
                names -= 1
                if entry.name.startswith("."):
                    continue
                if entry.is_dir():
                    if depth < deep:
                        folders.append((Path(entry.path), depth + 1))
                elif found < _ENTRIES and entry.name.lower().endswith(suffixes) and entry.is_file():
                    found += 1
                    yield Path(entry.path)


def _growing(queue: list[tuple[Path, int]]) -> Iterator[tuple[Path, int]]:
    """A list's elements, those too that are added meanwhile."""
    place = 0
    while place < len(queue):
        yield queue[place]
        place += 1
