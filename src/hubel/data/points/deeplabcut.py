"""DeepLabCut's tables (Mathis et al. 2018): a line a picture, under headers of scorer, bodyparts and coords."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from hubel.base.files import read_text
from hubel.base.numbers import counted
from hubel.data import ImageError
from hubel.data.boxes.annotations import glance
from hubel.data.points.annotations import Annotations, Pairs, Point
from hubel.data.points.rows import Line, gathered, point_of
from hubel.data.sources.layout import Layout
from hubel.data.sources.listing import some
from hubel.data.sources.part_folders import parts_of_files
from hubel.data.sources.pictures import Pictures
from hubel.data.sources.tables.read import read_table

_JOINED = re.compile(
    r"\[([^\[\],]+),([^\[\],]+)\]|^\s*-\s+-\s+(.+)\n\s+-\s+(.+)$", re.MULTILINE
)  # [a, b], in lines or not
_HEADS = ("scorer", "individuals", "bodyparts", "coords")


def files_of(root: Path) -> list[Path]:
    """The tables of that kind that a path is, or that lie in a folder and those below it."""
    if root.is_file():
        return [root] if root.suffix.lower() == ".csv" and _is_one(root) else []
    return [path for path in sorted(root.rglob("*.csv")) if path.is_file() and _is_one(path)] if root.is_dir() else []


def recognises(root: Path) -> bool:
    """Whether there is such a table."""
    return bool(files_of(root)) if root.is_file() else root.is_dir() and any(map(_is_one, glance(root, ".csv")))


def _is_one(path: Path) -> bool:
    with open(path, "rb") as file:
        return file.read(16).lstrip(b"\xef\xbb\xbf\"' ").startswith(b"scorer")


def read(root: Path, layout: Layout) -> Annotations:
    """All tables of a source. Coordinates are counted from the middle of the first pixel; empty ones are unseen."""
    pictures = Pictures(root if root.is_dir() else root.parent, layout)
    parts, notes = parts_of_files(files_of(root), pictures.root, layout)
    names: dict[str, None] = {}
    lines = [line for path, part in parts.items() for line in _lines(path, part, names, notes)]
    found = gathered(pictures, "DeepLabCut's table", tuple(names), lines)
    found.notes[:0] = notes
    found.bones = next((bones for each in _configs(list(parts), pictures.root) if (bones := _bones(each, found))), ())
    return found


def _configs(tables: Sequence[Path], root: Path) -> Iterator[Path]:
    """The projects' settings: config.yaml beside a table, or in a folder above it, within the source."""
    folders = dict.fromkeys(folder for table in tables for folder in table.parents if folder.is_relative_to(root))
    return (path for folder in folders if (path := folder / "config.yaml").is_file())


def _bones(config: Path, found: Annotations) -> Pairs:
    """Which points a project's settings join; those that no table has are told."""
    match = re.search(r"^skeleton[ \t]*:(.*(?:\n(?![A-Za-z_]).*)*)", read_text(config), re.MULTILINE)
    joined = _JOINED.findall(match[1]) if match else []
    names = [tuple(each.strip(" '\"\r") for each in pair if each) for pair in joined]
    places = {name: number for number, name in enumerate(found.points)}
    unknown = dict.fromkeys(name for pair in names for name in pair if name not in places)
    if unknown:
        found.notes.append(f"{config.name} joins points that no table has, which is left out: {some(list(unknown), 3)}")
    return tuple((places[one], places[other]) for one, other in names if {one, other} <= places.keys())


def _lines(path: Path, part: str, names: dict[str, None], notes: list[str]) -> Iterator[Line | ImageError]:
    """A table's lines, an individual each; the names of its points go to `names`, what is to be said to `notes`."""
    rows, told = read_table(path)
    notes += [f"{path.name}: {note}" for note in told]
    heads: dict[str, list[str]] = {}
    for _, row in itertools.takewhile(lambda each: each[1][0] in _HEADS, rows):
        heads[row[0]] = list(row)
    if not {"bodyparts", "coords"} <= heads.keys():
        yield ImageError(str(path), "expected headers of bodyparts and coords, found none")
        return
    columns = _columns(heads)
    if likely := heads["coords"].count("likelihood"):
        notes.append(
            f"{path.name} holds what a network said, not labels; its {counted(likely, 'column')} of likelihood are "
            "passed over"
        )
    names.update(dict.fromkeys(name for own in columns.values() for name in own))
    first = min((at[0] for own in columns.values() for at in own.values()), default=1)
    for number, row in rows[len(heads) :]:
        called = "/".join(filter(None, row[:first]))  # one column, or one a folder
        cells = [*row, *[""] * (len(heads["coords"]) - len(row))]
        for who, own in columns.items():
            try:
                yield Line(path, number, called, who, _points(cells, own, f"{path}:{number}"), part)
            except ImageError as error:  # noqa: PERF203 (each names its own cell)
                yield error


def _columns(heads: Mapping[str, list[str]]) -> dict[str, dict[str, tuple[int, int]]]:
    """Where x and y of each individual's points stand."""
    own = heads.get("individuals", [])
    places: dict[str, dict[str, dict[str, int]]] = {}
    for column, (name, axis) in enumerate(zip(heads["bodyparts"], heads["coords"], strict=False)):
        if axis in ("x", "y"):
            who = own[column] if column < len(own) else ""
            places.setdefault(who, {}).setdefault(name, {})[axis] = column
    return {
        who: {name: (at["x"], at["y"]) for name, at in points.items() if len(at) == 2} for who, points in places.items()
    }


def _points(row: list[str], columns: Mapping[str, tuple[int, int]], place: str) -> dict[str, Point]:
    return {name: point_of(row[x], row[y], f"{place}, {name}") for name, (x, y) in columns.items()}
