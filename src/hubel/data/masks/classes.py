"""What the values of masks mean: classes, by number or by colour."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from hubel.base.errors import DataError
from hubel.base.files import read_text
from hubel.data.masks.pairs import Pair
from hubel.data.masks.targets import VOID, Colour
from hubel.data.sources.listing import some
from hubel.data.sources.parts import PARTS

CLASSES = "classes.txt"
_SOFT, _MAIN, _SEVERAL = 0.25, 0.002, 8  # share of soft edges, of a class at least; values from which they are edges
_NO_CLASS = frozenset(("void", "ignore", "unlabelled", "unlabeled"))
_BRIGHT = ((0, 114, 178), (230, 159, 0), (0, 158, 115), (204, 121, 167), (86, 180, 233), (213, 94, 0), (240, 228, 66))


class Classes(NamedTuple):
    """The classes of a set. places: where each value of the files (an index, or 24 bits of colour) goes. unused: the
    numbers below the highest that no mask holds, where they count as classes. soft: how many values were taken for
    edges, and the share of pixels that have them.
    """

    classes: tuple[str, ...]
    values: tuple[int, ...]
    colours: tuple[Colour, ...]
    places: Mapping[int, int]
    unused: tuple[int, ...] = ()
    soft: tuple[int, float] = (0, 0.0)

    def of(self, mask: npt.NDArray[np.unsignedinteger]) -> npt.NDArray[np.uint8]:
        """A mask of the files' values as one of classes."""
        values = np.array(sorted(self.places), np.uint32)
        chosen = np.array([self.places[value] for value in values.tolist()], np.uint8)
        if mask.dtype == np.uint8:
            table = np.full(256, VOID, np.uint8)
            table[values[values < 256]] = chosen[values < 256]
            return np.asarray(table[mask])
        nearest = np.searchsorted(values, mask).clip(max=len(values) - 1)
        return np.asarray(np.where(values[nearest] == mask, chosen[nearest], VOID), np.uint8)


def values_in(mask: npt.NDArray[np.unsignedinteger]) -> dict[int, int]:
    """The values that a mask holds, and how many pixels have each."""
    if mask.dtype == np.uint8:
        counts = np.bincount(mask.ravel(), minlength=256)
        return {value: int(counts[value]) for value in np.flatnonzero(counts).tolist()}
    values, counts = np.unique(mask, return_counts=True)
    return dict(zip(values.tolist(), counts.tolist(), strict=True))


def _named(root: Path) -> list[tuple[str, Colour | None]]:
    """The lines of classes.txt: a name, and its colour where one follows."""
    path = root / CLASSES
    found: list[tuple[str, Colour | None]] = []
    for line in read_text(path).splitlines() if path.exists() else ():
        words = line.replace(",", " ").split()
        numbers = [int(word) for word in words[-3:] if word.isdecimal() and int(word) < 256]
        has_colour = len(words) > 3 and len(numbers) == 3
        name = " ".join(words[:-3] if has_colour else words)
        if name:
            found.append((name, (numbers[0], numbers[1], numbers[2]) if has_colour else None))
    return found


def classes_of(
    root: Path, there: Mapping[int, int], void: int | None, known: Sequence[tuple[str, Colour | None]] = ()
) -> Classes:
    """The classes that masks of these values (with how many pixels have each) have, and what `classes.txt`, or else the
    format (`known`), says of them.
    """
    named = _named(root) or list(known)
    in_colour = any(value >> 24 for value in there)
    edges = _edges(there, void, {1 << 24 | c[0] << 16 | c[1] << 8 | c[2] for _, c in named if c} if in_colour else None)
    values = sorted(value for value in there if value not in edges)
    soft = len(edges), sum(there[value] for value in edges) / max(1, sum(there.values()))
    if len(values) > 256 or (not in_colour and values[-1] > VOID):
        raise DataError(
            f"{root}: expected masks of at most 255 classes, found {len(values):,} values in them, up to {values[-1]:,}"
            "; number the classes from 0 to 254 and save masks as 8-bit PNG"
        )
    by_value: dict[int, str]
    if in_colour and named and all(colour for _, colour in named):
        by_value = {1 << 24 | c[0] << 16 | c[1] << 8 | c[2]: name for name, c in named if c is not None}
    elif in_colour:
        by_value = {value: f"#{value & 0xFFFFFF:06x}" for value in values if value >> 24}
    elif not named and are_two(there, void):
        by_value = {0: "background", 255: "object"}
    else:
        highest = max((value for value in values if value not in (VOID, void)), default=0)
        by_value = dict(enumerate(name for name, _ in named)) if named else {i: str(i) for i in range(highest + 1)}
    unknown = [value for value in values if value not in by_value and value not in (VOID, void)]
    if unknown:
        shown = f"#{unknown[0] & 0xFFFFFF:06x}" if in_colour else str(unknown[0])
        raise DataError(
            f"{root / CLASSES}: expected all values of the masks, found {len(by_value)} classes and masks of {shown}; "
            f"add it{'' if in_colour else f', or leave such pixels out: --void {shown}'}"
        )
    kept = {value: name for value, name in by_value.items() if value != void and name.casefold() not in _NO_CLASS}
    if len(kept) < 2:
        raise DataError(f"{root}: expected masks of at least two classes, found {', '.join(kept.values()) or 'none'}")
    told = {name: colour for name, colour in named if colour is not None}
    colours = tuple(
        _split(value) if value >> 24 else told.get(name) or _bright(place)
        for place, (value, name) in enumerate(kept.items())
    )
    numbers = tuple(place if value >> 24 else value for place, value in enumerate(kept))
    unused = () if named or in_colour else tuple(value for value in kept if value not in values)
    places = {value: place for place, value in enumerate(kept)}
    if edges and not in_colour:
        places |= {value: int(value > VOID // 2) for value in edges}
    return Classes(tuple(kept.values()), numbers, colours, places, unused, soft)


def are_two(there: Mapping[int, int], void: int | None) -> bool:
    """Whether masks of these values are of 0 and 255, which are classes then, with or without edges in between."""
    return void is None and there.keys() - _edges(there, void, None) in ({0, VOID}, {VOID})


def _edges(there: Mapping[int, int], void: int | None, named: Collection[int] | None) -> set[int]:
    """Values that come of smoothed edges: of masks of 0 and 255 all between them, of colours those that nothing names,
    where they are many and few pixels have them. named: the colours that have names; None of numbers.
    """
    if named is None:
        main = {0, VOID} if {0, VOID} <= there.keys() and void is None else set[int]()
    else:
        main = set(named) or {value for value, count in there.items() if count >= _MAIN * sum(there.values())}
    rest = {value for value in there if value not in main}
    few = sum(there[value] for value in rest) <= _SOFT * sum(there.values())
    return rest if main and few and len(rest) >= _SEVERAL else set()


def _split(value: int) -> Colour:
    return value >> 16 & 255, value >> 8 & 255, value & 255


def _bright(place: int) -> Colour:
    """Seven colours that colour-blind readers tell apart (Okabe, Ito 2008), and darker ones for more classes."""
    shade = 1 / (1 + place // len(_BRIGHT) * 0.6)
    red, green, blue = (round(level * shade) for level in _BRIGHT[place % len(_BRIGHT)])
    return red, green, blue


def notes_of(root: Path, table: Classes, parts: Mapping[str, Sequence[Pair]], void: float) -> list[str]:
    """What is to be said of what folders and masks were taken for. void: the share of training pixels of no class."""
    told = []
    if any(part != "train" for part in parts):
        counts = (f"{part} ({len(parts[part]):,})" for part in PARTS if parts.get(part))
        told.append(f"parts: {', '.join(counts)}")
    count, share = table.soft
    if count:
        taken = (
            "count nowhere" if any(value >> 24 for value in table.places) else "are taken for what they are nearer to"
        )
        told.append(f"masks have soft edges: {share:.1%} of the pixels have {count:,} values in between, and {taken}")
    coloured = [value for value in table.places if value >> 24]
    if table.values == (0, VOID):
        told.append("masks of 0 and 255 are taken for background and object")
    elif coloured:
        colours = some((f"#{v & 0xFFFFFF:06x} is {table.classes[table.places[v]]}" for v in coloured), 8)
        told.append(f"classes by the colours of the masks, in this order: {colours}")
    elif table.unused:
        unused = f"{len(table.unused):,} that no mask holds ({some(map(str, table.unused), 4)})"
        told.append(f"{len(table.classes):,} classes, with {unused}; {root / CLASSES} would name those that there are")
    if void:
        told.append(f"{void:.1%} of the training pixels have no class and count nowhere")
    return told
