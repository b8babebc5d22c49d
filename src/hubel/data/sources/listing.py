"""Which images a source has, before any is decoded: their places, labels and parts."""

from __future__ import annotations

import dataclasses
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from hubel.base.errors import DataError
from hubel.data.decode.image import SUFFIXES, ImageError

PARTS = ("train", "validation", "test")
_PART_NAMES = {
    "train": "train",
    "training": "train",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
    "dev": "validation",
    "test": "test",
    "testing": "test",
}


class Item(Protocol):
    """One image somewhere: a file, a member of an archive, a row of a table."""

    @property
    def name(self) -> str:
        """What to call it in messages: a path, or archive:member."""

    @property
    def place(self) -> tuple[str, str]:
        """The file it lies in, and where in it ("" for the whole file)."""

    def read(self) -> bytes:
        """Its encoded bytes. Raises ImageError where they cannot be had."""


@dataclasses.dataclass(frozen=True)
class FileItem:
    """An image that is a file of its own."""

    path: str

    @property
    def name(self) -> str:
        """The path."""
        return self.path

    @property
    def place(self) -> tuple[str, str]:
        """The whole file."""
        return self.path, ""

    def read(self) -> bytes:
        """The file's bytes."""
        try:
            with open(self.path, "rb") as file:
                return file.read()
        except OSError as error:
            raise ImageError(self.path, f"cannot be opened ({error.strerror or error})") from None


@dataclasses.dataclass(frozen=True)
class Listing:
    """A source's images by part ("train", "validation", "test"), each with its class's index."""

    name: str
    classes: tuple[str, ...]
    parts: Mapping[str, tuple[tuple[Item, int], ...]]

    def __post_init__(self) -> None:
        if not self.parts.get("train"):
            raise DataError(f"{self.name}: expected images to train on, found none")


def natural_key(text: str) -> tuple[tuple[int, int | str], ...]:
    """A sorting key that puts "2" before "10" and does not tell upper case from lower."""
    pieces = re.split(r"([0-9]+)", text)
    return tuple((0, int(p)) if p.isdecimal() and p.isascii() else (1, p.casefold()) for p in pieces if p)


def natural_order(names: Iterable[str]) -> tuple[str, ...]:
    """The different names in natural order."""
    return tuple(sorted(set(names), key=lambda name: (natural_key(name), name)))


def part_of(name: str) -> str | None:
    """Which part a folder, a split or a file name means: "train", "validation", "test", or None."""
    return _PART_NAMES.get(name.casefold())


def make_listing(name: str, found: Sequence[tuple[str, str, Item]]) -> Listing:
    """A listing of (part, class name, item) in any order. Classes are those of all parts together, in natural order,
    so that one which is absent from a part moves no other; items are in natural order of their names.
    """
    classes = natural_order(label for _, label, _ in found)
    index = {label: number for number, label in enumerate(classes)}
    parts: dict[str, tuple[tuple[Item, int], ...]] = {}
    for part in PARTS:
        chosen = [(item, index[label]) for where, label, item in found if where == part]
        if chosen:
            parts[part] = tuple(sorted(chosen, key=lambda pair: (natural_key(pair[0].name), pair[0].name)))
    return Listing(name, classes, parts)


def list_paths(name: str, paths: Iterable[tuple[str, Item]]) -> Listing:
    """A listing of items by their relative paths with forward slashes: [folder/]class/….jpg, or
    [folder/]train/class/….jpg where there are folders for the parts.

    Raises ValueError where the paths have no such layout.
    """
    split = [(path.split("/"), item) for path, item in paths if _is_image_path(path)]
    if not split:
        raise DataError(
            f"{name}: expected images ({', '.join(sorted(SUFFIXES))}) in one folder for each class, found none"
        )
    while len({parts[0] for parts, _ in split}) == 1 and min(len(parts) for parts, _ in split) > 2:
        split = [(parts[1:], item) for parts, item in split]  # a folder around it all
    with_parts = any(part_of(parts[0]) == "train" and len(parts) > 2 for parts, _ in split)
    found: list[tuple[str, str, Item]] = []
    for parts, item in split:
        where = part_of(parts[0]) if with_parts else "train"
        inner = parts[1:] if with_parts else parts
        if where is None:
            continue  # a folder beside train, such as "unlabelled"
        if len(inner) < 2:
            raise DataError(
                f"{name}: expected every image in a folder named after its class, found {item.name} outside one"
            )
        found.append((where, inner[0], item))
    return make_listing(name, found)


def list_folder(folder: Path) -> Listing:
    """The listing of a folder of class folders, with folders for train, validation (val) and test or without."""
    return list_paths(str(folder), sorted(_walk(str(folder), "")))


def _walk(root: str, inside: str) -> Iterable[tuple[str, Item]]:
    with os.scandir(os.path.join(root, inside)) as entries:
        for entry in entries:
            if entry.name.startswith("."):
                continue
            path = f"{inside}/{entry.name}" if inside else entry.name
            if entry.is_dir():
                yield from _walk(root, path)
            else:
                yield path, FileItem(os.path.join(root, path))


def _is_image_path(path: str) -> bool:
    parts = path.split("/")
    hidden = any(part.startswith(".") or part == "__MACOSX" for part in parts)
    return not hidden and os.path.splitext(parts[-1])[1].lower() in SUFFIXES
