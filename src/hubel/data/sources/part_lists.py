"""VOC's lists of the names of each part's pictures: train.txt, val.txt, test.txt, a name a line."""

from __future__ import annotations

import os
import re
from collections.abc import Collection
from pathlib import Path

from hubel.base.files import read_text
from hubel.base.numbers import counted
from hubel.data.decode.image import SUFFIXES
from hubel.data.sources.listing import some
from hubel.data.sources.parts import part_of


def part_lists(folder: Path, known: Collection[str]) -> tuple[dict[str, str], list[str]]:
    """The part of each name that lists in a folder name, and what is to be said of names in two. known: names that
    there are, by which it is told whether "a 1" is one or is "a" with a number, as lists for a class have it.
    """
    parts: dict[str, str] = {}
    twice: dict[str, str] = {}
    for path in sorted(folder.glob("*.txt")) if folder.is_dir() else ():
        part = part_of(path.stem) if path.stem != "trainval" else None
        for line in filter(str.strip, read_text(path).splitlines() if part is not None else ()):
            bare = re.sub(r"\s+[-+]?\d+$", "", line.strip())
            meant = [name for text in (line.strip(), bare, line.split()[0]) for name in _names(text)]
            name = next((each for each in meant if each in known), _names(bare)[-1])
            if part is not None:
                if parts.get(name, part) != part:
                    twice[name] = f"{name} ({parts[name]} and {part})"
                parts[name] = part
    told = f"lists in {folder} name {counted(len(twice), 'picture')} for two parts, of which the last is taken: "
    return parts, [told + some(twice.values())] if twice else []


def _names(text: str) -> list[str]:
    """What a line may mean: itself, what follows its folder, and that without a picture's ending."""
    name = text.replace("\\", "/").rpartition("/")[2]
    stem, ending = os.path.splitext(name)
    return [text, name, *([stem] if ending.lower() in SUFFIXES else [])]
